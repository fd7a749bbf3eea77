//! The credentials of a server, by which each of its requests is signed.

use super::errors::{failure, malformed, no_credentials, words};
use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::azure::{AzureAuthorizer, AzureCredentialProvider};
use object_store::client::{HttpRequest, HttpRequestBody};
use remofile::store::StoreResult;
use reqwest::header::HeaderValue;
use std::time::Duration;

/// The time for which a machine is asked for credentials.
const CREDENTIALS_PATIENCE: Duration = Duration::from_secs(10);

/// The version of Azure's interface that is asked for where nothing is signed: that of the signer.
const AZURE_VERSION: &str = "2023-11-03";

/// The signer of requests.
pub(crate) enum Signer {
    S3 {
        credentials: AwsCredentialProvider,
        region: String,
    },
    Azure {
        credentials: AzureCredentialProvider,
        account: String,
    },
    /// For a bucket that takes requests of anybody.
    NobodyS3,
    NobodyAzure,
}

impl Signer {
    pub(crate) fn is_azure(&self) -> bool {
        matches!(self, Self::Azure { .. } | Self::NobodyAzure)
    }

    /// Signs a request. A token of Azure that is a signature itself becomes part of its address.
    pub(crate) async fn sign(&self, request: &mut HttpRequest) -> StoreResult<()> {
        match self {
            Self::S3 { credentials, region } => {
                let credential = credentials.get_credential().await.map_err(|error| failure(&error))?;
                let authorizer = AwsAuthorizer::new(&credential, "s3", region);
                authorizer.try_authorize(request, None).map_err(|error| failure(&error))
            }
            Self::Azure { credentials, account } => {
                let credential = credentials.get_credential().await.map_err(|error| failure(&error))?;
                AzureAuthorizer::new(&credential, account).try_authorize(request).map_err(|error| failure(&error))
            }
            Self::NobodyS3 => Ok(()),
            Self::NobodyAzure => {
                request.headers_mut().insert("x-ms-version", HeaderValue::from_static(AZURE_VERSION));
                Ok(())
            }
        }
    }

    /// Returns the address by which the service itself may read an object: with the token, if that is a signature.
    pub(crate) async fn readable(&self, address: &str) -> StoreResult<String> {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = address.parse().map_err(|_| malformed())?;
        self.sign(&mut request).await?;
        Ok(request.uri().to_string())
    }

    /// Looks whether there is anything to sign requests with. Where no variable and no file has it, the machine is asked, which
    /// may not know what that means.
    pub(crate) async fn need_credentials(&self) -> StoreResult<()> {
        let asked = async {
            match self {
                Self::S3 { credentials, .. } => credentials.get_credential().await.map(drop),
                Self::Azure { credentials, .. } => credentials.get_credential().await.map(drop),
                Self::NobodyS3 | Self::NobodyAzure => Ok(()),
            }
        };
        match tokio::time::timeout(CREDENTIALS_PATIENCE, asked).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::warn!(error = words(&error), "the machine has no role that gives credentials");
                Err(no_credentials(self.is_azure()))
            }
            Err(_) => Err(no_credentials(self.is_azure())),
        }
    }
}

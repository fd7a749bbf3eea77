//! The account of Azure's storage, from the variables that Azure's own tools and rclone read.

use super::errors::NO_CREDENTIALS;
use crate::options::OpenError;
use crate::signing::Signer;
use crate::variables::{Variables, checked};
use crate::watched::WatchedConnector;
use object_store::ClientOptions;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use std::net::IpAddr;
use std::sync::Arc;

/// The end of the names of the machines that have the accounts, unless a connection string tells another one.
const SUFFIX: &str = "core.windows.net";

/// The account of the program that stands in for the service on a developer's machine, and its key, which everybody knows.
const DEVELOPMENT_ACCOUNT: &str = "devstoreaccount1";
const DEVELOPMENT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const DEVELOPMENT_ENDPOINT: &str = "http://127.0.0.1:10000/devstoreaccount1";

/// An account, and what shows that one may use it.
pub(crate) struct AzureAccount {
    /// Address of its blobs, without a slash at its end.
    pub(crate) endpoint: String,
    name: String,
    builder: MicrosoftAzureBuilder,
    is_signed: bool,
}

/// The values of a connection string, by their names in small letters.
struct ConnectionString(Vec<(String, String)>);

impl AzureAccount {
    /// Reads the variables. An address that is given wins over theirs.
    pub(crate) fn read(endpoint: Option<&str>, variables: Variables<'_>) -> Result<Self, OpenError> {
        let any = |names: &[&str]| names.iter().find_map(|name| variables(name));
        let string = ConnectionString::read(variables("AZURE_STORAGE_CONNECTION_STRING").as_deref())?;
        let own = endpoint.map(str::to_owned).or_else(|| any(&["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"]));
        let own = own.map(|endpoint| checked(&endpoint)).transpose()?;
        let name = any(&["AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME"]).or_else(|| string.get("accountname"));
        let name = name.or_else(|| own.as_deref().and_then(account_in)).or_else(|| string.account());
        let Some(name) = name else {
            return Err(OpenError::new(
                "nothing says which account of Azure's storage has the container: set AZURE_STORAGE_ACCOUNT, or \
                 AZURE_STORAGE_CONNECTION_STRING",
            ));
        };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(OpenError::new(format!(
                "'{name}' is no name of an account of Azure's storage: correct AZURE_STORAGE_ACCOUNT"
            )));
        }
        let endpoint = match own {
            Some(endpoint) => endpoint,
            None => string.endpoint(&name)?,
        };
        let mut builder = MicrosoftAzureBuilder::new().with_account(&name).with_container_name("-");
        for (key, names) in [
            (
                AzureConfigKey::AccessKey,
                &["AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY"][..],
            ),
            (AzureConfigKey::SasKey, &["AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY"]),
            (AzureConfigKey::Token, &["AZURE_STORAGE_TOKEN"]),
            (AzureConfigKey::ClientId, &["AZURE_CLIENT_ID", "AZURE_STORAGE_CLIENT_ID"]),
            (AzureConfigKey::ClientSecret, &["AZURE_CLIENT_SECRET", "AZURE_STORAGE_CLIENT_SECRET"]),
            (AzureConfigKey::AuthorityId, &["AZURE_TENANT_ID", "AZURE_STORAGE_TENANT_ID"]),
            (AzureConfigKey::AuthorityHost, &["AZURE_AUTHORITY_HOST"]),
            (AzureConfigKey::FederatedTokenFile, &["AZURE_FEDERATED_TOKEN_FILE"]),
            (AzureConfigKey::MsiEndpoint, &["IDENTITY_ENDPOINT", "AZURE_MSI_ENDPOINT"]),
            (AzureConfigKey::UseAzureCli, &["AZURE_USE_AZURE_CLI"]),
            (AzureConfigKey::SkipSignature, &["AZURE_SKIP_SIGNATURE"]),
        ] {
            if let Some(value) = any(names) {
                builder = builder.with_config(key, value);
            }
        }
        if !has_credentials(&builder) {
            for (key, name) in
                [(AzureConfigKey::AccessKey, "accountkey"), (AzureConfigKey::SasKey, "sharedaccesssignature")]
            {
                if let Some(value) = string.get(name) {
                    builder = builder.with_config(key, value);
                }
            }
        }
        let is_signed = !is(&builder, AzureConfigKey::SkipSignature);
        // Only Azure's machines may have a role that gives some.
        if is_signed && !has_credentials(&builder) && !endpoint.contains(".windows.net") {
            return Err(OpenError::new(NO_CREDENTIALS));
        }
        if is_signed && sends_token(&builder) && is_in_clear(&endpoint) {
            return Err(OpenError::new(format!(
                "everybody on the way to {endpoint} could read the token that opens the account: name an address that begins with https://"
            )));
        }
        Ok(Self { endpoint, name, builder, is_signed })
    }

    /// Returns what signs its requests.
    pub(crate) fn signer(&self, connector: &WatchedConnector, connection: &ClientOptions) -> Result<Signer, OpenError> {
        if !self.is_signed {
            return Ok(Signer::NobodyAzure);
        }
        let builder = self.builder.clone().with_endpoint(self.endpoint.clone()).with_http_connector(connector.clone());
        let store = builder.with_client_options(connection.clone()).build().map_err(|error| {
            OpenError::new(format!(
                "the key or token of the account '{}' cannot be used: copy it again ({error})",
                self.name
            ))
        })?;
        Ok(Signer::Azure { credentials: Arc::clone(store.credentials()), account: self.name.clone() })
    }
}

fn is(builder: &MicrosoftAzureBuilder, key: AzureConfigKey) -> bool {
    builder.get_config_value(&key).is_some_and(|value| value == "true" || value == "1")
}

/// Reports whether there is anything to sign requests with, or to ask others for it.
fn has_credentials(builder: &MicrosoftAzureBuilder) -> bool {
    let has = |key: AzureConfigKey| builder.get_config_value(&key).is_some_and(|value| !value.is_empty());
    has(AzureConfigKey::AccessKey)
        || has(AzureConfigKey::SasKey)
        || has(AzureConfigKey::Token)
        || has(AzureConfigKey::ClientSecret)
        || has(AzureConfigKey::FederatedTokenFile)
        || has(AzureConfigKey::MsiEndpoint)
        || is(builder, AzureConfigKey::UseAzureCli)
}

/// Reports whether requests have a token in them, and not only a signature that a key has made.
fn sends_token(builder: &MicrosoftAzureBuilder) -> bool {
    let has = |key: AzureConfigKey| builder.get_config_value(&key).is_some_and(|value| !value.is_empty());
    has(AzureConfigKey::Token) || !has(AzureConfigKey::AccessKey)
}

/// Reports whether requests to an address leave the machine without encryption.
fn is_in_clear(endpoint: &str) -> bool {
    let Some(rest) = endpoint.strip_prefix("http://") else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or(rest);
    let host = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(host, |(host, _)| host);
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    !(host == "localhost" || address.is_ok_and(|address| address.is_loopback()))
}

/// Returns the account that an address names: by its machine, or where that has none by the path behind it.
fn account_in(endpoint: &str) -> Option<String> {
    let (_, rest) = endpoint.trim_end_matches('/').split_once("://")?;
    match rest.split_once('/') {
        Some((_, path)) => path.split('/').next_back().map(str::to_owned),
        None => {
            let (name, domain) = rest.split_once('.')?;
            domain.starts_with("blob.").then(|| name.to_owned())
        }
    }
}

impl ConnectionString {
    fn read(text: Option<&str>) -> Result<Self, OpenError> {
        let mut values = Vec::new();
        for pair in text.unwrap_or_default().split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                // Not what it is: it may be a part of a key.
                return Err(OpenError::new(
                    "AZURE_STORAGE_CONNECTION_STRING is no list of NAME=VALUE with semicolons in between: copy it again",
                ));
            };
            values.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        let string = Self(values);
        if string.get("usedevelopmentstorage").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            return Ok(Self(vec![
                of("accountname", DEVELOPMENT_ACCOUNT),
                of("accountkey", DEVELOPMENT_KEY),
                of("blobendpoint", DEVELOPMENT_ENDPOINT),
            ]));
        }
        Ok(string)
    }

    fn get(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(key, value)| key == name && !value.is_empty())?;
        Some(value.clone())
    }

    fn account(&self) -> Option<String> {
        self.get("blobendpoint").as_deref().and_then(account_in)
    }

    fn endpoint(&self, account: &str) -> Result<String, OpenError> {
        match self.get("blobendpoint") {
            Some(endpoint) => checked(&endpoint),
            None => {
                let protocol = self.get("defaultendpointsprotocol").unwrap_or_else(|| "https".to_owned());
                let suffix = self.get("endpointsuffix").unwrap_or_else(|| SUFFIX.to_owned());
                checked(&format!("{protocol}://{account}.blob.{suffix}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(endpoint: Option<&str>, pairs: &[(&str, &str)]) -> Result<AzureAccount, OpenError> {
        AzureAccount::read(endpoint, &|name: &str| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_account_comes_from_variables_or_a_connection_string() {
        let of = |endpoint: Option<&str>, pairs: &[(&str, &str)]| {
            let account = read(endpoint, pairs).unwrap();
            let key = |key| account.builder.get_config_value(&key).unwrap_or_default();
            [
                account.name.clone(),
                account.endpoint.clone(),
                key(AzureConfigKey::AccessKey),
                key(AzureConfigKey::SasKey),
            ]
        };
        let variables = [("AZURE_STORAGE_ACCOUNT", "one"), ("AZURE_STORAGE_KEY", "a2V5")];
        assert_eq!(of(None, &variables), ["one", "https://one.blob.core.windows.net", "a2V5", ""]);
        let here = Some("http://127.0.0.1:9/devstoreaccount1/");
        let sas = [("AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=x")];
        assert_eq!(of(here, &sas), ["devstoreaccount1", "http://127.0.0.1:9/devstoreaccount1", "", "?sv=1&sig=x"]);
        let string =
            "DefaultEndpointsProtocol=https;AccountName=two;AccountKey=a2V5Mg==;EndpointSuffix=core.chinacloudapi.cn";
        let string = [("AZURE_STORAGE_CONNECTION_STRING", string)];
        assert_eq!(of(None, &string), ["two", "https://two.blob.core.chinacloudapi.cn", "a2V5Mg==", ""]);
        let sas = "BlobEndpoint=https://three.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=y%3D";
        let sas = [("AZURE_STORAGE_CONNECTION_STRING", sas)];
        assert_eq!(of(None, &sas), ["three", "https://three.blob.core.windows.net", "", "sv=1&sig=y%3D"]);
        let development = [("AZURE_STORAGE_CONNECTION_STRING", "UseDevelopmentStorage=true")];
        assert_eq!(of(None, &development)[..2], [DEVELOPMENT_ACCOUNT, DEVELOPMENT_ENDPOINT]);
        assert_eq!(of(Some("http://[::1]:9/devstoreaccount1"), &development)[2], DEVELOPMENT_KEY);
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_without_a_secret() {
        let told = |endpoint: Option<&str>, pairs: &[(&str, &str)]| {
            read(endpoint, pairs).err().map(|error| error.to_string()).unwrap_or_default()
        };
        let key = ("AZURE_STORAGE_KEY", "c2VjcmV0");
        for (endpoint, pairs, what) in [
            (None, &[key][..], "set AZURE_STORAGE_ACCOUNT"),
            (None, &[("AZURE_STORAGE_ACCOUNT", "a/b"), key], "correct AZURE_STORAGE_ACCOUNT"),
            (Some("http://localhost:9/acc"), &[], "AZURE_STORAGE_KEY"),
            (Some("localhost:9"), &[key], "correct '--endpoint'"),
            (None, &[("AZURE_STORAGE_CONNECTION_STRING", "c2VjcmV0")], "copy it again"),
        ] {
            let said = told(endpoint, pairs);
            assert!(said.contains(what) && !said.contains("c2VjcmV0"), "{said}");
        }
        let sas = ("AZURE_STORAGE_SAS_TOKEN", "sig=c2VjcmV0");
        for endpoint in
            ["http://10.0.0.1:9/acc", "http://acc.blob.example", "http://[fe80::1]/acc", "http://127.0.0.1.example/acc"]
        {
            let said = told(Some(endpoint), &[sas]);
            assert!(said.contains("https://") && !said.contains("c2VjcmV0"), "{said}");
            assert_eq!(told(Some(endpoint), &[key, ("AZURE_STORAGE_ACCOUNT", "acc")]), "", "a key only signs");
        }
        for endpoint in ["http://127.0.0.1:9/acc", "http://[::1]:9/acc", "http://localhost/acc", "https://10.0.0.1/acc"]
        {
            assert_eq!(told(Some(endpoint), &[sas]), "", "{endpoint}");
        }
        // A machine of Azure's may have a role, and some containers take requests of anybody.
        assert_eq!(told(None, &[("AZURE_STORAGE_ACCOUNT", "one")]), "");
        let anybody = [("AZURE_SKIP_SIGNATURE", "true")];
        assert_eq!(told(Some("http://localhost:9/acc"), &anybody), "");
    }
}

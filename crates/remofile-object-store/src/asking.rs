//! Requests that the crate of object stores does not have, signed with its signer and sent with its HTTP client.

use super::client::Client;
use super::errors::{failure, is_ordinary, is_passing, no_credentials, refused, service_code, silent, words};
use super::options::{FIRST_PAUSE, LONGEST_PAUSE};
use bytes::Bytes;
use object_store::aws::AwsAuthorizer;
use object_store::client::{HttpRequest, HttpRequestBody};
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::store::StoreResult;
use std::time::{Duration, Instant};

/// The names and values behind the question mark of an address.
pub(crate) type Query = Vec<(&'static str, String)>;

/// The time for which a machine is asked for credentials.
const CREDENTIALS_PATIENCE: Duration = Duration::from_secs(10);

/// The failure of a request that was made once.
enum Unanswered {
    /// There was no answer: another attempt may have one.
    Silent(String),
    /// Another attempt may be answered otherwise. With the words to be logged.
    Passing(Failure, String),
    Final(Failure, String),
}

impl Client {
    /// Makes a request that the crate of object stores does not have, as often as it takes within the patience of the
    /// store. It has to be one that may be made twice.
    pub(crate) async fn ask(
        &self,
        method: &str,
        key: Option<&str>,
        query: Query,
        headers: &[(String, String)],
    ) -> StoreResult<Bytes> {
        let mut address = self.bucket_url.clone();
        if let Some(key) = key {
            address.push('/');
            encode(key, true, &mut address);
        }
        for (number, (name, value)) in query.iter().enumerate() {
            address.push(if number == 0 { '?' } else { '&' });
            address.push_str(name);
            address.push('=');
            encode(value, false, &mut address);
        }
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let unanswered = match self.ask_once(method, &address, headers).await {
                Ok(body) => return Ok(body),
                Err(unanswered) => unanswered,
            };
            let patience = self.patience();
            let is_over = begun.elapsed() + pause >= patience;
            match unanswered {
                Unanswered::Final(failure, said) => return Err(self.refused(failure, &said)),
                Unanswered::Passing(failure, said) if is_over => return Err(self.refused(failure, &said)),
                Unanswered::Passing(_, error) => tracing::debug!(error, "the object store is asked again"),
                Unanswered::Silent(error) => {
                    self.answers.note_trouble(&self.bucket_url, error, patience);
                    if is_over {
                        return Err(silent());
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Returns the time for which a request is repeated: short while nothing shows that a service is there.
    fn patience(&self) -> Duration {
        let whole = self.options.patience;
        if self.answers.has_answered() { whole } else { self.options.first_patience.min(whole) }
    }

    fn refused(&self, failure: Failure, error: &str) -> Failure {
        if !is_ordinary(&failure) {
            tracing::warn!(address = self.bucket_url, error, "the object store refused a request");
        }
        failure
    }

    async fn ask_once(&self, method: &str, address: &str, headers: &[(String, String)]) -> Result<Bytes, Unanswered> {
        let request = self.request(method, address, headers).await;
        let request = request.map_err(|failure| Unanswered::Final(failure, String::new()))?;
        let is_copy = headers.iter().any(|(name, _)| name == "x-amz-copy-source");
        let http = if is_copy { &self.content_http } else { &self.http };
        let answer = http.execute(request).await.map_err(|error| Unanswered::Silent(words(&error)))?;
        self.answers.note_clock(answer.headers().get("date").and_then(|date| date.to_str().ok()));
        let status = answer.status().as_u16();
        let body = answer.into_body().bytes().await.map_err(|error| Unanswered::Silent(words(&error)))?;
        // Also the error of a service that is busy, or has lost some of its nodes, has a code that no other program gives.
        let is_of_service =
            !is_passing(status) || service_code(&String::from_utf8_lossy(&body)).is_some_and(|code| !code.is_empty());
        self.answers.note_answer(&self.bucket_url, is_of_service);
        // A copy may fail behind the status that it began with.
        let is_error = (200..=299).contains(&status) && body.windows(6).take(512).any(|bytes| bytes == b"<Error");
        let (failure, said) = match status {
            200..=299 if !is_error => return Ok(body),
            status => refused(if is_error { 500 } else { status }, &body),
        };
        match is_passing(status) || is_error {
            true => Err(Unanswered::Passing(failure, said)),
            false => Err(Unanswered::Final(failure, said)),
        }
    }

    async fn request(&self, method: &str, address: &str, headers: &[(String, String)]) -> StoreResult<HttpRequest> {
        let malformed = || Failure::new(ErrorCode::BadRequest).because("the object store cannot be asked for that");
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = method.parse().map_err(|_| malformed())?;
        *request.uri_mut() = address.parse().map_err(|_| malformed())?;
        for (name, value) in headers {
            let (name, value) = (name.parse::<HeaderName>(), value.parse());
            let (Ok(name), Ok(value)) = (name, value) else { return Err(malformed()) };
            request.headers_mut().insert(name, value);
        }
        if method == "PUT" {
            request.headers_mut().insert("content-length", 0.into());
        }
        if self.is_signed {
            let credential = self.s3.credentials().get_credential().await.map_err(|error| failure(&error))?;
            let authorizer = AwsAuthorizer::new(&credential, "s3", &self.region);
            authorizer.try_authorize(&mut request, None).map_err(|error| failure(&error))?;
        }
        Ok(request)
    }

    /// Looks whether there is anything to sign requests with. Where no variable and no file has it, the machine is asked, which
    /// may not know what that means.
    pub(crate) async fn need_credentials(&self) -> StoreResult<()> {
        if !self.is_signed {
            return Ok(());
        }
        let found = tokio::time::timeout(CREDENTIALS_PATIENCE, self.s3.credentials().get_credential()).await;
        match found {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                tracing::warn!(error = words(&error), "the machine has no role that gives credentials");
                Err(no_credentials())
            }
            Err(_) => Err(no_credentials()),
        }
    }
}

type HeaderName = reqwest::header::HeaderName;

/// Writes a text as it is in addresses that are signed.
pub(crate) fn encode(text: &str, keeps_slashes: bool, address: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => address.push(byte.into()),
            b'/' if keeps_slashes => address.push('/'),
            byte => address.push_str(&format!("%{byte:02X}")),
        }
    }
}

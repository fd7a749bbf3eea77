//! Requests that the crate of object stores does not have, signed with its signers and sent with its HTTP client.

use super::answers::Answers;
use super::errors::{is_ordinary, is_passing, is_passing_code, malformed, refused, service_code, silent, words, wrong};
use super::options::{FIRST_PAUSE, LONGEST_PAUSE};
use super::signing::Signer;
use bytes::Bytes;
use object_store::client::{HttpClient, HttpErrorKind, HttpRequest, HttpRequestBody};
use remofile::protocol::wire::Failure;
use remofile::store::StoreResult;
use reqwest::header::{HeaderMap, HeaderName};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The names and values behind the question mark of an address.
pub(crate) type Query = Vec<(&'static str, String)>;

/// The names and values of headers.
pub(crate) type Headers = Vec<(String, String)>;

/// The header in which Azure has the code of an error, also where an answer has no body.
const AZURE_CODE: &str = "x-ms-error-code";

/// The way to a service.
pub(crate) struct Requests {
    pub(crate) http: HttpClient,
    /// For requests that carry content, or have the service copy it: it is waited for longer until they are answered.
    pub(crate) content_http: HttpClient,
    /// Address of the bucket, without a slash at its end.
    pub(crate) address: String,
    pub(crate) signer: Signer,
    pub(crate) answers: Arc<Answers>,
    /// The time for which a request is repeated, and that while nothing shows that a service is there.
    pub(crate) patience: Duration,
    pub(crate) first_patience: Duration,
}

/// A request.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'static str,
    /// The object that it is about; `None` for the bucket.
    pub(crate) key: Option<&'a str>,
    pub(crate) query: Query,
    pub(crate) headers: Headers,
    pub(crate) content: Bytes,
    /// The longest body that a successful answer may have, in bytes.
    pub(crate) most: u64,
    /// True if it may be made again though nobody knows whether it was heeded.
    pub(crate) is_repeatable: bool,
    /// True if content is on its way, or copied by the service.
    pub(crate) is_slow: bool,
    /// True if nothing is amiss where it is refused.
    pub(crate) is_optional: bool,
}

/// A successful answer.
pub(crate) struct Answered {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The failure of a request that was made once.
enum Unanswered {
    /// There was no answer: another attempt may have one. True if the request was not sent, or hardly.
    Silent(String, bool),
    /// Another attempt may be answered otherwise. With the words to be logged.
    Passing(Failure, String),
    Final(Failure, String),
}

impl<'a> Ask<'a> {
    /// A request that may be made twice.
    pub(crate) fn new(method: &'static str, key: Option<&'a str>, query: Query) -> Self {
        let (headers, content) = (Headers::new(), Bytes::new());
        Self {
            method,
            key,
            query,
            headers,
            content,
            most: u64::MAX,
            is_repeatable: true,
            is_slow: false,
            is_optional: false,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl Requests {
    /// Returns the address of an object.
    pub(crate) fn address_of(&self, key: &str) -> String {
        let mut address = format!("{}/", self.address);
        encode(key, true, &mut address);
        address
    }

    /// Makes a request as often as it takes within the patience of the store.
    pub(crate) async fn make(&self, ask: Ask<'_>) -> StoreResult<Answered> {
        let mut address = ask.key.map_or_else(|| self.address.clone(), |key| self.address_of(key));
        for (number, (name, value)) in ask.query.iter().enumerate() {
            address.push(if number == 0 { '?' } else { '&' });
            address.push_str(name);
            address.push('=');
            encode(value, false, &mut address);
        }
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let unanswered = match self.make_once(&ask, &address).await {
                Ok(answered) => return Ok(answered),
                Err(unanswered) => unanswered,
            };
            let patience = self.patience();
            let is_over = begun.elapsed() + pause >= patience;
            match unanswered {
                Unanswered::Final(failure, said) => return Err(self.refused(&ask, failure, &said)),
                Unanswered::Passing(failure, said) if is_over => return Err(self.refused(&ask, failure, &said)),
                Unanswered::Passing(_, error) => tracing::debug!(error, "the object store is asked again"),
                Unanswered::Silent(error, is_unsent) => {
                    self.answers.note_trouble(&self.address, error, patience);
                    if is_over || !(is_unsent || ask.is_repeatable) {
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
        if self.answers.has_answered() { self.patience } else { self.first_patience.min(self.patience) }
    }

    fn refused(&self, ask: &Ask<'_>, failure: Failure, error: &str) -> Failure {
        if !is_ordinary(&failure) && !ask.is_optional {
            tracing::warn!(address = self.address, error, "the object store refused a request");
        }
        failure
    }

    async fn make_once(&self, ask: &Ask<'_>, address: &str) -> Result<Answered, Unanswered> {
        let request = self.request(ask, address).await;
        let request = request.map_err(|failure| Unanswered::Final(failure, String::new()))?;
        let http = if ask.is_slow { &self.content_http } else { &self.http };
        let answer = http.execute(request).await.map_err(|error| {
            // A connection that the service closed while it was idle is told as the latter.
            let is_unsent = matches!(error.kind(), HttpErrorKind::Connect | HttpErrorKind::Request);
            Unanswered::Silent(words(&error), is_unsent)
        })?;
        let headers = answer.headers().clone();
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        self.answers.note_clock(header("date"));
        let status = answer.status().as_u16();
        let is_success = (200..=299).contains(&status);
        let length = header("content-length").and_then(|length| length.parse::<u64>().ok());
        if is_success && ask.method != "HEAD" && length.is_some_and(|length| length > ask.most) {
            return Err(Unanswered::Final(wrong("more bytes than were asked for"), String::new()));
        }
        let body = answer.into_body().bytes().await.map_err(|error| Unanswered::Silent(words(&error), false))?;
        // A copy may fail behind the status that it began with. Azure's do not, and what it answers may be anybody's content.
        let is_error =
            is_success && !self.signer.is_azure() && body.windows(6).take(512).any(|bytes| bytes == b"<Error");
        let said = match is_success && !is_error {
            true => String::new(),
            false => String::from_utf8_lossy(body.get(..body.len().min(4096)).unwrap_or_default()).into_owned(),
        };
        let code = service_code(&said).filter(|code| !code.is_empty()).or_else(|| header(AZURE_CODE));
        // Also the error of a service that is busy, or has lost some of its nodes, has a code that no other program gives.
        self.answers.note_answer(&self.address, !is_passing(status) || code.is_some());
        if is_success && !is_error {
            return Ok(Answered { headers, body });
        }
        let is_passing = is_passing(status) || is_error || code.is_some_and(is_passing_code);
        let (failure, said) = refused(if is_error { 500 } else { status }, &said, code);
        match is_passing {
            true => Err(Unanswered::Passing(failure, said)),
            false => Err(Unanswered::Final(failure, said)),
        }
    }

    async fn request(&self, ask: &Ask<'_>, address: &str) -> StoreResult<HttpRequest> {
        let mut request = HttpRequest::new(HttpRequestBody::from(ask.content.clone()));
        *request.method_mut() = ask.method.parse().map_err(|_| malformed())?;
        *request.uri_mut() = address.parse().map_err(|_| malformed())?;
        for (name, value) in &ask.headers {
            let (name, value) = (name.parse::<HeaderName>(), value.parse());
            let (Ok(name), Ok(value)) = (name, value) else { return Err(malformed()) };
            request.headers_mut().insert(name, value);
        }
        if ask.method == "PUT" {
            request.headers_mut().insert("content-length", ask.content.len().into());
        }
        self.signer.sign(&mut request).await?;
        Ok(request)
    }
}

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

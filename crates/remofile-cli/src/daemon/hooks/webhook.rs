//! An address that is called for a stored file, with the line of the audit log.

use super::attempts::AttemptFailed;
use super::job::Job;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Uri;

/// Bytes of an answer that are read.
const MOST_ANSWER_BYTES: u64 = 64 * 1024;

/// Time for what follows the status of an answer, of which nothing is wanted.
const REST_OF_ANSWER: Duration = Duration::from_secs(1);

/// Checks an address that is to be called.
///
/// # Errors
/// The reason for which it cannot be one.
pub(crate) fn address(text: &str) -> Result<String, String> {
    let uri: Uri = text.parse().map_err(|error| format!("it is no address: {error}"))?;
    if uri.host().is_none_or(str::is_empty) {
        return Err("it is an address such as http://HOST:PORT/PATH".to_owned());
    }
    if has_wrong_port(&uri) {
        return Err("its port is none: 1 to 65535".to_owned());
    }
    match uri.scheme_str() {
        Some("http") => Ok(text.to_owned()),
        Some("https") if cfg!(feature = "https") => Ok(text.to_owned()),
        Some("https") => Err("this program was built without https".to_owned()),
        _ => Err("it begins with http:// or https://".to_owned()),
    }
}

/// Reports whether something other than a port is behind the host. Such an address would be called at the port of its scheme, where
/// something else may listen.
fn has_wrong_port(uri: &Uri) -> bool {
    let place = uri.authority().map_or("", |authority| authority.as_str());
    let host_and_port = place.rsplit('@').next().unwrap_or(place);
    let port = host_and_port.strip_prefix(uri.host().unwrap_or_default()).and_then(|rest| rest.strip_prefix(':'));
    port.is_some_and(|port| !port.parse().is_ok_and(|port: u16| port > 0))
}

/// Makes a client for HTTP that waits so long for an answer. What it needs of the machine to call https addresses it reads now.
pub(crate) fn agent(timeout: Duration, is_encrypted: bool) -> Agent {
    let config = Agent::config_builder();
    #[cfg(feature = "https")]
    let config = if is_encrypted { config.tls_config(super::tls::config()) } else { config };
    #[cfg(not(feature = "https"))]
    let _refused_before = is_encrypted;
    config
        .timeout_global(Some(timeout))
        .timeout_recv_body(Some(REST_OF_ANSWER))
        .http_status_as_error(false)
        // A body is not sent to where the address does not lead.
        .max_redirects(0)
        .user_agent(concat!("remofile/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// The way to call one address. Its connection is used again.
pub(super) struct Caller {
    agent: Agent,
    address: String,
}

impl Caller {
    pub(super) fn new(address: &str, timeout: Duration) -> Self {
        Self { agent: agent(timeout, address.starts_with("https:")), address: address.to_owned() }
    }

    /// Calls once, and waits for the answer.
    pub(super) fn call(&self, job: &Job) -> Result<(), AttemptFailed> {
        let request =
            self.agent.post(&self.address).content_type("application/json").header("X-Remofile-Event", "store");
        // The address itself, which may have a secret in it, is in none of these texts.
        let mut answer = request
            .send(&job.record)
            .map_err(|error| AttemptFailed { why: error.to_string(), may_be_tried_again: true })?;
        let status = answer.status();
        // Read to its end the connection can be used again. An answer that does not end is one all the same.
        let _unread = answer.body_mut().with_config().limit(MOST_ANSWER_BYTES).read_to_vec();
        if status.is_success() {
            return Ok(());
        }
        let is_passing = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
        Err(AttemptFailed { why: format!("the answer is {status}"), may_be_tried_again: is_passing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        for text in
            ["http://127.0.0.1:8080/hook?x=1", "http://name:word@[::1]:65535/", "http://host", "http://[::1]/x:0"]
        {
            assert!(address(text).is_ok(), "{text}");
        }
        for (text, why) in [
            ("127.0.0.1:8080", "http://"),
            ("ftp://host/", "begins with http://"),
            ("http://", "no address"),
            ("/hook", "http://HOST"),
            ("http://a b/", "no address"),
            ("http://127.0.0.1:99999/", "port"),
            ("http://name:word@[::1]:65536", "port"),
            ("http://host:0/", "port"),
            ("http://host:/", "port"),
        ] {
            let told = address(text).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}

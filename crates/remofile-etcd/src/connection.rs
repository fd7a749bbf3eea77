//! Calls of the members of a cluster: the one that answered last, and the others if it does not.

use crate::address::EtcdAddress;
use crate::wire::{AuthAnswer, Refusal, Request, WipedBytes, authenticate, nonsense};
use remofile::server::coordination::{CoordinatorError, CoordinatorResult};
use serde::de::DeserializeOwned;
use std::fmt;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body};
use zeroize::Zeroizing;

/// Time for one call of one member.
const WITHIN: Duration = Duration::from_millis(1500);

/// Time after which a watch that says nothing is begun anew: its member may be gone without a word.
const SILENT: Duration = Duration::from_secs(20);

/// Bytes of an answer at most.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// The codes of what is not done.
mod code {
    pub(super) const INVALID: i32 = 3;
    pub(super) const NOT_FOUND: i32 = 5;
    pub(super) const DENIED: i32 = 7;
    pub(super) const UNAUTHENTICATED: i32 = 16;
}

/// The way to be let in.
#[derive(Clone)]
pub struct Credentials {
    /// The name of a user of etcd.
    pub user: String,
    /// Its password.
    pub password: Zeroizing<String>,
}

/// Options of connections to a cluster.
#[derive(Clone, Default)]
pub struct EtcdOptions {
    /// The user, if etcd asks for one.
    pub credentials: Option<Credentials>,
    /// The certificates that are trusted, as PEM.
    pub authorities: Vec<u8>,
    /// The certificate of this side and its key, as PEM, if etcd asks for one.
    pub certificate: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
}

pub(crate) struct Connection {
    agent: Agent,
    streaming: Agent,
    members: Vec<String>,
    current: AtomicUsize,
    credentials: Option<Credentials>,
    /// The result of the last authentication.
    token: Mutex<Option<Zeroizing<String>>>,
}

impl Connection {
    pub(crate) fn new(address: &EtcdAddress, options: EtcdOptions) -> Result<Self, String> {
        let scheme = if address.is_encrypted() { "https" } else { "http" };
        let config = || {
            Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .timeout_connect(Some(WITHIN))
                // That of the web has nothing to do with it, and is to see no password.
                .proxy(None)
                .user_agent(concat!("remofile/", env!("CARGO_PKG_VERSION")))
        };
        let (once, streaming) = (config().timeout_global(Some(WITHIN)), config().timeout_recv_response(Some(WITHIN)));
        let streaming = streaming.timeout_per_read(Some(SILENT));
        #[cfg(feature = "tls")]
        let (once, streaming) = match address.is_encrypted() {
            true => {
                let tls = tls_config(&options)?;
                (once.tls_config(tls.clone()), streaming.tls_config(tls))
            }
            false => (once, streaming),
        };
        #[cfg(not(feature = "tls"))]
        if address.is_encrypted() {
            return Err("this program was built without TLS".to_owned());
        }
        Ok(Self {
            agent: once.build().into(),
            streaming: streaming.build().into(),
            members: address.members().iter().map(|member| format!("{scheme}://{member}")).collect(),
            current: AtomicUsize::new(0),
            credentials: options.credentials,
            token: Mutex::new(None),
        })
    }

    /// Calls a member, and reads the answer.
    pub(crate) fn call<T: DeserializeOwned>(&self, method: &str, request: &Request) -> CoordinatorResult<T> {
        let mut response = self.at_some_member(&self.agent, method, request)?;
        let text = self.text(&mut response)?;
        serde_json::from_slice(&text).map_err(|_| nonsense())
    }

    /// Calls a member whose answer goes on.
    pub(crate) fn stream(&self, method: &str, request: &Request) -> CoordinatorResult<Box<dyn Read + Send>> {
        let response = self.at_some_member(&self.streaming, method, request)?;
        Ok(Box::new(response.into_body().into_reader()))
    }

    fn at_some_member(&self, agent: &Agent, method: &str, request: &Request) -> CoordinatorResult<Response<Body>> {
        let mut last = CoordinatorError::Unreachable("it has no members".to_owned());
        for _ in &self.members {
            match self.authenticated(agent, method, request) {
                Err(error @ CoordinatorError::Unreachable(_)) => last = error,
                other => return other,
            }
            // Calls at the same time may pass over one: it has its turn later.
            self.current.fetch_add(1, Ordering::Relaxed);
        }
        Err(last)
    }

    fn authenticated(&self, agent: &Agent, method: &str, request: &Request) -> CoordinatorResult<Response<Body>> {
        let (body, known) = (request.text(), self.token().clone());
        match (self.send(agent, method, &body, known.as_ref()), &self.credentials) {
            (Err(Failed::Unauthenticated(_)), Some(credentials)) => {
                let token = self.authenticate(credentials)?;
                let again = self.send(agent, method, &body, Some(&token));
                *self.token() = Some(token);
                again.map_err(Failed::error)
            }
            (Err(Failed::Unauthenticated(why)), None) => {
                Err(CoordinatorError::Denied(format!("etcd refuses: {why} (set ETCDCTL_USER to USER:PASSWORD)")))
            }
            (Err(Failed::Other(error @ CoordinatorError::Unreachable(_))), _) => {
                // An etcd that has lost everything does not answer to a token of before, as it waits to hear of that.
                *self.token() = None;
                Err(error)
            }
            (called, _) => called.map_err(Failed::error),
        }
    }

    /// Shows the credentials, without the token of before: with one that etcd has forgotten it lets nobody in.
    fn authenticate(&self, credentials: &Credentials) -> CoordinatorResult<Zeroizing<String>> {
        *self.token() = None;
        let body = authenticate(&credentials.user, &credentials.password).text();
        let mut response = self.send(&self.agent, "auth/authenticate", &body, None).map_err(Failed::error)?;
        let text = self.text(&mut response)?;
        let answer: AuthAnswer = serde_json::from_slice(&text).map_err(|_| nonsense())?;
        Ok(answer.token())
    }

    fn send(
        &self,
        agent: &Agent,
        method: &str,
        body: &[u8],
        token: Option<&Zeroizing<String>>,
    ) -> Result<Response<Body>, Failed> {
        let unreachable = |why: String| Failed::Other(CoordinatorError::Unreachable(why));
        let member = &self.members[self.current.load(Ordering::Relaxed) % self.members.len()];
        let mut request = agent.post(format!("{member}/v3/{method}")).content_type("application/json");
        if let Some(token) = token {
            request = request.header("Authorization", token.as_str());
        }
        let mut response = request.send(body).map_err(|error| unreachable(format!("{member}: {}", said(&error))))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = response.body_mut().read_to_vec().unwrap_or_default();
        // Some members write something behind the text.
        let refusal = serde_json::Deserializer::from_slice(&text).into_iter::<Refusal>().next();
        let Some(Ok(Refusal { error, code })) = refusal else {
            return Err(unreachable(format!("{member}: the answer is {status}")));
        };
        Err(match code {
            code::NOT_FOUND if error.contains("lease") => Failed::Other(CoordinatorError::TermOver),
            code::UNAUTHENTICATED => Failed::Unauthenticated(error),
            code::INVALID
                if error.contains("user name is empty") || error.contains("revision of auth store is old") =>
            {
                Failed::Unauthenticated(error)
            }
            code::INVALID | code::DENIED => Failed::Other(CoordinatorError::Denied(format!("etcd refuses: {error}"))),
            _ => unreachable(format!("{member}: {error}")),
        })
    }

    /// Reads all of an answer, which may have secrets in it.
    fn text(&self, response: &mut Response<Body>) -> CoordinatorResult<Zeroizing<Vec<u8>>> {
        let mut text = WipedBytes::default();
        let mut reader = response.body_mut().with_config().limit(MOST_BYTES).reader();
        std::io::copy(&mut reader, &mut text).map_err(|error| self.gone(&error))?;
        Ok(text.0)
    }

    fn gone(&self, error: &std::io::Error) -> CoordinatorError {
        self.current.fetch_add(1, Ordering::Relaxed);
        CoordinatorError::Unreachable(error.to_string())
    }

    fn token(&self) -> std::sync::MutexGuard<'_, Option<Zeroizing<String>>> {
        // It is replaced as a whole.
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says what became of a call, for people.
fn said(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => format!("no answer within {} s", WITHIN.as_secs_f64()),
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

enum Failed {
    /// The identity of who asks is not known, or not any more.
    Unauthenticated(String),
    Other(CoordinatorError),
}

impl Failed {
    fn error(self) -> CoordinatorError {
        match self {
            Self::Unauthenticated(why) => CoordinatorError::Denied(format!("etcd refuses: {why}")),
            Self::Other(error) => error,
        }
    }
}

#[cfg(feature = "tls")]
fn tls_config(options: &EtcdOptions) -> Result<ureq::tls::TlsConfig, String> {
    use std::sync::Arc;
    use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

    // It fails only if there is one already, which is this one.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let certificates = |pem: &[u8]| -> Vec<Certificate<'static>> {
        let items = parse_pem(pem);
        items
            .filter_map(|item| if let Ok(PemItem::Certificate(certificate)) = item { Some(certificate) } else { None })
            .collect()
    };
    let authorities = certificates(&options.authorities);
    if authorities.is_empty() {
        return Err("there is no certificate of an authority that is trusted: set ETCDCTL_CACERT".to_owned());
    }
    let own = options.certificate.as_ref().map(|(certificate, key)| {
        let chain = certificates(certificate);
        if chain.is_empty() {
            return Err("the file of ETCDCTL_CERT has no certificate".to_owned());
        }
        let key = PrivateKey::from_pem(key).map_err(|_| "the file of ETCDCTL_KEY has no key".to_owned())?;
        Ok(ClientCert::new_with_certs(&chain, key))
    });
    let config = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(authorities)));
    Ok(config.client_cert(own.transpose()?).build())
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

impl fmt::Debug for EtcdOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdOptions").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("members", &self.members).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Etcd;
    use remofile::server::Coordinator;

    #[test]
    fn a_member_that_says_nothing_is_told_in_plain_words() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let member = silent.local_addr().unwrap();
        let etcd = Etcd::new(&format!("etcd://{member}").parse().unwrap(), EtcdOptions::default()).unwrap();
        let told = format!("http://{member}: no answer within 1.5 s");
        assert_eq!(etcd.read(""), Err(CoordinatorError::Unreachable(told)));
    }
}

//! The calls of a collector, by the client for HTTP that webhooks have.

use crate::daemon::hooks::agent;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use ureq::Agent;

/// Bytes of an answer at most, which is a few words.
const MOST_ANSWER_BYTES: u64 = 64 * 1024;

/// Least time between two complaints that spans are lost.
const COMPLAINING: Duration = Duration::from_secs(60);

/// The client of the collector.
#[derive(Debug)]
pub(super) struct CollectorClient {
    agent: Agent,
    complained: Mutex<Option<Instant>>,
}

impl CollectorClient {
    pub(super) fn new(timeout: Duration, is_encrypted: bool) -> Self {
        Self { agent: agent(timeout, is_encrypted), complained: Mutex::new(None) }
    }

    fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answered = self.agent.run(request.map(|body| body.to_vec())).and_then(|answer| {
            let (head, mut body) = answer.into_parts();
            let body = body.with_config().limit(MOST_ANSWER_BYTES).read_to_vec()?;
            Ok(Response::from_parts(head, Bytes::from(body)))
        });
        match &answered {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => self.complain(&format!("its answer is {}", answer.status())),
            // The address, which may have a secret in it, is in none of these texts.
            Err(error) => self.complain(&error.to_string()),
        }
        Ok(answered?)
    }

    fn complain(&self, why: &str) {
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if complained.is_none_or(|at| at.elapsed() >= COMPLAINING) {
            *complained = Some(Instant::now());
            tracing::warn!("spans are lost, since the collector of OpenTelemetry does not take them: {why}");
        }
    }
}

impl HttpClient for CollectorClient {
    /// Calls the collector before it returns: the thread that calls it has nothing else to do.
    fn send_bytes<'client, 'call>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'call>>
    where
        'client: 'call,
        Self: 'call,
    {
        Box::pin(ready(self.call(request)))
    }
}

//! Connections to a service whose answers are looked at, whoever asks: so a service that is busy or away for long is in the log,
//! also while the crate of object stores repeats its requests without a word.

use super::answers::Answers;
use super::errors::{is_passing, words};
use futures_util::future::BoxFuture;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use reqwest::StatusCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The maker of such connections.
#[derive(Debug, Clone)]
pub(crate) struct WatchedConnector {
    pub(crate) answers: Arc<Answers>,
    /// Address of the bucket, as the log names it.
    pub(crate) address: Arc<str>,
    /// The time for which a request is repeated.
    pub(crate) patience: Duration,
}

/// One of them.
#[derive(Debug)]
struct Watched {
    inner: HttpClient,
    connector: WatchedConnector,
}

impl HttpConnector for WatchedConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Watched { inner, connector: self.clone() }))
    }
}

impl HttpService for Watched {
    fn call<'s, 'f>(&'s self, request: HttpRequest) -> BoxFuture<'f, Result<HttpResponse, HttpError>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let is_of_bucket = request.uri().to_string().starts_with(&*self.connector.address);
            let mut answer = self.inner.execute(request).await;
            match &answer {
                // The machine may have been asked for credentials.
                _ if !is_of_bucket => {}
                Ok(answer) if is_passing(answer.status().as_u16()) => self.connector.tell(answer.status().as_str()),
                Ok(_) => self.connector.tell_end(),
                Err(error) => self.connector.tell(&words(error)),
            }
            if let Ok(answer) = &mut answer
                && answer.status() == StatusCode::NOT_IMPLEMENTED
            {
                // The crate of object stores repeats what was answered with any status from 500 on.
                *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            }
            answer
        })
    }
}

impl WatchedConnector {
    fn tell(&self, error: &str) {
        if self.answers.note_useless(Instant::now()) {
            let (address, seconds) = (&*self.address, self.patience.as_secs());
            tracing::warn!(
                address,
                error,
                "the object store has been busy or away for seconds: each request is repeated for {seconds} s"
            );
        }
    }

    fn tell_end(&self) {
        if self.answers.note_useful() {
            tracing::info!(address = &*self.address, "the object store answers again");
        }
    }
}

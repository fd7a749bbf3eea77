//! The state of the server, told over HTTP: `/metrics` for Prometheus, `/health` for load balancers.
//!
//! Participants: [`Metrics`] observes the server and counts; [`http`] answers whoever asks, on threads of its own.
//! Invariant: whoever asks, and however slowly, the server waits for nothing of it.

mod health;
mod http;
mod metrics;
mod process;

pub(super) use metrics::{HookOutcome, Metrics};

use crate::failed::{Failed, Result};
use http::Answer;
use remofile::Server;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// The time within which the event loop has to turn for the server to be well.
const WELL_WITHIN: Duration = Duration::from_secs(2);

/// Listens on the address of `--metrics`.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener> {
    let failed = |source| Failed::Library(remofile::Error::Listen { address: address.to_string(), source });
    TcpListener::bind(address).map_err(failed)
}

/// Begins to answer.
pub(super) fn begin(listener: TcpListener, server: &Server, metrics: &Arc<Metrics>) -> Result<()> {
    let (server, metrics) = (server.clone(), Arc::clone(metrics));
    let answer = move |path: &str| match path {
        "/metrics" => Answer::metrics(metrics.text(&server)),
        "/health" if server.is_responsive(WELL_WITHIN) => health::answer(&server),
        "/health" => Answer::text("503 Service Unavailable", "the server does not answer, or is ending\n"),
        "/" => Answer::text("200 OK", "/metrics\n/health\n"),
        _ => Answer::text("404 Not Found", "there are /metrics and /health\n"),
    };
    http::begin(listener, answer).map_err(Failed::system("cannot start a thread for --metrics"))
}

//! A server behind a ZeroMQ socket that belongs to the caller.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use remofile::{Handler, Reply};
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[pyclass(frozen, module = "remofile._remofile")]
pub(crate) struct NativeHandler {
    handler: Mutex<Handler>,
}

/// An identity and frames, as Python has them.
type Message<'py> = (Bound<'py, PyBytes>, Vec<Bound<'py, PyBytes>>);

#[pymethods]
impl NativeHandler {
    /// Takes a message and gives the messages to send. An address that cannot be read counts as none.
    #[pyo3(signature = (identity, frames, address = None))]
    fn handle<'py>(
        &self,
        py: Python<'py>,
        identity: Vec<u8>,
        frames: Vec<Vec<u8>>,
        address: Option<&str>,
    ) -> Vec<Message<'py>> {
        let address = address.and_then(parsed);
        self.replies_to(py, Some(Received { identity, frames, address }))
    }

    /// The messages to send, though none came.
    fn replies<'py>(&self, py: Python<'py>) -> Vec<Message<'py>> {
        self.replies_to(py, None)
    }

    /// Milliseconds for which `replies` need not be called, if the descriptor is not readable.
    fn timeout(&self, py: Python<'_>) -> Option<u64> {
        let timeout = py.detach(|| self.lock().next_timeout());
        timeout.map(|timeout| u64::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(u64::MAX))
    }

    fn fileno(&self, py: Python<'_>) -> i32 {
        py.detach(|| self.lock().as_fd().as_raw_fd())
    }

    fn is_stopped(&self, py: Python<'_>) -> bool {
        py.detach(|| self.lock().is_stopped())
    }
}

/// A message that a ROUTER socket received.
struct Received {
    identity: Vec<u8>,
    frames: Vec<Vec<u8>>,
    address: Option<IpAddr>,
}

impl NativeHandler {
    pub(crate) fn new(handler: Handler) -> Self {
        Self { handler: Mutex::new(handler) }
    }

    fn replies_to<'py>(&self, py: Python<'py>, message: Option<Received>) -> Vec<Message<'py>> {
        let replies = py.detach(|| {
            let mut handler = self.lock();
            match &message {
                Some(Received { identity, frames, address: Some(address) }) => {
                    handler.handle_from(identity, *address, frames);
                }
                Some(Received { identity, frames, address: None }) => handler.handle(identity, frames),
                None => {}
            }
            all(&mut handler)
        });
        let bytes = |content: &Vec<u8>| PyBytes::new(py, content);
        replies.iter().map(|reply| (bytes(&reply.identity), reply.frames.iter().map(bytes).collect())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Handler> {
        self.handler.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address as ZeroMQ tells it: one of IPv6 may have the name of an interface behind it.
fn parsed(address: &str) -> Option<IpAddr> {
    address.split('%').next()?.parse().ok()
}

/// Messages that one turn gives at most, so that those that come are heard.
const MOST: usize = 64;

fn all(handler: &mut Handler) -> Vec<Reply> {
    let mut replies = Vec::new();
    while replies.len() < MOST {
        match handler.next_reply() {
            Some(reply) => replies.push(reply),
            None if replies.is_empty() && handler.next_timeout() == Some(Duration::ZERO) => {}
            None => break,
        }
    }
    replies
}

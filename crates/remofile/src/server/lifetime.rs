//! The time for which a server runs.

use super::options::ServerOptions;
use crate::carrier::Waker;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(super) struct ServerState {
    pub(super) options: ServerOptions,
    pub(super) run: Run,
}

#[derive(Debug)]
pub(super) enum Run {
    Idle,
    /// Bound or serving.
    Running(Arc<Stop>),
}

/// Ends a running server.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) stopping: AtomicBool,
    pub(super) waker: Waker,
}

/// The time for which the server runs: it ends when this is dropped.
pub(super) struct Lifetime {
    pub(super) state: Arc<Mutex<ServerState>>,
    pub(super) stop: Arc<Stop>,
}

impl Lifetime {
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.stopping.load(Ordering::Acquire)
    }
}

impl Drop for Lifetime {
    fn drop(&mut self) {
        lock(&self.state).run = Run::Idle;
    }
}

/// The state of a server, for one change or look.
pub(super) fn lock(state: &Mutex<ServerState>) -> MutexGuard<'_, ServerState> {
    // No change to the state can be left half done.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

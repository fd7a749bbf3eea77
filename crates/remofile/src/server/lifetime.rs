//! The time for which a server runs.

use super::coordination::{Coordination, Keeper};
use super::options::ServerOptions;
use super::pulse::Pulse;
use super::session::SharedState;
use super::token_source::Roll;
use crate::carrier::Waker;
use crate::error::Result;
use crate::store::ServedDirectory;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

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

/// The parts of a running server that are looked at and changed from outside.
pub(super) struct Control {
    pub(super) shared: Weak<SharedState>,
    pub(super) roll: Arc<Roll>,
}

/// The way to a running server from outside, which ends it and looks at it.
pub(super) struct Stop {
    pub(super) stopping: AtomicBool,
    pub(super) waker: Waker,
    pub(super) pulse: Pulse,
    /// Set when it serves.
    pub(super) control: OnceLock<Control>,
}

impl Stop {
    pub(super) fn new(waker: Waker) -> Self {
        Self { stopping: AtomicBool::new(false), waker, pulse: Pulse::default(), control: OnceLock::new() }
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("stopping", &self.stopping).finish_non_exhaustive()
    }
}

/// The time for which the server runs: it ends when this is dropped.
pub(super) struct Lifetime {
    pub(super) state: Arc<Mutex<ServerState>>,
    pub(super) stop: Arc<Stop>,
    /// The directory, as long as it is this server's.
    pub(super) directory: Option<Arc<ServedDirectory>>,
    /// Its place among those of a coordinator.
    pub(super) coordination: Option<Arc<Coordination>>,
}

impl Lifetime {
    /// Keeps the server's place among those of its coordinator, if it has one.
    pub(super) fn keep(&self, shared: &Arc<SharedState>) -> Result<Option<Keeper>> {
        let served = Arc::downgrade(shared);
        self.coordination.as_ref().map(|coordination| Keeper::begin(coordination, served)).transpose()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.stopping.load(Ordering::Acquire)
    }
}

impl Drop for Lifetime {
    fn drop(&mut self) {
        // Before the server may run again.
        self.coordination = None;
        self.directory = None;
        lock(&self.state).run = Run::Idle;
    }
}

/// The state of a server, for one change or look.
pub(super) fn lock(state: &Mutex<ServerState>) -> MutexGuard<'_, ServerState> {
    // No change to the state can be left half done.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The limits that may change while a server runs. Those of principals are in its roster.

use super::options::ServerOptions;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// The limits that sessions as a whole have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) max_sessions: usize,
    pub(super) sessions_per_address: Option<usize>,
    pub(super) idle_timeout: Duration,
    pub(super) max_hold: Duration,
    pub(super) partial_expiry: Duration,
}

/// The limits in force.
#[derive(Debug)]
pub(super) struct LiveLimits {
    current: RwLock<Limits>,
    changes: AtomicU64,
}

impl Limits {
    pub(super) fn of(options: &ServerOptions) -> Self {
        Self {
            max_sessions: options.max_sessions,
            sessions_per_address: options.sessions_per_address,
            idle_timeout: options.idle_timeout,
            max_hold: options.max_hold,
            partial_expiry: options.partial_expiry,
        }
    }
}

impl LiveLimits {
    pub(super) fn new(first: Limits) -> Self {
        Self { current: RwLock::new(first), changes: AtomicU64::new(0) }
    }

    pub(super) fn current(&self) -> Limits {
        *self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn replace(&self, limits: Limits) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = limits;
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Returns the number of changes so far.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }
}

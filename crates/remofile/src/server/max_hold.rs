//! The time that operations may have their lease without getting on.
//!
//! Pings prove that a peer is there, not that it does anything: a stopped process behind a running library keeps
//! others out for as long as it answers them. What counts is files taken, messages sent, work done, and operations
//! of the same session that begin or end, since others of it may run under the lease of one that only holds.

use remofile_protocol::wire::{ErrorCode, Failure};
use std::time::Duration;

/// When a session last got on.
#[derive(Debug)]
pub(super) struct MaxHold {
    most: Duration,
    progressed: Duration,
}

impl MaxHold {
    pub(super) fn new(most: Duration) -> Self {
        Self { most, progressed: Duration::ZERO }
    }

    /// The session has got on.
    pub(super) fn progressed(&mut self, now: Duration) {
        self.progressed = now;
    }

    /// When its time is over, unless it gets on before.
    pub(super) fn ends_at(&self) -> Duration {
        self.progressed.saturating_add(self.most)
    }

    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.ends_at() <= now
    }

    /// What an operation ends with whose time is over.
    pub(super) fn failure(&self) -> Failure {
        Failure::new(ErrorCode::LeaseExpired).because(format_args!("its '--max-hold' is {} s", self.most.as_secs()))
    }
}

#[cfg(test)]
mod tests;

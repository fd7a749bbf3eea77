//! The time that operations may hold their lease without progress.
//!
//! Pings prove that a peer is there, not that it does anything: a stopped process behind a running library keeps
//! others out for as long as it answers them. Progress is a file taken, a message sent, work done, or an operation of
//! the same session that begins or ends, since operations may run under the lease of one that only holds it.

use remofile_protocol::wire::{ErrorCode, Failure};
use std::time::Duration;

/// The time of a session's last progress, and the limit after it.
#[derive(Debug)]
pub(super) struct MaxHold {
    most: Duration,
    progressed: Duration,
}

impl MaxHold {
    pub(super) fn new(most: Duration) -> Self {
        Self { most, progressed: Duration::ZERO }
    }

    /// Records that the session made progress.
    pub(super) fn progressed(&mut self, now: Duration) {
        self.progressed = now;
    }

    /// Returns the time at which the limit is reached, unless the session makes progress before.
    pub(super) fn ends_at(&self) -> Duration {
        self.progressed.saturating_add(self.most)
    }

    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.ends_at() <= now
    }

    /// Returns the failure of an operation that has reached the limit.
    pub(super) fn failure(&self) -> Failure {
        Failure::new(ErrorCode::LeaseExpired).because(format_args!("its '--max-hold' is {} s", self.most.as_secs()))
    }
}

#[cfg(test)]
mod tests;

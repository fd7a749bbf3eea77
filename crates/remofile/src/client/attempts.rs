//! Trying again after a lost connection.

use super::call::Deadline;
use super::progress_recorder::ProgressRecorder;
use super::{Client, RetryOptions};
use crate::error::{Error, Result};
use crate::monitor::Event;
use remofile_protocol::limits::DEAD_AFTER;
use remofile_protocol::wire::ErrorCode;
use std::time::Duration;

/// How long an attempt after the first waits for the lease: that of the lost session ends only when the
/// server takes it for dead.
pub(super) const LEASE_WAIT: Duration = DEAD_AFTER.saturating_add(Duration::from_secs(5));

/// Attempts of one transfer.
pub(super) struct Attempts {
    retry: RetryOptions,
    /// Attempts that failed since one moved something.
    failed: u32,
    /// Attempts in all.
    pub(super) made: u32,
    pub(super) deadline: Deadline,
    /// Most bytes that were seen at the destination.
    furthest: u64,
}

impl Attempts {
    pub(super) fn new(retry: RetryOptions, deadline: Deadline) -> Self {
        Self { retry, failed: 0, made: 0, deadline, furthest: 0 }
    }

    /// Whether the one at hand is not the first.
    pub(super) fn is_again(&self) -> bool {
        self.made > 0
    }

    /// How long to wait for the lease at least.
    pub(super) fn lease_wait(&self) -> Option<Duration> {
        self.is_again().then_some(LEASE_WAIT)
    }

    /// So many bytes are at the destination, in whole files and in what was kept of others; more than before, and what failed was not in vain.
    pub(super) fn got_to(&mut self, bytes: u64) {
        if bytes > self.furthest {
            self.furthest = bytes;
            self.failed = 0;
        }
    }

    /// An attempt has failed: waits before the next, if there shall be one.
    ///
    /// # Errors
    /// The same error if there shall be none; what ended the wait.
    pub(super) fn again(&mut self, client: &Client, error: Error, recorder: &mut ProgressRecorder<'_>) -> Result<()> {
        if !self.is_worth_it(&error) || self.failed >= self.retry.times {
            return Err(match error {
                // It was there: what helps is to try again later.
                Error::Connect { source, .. } if self.is_again() => Error::ConnectionLost(source),
                error => error,
            });
        }
        self.failed += 1;
        self.made += 1;
        recorder.report.retries += 1;
        let pause = self.retry.pause_before(self.failed);
        recorder.monitor.report(Event::Retrying { error: &error, attempt: self.failed, of: self.retry.times, pause });
        client.options.interrupt.sleep(pause, &self.deadline)
    }

    /// Whether another attempt may fare better.
    fn is_worth_it(&self, error: &Error) -> bool {
        match error {
            Error::ConnectionLost(_) | Error::PeerSilent(_) => true,
            Error::Remote(failure) => failure.code == ErrorCode::ShuttingDown,
            // The first attempt may be at the wrong address; a later one was there already.
            Error::Connect { .. } | Error::NotRemofile { .. } | Error::Busy(_) => self.is_again(),
            _ => false,
        }
    }
}

//! Trying again after a lost connection.

use crate::client::RetryOptions;
use crate::client::session::context::CallContext;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::error::{Error, Result};
use crate::monitor::Event;
use remofile_protocol::limits::DEAD_AFTER;
use remofile_protocol::wire::ErrorCode;
use std::time::Duration;

/// Time for which an attempt after the first waits for the lease. The lease of the lost session ends only when the
/// server takes that session for dead.
pub(crate) const LEASE_WAIT: Duration = DEAD_AFTER.saturating_add(Duration::from_secs(5));

/// Attempts of one transfer.
pub(crate) struct Attempts {
    retry: RetryOptions,
    /// Attempts that failed in a row since the last one that moved something.
    failed: u32,
    /// Attempts in all.
    pub(super) made: u32,
    /// The context of the attempt at hand.
    pub(crate) context: CallContext,
    /// Most bytes that were seen at the destination.
    furthest: u64,
}

impl Attempts {
    pub(crate) fn new(retry: RetryOptions, context: CallContext) -> Self {
        Self { retry, failed: 0, made: 0, context, furthest: 0 }
    }

    /// Reports whether the attempt at hand is not the first.
    pub(crate) fn is_again(&self) -> bool {
        self.made > 0
    }

    /// Records the number of bytes at the destination, in complete files and partials. If it is more than before, the
    /// failed attempts are not counted any more.
    pub(crate) fn got_to(&mut self, bytes: u64) {
        if bytes > self.furthest {
            self.furthest = bytes;
            self.failed = 0;
        }
    }

    /// Waits before the next attempt, after one has failed.
    ///
    /// # Errors
    /// The same error if there is to be no other attempt; the error that ended the wait.
    pub(crate) fn again(&mut self, error: Error, recorder: &mut ProgressRecorder<'_>) -> Result<()> {
        if !self.is_worth_it(&error) || self.failed >= self.retry.times {
            return Err(match error {
                // The server was there before, so the address is right: it is worth trying again later.
                Error::Connect { source, .. } if self.is_again() => Error::ConnectionLost(source),
                error => error,
            });
        }
        self.failed += 1;
        self.made += 1;
        self.context = self.context.waiting_at_least(LEASE_WAIT);
        recorder.report.retries += 1;
        let pause = self.retry.pause_before(self.failed);
        recorder.monitor.report(Event::Retrying { error: &error, attempt: self.failed, of: self.retry.times, pause });
        self.context.sleep(pause)
    }

    /// Reports whether another attempt may succeed.
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

//! Trying again after a lost connection.

use crate::client::RetryOptions;
use crate::client::session::context::CallContext;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::error::{Error, Result};
use crate::monitor::Event;
use remofile_protocol::limits::DEAD_AFTER;
use remofile_protocol::wire::ErrorCode;
use std::time::Duration;

/// How long an attempt after the first waits for the lease: that of the lost session ends only when the
/// server takes it for dead.
pub(crate) const LEASE_WAIT: Duration = DEAD_AFTER.saturating_add(Duration::from_secs(5));

/// Attempts of one transfer.
pub(crate) struct Attempts {
    retry: RetryOptions,
    /// Attempts that failed since one moved something.
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

    /// Whether the one at hand is not the first.
    pub(crate) fn is_again(&self) -> bool {
        self.made > 0
    }

    /// So many bytes are at the destination, in whole files and in what was kept of others; more than before, and what failed was not in vain.
    pub(crate) fn got_to(&mut self, bytes: u64) {
        if bytes > self.furthest {
            self.furthest = bytes;
            self.failed = 0;
        }
    }

    /// An attempt has failed: waits before the next, if there shall be one.
    ///
    /// # Errors
    /// The same error if there shall be none; what ended the wait.
    pub(crate) fn again(&mut self, error: Error, recorder: &mut ProgressRecorder<'_>) -> Result<()> {
        if !self.is_worth_it(&error) || self.failed >= self.retry.times {
            return Err(match error {
                // It was there: what helps is to try again later.
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

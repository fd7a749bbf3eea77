//! Trying again after a lost connection.

use crate::client::RetryOptions;
use crate::client::servers::repeated::{LEASE_WAIT, is_lost, is_out_of_reach};
use crate::client::session::context::CallContext;
use crate::client::transfer::progress_recorder::ProgressRecorder;
use crate::error::{Error, Result};
use crate::monitor::Event;
use std::io;
use std::time::{Duration, Instant};

/// Attempts of one transfer.
pub(crate) struct Attempts {
    retry: RetryOptions,
    /// Attempts that failed in a row since the last one that moved something.
    failed: u32,
    /// Attempts in all.
    pub(super) made: u32,
    /// The time at which the first attempt of those that failed in a row ended.
    failing_since: Option<Instant>,
    /// The context of the attempt at hand.
    pub(crate) context: CallContext,
    /// Most bytes that were seen at the destination.
    furthest: u64,
}

impl Attempts {
    pub(crate) fn new(retry: RetryOptions, context: CallContext) -> Self {
        Self { retry, failed: 0, made: 0, failing_since: None, context, furthest: 0 }
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
            (self.failed, self.failing_since) = (0, None);
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
                Error::Connect { source, .. } | Error::ConnectionLost(source) if self.is_again() => {
                    Error::ConnectionLost(self.told(&source))
                }
                error => error,
            });
        }
        self.failing_since.get_or_insert_with(Instant::now);
        self.failed += 1;
        self.made += 1;
        self.context = self.context.waiting_at_least(LEASE_WAIT);
        recorder.report.retries += 1;
        let pause = self.retry.pause_before(self.failed);
        recorder.monitor.report(Event::Retrying { error: &error, attempt: self.failed, of: self.retry.times, pause });
        self.context.sleep(pause)
    }

    /// Tells with the last error what was tried.
    fn told(&self, error: &io::Error) -> io::Error {
        let since = self.failing_since.map_or(Duration::ZERO, |since| since.elapsed());
        let times = if self.failed == 1 { "once".to_owned() } else { format!("{} times", self.failed) };
        io::Error::new(error.kind(), format!("{error}; tried {times} more within {} s", since.as_secs_f64().ceil()))
    }

    /// Reports whether another attempt may succeed.
    fn is_worth_it(&self, error: &Error) -> bool {
        // The first attempt may be at the wrong address; a later one was there already.
        is_lost(error) || self.is_again() && (is_out_of_reach(error) || matches!(error, Error::Busy(_)))
    }
}

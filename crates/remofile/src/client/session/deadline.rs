//! The end of a call in time.

use crate::error::{Error, Result};
use std::time::{Duration, Instant};

/// The time at which a call has to be over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    limit: Option<(Instant, Duration)>,
}

impl Deadline {
    pub(crate) fn after(timeout: Option<Duration>) -> Self {
        Self { limit: timeout.and_then(|timeout| Some((Instant::now().checked_add(timeout)?, timeout))) }
    }

    /// Returns the time that is left; `None` without a limit.
    pub(super) fn left(&self) -> Option<Duration> {
        self.limit.map(|(at, _)| at.saturating_duration_since(Instant::now()))
    }

    /// Returns the deadline on a clock that was started at `clock`; `None` without a limit.
    pub(crate) fn on(&self, clock: Instant) -> Option<Duration> {
        self.limit.map(|(at, _)| at.saturating_duration_since(clock))
    }

    /// Fails with [`Error::Timeout`] once the deadline has passed.
    pub(super) fn check(&self) -> Result<()> {
        match self.limit {
            Some((at, timeout)) if at <= Instant::now() => Err(Error::Timeout(timeout)),
            _ => Ok(()),
        }
    }
}

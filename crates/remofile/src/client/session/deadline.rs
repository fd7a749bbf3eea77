//! The end of a call in time.

use crate::error::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time at which a call has to be over, and the time that it may go without progress.
#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    limit: Option<(Instant, Duration)>,
    progress: Option<Arc<Progress>>,
}

/// The progress of a call. Calls that are parts of one transfer share it.
#[derive(Debug)]
struct Progress {
    /// The time that it may go without.
    limit: Duration,
    began: Instant,
    /// The last of it, in milliseconds since it began.
    last: AtomicU64,
}

impl Progress {
    fn ends_at(&self) -> Option<Instant> {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.began.checked_add(last)?.checked_add(self.limit)
    }
}

impl Deadline {
    pub(crate) fn after(timeout: Option<Duration>) -> Self {
        let limit = timeout.and_then(|timeout| Some((Instant::now().checked_add(timeout)?, timeout)));
        Self { limit, progress: None }
    }

    /// The same with a limit to the time without progress.
    pub(crate) fn unless_stalled(self, limit: Option<Duration>) -> Self {
        let progress = |limit| Arc::new(Progress { limit, began: Instant::now(), last: AtomicU64::new(0) });
        Self { progress: limit.map(progress), ..self }
    }

    /// Notes that the call gets on.
    pub(crate) fn progressed(&self) {
        if let Some(progress) = &self.progress {
            let since = u64::try_from(progress.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            progress.last.fetch_max(since, Ordering::Relaxed);
        }
    }

    /// Returns the time that the call may go without progress, if it has a limit.
    pub(crate) fn stall_limit(&self) -> Option<Duration> {
        self.progress.as_ref().map(|progress| progress.limit)
    }

    fn ends_at(&self) -> Option<Instant> {
        let stalls = self.progress.as_ref().and_then(|progress| progress.ends_at());
        self.limit.map(|(at, _)| at).into_iter().chain(stalls).min()
    }

    /// Returns the time that is left; `None` without a limit.
    pub(super) fn left(&self) -> Option<Duration> {
        self.ends_at().map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Returns the deadline on a clock that was started at `clock`; `None` without a limit.
    pub(crate) fn on(&self, clock: Instant) -> Option<Duration> {
        self.ends_at().map(|at| at.saturating_duration_since(clock))
    }

    /// Fails with [`Error::Timeout`] once the deadline has passed, and with [`Error::Stalled`] once there was no progress
    /// for too long.
    pub(super) fn check(&self) -> Result<()> {
        let now = Instant::now();
        match (self.limit, &self.progress) {
            (Some((at, timeout)), _) if at <= now => Err(Error::Timeout(timeout)),
            (_, Some(progress)) if progress.ends_at().is_some_and(|at| at <= now) => {
                Err(Error::Stalled(progress.limit))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gets_on_has_the_whole_limit_again() {
        let deadline = Deadline::after(None).unless_stalled(Some(Duration::from_secs(3600)));
        let (before, same) = (deadline.ends_at().unwrap(), deadline.clone());
        while deadline.ends_at().unwrap() == before {
            same.progressed();
        }
        assert!(deadline.ends_at().unwrap() > before && deadline.check().is_ok());
    }

    #[test]
    fn without_progress_a_call_ends_however_long_it_may_take() {
        let stalled = Deadline::after(Some(Duration::from_secs(3600))).unless_stalled(Some(Duration::ZERO));
        assert!(matches!(stalled.check(), Err(Error::Stalled(Duration::ZERO))));
        assert_eq!(stalled.left(), Some(Duration::ZERO));
        let over = Deadline::after(Some(Duration::ZERO)).unless_stalled(Some(Duration::from_secs(3600)));
        over.progressed();
        assert!(matches!(over.check(), Err(Error::Timeout(_))), "progress is no reason to go on");
    }
}

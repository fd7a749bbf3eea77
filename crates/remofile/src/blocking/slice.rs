//! The time that a job has before others have their turn.

use crate::carrier::clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The time for which a job works before others have their turn.
const SLICE: Duration = Duration::from_millis(100);

/// The time for which a job goes on after its end with what came before.
const LAST_SLICE: Duration = Duration::from_secs(5);

/// Time for a piece of work that is done at once: with what takes longer, the disk is slow.
const AT_ONCE: Duration = Duration::from_millis(50);

/// The time that a job has.
#[derive(Debug)]
pub(crate) struct Slice {
    until: Instant,
    is_cancelled: Arc<AtomicBool>,
}

/// Ends a job early.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Tells the job that nobody wants more of it.
    pub(crate) fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// The time of a job that begins now and can be ended by this.
    #[must_use]
    pub(crate) fn slice(&self) -> Slice {
        Slice { until: clock::now() + SLICE, is_cancelled: Arc::clone(&self.0) }
    }
}

impl Slice {
    /// Time for what has come and is to be kept, before an end.
    #[must_use]
    pub(crate) fn last() -> Self {
        Self { until: clock::now() + LAST_SLICE, is_cancelled: Arc::default() }
    }

    /// Time for a piece of work that is done at once, while its disk is quick.
    #[must_use]
    pub(crate) fn at_once() -> Self {
        Self { until: clock::now() + AT_ONCE, is_cancelled: Arc::default() }
    }

    /// Reports whether the job is to end, as soon as it can go on from there.
    #[must_use]
    pub(crate) fn is_over(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire) || clock::now() >= self.until
    }
}

//! The fence of a server that owns a bucket, alone or with others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The longest time that a change may take where nothing ends it.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// The end of a claim.
#[derive(Default)]
pub(crate) struct OwnFence {
    /// The time until which changes are made; `None` where nothing was claimed.
    until: Mutex<Option<Instant>>,
    is_lost: AtomicBool,
}

impl OwnFence {
    /// Returns the time for which changes may be made.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        if self.is_lost() {
            return None;
        }
        match *self.until.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Some(FOR_EVER),
            Some(until) => until.checked_duration_since(Instant::now()),
        }
    }

    pub(crate) fn set(&self, until: Option<Instant>) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
        self.is_lost.store(false, Ordering::Relaxed);
    }

    /// Ends it for good: another server has the bucket.
    pub(crate) fn lose(&self) {
        self.is_lost.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }
}

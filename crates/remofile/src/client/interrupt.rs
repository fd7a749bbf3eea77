//! Ends calls from outside.

use crate::carrier::Waker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends calls from another thread. Clones end the same calls.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    triggered: AtomicBool,
    /// `None` where the process had no descriptor left: calls then end at their next turn.
    waker: std::sync::OnceLock<Option<Waker>>,
}

impl Interrupt {
    /// Ends the running call of every client that has this, and every later one, with
    /// [`crate::Error::Interrupted`].
    pub fn trigger(&self) {
        self.inner.triggered.store(true, Ordering::Release);
        if let Some(waker) = self.waker() {
            waker.wake();
        }
    }

    /// Whether it was triggered.
    #[must_use]
    pub fn is_triggered(&self) -> bool {
        self.inner.triggered.load(Ordering::Acquire)
    }

    pub(super) fn waker(&self) -> Option<&Waker> {
        self.inner.waker.get_or_init(|| Waker::new().ok()).as_ref()
    }
}

//! Interrupts, which end calls from another thread.

use crate::carrier::Waker;
use crate::client::session::deadline::Deadline;
use crate::error::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::Duration;

/// Ends calls from another thread. Clones end the same calls.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    triggered: AtomicBool,
    /// The waker; `None` if the process had no descriptor left: calls then end at their next turn.
    waker: std::sync::OnceLock<Option<Waker>>,
}

impl Interrupt {
    /// Ends the running call of every client that has this, and every later one, with
    /// [`crate::Error::Interrupted`].
    pub fn trigger(&self) {
        // Before the wake, since a thread that wakes looks at this.
        self.inner.triggered.store(true, Ordering::Release);
        // Either this sees the waker of a call, or the call sees that it is triggered: one that nothing waits for makes none.
        fence(Ordering::SeqCst);
        if let Some(Some(waker)) = self.inner.waker.get() {
            waker.wake();
        }
    }

    /// Reports whether it was triggered.
    #[must_use]
    pub fn is_triggered(&self) -> bool {
        self.inner.triggered.load(Ordering::Acquire)
    }

    /// Fails if the call is not to go on.
    pub(crate) fn check(&self, deadline: &Deadline) -> Result<()> {
        if self.is_triggered() {
            return Err(Error::Interrupted);
        }
        deadline.check()
    }

    /// Fails if it was triggered. A connection calls this when its waker woke it, which drained the waker.
    pub(crate) fn woken(&self) -> Result<()> {
        if !self.is_triggered() {
            return Ok(());
        }
        // This connection has drained the waker: calls that share it may not have seen it, and are woken again.
        self.trigger();
        Err(Error::Interrupted)
    }

    /// Waits for a pause, unless the call is to end earlier.
    pub(crate) fn sleep(&self, pause: Duration, deadline: &Deadline) -> Result<()> {
        let until = Deadline::after(Some(pause));
        loop {
            self.check(deadline)?;
            let Some(left) = until.left().filter(|left| !left.is_zero()) else {
                return Ok(());
            };
            // A millisecond more: a pause that is cut to whole units must not spin until it is over.
            let left = deadline.left().map_or(left, |own| own.min(left)) + Duration::from_millis(1);
            let mut descriptors: Vec<PollFd<'_>> =
                self.waker().map(|waker| PollFd::from_borrowed_fd(waker.as_fd(), PollFlags::IN)).into_iter().collect();
            match poll(&mut descriptors, Timespec::try_from(left).ok().as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Error::System { what: "cannot wait", source: error.into() }),
            }
        }
    }

    pub(crate) fn waker(&self) -> Option<&Waker> {
        if let Some(waker) = self.inner.waker.get() {
            return waker.as_ref();
        }
        let waker = self.inner.waker.get_or_init(|| Waker::new().ok()).as_ref();
        fence(Ordering::SeqCst);
        if let Some(waker) = waker.filter(|_| self.is_triggered()) {
            waker.wake();
        }
        waker
    }
}

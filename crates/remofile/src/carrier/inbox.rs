//! The place at which a session finds further connections that other threads open for it.

use super::wake::Waker;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections that are being opened. Clones are the same place.
#[derive(Debug)]
pub struct LaneInbox<L>(Arc<Inner<L>>);

#[derive(Debug)]
struct Inner<L> {
    state: Mutex<State<L>>,
    /// True if something was put there since the last look: so a look costs nothing mostly.
    has_news: AtomicBool,
    waker: Waker,
}

#[derive(Debug)]
struct State<L> {
    links: Vec<L>,
    /// Connections that are to come yet, or to fail.
    awaited: usize,
}

impl<L> LaneInbox<L> {
    /// Creates the place for so many connections.
    ///
    /// # Errors
    /// If the process has no file descriptors left.
    pub fn new(awaited: usize) -> io::Result<Self> {
        let state = Mutex::new(State { links: Vec::new(), awaited });
        Ok(Self(Arc::new(Inner { state, has_news: AtomicBool::new(false), waker: Waker::new()? })))
    }

    /// Puts a connection there that was opened, or notes that one could not be.
    pub fn put(&self, link: Option<L>) {
        let mut state = self.lock();
        state.awaited = state.awaited.saturating_sub(1);
        state.links.extend(link);
        drop(state);
        self.0.waker.wake();
        // Behind the call, so that whoever looks drains it: one that stays would have its thread spin.
        self.0.has_news.store(true, Ordering::Release);
    }

    /// Takes the connections that have come since the last look. Returns true with them if others are to come; `None` if nothing
    /// has happened.
    pub(super) fn take(&self) -> Option<(Vec<L>, bool)> {
        if !self.0.has_news.swap(false, Ordering::AcqRel) {
            return None;
        }
        // Before the look: a call that comes during it is seen at the next one.
        self.0.waker.drain();
        let mut state = self.lock();
        Some((std::mem::take(&mut state.links), state.awaited > 0))
    }

    fn lock(&self) -> MutexGuard<'_, State<L>> {
        // Every change is complete before it can panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L> Clone for LaneInbox<L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L> AsFd for LaneInbox<L> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.waker.as_fd()
    }
}

//! One feed for several packers.

use super::feed::Feed;
use super::feeding::{FeedItem, Feeding, Next};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A share in a feed: each item goes to one of those that share it.
pub struct SharedFeed {
    inner: Arc<Inner>,
    /// True for the share whose session has checked the partials: only this one sends the files that have one.
    is_first: bool,
}

struct Inner {
    state: Mutex<SharedFeedState>,
    stopped: AtomicBool,
}

struct SharedFeedState {
    feed: Feed,
    /// Files that only the first may send.
    deferred: VecDeque<FeedItem>,
}

/// Ends a shared feed.
#[derive(Clone)]
pub struct FeedStop(Arc<Inner>);

impl FeedStop {
    /// Gives no more items to anybody.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Release);
    }
}

impl SharedFeed {
    /// Shares a feed among `among` packers.
    #[must_use]
    pub fn share(feed: Feed, among: usize) -> (Vec<Self>, FeedStop) {
        let state = Mutex::new(SharedFeedState { feed, deferred: VecDeque::new() });
        let inner = Arc::new(Inner { state, stopped: AtomicBool::new(false) });
        let share = |index| Self { inner: Arc::clone(&inner), is_first: index == 0 };
        ((0..among).map(share).collect(), FeedStop(Arc::clone(&inner)))
    }
}

impl Feeding for SharedFeed {
    fn next_item(&mut self) -> Next<FeedItem> {
        if self.inner.stopped.load(Ordering::Acquire) {
            return Next::End;
        }
        // An item that was taken half is lost with who took it; the others go on.
        let mut state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_first
            && let Some(item) = state.deferred.pop_front()
        {
            return Next::Item(item);
        }
        match state.feed.next_item() {
            Next::Item(FeedItem::File(file)) if file.known.is_some() && !self.is_first => {
                state.deferred.push_back(FeedItem::File(file));
                Next::Working
            }
            next => next,
        }
    }
}

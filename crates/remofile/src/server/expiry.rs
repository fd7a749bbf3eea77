//! The removal of partials that interrupted uploads left and no upload has resumed, and of staged files without writers.

use super::staged_files::StagedFiles;
use crate::store::Store;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Shortest pause between two searches for expired partials. A pause is an eighth of the expiry time within these
/// bounds.
const OFTENEST: Duration = Duration::from_secs(60);
const RAREST: Duration = Duration::from_secs(60 * 60);

/// Partials of a store, and how long they are kept.
pub(super) struct Expiry {
    store: Arc<dyn Store>,
    after: Duration,
    staged_files: Arc<StagedFiles>,
    next: Instant,
}

impl Expiry {
    /// Removes what has expired now, and what will have later. Of a distant store, whose service may take long for it, even
    /// the first time keeps nobody waiting.
    pub(super) fn begin(store: Arc<dyn Store>, after: Duration, staged_files: Arc<StagedFiles>) -> Self {
        let mut expiry = Self { store, after, staged_files, next: Instant::now() };
        if !expiry.store.is_distant() {
            expire(&*expiry.store, after);
            expiry.plan(Instant::now());
        }
        expiry
    }

    /// Keeps partials for another time from now on.
    pub(super) fn change(&mut self, after: Duration) {
        self.after = after;
        self.plan(Instant::now());
    }

    /// Returns the time at which [`Expiry::run`] has work to do.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Removes what has expired, if it is time to look, without keeping anybody waiting.
    pub(super) fn run(&mut self, now: Instant) {
        if now < self.next {
            return;
        }
        self.plan(now);
        let (store, after, staged_files) = (Arc::clone(&self.store), self.after, Arc::clone(&self.staged_files));
        // Without a thread now, there may be one next time.
        let _spawned = std::thread::Builder::new().name("expiry".to_owned()).spawn(move || {
            staged_files.sweep(Instant::now());
            expire(&*store, after);
        });
    }

    fn plan(&mut self, now: Instant) {
        self.next = now + (self.after / 8).clamp(OFTENEST, RAREST);
    }
}

fn expire(store: &dyn Store, after: Duration) {
    match store.expire_partials(after) {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "expired partials were removed"),
        Err(failure) => tracing::warn!(%failure, "expired partials could not be removed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Faulty, LocalStore, MemoryStore, StoreOptions};

    #[test]
    fn it_is_looked_for_again_and_again() {
        let root = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(LocalStore::open(root.path(), StoreOptions::default()).unwrap());
        for (after, pause) in [(1, 60), (8 * 600, 600), (7 * 24 * 3600, 3600)] {
            let mut expiry = Expiry::begin(Arc::clone(&store), Duration::from_secs(after), Arc::default());
            let first = expiry.next();
            expiry.run(first - Duration::from_secs(1));
            assert_eq!(expiry.next(), first);
            expiry.run(first);
            assert_eq!(expiry.next(), first + Duration::from_secs(pause));
        }
    }

    #[test]
    fn a_distant_store_is_searched_while_clients_are_answered() {
        let inner: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let (near, distant) = (Faulty::new(Arc::clone(&inner)), Faulty::new(inner).distant());
        for (store, is_due) in [(near, false), (distant, true)] {
            let mut expiry = Expiry::begin(Arc::new(store), Duration::from_secs(1), Arc::default());
            assert_eq!(expiry.next() <= Instant::now(), is_due);
            expiry.run(Instant::now());
            assert!(expiry.next() > Instant::now());
        }
    }
}

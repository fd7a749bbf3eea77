//! The thread that watches the coordinator for a server.

use super::coordinated::Coordinated;
use super::coordinator::{CoordinatorError, CoordinatorResult};
use super::member::Coordination;
use std::sync::{Arc, Weak};

/// A watch in the place of all before it. A coordinator that says nothing may keep it waiting for long, so it keeps nothing
/// of the server meanwhile: one that has ended is gone, and its directory is free.
pub(super) struct Watcher {
    own: Weak<Coordination>,
    coordinated: Coordinated,
    /// Its number among all watches of the server.
    number: u64,
    /// The reason that was told last for which it is not let.
    told: String,
}

impl Watcher {
    pub(super) fn new(server: &Arc<Coordination>, number: u64) -> Self {
        let coordinated = server.coordinated.clone();
        Self { own: Arc::downgrade(server), coordinated, number, told: String::new() }
    }

    /// Watches until the connection ends. Returns false once nobody wants it any more: who joins begins another one.
    pub(super) fn watch_some(&mut self) -> bool {
        let Some(from) = self.server().and_then(|server| server.watched_from()) else { return false };
        match self.follow(from) {
            Ok(()) => return false,
            Err(CoordinatorError::Forgotten) if self.read_again().is_ok() => return true,
            Err(CoordinatorError::Denied(why)) if self.told != why => {
                let coordinator = self.coordinated.address();
                tracing::warn!(coordinator, "what other servers do cannot be watched, which is tried again: {why}");
                self.told = why;
            }
            Err(_) => {}
        }
        self.server().is_some_and(|server| server.pause())
    }

    /// The server, as long as this is its watch.
    fn server(&self) -> Option<Arc<Coordination>> {
        self.own.upgrade().filter(|server| server.is_watched_by(self.number))
    }

    fn follow(&self, from: u64) -> CoordinatorResult<()> {
        let mut watch = self.coordinated.inner.coordinator.watch(from)?;
        while self.server().is_some() {
            let events = watch.next()?;
            if let Some(server) = self.server().filter(|_| !events.is_empty()) {
                server.take_events(self.number, &events);
            }
        }
        Ok(())
    }

    fn read_again(&self) -> CoordinatorResult<()> {
        let snapshot = self.coordinated.inner.coordinator.read("")?;
        self.server().iter().for_each(|server| server.take_snapshot(self.number, &snapshot));
        Ok(())
    }
}

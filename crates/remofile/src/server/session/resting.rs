//! A session that has nothing to do: it can be parked, and needs next to no memory then.

use super::{Session, SessionState};
use crate::carrier::Waker;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

impl Session {
    /// How long it has had nothing to do; `None` while it has.
    pub(in crate::server) fn idle_for(&self) -> Option<Duration> {
        let is_idle = self.state == SessionState::Open && self.is_idle() && self.machine.is_idle();
        is_idle.then(|| self.peer.presence.idle_for(Instant::now())).flatten()
    }

    /// Frees the memory that only operations need.
    pub(in crate::server) fn rest(&mut self) {
        self.machine.rest();
        self.accounts.rest();
        // An empty map keeps the room of its first elements.
        (self.operations, self.begun) = (BTreeMap::new(), BTreeMap::new());
    }

    /// Has whatever it waits for wake another thread from now on.
    pub(in crate::server) fn wake_by(&mut self, waker: &Waker) {
        self.waker = waker.clone();
    }
}

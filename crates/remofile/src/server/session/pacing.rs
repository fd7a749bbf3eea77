//! The pace of uploads, where the principal of a session has a limit for what all its sessions receive.
//!
//! What comes is counted when it comes. While there was more than may be, uploads have no turns: so their clients get no credit,
//! and no answer. Pings, and whatever else is asked for, are answered meanwhile.

use super::Session;
use crate::server::bandwidth::Direction;
use crate::server::operation::Running;
use std::time::Duration;

impl Session {
    /// Reports whether its principal has received more than it may: then its uploads wait.
    pub(super) fn is_paced(&mut self, now: Duration) -> bool {
        let wait = self.peer.grant.bandwidth.wait(Direction::Received);
        self.paced_until = wait.map(|wait| now + wait);
        wait.is_some()
    }

    /// Returns the time at which uploads go on that wait for that.
    pub(super) fn receives_at(&self) -> Option<Duration> {
        self.paced_until.filter(|_| self.operations.values().any(Running::takes_content))
    }
}

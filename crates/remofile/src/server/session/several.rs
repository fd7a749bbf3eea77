//! Sessions with several connections. Each has a thread for itself for as long as it lasts, since it is never parked: so it does
//! not last when there is nothing to do any more. Clients open them for one transfer.

use super::{Session, SessionState};
use crate::carrier::Link;
use std::time::Duration;

impl Session {
    /// Gives its link the further connections that have come for it. What comes early over several is within the windows of
    /// its operations, which are accounted for.
    pub(in crate::server) fn tend(&mut self, now: Duration, link: &mut Link) {
        self.lanes.give(link);
        self.accounts.over(link.lanes());
        link.limit_early(self.accounts.windows());
        // Pings are nothing to do: a client might send them for ever.
        let are_useless = link.lanes() > 1 && self.is_idle() && self.state == SessionState::Open;
        self.lanes.note(now, are_useless);
    }

    /// Returns the time at which it ends if nothing is asked of it.
    pub(super) fn useless_until(&self) -> Option<Duration> {
        self.lanes.useless_until(self.shared.limits.current().idle_timeout)
    }

    /// Ends it if its connections have been of no use for too long. The client connects again with its next request.
    pub(super) fn end_if_useless(&mut self, now: Duration) {
        if self.is_idle() && self.useless_until().is_some_and(|until| until <= now) {
            tracing::info!(client = self.peer.client, address = self.peer.address, "idle, with several connections");
            self.audit.ends_for("idle");
            self.lanes.note(now, false);
            self.machine.goodbye(None);
            self.state = SessionState::Closing;
        }
    }
}

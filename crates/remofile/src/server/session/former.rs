//! Requests that wait for what is left of former sessions of the same client, or for those who wait for it.

use super::insisting::Insisting;
use super::{Session, WAIT_FOR_OWN, deadline};
use crate::server::operation::{FormerWait, Running};
use remofile_protocol::wire::{ErrorCode, Failure, OperationId};
use std::time::{Duration, Instant};

impl Session {
    /// Reports whether former sessions of its client have leases, and has those be in the client's way: what is left of
    /// them may change something yet.
    pub(super) fn has_former(&self) -> bool {
        let Some(known) = &self.known else { return false };
        self.shared.leases.estrange(&known.former(), known.key())
    }

    /// Has requests wait for others that have waited for former sessions of the client, once nothing is left of those.
    pub(super) fn look_at_former(&mut self, now: Duration) {
        let waits = |(id, running): (&OperationId, &Running)| Some((*id, running.former_wait()?));
        let due: Vec<(OperationId, FormerWait)> =
            self.operations.iter().filter_map(waits).filter(|(_, wait)| wait.next_look <= now).collect();
        if due.is_empty() {
            return;
        }
        let has_former = self.has_former();
        for (id, wait) in due {
            // One that got its lease this moment is about to be woken.
            let waits_on = (has_former && !wait.is_over(now)) || self.shared.leases.is_held(self.peer.session, id);
            match self.operations.get_mut(&id) {
                Some(running) if waits_on => running.wait_for_former(wait.on(now)),
                Some(running) if wait.wait_milliseconds > 0 => {
                    running.wait_for_others(deadline(now, wait.wait_milliseconds));
                    self.insisting.begin(now);
                    let holders = self.shared.leases.in_the_way(Instant::now(), self.peer.session, id);
                    if !holders.is_empty() {
                        self.machine.waiting(id, self.peer.grant.told_of(holders));
                    }
                }
                _ => match self.shared.leases.give_up(Instant::now(), self.peer.session, id) {
                    Some(holders) => {
                        self.end(now, id, Err(Failure { holders: Some(holders), ..ErrorCode::Busy.into() }));
                    }
                    // If it has its lease just now, it is about to be woken. Otherwise it waits for its own client.
                    None => self.wait_on(id, now + WAIT_FOR_OWN),
                },
            }
        }
    }

    /// Has an operation wait on, until it is looked at again.
    pub(super) fn wait_on(&mut self, id: OperationId, until: Duration) {
        if let Some(running) = self.operations.get_mut(&id) {
            running.wait_for_others(Some(until));
        }
    }

    /// Has operations that wait pass those who wait for them, if a look is due.
    pub(super) fn insist(&mut self, now: Duration) {
        if !self.insisting.is_due(now) {
            return;
        }
        let waits = |running: &Running| running.queued_request().is_some();
        let waiting: Vec<OperationId> =
            self.operations.iter().filter(|(_, running)| waits(running)).map(|(id, _)| *id).collect();
        match waiting.is_empty() {
            true => self.insisting = Insisting::default(),
            false => self.insisting.go_on(now),
        }
        // Who gets its lease is woken by that.
        waiting.into_iter().for_each(|id| self.shared.leases.insist(Instant::now(), self.peer.session, id));
    }
}

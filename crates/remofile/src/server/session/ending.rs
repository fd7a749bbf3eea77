//! How operations end, and with them what they held: leases, memory, what is not on the disk yet.

use super::{Session, SessionState};
use remofile_protocol::wire::{Done, ErrorCode, Failure, OperationId};
use std::time::{Duration, Instant};

impl Session {
    pub(super) fn end(&mut self, now: Duration, id: OperationId, outcome: Result<Done, Failure>) {
        self.operations.remove(&id);
        self.accounts.close(id);
        let is_unfinished = self.begun.remove(&id).is_some() && outcome.is_err();
        self.settling.release(Some(id), is_unfinished);
        self.machine.finish(now, id, outcome);
        self.max_hold.progressed(now);
        self.rest_if_idle();
    }

    pub(super) fn rest_if_idle(&self) {
        if self.operations.is_empty() {
            self.peer.presence.rest(Instant::now());
        }
    }

    pub(super) fn stop(&mut self, now: Duration) {
        let ids: Vec<OperationId> = self.operations.keys().copied().collect();
        for id in ids {
            self.break_off(now, id, ErrorCode::ShuttingDown.into());
        }
        self.machine.goodbye(Some(ErrorCode::ShuttingDown));
        self.state = SessionState::Closing;
    }

    /// Ends an operation in the middle; what can be resumed is kept.
    fn break_off(&mut self, now: Duration, id: OperationId, failure: Failure) {
        if let Some(operation) = self.operations.remove(&id) {
            operation.interrupt();
        }
        self.end(now, id, Err(failure));
    }

    /// Ends what has had its lease for too long without getting on. What waits keeps its place.
    pub(super) fn expire(&mut self, now: Duration) {
        let stalled: Vec<OperationId> =
            self.operations.iter().filter(|(_, operation)| operation.can_expire()).map(|(id, _)| *id).collect();
        let failure = self.max_hold.failure();
        for id in stalled {
            tracing::warn!(client = self.peer.client, address = self.peer.address, "an operation made no progress");
            self.break_off(now, id, failure.clone());
        }
    }
}

/// However a session ends, its leases do; what can be resumed is kept.
impl Drop for Session {
    fn drop(&mut self) {
        for operation in std::mem::take(&mut self.operations).into_values() {
            operation.interrupt();
        }
        self.settling.release(None, !self.begun.is_empty());
    }
}

//! How operations end, and with them what they held: leases, memory, what is not on the disk yet.

use super::{Session, State};
use crate::store::Fsync;
use remofile_protocol::wire::{Done, ErrorCode, Failure, OperationId};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

impl Session {
    pub(super) fn end(&mut self, now: Duration, id: OperationId, outcome: Result<Done, Failure>) {
        self.operations.remove(&id);
        self.accounts.close(id);
        let is_unfinished = self.begun.remove(&id).is_some() && outcome.is_err();
        self.release(Some(id), is_unfinished);
        self.machine.finish(now, id, outcome);
        self.max_hold.progressed(now);
        self.rest_if_idle();
    }

    pub(super) fn rest_if_idle(&self) {
        if self.operations.is_empty() {
            self.peer.presence.rest(Instant::now());
        }
    }

    /// Gives leases back. What an operation that did not come to its end made visible is flushed before: nobody is to
    /// look for what is there until that is known.
    fn release(&self, operation: Option<OperationId>, is_unfinished: bool) {
        let (shared, session) = (Arc::clone(&self.shared), self.peer.session);
        let must_flush = is_unfinished && shared.options.fsync == Fsync::End && shared.store.is_unflushed();
        let settle = move || {
            if must_flush && let Err(failure) = shared.store.sync(shared.store.flush_mark()) {
                tracing::error!(%failure, "what an interrupted operation stored may not be on the disk");
            }
            shared.leases.give_back(session, operation);
        };
        // A server that ends waits for it.
        if !must_flush || self.shared.stopping.load(Ordering::Acquire) {
            return settle();
        }
        if std::thread::Builder::new().name("flush".to_owned()).spawn(settle).is_err() {
            // It is flushed with what comes next; until then it is not taken for present.
            self.shared.leases.give_back(session, operation);
        }
    }

    pub(super) fn stop(&mut self, now: Duration) {
        let ids: Vec<OperationId> = self.operations.keys().copied().collect();
        for id in ids {
            self.break_off(now, id, ErrorCode::ShuttingDown.into());
        }
        self.machine.goodbye(Some(ErrorCode::ShuttingDown));
        self.state = State::Closing;
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
        self.release(None, !self.begun.is_empty());
    }
}

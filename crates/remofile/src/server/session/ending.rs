//! The end of operations and of what they held: leases, memory, and files that are not on the disk yet.

use super::leaving::Leaving;
use super::{Peer, Session, SessionState};
use crate::blocking::AtLast;
use crate::server::operation::{Leave, Running};
use crate::server::presence::Departure;
use remofile_protocol::wire::{Done, ErrorCode, Failure, OperationId};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

impl Session {
    /// Ends an operation that has nothing under way. Its client is told once its lease is given back, since it may have
    /// another client begin at once: behind the flush of what was stored, if it failed.
    pub(super) fn end(&mut self, now: Duration, id: OperationId, outcome: Result<Done, Failure>) {
        self.operations.remove(&id);
        let is_unfinished = self.begun.remove(&id).is_some() && outcome.is_err();
        match (self.settling.release(Some(id), is_unfinished), outcome) {
            (Some(over), Err(failure)) => {
                self.leaving.push(Leaving { operation: id, failure, over, is_changing: false });
            }
            (_, outcome) => self.tell_end(now, id, outcome),
        }
    }

    /// Ends an operation in the middle. Its lease is given back when it is over, and what it stored is on the disk; its
    /// client, who wants to be gone, is told as soon as it changes nothing any more.
    pub(super) fn break_off(&mut self, now: Duration, id: OperationId, leave: Leave, failure: Failure) {
        if self.leaving.iter().any(|leaving| leaving.operation == id) {
            return;
        }
        match self.operations.remove(&id) {
            Some(running) if running.leaves_slowly() && !self.is_stopping() => {
                let is_unfinished = self.begun.remove(&id).is_some();
                let settling = self.settling.clone();
                let after = move || drop(settling.release(Some(id), is_unfinished));
                let is_changing = !running.only_looks();
                let over = running.leave(leave, &self.pool, self.waker.clone(), after);
                self.leaving.push(Leaving { operation: id, failure, over, is_changing });
            }
            running => {
                match running {
                    Some(running) if running.only_looks() => running.abandon_look(),
                    Some(running) => running.leave_now(leave),
                    None => {}
                }
                self.end(now, id, Err(failure));
            }
        }
    }

    /// Tells the clients of operations that are over now.
    pub(super) fn see_off(&mut self, now: Duration) {
        if self.leaving.is_empty() {
            return;
        }
        let (over, leaving): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.leaving).into_iter().partition(|leaving| leaving.over.is_over());
        self.leaving = leaving;
        for Leaving { operation, failure, .. } in over {
            match self.state {
                SessionState::Open => self.tell_end(now, operation, Err(failure)),
                // The goodbye, behind which nothing comes, has told it.
                SessionState::Closing => self.accounts.close(operation),
            }
        }
    }

    fn tell_end(&mut self, now: Duration, id: OperationId, outcome: Result<Done, Failure>) {
        self.accounts.close(id);
        self.finish(now, id, outcome);
        self.max_hold.progressed(now);
        self.rest_if_idle();
    }

    /// Answers a request for the last time: every operation that its client learns the end of ends here.
    pub(super) fn finish(&mut self, now: Duration, id: OperationId, outcome: Result<Done, Failure>) {
        self.audit.ended(id, &outcome);
        self.machine.finish(now, id, outcome.map_err(|failure| self.peer.grant.told(failure)));
    }

    pub(super) fn rest_if_idle(&self) {
        if self.is_idle() {
            self.peer.presence.rest(Instant::now());
        }
    }

    /// Reports whether nothing of it is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.operations.is_empty() && self.leaving.is_empty()
    }

    fn is_stopping(&self) -> bool {
        self.shared.stopping.load(Ordering::Acquire)
    }

    /// The server stops: everything is over when this is.
    pub(super) fn stop(&mut self, now: Duration) {
        self.leaving.iter().filter(|leaving| leaving.is_changing).for_each(|leaving| leaving.over.await_result());
        self.see_off(now);
        // Looks, whose clients learn the end by the goodbye.
        self.leaving.clear();
        let ids: Vec<OperationId> = self.operations.keys().copied().collect();
        for id in ids {
            self.break_off(now, id, Leave::Interrupted, ErrorCode::ShuttingDown.into());
        }
        self.audit.ends_for(ErrorCode::ShuttingDown.name());
        self.machine.goodbye(Some(ErrorCode::ShuttingDown));
        self.state = SessionState::Closing;
    }

    /// Ends the session, without waiting for what it has under way: that is interrupted, and what can be resumed is kept.
    pub(super) fn depart(&mut self, now: Duration, departure: Departure) {
        let Peer { client, address, grant, .. } = &self.peer;
        let reason = match departure {
            Departure::Idle => {
                tracing::info!(client, address, "idle, and others need the session");
                self.audit.ends_for("idle");
                None
            }
            Departure::Ended(reason) => {
                let token = &grant.principal.name;
                tracing::warn!(client, address, token, reason = reason.name(), "a session was ended");
                self.audit.ends_for(reason.name());
                let ids: Vec<OperationId> = self.operations.keys().copied().collect();
                ids.into_iter().for_each(|id| self.break_off(now, id, Leave::Interrupted, reason.into()));
                Some(reason)
            }
        };
        self.machine.goodbye(reason);
        self.state = SessionState::Closing;
    }

    /// Ends everything, and waits until that is over, for who has nothing else to do: so no connection is closed, and its
    /// place given to others, before its leases are, and whoever comes again and again has no more under way.
    pub(in crate::server) fn end_now(&mut self) {
        let (running, leaving) = (std::mem::take(&mut self.operations), std::mem::take(&mut self.leaving));
        running.into_values().for_each(|running| running.leave_now(Leave::Interrupted));
        leaving.iter().for_each(|leaving| leaving.over.await_result());
        let has_unfinished = !std::mem::take(&mut self.begun).is_empty();
        drop(self.settling.release(None, has_unfinished));
    }

    /// Ends operations that have had their lease for too long without progress. Operations that wait keep their place.
    pub(super) fn expire(&mut self, now: Duration) {
        let stalled: Vec<OperationId> =
            self.operations.iter().filter(|(_, running)| running.can_expire()).map(|(id, _)| *id).collect();
        let failure = self.max_hold.failure();
        for id in stalled {
            tracing::warn!(client = self.peer.client, address = self.peer.address, "an operation made no progress");
            self.break_off(now, id, Leave::Interrupted, failure.clone());
        }
    }
}

/// However a session ends, its leases do, as soon as everything of it is over; what can be resumed is kept.
impl Drop for Session {
    fn drop(&mut self) {
        let is_slow = self.operations.values().any(Running::leaves_slowly)
            || !self.leaving.iter().all(|leaving| leaving.over.is_over());
        if self.is_stopping() || !is_slow {
            return self.end_now();
        }
        let (running, leaving) = (std::mem::take(&mut self.operations), std::mem::take(&mut self.leaving));
        let (settling, accounts) = (self.settling.clone(), self.accounts.take());
        let audit = std::mem::take(&mut self.audit);
        let has_unfinished = !self.begun.is_empty();
        let release = move || {
            drop(settling.release(None, has_unfinished));
            // What they hold counts until then.
            drop(accounts);
            // So are operations told as interrupted, behind what they have stored.
            drop(audit);
        };
        let last = Arc::new(AtLast::new(release));
        for leaving in leaving {
            let last = Arc::clone(&last);
            leaving.over.then(move |_over| drop(last));
        }
        for running in running.into_values() {
            let last = Arc::clone(&last);
            let after = move || drop(last);
            drop(running.leave(Leave::Interrupted, &self.pool, self.waker.clone(), after));
        }
    }
}

//! Operations that are on other threads: how they get there and back.

use super::Session;
use crate::server::leases::{Claim, meet};
use crate::server::operation::{Distant, Running, StartContext, start};
use crate::server::staged_files::SessionMark;
use crate::transfer::Checked;
use remofile_protocol::wire::{Done, ErrorCode, Failure, OperationId, Request};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

/// Operations of one session that change something in a distant store at once.
const CHANGES_AT_ONCE: usize = 16;

impl Session {
    /// Begins an operation on another thread that looks at a distant store.
    pub(super) fn start_distant(&mut self, id: OperationId, request: Request) {
        let (grant, shared, digest) = (Arc::clone(&self.peer.grant), Arc::clone(&self.shared), self.digest);
        let (permit, entries) = (self.permit(id, &request), self.audit.entries(id, request.activity()));
        let begin = move || {
            let mut context = StartContext {
                grant: &grant,
                permit,
                checked: &mut Checked::default(),
                open_files: &shared.open_files,
                digest,
                fsync: shared.options.fsync,
                entries,
                staged_files: &shared.staged_files,
                session: &SessionMark::default(),
            };
            start(request, &mut context)
        };
        let distant = Box::new(Distant::new(Box::new(begin)));
        let running = match self.operations.remove(&id) {
            Some(mut queued) => {
                queued.becomes(distant);
                queued
            }
            None => Running::begun(distant),
        };
        // At once: what comes for it is put by until it has begun.
        self.operations.insert(id, running.send_away(&self.pool, self.waker.clone()));
    }

    /// All operations, those behind this one first, so that each has its turn.
    pub(super) fn behind(&self, last: OperationId) -> Vec<OperationId> {
        let after = self.operations.range((Bound::Excluded(last), Bound::Unbounded));
        after.chain(self.operations.range(..=last)).map(|(id, _)| *id).collect()
    }

    /// Takes an operation back if it was on another thread and is done there; whether the session has it.
    pub(super) fn come_back(&mut self, now: Duration, id: OperationId) -> bool {
        let Some(running) = self.operations.get_mut(&id) else { return false };
        let was_away = running.is_away();
        match running.come_back() {
            Ok(false) => false,
            Ok(true) => {
                if was_away {
                    self.max_hold.progressed(now);
                    self.attend(now, id);
                }
                true
            }
            Err(_lost) => {
                tracing::error!(client = self.peer.client, "an operation panicked");
                self.end(now, id, Err(Failure::new(ErrorCode::Other).because("the server failed to do it")));
                false
            }
        }
    }

    /// Reports whether nothing of the session is being changed on another thread.
    pub(super) fn may_change(&self) -> bool {
        let is_leaving = self.leaving.iter().any(|leaving| leaving.is_changing);
        !is_leaving && !self.operations.values().any(Running::is_working_away)
    }

    /// Sends operations to other threads that want to go there: one that changes something at a time, since what a client
    /// asks for is done in turns, and however many flush or only look. In a distant store, where each waits for some answers,
    /// several go that change nothing beside their own paths, as long as these do not meet.
    pub(super) fn send_away(&mut self) {
        let mut is_changing = !self.may_change();
        for id in self.behind(self.last_away) {
            let Some(running) = self.operations.get(&id).filter(|running| running.wants_away()) else { continue };
            let is_beside = running.is_flushing() || running.only_looks();
            if is_changing && !is_beside && !self.may_change_beside(id, running) {
                continue;
            }
            if let Some(running) = self.operations.remove(&id) {
                self.operations.insert(id, running.send_away(&self.pool, self.waker.clone()));
            }
            if !is_beside {
                is_changing = true;
                self.last_away = id;
            }
        }
    }

    /// Reports whether an operation may change something beside those that do so already. Leases of one session are in nobody's way
    /// there: so what meets an operation that is under way, or came before, waits for that here.
    fn may_change_beside(&self, id: OperationId, running: &Running) -> bool {
        if !running.changes_own_paths()
            || !self.peer.grant.store.is_distant()
            || self.leaving.iter().any(|leaving| leaving.is_changing)
            || self.operations.values().filter(|other| other.is_working_away()).count() >= CHANGES_AT_ONCE
        {
            return false;
        }
        let claims = |id| self.shared.leases.claims(self.peer.session, id);
        let Some(own) = claims(id) else { return false };
        let meets = |theirs: &[Claim]| theirs.iter().any(|other| own.iter().any(|one| meet(one, other)));
        let is_apart = |(other_id, other): (&OperationId, &Running)| match other.is_working_away() {
            true => other.changes_own_paths() && claims(*other_id).is_some_and(|theirs| !meets(&theirs)),
            false => *other_id >= id || claims(*other_id).is_none_or(|theirs| !meets(&theirs)),
        };
        self.operations.iter().all(is_apart)
    }

    /// Remembers what a survey found, for the upload that follows it.
    pub(super) fn remember(&mut self, id: OperationId, checked: Checked) -> Result<Done, Failure> {
        self.accounts.close(id);
        self.checked.add_all(checked);
        let remembered = self.accounts.settle_remembered(self.checked.memory_bytes());
        if remembered.is_err() {
            // Partials that do not fit in the memory of the session must not stay in it.
            self.checked = Checked::default();
        }
        remembered.map(|()| Done::default()).map_err(Failure::from)
    }
}

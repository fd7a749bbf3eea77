//! The lease of a request of protocol 1, which waits for nobody.

use super::Session;
use super::answers::busy;
use crate::server::claims::Claims;
use crate::server::coordination;
use crate::server::leases::{Answer, Claim, Claimant};
use remofile_protocol::protocol1::Response;
use remofile_protocol::wire::{ErrorCode, OperationId};
use std::time::Instant;

impl Session {
    /// Runs something that needs the lease for as long as it takes.
    pub(super) fn with_lease(
        &mut self,
        claims: Vec<Claim>,
        activity: &'static str,
        run: impl FnOnce(&Self) -> Response<'static>,
    ) -> Response<'static> {
        if let Err(busy) = self.claim(claims, activity) {
            return busy;
        }
        let response = run(self);
        self.release();
        response
    }

    pub(super) fn claim(&mut self, claims: Vec<Claim>, activity: &'static str) -> Result<(), Response<'static>> {
        self.operation = OperationId(self.operation.0 + 1);
        self.begun = self.peer.grant.store.flush_mark();
        let claimant = Claimant {
            session: self.peer.session,
            operation: self.operation,
            client: self.peer.client_key(),
            group: None,
            is_hold: false,
            is_brief: false,
            waits: false,
            root: self.peer.grant.principal.root.clone(),
            sees_names: self.peer.grant.principal.sees_names(),
            name: self.peer.client.clone(),
            address: self.peer.address.clone(),
            activity,
            token: self.peer.grant.principal.name.clone(),
            identity: None,
        };
        match self.shared.leases.claim(Instant::now(), claimant, claims, None) {
            Answer::Granted => Ok(()),
            Answer::Entering => self.await_entered().inspect(|()| self.listen()),
            Answer::Waiting(holders) | Answer::Refused(holders) => {
                self.audit.denied(ErrorCode::Busy);
                Err(busy(&self.peer.grant.told_of(holders)))
            }
        }
    }

    /// Waits until it is known whether somebody at another server is in the way: this protocol has no word for that.
    fn await_entered(&mut self) -> Result<(), Response<'static>> {
        let coordination = self.shared.coordination();
        coordination
            .inspect(|shared| shared.await_settled(|| !self.shared.leases.waits(self.peer.session, self.operation)));
        if self.shared.leases.is_held(self.peer.session, self.operation) {
            return Ok(());
        }
        let refused = self.shared.leases.take_refusal(self.peer.session, self.operation);
        self.release();
        let failure = refused.unwrap_or_else(coordination::unreachable);
        self.audit.denied(failure.code);
        match failure.holders {
            Some(holders) => Err(busy(&self.peer.grant.told_of(holders))),
            None => Err(super::answers::other(&failure)),
        }
    }

    /// Has its bell rung when the lease that it has now is lost: its client may say nothing for long, and what others wait for is
    /// to end.
    fn listen(&self) {
        if let Some(bell) = &self.bell {
            self.shared.leases.call_when_lost(self.peer.session, self.operation, bell);
        }
    }

    /// Ends a transfer that has lost its lease.
    pub(super) fn leave_if_lost(&mut self) {
        if self.shared.leases.are_shared() && !self.shared.leases.lost(self.peer.session).is_empty() {
            self.end_transfer(false, ErrorCode::OutOfResources.name());
        }
    }

    pub(super) fn claims(&self) -> Claims<'_> {
        Claims { root: &self.peer.grant.principal.root, is_exclusive: self.shared.options.exclusive }
    }

    pub(super) fn release(&self) {
        self.shared.leases.release(Instant::now(), self.peer.session, None);
    }
}

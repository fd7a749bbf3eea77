//! Claims of the operations of a session, and what they may do under their leases.

use super::Session;
use crate::server::claims::{Claims, is_brief};
use crate::server::clients::ClientSession;
use crate::server::coordination;
use crate::server::leased::Leased;
use crate::server::leases::{self, Answer, Bounds, Claim, Claimant, GroupKey};
use crate::server::operation::{Leave, Running};
use crate::transfer::Permit;
use remofile_protocol::wire::{OperationId, Request};
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Session {
    pub(super) fn claims(&self, request: &Request) -> Vec<Claim> {
        let root = &self.peer.grant.principal.root;
        Claims { root, is_exclusive: self.shared.options.exclusive }.of(request)
    }

    pub(super) fn claimant(&self, operation: OperationId, request: &Request) -> Claimant {
        Claimant {
            session: self.peer.session,
            operation,
            client: self.known.as_ref().map_or_else(|| self.peer.client_key(), ClientSession::key),
            group: request.group().map(|number| GroupKey { principal: self.peer.grant.principal.id, number }),
            is_hold: is_hold(request),
            is_brief: is_brief(request),
            waits: false,
            root: self.peer.grant.principal.root.clone(),
            sees_names: self.peer.grant.principal.sees_names(),
            name: self.peer.client.clone(),
            address: self.peer.address.clone(),
            activity: request.activity(),
            token: self.peer.grant.principal.name.clone(),
            identity: self.peer.identity,
        }
    }

    /// Reports whether it waits for a lease that other operations are to run under: those wait for it as well.
    pub(super) fn awaits_hold(&self) -> bool {
        self.operations.values().filter_map(Running::queued_request).any(is_hold)
    }

    /// Begins an operation that has its lease, or asks once more for one that was to run under a hold which gave up.
    pub(super) fn wait_no_more(&mut self, now: Duration, id: OperationId, request: Request) {
        let leases = &self.shared.leases;
        if let Some(failure) = leases.take_refusal(self.peer.session, id) {
            return self.end(now, id, Err(failure));
        }
        let waker = leases.are_shared().then_some(&self.waker);
        let asked = match leases.is_held(self.peer.session, id) {
            true => Answer::Granted,
            false => leases.claim(Instant::now(), self.claimant(id, &request), self.claims(&request), waker),
        };
        match asked {
            Answer::Granted => self.start(now, id, request),
            Answer::Entering => {}
            Answer::Waiting(holders) | Answer::Refused(holders) => {
                // It may wait for its own client, which it was not to wait for.
                leases.release(Instant::now(), self.peer.session, Some(id));
                self.end(now, id, Err(leases::busy(holders)));
            }
        }
    }

    /// Tells operations that wait for those at other servers whom they wait for, and ends those that others may be in the
    /// middle of, since the coordinator was lost.
    pub(super) fn look_at_other_servers(&mut self, now: Duration) {
        let leases = &self.shared.leases;
        if !leases.are_shared() {
            return;
        }
        for id in leases.take_waits(self.peer.session) {
            let holders = leases.in_the_way(Instant::now(), self.peer.session, id);
            if !holders.is_empty() {
                self.audit.waits(id);
                self.machine.waiting(id, self.peer.grant.told_of(holders));
            }
        }
        for id in leases.lost(self.peer.session) {
            if let Some(running) = self.operations.get(&id) {
                let goes_on_elsewhere = running.goes_on_elsewhere();
                let failure = if goes_on_elsewhere { coordination::unreachable() } else { coordination::interrupted() };
                let (client, address) = (&self.peer.client, &self.peer.address);
                tracing::warn!(client, address, "an operation was interrupted: the coordinator cannot be reached");
                self.break_off(now, id, Leave::Interrupted, failure);
            }
        }
    }

    /// The permit for each path that an operation uses: an upload changes nothing without a lease.
    pub(super) fn permit(&self, id: OperationId, request: &Request) -> Arc<dyn Permit> {
        let grant = Arc::clone(&self.peer.grant);
        let is_upload = matches!(request, Request::Upload { .. });
        match is_upload.then(|| self.shared.leases.claims(self.peer.session, id)).flatten() {
            Some(claims) => Arc::new(Leased::new(Arc::clone(&grant), Bounds::new(&grant.principal.root, &claims))),
            None => grant,
        }
    }
}

fn is_hold(request: &Request) -> bool {
    matches!(request, Request::Hold { .. })
}

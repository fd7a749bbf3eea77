//! Requests of a session: each is refused, answered at once, or begun as soon as it has its lease.

use super::{Session, deadline};
use crate::server::leases::{self, Answer, Claimant, LeaseStatus};
use crate::server::operation::{FormerWait, Running, StartContext, only_looks, start};
use crate::server::principal::Usage;
use remofile_protocol::wire::{Done, OperationId, Request, StatusReport};
use std::time::{Duration, Instant};

impl Session {
    pub(super) fn begin(&mut self, now: Duration, id: OperationId, request: Request, wait_milliseconds: u64) {
        self.audit.asked(id, &request);
        // What is refused whoever holds the lease does not wait for it.
        let authorised = self.peer.grant.authorise_request(&request);
        if let Err(failure) = authorised.and_then(|()| self.peer.grant.refuse_without_root()) {
            return self.finish(now, id, Err(failure));
        }
        // Answered whoever holds the lease: users who wait for it ask who that is.
        if matches!(request, Request::Status) {
            let status = Some(Box::new(self.status()));
            return self.finish(now, id, Ok(Done { status, ..Done::default() }));
        }
        let claims = self.claims(&request);
        // Reserved before the lease is claimed: a request holds its memory while it waits, too.
        if let Err(exhausted) = self.accounts.open(id, &request, leases::memory_bytes(&claims)) {
            return self.finish(now, id, Err(exhausted.into()));
        }
        if claims.is_empty() && !self.awaits_hold() {
            return self.start(now, id, request);
        }
        // Before the claim: what ends in between is not in the way of it any more.
        let has_former = self.has_former();
        let waits = wait_milliseconds > 0 || has_former;
        let claimant = Claimant { waits, ..self.claimant(id, &request) };
        match self.shared.leases.claim(Instant::now(), claimant, claims, Some(&self.waker)) {
            Answer::Granted => self.start(now, id, request),
            Answer::Entering => {
                let deadline = if waits { deadline(now, wait_milliseconds) } else { None };
                self.operations.insert(id, Running::queued(request, deadline));
            }
            Answer::Waiting(_) if has_former => {
                self.audit.waits(id);
                let wait = FormerWait::new(now, wait_milliseconds);
                self.operations.insert(id, Running::behind_former(request, wait));
            }
            Answer::Refused(holders) => {
                self.accounts.close(id);
                self.finish(now, id, Err(leases::busy(holders)));
            }
            Answer::Waiting(holders) => {
                self.insisting.begin(now);
                self.audit.waits(id);
                // Who waits for itself need not know.
                if !holders.is_empty() {
                    self.machine.waiting(id, self.peer.grant.told_of(holders));
                }
                self.operations.insert(id, Running::queued(request, deadline(now, wait_milliseconds)));
            }
        }
    }

    fn status(&self) -> StatusReport {
        let principal = &self.peer.grant.principal;
        let told = |only_token| self.shared.leases.told(Instant::now(), &principal.root, only_token);
        let LeaseStatus { holders, waiting } = match principal.sees_others {
            true => told(None),
            // Those of its own token, since they know the same names. A drop box may be many people's.
            false if principal.sees_names() => told(Some(&principal.name)),
            false => LeaseStatus::default(),
        };
        let uptime = self.shared.started.elapsed().as_millis();
        let Usage { used, quota } = self.peer.grant.usage();
        // Who may see nothing of what is there is not told how much it is, but for a quota of its own.
        let used = used.filter(|_| quota.is_some() || principal.sees_names());
        StatusReport {
            agent: self.shared.agent.clone(),
            uptime_milliseconds: u64::try_from(uptime).unwrap_or(u64::MAX),
            holders,
            waiting: waiting as u64,
            token: Some(principal.name.clone()),
            used,
            quota,
            hides_others: !principal.sees_others,
        }
    }

    /// The operation has its lease: it begins, with everything that came for it while it waited.
    pub(super) fn start(&mut self, now: Duration, id: OperationId, request: Request) {
        self.max_hold.progressed(now);
        self.audit.begins(id);
        if request.is_write() {
            // Taken before anything is stored: any flush that fails from now on may lose files of this operation.
            self.begun.insert(id, self.peer.grant.store.flush_mark());
        }
        if self.peer.grant.store.is_distant() && only_looks(&request) {
            return self.start_distant(id, request);
        }
        let permit = self.permit(id, &request);
        let mut context = StartContext {
            grant: &self.peer.grant,
            permit,
            checked: &mut self.checked,
            open_files: &self.shared.open_files,
            digest: self.digest,
            fsync: self.shared.options.fsync,
            entries: self.audit.entries(id, request.activity()),
            staged_files: &self.shared.staged_files,
            session: &self.mark,
        };
        let started = start(request, &mut context);
        // An upload has taken over what a survey found: that is less than before, or as much.
        let _less = self.accounts.settle_remembered(self.checked.memory_bytes());
        match started {
            Ok(operation) => self.go_on_as(now, id, operation),
            Err(failure) => self.end(now, id, Err(failure)),
        }
    }
}

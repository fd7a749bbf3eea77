//! A session on the server: the machine's events become operations on the store.
//!
//! It knows no socket: messages come in by [`Session::receive`], messages go out by
//! [`Session::produce`], so that every carrier can bring them.

mod away;
mod beginning;
mod claiming;
mod ending;
mod former;
mod further_lanes;
mod insisting;
mod leaving;
mod pacing;
mod peer;
mod resting;
mod settling;
mod several;
mod shared_state;
mod turns;

pub(super) use peer::Peer;
pub(super) use shared_state::SharedState;

use super::accounts::Accounts;
use super::audit::SessionAudit;
use super::bandwidth::Direction;
use super::clients::ClientSession;
use super::leases::{self};
use super::max_hold::MaxHold;
use super::operation::{Leave, Running};
use super::staged_files::SessionMark;
use crate::blocking::{Owner, Pool};
use crate::budget::Budget;
use crate::carrier::{Payload, Waker};
use crate::store::FlushMark;
use crate::transfer::{Checked, content_bytes};
use further_lanes::FurtherLanes;
use insisting::Insisting;
use leaving::Leaving;
use remofile_protocol::digest::DigestKind;
use remofile_protocol::limits::{DEFAULT_PAYLOAD_BYTES, INITIAL_CREDIT_BYTES};
use remofile_protocol::session::{ServerEvent, ServerSession, SessionError};
use remofile_protocol::wire::{ErrorCode, Failure, Header, OperationId, Request, WAIT_FOREVER, credit_bytes};
use settling::Settling;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Smallest window of an operation whose client is told that it has begun, in bytes.
const LEAST_WINDOW_BYTES: u64 = INITIAL_CREDIT_BYTES + 64 * 1024;

/// Time between two looks at whether an operation whose time to wait is over still waits for its own client alone.
const WAIT_FOR_OWN: Duration = Duration::from_secs(1);

/// Bytes that the answers to one message may leave to be sent, with a margin.
const LEAST_OUTBOX_BYTES: u64 = 32 * 1024 * 1024;

/// One client's session.
pub(super) struct Session {
    shared: Arc<SharedState>,
    /// The threads for what may wait for a disk, as this peer may use them.
    pool: Pool,
    peer: Peer,
    /// Its place among the sessions of its client, if that told who it is.
    known: Option<ClientSession>,
    lanes: FurtherLanes,
    waker: Waker,
    machine: ServerSession,
    operations: BTreeMap<OperationId, Running>,
    /// Operations that are ended, until they are over. Nothing else is changed for this session while one of them may change something.
    leaving: Vec<Leaving>,
    /// The operation that was on another thread last.
    last_away: OperationId,
    accounts: Accounts,
    /// Positions in the history of flushes at which operations began that change something.
    begun: BTreeMap<OperationId, FlushMark>,
    /// Partials that a survey of this session has looked at, for the upload that follows it.
    checked: Checked,
    /// The operation that had its turn last.
    last_turn: OperationId,
    /// The digest at the end of each file, in both directions.
    digest: DigestKind,
    /// Time at which its uploads go on, after its principal has received more than it may.
    paced_until: Option<Duration>,
    max_hold: MaxHold,
    insisting: Insisting,
    settling: Settling,
    /// The mark of this session in the files that it stages.
    mark: SessionMark,
    audit: SessionAudit,
    state: SessionState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionState {
    Open,
    /// Said goodbye, or was told so.
    Closing,
}

/// The next thing that a session has to send or do.
pub(super) enum Turn {
    /// This header; payload, if any, is in the message.
    Message(Header),
    /// Nothing yet, but there is more to do.
    Work,
    /// Nothing before something happens.
    Nothing,
}

impl Session {
    pub(super) fn new(shared: Arc<SharedState>, peer: Peer, waker: Waker, digest: DigestKind) -> Self {
        // A session without operations is idle from the beginning, so that it can be dismissed before its first
        // request.
        peer.presence.rest(Instant::now());
        let grant = &peer.grant;
        let memory = Budget::of_session(&shared.memory, grant.principal.limits.session_memory);
        // Peers of whom no network is known share nothing.
        let pool = shared.pool.of(peer.network.map_or(Owner(peer.session.into()), |network| Owner(network.number())));
        Self {
            max_hold: MaxHold::new(shared.limits.current().max_hold),
            insisting: Insisting::default(),
            settling: Settling::new(
                Arc::clone(&shared),
                pool.clone(),
                Arc::clone(&grant.store),
                peer.session,
                waker.clone(),
            ),
            audit: SessionAudit::begin(&shared.reporter, &peer.audited()),
            pool,
            known: shared.know(&peer),
            lanes: FurtherLanes::new(shared.open_lanes(&peer)),
            shared,
            peer,
            waker,
            machine: ServerSession::new(DEFAULT_PAYLOAD_BYTES),
            operations: BTreeMap::new(),
            leaving: Vec::new(),
            last_away: OperationId::SESSION,
            accounts: Accounts::new(memory),
            begun: BTreeMap::new(),
            checked: Checked::default(),
            last_turn: OperationId::SESSION,
            digest,
            paced_until: None,
            mark: SessionMark::default(),
            state: SessionState::Open,
        }
    }

    /// Records that the peer gave a sign of life.
    pub(super) fn heard(&mut self, now: Duration) {
        self.machine.heard(now);
    }

    /// Takes a message.
    pub(super) fn receive<'a>(
        &mut self,
        now: Duration,
        header: Header,
        payload: impl Into<Payload<'a>>,
    ) -> Result<(), SessionError> {
        let payload = payload.into();
        if self.state == SessionState::Closing {
            // A request that crosses a goodbye is not begun: its client makes it again.
            return Ok(());
        }
        match self.machine.receive(now, header, payload.len())? {
            ServerEvent::None => {}
            ServerEvent::Closed => self.state = SessionState::Closing,
            ServerEvent::Request { operation, request, wait_milliseconds } => {
                self.peer.presence.work();
                self.begin(now, operation, request, wait_milliseconds);
                self.rest_if_idle();
            }
            // What only waits for the disk is done: it cannot be cancelled any more, and counts until it is over.
            ServerEvent::Cancel(id) if self.operations.get(&id).is_some_and(Running::is_flushing) => {}
            ServerEvent::Cancel(id) => self.break_off(now, id, Leave::Cancelled, ErrorCode::Cancelled.into()),
            ServerEvent::Items(id, items) => {
                self.max_hold.progressed(now);
                self.audit.received(id, payload.len());
                self.peer.grant.bandwidth.spend(Direction::Received, payload.len() as u64);
                let credit = credit_bytes(&items, payload.len());
                self.accounts.heard(id, content_bytes(&items, payload.len()), credit);
                let take = |running: &mut Running| running.take_items(items, payload, credit);
                self.hand(now, id, take);
                if self.may_change()
                    && !self.is_paced(now)
                    && self.operations.get_mut(&id).is_some_and(Running::work_at_once)
                {
                    self.attend(now, id);
                }
            }
            ServerEvent::Finish(id) => self.hand(now, id, Running::finish),
            ServerEvent::Select(id, files) => {
                self.max_hold.progressed(now);
                let grant = Arc::clone(&self.peer.grant);
                let select = |running: &mut Running| {
                    grant.authorise_sources(&files).and_then(|()| running.select(&grant.store, files))
                };
                self.hand(now, id, select);
            }
            ServerEvent::Unwanted(id, path) => {
                let unwanted = |running: &mut Running| {
                    running.unwanted(&path);
                    Ok(())
                };
                self.hand(now, id, unwanted);
            }
        }
        self.accounts.settle_outbox(self.machine.queued_bytes() as u64);
        Ok(())
    }

    /// Gives an operation something of its client's, which ends it if it makes no sense.
    fn hand(&mut self, now: Duration, id: OperationId, give: impl FnOnce(&mut Running) -> Result<(), Failure>) {
        match self.operations.get_mut(&id).map(give) {
            None => {}
            Some(Ok(())) => self.account(now, id),
            Some(Err(failure)) => self.break_off(now, id, Leave::Cancelled, failure),
        }
    }

    /// Starts waiting operations that have got their lease; ends everything if the server stops, and the session if
    /// it has to leave.
    pub(super) fn woken(&mut self, now: Duration) {
        if self.shared.stopping.load(Ordering::Acquire) && self.state == SessionState::Open {
            return self.stop(now);
        }
        if self.state == SessionState::Open
            && let Some(departure) = self.peer.presence.leave()
        {
            return self.depart(now, departure);
        }
        self.look_at_other_servers(now);
        let waits = |id: &OperationId| self.shared.leases.waits(self.peer.session, *id);
        let ready: Vec<(OperationId, Request)> = self
            .operations
            .iter()
            .filter_map(|(id, running)| Some((*id, running.queued_request()?)))
            .filter(|(id, _)| !waits(id))
            .map(|(id, request)| (id, request.clone()))
            .collect();
        for (id, request) in ready {
            self.wait_no_more(now, id, request);
        }
    }

    /// Returns the time at which [`Session::handle_timeout`] is to be called.
    pub(super) fn next_timeout(&self) -> Option<Duration> {
        let waits = self.operations.values().filter_map(Running::deadline);
        let paced = self.operations.values().filter_map(Running::ready_at).chain(self.receives_at());
        let can_expire = self.operations.values().any(Running::can_expire);
        let expires = can_expire.then(|| self.max_hold.ends_at());
        let looks = self.operations.values().filter_map(|running| Some(running.former_wait()?.next_look));
        let looks = looks.chain(self.insisting.next()).chain(self.useless_until());
        self.machine.next_timeout().into_iter().chain(waits).chain(looks).chain(paced).chain(expires).min()
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Duration) -> Result<(), SessionError> {
        self.look_at_former(now);
        self.insist(now);
        self.end_if_useless(now);
        let late: Vec<OperationId> = self
            .operations
            .iter()
            .filter(|(_, operation)| operation.deadline().is_some_and(|deadline| deadline <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            match self.shared.leases.give_up(Instant::now(), self.peer.session, id) {
                Some(holders) => self.end(now, id, Err(leases::busy(holders))),
                // If it has its lease just now, it is about to be woken. Otherwise it waits for its own client.
                None => self.wait_on(id, now + WAIT_FOR_OWN),
            }
        }
        if !self.leaving.is_empty() || self.operations.values().any(Running::is_away) {
            // The disk is slow, and not the client.
            self.max_hold.progressed(now);
        }
        if self.paced_until.is_some() {
            self.max_hold.progressed(now);
        }
        if self.max_hold.is_over(now) {
            self.expire(now);
        }
        if self.accounts.is_overdrawn() {
            // Its messages are not read now, so its silence is this side's doing.
            self.machine.heard(now);
        }
        self.machine.handle_timeout(now)
    }

    /// Reports whether messages are taken now.
    pub(super) fn wants_messages(&self) -> bool {
        self.state == SessionState::Open && !self.machine.is_congested() && !self.accounts.is_overdrawn()
    }

    /// Reports whether more is held, or waits to be sent, than a client can cause whose messages are only taken when
    /// they are wanted ([`Session::wants_messages`]).
    pub(super) fn is_overwhelmed(&self) -> bool {
        self.accounts.is_overdrawn()
            || self.machine.queued_bytes() as u64
                > self.peer.grant.principal.limits.session_memory.max(LEAST_OUTBOX_BYTES)
    }

    /// Reports whether the session is over, except for messages in the queue.
    pub(super) fn is_done(&self) -> bool {
        self.state == SessionState::Closing
    }
}

/// Returns the time at which a wait that begins now is over.
fn deadline(now: Duration, wait_milliseconds: u64) -> Option<Duration> {
    match wait_milliseconds {
        WAIT_FOREVER => None,
        wait => Some(now.saturating_add(Duration::from_millis(wait))),
    }
}

#[cfg(test)]
mod tests;

//! A session on the server: the machine's events become operations on the store.
//!
//! It knows no socket: messages come in by [`Session::receive`], messages go out by
//! [`Session::produce`], so that every carrier can bring them.

mod away;
mod ending;
mod leaving;
mod peer;
mod resting;
mod settling;
mod shared_state;

pub(super) use peer::Peer;
pub(super) use shared_state::SharedState;

use super::accounts::Accounts;
use super::leases::{Access, Answer, Claim};
use super::max_hold::MaxHold;
use super::operation::{FirstWindow, Flushed, Leave, Operation, OperationTurn, Running, StartContext, Step, start};
use crate::blocking::{Owner, Pool};
use crate::budget::Budget;
use crate::carrier::{MessageWriter, Payload, Waker};
use crate::store::{FlushMark, Fsync};
use crate::transfer::Checked;
use leaving::Leaving;
use remofile_protocol::digest::DigestKind;
use remofile_protocol::limits::{DEFAULT_PAYLOAD_BYTES, INITIAL_CREDIT_BYTES};
use remofile_protocol::session::{ServerEvent, ServerSession, SessionError};
use remofile_protocol::wire::{
    Done, ErrorCode, Failure, Header, OperationId, Request, StatusReport, WAIT_FOREVER, credit_bytes,
};
use settling::Settling;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Smallest window of an operation whose client is told that it has begun, in bytes.
const LEAST_WINDOW_BYTES: u64 = INITIAL_CREDIT_BYTES + 64 * 1024;

/// Bytes that the answers to one message may leave to be sent, with a margin.
const LEAST_OUTBOX_BYTES: u64 = 32 * 1024 * 1024;

/// One client's session.
pub(super) struct Session {
    shared: Arc<SharedState>,
    /// The threads for what may wait for a disk, as this peer may use them.
    pool: Pool,
    peer: Peer,
    waker: Waker,
    machine: ServerSession,
    operations: BTreeMap<OperationId, Running>,
    /// Operations that were ended in the middle, until they are over. Nothing else is changed for this session meanwhile.
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
    max_hold: MaxHold,
    settling: Settling,
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
            max_hold: MaxHold::new(shared.options.max_hold),
            settling: Settling::new(Arc::clone(&shared), pool.clone(), Arc::clone(&grant.store), peer.session),
            pool,
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
                let credit = credit_bytes(&items, payload.len());
                let take = |running: &mut Running| running.take_items(items, payload, credit);
                self.hand(now, id, take);
                if self.may_change() && self.operations.get_mut(&id).is_some_and(Running::work_at_once) {
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
                if let Some(running) = self.operations.get_mut(&id) {
                    running.unwanted(&path);
                }
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

    /// Grants credit for items that were used up, and opens the window further as far as the budget goes.
    fn consumed(&mut self, id: OperationId, credit: u64) {
        self.machine.consumed(id, credit);
        if self.accounts.is_narrow(id) {
            self.machine.open_window_to(id, self.accounts.widen(id));
        }
    }

    /// Reserves the memory that an operation holds. An operation that exceeds the budget ends, unless it will hold
    /// less by itself.
    fn account(&mut self, now: Duration, id: OperationId) {
        let Some(operation) = self.operations.get(&id) else { return };
        let settled = self.accounts.settle(id, operation.memory_bytes(), operation.is_busy());
        if let Err(exhausted) = settled {
            self.break_off(now, id, Leave::Cancelled, exhausted.into());
        }
    }

    fn begin(&mut self, now: Duration, id: OperationId, request: Request, wait_milliseconds: u64) {
        // What is refused whoever holds the lease does not wait for it.
        if let Err(failure) = self.peer.grant.authorise_request(&request) {
            return self.machine.finish(now, id, Err(failure));
        }
        // Answered whoever holds the lease: users who wait for it ask who that is.
        if matches!(request, Request::Status) {
            let status = Some(self.status());
            return self.machine.finish(now, id, Ok(Done { status, ..Done::default() }));
        }
        // Reserved before the lease is claimed: a request holds its memory while it waits, too.
        if let Err(exhausted) = self.accounts.open(id, &request) {
            return self.machine.finish(now, id, Err(exhausted.into()));
        }
        let claim = Claim {
            session: self.peer.session,
            operation: id,
            group: request.group(),
            access: if request.is_write() { Access::Write } else { Access::Read },
            client: self.peer.client.clone(),
            address: self.peer.address.clone(),
            activity: request.activity(),
        };
        let waker = (wait_milliseconds > 0).then_some(&self.waker);
        match self.shared.leases.claim(Instant::now(), claim, waker) {
            Answer::Granted => self.start(now, id, request),
            Answer::Busy(holders) if wait_milliseconds == 0 => {
                self.accounts.close(id);
                self.machine.finish(now, id, Err(Failure { holders: Some(holders), ..ErrorCode::Busy.into() }));
            }
            Answer::Busy(holders) => {
                self.machine.waiting(id, holders);
                let deadline = match wait_milliseconds {
                    WAIT_FOREVER => None,
                    wait => Some(now.saturating_add(Duration::from_millis(wait))),
                };
                self.operations.insert(id, Running::queued(request, deadline));
            }
        }
    }

    fn status(&self) -> StatusReport {
        let (holders, waiting) = self.shared.leases.holders(Instant::now());
        let uptime = self.shared.started.elapsed().as_millis();
        StatusReport {
            agent: self.shared.agent.clone(),
            uptime_milliseconds: u64::try_from(uptime).unwrap_or(u64::MAX),
            holders,
            waiting: waiting as u64,
        }
    }

    /// The operation has its lease: it begins, with everything that came for it while it waited.
    fn start(&mut self, now: Duration, id: OperationId, request: Request) {
        self.max_hold.progressed(now);

        if request.is_write() {
            // Taken before anything is stored: any flush that fails from now on may lose files of this operation.
            self.begun.insert(id, self.peer.grant.store.flush_mark());
        }
        let mut context = StartContext {
            grant: &self.peer.grant,
            checked: &mut self.checked,
            digest: self.digest,
            fsync: self.shared.options.fsync,
        };
        let started = start(request, &mut context);
        // An upload has taken over what a survey found: that is less than before, or as much.
        let _less = self.accounts.settle_remembered(self.checked.memory_bytes());
        match started {
            Ok(operation) => self.go_on_as(now, id, operation),
            Err(failure) => self.end(now, id, Err(failure)),
        }
    }

    fn go_on_as(&mut self, now: Duration, id: OperationId, operation: Box<dyn Operation>) {
        match self.operations.get_mut(&id) {
            Some(running) => running.becomes(operation),
            None => drop(self.operations.insert(id, Running::begun(operation))),
        }
        self.attend(now, id);
    }

    /// Does what is due with an operation that the session has: tells its client that it has begun and what failed, gives it
    /// what came meanwhile.
    fn attend(&mut self, now: Duration, id: OperationId) {
        let Some(running) = self.operations.get_mut(&id) else { return };
        let first_window = running.take_first_window();
        running.take_failures().into_iter().for_each(|failure| self.machine.item_failed(id, failure));
        let released = running.take_released();
        // Where there is no room for more than the initial window, it still learns that it has begun.
        match first_window {
            FirstWindow::None | FirstWindow::NotYet => {}
            FirstWindow::Least => self.machine.open_window_to(id, LEAST_WINDOW_BYTES),
            FirstWindow::Full => self.machine.open_window_to(id, self.accounts.widen(id).max(LEAST_WINDOW_BYTES)),
        }
        if released > 0 {
            self.consumed(id, released);
        }
        let store = Arc::clone(&self.peer.grant.store);
        self.hand(now, id, |running| running.deliver(&store));
    }

    /// Ends an operation that has done its work, after a flush if the server's options demand one.
    fn make_durable(&mut self, now: Duration, id: OperationId, done: Done) {
        if self.shared.options.fsync != Fsync::End {
            return self.end(now, id, Ok(done));
        }
        let since = self.begun.get(&id).copied().unwrap_or_default();
        self.go_on_as(now, id, Box::new(Flushed::new(done, &self.peer.grant.store, since)));
    }

    /// Starts waiting operations that have got their lease; ends everything if the server stops, and the session if
    /// others need its place.
    pub(super) fn woken(&mut self, now: Duration) {
        if self.shared.stopping.load(Ordering::Acquire) && self.state == SessionState::Open {
            return self.stop(now);
        }
        if self.state == SessionState::Open && self.peer.presence.leave() {
            tracing::info!(client = self.peer.client, address = self.peer.address, "idle, and others need the session");
            self.machine.goodbye(None);
            self.state = SessionState::Closing;
            return;
        }
        let is_held = |id: &OperationId| self.shared.leases.is_held(self.peer.session, *id);
        let ready: Vec<(OperationId, Request)> = self
            .operations
            .iter()
            .filter_map(|(id, running)| Some((*id, running.queued_request()?)))
            .filter(|(id, _)| is_held(id))
            .map(|(id, request)| (id, request.clone()))
            .collect();
        for (id, request) in ready {
            self.start(now, id, request);
        }
    }

    /// Gives the next message to send; its payload is put into `message`.
    pub(super) fn produce(&mut self, now: Duration, message: &mut MessageWriter<'_>) -> Result<Turn, SessionError> {
        self.see_off(now);
        if let Some(header) = self.machine.poll_header() {
            self.accounts.settle_outbox(self.machine.queued_bytes() as u64);
            return Ok(Turn::Message(header));
        }
        let turn = self.give_turns(now, message)?;
        self.send_away();
        Ok(turn)
    }

    fn give_turns(&mut self, now: Duration, message: &mut MessageWriter<'_>) -> Result<Turn, SessionError> {
        let mut worked = false;
        for id in self.behind(self.last_turn) {
            if !self.come_back(now, id) {
                continue;
            }
            let may_change = self.may_change();
            let Some(running) = self.operations.get_mut(&id) else { continue };
            let step = running.step(&mut OperationTurn { now, id, machine: &mut self.machine, message, may_change })?;
            if !matches!(step, Step::Nothing | Step::Blocking) {
                self.max_hold.progressed(now);
            }
            match step {
                Step::Message(header) => {
                    self.last_turn = id;
                    self.attend(now, id);
                    return Ok(Turn::Message(header));
                }
                Step::Nothing => self.attend(now, id),
                Step::Work => {
                    worked = true;
                    self.attend(now, id);
                }
                // Its turn for that comes below.
                Step::Blocking => self.account(now, id),
                Step::Changed(done) => {
                    worked = true;
                    self.make_durable(now, id, done);
                }
                Step::Surveyed(checked) => {
                    let outcome = self.remember(id, checked);
                    self.end(now, id, outcome);
                }
                Step::Ended(outcome) => self.end(now, id, outcome),
            }
            if let Some(header) = self.machine.poll_header() {
                return Ok(Turn::Message(header));
            }
        }
        // An operation may have ended when it came back.
        Ok(match self.machine.poll_header() {
            Some(header) => Turn::Message(header),
            None if worked => Turn::Work,
            None => Turn::Nothing,
        })
    }

    /// Returns the time at which [`Session::handle_timeout`] is to be called.
    pub(super) fn next_timeout(&self) -> Option<Duration> {
        let waits = self.operations.values().filter_map(Running::deadline);
        let paced = self.operations.values().filter_map(Running::ready_at);
        let can_expire = self.operations.values().any(Running::can_expire);
        let expires = can_expire.then(|| self.max_hold.ends_at());
        self.machine.next_timeout().into_iter().chain(waits).chain(paced).chain(expires).min()
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Duration) -> Result<(), SessionError> {
        let late: Vec<OperationId> = self
            .operations
            .iter()
            .filter(|(_, operation)| operation.deadline().is_some_and(|deadline| deadline <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            let (holders, _) = self.shared.leases.holders(Instant::now());
            self.end(now, id, Err(Failure { holders: Some(holders), ..ErrorCode::Busy.into() }));
        }
        if !self.leaving.is_empty() || self.operations.values().any(Running::is_away) {
            // The disk is slow, and not the client.
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

#[cfg(test)]
mod tests;

//! One call: an operation from its request to its end, on the caller's thread.

pub(crate) use crate::client::session::ended::{After, broken, closed, gone, not_begun};

use crate::carrier::{Line, Link, Produced, Waker, drive};
use crate::client::identity::Connection;
use crate::client::servers::kept::ServerPlace;
use crate::client::session::context::CallContext;
use crate::client::session::endpoint::{ClientEndpoint, LeaseHold, SessionUse};
use crate::client::session::handler::{Handler, OngoingCall};
use crate::client::session::lanes::Lanes;
use crate::client::session::stall_watch::StallWatch;
use crate::client::session::traffic::Traffic;
use crate::error::{Error, Result};
use crate::gateway::Guard;
use remofile_protocol::handshake::ServerHello;
use remofile_protocol::limits::{DEAD_AFTER, DEFAULT_PAYLOAD_BYTES, MAX_HEADER_BYTES};
use remofile_protocol::session::{ClientEvent, ClientSession};
use remofile_protocol::wire::{Body, Done, ErrorCode, Failure, Header, OperationId, Request, credit_bytes};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time that a server may take to end an operation that it was asked to end. Then the session is given up.
const END_AFTER: Duration = DEAD_AFTER.saturating_mul(3);

/// A session with a server, between calls.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) link: Link,
    pub(crate) machine: ClientSession,
    pub(super) hello: ServerHello,
    /// The place of its server.
    pub(crate) place: ServerPlace,
    pub(crate) clock: Instant,
    pub(crate) lease_hold: Option<LeaseHold>,
    /// Guard of the gateway that this session talks to, and the protection of the gateway's own connection.
    pub(super) gateway: Option<(Guard, &'static str)>,
    /// Identity by which the server knows it, if it does.
    pub(super) connection: Option<Connection>,
    /// Held as long as it is there by those who share it.
    pub(super) mark: Option<Arc<()>>,
    /// True if the server has ended it for another session of the same client.
    pub(super) is_replaced: bool,
    /// True if the session belongs to another process: this one only closes its descriptor.
    is_inherited: bool,
    /// Shortest time that the server took to answer.
    pub(super) round_trip: Duration,
    /// Time that the server took to answer the hello.
    pub(super) answered: Duration,
    /// Its further connections, if it is to have some.
    pub(super) lanes: Option<Lanes>,
    /// True if the next call may open them.
    pub(crate) opens_lanes: bool,
}

impl Session {
    pub(super) fn new(link: Link, hello: ServerHello, place: ServerPlace) -> Self {
        Self {
            link,
            machine: ClientSession::new(DEFAULT_PAYLOAD_BYTES),
            hello,
            place,
            clock: Instant::now(),
            lease_hold: None,
            gateway: None,
            connection: None,
            mark: None,
            is_replaced: false,
            is_inherited: false,
            round_trip: Duration::ZERO,
            answered: Duration::ZERO,
            lanes: None,
            opens_lanes: false,
        }
    }

    /// Turns it into a session with a gateway.
    pub(super) fn behind(self, guard: Guard, protection: &'static str) -> Self {
        let mut session = self;
        session.gateway = Some((guard, protection));
        session
    }

    /// Sets the identity that the server was told.
    pub(super) fn known_by(self, mut connection: Connection) -> Self {
        let mut session = self;
        connection.opened();
        session.connection = Some(connection);
        session
    }

    /// Chooses the size of chunks for a server of protocol 1; `None` for any that it takes. Returns true if a look at the root
    /// is to tell whether it takes them.
    pub(crate) fn choose_chunk(&self, bytes: Option<NonZeroU32>) -> bool {
        let Some((guard, _)) = &self.gateway else { return false };
        guard.choose_chunk(bytes);
        bytes.is_some()
    }

    pub(crate) fn stall_watch(&self) -> StallWatch {
        StallWatch::behind(self.gateway.as_ref().map(|(guard, _)| guard.answers()))
    }

    /// Reports whether the server has ended it, while it was idle, for another session of the same client.
    pub(crate) fn is_replaced(&self) -> bool {
        self.is_replaced
    }

    /// Lets go of the session without a goodbye: it belongs to the process that this one was forked from.
    pub(crate) fn disown(mut self) {
        self.is_inherited = true;
        // Its thread is not in this process: nobody would ever tell the guard that it is over.
        std::mem::forget(self.gateway.take());
        std::mem::forget(self.lanes.take());
        if let Some(connection) = self.connection.take() {
            connection.disown();
        }
    }

    pub(crate) fn hello(&self) -> &ServerHello {
        &self.hello
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.place.address
    }

    /// Returns the numbers of bytes sent and received over the connection so far.
    pub(crate) fn traffic(&self) -> Traffic {
        Traffic { sent_bytes: self.link.sent_bytes(), received_bytes: self.link.received_bytes() }
    }

    pub(crate) fn cipher(&self) -> &'static str {
        self.gateway.as_ref().map_or_else(|| self.hello.cipher.name(), |(_, protection)| protection)
    }

    /// Runs an operation. Returns its outcome, and the state of the session after it.
    pub(crate) fn run<H: Handler>(
        &mut self,
        request: Request,
        context: &CallContext,
        handler: &mut H,
    ) -> (Result<Done>, After) {
        let wait_milliseconds = context.wait.milliseconds();
        // With the longest operation number, so that the size is checked before the session is changed.
        let header =
            Header { operation: OperationId(u64::MAX), body: Body::Request(request.clone()), wait_milliseconds };
        if header.encoded_bytes() > MAX_HEADER_BYTES {
            return (Err(Error::Usage("the request is too long: name fewer files or rules at once")), After::Usable);
        }
        let operation = self.machine.start(self.clock.elapsed(), request, wait_milliseconds);
        let own_waker = handler.waker().cloned();
        let wakers: Vec<&Waker> = context.interrupt.waker().into_iter().chain(own_waker.as_ref()).collect();
        let watch = self.stall_watch();
        let (machine, lease_hold, clock) = (&mut self.machine, &mut self.lease_hold, self.clock);
        let session = SessionUse { machine, lease_hold, context, clock, watch };
        let mut call = Call {
            session,
            lanes: self.lanes.as_mut().filter(|_| self.opens_lanes),
            operation,
            handler,
            state: CallState::Running,
            is_untouched: true,
            is_waiting: false,
            failed: None,
        };
        let driven = drive(&mut self.link, &mut call, &wakers, self.clock);
        match (&driven, &self.gateway) {
            (Err(Error::Stalled(_)), Some((guard, _))) => guard.abandon(),
            (Err(Error::Timeout(_) | Error::Interrupted), Some((guard, _))) => guard.hurry(),
            _ => {}
        }
        let is_refused = matches!(call.state, CallState::Closed(Some(ErrorCode::TooMany)));
        let (state, failed, is_untouched) = (call.state, call.failed.map(|(error, _)| error), call.is_untouched);
        // A server that has no room for a session has nothing of it.
        self.connection.iter_mut().for_each(|connection| connection.is_settled |= is_refused);
        match (driven, state, failed) {
            (Err(error), _, failed) => (Err(failed.unwrap_or(error)), After::Lost),
            (Ok(()), CallState::Finished(_), Some(error)) => (Err(error), After::Usable),
            (Ok(()), CallState::Finished(outcome), None) => (outcome.map_err(Error::from), After::Usable),
            // The idle session was dismissed while the request was on its way: nothing of it was done.
            (Ok(()), CallState::Closed(None), None) if is_untouched => (Err(not_begun()), After::NotBegun),
            (Ok(()), CallState::Closed(Some(ErrorCode::ShuttingDown)), None) if is_untouched => {
                (Err(not_begun()), After::Lost)
            }
            (Ok(()), CallState::Closed(reason), failed) => (Err(failed.unwrap_or_else(|| closed(reason))), After::Lost),
            (Ok(()), CallState::Running, failed) => (Err(failed.unwrap_or_else(|| closed(None))), After::Lost),
        }
    }
}

/// Says goodbye, as far as the socket takes it at once.
impl Drop for Session {
    fn drop(&mut self) {
        if self.is_inherited {
            return;
        }
        if let Some(connection) = &mut self.connection {
            connection.is_settled |= self.machine.is_idle();
        }
        self.machine.goodbye();
        while let Some(header) = self.machine.poll_header() {
            self.link.push(&header);
        }
        let _unheard = self.link.flush();
    }
}

struct Call<'a, H> {
    session: SessionUse<'a>,
    lanes: Option<&'a mut Lanes>,
    operation: OperationId,
    handler: &'a mut H,
    state: CallState,
    /// True if no message of the operation has come and none of its content was sent.
    is_untouched: bool,
    /// True while others are in the way.
    is_waiting: bool,
    /// This side's reason to end the operation, and the time since which its end is awaited.
    failed: Option<(Error, Duration)>,
}

enum CallState {
    Running,
    Finished(std::result::Result<Done, Failure>),
    /// The server ended the session, perhaps for this reason.
    Closed(Option<ErrorCode>),
}

impl<H: Handler> Call<'_, H> {
    /// Asks the server to end the operation, since this side cannot go on with it. The session stays usable.
    fn fail(&mut self, error: Error) {
        if self.failed.is_none() {
            self.failed = Some((error, self.session.clock.elapsed()));
            self.session.machine.cancel(self.operation);
        }
    }

    /// Hands an event to the handler, unless it has failed already.
    fn hand<T>(&mut self, give: impl FnOnce(&mut H) -> Result<T>) -> Result<Option<T>> {
        if self.failed.is_some() {
            return Ok(None);
        }
        match give(self.handler) {
            Ok(value) => Ok(Some(value)),
            // A server that breaks the protocol is not waited for to end the operation.
            Err(error @ Error::Protocol(_)) => Err(error),
            Err(error) => {
                self.fail(error);
                Ok(None)
            }
        }
    }
}

impl<H: Handler> ClientEndpoint for Call<'_, H> {
    fn session(&self) -> &SessionUse<'_> {
        &self.session
    }

    fn machine(&mut self) -> &mut ClientSession {
        self.session.machine
    }

    fn lease_hold(&mut self) -> &mut Option<LeaseHold> {
        self.session.lease_hold
    }

    fn is_kept_waiting(&self) -> bool {
        self.is_waiting
    }

    fn watch(&mut self, now: Duration) {
        self.session.watch.look(now, self.session.context, self.session.machine);
    }

    fn learn(&mut self, operation: OperationId, event: ClientEvent, payload: &[u8]) -> Result<()> {
        self.is_untouched &= operation != self.operation;
        match event {
            // A word about the session tells nothing of the operation.
            ClientEvent::None => {}
            ClientEvent::Waiting(..) => self.is_waiting = true,
            _ => self.is_waiting = false,
        }
        match event {
            ClientEvent::None => {}
            ClientEvent::Entries(operation) => {
                // An operation that has failed grants no more credit: the server is asked to end it and needs none.
                if let Some(held) = self.hand(|handler| handler.entries(payload))? {
                    self.session.machine.consumed(operation, payload.len() as u64 - held);
                }
            }
            ClientEvent::Bytes(_) => {
                // The credit for all of them came with the request.
                self.hand(|handler| handler.bytes(payload))?;
            }
            ClientEvent::Items(operation, items) => {
                if let Some(lanes) = &mut self.lanes {
                    lanes.learn(&items);
                }
                let credit = credit_bytes(&items, payload.len());
                if let Some(held) = self.hand(|handler| handler.items(items, payload))? {
                    self.session.machine.consumed(operation, credit - held);
                }
            }
            ClientEvent::Granted(operation) if operation == self.operation => self.handler.granted(),
            ClientEvent::ItemFailed(_, failure) => {
                self.hand(|handler| handler.item_failed(failure))?;
            }
            ClientEvent::Total { files, bytes, .. } => self.handler.total(files, bytes),
            ClientEvent::Waiting(_, holders) => self.handler.waiting(&holders),
            ClientEvent::Finished(operation, outcome) if operation == self.operation => {
                self.state = CallState::Finished(outcome);
            }
            // Events of the operation that holds the lease for this one.
            ClientEvent::Granted(_) | ClientEvent::Finished(..) => {}
            ClientEvent::Closed(reason) => {
                // An operation that has ended keeps its outcome, whatever the server says after it.
                if matches!(self.state, CallState::Running) {
                    self.state = CallState::Closed(reason);
                }
            }
        }
        Ok(())
    }

    fn work(&mut self, now: Duration, link: &mut Link) -> Result<Produced> {
        if self.failed.is_some() || !matches!(self.state, CallState::Running) {
            return Ok(Produced::Nothing);
        }
        if self.session.context.check().is_err() {
            // Seen again, and acted upon, where timeouts are.
            return Ok(Produced::Nothing);
        }
        let (machine, operation, message_bytes) =
            (&mut *self.session.machine, self.operation, self.session.context.message_bytes());
        let lanes = self.lanes.as_deref_mut();
        let mut outgoing = OngoingCall { now, machine, operation, message_bytes, link, lanes };
        let produced = self.handler.produce(&mut outgoing);
        // Behind what was queued, which may tell how much is to come.
        if let Some(lanes) = &mut self.lanes {
            lanes.open_in_time(link);
        }
        match produced {
            Ok(produced) => {
                self.is_untouched &= produced == Produced::Nothing;
                Ok(produced)
            }
            Err(error @ Error::ConnectionLost(_)) => Err(error),
            Err(error) => {
                self.fail(error);
                Ok(Produced::Work)
            }
        }
    }

    fn due(&self) -> Option<Duration> {
        let end = self.failed.as_ref().map(|(_, since)| *since + END_AFTER);
        self.handler.ready_at().into_iter().chain(end).min()
    }

    fn handle_due(&mut self, now: Duration) -> Result<()> {
        if self.failed.as_ref().is_some_and(|(_, since)| now >= *since + END_AFTER) {
            return Err(Error::PeerSilent(END_AFTER));
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        !matches!(self.state, CallState::Running)
    }
}

impl AsFd for Session {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.link.as_fd()
    }
}

#[cfg(test)]
mod tests;

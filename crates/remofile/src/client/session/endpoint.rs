//! The endpoint of a client's session: the part that calls, holds and measurements have in common.

use crate::carrier::{Endpoint, Link, Message, Produced};
use crate::client::session::context::CallContext;
use crate::client::session::ended::broken;
use crate::client::session::stall_watch::StallWatch;
use crate::error::{Error, Result};
use remofile_protocol::session::{ClientEvent, ClientSession};
use remofile_protocol::wire::{Done, Failure, OperationId};
use std::time::{Duration, Instant};

/// The operation that holds the lease for others.
#[derive(Debug)]
pub(crate) struct LeaseHold {
    pub(crate) operation: OperationId,
    pub(crate) is_granted: bool,
    /// Outcome of the operation, once it has ended.
    pub(crate) outcome: Option<std::result::Result<Done, Failure>>,
}

impl LeaseHold {
    /// Takes note of an event that concerns this operation.
    pub(crate) fn learn(lease_hold: &mut Option<Self>, event: &ClientEvent) {
        let Some(held) = lease_hold else { return };
        match event {
            ClientEvent::Granted(id) if *id == held.operation => held.is_granted = true,
            ClientEvent::Finished(id, outcome) if *id == held.operation => held.outcome = Some(outcome.clone()),
            _ => {}
        }
    }
}

/// A session in use, and what ends its use.
pub(crate) struct SessionUse<'a> {
    pub(crate) machine: &'a mut ClientSession,
    pub(crate) lease_hold: &'a mut Option<LeaseHold>,
    pub(crate) context: &'a CallContext,
    /// Times are counted from here.
    pub(crate) clock: Instant,
    pub(crate) watch: StallWatch,
}

/// A use of a session. Each is an [`Endpoint`] that keeps up the session, its deadline and its interrupt.
pub(crate) trait ClientEndpoint {
    /// The session that is used.
    fn session(&self) -> &SessionUse<'_>;

    /// Reports whether the server has said that others are in the way: then its words are no progress.
    fn is_kept_waiting(&self) -> bool {
        false
    }

    /// The machine of the session.
    fn machine(&mut self) -> &mut ClientSession;

    /// The operation that holds the lease, if there is one.
    fn lease_hold(&mut self) -> &mut Option<LeaseHold>;

    /// Takes the event that a message of an operation is.
    ///
    /// # Errors
    /// The server broke the protocol.
    fn learn(&mut self, operation: OperationId, event: ClientEvent, payload: &[u8]) -> Result<()>;

    /// Queues at most one message beside those of the machine.
    ///
    /// # Errors
    /// This side cannot go on.
    fn work(&mut self, _now: Duration, _link: &mut Link) -> Result<Produced> {
        Ok(Produced::Nothing)
    }

    /// Looks whether the use gets on.
    fn watch(&mut self, now: Duration);

    /// Returns the time at which it wants [`ClientEndpoint::handle_due`].
    fn due(&self) -> Option<Duration> {
        None
    }

    /// Does what is due.
    ///
    /// # Errors
    /// The server is taken for dead.
    fn handle_due(&mut self, _now: Duration) -> Result<()> {
        Ok(())
    }

    /// Reports whether the use is over.
    fn is_over(&self) -> bool;
}

impl<E: ClientEndpoint> Endpoint for E {
    type Line = Link;
    type Error = Error;

    fn heard(&mut self, now: Duration) {
        self.machine().heard(now);
        if self.session().watch.hears_server() && !self.is_kept_waiting() {
            self.session().context.progressed();
        }
    }

    fn sent(&mut self, _now: Duration) {
        self.session().context.progressed();
    }

    fn receive(&mut self, now: Duration, message: Message<'_>) -> Result<()> {
        let Message { header, payload } = message;
        let operation = header.operation;
        let event = self.machine().receive(now, header, payload.len()).map_err(broken)?;
        LeaseHold::learn(self.lease_hold(), &event);
        self.learn(operation, event, &payload)?;
        let is_told = operation != OperationId::SESSION || self.session().watch.hears_server();
        if is_told && !self.is_kept_waiting() {
            self.session().context.progressed();
        }
        Ok(())
    }

    fn produce(&mut self, now: Duration, link: &mut Link) -> Result<Produced> {
        if let Some(header) = self.machine().poll_header() {
            link.push(&header);
            return Ok(Produced::Message);
        }
        let worked = self.work(now, link)?;
        if worked != Produced::Nothing {
            let context = self.session().context;
            context.progressed();
            if worked == Produced::Message && context.ping_every().is_some() {
                self.machine().ping();
            }
        }
        Ok(worked)
    }

    fn woken(&mut self, _now: Duration) -> Result<()> {
        self.session().context.interrupt.woken()
    }

    fn next_timeout(&self) -> Option<Duration> {
        let session = self.session();
        let deadline = session.context.deadline.on(session.clock);
        let ping = session.watch.next_ping(session.context);
        session.machine.next_timeout().into_iter().chain(deadline).chain(ping).chain(self.due()).min()
    }

    fn handle_timeout(&mut self, now: Duration) -> Result<()> {
        self.watch(now);
        self.session().context.check()?;
        self.handle_due(now)?;
        self.machine().handle_timeout(now).map_err(broken)
    }

    fn wants_messages(&self) -> bool {
        !self.is_over()
    }

    fn is_done(&self) -> bool {
        self.is_over()
    }
}

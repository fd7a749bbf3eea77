//! A session on a connection of its own: a worker drives it while there is something to do, and it is parked otherwise.

use super::session::{Peer, Session, Turn};
use super::zeromq::ConversationError;
use crate::carrier::{Driven, Endpoint, Line, Link, LinkError, Message, Produced, Waker, drive_until_idle};
use remofile_protocol::session::SessionError;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Conversation(#[from] ConversationError),
}

/// The endpoint of a session, whichever carrier brings its messages.
pub(super) trait SessionEndpoint: Endpoint<Error = ConnectionError> + Send {
    /// Has other threads wake whoever drives it from now on.
    fn wake_by(&mut self, waker: &Waker);

    /// Frees what is needed for work alone.
    fn rest(&mut self);

    /// Ends what is under way, and waits until that is over.
    fn end(&mut self);
}

/// A task of a worker.
pub(super) trait Serve: Send {
    /// Runs the session until it is over, or has had nothing to do for as long as `linger` says.
    fn serve(&mut self, waker: &Waker, linger: &dyn Fn() -> Duration) -> Served;

    /// Its socket, to wait for.
    fn socket(&self) -> BorrowedFd<'_>;
}

/// The state of a session that a worker has run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// The session is run again when something comes.
    Idle,
    Over,
}

/// A session and its connection.
pub(super) struct Connection<E: Endpoint> {
    // Declared before the link, so that leases are given back before the client sees the connection close: its next
    // session must not find its own lease in the way.
    endpoint: E,
    link: E::Line,
    /// Times are counted from here, however often the session is parked.
    clock: Instant,
    title: &'static str,
    client: Option<String>,
    address: String,
    /// The waker of the lobby, while no worker has the session.
    lobby: Waker,
}

impl<E: SessionEndpoint> Connection<E> {
    /// A session that begins, and how its log calls it.
    pub(super) fn new(link: E::Line, endpoint: E, title: &'static str, peer: &Peer, lobby: Waker) -> Self {
        let client = (!peer.client.is_empty()).then(|| peer.client.clone());
        let connection =
            Self { link, endpoint, clock: Instant::now(), title, client, address: peer.address.clone(), lobby };
        let token = &*peer.grant.principal.name;
        tracing::info!(client = connection.client(), address = %connection.address, token, "{title} opened");
        connection
    }

    fn client(&self) -> Option<tracing::field::DisplayValue<&str>> {
        self.client.as_deref().map(tracing::field::display)
    }

    fn tell_end(&self, ended: Result<(), ConnectionError>) {
        let (client, address, title) = (self.client(), &self.address, self.title);
        match ended {
            Ok(()) | Err(ConnectionError::Link(LinkError::Closed)) => {
                tracing::info!(client, %address, "{title} closed");
            }
            Err(error) => tracing::warn!(client, %address, %error, "{title} lost"),
        }
    }
}

impl<E: SessionEndpoint> Serve for Connection<E>
where
    E::Line: Send,
{
    fn serve(&mut self, waker: &Waker, linger: &dyn Fn() -> Duration) -> Served {
        self.endpoint.wake_by(waker);
        let ended = match drive_until_idle(&mut self.link, &mut self.endpoint, &[waker], self.clock, linger) {
            Ok(Driven::Idle) => {
                self.endpoint.wake_by(&self.lobby);
                self.endpoint.rest();
                self.link.rest();
                return Served::Idle;
            }
            Ok(Driven::Done) => Ok(()),
            Err(error) => Err(error),
        };
        self.tell_end(ended);
        self.endpoint.end();
        Served::Over
    }

    fn socket(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}

impl SessionEndpoint for Session {
    fn wake_by(&mut self, waker: &Waker) {
        Self::wake_by(self, waker);
    }

    fn rest(&mut self) {
        Self::rest(self);
    }

    fn end(&mut self) {
        self.end_now();
    }
}

impl Endpoint for Session {
    type Line = Link;
    type Error = ConnectionError;

    fn heard(&mut self, now: Duration) {
        Self::heard(self, now);
    }

    fn receive(&mut self, now: Duration, message: Message<'_>) -> Result<(), ConnectionError> {
        Ok(Self::receive(self, now, message.header, message.payload)?)
    }

    fn tend(&mut self, now: Duration, link: &mut Link) {
        Self::tend(self, now, link);
    }

    fn produce(&mut self, now: Duration, link: &mut Link) -> Result<Produced, ConnectionError> {
        let mut message = link.message();
        let turn = Self::produce(self, now, &mut message)?;
        let payload = message.payload_bytes();
        match turn {
            Turn::Nothing => Ok(Produced::Nothing),
            Turn::Work => Ok(Produced::Work),
            Turn::Message(header) => {
                link.finish(&header, payload);
                Ok(Produced::Message)
            }
        }
    }

    fn woken(&mut self, now: Duration) -> Result<(), ConnectionError> {
        Self::woken(self, now);
        Ok(())
    }

    fn next_timeout(&self) -> Option<Duration> {
        Self::next_timeout(self)
    }

    fn handle_timeout(&mut self, now: Duration) -> Result<(), ConnectionError> {
        Ok(Self::handle_timeout(self, now)?)
    }

    fn wants_messages(&self) -> bool {
        Self::wants_messages(self)
    }

    fn is_done(&self) -> bool {
        Self::is_done(self)
    }

    fn idle_for(&self) -> Option<Duration> {
        Self::idle_for(self)
    }
}

#[cfg(test)]
mod tests;

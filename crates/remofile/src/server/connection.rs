//! A session on the native carrier: one thread, one connection.

use super::session::{Peer, Session, SharedState, Turn};
use crate::carrier::{Endpoint, Link, LinkError, Message, Produced, Waker, drive};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::session::SessionError;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Session(#[from] SessionError),
}

struct Connection(Session);

/// Serves one session until it is over; logs how it ended.
pub(super) fn serve(mut link: Link, shared: Arc<SharedState>, peer: Peer, waker: &Waker) {
    let (client, address) = (peer.client.clone(), peer.address.clone());
    tracing::info!(%client, %address, "session opened");
    let mut connection = Connection(Session::new(shared, peer, waker.clone(), DigestKind::Xxh3));
    match drive(&mut link, &mut connection, &[waker], Instant::now()) {
        Ok(()) | Err(ConnectionError::Link(LinkError::Closed)) => tracing::info!(%client, %address, "session closed"),
        Err(error) => tracing::warn!(%client, %address, %error, "session lost"),
    }
}

impl Endpoint for Connection {
    type Line = Link;
    type Error = ConnectionError;

    fn heard(&mut self, now: Duration) {
        self.0.heard(now);
    }

    fn receive(&mut self, now: Duration, message: Message<'_>) -> Result<(), ConnectionError> {
        Ok(self.0.receive(now, message.header, message.payload)?)
    }

    fn produce(&mut self, now: Duration, link: &mut Link) -> Result<Produced, ConnectionError> {
        let mut message = link.message();
        let turn = self.0.produce(now, &mut message)?;
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
        self.0.woken(now);
        Ok(())
    }

    fn next_timeout(&self) -> Option<Duration> {
        self.0.next_timeout()
    }

    fn handle_timeout(&mut self, now: Duration) -> Result<(), ConnectionError> {
        Ok(self.0.handle_timeout(now)?)
    }

    fn wants_messages(&self) -> bool {
        self.0.wants_messages()
    }

    fn is_done(&self) -> bool {
        self.0.is_done()
    }
}

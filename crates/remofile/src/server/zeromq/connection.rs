//! A conversation on a connection of our own: one thread.

use super::{Conversation, ConversationError, Outgoing};
use crate::carrier::{Endpoint, Frames, LinkError, Produced, Waker, ZmtpLink, drive};
use std::time::{Duration, Instant};

#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Conversation(#[from] ConversationError),
}

struct Connection(Conversation);

/// Serves one conversation until it is over; logs how it ended. `first` is a message that came before.
pub(in crate::server) fn serve(
    mut link: ZmtpLink,
    conversation: Conversation,
    first: Option<Vec<Vec<u8>>>,
    waker: &Waker,
) {
    let address = conversation.peer.address.clone();
    tracing::info!(%address, "ZeroMQ session opened");
    let mut connection = Connection(conversation);
    match run(&mut link, &mut connection, first, waker) {
        Ok(()) | Err(ConnectionError::Link(LinkError::Closed)) => tracing::info!(%address, "ZeroMQ session closed"),
        Err(error) => tracing::warn!(%address, %error, "ZeroMQ session lost"),
    }
}

fn run(
    link: &mut ZmtpLink,
    connection: &mut Connection,
    first: Option<Vec<Vec<u8>>>,
    waker: &Waker,
) -> Result<(), ConnectionError> {
    if let Some(frames) = first {
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        connection.0.receive(Duration::ZERO, &frames)?;
    }
    drive(link, connection, &[waker], Instant::now())
}

impl Endpoint for Connection {
    type Line = ZmtpLink;
    type Error = ConnectionError;

    fn heard(&mut self, now: Duration) {
        self.0.heard(now);
    }

    fn receive(&mut self, now: Duration, message: Frames<'_>) -> Result<(), ConnectionError> {
        let frames: Vec<&[u8]> = message.iter().collect();
        Ok(self.0.receive(now, &frames)?)
    }

    fn produce(&mut self, now: Duration, link: &mut ZmtpLink) -> Result<Produced, ConnectionError> {
        link.set_send_payload(self.0.max_payload());
        let mut message = link.message();
        let outgoing = self.0.produce(now, &mut message)?;
        let payload = message.payload_bytes();
        Ok(match outgoing {
            Outgoing::Nothing => Produced::Nothing,
            Outgoing::Work => Produced::Work,
            Outgoing::Frames(frames) => {
                link.push(&frames);
                Produced::Message
            }
            Outgoing::Message(header) => {
                link.finish(&header, payload);
                Produced::Message
            }
        })
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

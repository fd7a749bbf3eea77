//! A conversation on a connection of our own.

use super::{Conversation, Frames, Outgoing};
use crate::carrier::{Endpoint, Frames as Received, Produced, Waker, ZmtpLink};
use crate::server::connection::{ConnectionError, SessionEndpoint};
use std::time::Duration;

/// A conversation as the endpoint of a connection.
pub(in crate::server) struct ConversationEndpoint {
    conversation: Conversation,
    /// A message that came before it began.
    first: Option<Frames>,
}

impl ConversationEndpoint {
    pub(in crate::server) fn new(conversation: Conversation, first: Option<Frames>) -> Self {
        Self { conversation, first }
    }
}

impl SessionEndpoint for ConversationEndpoint {
    fn wake_by(&mut self, waker: &Waker) {
        self.conversation.wake_by(waker);
    }

    fn rest(&mut self) {
        self.conversation.rest();
    }

    fn end(&mut self) {
        self.conversation.end();
    }
}

impl Endpoint for ConversationEndpoint {
    type Line = ZmtpLink;
    type Error = ConnectionError;

    fn heard(&mut self, now: Duration) {
        self.conversation.heard(now);
    }

    fn receive(&mut self, now: Duration, message: Received<'_>) -> Result<(), ConnectionError> {
        let frames: Vec<&[u8]> = message.iter().collect();
        Ok(self.conversation.receive(now, &frames)?)
    }

    fn produce(&mut self, now: Duration, link: &mut ZmtpLink) -> Result<Produced, ConnectionError> {
        link.set_send_payload(self.conversation.max_payload());
        let mut message = link.message();
        let outgoing = self.conversation.produce(now, &mut message)?;
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
        if let Some(frames) = self.first.take() {
            let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
            self.conversation.receive(now, &frames)?;
        }
        self.conversation.woken(now);
        Ok(())
    }

    fn next_timeout(&self) -> Option<Duration> {
        self.conversation.next_timeout()
    }

    fn handle_timeout(&mut self, now: Duration) -> Result<(), ConnectionError> {
        Ok(self.conversation.handle_timeout(now)?)
    }

    fn wants_messages(&self) -> bool {
        self.conversation.wants_messages()
    }

    fn is_done(&self) -> bool {
        self.conversation.is_done()
    }

    fn idle_for(&self) -> Option<Duration> {
        self.conversation.at_rest_for()
    }
}

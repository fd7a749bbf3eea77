//! The conversation with one peer, as the handler knows it.

use crate::carrier::MessageWriter;
use crate::server::network::Network;
use crate::server::roster::Pass;
use crate::server::zeromq::{Conversation, ConversationError, Frames, Outgoing};
use std::time::Duration;

pub(super) struct Talk {
    pub(super) conversation: Conversation,
    pub(super) pass: Pass,
    /// Network of the peer when it began, if the owner of the socket knows it.
    pub(super) network: Option<Network>,
    pub(super) heard: Duration,
    pub(super) payload: Vec<u8>,
    pub(super) has_turn: bool,
}

pub(super) enum Spoke {
    Message(Frames),
    Work,
    Nothing,
}

impl Talk {
    pub(super) fn speak(&mut self, now: Duration) -> Result<Spoke, ConversationError> {
        let max_payload = self.conversation.max_payload() as usize;
        let mut message = MessageWriter::new(&mut self.payload, 0, max_payload);
        let outgoing = self.conversation.produce(now, &mut message)?;
        let length = message.payload_bytes();
        Ok(match outgoing {
            Outgoing::Nothing => Spoke::Nothing,
            Outgoing::Work => Spoke::Work,
            Outgoing::Frames(frames) => Spoke::Message(frames),
            Outgoing::Message(header) => {
                let mut frame = Vec::new();
                header.encode(&mut frame);
                let mut frames = vec![frame];
                if length > 0 {
                    // The buffer itself becomes the frame, so that nothing is copied.
                    let mut payload = std::mem::take(&mut self.payload);
                    payload.truncate(length);
                    frames.push(payload);
                }
                Spoke::Message(frames)
            }
        })
    }
}

//! ZeroMQ peers in the lobby: from their greeting to the token.
//!
//! Invariant: until a peer's first message is there, or is more than is read here, nothing that is said or done
//! depends on the token, not even on whether the routing id is it. From then on there is one verdict.

use crate::carrier::Begun;
use crate::server::zeromq::{FirstMessage, Proved, may_be_token};
use remofile_protocol::handshake::Refusal;
use remofile_protocol::limits::MAX_HANDSHAKE_BYTES;
use remofile_protocol::token::TokenMatcher;
use remofile_protocol::zmtp::{
    Command, FrameError, FrameSealer, HandshakeError, Offered, OpenedFrame, Peer, ServerHandshake, ServerSettings,
};
use std::ops::Range;

/// Bytes of a first message at most, its envelope included.
const MAX_FIRST_MESSAGE_BYTES: usize = 2 * MAX_HANDSHAKE_BYTES;

/// Frames of a first message at most.
const MAX_FIRST_FRAMES: usize = 4;

/// A ZeroMQ peer that has not proved the token.
pub(super) struct Stranger {
    state: StrangerState,
    output: Vec<u8>,
}

enum StrangerState {
    Greeting(ServerHandshake),
    /// Sending the one message in which it may prove the token. It sends one even if its routing id was the token.
    Speaking(Box<Speaking>),
    Over,
}

struct Speaking {
    peer: Peer,
    input: Vec<u8>,
    /// Number of bytes of the input that were looked at.
    seen: usize,
    parts: Vec<Range<usize>>,
}

/// The decision about a peer.
pub(super) enum Verdict {
    /// Undecided: more bytes have to come.
    More,
    /// The peer knows the token, and has said this already.
    Known { peer: Box<Peer>, proved: Proved, first: First },
    /// The peer may have sent the token, but no tokens are compared now.
    Unheard,
    /// The peer is sent these bytes and goes. `is_guess` is true if it tried a token.
    Refused { bytes: Vec<u8>, refusal: Refusal, is_guess: bool },
    /// The peer goes: its encryption and ours do not fit.
    Unfit(Refusal),
    /// The peer goes, for the reason in this text.
    Broken(String),
}

/// The first words of a peer that knows the token.
pub(super) enum First {
    /// One message.
    Message(Vec<Vec<u8>>),
    /// The beginning of one that is too long for the lobby.
    Beginning(Begun),
}

impl Stranger {
    pub(super) fn new(settings: ServerSettings) -> Self {
        Self { state: StrangerState::Greeting(ServerHandshake::new(settings)), output: Vec::new() }
    }

    /// Takes bytes as they come. Without tokens none is compared.
    pub(super) fn receive(&mut self, bytes: &[u8], tokens: Option<&TokenMatcher>) -> Verdict {
        match std::mem::replace(&mut self.state, StrangerState::Over) {
            StrangerState::Greeting(mut handshake) => {
                let outcome = handshake.receive(bytes);
                self.output.extend(handshake.take_output());
                match outcome {
                    Ok(None) => {
                        self.state = StrangerState::Greeting(handshake);
                        Verdict::More
                    }
                    Ok(Some(mut peer)) => {
                        let input = std::mem::take(&mut peer.rest);
                        self.listen(Box::new(Speaking { peer, input, seen: 0, parts: Vec::new() }), tokens)
                    }
                    Err(error) => match unfit(&error) {
                        Some(refusal) => Verdict::Unfit(refusal),
                        None => Verdict::Broken(error.to_string()),
                    },
                }
            }
            StrangerState::Speaking(mut speaking) => {
                speaking.input.extend_from_slice(bytes);
                self.listen(speaking, tokens)
            }
            StrangerState::Over => Verdict::Broken("it goes on".to_owned()),
        }
    }

    /// Returns the bytes to send now.
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn listen(&mut self, mut speaking: Box<Speaking>, tokens: Option<&TokenMatcher>) -> Verdict {
        loop {
            if speaking.seen > MAX_FIRST_MESSAGE_BYTES || speaking.parts.len() > MAX_FIRST_FRAMES {
                return speaking.judge_beginning(tokens);
            }
            let Speaking { peer, input, seen, parts } = &mut *speaking;
            match peer.opener.next(&mut input[*seen..]) {
                Err(FrameError::TooLong) => return speaking.judge_beginning(tokens),
                Err(error) => return Verdict::Broken(error.to_string()),
                Ok(OpenedFrame::Incomplete { .. }) => {
                    self.state = StrangerState::Speaking(speaking);
                    return Verdict::More;
                }
                Ok(OpenedFrame::Command { consumed, command }) => {
                    *seen += consumed;
                    if let Command::Ping { context, .. } = command {
                        self.output.extend(peer.sealer.pong(&context));
                    }
                }
                Ok(OpenedFrame::Frame { consumed, body, more }) => {
                    parts.push(*seen + body.start..*seen + body.end);
                    *seen += consumed;
                    if !more {
                        return speaking.judge(tokens);
                    }
                }
            }
        }
    }
}

/// Returns the refusal for a handshake that failed because of the client's encryption settings, which its user has
/// to change.
fn unfit(error: &HandshakeError) -> Option<Refusal> {
    match error {
        HandshakeError::Mechanism(Offered::Null) => Some(Refusal::EncryptionRequired),
        HandshakeError::Mechanism(Offered::Curve) => Some(Refusal::NoKey),
        HandshakeError::NotProved => Some(Refusal::Key),
        _ => None,
    }
}

impl Speaking {
    /// Judges a peer whose first message is complete.
    fn judge(mut self, tokens: Option<&TokenMatcher>) -> Verdict {
        let frames: Vec<&[u8]> = self.parts.iter().map(|part| &self.input[part.clone()]).collect();
        let first_message = FirstMessage::of(&frames);
        let refusal = first_message.refusal();
        let is_guess = refusal == Refusal::Token || may_be_token(&self.peer.identity);
        if is_guess && tokens.is_none() {
            return Verdict::Unheard;
        }
        if let Some(proved) = tokens.and_then(|tokens| first_message.prove(&self.peer.identity, tokens)) {
            let first = First::Message(frames.iter().map(|frame| frame.to_vec()).collect());
            self.peer.rest = self.input[self.seen..].to_vec();
            return Verdict::Known { peer: Box::new(self.peer), proved, first };
        }
        let mut bytes = Vec::new();
        let reply = first_message.refused(&frames);
        for (number, body) in reply.iter().enumerate() {
            let mut frame = [&[0; FrameSealer::PREFIX_BYTES], &body[..]].concat();
            let start = self.peer.sealer.seal(&mut frame, number + 1 < reply.len());
            bytes.extend_from_slice(&frame[start..]);
        }
        Verdict::Refused { bytes, refusal, is_guess }
    }

    /// Judges a peer whose first message is longer than the lobby reads: only its routing id can prove the token.
    fn judge_beginning(mut self, tokens: Option<&TokenMatcher>) -> Verdict {
        if !may_be_token(&self.peer.identity) {
            return Verdict::Broken("its first message is too long".to_owned());
        }
        let Some(tokens) = tokens else { return Verdict::Unheard };
        let Some(token) = tokens.find(&self.peer.identity) else {
            return Verdict::Refused { bytes: Vec::new(), refusal: Refusal::Token, is_guess: true };
        };
        let begun = Begun { bytes: std::mem::take(&mut self.input), seen: self.seen, parts: self.parts };
        let proved = Proved { token, is_routing_id: true };
        Verdict::Known { peer: Box::new(self.peer), proved, first: First::Beginning(begun) }
    }
}

#[cfg(test)]
mod tests;

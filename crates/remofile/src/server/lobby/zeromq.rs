//! ZeroMQ peers in the lobby: from their greeting to the token.

use crate::server::zeromq::Opening;
use remofile_protocol::handshake::Refusal;
use remofile_protocol::limits::MAX_HANDSHAKE_BYTES;
use remofile_protocol::token::TokenMatcher;
use remofile_protocol::zmtp::{
    Command, FrameSealer, HandshakeError, Offered, Peer, ServerHandshake, ServerSettings, Step,
};
use std::ops::Range;

/// Bytes of a first message at most, its envelope included.
const MAX_FIRST_MESSAGE_BYTES: usize = 2 * MAX_HANDSHAKE_BYTES;

/// Frames of a first message at most.
const MAX_FIRST_FRAMES: usize = 4;

/// A ZeroMQ peer that has not proved the token.
pub(super) struct Stranger {
    state: State,
    output: Vec<u8>,
}

enum State {
    Greeting(ServerHandshake),
    /// Its routing id is no token: it has one message to say the token in.
    Speaking(Box<Speaking>),
    Over,
}

struct Speaking {
    peer: Peer,
    input: Vec<u8>,
    /// How much of the input was looked at.
    seen: usize,
    parts: Vec<Range<usize>>,
}

/// What is to become of a peer.
pub(super) enum Verdict {
    /// More has to come.
    More,
    /// It knows the token, and said this already.
    Known { peer: Box<Peer>, is_routing_id: bool, first: Option<Vec<Vec<u8>>> },
    /// It is told these bytes, and goes; whether it tried a token.
    Refused { bytes: Vec<u8>, refusal: Refusal, is_guess: bool },
    /// It goes: its encryption and ours do not fit.
    Unfit(Refusal),
    /// It goes.
    Broken(String),
}

impl Stranger {
    pub(super) fn new(settings: ServerSettings) -> Self {
        Self { state: State::Greeting(ServerHandshake::new(settings)), output: Vec::new() }
    }

    /// Takes bytes as they come.
    pub(super) fn receive(&mut self, bytes: &[u8], token: &TokenMatcher) -> Verdict {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Greeting(mut handshake) => {
                let outcome = handshake.receive(bytes);
                self.output.extend(handshake.take_output());
                match outcome {
                    Ok(None) => {
                        self.state = State::Greeting(handshake);
                        Verdict::More
                    }
                    Ok(Some(peer)) => self.meet(peer, token),
                    Err(error) => match unfit(&error) {
                        Some(refusal) => Verdict::Unfit(refusal),
                        None => Verdict::Broken(error.to_string()),
                    },
                }
            }
            State::Speaking(mut speaking) => {
                speaking.input.extend_from_slice(bytes);
                self.listen(speaking, token)
            }
            State::Over => Verdict::Broken("it goes on".to_owned()),
        }
    }

    /// What is to be sent now.
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn meet(&mut self, mut peer: Peer, token: &TokenMatcher) -> Verdict {
        if token.matches(&peer.identity) {
            return Verdict::Known { peer: Box::new(peer), is_routing_id: true, first: None };
        }
        let input = std::mem::take(&mut peer.rest);
        self.listen(Box::new(Speaking { peer, input, seen: 0, parts: Vec::new() }), token)
    }

    fn listen(&mut self, mut speaking: Box<Speaking>, token: &TokenMatcher) -> Verdict {
        loop {
            if speaking.seen > MAX_FIRST_MESSAGE_BYTES || speaking.parts.len() > MAX_FIRST_FRAMES {
                return Verdict::Broken("its first message is too long".to_owned());
            }
            let Speaking { peer, input, seen, parts } = &mut *speaking;
            match peer.opener.next(&mut input[*seen..]) {
                Err(error) => return Verdict::Broken(error.to_string()),
                Ok(Step::Incomplete { .. }) => {
                    self.state = State::Speaking(speaking);
                    return Verdict::More;
                }
                Ok(Step::Command { consumed, command }) => {
                    *seen += consumed;
                    if let Command::Ping { context, .. } = command {
                        self.output.extend(peer.sealer.pong(&context));
                    }
                }
                Ok(Step::Frame { consumed, body, more }) => {
                    parts.push(*seen + body.start..*seen + body.end);
                    *seen += consumed;
                    if !more {
                        return speaking.judge(token);
                    }
                }
            }
        }
    }
}

/// What its user has to set otherwise, where that is why the handshake failed.
fn unfit(error: &HandshakeError) -> Option<Refusal> {
    match error {
        HandshakeError::Mechanism(Offered::Null) => Some(Refusal::EncryptionRequired),
        HandshakeError::Mechanism(Offered::Curve) => Some(Refusal::NoKey),
        HandshakeError::NotProved => Some(Refusal::Key),
        _ => None,
    }
}

impl Speaking {
    /// Its first message is complete.
    fn judge(mut self, token: &TokenMatcher) -> Verdict {
        let frames: Vec<&[u8]> = self.parts.iter().map(|part| &self.input[part.clone()]).collect();
        let opening = Opening::of(&frames);
        if opening.knows(token) {
            let first = Some(frames.iter().map(|frame| frame.to_vec()).collect());
            self.peer.rest = self.input[self.seen..].to_vec();
            return Verdict::Known { peer: Box::new(self.peer), is_routing_id: false, first };
        }
        let mut bytes = Vec::new();
        let reply = opening.refused(&frames);
        for (number, body) in reply.iter().enumerate() {
            let mut frame = [&[0; FrameSealer::PREFIX_BYTES], &body[..]].concat();
            let start = self.peer.sealer.seal(&mut frame, number + 1 < reply.len());
            bytes.extend_from_slice(&frame[start..]);
        }
        let refusal = opening.refusal();
        let is_guess = refusal == Refusal::Token || !self.peer.identity.is_empty();
        Verdict::Refused { bytes, refusal, is_guess }
    }
}

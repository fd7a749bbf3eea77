//! ZeroMQ peers in the lobby: from their greeting to the token.
//!
//! Invariant: until a peer's first message is there, or is more than is read here, nothing that is said or done
//! depends on the token, not even on whether the routing id is it. From then on there is one verdict.

use crate::carrier::Begun;
use crate::server::roster::Roster;
use crate::server::zeromq::{FirstMessage, Proof, Proved, may_be_token, recognise_routing_id};
use remofile_protocol::handshake::Refusal;
use remofile_protocol::limits::MAX_HANDSHAKE_BYTES;
use remofile_protocol::token::{Recognised, Token};
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
    /// Waiting until the tokens that it may have sent are stretched. Nothing is read meanwhile.
    Unsettled {
        speaking: Box<Speaking>,
        is_complete: bool,
    },
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
    /// The peer may have sent a token: these have to be stretched, and then [`Stranger::settle`] tells.
    Unsettled(Vec<Token>),
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
    pub(super) fn receive(&mut self, bytes: &[u8], tokens: Option<&Roster>) -> Verdict {
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
            StrangerState::Unsettled { .. } | StrangerState::Over => Verdict::Broken("it goes on".to_owned()),
        }
    }

    /// Reports whether it waits to be settled.
    pub(super) fn is_unsettled(&self) -> bool {
        matches!(self.state, StrangerState::Unsettled { .. })
    }

    /// Judges a peer whose tokens have been stretched. Without tokens none is compared.
    pub(super) fn settle(&mut self, tokens: Option<&Roster>) -> Verdict {
        match std::mem::replace(&mut self.state, StrangerState::Over) {
            StrangerState::Unsettled { speaking, is_complete: true } => self.judge(speaking, tokens, true),
            StrangerState::Unsettled { speaking, is_complete: false } => self.judge_beginning(speaking, tokens, true),
            _ => Verdict::Broken("it was not waited for".to_owned()),
        }
    }

    /// Returns the bytes to send now.
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn listen(&mut self, mut speaking: Box<Speaking>, tokens: Option<&Roster>) -> Verdict {
        loop {
            if speaking.seen > MAX_FIRST_MESSAGE_BYTES || speaking.parts.len() > MAX_FIRST_FRAMES {
                return self.judge_beginning(speaking, tokens, false);
            }
            let Speaking { peer, input, seen, parts } = &mut *speaking;
            match peer.opener.next(&mut input[*seen..]) {
                Err(FrameError::TooLong) => return self.judge_beginning(speaking, tokens, false),
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
                        return self.judge(speaking, tokens, false);
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

impl Stranger {
    /// Judges a peer whose first message is complete.
    fn judge(&mut self, mut speaking: Box<Speaking>, tokens: Option<&Roster>, is_settled: bool) -> Verdict {
        let Speaking { peer, input, seen, parts } = &mut *speaking;
        let frames: Vec<&[u8]> = parts.iter().map(|part| &input[part.clone()]).collect();
        let first_message = FirstMessage::of(&frames);
        let refusal = first_message.refusal();
        let is_guess = refusal == Refusal::Token || may_be_token(&peer.identity);
        if is_guess && tokens.is_none() {
            return Verdict::Unheard;
        }
        match tokens.map_or(Proof::None, |tokens| first_message.prove(&peer.identity, tokens, is_settled)) {
            Proof::Proved(proved) => {
                let first = First::Message(frames.iter().map(|frame| frame.to_vec()).collect());
                peer.rest = input[*seen..].to_vec();
                Verdict::Known { peer: Box::new(speaking.peer), proved, first }
            }
            Proof::Unsettled(texts) => {
                self.state = StrangerState::Unsettled { speaking, is_complete: true };
                Verdict::Unsettled(texts)
            }
            Proof::None => {
                let bytes = sealed(peer, &first_message.refused(&frames));
                Verdict::Refused { bytes, refusal, is_guess }
            }
        }
    }

    /// Judges a peer whose first message is longer than the lobby reads: only its routing id can prove the token.
    fn judge_beginning(&mut self, speaking: Box<Speaking>, tokens: Option<&Roster>, is_settled: bool) -> Verdict {
        if !may_be_token(&speaking.peer.identity) {
            return Verdict::Broken("its first message is too long".to_owned());
        }
        let Some(tokens) = tokens else { return Verdict::Unheard };
        match recognise_routing_id(&speaking.peer.identity, tokens) {
            Recognised::Known(token) => {
                let Speaking { peer, input, seen, parts } = *speaking;
                let proved = Proved { token, is_routing_id: true };
                Verdict::Known {
                    peer: Box::new(peer),
                    proved,
                    first: First::Beginning(Begun { bytes: input, seen, parts }),
                }
            }
            Recognised::Unsettled(text) if !is_settled => {
                self.state = StrangerState::Unsettled { speaking, is_complete: false };
                Verdict::Unsettled(vec![text])
            }
            _ => Verdict::Refused { bytes: Vec::new(), refusal: Refusal::Token, is_guess: true },
        }
    }
}

/// Seals a message for a peer.
fn sealed(peer: &mut Peer, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, body) in frames.iter().enumerate() {
        let mut frame = [&[0; FrameSealer::PREFIX_BYTES], &body[..]].concat();
        let start = peer.sealer.seal(&mut frame, number + 1 < frames.len());
        bytes.extend_from_slice(&frame[start..]);
    }
    bytes
}

#[cfg(test)]
mod tests;

//! The first message of a ZeroMQ peer, and the token that it proves.

use super::frames::{Frames, enveloped};
use crate::server::roster::Roster;
use remofile_protocol::handshake::{Refusal, ZeroMqAnswer, ZeroMqHello};
use remofile_protocol::protocol1::Response;
use remofile_protocol::token::{Recognised, Token};

/// The finding about what a peer says and its routing id.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::server) enum Proof {
    Proved(Proved),
    /// No token.
    None,
    /// Perhaps a token: these have to be stretched to know.
    Unsettled(Vec<Token>),
}

/// The token that a peer has proved.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::server) struct Proved {
    /// Its index in the roster.
    pub(in crate::server) token: usize,
    /// True if the peer's routing id is that token.
    pub(in crate::server) is_routing_id: bool,
}

/// The first message of a peer.
pub(in crate::server) enum FirstMessage {
    /// A request of protocol 1, behind this many frames of envelope.
    Request {
        envelope: usize,
    },
    Hello(ZeroMqHello),
    /// A hello that cannot be read.
    Malformed,
    /// A message that belongs to no session.
    Stray,
}

impl FirstMessage {
    pub(in crate::server) fn of(frames: &[&[u8]]) -> Self {
        if let Some(envelope) = frames.iter().position(|frame| frame.is_empty()) {
            return Self::Request { envelope: envelope + 1 };
        }
        match frames {
            [frame] if is_pickle(frame) => Self::Request { envelope: 0 },
            [frame] if ZeroMqHello::is_meant(frame) => ZeroMqHello::decode(frame).map_or(Self::Malformed, Self::Hello),
            _ => Self::Stray,
        }
    }

    /// The finding about the token that it says.
    pub(in crate::server) fn token(&self, roster: &Roster) -> Recognised {
        match self {
            Self::Hello(hello) => {
                hello.token.as_ref().map_or(Recognised::Unknown, |token| roster.recognise(token.0.as_bytes()))
            }
            Self::Request { .. } | Self::Malformed | Self::Stray => Recognised::Unknown,
        }
    }

    /// The token that a peer with this routing id proves by saying this. What it says comes before its routing id. Once
    /// what was unsettled has been settled, what still is is no token.
    pub(in crate::server) fn prove(&self, identity: &[u8], roster: &Roster, is_settled: bool) -> Proof {
        // Both are looked for, so that the time does not tell which was right.
        let (routing_id, said) = (recognise_routing_id(identity, roster), self.token(roster));
        match (said, routing_id) {
            (Recognised::Unsettled(said), routing_id) if !is_settled => {
                Proof::Unsettled([said].into_iter().chain(routing_id.unsettled()).collect())
            }
            (Recognised::Known(token), routing_id) => {
                Proof::Proved(Proved { token, is_routing_id: routing_id == Recognised::Known(token) })
            }
            (_, Recognised::Known(token)) => Proof::Proved(Proved { token, is_routing_id: true }),
            (_, Recognised::Unsettled(routing_id)) if !is_settled => Proof::Unsettled(vec![routing_id]),
            _ => Proof::None,
        }
    }

    /// Returns the reason to refuse a peer that sends this and does not know the token.
    pub(in crate::server) fn refusal(&self) -> Refusal {
        match self {
            Self::Request { .. } | Self::Hello(_) => Refusal::Token,
            Self::Malformed => Refusal::Malformed,
            Self::Stray => Refusal::NoSession,
        }
    }

    /// Returns the frames that refuse the peer; `frames` are its message.
    pub(in crate::server) fn refused(&self, frames: &[&[u8]]) -> Frames {
        self.refused_for(self.refusal(), frames)
    }

    /// Returns the frames that refuse a peer with this message for another reason.
    pub(in crate::server) fn refused_for(&self, refusal: Refusal, frames: &[&[u8]]) -> Frames {
        match self {
            Self::Request { envelope } => {
                enveloped(&frames[..*envelope], Response::UnknownError(refusal.to_string()).encode())
            }
            _ => vec![ZeroMqAnswer::Refused(refusal).encode()],
        }
    }
}

/// Reports whether a routing id can be a token. An id that begins with a zero byte cannot: a ROUTER made it up.
pub(in crate::server) fn may_be_token(identity: &[u8]) -> bool {
    identity.first().is_some_and(|&first| first != 0)
}

/// The finding about a routing id.
pub(in crate::server) fn recognise_routing_id(identity: &[u8], roster: &Roster) -> Recognised {
    // Looked for in any case, so that the time tells nothing.
    let recognised = roster.recognise(identity);
    if may_be_token(identity) { recognised } else { Recognised::Unknown }
}

/// Reports whether a frame begins like a pickle, as nothing does that protocol 2 sends.
fn is_pickle(frame: &[u8]) -> bool {
    matches!(frame, [0x80, 2..=5, ..])
}

//! A peer that has proved a token and has no session yet.

use super::waiting::{Stage, Waiting};
use super::zeromq::First;
use crate::carrier::{Line, Link, RecordKeys, ZmtpLink, message_bytes};
use crate::server::admission::Place;
use crate::server::roster::Pass;
use crate::server::zeromq::FirstMessage;
use remofile_protocol::handshake::{ClientIdentity, Refusal};
use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;
use remofile_protocol::wire::{ErrorCode, Header, OperationId, Signal};
use remofile_protocol::zmtp;
use std::net::Shutdown;
use std::time::Instant;

/// A peer that has proved a token.
pub(super) enum Newcomer {
    /// A native peer whose first record was genuine.
    Native {
        waiting: Waiting,
        pass: Pass,
    },
    ZeroMq(Speaker),
}

/// A ZeroMQ peer that has proved a token.
pub(super) struct Speaker {
    pub(super) waiting: Waiting,
    pub(super) pass: Pass,
    pub(super) peer: Box<zmtp::Peer>,
    /// True if the peer's routing id is the token.
    pub(super) is_routing_id: bool,
    /// The first message, or its beginning.
    pub(super) first: First,
}

/// A newcomer that was promised the place of a session which is about to end. It is not read meanwhile.
pub(super) struct Promised {
    pub(super) newcomer: Newcomer,
    pub(super) place: Place,
    pub(super) in_place_of: u64,
    pub(super) deadline: Instant,
}

impl Newcomer {
    pub(super) fn waiting(&self) -> &Waiting {
        match self {
            Self::Native { waiting, .. } | Self::ZeroMq(Speaker { waiting, .. }) => waiting,
        }
    }

    pub(super) fn place(&self) -> Place {
        let (Self::Native { pass, .. } | Self::ZeroMq(Speaker { pass, .. })) = self;
        Place::new(self.waiting().address.ip(), &pass.grant.principal).of_client(self.identity())
    }

    /// The identity of its client, if it tells one.
    fn identity(&self) -> Option<ClientIdentity> {
        match self {
            Self::Native { waiting: Waiting { stage: Stage::Answered { session, .. }, .. }, .. } => {
                session.peer.identity
            }
            Self::ZeroMq(Speaker { first: First::Message(frames), .. }) => FirstMessage::of_vecs(frames).identity(),
            Self::Native { .. } | Self::ZeroMq(_) => None,
        }
    }

    /// The number of its client's connection whose session it joins, if it does.
    pub(super) fn joins(&self) -> Option<u64> {
        match self {
            Self::Native { waiting: Waiting { stage: Stage::Answered { session, .. }, .. }, .. } => session.peer.joins,
            Self::Native { .. } | Self::ZeroMq(_) => None,
        }
    }

    /// The connections that its client has left.
    pub(super) fn left(&self) -> &[u64] {
        match self {
            Self::Native { waiting: Waiting { stage: Stage::Answered { session, .. }, .. }, .. } => &session.peer.left,
            // A ZeroMQ client has its conversations one after the other.
            Self::Native { .. } | Self::ZeroMq(_) => &[],
        }
    }

    /// Tells it that there is no room, as far as its socket takes that at once.
    pub(super) fn turn_away(self) {
        let too_many = Signal::Goodbye { reason: Some(ErrorCode::TooMany) };
        match self {
            Self::Native { waiting: Waiting { stream, stage: Stage::Answered { session, .. }, .. }, .. } => {
                let keys = RecordKeys { sealer: session.sealer, opener: session.opener };
                let mut link = Link::new(stream, keys, DEFAULT_PAYLOAD_BYTES, DEFAULT_PAYLOAD_BYTES, &[]);
                link.push(&Header::signal(OperationId::SESSION, too_many));
                let _unheard = link.flush();
            }
            Self::Native { .. } => {}
            Self::ZeroMq(Speaker { waiting, peer, first, .. }) => refuse(waiting, *peer, first, Refusal::TooMany),
        }
    }
}

/// Tells a ZeroMQ peer why it is refused, as far as its socket takes that at once.
pub(super) fn refuse(waiting: Waiting, peer: zmtp::Peer, first: First, refusal: Refusal) {
    let message = message_bytes(DEFAULT_PAYLOAD_BYTES);
    let mut link = ZmtpLink::new(waiting.stream, peer, DEFAULT_PAYLOAD_BYTES, message);
    if let First::Message(first) = first {
        let frames: Vec<&[u8]> = first.iter().map(Vec::as_slice).collect();
        link.push(&FirstMessage::of(&frames).refused_for(refusal, &frames));
        let _unheard = link.flush();
    }
    let _closed = link.stream().shutdown(Shutdown::Write);
}

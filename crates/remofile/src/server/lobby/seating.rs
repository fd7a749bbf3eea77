//! Seating: peers that have proved a token get a session, at once or as soon as somebody has made room.

use super::Lobby;
use super::waiting::{Stage, Waiting};
use super::zeromq::First;
use crate::carrier::{Line, Link, RecordKeys, ZmtpLink, message_bytes};
use crate::server::admission::{Place, Room};
use crate::server::principal::Grant;
use crate::server::zeromq::FirstMessage;
use remofile_protocol::handshake::Refusal;
use remofile_protocol::limits::{DEFAULT_PAYLOAD_BYTES, HANDSHAKE_TIMEOUT};
use remofile_protocol::wire::{ErrorCode, Header, OperationId, Signal};
use remofile_protocol::zmtp;
use std::mem;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Instant;

/// A peer that has proved a token.
pub(super) enum Newcomer {
    /// A native peer whose first record was genuine.
    Native {
        waiting: Waiting,
        grant: Arc<Grant>,
    },
    ZeroMq(Speaker),
}

/// A ZeroMQ peer that has proved a token.
pub(super) struct Speaker {
    pub(super) waiting: Waiting,
    pub(super) grant: Arc<Grant>,
    pub(super) peer: Box<zmtp::Peer>,
    /// True if the peer's routing id is the token.
    pub(super) is_routing_id: bool,
    /// The first message, or its beginning.
    pub(super) first: First,
}

/// A newcomer that was promised the place of a session which is about to end. It is not read meanwhile.
pub(super) struct Promised {
    newcomer: Newcomer,
    place: Place,
    in_place_of: u64,
    pub(super) deadline: Instant,
}

impl Newcomer {
    fn waiting(&self) -> &Waiting {
        match self {
            Self::Native { waiting, .. } | Self::ZeroMq(Speaker { waiting, .. }) => waiting,
        }
    }

    fn place(&self) -> Place {
        let (Self::Native { grant, .. } | Self::ZeroMq(Speaker { grant, .. })) = self;
        Place::new(self.waiting().address.ip(), &grant.principal)
    }

    /// Tells it that there is no room, as far as its socket takes that at once.
    fn turn_away(self) {
        let too_many = Signal::Goodbye { reason: Some(ErrorCode::TooMany) };
        match self {
            Self::Native { waiting: Waiting { stream, stage: Stage::Answered { session, .. }, .. }, .. } => {
                let keys = RecordKeys { sealer: session.sealer, opener: session.opener };
                let mut link = Link::new(stream, keys, DEFAULT_PAYLOAD_BYTES, DEFAULT_PAYLOAD_BYTES, &[]);
                link.push(&Header::signal(OperationId::SESSION, too_many));
                let _unheard = link.flush();
            }
            Self::Native { .. } => {}
            Self::ZeroMq(Speaker { waiting, peer, first, .. }) => {
                let message = message_bytes(DEFAULT_PAYLOAD_BYTES);
                let mut link = ZmtpLink::new(waiting.stream, *peer, DEFAULT_PAYLOAD_BYTES, message);
                if let First::Message(first) = first {
                    let frames: Vec<&[u8]> = first.iter().map(Vec::as_slice).collect();
                    link.push(&FirstMessage::of(&frames).refused_for(Refusal::TooMany, &frames));
                    let _unheard = link.flush();
                }
                let _closed = link.stream().shutdown(Shutdown::Write);
            }
        }
    }
}

impl Lobby {
    /// Whether a peer would get a session there, if it proved its token now.
    pub(super) fn has_room(&mut self, place: Place) -> bool {
        self.seat_promised();
        let (expected, now) = (self.expected(), Instant::now());
        !self.turns.are_blocked(place.network(), now) && self.admission.has_room(place, &expected, now)
    }

    /// Gives a newcomer a session, or the promise of one, or turns it away.
    pub(super) fn seat(&mut self, newcomer: Newcomer) {
        self.seat_promised();
        self.ask_for(newcomer);
    }

    fn ask_for(&mut self, newcomer: Newcomer) {
        let (now, place) = (Instant::now(), newcomer.place());
        let room = match self.turns.are_blocked(place.network(), now) {
            true => Room::None,
            false => self.admission.ask(place, &self.expected(), now),
        };
        match room {
            Room::Free => self.start(newcomer),
            Room::After(in_place_of) => {
                let deadline = now + HANDSHAKE_TIMEOUT;
                // Its further messages are for its session, so the lobby reads no more.
                let descriptor = newcomer.waiting().stream.as_raw_fd();
                let _removed = self.poll.registry().deregister(&mut mio::unix::SourceFd(&descriptor));
                self.promised.push(Promised { newcomer, place, in_place_of, deadline });
                self.wake(in_place_of);
            }
            Room::None => {
                self.complaints.refused(newcomer.waiting().address, Refusal::TooMany);
                newcomer.turn_away();
            }
        }
    }

    fn expected(&self) -> Vec<Place> {
        self.promised.iter().map(|promised| promised.place).collect()
    }

    fn start(&mut self, newcomer: Newcomer) {
        match newcomer {
            Newcomer::Native { waiting, .. } => self.begin(waiting),
            Newcomer::ZeroMq(speaker) => self.converse(speaker),
        }
    }

    /// Forgets the sessions that are over, and gives their places to those who were promised them.
    pub(super) fn seat_promised(&mut self) {
        let over = self.take_returns();
        let now = Instant::now();
        let promised = mem::take(&mut self.promised);
        let mut again = Vec::new();
        for promised in promised {
            match () {
                () if over.contains(&promised.in_place_of) => self.start(promised.newcomer),
                () if promised.deadline <= now => promised.newcomer.turn_away(),
                () if self.admission.is_leaving(promised.in_place_of) => self.promised.push(promised),
                // The session that was asked to leave has got a request and stays: ask for another place.
                () => again.push(promised.newcomer),
            }
        }
        again.into_iter().for_each(|newcomer| self.ask_for(newcomer));
        // Last: a thread may need a moment to end, and newcomers need not wait for it.
    }
}

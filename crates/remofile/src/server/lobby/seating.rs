//! Seating: peers that have proved a token get a session, at once or as soon as somebody has made room.

use super::Lobby;
use super::newcomer::{Newcomer, Promised};
use crate::server::admission::{Place, Room};
use remofile_protocol::handshake::Refusal;
use remofile_protocol::limits::HANDSHAKE_TIMEOUT;
use std::mem;
use std::os::fd::AsRawFd;
use std::time::Instant;

impl Lobby {
    /// Reports whether a peer would get a session there, if it proved its token now.
    pub(super) fn has_room(&mut self, place: Place, left: &[u64]) -> bool {
        self.seat_promised();
        let (expected, now) = (self.expected(), Instant::now());
        !self.turns.are_blocked(place.network(), now) && self.admission.has_room(place, left, &expected, now)
    }

    /// Gives a newcomer a session, or the promise of one, or turns it away.
    pub(super) fn seat(&mut self, newcomer: Newcomer) {
        if newcomer.joins().is_some() {
            return self.join(newcomer);
        }
        self.seat_promised();
        // Only now: a recording of a handshake gets this far no more.
        for session in self.admission.end_replaced(&newcomer.place(), newcomer.left()) {
            self.wake(session);
        }
        self.ask_for(newcomer);
    }

    fn ask_for(&mut self, newcomer: Newcomer) {
        let (now, place) = (Instant::now(), newcomer.place());
        let room = match self.turns.are_blocked(place.network(), now) {
            true => Room::None,
            false => self.admission.ask(place, newcomer.left(), &self.expected(), now),
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
        let place = newcomer.place();
        match newcomer {
            Newcomer::Native { waiting, .. } => self.begin(waiting),
            Newcomer::ZeroMq(speaker) => self.converse(place, speaker),
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

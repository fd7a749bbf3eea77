//! Refusals of tokens: the only way to an answer that depends on a token.
//!
//! First [`Lobby::is_guessing`] is asked. Where it is true no token is compared, and the peer is told nothing of
//! its own; where it is false, a wrong token is answered by [`Lobby::refuse_slowly`] and counted.

use super::Lobby;
use super::waiting::{Stage, Waiting};
use remofile_protocol::handshake::Refusal;
use remofile_protocol::token::Origin;
use std::time::Instant;

impl Lobby {
    /// Reports whether a peer's address tries more tokens than can be answered slowly. Then even a right token is
    /// turned away: otherwise an attacker with a thousand connections would only have to see which of them stays.
    /// Generated tokens need no such care.
    pub(super) fn is_guessing(&mut self, waiting: &Waiting) -> bool {
        let is_exhausted = self.slowdown.is_exhausted(Instant::now(), Some(waiting.address.ip()));
        is_exhausted && self.is_chosen()
    }

    /// Counts a guess, and answers it after the delay of its address.
    pub(super) fn refuse_slowly(&mut self, number: usize, mut waiting: Waiting, refusal: Refusal, bytes: Vec<u8>) {
        self.complaints.refused(waiting.address, refusal);
        match self.slowdown.refuse(Instant::now(), Some(waiting.address.ip())) {
            Some(answered) => {
                waiting.deadline = answered;
                waiting.stage = Stage::Refused(bytes);
                self.waiting.insert(number, waiting);
            }
            // A generated token cannot be guessed: its peer need not be kept for a delayed answer.
            None if !self.is_chosen() => waiting.say(&bytes),
            None => waiting.say(&[]),
        }
    }

    /// Sends a peer away without having looked at its token.
    pub(super) fn turn_away(&mut self, mut waiting: Waiting, bytes: &[u8]) {
        self.complaints.guesses_too_fast(waiting.address);
        waiting.say(bytes);
    }

    fn is_chosen(&self) -> bool {
        self.roster.origin() == Origin::Chosen
    }
}

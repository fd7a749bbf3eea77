//! Tokens in the lobby: the roster that it goes by, and peers whose tokens take a while to be recognised.

use super::Lobby;
use super::waiting::{Stage, Unsettled, Waiting};
use crate::server::network::Network;
use crate::server::roster::Pass;
use remofile_protocol::handshake::Refusal;
use remofile_protocol::token::Token;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Time between two looks at tokens that end by themselves. The system's clock may jump, so that no deadline can be known.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Lobby {
    /// Returns the pass of the token with an index of the roster that the lobby goes by.
    pub(super) fn pass(&self, token: usize) -> Result<Pass, Refusal> {
        self.roster.pass(token, SystemTime::now())
    }

    /// Takes over a new roster, ends the sessions that are not admitted any more, and judges peers whose tokens have been
    /// stretched.
    pub(super) fn look_at_tokens(&mut self) {
        self.take_roster();
        if self.next_look.is_some_and(|at| at <= Instant::now()) {
            self.end_sessions_not_admitted();
        }
        self.settle();
    }

    /// Takes over the roster in force. A peer is judged by the one that is in force when it speaks: its token may have been
    /// made a moment ago.
    pub(super) fn take_roster(&mut self) {
        let current = self.context.rosters.current();
        if !Arc::ptr_eq(&current, &self.roster) {
            self.credentials.tokens = Arc::clone(current.table());
            self.roster = current;
            self.end_sessions_not_admitted();
        }
    }

    /// Sets the time of the next look, if there is a session that may end by itself.
    pub(super) fn schedule_look(&mut self) {
        let now = Instant::now();
        let may_end = self.roster.has_expiries() && self.admission.sessions() > 0;
        self.next_look = may_end.then(|| self.next_look.filter(|at| *at > now).unwrap_or(now + LOOK_EVERY));
    }

    fn end_sessions_not_admitted(&mut self) {
        let now = SystemTime::now();
        let ended = self.admission.end_not_admitted(|pass| self.roster.admits(pass, now));
        ended.into_iter().for_each(|session| self.wake(session));
    }

    /// Keeps a peer until its token is stretched.
    pub(super) fn await_settling(&mut self, number: usize, waiting: Waiting, texts: Vec<Token>) {
        let network = Network::of(waiting.address.ip());
        match self.context.stretching.ask(Some(network), texts, &self.roster, &self.waker) {
            Some(ticket) => {
                self.unsettled.push(Unsettled { number, ticket });
                self.waiting.insert(number, waiting);
            }
            None => self.turn_away(waiting, &[]),
        }
    }

    fn settle(&mut self) {
        for unsettled in mem::take(&mut self.unsettled) {
            let number = unsettled.number;
            if !unsettled.ticket.is_done() {
                // A peer whose time is over is not there any more, and its ticket is dropped.
                if self.waiting.contains(number) {
                    self.unsettled.push(unsettled);
                }
                continue;
            }
            let Some(mut waiting) = self.waiting.remove(number) else { continue };
            let roster = Arc::clone(&self.roster);
            // Others from there may have guessed meanwhile.
            let tokens = (!self.is_guessing(&waiting)).then_some(&*roster);
            let Stage::ZeroMq(stranger) = &mut waiting.stage else { continue };
            let verdict = stranger.settle(tokens);
            self.act(number, waiting, verdict);
        }
    }
}

//! Peers of a ROUTER socket that is not ours, until they have proved the token.
//!
//! Invariant: nothing is kept of them but refusals that wait to be sent, which are bounded in number and size. So
//! however many there are, they take no room from those who have a session.

use super::reply::{NO_ADDRESS, Reply};
use super::{FirstMessage, Frames, Proof};
use crate::server::audit::Reporter;
use crate::server::lobby::complaints::Complaints;
use crate::server::roster::Roster;
use crate::server::slowdown::Slowdown;
use remofile_protocol::handshake::Refusal;
use remofile_protocol::token::Origin;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::time::Instant;

/// Refusals that wait at most, of either kind.
const MAX_REFUSALS: usize = 1024;

/// Bytes of a refusal with its envelope at most. Well-meant envelopes are far shorter.
const MAX_REFUSAL_BYTES: usize = 2048;

/// The answers to peers that have not proved the token.
pub(super) struct Newcomers {
    slowdown: Slowdown,
    complaints: Complaints,
    /// Refusals by when they are due, and then in the order in which they were made.
    delayed: BTreeMap<(Instant, u64), Reply>,
    due: VecDeque<Reply>,
    made: u64,
}

/// A message of a peer that has no session.
pub(super) struct NewcomerMessage<'a> {
    pub(super) identity: &'a [u8],
    /// Address of the peer, if the owner of the socket knows it.
    pub(super) address: Option<IpAddr>,
    pub(super) frames: &'a [&'a [u8]],
}

impl Newcomers {
    pub(super) fn new(now: Instant, reporter: Reporter) -> Self {
        Self {
            slowdown: Slowdown::new(),
            complaints: Complaints::new(now, reporter),
            delayed: BTreeMap::new(),
            due: VecDeque::new(),
            made: 0,
        }
    }

    /// Judges a message. A peer that does not prove the token is answered later.
    pub(super) fn judge(
        &mut self,
        now: Instant,
        message: &NewcomerMessage<'_>,
        roster: &Roster,
        is_settled: bool,
    ) -> Proof {
        let NewcomerMessage { identity, address, frames } = *message;
        let first_message = FirstMessage::of(frames);
        if first_message.refusal() != Refusal::Token {
            // The same for everybody: it opens no session, and the token is not looked at.
            self.due(identity, first_message.refused(frames));
            return Proof::None;
        }
        let is_exhausted = self.slowdown.is_exhausted(now, address) || self.delayed.len() >= MAX_REFUSALS;
        if is_exhausted && roster.origin() == Origin::Chosen {
            self.complaints.guesses_too_fast(shown(address));
            self.due(identity, first_message.refused_for(Refusal::TooMany, frames));
            return Proof::None;
        }
        match first_message.prove(identity, roster, is_settled) {
            Proof::None => {}
            other => return other,
        }
        self.complaints.refused(shown(address), Refusal::Token);
        let refused = first_message.refused(frames);
        match self.slowdown.refuse(now, address) {
            Some(at) if !is_exhausted && is_small(&refused) => {
                self.made += 1;
                self.delayed.insert((at, self.made), Reply { identity: identity.to_vec(), frames: refused });
            }
            // A generated token cannot be guessed: the answer need not wait.
            _ => self.due(identity, refused),
        }
        Proof::None
    }

    /// Refuses a peer before its token is known to be right or wrong: too many others wait for that.
    pub(super) fn turn_away(&mut self, message: &NewcomerMessage<'_>) {
        self.complaints.guesses_too_fast(shown(message.address));
        self.refuse(message, Refusal::TooMany);
    }

    /// Refuses a peer for a reason that tells nothing of tokens.
    pub(super) fn refuse(&mut self, message: &NewcomerMessage<'_>, refusal: Refusal) {
        self.due(message.identity, FirstMessage::of(message.frames).refused_for(refusal, message.frames));
    }

    /// Returns the next refusal that is due.
    pub(super) fn next_reply(&mut self, now: Instant) -> Option<Reply> {
        self.complaints.sum_up(now);
        let delayed = self.delayed.first_entry().filter(|entry| entry.key().0 <= now);
        delayed.map(|entry| entry.remove()).or_else(|| self.due.pop_front())
    }

    /// Returns the time at which [`Newcomers::next_reply`] has a reply to give.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        let delayed = self.delayed.first_key_value().map(|((at, _), _)| *at);
        if self.due.is_empty() { delayed } else { Some(now) }
    }

    /// Forgets the refusals that wait: the server stops, and does not wait for them.
    pub(super) fn clear(&mut self) {
        self.delayed.clear();
        self.due.clear();
    }

    /// Forgets the refusals of a peer that has proved the token since: it would take them for answers.
    pub(super) fn forget(&mut self, identity: &[u8]) {
        self.delayed.retain(|_, reply| reply.identity != identity);
        self.due.retain(|reply| reply.identity != identity);
    }

    /// Queues a refusal that need not wait.
    pub(super) fn due(&mut self, identity: &[u8], frames: Frames) {
        // A peer that sends so many at once can do without some of the answers.
        if self.due.len() < MAX_REFUSALS && is_small(&frames) {
            self.due.push_back(Reply { identity: identity.to_vec(), frames });
        }
    }
}

fn is_small(frames: &Frames) -> bool {
    frames.iter().map(Vec::len).sum::<usize>() <= MAX_REFUSAL_BYTES && frames.len() <= MAX_REFUSAL_BYTES
}

fn shown(address: Option<IpAddr>) -> impl fmt::Display {
    address.map_or_else(|| NO_ADDRESS.to_owned(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile_protocol::handshake::{ZeroMqAnswer, ZeroMqHello};
    use remofile_protocol::token::Token;
    use std::time::Duration;
    use zeroize::Zeroizing;

    struct Handled {
        newcomers: Newcomers,
        roster: Roster,
        now: Instant,
    }

    impl Handled {
        fn with(token: &Token) -> Self {
            let now = Instant::now();
            Self { newcomers: Newcomers::new(now, Reporter::default()), roster: Roster::of_one(token), now }
        }

        fn chosen() -> Self {
            Self::with(&Token::parse("chosen").unwrap())
        }

        fn says(&mut self, identity: &[u8], address: Option<&str>, frame: &[u8]) -> bool {
            let address = address.map(|address| address.parse().unwrap());
            let message = NewcomerMessage { identity, address, frames: &[frame] };
            matches!(self.newcomers.judge(self.now, &message, &self.roster, false), Proof::Proved(_))
        }

        fn refusals(&mut self) -> Vec<Refusal> {
            std::iter::from_fn(|| self.newcomers.next_reply(self.now))
                .map(|reply| match ZeroMqAnswer::decode(&reply.frames[0]) {
                    Some(ZeroMqAnswer::Refused(refusal)) => refusal,
                    other => panic!("{other:?}"),
                })
                .collect()
        }
    }

    fn hello(token: &str) -> Vec<u8> {
        ZeroMqHello::new("a", "b", Some(Zeroizing::new(token.to_owned()))).encode().to_vec()
    }

    #[test]
    fn a_wrong_token_is_answered_slowly_and_a_right_one_at_once() {
        let mut handled = Handled::chosen();
        assert!(handled.says(b"chosen", None, b"\x80\x04K\x01\x8c\x01/\x86."));
        assert!(handled.says(b"\0abcd", None, &hello("chosen")));
        assert!(!handled.says(b"\0abcd", None, &hello("wrong")));
        assert_eq!(handled.refusals(), [], "it is answered at once");
        let due = handled.newcomers.next_due(handled.now).unwrap();
        assert_eq!(due, handled.now + Duration::from_millis(100));
        handled.now = due;
        assert_eq!(handled.refusals(), [Refusal::Token]);
        assert_eq!(handled.newcomers.next_due(handled.now), None);
    }

    #[test]
    fn who_guesses_too_fast_learns_nothing_and_keeps_out_nobody_from_elsewhere() {
        let mut handled = Handled::chosen();
        for number in 0..100_000u32 {
            assert!(!handled.says(&number.to_be_bytes(), Some("192.0.2.1"), &hello(&number.to_string())));
        }
        assert!(!handled.says(b"x", Some("192.0.2.1"), &hello("chosen")), "another guess was compared");
        assert!(handled.says(b"x", Some("192.0.2.2"), &hello("chosen")));
        assert!(handled.says(b"x", None, &hello("chosen")));
        let Newcomers { delayed, due, .. } = &handled.newcomers;
        assert!(delayed.len() <= 7 && due.len() == MAX_REFUSALS, "{} {}", delayed.len(), due.len());
        assert!(handled.refusals().iter().all(|refusal| *refusal == Refusal::TooMany));
        handled.now += Duration::from_secs(10);
        assert!(handled.refusals().iter().all(|refusal| *refusal == Refusal::Token));
        assert!(handled.says(b"x", Some("192.0.2.1"), &hello("chosen")));
    }

    #[test]
    fn a_generated_token_keeps_nobody_out() {
        let token = Token::generate();
        let mut handled = Handled::with(&token);
        for _ in 0..10_000 {
            assert!(!handled.says(b"x", None, &hello("wrong")));
        }
        assert!(handled.says(b"x", None, &hello(token.reveal())));
        assert!(handled.newcomers.delayed.len() <= 40 && handled.newcomers.due.len() <= MAX_REFUSALS);
    }

    #[test]
    fn what_opens_no_session_is_answered_the_same_with_a_right_routing_id() {
        let mut handled = Handled::chosen();
        let ping = b"\xa2\0\x01\x01\x82";
        for identity in [&b"chosen"[..], b"wrong!", b"\0abcd"] {
            assert!(!handled.says(identity, None, ping));
            assert_eq!(handled.refusals(), [Refusal::NoSession]);
            assert!(!handled.says(identity, None, &hello("x")[..12]));
            assert_eq!(handled.refusals(), [Refusal::Malformed]);
        }
        assert!(!handled.newcomers.slowdown.is_exhausted(handled.now, None));
    }

    #[test]
    fn no_envelope_is_kept_that_is_longer_than_one_can_be() {
        let mut handled = Handled::chosen();
        let long = vec![7; 100_000];
        let message = NewcomerMessage { identity: b"wrong", address: None, frames: &[&long, b"", b"request"] };
        for _ in 0..100 {
            assert_eq!(handled.newcomers.judge(handled.now, &message, &handled.roster, false), Proof::None);
        }
        assert!(handled.newcomers.delayed.is_empty() && handled.newcomers.due.is_empty());
        assert!(handled.newcomers.slowdown.is_exhausted(handled.now, None), "they are guesses all the same");
    }
}

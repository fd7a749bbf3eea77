//! Conversations over a ROUTER socket that is not ours: frames in, frames out.

mod admitting;
mod identity;
mod talk;
mod tokens;

use super::newcomers::{NewcomerMessage, Newcomers};
use super::reply::Reply;
use super::unsettled::UnsettledPeers;
use super::{Frames, ServerContext};
use crate::carrier::Waker;
use crate::server::coordination::Keeper;
use crate::server::lifetime::Lifetime;
use crate::server::roster::Roster;
#[cfg(test)]
use crate::server::session::SharedState;
use crate::server::token_source::TokenWatch;
use identity::Identity;
use remofile_protocol::handshake::{Refusal, ZeroMqAnswer};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use talk::{Spoke, Talk};

/// Refusals to lost peers that wait to be sent at most. Further peers are not told.
const MAX_STRAYS: usize = 1024;

/// Silence after which a peer without an operation in flight is forgotten, since ZeroMQ does not report that it
/// left.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10 * 60);

/// Time between two looks at tokens that end by themselves.
const CHECK_EVERY: Duration = Duration::from_millis(500);

/// Work without a message that one call does at most, so that the caller's loop goes on.
const TURN: Duration = Duration::from_millis(20);

/// Longest time between two looks at timeouts and wakers while there is much to send.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The server of the messages that a ZeroMQ ROUTER socket of yours receives, in protocol 1 and protocol 2.
///
/// It opens no socket and starts no thread for messages. Give it what your socket receives, send what it gives
/// back, and call [`Handler::next_reply`] again whenever its file descriptor is readable or
/// [`Handler::next_timeout`] is over.
///
/// Peers that have not proved the token take nothing from those that have, and wrong tokens are refused slowly. A token
/// that somebody chose can be guessed: while one peer tries many, no newcomer with such a token is let in, but those
/// whose address is known to be another, see [`Handler::handle_from`]. With a generated token nobody is kept out.
///
/// # Examples
/// ```no_run
/// # fn receive() -> Option<(Vec<u8>, Vec<Vec<u8>>)> { None }
/// # fn send(_: &[u8], _: &[Vec<u8>]) {}
/// # fn wait_for_socket_or(_: &impl std::os::fd::AsFd, _: Option<std::time::Duration>) {}
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use remofile::{Server, protocol::token::Token};
///
/// let server = Server::new("shared", Token::parse("e9NUu9DRuDtUa5mSvc3VC7")?)?;
/// let mut handler = server.handler()?;
/// while !handler.is_stopped() {
///     wait_for_socket_or(&handler, handler.next_timeout());
///     while let Some((identity, frames)) = receive() {
///         handler.handle(&identity, &frames);
///     }
///     while let Some(reply) = handler.next_reply() {
///         send(&reply.identity, &reply.frames);
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Handler {
    context: Arc<ServerContext>,
    waker: Waker,
    clock: Instant,
    peers: HashMap<Identity, Talk>,
    /// Peers that have something to say, in the order of their turns.
    turns: VecDeque<Identity>,
    strays: VecDeque<Reply>,
    newcomers: Newcomers,
    unsettled: UnsettledPeers,
    /// The roster by which its peers were looked at last, and when.
    roster: Arc<Roster>,
    checked: Instant,
    looked: Option<Instant>,
    _keeper: Option<Keeper>,
    lifetime: Lifetime,
    _watch: Option<TokenWatch>,
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").field("peers", &self.peers.len()).finish_non_exhaustive()
    }
}

/// Readable when [`Handler::next_reply`] may have something new, though no message came.
impl AsFd for Handler {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.waker.as_fd()
    }
}

impl Handler {
    pub(in crate::server) fn new(
        context: ServerContext,
        waker: Waker,
        lifetime: Lifetime,
        watch: Option<TokenWatch>,
        keeper: Option<Keeper>,
    ) -> Self {
        let reporter = context.shared.reporter.clone();
        Self {
            roster: context.rosters.current(),
            checked: Instant::now(),
            unsettled: UnsettledPeers::default(),
            context: Arc::new(context),
            waker,
            clock: Instant::now(),
            peers: HashMap::new(),
            turns: VecDeque::new(),
            strays: VecDeque::new(),
            newcomers: Newcomers::new(Instant::now(), reporter),
            looked: None,
            _keeper: keeper,
            lifetime,
            _watch: watch,
        }
    }

    /// The state that all its sessions share.
    #[cfg(test)]
    pub(super) fn shared(&self) -> &Arc<SharedState> {
        &self.context.shared
    }

    /// Takes a message: the routing id that the ROUTER put in front, and the frames behind it. Guesses of tokens by
    /// all peers without an address are counted together: [`Handler::handle_from`] is better.
    pub fn handle(&mut self, identity: &[u8], frames: &[impl AsRef<[u8]>]) {
        self.take(identity, None, frames);
    }

    /// Takes a message as [`Handler::handle`] does, from a peer at this address, which ZeroMQ gives as the property
    /// `Peer-Address` of a message. Guesses of tokens are counted for each address, an address has no more than its
    /// share of the sessions ([`crate::ServerOptions::sessions_per_address`]), and users who have to wait for the
    /// peer see its address.
    pub fn handle_from(&mut self, identity: &[u8], address: IpAddr, frames: &[impl AsRef<[u8]>]) {
        self.take(identity, Some(address), frames);
    }

    fn take(&mut self, identity: &[u8], address: Option<IpAddr>, frames: &[impl AsRef<[u8]>]) {
        let now = self.clock.elapsed();
        let frames: Vec<&[u8]> = frames.iter().map(AsRef::as_ref).collect();
        if self.unsettled.take(identity, &frames) {
            return;
        }
        // A hello with another token revokes the proof, and the peer is a newcomer again.
        if self.peers.get(identity).is_some_and(|talk| talk.conversation.is_disowned_by(&frames)) {
            self.peers.remove(identity);
        }
        if !self.peers.contains_key(identity)
            && !self.admit(now, &NewcomerMessage { identity, address, frames: &frames }, false)
        {
            return;
        }
        self.hand(now, identity, &frames);
    }

    /// Gives a message to the conversation that its peer has.
    fn hand(&mut self, now: Duration, identity: &[u8], frames: &[&[u8]]) {
        if let Some(own) = self.peers.get(identity).map(|talk| talk.conversation.principal().id) {
            self.end_former(now, identity, own, frames);
        }
        let Some(talk) = self.peers.get_mut(identity) else { return };
        talk.heard = now;
        if let Err(error) = talk.conversation.receive(now, frames) {
            self.give_up(identity, &error);
        }
        self.take_turn(identity);
    }

    /// Returns the next message to send, if there is one now.
    pub fn next_reply(&mut self) -> Option<Reply> {
        let began = Instant::now();
        let mut has_looked = self.looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
        if has_looked {
            self.look_around();
        }
        loop {
            if let Some(stray) = self.strays.pop_front().or_else(|| self.newcomers.next_reply(Instant::now())) {
                return Some(stray);
            }
            match self.turns.pop_front() {
                Some(identity) => {
                    if let Some(frames) = self.give_turn(&identity.0) {
                        return Some(Reply { identity: identity.0.to_vec(), frames });
                    }
                }
                // Wakers and timeouts come without a message, so they are looked at before it says that there is
                // nothing.
                None if has_looked => return None,
                None => {
                    self.look_around();
                    has_looked = true;
                }
            }
            if began.elapsed() > TURN {
                return None;
            }
        }
    }

    /// Lets a peer's conversation say something, or work on.
    fn give_turn(&mut self, identity: &[u8]) -> Option<Frames> {
        let now = self.clock.elapsed();
        let talk = self.peers.get_mut(identity)?;
        talk.has_turn = false;
        match talk.speak(now) {
            Ok(Spoke::Nothing) if talk.conversation.is_done() => drop(self.peers.remove(identity)),
            Ok(Spoke::Nothing) => {}
            Ok(Spoke::Work) => self.take_turn(identity),
            Ok(Spoke::Message(frames)) => {
                self.take_turn(identity);
                return Some(frames);
            }
            Err(error) => self.give_up(identity, &error),
        }
        None
    }

    /// Returns the time from now for which [`Handler::next_reply`] need not be called, if no message comes and the
    /// file descriptor is not readable. `None` means for ever.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        if !self.turns.is_empty() || !self.strays.is_empty() {
            return Some(Duration::ZERO);
        }
        let now = self.clock.elapsed();
        let wanted = self.peers.values().filter_map(|talk| talk.conversation.next_timeout());
        let refusal = self.newcomers.next_due(Instant::now()).map(|at| at.saturating_duration_since(Instant::now()));
        let may_end = self.roster.has_expiries() && !self.peers.is_empty();
        let check = may_end.then(|| CHECK_EVERY.saturating_sub(self.checked.elapsed()));
        wanted.min().map(|at| at.saturating_sub(now)).into_iter().chain(refusal).chain(check).min()
    }

    /// Reports whether [`crate::Server::terminate`] was called and all replies about that were given out.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.lifetime.is_stopping() && self.peers.is_empty() && self.strays.is_empty()
    }

    /// Does what is due for all peers: timeouts, wakers, and forgetting silent ones.
    fn look_around(&mut self) {
        self.looked = Some(Instant::now());
        let now = self.clock.elapsed();
        if self.lifetime.is_stopping() {
            self.context.shared.stopping.store(true, Ordering::Release);
            self.newcomers.clear();
            self.unsettled.clear();
        }
        self.waker.drain();
        self.look_at_tokens();
        self.settle(now);
        let (mut awake, mut lost) = (Vec::new(), Vec::new());
        for (identity, talk) in &mut self.peers {
            // All peers share one waker, which does not tell whose work is done.
            talk.conversation.woken(now);
            let is_due = talk.conversation.next_timeout().is_some_and(|at| at <= now);
            match if is_due { talk.conversation.handle_timeout(now) } else { Ok(()) } {
                Ok(()) => awake.push(identity.clone()),
                Err(error) => lost.push((identity.clone(), error)),
            }
        }
        for (identity, error) in lost {
            self.give_up(&identity.0, &error);
        }
        for identity in awake {
            self.take_turn(&identity.0);
        }
        self.peers.retain(|_, talk| {
            let is_idle = talk.conversation.next_timeout().is_none() && !talk.has_turn;
            !is_idle || now.saturating_sub(talk.heard) < FORGOTTEN_AFTER
        });
    }

    fn take_turn(&mut self, identity: &[u8]) {
        if let Some(talk) = self.peers.get_mut(identity).filter(|talk| !talk.has_turn) {
            talk.has_turn = true;
            self.turns.push_back(Identity::new(identity));
        }
    }

    /// Ends the session of a peer that broke the protocol or is gone, and tells it so.
    fn give_up(&mut self, identity: &[u8], error: &dyn fmt::Display) {
        tracing::warn!(%error, "ZeroMQ session lost");
        self.peers.remove(identity);
        let frames = vec![ZeroMqAnswer::Refused(Refusal::Malformed).encode()];
        // Peers that break the protocol on purpose must not fill the memory with their refusals.
        if self.strays.len() < MAX_STRAYS {
            self.strays.push_back(Reply { identity: identity.to_vec(), frames });
        }
    }
}

/// Ends what the sessions have under way, and waits for it: the process may end with the handler.
impl Drop for Handler {
    fn drop(&mut self) {
        self.peers.clear();
        self.context.shared.pool.drain();
        self.context.shared.reporter.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Server;
    use crate::budget::Reservation;
    use remofile_protocol::handshake::ZeroMqHello;
    use remofile_protocol::token::Token;

    #[test]
    fn who_takes_its_answers_is_not_given_up_for_what_others_hold() {
        let root = tempfile::tempdir().unwrap();
        let mut handler = Server::new(root.path(), Token::parse("chosen").unwrap()).unwrap().handler().unwrap();
        let mut others = Reservation::new(&handler.context.shared.memory);
        others.resize(handler.context.shared.options.server_memory).unwrap();
        let hello = ZeroMqHello::new("a", "b", None).encode();
        for _ in 0..3 {
            handler.handle(b"chosen", &[&hello[..]]);
            let told: Vec<_> = std::iter::from_fn(|| handler.next_reply()).map(|reply| reply.frames).collect();
            assert!(matches!(ZeroMqAnswer::decode(&told[0][0]), Some(ZeroMqAnswer::Accepted(_))));
        }
    }
}

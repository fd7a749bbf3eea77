//! The conversation with a ZeroMQ peer, in whichever protocol it speaks.
//!
//! Participants: a [`Conversation`] is one peer's; it gets messages as frames and gives messages as frames or as
//! header and payload. It knows no socket: our own connections drive it ([`connection`]), and so does the owner of
//! another ROUTER socket ([`handler`]). Goals: protocol 1 and protocol 2 are told apart here and
//! nowhere else; every message that makes no sense has an answer. Non-goals: ZMTP, which is the carrier's.

pub(super) mod connection;
mod handler;
mod newcomers;
mod reply;

pub use handler::Handler;
pub use reply::Reply;

use super::principal::{Grant, Principal, PrincipalId};
use super::protocol1;
use super::session::{Peer, Session, SharedState, Turn};
use crate::budget::{Budget, Exhausted, Reservation};
use crate::carrier::{MessageWriter, Waker};
use remofile_protocol::handshake::{Refusal, ZeroMqAnswer, ZeroMqHello};
use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;
use remofile_protocol::protocol1::Response;
use remofile_protocol::session::SessionError;
use remofile_protocol::token::TokenMatcher;
use remofile_protocol::wire::{Header, MalformedMessage};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Name under which others see a client of protocol 1, which sends none.
const UNNAMED: &str = "a client of protocol 1";

/// Largest reply that is sent even if the server's memory is used up, in bytes, as long as it is the only one of
/// its peer.
const SMALL_REPLY_BYTES: u64 = 64 * 1024;

/// The context of every conversation of a server.
pub(super) struct ServerContext {
    pub(super) shared: Arc<SharedState>,
    pub(super) tokens: TokenMatcher,
    /// By the tokens' indices.
    pub(super) grants: Vec<Arc<Grant>>,
}

/// The token that a peer has proved.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proved {
    /// Its index among those of the server.
    pub(super) token: usize,
    /// True if the peer's routing id is that token.
    pub(super) is_routing_id: bool,
}

/// Frames of a message that is sent.
pub(super) type Frames = Vec<Vec<u8>>;

/// One peer's conversation with the server.
pub(super) struct Conversation {
    context: Arc<ServerContext>,
    peer: Peer,
    waker: Waker,
    /// True if the peer's routing id is the token of its principal.
    is_known: bool,
    protocol: ProtocolState,
    replies: VecDeque<Frames>,
    /// Number of replies that are counted, from the first on. `leaving` is the memory of these and of the one before
    /// them, which may still be leaving.
    counted: usize,
    leaving: u64,
    memory: Reservation,
}

/// The protocol that a peer speaks, and its session.
enum ProtocolState {
    /// Not known yet: the peer has said nothing.
    Undecided,
    Protocol1(Box<protocol1::Session>),
    /// With the payload that the peer accepts.
    Protocol2(Box<Session>, u32),
    /// None: the peer was refused.
    Ended,
}

/// The first message of a peer.
pub(super) enum FirstMessage {
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

/// The next thing that a conversation has to send or do.
pub(super) enum Outgoing {
    Frames(Frames),
    /// This header; payload, if any, is in the message.
    Message(Header),
    /// Nothing yet, but there is more to do.
    Work,
    Nothing,
}

/// The peer broke the protocol: the conversation cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConversationError {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Message(#[from] MalformedMessage),
    #[error("a message of {0} frames")]
    Frames(usize),
    #[error("it goes on and does not take its answers")]
    Overwhelmed,
}

impl From<Exhausted> for ConversationError {
    fn from(_: Exhausted) -> Self {
        Self::Overwhelmed
    }
}

impl ServerContext {
    /// The grant of the principal whose token has this index.
    pub(super) fn grant(&self, token: usize) -> Option<Arc<Grant>> {
        self.grants.get(token).cloned()
    }
}

impl FirstMessage {
    pub(super) fn of(frames: &[&[u8]]) -> Self {
        if let Some(envelope) = frames.iter().position(|frame| frame.is_empty()) {
            return Self::Request { envelope: envelope + 1 };
        }
        match frames {
            [frame] if is_pickle(frame) => Self::Request { envelope: 0 },
            [frame] if ZeroMqHello::is_meant(frame) => ZeroMqHello::decode(frame).map_or(Self::Malformed, Self::Hello),
            _ => Self::Stray,
        }
    }

    /// The index of the token that it says.
    fn token(&self, tokens: &TokenMatcher) -> Option<usize> {
        match self {
            Self::Hello(hello) => tokens.find(hello.token.as_ref()?.0.as_bytes()),
            Self::Request { .. } | Self::Malformed | Self::Stray => None,
        }
    }

    /// The token that a peer with this routing id proves by saying this. What it says comes before its routing id.
    pub(super) fn prove(&self, identity: &[u8], tokens: &TokenMatcher) -> Option<Proved> {
        // Both are compared, so that the time does not tell which was right.
        let (routing_id, said) = (tokens.find(identity), self.token(tokens));
        let routing_id = routing_id.filter(|_| may_be_token(identity));
        let token = said.or(routing_id)?;
        Some(Proved { token, is_routing_id: routing_id == Some(token) })
    }

    /// Returns the reason to refuse a peer that sends this and does not know the token.
    pub(super) fn refusal(&self) -> Refusal {
        match self {
            Self::Request { .. } | Self::Hello(_) => Refusal::Token,
            Self::Malformed => Refusal::Malformed,
            Self::Stray => Refusal::NoSession,
        }
    }

    /// Returns the frames that refuse the peer; `frames` are its message.
    pub(super) fn refused(&self, frames: &[&[u8]]) -> Frames {
        self.refused_for(self.refusal(), frames)
    }

    /// Returns the frames that refuse a peer with this message for another reason.
    pub(super) fn refused_for(&self, refusal: Refusal, frames: &[&[u8]]) -> Frames {
        match self {
            Self::Request { envelope } => {
                enveloped(&frames[..*envelope], Response::UnknownError(refusal.to_string()).encode())
            }
            _ => vec![ZeroMqAnswer::Refused(refusal).encode()],
        }
    }
}

/// Reports whether a routing id can be a token. An id that begins with a zero byte cannot: a ROUTER made it up.
pub(super) fn may_be_token(identity: &[u8]) -> bool {
    identity.first().is_some_and(|&first| first != 0)
}

/// Reports whether a frame begins like a pickle, as nothing does that protocol 2 sends.
fn is_pickle(frame: &[u8]) -> bool {
    matches!(frame, [0x80, 2..=5, ..])
}

fn enveloped(envelope: &[&[u8]], body: Vec<u8>) -> Frames {
    envelope.iter().map(|frame| frame.to_vec()).chain([body]).collect()
}

impl Conversation {
    /// `is_known`: whether the peer's routing id is the token of its principal.
    pub(super) fn new(context: Arc<ServerContext>, peer: Peer, waker: Waker, is_known: bool) -> Self {
        let memory = Budget::of_session(&context.shared.memory, peer.grant.principal.limits.session_memory);
        let memory = Reservation::new(&memory);
        Self {
            context,
            peer,
            waker,
            is_known,
            protocol: ProtocolState::Undecided,
            replies: VecDeque::new(),
            counted: 0,
            leaving: 0,
            memory,
        }
    }

    /// Learns that the peer is there.
    pub(super) fn heard(&mut self, now: Duration) {
        if let ProtocolState::Protocol2(session, _) = &mut self.protocol {
            session.heard(now);
        }
    }

    /// Takes a message.
    pub(super) fn receive(&mut self, now: Duration, frames: &[&[u8]]) -> Result<(), ConversationError> {
        match &mut self.protocol {
            ProtocolState::Ended => {}
            ProtocolState::Undecided => self.open(now, frames),
            ProtocolState::Protocol1(session) => {
                self.peer.presence.work();
                let reply = request(session, now, frames);
                self.replies.push_back(reply);
                self.rest_if_idle();
            }
            ProtocolState::Protocol2(session, _) if session.is_overwhelmed() => {
                return Err(ConversationError::Overwhelmed);
            }
            ProtocolState::Protocol2(session, _) => match frames {
                [header] | [header, _] if !ZeroMqHello::is_meant(header) => {
                    let payload = frames.get(1).copied().unwrap_or_default();
                    session.receive(now, Header::decode(header)?, payload)?;
                }
                [_hello] => self.open(now, frames),
                _ => return Err(ConversationError::Frames(frames.len())),
            },
        }
        self.count_replies()
    }

    /// Counts new replies. Over a socket of the user's own, messages of a peer are taken before it has taken its
    /// answers: so it may have as many replies as fit in the memory of a session.
    fn count_replies(&mut self) -> Result<(), ConversationError> {
        let new: u64 = self.replies.iter().skip(self.counted).map(reply_bytes).sum();
        self.counted = self.replies.len();
        let bytes = self.memory.bytes() + new;
        if self.counted <= 1 && new <= SMALL_REPLY_BYTES {
            // A peer that takes its small answers is not given up because others hold the memory.
            self.memory.resize_anyway(bytes);
            return Ok(());
        }
        Ok(self.memory.resize(bytes)?)
    }

    /// Returns the next reply. It is counted until the one behind it is asked for: then it has left.
    fn next_reply(&mut self) -> Option<Frames> {
        let left = std::mem::take(&mut self.leaving);
        // There is always room for less.
        let _less = self.memory.resize(self.memory.bytes().saturating_sub(left));
        let reply = self.replies.pop_front()?;
        if let Some(counted) = self.counted.checked_sub(1) {
            (self.counted, self.leaving) = (counted, reply_bytes(&reply));
        }
        Some(reply)
    }

    fn open(&mut self, now: Duration, frames: &[&[u8]]) {
        let first_message = FirstMessage::of(frames);
        // No guess: whoever gets here has proved the token in a message before.
        if !self.is_proved_by(&first_message) {
            self.replies.push_back(first_message.refused(frames));
            if first_message.refusal() == Refusal::Token {
                self.protocol = ProtocolState::Ended;
            }
            return;
        }
        let shared = Arc::clone(&self.context.shared);
        match first_message {
            FirstMessage::Stray | FirstMessage::Malformed => self.replies.push_back(first_message.refused(frames)),
            FirstMessage::Request { .. } => {
                let peer = Peer { client: UNNAMED.to_owned(), ..self.peer.clone() };
                let mut session = Box::new(protocol1::Session::new(shared, peer));
                self.peer.presence.work();
                self.replies.push_back(request(&mut session, now, frames));
                self.protocol = ProtocolState::Protocol1(session);
                self.rest_if_idle();
            }
            FirstMessage::Hello(hello) => self.greet(&hello),
        }
    }

    /// Reports whether the peer still is who it was when the conversation began: by what it says, or else by its
    /// routing id.
    fn is_proved_by(&self, first_message: &FirstMessage) -> bool {
        let own = self.peer.grant.principal.id;
        first_message.token(&self.context.tokens).map_or(self.is_known, |token| PrincipalId(token) == own)
    }

    /// On whose behalf it is.
    fn principal(&self) -> &Principal {
        &self.peer.grant.principal
    }

    /// Returns the time for which it has had nothing to do, nothing to send and no time to keep; `None` while it has.
    pub(super) fn at_rest_for(&self) -> Option<Duration> {
        match &self.protocol {
            _ if !self.replies.is_empty() => None,
            ProtocolState::Protocol2(session, _) => session.idle_for(),
            ProtocolState::Protocol1(session) if !session.is_idle() => None,
            ProtocolState::Undecided | ProtocolState::Protocol1(_) => self.idle_for(Instant::now()),
            ProtocolState::Ended => None,
        }
    }

    /// Frees the memory that is needed for work alone.
    pub(super) fn rest(&mut self) {
        self.replies = VecDeque::new();
        if let ProtocolState::Protocol2(session, _) = &mut self.protocol {
            session.rest();
        }
    }

    /// Ends what is under way, and waits until that is over.
    pub(super) fn end(&mut self) {
        if let ProtocolState::Protocol2(session, _) = &mut self.protocol {
            session.end_now();
        }
    }

    /// Has whatever it waits for wake another thread from now on.
    pub(super) fn wake_by(&mut self, waker: &Waker) {
        self.waker = waker.clone();
        if let ProtocolState::Protocol2(session, _) = &mut self.protocol {
            session.wake_by(waker);
        }
    }

    /// Returns the time for which the peer has done nothing; `None` while one of its operations is under way.
    fn idle_for(&self, now: Instant) -> Option<Duration> {
        self.peer.presence.idle_for(now)
    }

    /// Marks a session of protocol 1 as idle if it is. A session of protocol 2 does so itself.
    fn rest_if_idle(&self) {
        if matches!(&self.protocol, ProtocolState::Protocol1(session) if session.is_idle()) {
            self.peer.presence.rest(Instant::now());
        }
    }

    fn greet(&mut self, hello: &ZeroMqHello) {
        // The one before, if there is one, ends, and with it its leases.
        self.protocol = ProtocolState::Ended;
        self.peer.presence.work();
        let refusal = match () {
            () if !hello.speaks_this_version() => Some(Refusal::Version),
            () if self.context.shared.stopping.load(Ordering::Acquire) => Some(Refusal::ShuttingDown),
            () => None,
        };
        if let Some(refusal) = refusal {
            return self.replies.push_back(vec![ZeroMqAnswer::Refused(refusal).encode()]);
        }
        // What the one before has under way may go on for long, and gives back its own leases then.
        let session = self.context.shared.number_session();
        let peer = Peer { session, client: hello.client.clone(), ..self.peer.clone() };
        let session = Session::new(Arc::clone(&self.context.shared), peer, self.waker.clone(), hello.digest);
        let answer = ZeroMqAnswer::Accepted(Box::new(self.peer.grant.hello.clone()));
        self.replies.push_back(vec![answer.encode()]);
        self.protocol = ProtocolState::Protocol2(Box::new(session), hello.max_payload_bytes.min(DEFAULT_PAYLOAD_BYTES));
    }

    /// Reports whether a message revokes the proof of the token: it is a hello with another token.
    pub(super) fn is_disowned_by(&self, frames: &[&[u8]]) -> bool {
        let is_hello = matches!(frames, [frame] if ZeroMqHello::is_meant(frame));
        is_hello && !self.is_proved_by(&FirstMessage::of(frames))
    }

    /// Returns the largest payload that the peer accepts, in bytes.
    pub(super) fn max_payload(&self) -> u32 {
        match &self.protocol {
            ProtocolState::Protocol2(_, max_payload) => *max_payload,
            _ => DEFAULT_PAYLOAD_BYTES,
        }
    }

    /// Gives the next message to send; its payload is put into `message`.
    pub(super) fn produce(
        &mut self,
        now: Duration,
        message: &mut MessageWriter<'_>,
    ) -> Result<Outgoing, ConversationError> {
        if let Some(frames) = self.next_reply() {
            return Ok(Outgoing::Frames(frames));
        }
        match &mut self.protocol {
            ProtocolState::Protocol2(session, _) => Ok(match session.produce(now, message)? {
                Turn::Message(header) => Outgoing::Message(header),
                Turn::Work => Outgoing::Work,
                Turn::Nothing => Outgoing::Nothing,
            }),
            _ => Ok(Outgoing::Nothing),
        }
    }

    /// Starts what has waited; ends everything if the server stops.
    pub(super) fn woken(&mut self, now: Duration) {
        match &mut self.protocol {
            ProtocolState::Protocol2(session, _) => session.woken(now),
            ProtocolState::Undecided | ProtocolState::Protocol1(_)
                if self.context.shared.stopping.load(Ordering::Acquire) =>
            {
                self.protocol = ProtocolState::Ended;
            }
            // Protocol 1 has no goodbye: its sockets connect again by themselves.
            ProtocolState::Undecided | ProtocolState::Protocol1(_) if self.peer.presence.leave() => {
                self.protocol = ProtocolState::Ended;
            }
            _ => {}
        }
    }

    /// Returns the time at which [`Conversation::handle_timeout`] is to be called.
    pub(super) fn next_timeout(&self) -> Option<Duration> {
        match &self.protocol {
            ProtocolState::Protocol1(session) => session.next_timeout(),
            ProtocolState::Protocol2(session, _) => session.next_timeout(),
            ProtocolState::Undecided | ProtocolState::Ended => None,
        }
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Duration) -> Result<(), ConversationError> {
        match &mut self.protocol {
            ProtocolState::Protocol1(session) => session.handle_timeout(now),
            ProtocolState::Protocol2(session, _) => session.handle_timeout(now)?,
            ProtocolState::Undecided | ProtocolState::Ended => {}
        }
        self.rest_if_idle();
        Ok(())
    }

    /// Reports whether messages are taken now.
    pub(super) fn wants_messages(&self) -> bool {
        match &self.protocol {
            // A peer that does not take its answers is not read either.
            ProtocolState::Undecided | ProtocolState::Protocol1(_) => self.replies.is_empty(),
            ProtocolState::Protocol2(session, _) => session.wants_messages() && self.replies.is_empty(),
            ProtocolState::Ended => false,
        }
    }

    /// Reports whether the conversation is over, except for messages in the queue.
    pub(super) fn is_done(&self) -> bool {
        self.replies.is_empty()
            && match &self.protocol {
                ProtocolState::Ended => true,
                ProtocolState::Protocol2(session, _) => session.is_done(),
                ProtocolState::Undecided | ProtocolState::Protocol1(_) => false,
            }
    }
}

/// Returns the memory that a reply takes, in bytes.
fn reply_bytes(frames: &Frames) -> u64 {
    let frames = frames.iter().map(|frame| size_of::<Vec<u8>>() + frame.capacity());
    (size_of::<Frames>() + frames.sum::<usize>()) as u64
}

/// Answers a request of protocol 1 in the envelope it came in.
fn request(session: &mut protocol1::Session, now: Duration, frames: &[&[u8]]) -> Frames {
    let envelope = frames.iter().position(|frame| frame.is_empty()).map_or(0, |at| at + 1);
    let (envelope, bodies) = frames.split_at(envelope);
    let answer = match bodies {
        // Without a delimiter it is not from the kind of socket that reads the answer.
        [body] if !envelope.is_empty() => session.answer(now, body),
        _ => Response::BadRequest.encode(),
    };
    enveloped(envelope, answer)
}

#[cfg(test)]
mod tests;

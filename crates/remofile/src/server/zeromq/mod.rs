//! The conversation with a ZeroMQ peer, in whichever protocol it speaks.
//!
//! Participants: a [`Conversation`] is one peer's; it gets messages as frames and gives messages as frames or as
//! header and payload. It knows no socket: our own connections drive it ([`connection`]), and so does the owner of
//! another ROUTER socket ([`handler`]). Goals: protocol 1 and protocol 2 are told apart here and
//! nowhere else; every message that makes no sense has an answer. Non-goals: ZMTP, which is the carrier's.

pub(super) mod connection;
mod first_message;
mod former;
mod frames;
mod handler;
mod newcomers;
mod replies;
mod reply;
mod turns;
mod unsettled;

pub(super) use first_message::{FirstMessage, Proof, Proved, may_be_token, recognise_routing_id};
pub(super) use frames::Frames;
pub use handler::Handler;
pub use reply::Reply;

use super::bandwidth::Direction;
use super::principal::Principal;
use super::protocol1;
use super::roster::Rosters;
use super::session::{Peer, Session, SharedState};
use super::stretching::Stretching;
use crate::budget::{Budget, Exhausted, Reservation};
use crate::carrier::Waker;
use remofile_protocol::handshake::{Refusal, ZeroMqAnswer, ZeroMqHello};
use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;
use remofile_protocol::session::SessionError;
use remofile_protocol::token::Recognised;
use remofile_protocol::wire::{Header, MalformedMessage};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Name under which others see a client of protocol 1, which sends none.
const UNNAMED: &str = "a client of protocol 1";

/// The context of every conversation of a server.
pub(super) struct ServerContext {
    pub(super) shared: Arc<SharedState>,
    pub(super) rosters: Arc<Rosters>,
    pub(super) stretching: Stretching,
}

/// One peer's conversation with the server.
pub(super) struct Conversation {
    context: Arc<ServerContext>,
    peer: Peer,
    waker: Waker,
    /// True if the peer's routing id is the token of its principal.
    is_known: bool,
    protocol: ProtocolState,
    replies: VecDeque<Frames>,
    /// Time at which the next answer may leave, where the bandwidth of the principal makes it wait.
    paced_until: Option<Duration>,
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
    Protocol1(Box<protocol1::Exchange>),
    /// With the payload that the peer accepts.
    Protocol2(Box<Session>, u32),
    /// None: the peer was refused.
    Ended,
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
            paced_until: None,
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
            ProtocolState::Undecided => self.open(now, frames)?,
            ProtocolState::Protocol1(exchange) => {
                self.peer.presence.work();
                let reply = request(exchange, now, frames)?;
                self.count(Direction::Received, frames.iter().map(|frame| frame.len()));
                if let Some(reply) = reply {
                    self.count(Direction::Sent, reply.iter().map(Vec::len));
                    self.replies.push_back(reply);
                }
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
                [_hello] => self.open(now, frames)?,
                _ => return Err(ConversationError::Frames(frames.len())),
            },
        }
        self.count_replies()
    }

    fn open(&mut self, now: Duration, frames: &[&[u8]]) -> Result<(), Exhausted> {
        let first_message = FirstMessage::of(frames);
        // No guess: whoever gets here has proved the token in a message before.
        if !self.is_proved_by(&first_message) {
            self.replies.push_back(first_message.refused(frames));
            if first_message.refusal() == Refusal::Token {
                self.protocol = ProtocolState::Ended;
            }
            return Ok(());
        }
        let shared = Arc::clone(&self.context.shared);
        match first_message {
            FirstMessage::Stray | FirstMessage::Malformed => self.replies.push_back(first_message.refused(frames)),
            FirstMessage::Request { .. } => {
                let peer = Peer { client: UNNAMED.to_owned(), ..self.peer.clone() };
                let mut exchange = Box::new(protocol1::Exchange::new(shared, peer, self.waker.clone()));
                self.peer.presence.work();
                self.replies.extend(request(&mut exchange, now, frames)?);
                self.protocol = ProtocolState::Protocol1(exchange);
                self.rest_if_idle();
            }
            FirstMessage::Hello(hello) => self.greet(&hello),
        }
        Ok(())
    }

    /// Reports whether the peer still is who it was when the conversation began: by what it says, or else by its
    /// routing id.
    fn is_proved_by(&self, first_message: &FirstMessage) -> bool {
        let roster = self.context.rosters.current();
        match first_message.token(&roster) {
            Recognised::Known(token) => roster.principal(token) == Some(self.peer.grant.principal.id),
            // One that was not seen before is another one.
            Recognised::Unsettled(_) => false,
            Recognised::Unknown => self.is_known,
        }
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
        if let ProtocolState::Protocol1(exchange) = &mut self.protocol {
            exchange.end();
        }
    }

    /// Has whatever it waits for wake another thread from now on.
    pub(super) fn wake_by(&mut self, waker: &Waker) {
        self.waker = waker.clone();
        if let ProtocolState::Protocol2(session, _) = &mut self.protocol {
            session.wake_by(waker);
        }
        if let ProtocolState::Protocol1(exchange) = &mut self.protocol {
            exchange.wake_by(waker);
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
        let peer = Peer { session, client: hello.client.clone(), identity: hello.identity, ..self.peer.clone() };
        self.peer.identity = hello.identity;
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
}

/// Takes a request of protocol 1. Returns the answer in the envelope it came in, if it is there now.
fn request(exchange: &mut protocol1::Exchange, now: Duration, frames: &[&[u8]]) -> Result<Option<Frames>, Exhausted> {
    let envelope = frames.iter().position(|frame| frame.is_empty()).map_or(0, |at| at + 1);
    let (envelope, bodies) = frames.split_at(envelope);
    let body = match bodies {
        [body] if !envelope.is_empty() => body,
        // Without a delimiter it is not from the kind of socket that reads the answer: no request.
        _ => &[][..],
    };
    Ok(exchange.ask(now, envelope, body)?.map(answered))
}

/// Returns the frames of an answer.
fn answered(answer: protocol1::Enveloped) -> Frames {
    let protocol1::Enveloped { mut envelope, answer } = answer;
    envelope.push(answer);
    envelope
}

#[cfg(test)]
mod tests;

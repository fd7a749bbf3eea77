//! Greetings in the lobby: what peers of our own protocol send first, how it is answered, and the session that comes of it.

use super::Lobby;
use super::newcomer::Newcomer;
use super::waiting::{Stage, Waiting, is_long};
use super::zeromq::Stranger;
use crate::carrier::{Link, RecordKeys};
use crate::server::admission::Place;
use crate::server::connection::Connection;
use crate::server::session::{Peer, Session};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::handshake::{Greeting, Refusal, ServerAnswer, answer_regardless, answer_to, recognise};
use remofile_protocol::limits::{DEFAULT_PAYLOAD_BYTES, MAX_HANDSHAKE_BYTES, PROTOCOL_VERSION};
use remofile_protocol::transport::LENGTH_BYTES;
use std::sync::Arc;
use std::time::Instant;

impl Lobby {
    pub(super) fn greet(&mut self, number: usize, mut waiting: Waiting, greeting: &[u8]) {
        match recognise(greeting) {
            Greeting::Native => {}
            Greeting::ZeroMq => {
                waiting.stage = Stage::ZeroMq(Box::new(Stranger::new(self.zeromq.clone())));
                return self.listen(number, waiting, greeting);
            }
            Greeting::Undecided => {
                self.waiting.insert(number, waiting);
                return;
            }
            other => return tracing::debug!(address = %waiting.address, ?other, "not our protocol"),
        }
        let mut seat = None;
        let answered = match answer_regardless(&self.credentials, greeting) {
            Some(answered) => answered,
            // The token is not even compared: a right one would take longer.
            None if self.is_guessing(&waiting) => return self.turn_away(waiting, &Refusal::TooMany.to_bytes()),
            None => match answer_to(&self.credentials, |token, peer| self.hello(token, peer, &mut seat), greeting) {
                // Whoever is told so has proved the token: no guess.
                answered @ ServerAnswer::Refuse { refusal: Refusal::Expired, .. } => answered,
                ServerAnswer::Refuse { refusal, bytes } => return self.refuse_slowly(number, waiting, refusal, bytes),
                answered => answered,
            },
        };
        match answered {
            ServerAnswer::Incomplete if greeting.len() >= MAX_HANDSHAKE_BYTES => {}
            ServerAnswer::Incomplete => self.waiting.insert(number, waiting),
            ServerAnswer::Refuse { refusal, bytes } => {
                self.complaints.refused(waiting.address, refusal);
                waiting.say(&bytes);
            }
            ServerAnswer::Accept { session, token, bytes } => {
                // There is one: its hello is in the answer.
                let Ok(pass) = self.pass(token) else { return };
                let place = Place::new(waiting.address.ip(), &pass.grant.principal).of_client(session.peer.identity);
                // Whoever joins a session takes no place of one.
                if session.peer.joins.is_none() && !self.has_room(place, &session.peer.left) {
                    self.complaints.refused(waiting.address, Refusal::TooMany);
                    return waiting.say(&Refusal::TooMany.to_bytes());
                }
                // The answer is far shorter than an empty socket buffer.
                if waiting.say_whole(&bytes) {
                    let since = Instant::now();
                    waiting.stage = Stage::Answered { session, pass, since, received: Vec::new(), seat };
                    self.waiting.insert(number, waiting);
                }
            }
        }
    }

    /// Begins the session once its first record is there and is genuine.
    pub(super) fn confirm(&mut self, number: usize, waiting: Waiting, received: &[u8]) {
        let Stage::Answered { session, pass, .. } = &waiting.stage else { return };
        let length = received.first_chunk().map(|bytes| u32::from_be_bytes(*bytes) as usize + LENGTH_BYTES);
        match length {
            Some(length) if length > MAX_HANDSHAKE_BYTES => {
                tracing::debug!(address = %waiting.address, "its first record is too long");
            }
            Some(length) if received.len() >= length => {
                if session.opener.is_due(&received[..length]) {
                    self.seat(Newcomer::Native { pass: pass.clone(), waiting });
                } else {
                    self.complaints.not_genuine(waiting.address);
                }
            }
            _ => self.waiting.insert(number, waiting),
        }
    }

    pub(super) fn begin(&mut self, waiting: Waiting) {
        self.leave(&waiting);
        let Stage::Answered { session, pass, since, received, .. } = waiting.stage else { return };
        let place = Place::new(waiting.address.ip(), &pass.grant.principal).of_client(session.peer.identity);
        let peer = Peer {
            session: self.context.shared.number_session(),
            client: session.peer.client.clone(),
            address: waiting.address.to_string(),
            network: Some(place.network()),
            identity: session.peer.identity,
            presence: self.presence(),
            grant: Arc::clone(&pass.grant),
        };
        tracing::debug!(
            agent = session.peer.agent,
            principal = peer.grant.principal.name,
            cipher = session.cipher.name(),
            version = PROTOCOL_VERSION,
            "handshake"
        );
        let send_payload = session.peer.max_payload_bytes.min(DEFAULT_PAYLOAD_BYTES);
        let keys = RecordKeys { sealer: session.sealer, opener: session.opener };
        let link = Link::new(waiting.stream, keys, send_payload, DEFAULT_PAYLOAD_BYTES, &received);
        let link = if is_long(since, waiting.address) { link.over_long_line() } else { link };
        let (number, presence) = (peer.session, peer.presence.clone());
        let shared = Arc::clone(&self.context.shared);
        let endpoint = Session::new(shared, peer.clone(), self.waker.clone(), DigestKind::Xxh3);
        let connection = Connection::new(link, endpoint, "session", &peer, self.waker.clone());
        self.begin_session(number, place, pass, presence, connection);
    }
}

//! Peers of ZeroMQ in the lobby: what comes of their handshakes, and the conversation behind one.

use super::Lobby;
use super::newcomer::{Newcomer, Speaker};
use super::waiting::{Stage, Waiting};
use super::zeromq::{First, Verdict};
use crate::carrier::{ZmtpLink, message_bytes};
use crate::server::admission::Place;
use crate::server::connection::Connection;
use crate::server::session::Peer;
use crate::server::zeromq::Conversation;
use crate::server::zeromq::connection::ConversationEndpoint;
use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;
use std::sync::Arc;

impl Lobby {
    /// Passes bytes of a ZeroMQ peer to its state, and acts on the verdict.
    pub(super) fn listen(&mut self, number: usize, mut waiting: Waiting, received: &[u8]) {
        let roster = Arc::clone(&self.roster);
        let tokens = (!self.is_guessing(&waiting)).then_some(&*roster);
        let Stage::ZeroMq(stranger) = &mut waiting.stage else { return };
        let verdict = stranger.receive(received, tokens);
        self.act(number, waiting, verdict);
    }

    /// Acts on the verdict about a ZeroMQ peer.
    pub(super) fn act(&mut self, number: usize, mut waiting: Waiting, verdict: Verdict) {
        let Stage::ZeroMq(stranger) = &mut waiting.stage else { return };
        let output = stranger.take_output();
        let is_told = output.is_empty() || waiting.say_whole(&output);
        match verdict {
            _ if !is_told => {}
            Verdict::More => self.waiting.insert(number, waiting),
            // ZeroMQ's peers are told by the end of the connection alone.
            Verdict::Unheard => self.turn_away(waiting, &[]),
            Verdict::Unsettled(texts) => self.await_settling(number, waiting, texts),
            Verdict::Known { peer, proved, first } => match self.pass(proved.token) {
                Ok(pass) => {
                    let is_routing_id = proved.is_routing_id;
                    self.seat(Newcomer::ZeroMq(Speaker { waiting, pass, peer, is_routing_id, first }));
                }
                Err(refusal) => {
                    self.complaints.refused(waiting.address, refusal);
                    super::newcomer::refuse(waiting, *peer, first, refusal);
                }
            },
            Verdict::Refused { bytes, refusal, is_guess: true } => self.refuse_slowly(number, waiting, refusal, bytes),
            Verdict::Refused { bytes, refusal, is_guess: false } => {
                self.complaints.refused(waiting.address, refusal);
                waiting.say(&bytes);
            }
            Verdict::Unfit(refusal) => {
                self.complaints.refused(waiting.address, refusal);
                waiting.say(&[]);
            }
            Verdict::Broken(reason) => {
                tracing::debug!(address = %waiting.address, reason, "ZeroMQ handshake failed");
                waiting.say(&[]);
            }
        }
    }

    /// Begins a conversation with a ZeroMQ peer that knows the token.
    pub(super) fn converse(&mut self, place: Place, newcomer: Speaker) {
        let Speaker { waiting, pass, peer: zmtp, is_routing_id, first } = newcomer;
        self.leave(&waiting);
        let (address, presence) = (waiting.address.to_string(), self.presence());
        let (session, network) = (self.context.shared.number_session(), Some(place.network()));
        let grant = Arc::clone(&pass.grant);
        let peer = Peer { session, client: String::new(), address, network, identity: None, presence, grant };
        let mut link =
            ZmtpLink::new(waiting.stream, *zmtp, DEFAULT_PAYLOAD_BYTES, message_bytes(DEFAULT_PAYLOAD_BYTES));
        let first = match first {
            First::Message(frames) => Some(frames),
            First::Beginning(begun) => {
                link.resume(begun);
                None
            }
        };
        let (number, presence) = (peer.session, peer.presence.clone());
        let context = Arc::clone(&self.context);
        let conversation = Conversation::new(context, peer.clone(), self.waker.clone(), is_routing_id);
        let endpoint = ConversationEndpoint::new(conversation, first);
        let connection = Connection::new(link, endpoint, "ZeroMQ session", &peer, self.waker.clone());
        self.begin_session(number, place, pass, presence, connection);
    }
}

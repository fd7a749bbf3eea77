//! Admission of peers that have no conversation yet: their proof, what is left of them, and room for them.

use super::Handler;
use super::identity::Identity;
use super::talk::Talk;
use crate::server::limits::Limits;
use crate::server::network::Network;
use crate::server::presence::Presence;
use crate::server::principal::{Principal, PrincipalId};
use crate::server::session::Peer;
use crate::server::zeromq::newcomers::NewcomerMessage;
use crate::server::zeromq::reply::NO_ADDRESS;
use crate::server::zeromq::{Conversation, FirstMessage, Proof};
use remofile_protocol::handshake::Refusal;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

impl Handler {
    /// Begins a conversation with a peer that has none, if it proves the token.
    pub(super) fn admit(&mut self, now: Duration, message: &NewcomerMessage<'_>, is_settled: bool) -> bool {
        let roster = self.context.rosters.current();
        let proved = match self.newcomers.judge(Instant::now(), message, &roster, is_settled) {
            Proof::Proved(proved) => proved,
            Proof::None => return false,
            Proof::Unsettled(texts) => {
                self.await_settling(message, texts, &roster);
                return false;
            }
        };
        let pass = match roster.pass(proved.token, SystemTime::now()) {
            Ok(pass) => pass,
            Err(refusal) => {
                self.newcomers.refuse(message, refusal);
                return false;
            }
        };
        let grant = Arc::clone(&pass.grant);
        self.newcomers.forget(message.identity);
        let network = message.address.map(Network::of);
        self.end_former(now, message.identity, grant.principal.id, message.frames);
        if !self.make_room(network, &grant.principal) {
            self.newcomers.refuse(message, Refusal::TooMany);
            return false;
        }
        roster.note_use(&pass, SystemTime::now());
        let address = message.address.map_or_else(|| NO_ADDRESS.to_owned(), |address| address.to_string());
        let presence = Presence::new(Instant::now(), None);
        let session = self.context.shared.number_session();
        let peer = Peer { session, client: String::new(), address, network, identity: None, presence, grant };
        let (context, waker) = (Arc::clone(&self.context), self.waker.clone());
        let conversation = Conversation::new(context, peer, waker, proved.is_routing_id);
        let talk = Talk { conversation, pass, network, heard: now, payload: Vec::new(), has_turn: false };
        self.peers.insert(Identity::new(message.identity), talk);
        true
    }

    /// Ends what is left of the client that says hello, but for its own conversation.
    pub(super) fn end_former(&mut self, now: Duration, identity: &[u8], principal: PrincipalId, frames: &[&[u8]]) {
        let Some(client) = FirstMessage::of(frames).identity() else { return };
        let mut ended = Vec::new();
        for (other, talk) in &mut self.peers {
            if *other.0 != *identity && talk.conversation.end_if_replaced(principal, &client) {
                talk.conversation.woken(now);
                ended.push(other.clone());
            }
        }
        ended.iter().for_each(|other| self.take_turn(&other.0));
    }

    /// Reports whether another session has room, perhaps after one was ended that has done nothing for the idle
    /// timeout: the one that was silent longest, of those from there if they have their share, and of those of its principal if that has all that it may.
    fn make_room(&mut self, network: Option<Network>, principal: &Principal) -> bool {
        let options = &self.context.shared.options;
        let stays = |talk: &&Talk| !talk.conversation.is_leaving();
        let is_from_there = |talk: &Talk| network.is_some() && talk.network == network;
        let neighbours = self.peers.values().filter(stays).filter(|talk| is_from_there(talk)).count();
        let has_share = neighbours >= Limits::of(options).sessions_of_an_address(options.max_sessions);
        let is_its_own = |talk: &Talk| talk.conversation.principal().id == principal.id;
        let own = self.peers.values().filter(stays).filter(|talk| is_its_own(talk)).count();
        let has_all = own >= principal.limits.sessions.unwrap_or(usize::MAX);
        if self.peers.values().filter(stays).count() < options.max_sessions && !has_share && !has_all {
            return true;
        }
        let (now, least) = (Instant::now(), options.idle_timeout);
        let makes_room = |talk: &Talk| (!has_share || is_from_there(talk)) && (!has_all || is_its_own(talk));
        let is_idle = |talk: &Talk| talk.conversation.idle_for(now) >= Some(least);
        let idle = self.peers.iter().filter(|(_, talk)| makes_room(talk) && is_idle(talk));
        let longest = idle.min_by_key(|(_, talk)| talk.heard).map(|(identity, _)| identity.clone());
        longest.is_some_and(|identity| self.peers.remove(&identity).is_some())
    }
}

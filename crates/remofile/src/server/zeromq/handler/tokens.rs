//! Tokens of a handler: peers whose tokens take a while to be recognised, and tokens that are taken back.

use super::{CHECK_EVERY, Handler};
use crate::server::network::Network;
use crate::server::roster::Roster;
use crate::server::zeromq::newcomers::NewcomerMessage;
use crate::server::zeromq::unsettled::{UnsettledPeer, UnsettledPeers};
use remofile_protocol::token::Token;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

impl Handler {
    /// Keeps a peer until its token is stretched.
    pub(super) fn await_settling(&mut self, message: &NewcomerMessage<'_>, texts: Vec<Token>, roster: &Arc<Roster>) {
        let is_small = UnsettledPeers::is_small(message.frames);
        let network = message.address.map(Network::of);
        let ask = || self.context.stretching.ask(network, texts, roster, &self.waker);
        match is_small.then(ask).flatten() {
            Some(ticket) => self.unsettled.add(message, ticket),
            None => self.newcomers.turn_away(message),
        }
    }

    /// Begins conversations with peers whose tokens have been stretched and are right.
    pub(super) fn settle(&mut self, now: Duration) {
        for UnsettledPeer { identity, address, messages, .. } in self.unsettled.settled() {
            let mut is_settled = true;
            for frames in &messages {
                let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
                let message = NewcomerMessage { identity: &identity, address, frames: &frames };
                if !self.peers.contains_key(identity.as_slice()) && !self.admit(now, &message, is_settled) {
                    break;
                }
                is_settled = false;
                self.hand(now, &identity, &frames);
            }
        }
    }

    /// Ends the conversations that the roster in force does not admit any more.
    pub(super) fn look_at_tokens(&mut self) {
        let current = self.context.rosters.current();
        let has_changed = !Arc::ptr_eq(&current, &self.roster);
        self.roster = current;
        if has_changed || (self.roster.has_expiries() && self.checked.elapsed() >= CHECK_EVERY) {
            self.checked = Instant::now();
            let now = SystemTime::now();
            for talk in self.peers.values() {
                talk.conversation.end_unless_admitted(&self.roster, &talk.pass, now);
            }
        }
    }
}

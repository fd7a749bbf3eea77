//! Peers of a ROUTER socket that is not ours whose tokens take a while to be recognised.
//!
//! Invariant: what is kept of them is bounded in number and size.

use super::Frames;
use super::newcomers::NewcomerMessage;
use crate::server::stretching::Ticket;
use std::mem;
use std::net::IpAddr;
use zeroize::Zeroizing;

/// Messages that are kept of a peer at most.
const MAX_MESSAGES: usize = 16;

/// Bytes that are kept of a peer at most.
const MAX_BYTES: usize = 64 * 1024;

/// Peers that wait until their tokens are stretched.
#[derive(Default)]
pub(super) struct UnsettledPeers {
    peers: Vec<UnsettledPeer>,
}

/// A peer that waits, and what it has said.
pub(super) struct UnsettledPeer {
    /// The routing id, which may be a token.
    pub(super) identity: Zeroizing<Vec<u8>>,
    pub(super) address: Option<IpAddr>,
    pub(super) messages: Vec<Frames>,
    bytes: usize,
    ticket: Ticket,
}

impl UnsettledPeers {
    /// Keeps a peer that has said something which is not too much to keep.
    pub(super) fn add(&mut self, message: &NewcomerMessage<'_>, ticket: Ticket) {
        let NewcomerMessage { identity, address, frames } = *message;
        let identity = Zeroizing::new(identity.to_vec());
        let mut peer = UnsettledPeer { identity, address, messages: Vec::new(), bytes: 0, ticket };
        peer.say(frames);
        self.peers.push(peer);
    }

    /// Reports whether a message is not too much to keep.
    pub(super) fn is_small(frames: &[&[u8]]) -> bool {
        bytes_of(frames) <= MAX_BYTES
    }

    /// Takes a message of a peer that waits; whether it is one. A peer that says too much is forgotten.
    pub(super) fn take(&mut self, identity: &[u8], frames: &[&[u8]]) -> bool {
        let Some(index) = self.peers.iter().position(|peer| peer.identity.as_slice() == identity) else { return false };
        let says_too_much = self.peers.get_mut(index).is_none_or(|peer| {
            let is_too_much = peer.messages.len() >= MAX_MESSAGES || peer.bytes + bytes_of(frames) > MAX_BYTES;
            if !is_too_much {
                peer.say(frames);
            }
            is_too_much
        });
        if says_too_much {
            self.peers.remove(index);
        }
        true
    }

    /// Returns the peers whose tokens are stretched.
    pub(super) fn settled(&mut self) -> Vec<UnsettledPeer> {
        let (settled, waiting) = mem::take(&mut self.peers).into_iter().partition(|peer| peer.ticket.is_done());
        self.peers = waiting;
        settled
    }

    pub(super) fn clear(&mut self) {
        self.peers.clear();
    }
}

impl UnsettledPeer {
    fn say(&mut self, frames: &[&[u8]]) {
        self.bytes += bytes_of(frames);
        self.messages.push(frames.iter().map(|frame| frame.to_vec()).collect());
    }
}

fn bytes_of(frames: &[&[u8]]) -> usize {
    frames.iter().map(|frame| frame.len() + size_of::<Vec<u8>>()).sum()
}

//! An operation in the table of leases.

use super::claim::{Claim, Claimant, cover};
use super::crowd::Ticket;
use super::tree::Post;
use std::sync::Arc;
use std::time::Instant;

/// An operation that holds a lease or waits for one.
#[derive(Debug)]
pub(in crate::server) struct Entry<W> {
    pub(super) claimant: Claimant,
    pub(super) claims: Arc<[Claim]>,
    pub(super) since: Instant,
    pub(super) state: State<W>,
    pub(super) posts: Vec<Post>,
    /// The operation whose lease is this one's, too. It has no posts then.
    pub(super) rides_on: Option<Ticket>,
    pub(super) riders: Vec<Ticket>,
    /// Operations of the same client that it comes after, and that come after it.
    pub(super) ahead: Vec<Ticket>,
    pub(super) followers: Vec<Ticket>,
    /// True if nothing but the disk, or riders, keep its lease.
    pub(super) is_over: bool,
    /// The way to its session while it has a lease that may be lost.
    pub(super) bell: Option<W>,
    /// True if another server may have been granted what it has a lease of.
    pub(super) is_lost: bool,
}

#[derive(Debug)]
pub(super) enum State<W> {
    Held,
    /// `blocked` of its posts and of the operations ahead of it are waited for, or it rides on somebody who waits. Without a
    /// waker it does not wait.
    Waiting {
        blocked: usize,
        waker: Option<W>,
    },
    /// Nobody here is in its way, and it is not known yet whether somebody at another server is. Here it counts as held.
    Entering,
}

impl<W: Clone> Entry<W> {
    pub(super) fn new(now: Instant, claimant: Claimant, claims: Vec<Claim>, waker: Option<W>) -> Self {
        Self {
            claimant,
            claims: claims.into(),
            since: now,
            bell: waker.clone(),
            is_lost: false,
            state: State::Waiting { blocked: 0, waker },
            posts: Vec::new(),
            rides_on: None,
            riders: Vec::new(),
            ahead: Vec::new(),
            followers: Vec::new(),
            is_over: false,
        }
    }
}

impl<W> Entry<W> {
    pub(super) fn is_held(&self) -> bool {
        matches!(self.state, State::Held)
    }

    /// Reports whether others of this server have to wait for it, since it has its lease or may have it any moment.
    pub(super) fn has_place(&self) -> bool {
        matches!(self.state, State::Held | State::Entering)
    }

    pub(super) fn is_entering(&self) -> bool {
        matches!(self.state, State::Entering)
    }

    /// Reports whether it holds a lease, and its client may have something to do under it.
    pub(super) fn is_at_work(&self) -> bool {
        self.is_held() && !self.is_over
    }

    /// Reports whether it waits for other clients.
    pub(super) fn waits(&self) -> bool {
        self.claimant.waits && matches!(self.state, State::Waiting { waker: Some(_), .. })
    }

    /// Reports whether another operation of the same session or group may run under its lease.
    pub(super) fn carries(&self, other: &Self) -> bool {
        let awaited = self.claimant.is_hold && self.claimant.session == other.claimant.session && !self.is_held();
        let is_able = self.rides_on.is_none() && (self.is_at_work() || awaited);
        // What is asked for behind a hold that waits comes after it, even if it claims nothing.
        is_able && (awaited || !other.claims.is_empty()) && cover(&self.claims, &other.claims)
    }
}

impl<W: Clone> Entry<W> {
    /// Grants the lease, and returns whom to wake.
    pub(super) fn grant(&mut self, now: Instant) -> Option<W> {
        self.since = now;
        match std::mem::replace(&mut self.state, State::Held) {
            State::Held => None,
            State::Entering | State::Waiting { .. } => self.bell.clone(),
        }
    }
}

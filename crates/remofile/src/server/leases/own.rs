//! A client's own leases: its operations are never refused for one another, and none waits for something that waits
//! for it.
//!
//! All sessions of a client are one holder, so their claims do not conflict. Three things are left to decide.
//! *Brief* operations, which end by themselves, are done one after the other where their claims meet, so that no two
//! writes into one file are mixed; others may go on for as long as their client wants, which may be until the second one
//! has ended, and are beside each other. *Passing*: who waits for a client has to wait for what that client needs to get
//! on, too; but only for as long as there is something that it had before, so that it gets its turn. *Strangers*: what a
//! session leaves when it is over is in the way of its own client like anybody else's, since it may change something yet.

use super::claim::{ClientKey, conflict};
use super::crowd::Ticket;
use super::entry::{Entry, State};
use super::passing::Passing;
use super::table::{InTheWay, Table};
use super::tree::{Post, Standing};
use super::wake::Wake;
use std::collections::{BTreeSet, HashSet};
use std::time::Instant;

/// Claims that are looked at before a client counts as having to wait for them.
const MOST_LOOKS: usize = 256;

impl<W: Wake> Table<W> {
    /// Returns the brief operations of the same client that a brief operation comes after.
    pub(super) fn own_ahead(&self, entry: &Entry<W>) -> Vec<Ticket> {
        if !entry.claimant.is_brief {
            return Vec::new();
        }
        let own = self.brief.get(&entry.claimant.client).into_iter().flatten();
        let meets = |ticket: &&Ticket| {
            let other = self.entries.get(ticket).filter(|other| other.claimant.session != entry.claimant.session);
            other.is_some_and(|other| conflict(&other.claims, &entry.claims))
        };
        own.filter(meets).copied().collect()
    }

    /// Files a brief operation, and has it followed by those that wait for it.
    pub(super) fn file_brief(&mut self, ticket: Ticket) {
        let Some(entry) = self.entries.get(&ticket).filter(|entry| entry.claimant.is_brief) else { return };
        let (client, ahead) = (entry.claimant.client, entry.ahead.clone());
        self.brief.entry(client).or_default().push(ticket);
        for other in ahead {
            if let Some(other) = self.entries.get_mut(&other) {
                other.followers.push(ticket);
            }
        }
    }

    /// Lets those go on that waited for a brief operation which is gone.
    pub(super) fn leave_brief(&mut self, now: Instant, ticket: Ticket, entry: &Entry<W>, granted: &mut Vec<W>) {
        self.forget_brief(entry.claimant.client, ticket);
        for follower in &entry.followers {
            let Some(waiting) = self.entries.get_mut(follower) else { continue };
            waiting.ahead.retain(|ahead| *ahead != ticket);
            self.unblocked(now, *follower, granted);
        }
    }

    fn forget_brief(&mut self, client: ClientKey, ticket: Ticket) {
        if let Some(tickets) = self.brief.get_mut(&client) {
            tickets.retain(|other| *other != ticket);
            if tickets.is_empty() {
                self.brief.remove(&client);
            }
        }
    }

    /// Reports whether nobody but those who wait for a client is in its way at these posts.
    pub(super) fn may_pass(&self, posts: &[Post], client: ClientKey, ticket: Ticket, passing: Passing) -> bool {
        // Nobody waits for a client that has nothing.
        let mut looks = if self.tree.has_lease(client) { MOST_LOOKS } else { 0 };
        let mut is_free = |post: &Post| {
            let is_held = self.tree.others(*post, Standing::Held, client).next().is_some();
            let mut earlier = self.tree.others(*post, Standing::Queued, client).filter(|other| *other < ticket);
            !is_held && earlier.all(|other| self.waits_for(other, client, passing, &mut looks))
        };
        posts.iter().all(&mut is_free)
    }

    /// Reports whether somebody waits for a lease of a client, or for others who do.
    fn waits_for(&self, waiting: Ticket, client: ClientKey, passing: Passing, looks: &mut usize) -> bool {
        let (mut to_see, mut seen) = (vec![waiting], HashSet::from([waiting]));
        while let Some(ticket) = to_see.pop() {
            if *looks == 0 {
                return false;
            }
            *looks -= 1;
            let Some(entry) = self.entries.get(&ticket) else { continue };
            let lets_pass = |held: Ticket| match passing {
                Passing::Held => true,
                Passing::HeldBefore => {
                    held < waiting && self.entries.get(&held).is_some_and(|entry| !entry.claimant.is_brief)
                }
            };
            for post in &entry.posts {
                if self.tree.of_client(*post, Standing::Held, client).any(lets_pass) {
                    return true;
                }
                let earlier = self.tree.others(*post, Standing::Queued, entry.claimant.client);
                to_see.extend(earlier.filter(|other| *other < ticket && seen.insert(*other)).take(*looks));
            }
        }
        false
    }

    /// Has those who are in the queue wait for claims that they did not have to wait for before; `after` this ticket only, if
    /// the claims are in the queue themselves.
    pub(super) fn hold_up(&mut self, posts: &[Post], client: ClientKey, after: Option<Ticket>) {
        for post in posts {
            for (ticket, mode) in self.tree.queued_freely(*post, client) {
                if after.is_none_or(|after| ticket > after) {
                    self.block(ticket, Post { mode, ..*post });
                }
            }
        }
    }

    /// Has an operation that waits wait for one place more.
    fn block(&mut self, ticket: Ticket, post: Post) {
        let Some(entry) = self.entries.get_mut(&ticket) else { return };
        if let State::Waiting { blocked, .. } = &mut entry.state
            && !self.tree.is_at(post, Standing::Blocked, entry.claimant.client, ticket)
        {
            *blocked += 1;
            self.tree.insert(post, Standing::Blocked, entry.claimant.client, ticket);
        }
    }

    /// Grants the lease of an operation that waits only for those who wait for its own client.
    pub(super) fn insist(&mut self, now: Instant, ticket: Ticket, passing: Passing, granted: &mut Vec<W>) {
        let Some(entry) = self.entries.get(&ticket) else { return };
        let client = entry.claimant.client;
        let is_able = entry.rides_on.is_none() && entry.ahead.is_empty() && !entry.has_place();
        if !is_able || !self.may_pass(&entry.posts, client, ticket, passing) {
            return;
        }
        let posts = entry.posts.clone();
        posts.iter().for_each(|post| self.tree.remove(*post, Standing::Blocked, client, ticket));
        self.grant(now, ticket, granted);
        self.hold_up(&posts, client, None);
    }

    /// Makes what sessions of a client have into strangers'. Returns whether they have anything.
    pub(super) fn estrange(&mut self, sessions: &[u64], own: ClientKey) -> bool {
        let mut tickets: Vec<Ticket> = sessions.iter().flat_map(|session| self.tickets(*session, None)).collect();
        let has_any = !tickets.is_empty();
        tickets.extend(self.carriers(sessions, &tickets));
        tickets.into_iter().for_each(|ticket| self.estrange_one(ticket, own));
        has_any
    }

    fn estrange_one(&mut self, ticket: Ticket, own: ClientKey) {
        let Some(entry) = self.entries.get_mut(&ticket).filter(|entry| entry.claimant.client == own) else { return };
        let stranger = ClientKey::of_session(entry.claimant.session);
        entry.claimant.client = stranger;
        let (posts, is_held) = (entry.posts.clone(), entry.has_place());
        for post in &posts {
            self.tree.give(*post, own, stranger, ticket);
        }
        self.forget_brief(own, ticket);
        self.hold_up(&posts, stranger, Some(ticket).filter(|_| !is_held));
        for post in posts.into_iter().filter(|_| !is_held) {
            if self.tree.blocker(post, stranger, ticket).is_some() {
                self.block(ticket, post);
            }
        }
        self.part(ticket);
    }

    /// Returns the leases that were given back, and that nobody but these sessions works under yet.
    fn carriers(&self, sessions: &[u64], tickets: &[Ticket]) -> BTreeSet<Ticket> {
        let session = |ticket: &Ticket| self.entries.get(ticket).map(|entry| entry.claimant.session);
        let is_theirs = |ticket: &Ticket| session(ticket).is_some_and(|session| sessions.contains(&session));
        let ridden: BTreeSet<Ticket> = tickets.iter().filter_map(|ticket| self.entries.get(ticket)?.rides_on).collect();
        let is_left = |carrier: &Ticket| {
            let riders = self.entries.get(carrier).map_or(&[][..], |entry| &entry.riders);
            !self.is_named(*carrier) && riders.iter().all(is_theirs)
        };
        ridden.into_iter().filter(is_left).collect()
    }

    /// Has an operation that is its client's own no more come neither before nor after its client's. Where they meet, they
    /// wait for each other's posts already, so that nothing is granted by this.
    fn part(&mut self, ticket: Ticket) {
        let Some(entry) = self.entries.get_mut(&ticket) else { return };
        let (ahead, followers) = (std::mem::take(&mut entry.ahead), std::mem::take(&mut entry.followers));
        if let State::Waiting { blocked, .. } = &mut entry.state {
            *blocked -= ahead.len();
        }
        for other in ahead {
            if let Some(other) = self.entries.get_mut(&other) {
                other.followers.retain(|follower| *follower != ticket);
            }
        }
        for follower in followers {
            let Some(Entry { ahead, state: State::Waiting { blocked, .. }, .. }) = self.entries.get_mut(&follower)
            else {
                continue;
            };
            ahead.retain(|other| *other != ticket);
            *blocked -= 1;
        }
    }

    /// Returns those who are in the way of operations of the same client that an operation comes after.
    pub(super) fn in_the_way_ahead(&self, ahead: &[Ticket]) -> Vec<InTheWay> {
        ahead.iter().map(|ticket| self.in_the_way(*ticket)).find(|found| !found.is_empty()).unwrap_or_default()
    }
}

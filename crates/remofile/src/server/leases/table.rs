//! The table of all that hold leases or wait for them: what is granted, and when.

use super::claim::{Claim, Claimant, ClientKey, GroupKey, View};
use super::crowd::Ticket;
use super::entry::{Entry, State};
use super::others::{News, OtherServers};
use super::passing::Passing;
use super::tree::{Post, Standing, Tree};
use super::wake::Wake;
use remofile_protocol::limits::MAX_HOLDERS;
use remofile_protocol::wire::OperationId;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// All that hold leases or wait for them, in the order in which they came.
#[derive(Debug)]
pub(in crate::server) struct Table<W> {
    pub(super) tree: Tree,
    pub(super) entries: BTreeMap<Ticket, Entry<W>>,
    sessions: HashMap<u64, Vec<Ticket>>,
    groups: HashMap<GroupKey, Group>,
    /// The brief operations of each client, in the order in which they came.
    pub(super) brief: HashMap<ClientKey, Vec<Ticket>>,
    /// The leases of other servers, if there are any.
    pub(super) others: Option<Arc<dyn OtherServers>>,
    /// News that sessions are still to hear.
    pub(super) news: BTreeMap<(u64, OperationId), News>,
    next: u64,
}

/// Operations that are one piece of work.
#[derive(Debug)]
struct Group {
    client: ClientKey,
    tickets: Vec<Ticket>,
}

/// The outcome of claims.
#[derive(Debug)]
pub(super) enum Outcome {
    Granted,
    Waiting(Ticket),
    /// Nobody of this server is in the way.
    Entering,
    /// With those who are in the way.
    Refused(Vec<InTheWay>),
}

/// An operation that is in the way of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InTheWay {
    pub(super) ticket: Ticket,
    /// Post of the claim that it is in the way of.
    pub(super) at: Post,
}

impl<W> Default for Table<W> {
    fn default() -> Self {
        Self {
            tree: Tree::default(),
            entries: BTreeMap::new(),
            sessions: HashMap::new(),
            groups: HashMap::new(),
            brief: HashMap::new(),
            others: None,
            news: BTreeMap::new(),
            next: 0,
        }
    }
}

impl<W: Wake> Table<W> {
    pub(super) fn claim(&mut self, mut entry: Entry<W>) -> Outcome {
        if let Some(group) = entry.claimant.group.and_then(|group| self.groups.get(&group)) {
            entry.claimant.client = group.client;
        }
        if let Some(carrier) = self.carrier(&entry) {
            return self.ride(entry, carrier);
        }
        if entry.claims.is_empty() {
            return Outcome::Granted;
        }
        self.enter(entry)
    }

    /// The operations of the same session, and of the same group.
    fn fellows(&self, claimant: &Claimant) -> impl Iterator<Item = (Ticket, &Entry<W>)> {
        let of_session = self.sessions.get(&claimant.session).into_iter().flatten();
        let of_group = claimant.group.and_then(|group| self.groups.get(&group)).into_iter();
        let tickets = of_session.chain(of_group.flat_map(|group| &group.tickets));
        tickets.filter_map(|ticket| Some((*ticket, self.entries.get(ticket)?)))
    }

    fn carrier(&self, entry: &Entry<W>) -> Option<Ticket> {
        self.fellows(&entry.claimant).find(|(_, fellow)| fellow.carries(entry)).map(|(ticket, _)| ticket)
    }

    fn ride(&mut self, mut entry: Entry<W>, carrier: Ticket) -> Outcome {
        let is_held = self.entries.get(&carrier).is_some_and(Entry::is_held);
        // Until it is known whether others are in the way, all that is to run under the lease waits for that.
        let is_entering = self.entries.get(&carrier).is_some_and(Entry::is_entering) && entry.bell.is_some();
        if is_held {
            entry.state = State::Held;
        } else if !entry.waits() && !is_entering {
            return Outcome::Refused(self.in_the_way(carrier));
        }
        entry.rides_on = Some(carrier);
        let ticket = self.file(entry);
        if let Some(carrier) = self.entries.get_mut(&carrier) {
            carrier.riders.push(ticket);
        }
        if is_held { Outcome::Granted } else { Outcome::Waiting(ticket) }
    }

    fn enter(&mut self, mut entry: Entry<W>) -> Outcome {
        let (ticket, client) = (Ticket(self.next), entry.claimant.client);
        entry.posts = self.tree.posts(&entry.claims);
        let is_blocked = |post: &&Post| self.tree.blocker(**post, client, ticket).is_some();
        let blocked: Vec<Post> = entry.posts.iter().filter(is_blocked).copied().collect();
        entry.ahead = self.own_ahead(&entry);
        if blocked.is_empty() && entry.ahead.is_empty() {
            return self.hold(entry, false);
        }
        let waits = entry.waits() && !self.fellows(&entry.claimant).any(|(_, fellow)| fellow.is_at_work());
        let passing = if waits { Passing::HeldBefore } else { Passing::Held };
        let passes = self.may_pass(&entry.posts, client, ticket, passing);
        if entry.ahead.is_empty() && passes {
            return self.hold(entry, true);
        }
        // Whoever waits with a lease may wait for somebody who waits for that.
        if !waits {
            let mut in_the_way = if passes { Vec::new() } else { self.in_the_way_of(&entry.posts, client, ticket) };
            if in_the_way.is_empty() {
                in_the_way = self.in_the_way_ahead(&entry.ahead);
            }
            if !in_the_way.is_empty() || matches!(entry.state, State::Waiting { waker: None, .. }) {
                self.tree.prune(&entry.posts);
                return Outcome::Refused(in_the_way);
            }
        }
        entry.posts.iter().for_each(|post| self.tree.insert(*post, Standing::Queued, client, ticket));
        blocked.iter().for_each(|post| self.tree.insert(*post, Standing::Blocked, client, ticket));
        if let State::Waiting { blocked: count, .. } = &mut entry.state {
            *count = blocked.len() + entry.ahead.len();
        }
        Outcome::Waiting(self.file(entry))
    }

    /// Files an operation that has its lease. One that passes others has them wait for it.
    fn hold(&mut self, mut entry: Entry<W>, passes: bool) -> Outcome {
        let (ticket, client) = (Ticket(self.next), entry.claimant.client);
        let enters = self.enters(ticket, &entry);
        entry.state = if enters { State::Entering } else { State::Held };
        entry.posts.iter().for_each(|post| self.tree.insert(*post, Standing::Held, client, ticket));
        if passes {
            self.hold_up(&entry.posts, client, None);
        }
        self.file(entry);
        if enters { Outcome::Entering } else { Outcome::Granted }
    }

    fn file(&mut self, entry: Entry<W>) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        let Claimant { session, client, group, .. } = entry.claimant;
        let has_posts = !entry.posts.is_empty();
        self.sessions.entry(session).or_default().push(ticket);
        if let Some(group) = group {
            let group = self.groups.entry(group).or_insert_with(|| Group { client, tickets: Vec::new() });
            group.tickets.push(ticket);
        }
        self.entries.insert(ticket, entry);
        if has_posts {
            self.file_brief(ticket);
        }
        ticket
    }

    /// Ends what an operation has or waits for. Those who get their lease by that, or are refused one, are put into `granted`.
    pub(super) fn release(&mut self, now: Instant, ticket: Ticket, granted: &mut Vec<W>) {
        let Some(entry) = self.entries.get_mut(&ticket) else { return };
        if entry.is_held() && !entry.riders.is_empty() {
            entry.is_over = true;
            return self.forget_names(ticket);
        }
        self.forget_names(ticket);
        let Some(entry) = self.entries.remove(&ticket) else { return };
        match entry.rides_on {
            Some(carrier) => self.dismount(now, ticket, carrier, granted),
            None => self.leave(now, ticket, &entry, granted),
        }
        // Riders of a hold that gave up wait for themselves now.
        for rider in entry.riders {
            self.claim_again(now, rider, granted);
        }
    }

    fn dismount(&mut self, now: Instant, ticket: Ticket, carrier: Ticket, granted: &mut Vec<W>) {
        let Some(entry) = self.entries.get_mut(&carrier) else { return };
        entry.riders.retain(|rider| *rider != ticket);
        let is_last = entry.riders.is_empty() && entry.is_over;
        // One whose files are not on the disk yet is released when they are.
        if is_last && !self.is_named(carrier) {
            self.release(now, carrier, granted);
        }
    }

    pub(super) fn is_named(&self, ticket: Ticket) -> bool {
        let session = self.entries.get(&ticket).map(|entry| entry.claimant.session);
        session.and_then(|session| self.sessions.get(&session)).is_some_and(|tickets| tickets.contains(&ticket))
    }

    fn claim_again(&mut self, now: Instant, rider: Ticket, granted: &mut Vec<W>) {
        self.forget_names(rider);
        let Some(mut entry) = self.entries.remove(&rider) else { return };
        entry.rides_on = None;
        let State::Waiting { waker: Some(waker), .. } = &entry.state else { return };
        let waker = waker.clone();
        if entry.claims.is_empty() {
            (entry.state, entry.since) = (State::Held, now);
            self.file(entry);
            granted.push(waker);
        } else if !matches!(self.enter(entry), Outcome::Waiting(_) | Outcome::Entering) {
            // Who is refused asks again, to learn by whom.
            granted.push(waker);
        }
    }

    /// Takes the posts of an operation away, and lets go on who waited for them.
    fn leave(&mut self, now: Instant, ticket: Ticket, entry: &Entry<W>, granted: &mut Vec<W>) {
        let client = entry.claimant.client;
        if let Some(others) = self.others.as_ref().filter(|_| entry.has_place()) {
            others.leave(ticket.0);
        }
        for post in &entry.posts {
            if entry.has_place() {
                self.tree.remove(*post, Standing::Held, client, ticket);
            } else {
                self.tree.remove(*post, Standing::Queued, client, ticket);
                self.tree.remove(*post, Standing::Blocked, client, ticket);
            }
        }
        let (mut unblocked, mut before) = (Vec::new(), None);
        for post in &entry.posts {
            // Posts at one place are neighbours.
            if before.replace(post.node) != Some(post.node) {
                self.tree.unblock(post.node, &mut unblocked);
            }
        }
        self.tree.prune(&entry.posts);
        for ticket in unblocked {
            self.unblocked(now, ticket, granted);
        }
        self.leave_brief(now, ticket, entry, granted);
    }

    /// Records that there is one thing less that an operation waits for.
    pub(super) fn unblocked(&mut self, now: Instant, ticket: Ticket, granted: &mut Vec<W>) {
        let Some(entry) = self.entries.get_mut(&ticket) else { return };
        let State::Waiting { blocked, .. } = &mut entry.state else { return };
        *blocked -= 1;
        if *blocked == 0 {
            self.grant(now, ticket, granted);
        }
    }

    /// Grants the lease of an operation that nothing is in the way of.
    pub(super) fn grant(&mut self, now: Instant, ticket: Ticket, granted: &mut Vec<W>) {
        let Some(entry) = self.entries.get_mut(&ticket) else { return };
        let client = entry.claimant.client;
        for post in &entry.posts {
            self.tree.remove(*post, Standing::Queued, client, ticket);
            self.tree.insert(*post, Standing::Held, client, ticket);
        }
        entry.state = State::Entering;
        let entry = self.entries.get(&ticket);
        if !entry.is_some_and(|entry| self.enters(ticket, entry)) {
            self.entered(now, ticket, granted);
        }
    }

    fn forget_names(&mut self, ticket: Ticket) {
        let Some(entry) = self.entries.get(&ticket) else { return };
        let Claimant { session, group, .. } = entry.claimant;
        if let Some(tickets) = self.sessions.get_mut(&session) {
            tickets.retain(|other| *other != ticket);
            if tickets.is_empty() {
                self.sessions.remove(&session);
            }
        }
        let Some(key) = group else { return };
        if let Some(group) = self.groups.get_mut(&key) {
            group.tickets.retain(|other| *other != ticket);
            if group.tickets.is_empty() {
                self.groups.remove(&key);
            }
        }
    }

    /// The tickets of an operation, or of all of a session.
    pub(super) fn tickets(&self, session: u64, operation: Option<OperationId>) -> Vec<Ticket> {
        let tickets = self.sessions.get(&session).into_iter().flatten().copied();
        let is_meant = |id: OperationId| operation.is_none_or(|operation| operation == id);
        tickets
            .filter(|ticket| self.entries.get(ticket).is_some_and(|entry| is_meant(entry.claimant.operation)))
            .collect()
    }

    pub(super) fn settle(&mut self, session: u64, operation: Option<OperationId>) {
        for ticket in self.tickets(session, operation) {
            if let Some(entry) = self.entries.get_mut(&ticket) {
                entry.is_over = true;
            }
        }
    }

    pub(super) fn is_held(&self, session: u64, operation: OperationId) -> bool {
        let tickets = self.tickets(session, Some(operation));
        tickets.iter().any(|ticket| self.entries.get(ticket).is_some_and(Entry::is_held))
    }

    /// The ticket of an operation that waits.
    pub(super) fn waiting(&self, session: u64, operation: OperationId) -> Option<Ticket> {
        let tickets = self.tickets(session, Some(operation));
        tickets.into_iter().find(|ticket| self.entries.get(ticket).is_some_and(|entry| !entry.is_held()))
    }

    pub(super) fn view(&self, ticket: Ticket) -> Option<View> {
        self.entries.get(&ticket).map(|entry| View::of(&entry.claimant))
    }

    pub(super) fn claims(&self, session: u64, operation: OperationId) -> Option<Arc<[Claim]>> {
        let ticket = *self.tickets(session, Some(operation)).first()?;
        let entry = self.entries.get(&ticket)?;
        let carrier = entry.rides_on.and_then(|carrier| self.entries.get(&carrier));
        Some(Arc::clone(&carrier.unwrap_or(entry).claims))
    }

    /// Those who are in the way of an operation that waits.
    pub(super) fn in_the_way(&self, ticket: Ticket) -> Vec<InTheWay> {
        let Some(entry) = self.entries.get(&ticket).filter(|entry| !entry.is_held()) else { return Vec::new() };
        match entry.rides_on {
            Some(carrier) => self.in_the_way(carrier),
            None => match self.in_the_way_of(&entry.posts, entry.claimant.client, ticket) {
                others if others.is_empty() => self.in_the_way_ahead(&entry.ahead),
                others => others,
            },
        }
    }

    /// Each client once: those who have leases, or those who came before and wait, if only they are in the way.
    fn in_the_way_of(&self, posts: &[Post], client: ClientKey, ticket: Ticket) -> Vec<InTheWay> {
        for standing in [Standing::Held, Standing::Queued] {
            let mut found: BTreeMap<ClientKey, InTheWay> = BTreeMap::new();
            for post in posts {
                for (other, mode) in self.tree.all_in_the_way(*post, standing, client, MAX_HOLDERS) {
                    let Some(entry) = self.entries.get(&other) else { continue };
                    let is_late = standing == Standing::Queued && other > ticket;
                    if is_late || (found.len() == MAX_HOLDERS && !found.contains_key(&entry.claimant.client)) {
                        continue;
                    }
                    let in_the_way = InTheWay { ticket: other, at: Post { mode, ..*post } };
                    let first = found.entry(entry.claimant.client).or_insert(in_the_way);
                    if other < first.ticket {
                        *first = in_the_way;
                    }
                }
            }
            if !found.is_empty() {
                let mut found: Vec<InTheWay> = found.into_values().collect();
                found.sort_unstable_by_key(|in_the_way| in_the_way.ticket);
                return found;
            }
        }
        Vec::new()
    }
}

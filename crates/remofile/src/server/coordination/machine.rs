//! The machine of one server: its operations in the queue of all servers.
//!
//! It knows no clock, no thread and no connection: what happens comes in by its methods, and what is to be done is taken from it
//! (`take_changes`, `take_outcomes`). Invariant: an operation that was granted is in the queue of the coordinator until its
//! own server deletes it, or the term of that server is over; if it goes otherwise, everything is lost.

use super::coordinator::{Change, Event, Snapshot, Term};
use super::holders::holder;
use super::queue::Queue;
use super::shared_claim::{ClaimId, SharedClaim};
use crate::server::leases::{Access, Claim, Claimant, ClientKey, Settled, View, covers_all};
use remofile_protocol::handshake::ClientIdentity;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Failure, Holder};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// The machine of one server.
#[derive(Debug)]
pub(super) struct Machine {
    server: u64,
    queue: Queue,
    /// The own operations that are in the queue, or are to be, by their numbers.
    own: BTreeMap<u64, Own>,
    /// The numbers of tickets.
    tickets: HashMap<u64, u64>,
    changes: Vec<Change>,
    outcomes: Vec<Outcome>,
    has_untold_loss: bool,
    /// The term that own operations belong to; `None` while the coordinator is lost.
    term: Option<Term>,
    next: u64,
    revision: u64,
    /// The revision of the last snapshot: whatever came before is in that.
    snapshot: u64,
    /// The time of the last change that was seen, or at which the last watch began.
    seen: Duration,
    /// The reason for which nothing is granted while there is no term.
    why: Failure,
}

/// An own operation.
#[derive(Debug)]
struct Own {
    ticket: u64,
    client: ClientKey,
    claims: Arc<[Claim]>,
    state: OwnState,
    /// The tickets that have its lease: its own, until it is over, and those that run under it.
    held_by: BTreeSet<u64>,
}

#[derive(Debug)]
enum OwnState {
    /// Not seen in the queue yet.
    Asked,
    /// In the queue behind these.
    Waiting(HashSet<ClaimId>),
    /// These were in its way, and it does not wait.
    Refused(Vec<ClaimId>),
    Granted,
}

/// An event that has come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// An operation is settled.
    Settled(u64, Settled),
    /// A client with this token has a session at another server, in place of those that it had.
    Replaced { token: String, by: ClientIdentity },
    /// The leases of own operations are in the way of nobody any more: the operations must end.
    Lost,
}

impl Machine {
    /// The machine of a server that has not joined yet.
    pub(super) fn new(server: u64, why: Failure) -> Self {
        Self {
            server,
            queue: Queue::default(),
            own: BTreeMap::new(),
            tickets: HashMap::new(),
            changes: Vec::new(),
            outcomes: Vec::new(),
            has_untold_loss: false,
            term: None,
            next: 1,
            revision: 0,
            snapshot: 0,
            seen: Duration::ZERO,
            why,
        }
    }

    /// Takes what all servers claim as it is, and lets own operations come from now on.
    pub(super) fn join(&mut self, term: Term, snapshot: &Snapshot, now: Duration, wall: u64) {
        self.term = Some(term);
        self.resync(snapshot, now, wall);
    }

    /// Takes what all servers claim as it is, since changes were missed.
    pub(super) fn resync(&mut self, snapshot: &Snapshot, now: Duration, wall: u64) {
        let there = snapshot.values.iter().filter_map(|value| Some((ClaimId::of_key(&value.key)?, value)));
        let there: HashMap<ClaimId, _> = there.collect();
        let gone: Vec<ClaimId> = self.queue.ids().filter(|id| !there.contains_key(id)).collect();
        gone.into_iter().for_each(|id| self.remove(id));
        let mut came: Vec<_> = there.into_iter().filter(|(id, _)| self.queue.get(*id).is_none()).collect();
        came.sort_unstable_by_key(|(id, value)| (value.created, *id));
        for (id, value) in came {
            if let Some(claim) = SharedClaim::read(&value.value) {
                let age = Duration::from_millis(wall.saturating_sub(claim.asked_at));
                self.insert(id, value.created, claim, now.saturating_sub(age), true);
            }
        }
        // Not the greatest so far: a coordinator that has lost everything begins anew.
        self.revision = snapshot.revision;
        self.snapshot = snapshot.revision;
        self.seen = now;
    }

    /// Returns the revision up to which changes were seen.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Notes that a watch begins.
    pub(super) fn begin_watch(&mut self, now: Duration) {
        self.seen = now;
    }

    /// Returns the time for which no change was seen.
    pub(super) fn quiet_for(&self, now: Duration) -> Duration {
        now.saturating_sub(self.seen)
    }

    pub(super) fn term(&self) -> Option<Term> {
        self.term
    }

    /// Reports whether an own operation waits for something that the coordinator is to tell.
    pub(super) fn is_expectant(&self) -> bool {
        self.own.values().any(|own| matches!(own.state, OwnState::Asked | OwnState::Waiting(_)))
    }

    /// Asks for what an operation claims. Returns true if it has that at once.
    pub(super) fn enter(&mut self, ticket: u64, claimant: &Claimant, claims: &Arc<[Claim]>, wall: u64) -> bool {
        let Some(term) = self.term else {
            // Who only reads goes on: each file is whole, whatever others do meanwhile.
            let reads = claims.iter().all(|claim| claim.access == Access::Read);
            if !reads {
                self.outcomes.push(Outcome::Settled(ticket, Settled::Failed(self.why.clone())));
            }
            return reads;
        };
        if let Some((number, own)) = self.own.iter_mut().find(|(_, own)| own.carries(claimant.client, claims)) {
            own.held_by.insert(ticket);
            self.tickets.insert(ticket, *number);
            return true;
        }
        let number = self.next;
        self.next += 1;
        let shared = SharedClaim::new(claimant, claims, wall);
        let key = ClaimId { server: self.server, number }.key();
        self.changes.push(Change::Put { key, value: shared.bytes().into(), term: Some(term) });
        let own = Own {
            ticket,
            client: claimant.client,
            claims: Arc::clone(claims),
            state: OwnState::Asked,
            held_by: BTreeSet::from([ticket]),
        };
        self.own.insert(number, own);
        self.tickets.insert(ticket, number);
        false
    }

    /// Gives back what an operation has asked for or got.
    pub(super) fn leave(&mut self, ticket: u64) {
        let Some(number) = self.tickets.remove(&ticket) else { return };
        let Some(own) = self.own.get_mut(&number) else { return };
        own.held_by.remove(&ticket);
        if own.held_by.is_empty() {
            self.own.remove(&number);
            self.delete(ClaimId { server: self.server, number });
        }
    }

    fn delete(&mut self, id: ClaimId) {
        let key = id.key();
        match self.changes.iter().position(|change| change.key() == key) {
            // One that was not written yet need not be.
            Some(at) if matches!(self.changes[at], Change::Put { .. }) => drop(self.changes.remove(at)),
            Some(_) => {}
            None => self.changes.push(Change::Delete { key }),
        }
    }

    /// Takes changes that were seen. Those that are no matter of the queue are left to others, and those that the last snapshot
    /// knows already are none: what they put there may have gone since.
    pub(super) fn take(&mut self, events: &[Event], now: Duration) {
        self.seen = now;
        let snapshot = self.snapshot;
        for event in events.iter().filter(|event| event.revision() > snapshot) {
            self.revision = self.revision.max(event.revision());
            match event {
                Event::Put(value) => {
                    let claim = ClaimId::of_key(&value.key).zip(SharedClaim::read(&value.value));
                    if let Some((id, claim)) = claim {
                        self.insert(id, value.created, claim, now, false);
                    }
                }
                Event::Delete { key, .. } => {
                    if let Some(id) = ClaimId::of_key(key) {
                        self.remove(id);
                    }
                }
            }
        }
    }

    fn insert(&mut self, id: ClaimId, revision: u64, claim: SharedClaim, since: Duration, was_there: bool) {
        let (waits, replaced) = (claim.waits, claim.identity.map(|by| (claim.token.clone(), by)));
        let blockers = self.queue.insert(id, revision, claim, since, was_there);
        if id.server != self.server {
            if let Some((token, by)) = replaced {
                self.outcomes.push(Outcome::Replaced { token, by });
            }
            return;
        }
        let Some(own) = self.own.get_mut(&id.number) else {
            // Written late, after it was deleted.
            return self.delete(id);
        };
        if !matches!(own.state, OwnState::Asked) {
            return;
        }
        if was_there && !waits {
            // Others may have seen that it was refused when it came, by somebody who has left since.
            return self.ask_again(id);
        }
        let ticket = own.ticket;
        let is_stranger = |other: &&ClaimId| {
            self.queue
                .get(id)
                .zip(self.queue.get(**other))
                .is_some_and(|(own, other)| !own.claim.replaces(&other.claim))
        };
        let is_in_the_way = blockers.iter().any(|other| is_stranger(&other));
        let settled = match blockers.is_empty() {
            true => Some(Settled::Granted),
            false if is_in_the_way && !waits => Some(Settled::Refused),
            false if is_in_the_way => Some(Settled::Waits),
            // What is left of former sessions of its client ends by itself.
            false => None,
        };
        own.state = match settled {
            Some(Settled::Granted) => OwnState::Granted,
            Some(Settled::Refused) => OwnState::Refused(blockers),
            _ => OwnState::Waiting(blockers.into_iter().collect()),
        };
        self.outcomes.extend(settled.map(|settled| Outcome::Settled(ticket, settled)));
    }

    /// Asks for the same once more, by another number.
    fn ask_again(&mut self, id: ClaimId) {
        let (Some(own), Some(term)) = (self.own.remove(&id.number), self.term) else { return };
        self.delete(id);
        let number = self.next;
        self.next += 1;
        if let Some(queued) = self.queue.get(id) {
            let key = ClaimId { number, ..id }.key();
            self.changes.push(Change::Put { key, value: queued.claim.bytes().into(), term: Some(term) });
        }
        self.tickets.extend(own.held_by.iter().map(|ticket| (*ticket, number)));
        self.own.insert(number, own);
    }

    fn remove(&mut self, id: ClaimId) {
        if self.queue.remove(id).is_none() {
            return;
        }
        if id.server == self.server && self.own.contains_key(&id.number) {
            // Somebody else has deleted it, and others go on.
            return self.lose();
        }
        for own in self.own.values_mut() {
            if let OwnState::Waiting(blockers) = &mut own.state
                && blockers.remove(&id)
                && blockers.is_empty()
            {
                own.state = OwnState::Granted;
                self.outcomes.push(Outcome::Settled(own.ticket, Settled::Granted));
            }
        }
    }

    /// Gives up whatever own operations have and wait for: the term is over, or may be.
    pub(super) fn lose(&mut self) {
        if self.term.take().is_none() {
            return;
        }
        self.changes.clear();
        for own in std::mem::take(&mut self.own).into_values() {
            if !matches!(own.state, OwnState::Granted) {
                self.outcomes.push(Outcome::Settled(own.ticket, Settled::Failed(self.why.clone())));
            }
        }
        self.tickets.clear();
        self.has_untold_loss = true;
        self.outcomes.push(Outcome::Lost);
    }

    /// Reports whether what is served has not heard yet that everything was lost: until then it goes on as before.
    pub(super) fn has_untold_loss(&self) -> bool {
        self.has_untold_loss
    }

    pub(super) fn note_told_loss(&mut self) {
        self.has_untold_loss = false;
    }

    /// Takes what is to be written, as far as so many changes and bytes.
    pub(super) fn take_changes(&mut self, most: usize, most_bytes: usize) -> Vec<Change> {
        let mut bytes = 0;
        let fits = |change: &&Change| {
            bytes += if let Change::Put { value, .. } = change { value.len() } else { 0 };
            bytes <= most_bytes
        };
        let count = self.changes.iter().take(most).take_while(fits).count().max(1).min(self.changes.len());
        self.changes.drain(..count).collect()
    }

    pub(super) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    pub(super) fn take_outcomes(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.outcomes)
    }

    pub(super) fn has_outcomes(&self) -> bool {
        !self.outcomes.is_empty()
    }

    /// Returns those at other servers who are in the way of an operation; `None` if that is not known.
    pub(super) fn in_the_way(&self, ticket: u64, view: &View, now: Duration) -> Option<Vec<Holder>> {
        let own = self.own.get(self.tickets.get(&ticket)?)?;
        let blockers: Vec<ClaimId> = match &own.state {
            OwnState::Asked => return None,
            OwnState::Granted => Vec::new(),
            OwnState::Waiting(blockers) => blockers.iter().copied().collect(),
            OwnState::Refused(blockers) => blockers.clone(),
        };
        let others = blockers.iter().filter_map(|id| self.queue.get(*id));
        Some(others.filter_map(|other| holder(other, &own.claims, view, now)).collect())
    }

    /// Returns those at other servers who hold leases in a directory, and the number of those who wait.
    /// With `only_token`, those of this token alone.
    pub(super) fn told(&self, root: &RemotePath, only_token: Option<&str>, now: Duration) -> (Vec<Holder>, usize) {
        let others = self.queue.of_others(self.server);
        let (mut holders, mut waiting) = (Vec::new(), 0);
        for other in others.into_iter().filter(|other| only_token.is_none_or(|token| token == other.claim.token)) {
            let Some(told) = super::holders::seen_from(other, root, now) else { continue };
            match self.queue.is_held(other) {
                true => holders.push(told),
                false => waiting += 1,
            }
        }
        (holders, waiting)
    }
}

impl Own {
    /// Reports whether another operation of the same client may run under its lease.
    fn carries(&self, client: ClientKey, claims: &[Claim]) -> bool {
        // Once it is over itself it lets others come.
        let is_at_work = matches!(self.state, OwnState::Granted) && self.held_by.contains(&self.ticket);
        is_at_work && self.client == client && covers_all(&self.claims, claims)
    }
}

//! The queue: all operations of all servers that claim paths, in the order of the coordinator.
//!
//! An operation has its lease if none that came before it, of another server and another client, is in its way. That is a
//! matter of what is there alone, and not of how it came about: whatever came before can only go. So servers that have
//! seen different parts of the past never both grant what conflicts, and who waits is never passed.
//! Conflicts of operations of one server are the matter of that server's table.

use super::shared_claim::{ClaimId, SharedClaim};
use crate::server::leases::{Claim, Reach, meet};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// The place of an operation among all: by the revision at which it came, and its number among those that came at the same.
type Position = (u64, ClaimId);

/// All operations of all servers that claim paths.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: HashMap<ClaimId, Queued>,
    /// The operations that claim something at each place.
    places: BTreeMap<Box<str>, Vec<ClaimId>>,
}

/// An operation in the queue.
#[derive(Debug, Clone)]
pub(super) struct Queued {
    position: Position,
    pub(super) claim: Arc<SharedClaim>,
    pub(super) claims: Arc<[Claim]>,
    /// The time at which it was asked for, by the clock of this server.
    pub(super) since: Duration,
    /// True if it does not wait, and was refused when it came: nobody has to wait for it.
    is_void: bool,
    /// True if it may be [`Queued::is_void`] though that is not known here: it, or who was in its way, was there already when
    /// this server came.
    is_uncertain: bool,
}

impl Queued {
    /// Reports whether it is known to be in the queue: it was not refused when it came.
    fn is_certain(&self) -> bool {
        !self.is_void && (!self.is_uncertain || self.claim.waits)
    }
}

impl Queue {
    /// Puts an operation in, and returns those that it has to wait for. One that is in it already stays as it is.
    /// `was_there` is true if what came before it may have gone meanwhile.
    pub(super) fn insert(
        &mut self,
        id: ClaimId,
        revision: u64,
        claim: SharedClaim,
        since: Duration,
        was_there: bool,
    ) -> Vec<ClaimId> {
        // Deleted and written again, which was not seen.
        if self.entries.get(&id).is_some_and(|entry| entry.position.0 != revision) {
            self.remove(id);
        }
        let is_new = !self.entries.contains_key(&id);
        if is_new {
            let claims: Arc<[Claim]> = claim.claims().into();
            for claim in claims.iter() {
                let at = self.places.entry(claim.place.as_str().into()).or_default();
                if !at.contains(&id) {
                    at.push(id);
                }
            }
            let queued = Queued {
                position: (revision, id),
                claim: Arc::new(claim),
                claims,
                since,
                is_void: false,
                is_uncertain: was_there,
            };
            self.entries.insert(id, queued);
        }
        let blockers = self.blockers(id);
        if is_new {
            self.judge(id, &blockers);
        }
        blockers
    }

    /// An operation that does not wait is void from the beginning if others are in its way.
    fn judge(&mut self, id: ClaimId, blockers: &[ClaimId]) {
        let Some(entry) = self.entries.get(&id).filter(|entry| !entry.claim.waits && !entry.is_uncertain) else {
            return;
        };
        let others = blockers.iter().filter_map(|other| self.entries.get(other));
        let in_the_way: Vec<&Queued> = others.filter(|other| !entry.claim.replaces(&other.claim)).collect();
        let is_void = in_the_way.iter().any(|other| other.is_certain());
        let is_uncertain = !is_void && !in_the_way.is_empty();
        if let Some(entry) = self.entries.get_mut(&id) {
            (entry.is_void, entry.is_uncertain) = (is_void, is_uncertain);
        }
    }

    /// Takes an operation out.
    pub(super) fn remove(&mut self, id: ClaimId) -> Option<Queued> {
        let removed = self.entries.remove(&id)?;
        for claim in removed.claims.iter() {
            let place = claim.place.as_str();
            if let Some(at) = self.places.get_mut(place) {
                at.retain(|other| *other != id);
                if at.is_empty() {
                    self.places.remove(place);
                }
            }
        }
        Some(removed)
    }

    pub(super) fn get(&self, id: ClaimId) -> Option<&Queued> {
        self.entries.get(&id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ClaimId> {
        self.entries.keys().copied()
    }

    /// Returns the operations of other servers, in their order.
    pub(super) fn of_others(&self, server: u64) -> Vec<&Queued> {
        let mut others: Vec<&Queued> =
            self.entries.values().filter(|entry| entry.position.1.server != server && !entry.is_void).collect();
        others.sort_unstable_by_key(|entry| entry.position);
        others
    }

    /// Reports whether an operation has its lease, as far as it is known here.
    pub(super) fn is_held(&self, queued: &Queued) -> bool {
        self.blockers(queued.position.1).is_empty()
    }

    /// Returns those of other servers and clients that came before an operation and are in its way, in their order.
    pub(super) fn blockers(&self, id: ClaimId) -> Vec<ClaimId> {
        let Some(entry) = self.entries.get(&id) else { return Vec::new() };
        let mut found: Vec<Position> = Vec::new();
        for claim in entry.claims.iter() {
            let above = claim.place.prefixes().filter_map(|place| self.places.get(place));
            let below = (claim.reach == Reach::Subtree).then(|| self.below(claim.place.as_str()));
            for other in above.chain(below.into_iter().flatten()).flatten() {
                let Some(other) = self.entries.get(other) else { continue };
                if self.is_before(other, entry) && other.claims.iter().any(|theirs| meet(claim, theirs)) {
                    found.push(other.position);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|(_, id)| id).collect()
    }

    fn is_before(&self, other: &Queued, entry: &Queued) -> bool {
        let is_stranger = other.position.1.server != entry.position.1.server;
        is_stranger && other.position < entry.position && !other.is_void && !entry.claim.is_of_client_of(&other.claim)
    }

    /// The operations that claim something below a place.
    fn below(&self, place: &str) -> impl Iterator<Item = &Vec<ClaimId>> {
        // '0' is the letter behind '/'.
        let (first, end) = (format!("{place}/"), format!("{place}0"));
        self.places
            .range::<str, _>((std::ops::Bound::Included(&*first), std::ops::Bound::Excluded(&*end)))
            .map(|(_, ids)| ids)
    }
}

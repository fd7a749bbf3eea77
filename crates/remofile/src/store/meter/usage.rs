//! The usage below a directory that the servers of one store know together, and the seam by which they tell each other.

use crate::store::StoreResult;
use minicbor::{Decode, Encode};
use remofile_protocol::path::RemotePath;
use std::collections::HashSet;
use std::time::Duration;

/// The record of one directory, the same for all servers. Whoever changes it changes the whole of it, if nobody else has meanwhile.
///
/// Invariant: what a server has reserved and not told yet is within its share, so the sum of what is told and of all shares is never
/// less than what is used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct UsageRecord {
    /// Bytes of visible files, and of partials that nobody writes, as far as servers have told their changes.
    #[n(0)]
    pub(super) settled: i64,
    /// True once somebody has counted them.
    #[n(1)]
    pub(super) is_counted: bool,
    /// The sum of all changes that were told, whatever their direction.
    #[n(2)]
    pub(super) moved: u64,
    /// The number of changes told that a walk beside them may see twice, or not at all.
    #[n(3)]
    pub(super) unseen: u64,
    #[n(4)]
    pub(super) shares: Vec<Share>,
}

/// The part of the room that a server may use without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Share {
    #[n(0)]
    pub(super) of: ShareId,
    /// The number of what its server told last: by that it knows what has arrived.
    #[n(1)]
    pub(super) number: u64,
    #[n(2)]
    pub(super) bytes: u64,
    /// The part of it that was reserved then.
    #[n(3)]
    pub(super) reserved: u64,
}

/// A meter of a server, which no other one of it has the numbers of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(array)]
pub(super) struct ShareId {
    #[n(0)]
    pub(super) server: u64,
    #[n(1)]
    pub(super) meter: u64,
}

/// The state of a record at the beginning of a count.
pub(super) struct RecordBefore {
    moved: u64,
    unseen: u64,
    /// The shares of servers that are gone: whatever they had not told is found by the walk.
    left: Vec<Share>,
}

/// The usage that other servers of the store know as well, for [`Meters`](super::Meters). Calls may wait for a network,
/// but not for long.
pub trait SharedUsage: Send + Sync {
    /// Returns the number of this server among all.
    fn server(&self) -> u64;

    /// Returns the numbers of the servers that are there.
    ///
    /// # Errors
    /// `out-of-resources` if nobody answers.
    fn servers(&self) -> StoreResult<HashSet<u64>>;

    /// Returns the record of a directory, and the revision that it has; an empty one, and 0, if there is none.
    ///
    /// # Errors
    /// `out-of-resources` if nobody answers.
    fn read(&self, directory: &RemotePath) -> StoreResult<(UsageRecord, u64)>;

    /// Writes the record of a directory in place of that of a revision. Returns its revision; `None` if another one is there.
    ///
    /// # Errors
    /// `out-of-resources` if nobody answers: it may have been written.
    fn replace(&self, directory: &RemotePath, record: &UsageRecord, revision: u64) -> StoreResult<Option<u64>>;

    /// Has other servers tell what they have not told yet, and give back what they do not need. Waits until those of these
    /// numbers have, or are gone, but not for longer than this.
    ///
    /// # Errors
    /// `out-of-resources` if one does not.
    fn await_told(&self, servers: &HashSet<u64>, longest: Duration) -> StoreResult<()>;
}

impl UsageRecord {
    pub(super) fn share(&self, of: ShareId) -> Option<&Share> {
        self.shares.iter().find(|share| share.of == of)
    }

    pub(super) fn set_share(&mut self, share: Share) {
        self.shares.retain(|other| other.of != share.of);
        self.shares.push(share);
    }

    /// Returns what all others may use without asking.
    pub(super) fn shared_out(&self, but: ShareId) -> u64 {
        self.others(but).fold(0, |sum, share| sum.saturating_add(share.bytes))
    }

    /// Returns what all others have reserved.
    pub(super) fn reserved(&self, but: ShareId) -> u64 {
        self.others(but).fold(0, |sum, share| sum.saturating_add(share.reserved))
    }

    pub(super) fn others(&self, but: ShareId) -> impl Iterator<Item = &Share> {
        self.shares.iter().filter(move |share| share.of != but)
    }

    /// Returns the shares that nobody uses any more, where these servers are there.
    pub(super) fn left(&self, own: ShareId, servers: &HashSet<u64>) -> Vec<Share> {
        let is_left = |share: &&Share| share.of.server == own.server || !servers.contains(&share.of.server);
        self.others(own).filter(is_left).copied().collect()
    }

    pub(super) fn before_count(&self, left: Vec<Share>) -> RecordBefore {
        RecordBefore { moved: self.moved, unseen: self.unseen, left }
    }

    /// Corrects it by a count, which all servers have told their changes after. Returns false if too much was changed meanwhile.
    pub(super) fn correct(&mut self, before: &RecordBefore, found: u64, is_last: bool) -> bool {
        let moved = i128::from(self.moved.wrapping_sub(before.moved));
        let found = i128::from(found);
        let is_unseen = self.unseen != before.unseen;
        if (is_unseen || (!self.is_counted && moved > 0)) && !is_last {
            return false;
        }
        if self.is_counted && is_unseen {
            return true;
        }
        let is_left = |share: &Share| before.left.contains(share);
        let left = self.shares.iter().filter(|share| is_left(share)).map(|share| i128::from(share.bytes)).sum::<i128>();
        // Each change was seen by the walk or was not; what is gone may have used all of its share. Where that leaves a choice,
        // rather too much is used than too little.
        let settled = match self.is_counted {
            true => (i128::from(self.settled) + left).clamp(found - moved, found + moved),
            false => found + moved,
        };
        self.settled = i64::try_from(settled).unwrap_or(i64::MAX);
        self.is_counted = true;
        self.shares.retain(|share| !is_left(share));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(server: u64, bytes: u64) -> Share {
        Share { of: ShareId { server, meter: server }, number: 1, bytes, reserved: 0 }
    }

    #[test]
    fn a_count_is_taken_as_far_as_changes_and_shares_beside_it_do_not_explain_it() {
        let counted = UsageRecord {
            settled: 100,
            is_counted: true,
            shares: vec![share(1, 30), share(2, 50)],
            ..UsageRecord::default()
        };
        let left = counted.left(share(1, 0).of, &HashSet::from([1]));
        assert_eq!(left, [share(2, 50)]);
        for (moved, found, expected) in
            [(0, 100, 100), (0, 120, 120), (0, 7, 7), (10, 200, 190), (10, 100, 110), (1000, 0, 150)]
        {
            let mut record = counted.clone();
            let before = record.before_count(left.clone());
            record.moved += moved;
            assert!(record.correct(&before, found, false));
            assert_eq!((record.settled, &*record.shares), (expected, &[share(1, 30)][..]), "{moved} {found}");
        }
    }

    #[test]
    fn what_a_walk_may_see_twice_is_no_count_and_the_first_one_takes_rather_too_much() {
        let first = UsageRecord::default();
        for (moved, unseen) in [(5, 0), (0, 1)] {
            let mut record = UsageRecord { moved, unseen, ..first.clone() };
            assert!(!record.correct(&first.before_count(Vec::new()), 100, false));
            assert!(record.correct(&first.before_count(Vec::new()), 100, true));
            assert_eq!((record.settled, record.is_counted), (100 + moved as i64, true));
        }
        let mut counted = UsageRecord { settled: 7, is_counted: true, unseen: 1, ..first.clone() };
        assert!(counted.correct(&first.before_count(Vec::new()), 100, true));
        assert_eq!(counted.settled, 7);
    }
}

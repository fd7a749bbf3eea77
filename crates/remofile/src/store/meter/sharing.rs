//! The share that one of several servers has of the room below a directory, and what it has told the others of it.

use super::usage::{ShareId, UsageRecord};
use std::hash::{BuildHasher, Hasher, RandomState};

/// The part of a meter that is about other servers.
pub(super) struct Sharing {
    pub(super) id: ShareId,
    /// The record as it was seen last, and its revision, once it was.
    pub(super) seen: Option<(UsageRecord, u64)>,
    /// The bytes that may be reserved, and that changes which were not told yet may come to, together.
    pub(super) share: u64,
    /// The number of what was told last, and of what is known to have arrived; 0 for nothing.
    pub(super) number: u64,
    pub(super) arrived: u64,
    /// The changes that were told and may have arrived.
    pub(super) sent: Vec<Sent>,
    /// True if more was asked for since something was told.
    pub(super) is_busy: bool,
    /// True if the record is to be looked at before anything is told.
    pub(super) is_doubted: bool,
}

/// The part of the changes of this server that was told.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    pub(super) number: u64,
    /// The revision of the record in whose place it is written.
    pub(super) replaces: u64,
    pub(super) settled: i128,
    pub(super) moved: u128,
    pub(super) unseen: u64,
}

impl Sharing {
    pub(super) fn new(server: u64) -> Self {
        let id = ShareId { server, meter: RandomState::new().build_hasher().finish() };
        Self { id, seen: None, share: 0, number: 0, arrived: 0, sent: Vec::new(), is_busy: false, is_doubted: true }
    }

    pub(super) fn share(&self) -> u64 {
        self.share
    }

    /// Returns the bytes that all servers have told, and that others have reserved.
    pub(super) fn used(&self) -> i128 {
        self.seen.as_ref().map_or(0, |(record, _)| i128::from(record.settled) + i128::from(record.reserved(self.id)))
    }

    pub(super) fn see(&mut self, record: UsageRecord, revision: u64) {
        if self.seen.as_ref().is_none_or(|(_, seen)| *seen < revision) {
            self.seen = Some((record, revision));
        }
    }
}

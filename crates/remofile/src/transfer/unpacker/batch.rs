//! The items of a message, until they are unpacked.

use super::super::memory::items_bytes;
use crate::carrier::KeptPayload;
use remofile_protocol::wire::Item;
use std::vec::IntoIter;

/// The items of a message that are not unpacked yet.
pub(super) struct Batch {
    pub(super) items: IntoIter<Item>,
    pub(super) payload: KeptPayload,
    /// The part of the payload that was unpacked, in bytes.
    pub(super) taken: usize,
    /// The credit that is free when all of it is.
    pub(super) credit: u64,
    /// The memory that it takes, in bytes.
    pub(super) bytes: usize,
}

impl Batch {
    pub(super) fn new(items: Vec<Item>, payload: KeptPayload, credit: u64) -> Self {
        let bytes = items_bytes(&items) + payload.memory_bytes();
        Self { items: items.into_iter(), payload, taken: 0, credit, bytes }
    }
}

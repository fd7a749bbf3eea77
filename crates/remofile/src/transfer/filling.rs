//! A message of a transfer while it is filled.

use super::packing::Packed;
use crate::carrier::MessageWriter;
use remofile_protocol::limits::{CREDIT_RESERVE_BYTES, MAX_HEADER_BYTES};
use remofile_protocol::wire::Item;
use std::num::NonZeroU32;

/// Bytes to copy after which a message is sent, for the same reason.
const COPY_BATCH_BYTES: u64 = 32 * 1024 * 1024;

/// A message that is being filled.
pub(super) struct Filling<'a, 'b> {
    pub(super) message: &'a mut MessageWriter<'b>,
    items: Vec<Item>,
    credit: u64,
    /// Credit that the items take, without the payload.
    spent: u64,
    header_bytes: usize,
    /// Bytes that the receiver is to copy.
    copied: u64,
    /// Most payload, in bytes.
    most: usize,
}

impl<'a, 'b> Filling<'a, 'b> {
    pub(super) fn new(
        message: &'a mut MessageWriter<'b>,
        credit: u64,
        limit: u64,
        chunk_bytes: Option<NonZeroU32>,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let most = chunk_bytes.map_or(usize::MAX, |bytes| bytes.get() as usize).min(limit);
        // No item takes more credit than the reserve, so one more item may always be pushed.
        let credit = credit.saturating_sub(CREDIT_RESERVE_BYTES);
        Self { message, items: Vec::new(), credit, spent: 0, header_bytes: 0, copied: 0, most }
    }

    pub(super) fn push(&mut self, item: Item) {
        self.spent += item.credit_bytes();
        if let Item::Copy { length, .. } = item {
            self.copied += length;
        }
        // No item has more beside its texts than some numbers and a digest.
        self.header_bytes += item.text_bytes() + 48;
        self.items.push(item);
    }

    /// Adds the item for bytes that were put into the message: the next ones of the open file.
    pub(super) fn push_data(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        match self.items.last_mut() {
            Some(Item::Data { length }) => *length += bytes,
            _ => self.push(Item::Data { length: bytes }),
        }
    }

    /// Returns the credit that is left, in bytes.
    pub(super) fn credit(&self) -> u64 {
        self.credit.saturating_sub(self.spent + self.message.payload_bytes() as u64)
    }

    /// Returns the number of bytes of content that may be added.
    pub(super) fn room(&self) -> usize {
        let room = self.message.room().min(self.most.saturating_sub(self.message.payload_bytes()));
        usize::try_from(self.credit()).unwrap_or(usize::MAX).min(room)
    }

    pub(super) fn is_full(&self) -> bool {
        self.room() == 0 || self.copied >= COPY_BATCH_BYTES || self.header_bytes > MAX_HEADER_BYTES / 4
    }

    pub(super) fn finish(self, otherwise: Packed) -> Packed {
        if self.items.is_empty() { otherwise } else { Packed::Items(self.items) }
    }
}

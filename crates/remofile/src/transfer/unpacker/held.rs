//! What an unpacker holds in memory.

use super::super::compress::DECOMPRESSOR_BYTES;
use super::super::memory::items_bytes;
use super::{Current, Unpacker};
use remofile_protocol::wire::Item;

impl Unpacker {
    /// What it holds in memory, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let open = match &self.current {
            Current::Open(open) => open.memory_bytes(),
            Current::Between | Current::Unwanted => 0,
        };
        let decompressor = self.decompressor.as_ref().map_or(0, |_| DECOMPRESSOR_BYTES);
        let remembered = self.checked.memory_bytes() + self.names.memory_bytes() + self.modes.memory_bytes();
        size_of::<Self>() as u64 + self.put_by_bytes as u64 + open + decompressor + remembered
    }

    /// Keeps items and their bytes until what came before them is done.
    pub fn put_by(&mut self, items: Vec<Item>, payload: Vec<u8>) {
        self.put_by_bytes += held_bytes(&items, &payload);
        self.put_by.push_back((items, payload));
    }

    pub(super) fn put_back(&mut self, items: Vec<Item>, payload: Vec<u8>) {
        self.put_by_bytes += held_bytes(&items, &payload);
        self.put_by.push_front((items, payload));
    }

    pub(super) fn next_put_by(&mut self) -> Option<(Vec<Item>, Vec<u8>)> {
        let (items, payload) = self.put_by.pop_front()?;
        self.put_by_bytes -= held_bytes(&items, &payload);
        Some((items, payload))
    }
}

fn held_bytes(items: &Vec<Item>, payload: &Vec<u8>) -> usize {
    items_bytes(items) + payload.capacity()
}

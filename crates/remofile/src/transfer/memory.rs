//! What things take in memory, as far as peers decide how many of them there are.

use remofile_protocol::wire::Item;

/// What the memory of a text or a list takes beside its bytes, in bytes.
pub const ALLOCATION_BYTES: usize = 16;

/// What items take in memory as they were decoded, in bytes: most have more than they had on the wire.
#[must_use]
pub fn items_bytes(items: &Vec<Item>) -> usize {
    let texts = items.iter().map(|item| match item.text_bytes() {
        0 => 0,
        bytes => bytes + 2 * ALLOCATION_BYTES,
    });
    items.capacity() * size_of::<Item>() + texts.sum::<usize>() + ALLOCATION_BYTES
}

/// What a hashed set or map with room for so many entries of so many bytes takes.
pub(super) fn set_bytes(capacity: usize, entry_bytes: usize) -> u64 {
    // A byte a place for the hash, and an eighth of the places stay free.
    (capacity + capacity / 7) as u64 * (entry_bytes as u64 + 1)
}

//! Estimates of memory, for things of which peers decide how many there are.

use remofile_protocol::wire::{ExtendedAttribute, Item};
use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

/// Memory that the allocation of a text or a list takes beside its content, in bytes.
pub const ALLOCATION_BYTES: usize = 16;

/// Returns the memory that items take as they were decoded, in bytes. Most take more than on the wire.
#[must_use]
pub fn items_bytes(items: &Vec<Item>) -> usize {
    let texts = items.iter().map(|item| match item.text_bytes() {
        0 => 0,
        bytes => bytes + 2 * ALLOCATION_BYTES,
    });
    let attributes = items.iter().map(attributes_bytes);
    items.capacity() * size_of::<Item>() + texts.sum::<usize>() + attributes.sum::<usize>() + ALLOCATION_BYTES
}

/// Returns the content that items bring or announce, in bytes, as far as it is known.
#[must_use]
pub fn content_bytes(items: &[Item], payload_bytes: usize) -> u64 {
    let announced = items.iter().map(|item| match item {
        Item::Begin { size, .. } => size.unwrap_or(0),
        _ => 0,
    });
    announced.fold(0, u64::saturating_add).max(payload_bytes as u64)
}

/// Returns the memory that the attributes of an item take beside their texts and values.
fn attributes_bytes(item: &Item) -> usize {
    let Item::Attributes { attributes, .. } = item else { return 0 };
    let one = size_of::<ExtendedAttribute>() + 2 * ALLOCATION_BYTES;
    size_of_val(&**attributes) + attributes.extended.as_ref().map_or(0, Vec::capacity) * one
}

/// Returns the memory of a hashed set or map with room for `capacity` entries of `entry_bytes` bytes.
pub(super) fn set_bytes(capacity: usize, entry_bytes: usize) -> u64 {
    // A byte a place for the hash, and an eighth of the places stay free.
    (capacity + capacity / 7) as u64 * (entry_bytes as u64 + 1)
}

/// Entries of one generation of [`Recent`]: as many as a table has room for that grows no further.
const GENERATION: usize = if cfg!(test) { 1_000 } else { 1_800_000 };

/// The latest entries of a set that may have no end: at least [`GENERATION`] entries, and at most twice as many.
pub(super) struct Recent<K, V> {
    now: HashMap<K, V>,
    before: HashMap<K, V>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { now: HashMap::new(), before: HashMap::new() }
    }
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// Remembers an entry. Returns true if there was none of this key.
    pub(super) fn insert(&mut self, key: K, value: V) -> bool {
        if self.now.len() >= GENERATION {
            self.before = mem::take(&mut self.now);
        }
        let is_new = !self.before.contains_key(&key);
        self.now.insert(key, value).is_none() && is_new
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.now.get(key).or_else(|| self.before.get(key))
    }

    /// Returns the memory that the entries take, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        set_bytes(self.now.capacity() + self.before.capacity(), size_of::<(K, V)>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_has_no_end_the_last_is_remembered_in_bounded_memory() {
        let mut recent = Recent::default();
        let mut most = 0;
        for key in 0..100 * GENERATION as u64 {
            assert!(recent.insert(key, ()));
            assert!(!recent.insert(key.saturating_sub(GENERATION as u64 / 2 - 1), ()), "{key}");
            most = most.max(recent.memory_bytes());
        }
        assert!(most < 9 * 4 * 2 * GENERATION as u64, "{most}");
        assert!(recent.get(&0).is_none());
    }
}

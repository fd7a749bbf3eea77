//! The merging of this side's items into a download: changes of its own, and bytes that it has.

use crate::error::Result;
use remofile_protocol::wire::Item;
use std::collections::VecDeque;

/// Most bytes that are copied in one go. A server must not wait too long for an answer, however slow a disk is.
const COPY_BYTES: u64 = 16 * 1024 * 1024;

/// Merges items of this side with those of a download.
pub(crate) trait ItemMerger {
    /// Reports whether it adds any items at all.
    fn changes(&self) -> bool {
        true
    }

    /// Returns the items to take in place of these, with the same payload.
    ///
    /// # Errors
    /// [`crate::Error::Protocol`] if they make no sense.
    fn merge(&mut self, items: Vec<Item>) -> Result<Vec<Item>>;

    /// Returns the next items to take before anything comes, some hundred at a time; none when there are no more.
    fn items_before(&mut self) -> Vec<Item> {
        Vec::new()
    }

    /// Returns the next items to take after everything has come, some hundred at a time; none when there are no more.
    fn items_after(&mut self) -> Vec<Item> {
        Vec::new()
    }
}

/// A merger that adds nothing.
pub(super) struct Plain;

impl ItemMerger for Plain {
    fn changes(&self) -> bool {
        false
    }

    fn merge(&mut self, items: Vec<Item>) -> Result<Vec<Item>> {
        Ok(items)
    }
}

/// Items that are taken bit by bit, as they have this side copy much.
#[derive(Default)]
pub(super) struct Backlog(VecDeque<Portion>);

/// Items, their payload, and the credit that is free when they are taken.
type Portion = (Vec<Item>, Vec<u8>, u64);

impl Backlog {
    /// Reports whether items copy more than should be taken in one go.
    pub(super) fn is_long(items: &[Item]) -> bool {
        items.iter().map(copied).sum::<u64>() > COPY_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts items by, cut where they copy much.
    pub(super) fn push(&mut self, items: Vec<Item>, payload: &[u8], credit: u64) {
        let (mut portion, mut length, mut rest) = (Vec::new(), 0, payload);
        for item in items.into_iter().flat_map(in_pieces) {
            length += copied(&item);
            portion.push(item);
            if length >= COPY_BYTES {
                let bytes: usize = portion.iter().map(|item| item.payload_bytes() as usize).sum();
                let (own, others) = rest.split_at(bytes.min(rest.len()));
                self.0.push_back((std::mem::take(&mut portion), own.to_vec(), 0));
                (length, rest) = (0, others);
            }
        }
        self.0.push_back((portion, rest.to_vec(), credit));
    }

    pub(super) fn pop(&mut self) -> Option<Portion> {
        self.0.pop_front()
    }
}

fn copied(item: &Item) -> u64 {
    match item {
        Item::Copy { length, .. } => *length,
        _ => 0,
    }
}

/// Cuts a copy of many bytes into several of fewer.
fn in_pieces(item: Item) -> impl Iterator<Item = Item> {
    let (whole, mut left) = match item {
        Item::Copy { offset, length } => (None, Some((offset, length))),
        item => (Some(item), None),
    };
    let pieces = std::iter::from_fn(move || {
        let (offset, length) = left?;
        let now = length.min(COPY_BYTES);
        left = (length > now).then(|| (offset + now, length - now));
        Some(Item::Copy { offset, length: now })
    });
    whole.into_iter().chain(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_to_copy_is_taken_bit_by_bit_and_frees_its_credit_at_the_end() {
        let copy = || Item::Copy { offset: 0, length: COPY_BYTES / 2 + 1 };
        let items = vec![Item::Data { length: 2 }, copy(), copy(), Item::Data { length: 3 }, copy()];
        assert!(Backlog::is_long(&items));
        let mut backlog = Backlog::default();
        backlog.push(items, b"abcde", 77);
        let (items, payload, credit) = backlog.pop().unwrap();
        assert_eq!((items.len(), payload.as_slice(), credit), (3, &b"ab"[..], 0));
        let (items, payload, credit) = backlog.pop().unwrap();
        assert_eq!((items.len(), payload.as_slice(), credit), (2, &b"cde"[..], 77));
        assert!(backlog.is_empty());
    }

    #[test]
    fn one_large_copy_is_taken_bit_by_bit_too() {
        let mut backlog = Backlog::default();
        backlog.push(vec![Item::Copy { offset: 5, length: 2 * COPY_BYTES + 7 }], b"", 9);
        let mut taken = Vec::new();
        while let Some((items, _, _)) = backlog.pop() {
            assert!(items.iter().map(copied).sum::<u64>() <= COPY_BYTES);
            taken.extend(items);
        }
        let copy = |offset, length| Item::Copy { offset, length };
        let (second, third) = (5 + COPY_BYTES, 5 + 2 * COPY_BYTES);
        assert_eq!(taken, [copy(5, COPY_BYTES), copy(second, COPY_BYTES), copy(third, 7)]);
    }
}

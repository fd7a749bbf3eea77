//! The entries that are at the destination of an upload, in little memory.

use crate::packed::{Cursor, Pack, Packed, Reader, Writer};
use crate::plan::path_order;
use remofile_protocol::wire::{Kind, Timestamp};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The attributes of an entry that matter to who sends to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Existing {
    pub(super) kind: Kind,
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    pub(super) mode: Option<u32>,
    pub(super) unflushed: bool,
}

/// Entries by their paths below the destination. Servers tell them in path order, and they are asked for in that order, too.
#[derive(Debug, Default)]
pub(super) struct ExistingEntries {
    in_order: Packed<Named>,
    last: Box<str>,
    /// The place of the entry that was asked for last.
    cursor: Mutex<Cursor<Named>>,
    /// Those that came out of order.
    others: BTreeMap<Box<str>, Existing>,
}

#[derive(Debug, Clone)]
struct Named {
    path: Box<str>,
    existing: Existing,
}

impl ExistingEntries {
    pub(super) fn len(&self) -> usize {
        self.in_order.len() + self.others.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn add(&mut self, path: String, existing: Existing) {
        let path: Box<str> = path.into();
        if self.in_order.is_empty() || path_order(&self.last, &path) == Ordering::Less {
            self.last.clone_from(&path);
            self.in_order.push(Named { path, existing });
            *self.cursor.get_mut().unwrap_or_else(PoisonError::into_inner) = Cursor::default();
        } else {
            self.others.insert(path, existing);
        }
    }

    /// Returns the entry of a path.
    pub(super) fn get(&self, path: &str) -> Option<Existing> {
        let mut cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let found = cursor.find(&self.in_order, |named| path_order(&named.path, path)).map(|named| named.existing);
        // What was told last is there now.
        self.others.get(path).copied().or(found)
    }
}

const KINDS: [Kind; 4] = [Kind::File, Kind::Directory, Kind::Link, Kind::Special];

impl Pack for Named {
    fn pack(&self, before: Option<&Self>, writer: &mut Writer<'_>) {
        let Existing { kind, size, modified, mode, unflushed } = self.existing;
        writer.text(before.map_or("", |before| &before.path), &self.path);
        let kind = KINDS.iter().position(|other| *other == kind).unwrap_or_default();
        writer.byte((kind as u8) << 1 | u8::from(unflushed));
        writer.number(size);
        writer.time(before.map(|before| before.existing.modified), modified);
        writer.optional(mode);
    }

    fn unpack(before: Option<&Self>, reader: &mut Reader<'_>) -> Option<Self> {
        let path = reader.text(before.map_or("", |before| &before.path))?.into();
        let byte = reader.byte()?;
        let (kind, unflushed) = (*KINDS.get(usize::from(byte >> 1))?, byte & 1 == 1);
        let (size, modified) = (reader.number()?, reader.time(before.map(|before| before.existing.modified))?);
        Some(Self { path, existing: Existing { kind, size, modified, mode: reader.optional()?, unflushed } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn existing(number: u32) -> Existing {
        let kind = KINDS[number as usize % 4];
        let (modified, mode) = (Timestamp::new(1_700_000_000 + i64::from(number), number), number.checked_sub(1_000));
        Existing { kind, size: number.into(), modified, mode, unflushed: number.is_multiple_of(3) }
    }

    #[test]
    fn entries_are_found_by_their_paths_in_whatever_order_they_come() {
        let mut entries = ExistingEntries::default();
        let paths: Vec<String> = (0..3_000).map(|number| format!("d{}/f{number:05}", number / 100 % 10)).collect();
        for (number, path) in paths.iter().enumerate() {
            entries.add(path.clone(), existing(number as u32));
        }
        for (number, path) in paths.iter().enumerate().chain(paths.iter().enumerate().rev()) {
            assert_eq!(entries.get(path), Some(existing(number as u32)), "{path}");
            assert_eq!(entries.get(&format!("{path}x")), None);
        }
        assert_eq!(entries.len(), paths.len());
    }

    #[test]
    fn a_hundred_thousand_entries_take_little_memory() {
        let mut entries = ExistingEntries::default();
        (0..100_000).for_each(|number| entries.add(format!("directory/file-{number:07}.txt"), existing(number)));
        assert!(entries.others.is_empty());
        assert!(entries.in_order.memory_bytes() < 100_000 * 32, "{}", entries.in_order.memory_bytes());
    }
}

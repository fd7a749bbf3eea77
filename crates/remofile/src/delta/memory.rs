//! Files in memory, and whole searches in them.

use super::{Piece, Search, Signer};
use crate::store::{Extent, Source, StoreResult};
use remofile_protocol::block::SIGNATURE_BYTES;
use remofile_protocol::wire::{Entry, Kind, Timestamp};
use std::ops::Range;
use std::sync::Arc;

/// A file in memory.
#[derive(Clone)]
pub(super) struct Memory {
    entry: Entry,
    pub(super) bytes: Arc<Vec<u8>>,
    /// A part that the file claims to be a hole.
    pub(super) hole: Range<u64>,
}

impl Memory {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let (size, modified) = (bytes.len() as u64, Timestamp::new(0, 0));
        let entry =
            Entry { path: "/file".parse().unwrap(), kind: Kind::File, size, modified, mode: None, unflushed: false };
        Self { entry, bytes: Arc::new(bytes), hole: 0..0 }
    }

    pub(super) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl Source for Memory {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        let rest = &self.bytes[self.bytes.len().min(offset as usize)..];
        let count = buffer.len().min(rest.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn extent_at(&self, offset: u64) -> StoreResult<Extent> {
        let rest = self.size().saturating_sub(offset);
        Ok(if self.hole.contains(&offset) { Extent::Hole(self.hole.end - offset) } else { Extent::Data(rest) })
    }

    fn is_unchanged(&self) -> StoreResult<bool> {
        Ok(true)
    }
}

/// A search that is over.
pub(super) struct Searched {
    pub(super) search: Search,
    pub(super) questions: usize,
    /// Bytes of questions and answers.
    pub(super) wire_bytes: u64,
}

pub(super) fn search(local: &Memory, remote: &Memory) -> Searched {
    search_ahead(local, remote, usize::MAX)
}

/// As [`search`], with a look ahead whenever so many signatures have come.
pub(super) fn search_ahead(local: &Memory, remote: &Memory, at_once: usize) -> Searched {
    let mut search = Search::new(local.size(), remote.size(), 7);
    let (mut questions, mut wire_bytes) = (0, 0);
    while let Some(wanted) = search.wanted() {
        assert!(wanted.ranges.len() <= 2000 && !wanted.ranges.is_empty());
        // Two numbers of five bytes for each range, which is much for those of most files.
        wire_bytes += wanted.ranges.len() as u64 * 10 + wanted.signature_bytes();
        questions += 1;
        let mut signatures = Vec::new();
        let source = Box::new(remote.clone());
        let mut signer = Signer::new(source, wanted.block_bytes, wanted.ranges, search.seed(), false).unwrap();
        while !signer.step(&mut signatures).unwrap() {}
        let mut come = at_once.saturating_mul(SIGNATURE_BYTES);
        while come < signatures.len() {
            search.look_ahead(local, &signatures[..come], &mut || Ok(())).unwrap();
            come += at_once * SIGNATURE_BYTES;
        }
        search.look(local, &signatures, &mut || Ok(())).unwrap();
    }
    Searched { search, questions, wire_bytes }
}

/// Returns the range of a whole file.
pub(super) fn all(file: &Memory) -> Vec<Range<u64>> {
    std::iter::once(0..file.size()).collect()
}

/// Returns the number of bytes of a recipe that must be sent.
pub(super) fn literal_bytes(recipe: &[Piece]) -> u64 {
    let literal = |piece: &Piece| if let Piece::Literal { length, .. } = piece { *length } else { 0 };
    recipe.iter().map(literal).sum()
}

/// Reports whether the recipe for a file, out of another, is right, and no piece continues the one before.
pub(super) fn makes(recipe: &[Piece], file: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    let mut last = None;
    let is_right = recipe.iter().all(|piece| {
        let (from, offset, length) = match *piece {
            Piece::Copy { offset, length } => (other, offset, length),
            Piece::Literal { offset, length } => (file, offset, length),
        };
        let is_literal = matches!(piece, Piece::Literal { .. });
        let is_coalesced = last != Some((is_literal, offset)) && length > 0;
        let is_in_place = !is_literal || offset == at as u64;
        last = Some((is_literal, offset + length));
        let range = offset as usize..(offset + length) as usize;
        at += length as usize;
        is_coalesced && is_in_place && file.get(at - length as usize..at) == from.get(range)
    });
    is_right && at == file.len()
}

/// Returns bytes without any order, the same for the same seed.
pub(super) fn random(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut words = Vec::with_capacity(bytes + 8);
    while words.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    words.truncate(bytes);
    words
}

/// Replaces bytes in `edits` places, scattered by no rule.
pub(super) fn edit(bytes: &mut [u8], edits: usize, edit_bytes: usize) {
    let spacing = bytes.len() / edits;
    let within = random(edits * 8, 99);
    for (index, place) in within.as_chunks::<8>().0.iter().enumerate() {
        let at = index * spacing + (u64::from_le_bytes(*place) % (spacing - edit_bytes) as u64) as usize;
        bytes[at..at + edit_bytes].copy_from_slice(&random(edit_bytes, index as u64 + 1000));
    }
}

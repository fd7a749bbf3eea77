//! Writes that wait to be sent: pieces of the file, joined where they touch.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

/// Pieces that neither overlap nor touch, by their offsets.
#[derive(Debug, Clone, Default)]
pub(super) struct WriteBuffer {
    pieces: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
    /// The memory of a piece that was cleared, for the next one.
    spare: Vec<u8>,
}

/// The state of the buffer at an offset.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Spot<'a> {
    /// These bytes of a piece.
    Buffered(&'a [u8]),
    /// No bytes up to this offset, or at all.
    Free(Option<u64>),
}

impl WriteBuffer {
    /// Returns the number of bytes in all pieces.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the number of pieces.
    pub(super) fn count(&self) -> usize {
        self.pieces.len()
    }

    /// Returns the offset at which the last piece ends.
    pub(super) fn end(&self) -> u64 {
        self.pieces.last_key_value().map_or(0, |(start, piece)| start + piece.len() as u64)
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.pieces.iter().map(|(start, piece)| (*start, &piece[..]))
    }

    pub(super) fn clear(&mut self) {
        if let Some((_, mut piece)) = self.pieces.pop_first() {
            piece.clear();
            self.spare = piece;
        }
        self.pieces.clear();
        self.bytes = 0;
    }

    /// Puts bytes at an offset. The caller has checked that their end does not overflow.
    pub(super) fn insert(&mut self, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let touching = self.pieces.range(..=offset).next_back();
        let touching = touching.filter(|(start, piece)| *start + piece.len() as u64 >= offset);
        let start = touching.map_or(offset, |(start, _)| *start);
        let mut piece = self.pieces.remove(&start).unwrap_or_else(|| std::mem::take(&mut self.spare));
        self.bytes -= piece.len();
        overwrite(&mut piece, (offset - start) as usize, bytes);
        let mut end = start + piece.len() as u64;
        while let Some(next) = self.pieces.range((Excluded(start), Unbounded)).next().map(|(next, _)| *next)
            && next <= end
            && let Some(behind) = self.pieces.remove(&next)
        {
            self.bytes -= behind.len();
            // The piece that was written last covers the older one.
            if let Some(rest) = behind.get((end - next) as usize..) {
                piece.extend_from_slice(rest);
                end = start + piece.len() as u64;
            }
        }
        self.bytes += piece.len();
        self.pieces.insert(start, piece);
    }

    /// Forgets the bytes behind an end.
    pub(super) fn cut(&mut self, end: u64) {
        for (_, behind) in self.pieces.split_off(&end) {
            self.bytes -= behind.len();
        }
        if let Some(mut last) = self.pieces.last_entry() {
            let left = usize::try_from(end - last.key()).unwrap_or(usize::MAX);
            self.bytes -= last.get().len().saturating_sub(left);
            last.get_mut().truncate(left);
        }
    }

    pub(super) fn at(&self, offset: u64) -> Spot<'_> {
        if let Some((start, piece)) = self.pieces.range(..=offset).next_back()
            && let Some(bytes) = usize::try_from(offset - start).ok().and_then(|skipped| piece.get(skipped..))
            && !bytes.is_empty()
        {
            return Spot::Buffered(bytes);
        }
        Spot::Free(self.pieces.range((Excluded(offset), Unbounded)).next().map(|(start, _)| *start))
    }
}

/// Puts bytes at a place that is in a vector or at its end.
fn overwrite(piece: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let over = bytes.len().min(piece.len() - at);
    piece[at..at + over].copy_from_slice(&bytes[..over]);
    piece.extend_from_slice(&bytes[over..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Checks that the pieces hold the same bytes as a plain memory of every byte, whatever is written and cut.
        #[test]
        fn pieces_are_what_was_written(steps in prop::collection::vec((0u64..60, 0usize..12, any::<bool>()), 1..60)) {
            let (mut buffer, mut model) = (WriteBuffer::default(), vec![None; 80]);
            for (number, (offset, length, cut)) in steps.into_iter().enumerate() {
                let byte = number as u8;
                if cut && length == 0 {
                    buffer.cut(offset);
                    model[offset as usize..].fill(None);
                } else {
                    buffer.insert(offset, &vec![byte; length]);
                    model[offset as usize..offset as usize + length].fill(Some(byte));
                }
                prop_assert_eq!(buffer.bytes(), model.iter().flatten().count());
                let mut last_end = None;
                for (start, piece) in buffer.pieces() {
                    prop_assert!(!piece.is_empty() && last_end.is_none_or(|end| end < start));
                    last_end = Some(start + piece.len() as u64);
                }
            }
            for (offset, expected) in model.iter().enumerate() {
                match (buffer.at(offset as u64), expected) {
                    (Spot::Buffered(bytes), Some(byte)) => prop_assert_eq!(bytes[0], *byte),
                    (Spot::Free(next), None) => {
                        let free = model[offset..].iter().position(Option::is_some);
                        prop_assert_eq!(next, free.map(|free| (offset + free) as u64));
                    }
                    (spot, expected) => prop_assert!(false, "{offset}: {spot:?}, not {expected:?}"),
                }
            }
        }
    }
}

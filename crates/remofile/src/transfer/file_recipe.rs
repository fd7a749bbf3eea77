//! The recipe of a file that the receiver makes out of what it has, or of which it wants parts.

use crate::delta::Piece;
use crate::store::StoreResult;
use remofile_protocol::wire::{ErrorCode, Failure, Part};
use std::ops::Range;

/// The pieces of a file that is not sent from its first byte to its last.
#[derive(Debug)]
pub struct FileRecipe {
    /// The file at the destination that pieces are copied from.
    pub base: Option<String>,
    pieces: std::vec::IntoIter<Piece>,
    /// The parts of the file that are wanted; none if the pieces are all of it.
    parts: Vec<Part>,
    /// Rest of the piece that was begun.
    begun: Option<Piece>,
}

impl FileRecipe {
    /// Makes a file out of pieces of another at the destination; they are in the order of the file, and
    /// all of it.
    #[must_use]
    pub fn new(base: String, pieces: Vec<Piece>) -> Self {
        Self { base: Some(base), pieces: pieces.into_iter(), parts: Vec::new(), begun: None }
    }

    /// Makes the recipe of parts of a file; `None` if none are named.
    ///
    /// # Errors
    /// `bad-request` if they do not rise, or are not in a file of so many bytes.
    pub(super) fn of_parts(parts: &[Part], size: u64) -> StoreResult<Option<Self>> {
        let mut last = 0;
        for Part { offset, length } in parts {
            match offset.checked_add(*length) {
                Some(end) if *offset >= last && *length > 0 && end <= size => last = end,
                Some(end) if end > size => {
                    return Err(Failure::new(ErrorCode::SourceChanged).because("it became shorter"));
                }
                _ => return Err(Failure::new(ErrorCode::BadRequest).because("parts in no ascending order")),
            }
        }
        let pieces: Vec<Piece> =
            parts.iter().map(|&Part { offset, length }| Piece::Literal { offset, length }).collect();
        let parts = parts.to_vec();
        Ok((!pieces.is_empty()).then(|| Self { base: None, pieces: pieces.into_iter(), parts, begun: None }))
    }

    /// Returns the ranges of the file that it sends or copies; `None` for all of it.
    pub(super) fn ranges(&self) -> Option<Vec<Range<u64>>> {
        let range = |part: &Part| part.offset..part.offset + part.length;
        (!self.parts.is_empty()).then(|| self.parts.iter().map(range).collect())
    }

    /// Returns the rest of the current piece; `None` at the end.
    pub(super) fn current(&mut self) -> Option<Piece> {
        if self.begun.is_none() {
            self.begun = self.pieces.next();
        }
        self.begun
    }

    /// Marks bytes of the current piece as done.
    pub(super) fn advance(&mut self, bytes: u64) {
        let rest = match self.begun.take() {
            Some(Piece::Copy { offset, length }) => Piece::Copy { offset: offset + bytes, length: length - bytes },
            Some(Piece::Literal { offset, length }) => {
                Piece::Literal { offset: offset + bytes, length: length - bytes }
            }
            None => return,
        };
        let (Piece::Copy { length, .. } | Piece::Literal { length, .. }) = rest;
        self.begun = (length > 0).then_some(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_rise_and_are_within_the_file() {
        let parts = |pairs: &[(u64, u64)]| -> Vec<Part> {
            pairs.iter().map(|&(offset, length)| Part { offset, length }).collect()
        };
        assert!(FileRecipe::of_parts(&[], 5).unwrap().is_none());
        assert!(FileRecipe::of_parts(&parts(&[(0, 2), (2, 3)]), 5).unwrap().is_some());
        for (wrong, code) in [
            (&[(0, 6)][..], ErrorCode::SourceChanged),
            (&[(0, 0)], ErrorCode::BadRequest),
            (&[(2, 2), (1, 1)], ErrorCode::BadRequest),
            (&[(0, 3), (2, 1)], ErrorCode::BadRequest),
            (&[(u64::MAX, 2)], ErrorCode::BadRequest),
        ] {
            assert_eq!(FileRecipe::of_parts(&parts(wrong), 5).unwrap_err().code, code, "{wrong:?}");
        }
    }

    #[test]
    fn pieces_are_done_bit_by_bit() {
        let pieces = vec![Piece::Copy { offset: 9, length: 3 }, Piece::Literal { offset: 3, length: 1 }];
        let mut recipe = FileRecipe::new("b".to_owned(), pieces);
        recipe.current();
        recipe.advance(2);
        assert_eq!(recipe.current(), Some(Piece::Copy { offset: 11, length: 1 }));
        recipe.advance(1);
        assert_eq!(recipe.current(), Some(Piece::Literal { offset: 3, length: 1 }));
        recipe.advance(1);
        assert_eq!(recipe.current(), None);
    }
}

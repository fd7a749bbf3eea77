//! Pieces of exactly the size a caller asked for.

use std::num::NonZeroU32;

/// Cuts a file's bytes into chunks of one size, the last one shorter.
///
/// Memory: what is held of an incomplete chunk, so less than two chunks. Nothing is copied where a
/// chunk lies whole in the bytes that are pushed.
#[derive(Debug)]
pub struct Chunker {
    chunk_bytes: usize,
    held: Vec<u8>,
}

impl Chunker {
    /// Cuts chunks of `chunk_bytes` bytes.
    #[must_use]
    pub fn new(chunk_bytes: NonZeroU32) -> Self {
        Self { chunk_bytes: usize::try_from(chunk_bytes.get()).unwrap_or(usize::MAX), held: Vec::new() }
    }

    /// Takes bytes, and calls `each` for every chunk that is complete. Bytes of an incomplete chunk are held.
    ///
    /// # Errors
    /// The error of `each`; nothing is held then, and the next bytes are those of another file.
    pub fn push<E>(&mut self, bytes: &[u8], each: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let rest = self.complete(bytes, each)?;
        let mut chunks = rest.chunks_exact(self.chunk_bytes);
        for chunk in chunks.by_ref() {
            each(chunk)?;
        }
        self.held.extend_from_slice(chunks.remainder());
        Ok(())
    }

    /// Ends the file: the rest, if any, is its last chunk. The chunker is ready for the next file then.
    ///
    /// # Errors
    /// The error of `each`.
    pub fn finish<E>(&mut self, each: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.held.is_empty() { Ok(()) } else { self.give_held(each) }
    }

    /// Forgets the bytes that are held, because the file is given up. The chunker is ready for the next file then.
    pub fn reset(&mut self) {
        self.held.clear();
    }

    /// Completes the chunk that is held, if any; gives the bytes that are left.
    fn complete<'a, E>(
        &mut self,
        bytes: &'a [u8],
        each: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<&'a [u8], E> {
        if self.held.is_empty() {
            return Ok(bytes);
        }
        let lacking = self.chunk_bytes.saturating_sub(self.held.len());
        let (head, rest) = bytes.split_at(lacking.min(bytes.len()));
        self.held.extend_from_slice(head);
        if head.len() == lacking {
            self.give_held(each)?;
        }
        Ok(rest)
    }

    fn give_held<E>(&mut self, each: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        // Cleared even if that fails: the next bytes are those of another file then.
        let given = each(&self.held);
        self.held.clear();
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn chunker(chunk_bytes: u32) -> Chunker {
        Chunker::new(NonZeroU32::new(chunk_bytes).unwrap())
    }

    fn cut(chunker: &mut Chunker, pieces: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut chunks = Vec::new();
        let mut keep = |chunk: &[u8]| -> Result<(), Infallible> {
            chunks.push(chunk.to_vec());
            Ok(())
        };
        for piece in pieces {
            chunker.push(piece, &mut keep).unwrap();
        }
        chunker.finish(&mut keep).unwrap();
        chunks
    }

    #[test]
    fn an_empty_file_has_no_chunks() {
        assert!(cut(&mut chunker(4), &[]).is_empty());
        assert!(cut(&mut chunker(4), &[vec![], vec![]]).is_empty());
    }

    #[test]
    fn a_file_of_whole_chunks_has_no_rest() {
        assert_eq!(cut(&mut chunker(2), &[b"abc".to_vec(), b"d".to_vec()]), [b"ab", b"cd"]);
    }

    #[test]
    fn chunks_that_lie_whole_in_the_bytes_are_not_copied() {
        let bytes = b"abcdefgh";
        let mut chunker = chunker(3);
        let mut seen = Vec::new();
        let mut each = |chunk: &[u8]| -> Result<(), Infallible> {
            seen.push(bytes.as_ptr_range().contains(&chunk.as_ptr()));
            Ok(())
        };
        chunker.push(bytes, &mut each).unwrap();
        chunker.push(b"i", &mut each).unwrap();
        assert_eq!(seen, [true, true, false]);
    }

    #[test]
    fn the_next_file_begins_anew_after_an_end_an_error_and_a_reset() {
        let mut chunker = chunker(4);
        assert_eq!(cut(&mut chunker, &[b"abcde".to_vec()]), [&b"abcd"[..], b"e"]);
        chunker.push::<Infallible>(b"xyz", &mut |_| Ok(())).unwrap();
        assert_eq!(chunker.push(b"abcdefghi", &mut |_| Err("enough")), Err("enough"));
        assert_eq!(cut(&mut chunker, &[b"abcde".to_vec()]), [&b"abcd"[..], b"e"]);
        chunker.push::<Infallible>(b"xyz", &mut |_| Ok(())).unwrap();
        chunker.reset();
        assert_eq!(cut(&mut chunker, &[b"abcde".to_vec()]), [&b"abcd"[..], b"e"]);
    }

    #[test]
    fn the_largest_size_costs_nothing_until_bytes_come() {
        assert_eq!(cut(&mut chunker(u32::MAX), &[b"abc".to_vec(), b"d".to_vec()]), [b"abcd"]);
    }

    proptest! {
        #[test]
        fn chunks_are_the_file_and_have_the_size(
            chunk_bytes in 1_u32..40,
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..10),
        ) {
            let chunks = cut(&mut chunker(chunk_bytes), &pieces);
            prop_assert_eq!(chunks.concat(), pieces.concat());
            if let Some((last, whole)) = chunks.split_last() {
                prop_assert!(whole.iter().all(|chunk| chunk.len() == chunk_bytes as usize));
                prop_assert!((1..=chunk_bytes as usize).contains(&last.len()));
            }
        }
    }
}

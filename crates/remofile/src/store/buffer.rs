//! Memory to read files into.

use std::ops::{Deref, DerefMut};

/// A cache line, in bytes.
const LINE_BYTES: usize = 64;

/// Bytes that begin at a cache line. Large vectors begin 16 bytes behind a page; where the pages of a file are
/// copied there, each load has the low address bits of a store just before it, which the processor takes for the same
/// address: measured, that is four times slower.
pub struct ReadBuffer {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

impl ReadBuffer {
    /// Creates a buffer of `length` zeros.
    #[must_use]
    pub fn new(length: usize) -> Self {
        let bytes = vec![0; length + LINE_BYTES];
        let start = bytes.as_ptr().addr().wrapping_neg() % LINE_BYTES;
        Self { bytes, start, length }
    }
}

impl Deref for ReadBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.length]
    }
}

impl DerefMut for ReadBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_at_a_cache_line_and_has_its_length() {
        for length in [0, 1, 63, 64, 65, 4096, 1 << 20] {
            let mut buffer = ReadBuffer::new(length);
            assert_eq!((buffer.len(), buffer.as_ptr().addr() % LINE_BYTES), (length, 0));
            buffer.fill(7);
        }
    }
}

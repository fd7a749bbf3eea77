//! The content of compressed blocks, given back.

use super::compress::no_resources;
use crate::store::StoreResult;
use remofile_protocol::limits::MAX_BLOCK_BYTES;
use remofile_protocol::wire::{ErrorCode, Failure};
use std::fmt;
use zstd::bulk;

/// Memory that a [`Decompressor`] takes at most, in bytes: zstd's own, and a block.
pub(super) const DECOMPRESSOR_BYTES: u64 = (192 * 1024 + MAX_BLOCK_BYTES) as u64;

/// Gives back the content of blocks. Memory: zstd's own, and the largest block so far.
pub struct Decompressor {
    inner: bulk::Decompressor<'static>,
    content: Vec<u8>,
}

impl Decompressor {
    /// Creates a decompressor for blocks of any level.
    ///
    /// # Errors
    /// `out-of-resources` if zstd cannot be set up.
    pub fn new() -> StoreResult<Self> {
        let inner = bulk::Decompressor::new().map_err(no_resources)?;
        Ok(Self { inner, content: Vec::new() })
    }

    /// Returns the content of a block: exactly `size` bytes, at most [`MAX_BLOCK_BYTES`]. No more memory is taken than
    /// for these, whatever the block claims.
    ///
    /// # Errors
    /// `integrity-failure` with a detail if the size is too large, the block is no zstd frame, or its
    /// content has another size.
    pub fn decompress(&mut self, block: &[u8], size: usize) -> StoreResult<&[u8]> {
        if size > MAX_BLOCK_BYTES {
            return Err(broken(format_args!("a compressed block of {size} bytes, more than {MAX_BLOCK_BYTES}")));
        }
        if self.content.len() < size {
            self.content = vec![0; size];
        }
        let content = &mut self.content[..size];
        match self.inner.decompress_to_buffer(block, content) {
            Ok(length) if length == size => Ok(content),
            Ok(length) => Err(broken(format_args!("a compressed block has {length} bytes instead of {size}"))),
            Err(error) => Err(broken(format_args!("a compressed block: {error}"))),
        }
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").finish_non_exhaustive()
    }
}

fn broken(detail: impl fmt::Display) -> Failure {
    Failure::new(ErrorCode::IntegrityFailure).because(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bombs_are_errors_and_take_no_memory() {
        let mut decompressor = Decompressor::new().unwrap();
        // 64 MiB of zeros in some kilobytes.
        let bomb = bulk::compress(&vec![0; 64 * 1024 * 1024], 19).unwrap();
        for size in [0, 1, 1_000, MAX_BLOCK_BYTES, MAX_BLOCK_BYTES + 1, 64 * 1024 * 1024, usize::MAX] {
            let failure = decompressor.decompress(&bomb, size).unwrap_err();
            assert_eq!(failure.code, ErrorCode::IntegrityFailure);
            assert!(failure.detail.is_some());
            assert!(decompressor.content.capacity() <= MAX_BLOCK_BYTES);
        }
        // A frame header that claims 2^63 bytes, and nothing behind it.
        let claim = [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80, 1, 0, 0];
        assert!(decompressor.decompress(&claim, 1_000).is_err());
        assert!(decompressor.content.capacity() <= MAX_BLOCK_BYTES);
    }
}

//! The server's side: the signatures of blocks.

use crate::store::{ReadBuffer, Source, StoreResult};
use remofile_protocol::block::{BlockSigner, SIGNATURE_BYTES, Signature};
use remofile_protocol::digest::{Digest, Digester};
use remofile_protocol::wire::{ErrorCode, Failure};
use std::ops::Range;

/// Bytes read at once, rounded down to blocks if these are smaller: few calls, and still in a near cache when
/// they are hashed. It is all the memory that a client can make a server use, whatever blocks it asks for.
const READ_BYTES: usize = 256 * 1024;
/// Bytes read in a step.
const STEP_BYTES: u64 = 4 * 1024 * 1024;
/// The largest block that is signed.
const MOST_BLOCK_BYTES: u32 = 8 * 1024 * 1024;

/// The signer of ranges of a file, some MiB a step.
pub struct Signer {
    source: Box<dyn Source>,
    block_bytes: usize,
    seed: u64,
    /// Ranges that are left, in reverse order.
    ranges: Vec<Range<u64>>,
    digester: Option<Digester>,
    buffer: ReadBuffer,
    /// Block that is being read, if blocks are larger than the buffer, with the number of its bytes that are left.
    begun: Option<(Box<BlockSigner>, usize)>,
}

impl Signer {
    /// Signs these ranges of a file, each cut in blocks from its start. With `whole` the digest of the file
    /// is computed on the way.
    ///
    /// # Errors
    /// `bad-request` for blocks of no bytes or of more than 8 MiB, for a range that is empty, that overlaps
    /// the one before it or ends behind the file, and with `whole` for anything but all of the file.
    pub fn new(
        source: Box<dyn Source>,
        block_bytes: u32,
        mut ranges: Vec<Range<u64>>,
        seed: u64,
        whole: bool,
    ) -> StoreResult<Self> {
        check(source.entry().size, block_bytes, &ranges, whole)?;
        ranges.reverse();
        let block_bytes = block_bytes as usize;
        let longest = ranges.iter().map(|range| range.end - range.start).max().unwrap_or(0);
        // Complete blocks at once, so that none has to be put together from two reads.
        let read_bytes = if block_bytes > READ_BYTES { READ_BYTES } else { READ_BYTES - READ_BYTES % block_bytes };
        let buffer = ReadBuffer::new(read_bytes.min(usize::try_from(longest).unwrap_or(usize::MAX)));
        Ok(Self { source, block_bytes, seed, ranges, digester: whole.then(Digester::new), buffer, begun: None })
    }

    /// Signs on, a few MiB a step, and appends packed signatures. Returns true if that was all.
    ///
    /// # Errors
    /// `source-changed` where the file is shorter than it was, `disk-failure`, ...
    pub fn step(&mut self, out: &mut Vec<u8>) -> StoreResult<bool> {
        let mut read = 0;
        while read < STEP_BYTES {
            let Some(range) = self.ranges.last_mut() else { return Ok(true) };
            let left = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            let block_left = self.begun.as_ref().map_or(usize::MAX, |(_, left)| *left);
            let count = left.min(block_left).min(self.buffer.len());
            if self.source.read_at(&mut self.buffer[..count], range.start)? < count {
                return Err(Failure::new(ErrorCode::SourceChanged));
            }
            range.start += count as u64;
            read += count as u64;
            if range.start == range.end {
                self.ranges.pop();
            }
            if let Some(digester) = &mut self.digester {
                digester.update(&self.buffer[..count]);
            }
            if self.block_bytes > READ_BYTES {
                self.sign_part(count, left, out);
            } else {
                self.sign_blocks(count, out);
            }
        }
        Ok(self.ranges.is_empty())
    }

    /// Signs the blocks that were read.
    fn sign_blocks(&self, count: usize, out: &mut Vec<u8>) {
        out.reserve(count.div_ceil(self.block_bytes) * SIGNATURE_BYTES);
        for block in self.buffer[..count].chunks(self.block_bytes) {
            out.extend_from_slice(&Signature::of(block, self.seed).to_bytes());
        }
    }

    /// Goes on with a block of which a part was read; `range_left` is the rest of its range before.
    fn sign_part(&mut self, count: usize, range_left: usize, out: &mut Vec<u8>) {
        // The last block of a range may be short.
        let fresh = || (Box::new(BlockSigner::new(self.seed)), range_left.min(self.block_bytes));
        let (mut block, left) = self.begun.take().unwrap_or_else(fresh);
        block.update(&self.buffer[..count]);
        if count < left {
            self.begun = Some((block, left - count));
        } else {
            out.extend_from_slice(&block.finish().to_bytes());
        }
    }

    /// Returns the memory that the signer holds, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        (self.buffer.len() + size_of::<Self>() + self.ranges.capacity() * size_of::<Range<u64>>()) as u64
    }

    /// Returns the digest of the whole file, if it was asked for and everything is signed.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.digester.as_ref().filter(|_| self.ranges.is_empty()).map(Digester::finish)
    }
}

fn check(size: u64, block_bytes: u32, ranges: &[Range<u64>], whole: bool) -> StoreResult<()> {
    let mut end = 0;
    let are_in_order = ranges.iter().all(|range| {
        let is_in_order = end <= range.start && range.start < range.end && range.end <= size;
        end = range.end;
        is_in_order
    });
    let are_whole = ranges.iter().map(|range| range.end - range.start).sum::<u64>() == size;
    let is_good =
        (1..=MOST_BLOCK_BYTES).contains(&block_bytes) && are_in_order && (!whole || ranges.len() <= 1 && are_whole);
    is_good.then_some(()).ok_or_else(|| Failure::new(ErrorCode::BadRequest))
}

#[cfg(test)]
mod tests {
    use super::super::memory::{Memory, random};
    use super::*;

    #[test]
    fn large_blocks_are_signed_in_a_small_buffer() {
        let file = Memory::new(random(3_000_000, 1));
        let ranges = vec![0..1_700_000, 1_700_000..1_700_001, 2_000_000..3_000_000];
        for block_bytes in [100, 256 * 1024, 256 * 1024 + 1, 512 * 1024, 1 << 20, MOST_BLOCK_BYTES] {
            let mut signer = Signer::new(Box::new(file.clone()), block_bytes, ranges.clone(), 7, false).unwrap();
            let mut signatures = Vec::new();
            while !signer.step(&mut signatures).unwrap() {}
            let blocks = ranges
                .iter()
                .flat_map(|range| file.bytes[range.start as usize..range.end as usize].chunks(block_bytes as usize));
            let expected: Vec<u8> = blocks.flat_map(|block| Signature::of(block, 7).to_bytes()).collect();
            assert_eq!(signatures, expected, "{block_bytes}");
            assert!(signer.buffer.len() <= READ_BYTES, "{block_bytes}");
        }
    }
}

//! A second look at a file that was written to while it was read: is what was read still in it?

use super::check::Check;
use crate::store::{Extent, ReadBuffer, Source, StoreResult};
use remofile_protocol::digest::{Digest, DigestKind};
use std::collections::VecDeque;
use std::ops::Range;

/// Bytes that are read at once, and how often in a step.
const READ_BYTES: usize = 1024 * 1024;
const READS: usize = 8;

/// Ranges of a file that are read once more, for their digest.
pub(super) struct Rereading {
    ranges: VecDeque<Range<u64>>,
    check: Check,
    expected: Digest,
    buffer: ReadBuffer,
}

impl Rereading {
    /// Begins to read ranges that had this digest, one after the other.
    pub(super) fn new(kind: DigestKind, ranges: impl IntoIterator<Item = Range<u64>>, expected: Digest) -> Self {
        Self {
            ranges: ranges.into_iter().collect(),
            check: Check::new(kind),
            expected,
            buffer: ReadBuffer::new(READ_BYTES),
        }
    }

    /// Returns the memory that it holds, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        (self.buffer.len() + self.ranges.capacity() * size_of::<Range<u64>>()) as u64
    }

    /// Reads on, some MiB a step. Returns at the end whether the bytes are the same.
    ///
    /// # Errors
    /// `disk-failure`, ...
    pub(super) fn step(&mut self, source: &dyn Source) -> StoreResult<Option<bool>> {
        for _ in 0..READS {
            let Some(range) = self.ranges.front_mut() else {
                return Ok(Some(self.check.finish() == self.expected));
            };
            let left = range.end - range.start;
            let count = match source.extent_at(range.start)? {
                Extent::Hole(hole) if hole > 0 => {
                    self.check.update_zeros(hole.min(left));
                    hole.min(left)
                }
                Extent::Hole(_) | Extent::Data(_) => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
                    if source.read_at(&mut self.buffer[..length], range.start)? < length {
                        return Ok(Some(false));
                    }
                    self.check.update(&self.buffer[..length], false);
                    length as u64
                }
            };
            range.start += count;
            if range.is_empty() {
                self.ranges.pop_front();
            }
        }
        Ok(None)
    }
}

//! The comparison of a copy with a file that was written to while it was copied.

use crate::store::{ReadBuffer, Source, Staged, StoreResult};

/// Bytes that are read at once of each, and how often in a step.
const READ_BYTES: usize = 1024 * 1024;
const READS: usize = 8;

/// A copy and the file that it was made of, which are read side by side.
pub(super) struct Comparing {
    offset: u64,
    ours: ReadBuffer,
    theirs: ReadBuffer,
}

impl Comparing {
    pub(super) fn new() -> Self {
        Self { offset: 0, ours: ReadBuffer::new(READ_BYTES), theirs: ReadBuffer::new(READ_BYTES) }
    }

    /// Compares on, some MiB a step. Returns at the end, or at the first difference, whether the first `size` bytes are the
    /// same.
    ///
    /// # Errors
    /// `disk-failure`, ...; `unsupported` by a store that does not read what it stages.
    pub(super) fn step(&mut self, source: &dyn Source, staged: &dyn Staged, size: u64) -> StoreResult<Option<bool>> {
        for _ in 0..READS {
            let left = usize::try_from(size - self.offset).unwrap_or(usize::MAX).min(READ_BYTES);
            if left == 0 {
                return Ok(Some(true));
            }
            let (ours, theirs) = (&mut self.ours[..left], &mut self.theirs[..left]);
            let are_whole = source.read_at(theirs, self.offset)? == left && staged.read_at(ours, self.offset)? == left;
            if !are_whole || ours != theirs {
                return Ok(Some(false));
            }
            self.offset += left as u64;
        }
        Ok(None)
    }
}

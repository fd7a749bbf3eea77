//! A part of the local file in memory.

use crate::error::{Error, Result};
use crate::store::{ReadBuffer, Source};
use remofile_protocol::wire::{ErrorCode, Failure};
use std::ops::Range;

/// Bytes that are read ahead of what is needed, at most.
const AHEAD_BYTES: usize = 1024 * 1024;
/// The buffer begins at a multiple of this in the file, so that pages are copied to where they stand as in the
/// file: see [`ReadBuffer`].
const ALIGNMENT: u64 = 4096;

/// Bytes read between two checks of whether to go on.
const CHECK_BYTES: u64 = 4 * 1024 * 1024;

/// Bytes of a file that is gone over from its begin to its end.
pub(super) struct View<'a> {
    source: &'a dyn Source,
    check: &'a mut dyn FnMut() -> Result<()>,
    unchecked: u64,
    /// Offset in the file at which the buffer begins. `filled` is the number of its bytes that are read.
    start: u64,
    filled: usize,
    buffer: ReadBuffer,
}

impl<'a> View<'a> {
    /// Creates a view of `most_needed` bytes of a file, and some more that are read ahead. `check` is called every few
    /// MiB.
    pub(super) fn new(source: &'a dyn Source, most_needed: usize, check: &'a mut dyn FnMut() -> Result<()>) -> Self {
        let most = usize::try_from(source.entry().size).unwrap_or(usize::MAX);
        // One more page, since the buffer may begin before the bytes that are needed.
        let most_needed = most_needed.next_multiple_of(ALIGNMENT as usize) + ALIGNMENT as usize;
        let buffer = ReadBuffer::new((most_needed + AHEAD_BYTES).min(most));
        Self { source, check, unchecked: 0, start: 0, filled: 0, buffer }
    }

    pub(super) fn source(&self) -> &dyn Source {
        self.source
    }

    /// Reads so that this range is in memory, and ahead of it, but not beyond `limit`. Bytes before the range are
    /// forgotten. Returns true if something was read.
    ///
    /// # Errors
    /// The error of the check; `source-changed` where the file is shorter than it was, ...
    pub(super) fn need(&mut self, range: Range<u64>, limit: u64) -> Result<bool> {
        if self.start <= range.start && range.end <= self.start + self.filled as u64 {
            return Ok(false);
        }
        self.forget_before(range.start);
        let room = (self.buffer.len() - self.filled) as u64;
        let from = self.start + self.filled as u64;
        let count = room.min(limit.max(range.end).saturating_sub(from));
        let space = &mut self.buffer[self.filled..][..count as usize];
        if (self.source.read_at(space, from).map_err(Error::Local)? as u64) < count || from + count < range.end {
            return Err(Error::Local(Failure::new(ErrorCode::SourceChanged)));
        }
        self.filled += count as usize;
        self.unchecked += count;
        if self.unchecked >= CHECK_BYTES {
            self.unchecked = 0;
            (self.check)()?;
        }
        Ok(true)
    }

    /// Returns bytes that are in memory: see [`View::need`].
    pub(super) fn bytes(&self, range: Range<u64>) -> &[u8] {
        let from = (range.start - self.start) as usize;
        &self.buffer[from..from + (range.end - range.start) as usize]
    }

    /// Returns all bytes that are in memory from an offset on, but not beyond `limit`.
    pub(super) fn ahead(&self, from: u64, limit: u64) -> &[u8] {
        self.bytes(from..limit.min(self.start + self.filled as u64))
    }

    fn forget_before(&mut self, offset: u64) {
        let offset = offset - offset % ALIGNMENT;
        let end = self.start + self.filled as u64;
        if (self.start..end).contains(&offset) {
            let from = (offset - self.start) as usize;
            self.buffer.copy_within(from..self.filled, 0);
            self.filled -= from;
        } else {
            self.filled = 0;
        }
        self.start = offset;
    }
}

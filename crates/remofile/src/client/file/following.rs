//! Following a file: waiting for more at its end, as `tail -F` does.

use super::in_place::{InPlace, copy};
use crate::error::{Error, Result};
use remofile_protocol::wire::{Entry, ErrorCode};
use std::time::Duration;

/// Pause between two looks at the end of a file.
const PAUSE: Duration = Duration::from_millis(250);

impl InPlace {
    /// Reads at a position, once there is something. The position is 0 again where a file begins anew. It is moved behind
    /// what was read.
    ///
    /// # Errors
    /// As a read; [`Error::Timeout`] and [`Error::Interrupted`] end the wait.
    pub(super) fn follow(&mut self, position: &mut u64, buffer: &mut [u8]) -> Result<usize> {
        let context = self.client().context();
        while !buffer.is_empty() {
            let known = self.ahead.at(*position);
            if !known.is_empty() {
                let count = copy(known, buffer);
                *position += count as u64;
                return Ok(count);
            }
            if !self.look_for_more(position, buffer.len())? {
                context.sleep(PAUSE)?;
            }
        }
        Ok(0)
    }

    /// Fetches what is at a position, or at the beginning of what has taken its place. Returns false if that is nothing.
    fn look_for_more(&mut self, position: &mut u64, wanted: usize) -> Result<bool> {
        let length = self.ahead.plan(*position, wanted);
        let buffer = self.ahead.buffer();
        match self.remote.read_on(*position, length, buffer) {
            Ok(found) => Ok(self.take_more(position, found)),
            Err(Error::Remote(failure)) if failure.code == ErrorCode::SourceChanged => {
                self.begin_anew(position, length)
            }
            Err(error) => Err(error),
        }
    }

    /// Opens what the path leads to now. It may be the same file, which the server could not tell.
    fn begin_anew(&mut self, position: &mut u64, length: u64) -> Result<bool> {
        let before = self.remote.identity();
        let found = match self.remote.read(*position, length, false, Vec::new()) {
            Ok(found) => found,
            // The old file is moved away before there is a new one.
            Err(Error::Remote(failure)) if failure.code == ErrorCode::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if self.remote.identity() != before {
            *position = 0;
            let again = self.remote.read(0, length, false, Vec::new())?;
            return Ok(self.take_more(position, again));
        }
        Ok(self.take_more(position, found))
    }

    fn take_more(&mut self, position: &mut u64, found: (Entry, Vec<u8>)) -> bool {
        let (entry, bytes) = found;
        self.size = entry.size;
        if entry.size < *position {
            // It was emptied, and is read from its beginning at once.
            *position = 0;
            self.ahead.put(0, Vec::new());
            return entry.size > 0;
        }
        let is_more = !bytes.is_empty();
        self.ahead.put(*position, bytes);
        is_more
    }
}

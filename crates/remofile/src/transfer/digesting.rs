//! The digest of a file, some megabytes at a time.

use crate::store::{ReadBuffer, Source, StoreResult};
use remofile_protocol::digest::{Digest, Digester};
use remofile_protocol::wire::{ErrorCode, Failure};

/// Bytes read at once, and how often in a step. A client can have a server digest many files beside each other.
const READ_BYTES: usize = 256 * 1024;
const READS: usize = 32;

/// A file that is being digested.
pub struct Digesting {
    source: Box<dyn Source>,
    digester: Digester,
    position: u64,
    buffer: ReadBuffer,
}

impl Digesting {
    /// Begins the digest of a file.
    #[must_use]
    pub fn new(source: Box<dyn Source>) -> Self {
        let bytes = usize::try_from(source.entry().size).unwrap_or(usize::MAX).clamp(1, READ_BYTES);
        Self { source, digester: Digester::new(), position: 0, buffer: ReadBuffer::new(bytes) }
    }

    /// Returns the memory that the digest takes, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        (self.buffer.len() + size_of::<Self>()) as u64
    }

    /// Reads on, some MiB a step. Returns the digest when it is complete.
    ///
    /// # Errors
    /// `source-changed`, `disk-failure`, ...
    pub fn step(&mut self) -> StoreResult<Option<Digest>> {
        let size = self.source.entry().size;
        for _ in 0..READS {
            let left = usize::try_from(size - self.position).unwrap_or(usize::MAX);
            if left == 0 {
                return match self.source.is_unchanged()? {
                    true => Ok(Some(self.digester.finish())),
                    false => Err(ErrorCode::SourceChanged.into()),
                };
            }
            let wanted = left.min(self.buffer.len());
            let space = &mut self.buffer[..wanted];
            let count = self.source.read_at(space, self.position)?;
            if count < wanted {
                return Err(Failure::new(ErrorCode::SourceChanged).because("it became shorter"));
            }
            self.digester.update(space);
            self.position += count as u64;
        }
        Ok(None)
    }
}

//! The digest of a file, or another hash, some megabytes at a time.

use crate::carrier::clock;
use crate::store::{ReadBuffer, Source, SourceState, StoreResult};
use remofile_protocol::digest::{Digest, Digester};
use remofile_protocol::hash::{HashAlgorithm, Hasher};
use remofile_protocol::wire::{Entry, ErrorCode, Failure};
use std::time::Duration;

/// Bytes read at once, and how often in a step. A client can have a server digest many files beside each other.
const READ_BYTES: usize = 256 * 1024;
const READS: usize = 32;
/// Time after which a step ends all the same: disks may be slow, and so are some hashes.
const STEP: Duration = Duration::from_millis(40);

/// A hash that is computed of the bytes of a file in order.
pub trait ContentHash {
    /// The finished hash.
    type Finished: PartialEq;
    /// The memory that it takes beside itself, in bytes.
    const MEMORY_BYTES: usize;

    /// Starts the same hash anew.
    fn anew(&self) -> Self;

    /// Adds the next bytes.
    fn add(&mut self, bytes: &[u8]);

    /// Ends the hash.
    fn end(&self) -> Self::Finished;
}

impl ContentHash for Digester {
    type Finished = Digest;
    const MEMORY_BYTES: usize = 0;

    fn anew(&self) -> Self {
        Self::new()
    }

    fn add(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }

    fn end(&self) -> Digest {
        self.finish()
    }
}

/// A hash by an algorithm of somebody's choice.
pub struct ChosenHash {
    algorithm: HashAlgorithm,
    hasher: Hasher,
}

impl ChosenHash {
    /// Starts an empty hash.
    #[must_use]
    pub fn new(algorithm: HashAlgorithm) -> Self {
        Self { algorithm, hasher: Hasher::new(algorithm) }
    }
}

impl ContentHash for ChosenHash {
    type Finished = Vec<u8>;
    const MEMORY_BYTES: usize = Hasher::MEMORY_BYTES;

    fn anew(&self) -> Self {
        Self::new(self.algorithm)
    }

    fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    fn end(&self) -> Vec<u8> {
        self.hasher.clone().finish()
    }
}

/// A file that is being digested.
pub struct Digesting<H: ContentHash = Digester> {
    source: Box<dyn Source>,
    hash: H,
    position: u64,
    buffer: ReadBuffer,
    /// The hash of a file that was written to meanwhile, which is made once more.
    doubted: Option<H::Finished>,
}

impl Digesting {
    /// Begins the digest of a file.
    #[must_use]
    pub fn new(source: Box<dyn Source>) -> Self {
        Self::by(source, Digester::new())
    }
}

impl<H: ContentHash> Digesting<H> {
    /// Begins a hash of a file.
    #[must_use]
    pub fn by(source: Box<dyn Source>, hash: H) -> Self {
        let bytes = usize::try_from(source.entry().size).unwrap_or(usize::MAX).clamp(1, READ_BYTES);
        Self { source, hash, position: 0, buffer: ReadBuffer::new(bytes), doubted: None }
    }

    /// Returns the entry of the file when it was opened.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        self.source.entry()
    }

    /// Returns the memory that the digest takes, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        (self.buffer.len() + size_of::<Self>() + H::MEMORY_BYTES) as u64
    }

    /// Reads on, some MiB a step. Returns the digest when it is complete: of a file that grows, that of what it had when
    /// it was opened.
    ///
    /// # Errors
    /// `source-changed`, `disk-failure`, ...
    pub fn step(&mut self) -> StoreResult<Option<H::Finished>> {
        let (size, began) = (self.source.entry().size, clock::now());
        for _ in 0..READS {
            let left = usize::try_from(size - self.position).unwrap_or(usize::MAX);
            if left == 0 {
                return self.end();
            }
            let wanted = left.min(self.buffer.len());
            let space = &mut self.buffer[..wanted];
            let count = self.source.read_at(space, self.position)?;
            if count < wanted {
                return Err(Failure::new(ErrorCode::SourceChanged).because("it became shorter"));
            }
            self.hash.add(space);
            self.position += count as u64;
            if clock::now() - began >= STEP {
                break;
            }
        }
        Ok(None)
    }

    /// Ends a digest, or begins it once more if the file was written to meanwhile.
    fn end(&mut self) -> StoreResult<Option<H::Finished>> {
        let hash = self.hash.end();
        match (self.source.state()?, self.doubted.take()) {
            (SourceState::Unchanged, _) => Ok(Some(hash)),
            (SourceState::Written(_), Some(doubted)) if doubted == hash => Ok(Some(hash)),
            (SourceState::Written(_), None) => {
                (self.doubted, self.hash, self.position) = (Some(hash), self.hash.anew(), 0);
                Ok(None)
            }
            (SourceState::Written(_) | SourceState::Lost, _) => Err(ErrorCode::SourceChanged.into()),
        }
    }
}

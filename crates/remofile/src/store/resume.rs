//! What a caller needs who goes on with an interrupted transfer.

use super::read::Source;
use super::result::StoreResult;
use remofile_protocol::digest::Digester;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Timestamp;
use std::fmt::{self, Debug, Formatter};
use std::time::Duration;

/// How long what is left of interrupted transfers is kept, unless otherwise asked for: 7 days.
pub const DEFAULT_PARTIAL_EXPIRY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The partials of a store.
pub trait ResumeStore: Send + Sync {
    /// What interrupted transfers left and nobody is writing to now, sorted by path; 10,000 at most.
    /// What does not make sense is left out.
    ///
    /// # Errors
    /// `permission-denied`, `out-of-resources`, ... if the staging directory cannot be read.
    fn partials(&self) -> StoreResult<Vec<Partial>>;

    /// Opens the bytes that are kept of the file that was going to `path`. Their entry has that path,
    /// the size of what is there, and the source's time.
    ///
    /// # Errors
    /// `not-found` where [`ResumeStore::partials`] would not tell of it.
    fn read_partial(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>>;

    /// Removes what is kept of the file that was going to `path`; false where there is nothing, or
    /// where it is being written.
    ///
    /// # Errors
    /// `read-only`, `permission-denied`, ...
    fn remove_partial(&self, path: &RemotePath) -> StoreResult<bool>;

    /// Removes what interrupted transfers left and nobody touched for `older_than`; gives how many files those were.
    /// What is being written right now stays. A server calls it when it starts, and from time to time; a store that
    /// may not be changed is left as it is.
    ///
    /// # Errors
    /// `permission-denied`, `disk-failure`, ...
    fn expire_partials(&self, older_than: Duration) -> StoreResult<u64>;
}

/// Where to go on with a file of which bytes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumeAt {
    /// How many of the bytes that are kept stay.
    pub offset: u64,
    /// The version of the [`Partial`] that was looked at.
    pub version: u128,
}

/// What is kept of a file whose transfer was interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// Where the file was going.
    pub path: RemotePath,
    /// The size of the whole file.
    pub size: u64,
    /// The source's time of last modification, by which its version is known.
    pub modified: Timestamp,
    /// Bytes that are there.
    pub received: u64,
    /// When it was last written to.
    pub touched: Timestamp,
    /// Changes whenever it is written to.
    pub version: u128,
    /// Where it can be gone on with, of a store whose staged bytes cannot be read back; of others none.
    pub checkpoints: Vec<Checkpoint>,
}

/// A place in a file up to which it was received, with the running digest of what is before it. To a store it is opaque:
/// it keeps it with the bytes and gives it back.
#[derive(Clone)]
pub struct Checkpoint {
    /// Bytes before it.
    pub offset: u64,
    /// Their digest, which goes on from here.
    pub(crate) digester: Digester,
}

impl Debug for Checkpoint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint").field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl PartialEq for Checkpoint {
    fn eq(&self, other: &Self) -> bool {
        self.offset == other.offset && self.digester.finish() == other.digester.finish()
    }
}

impl Eq for Checkpoint {}

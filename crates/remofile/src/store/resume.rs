//! The part of a store for callers that go on with an interrupted transfer.

use super::read::Source;
use super::result::StoreResult;
use remofile_protocol::digest::Digester;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Timestamp;
use std::fmt::{self, Debug, Formatter};
use std::time::Duration;

/// Default time for which partials of interrupted transfers are kept: 7 days.
pub const DEFAULT_PARTIAL_EXPIRY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Files of fewer bytes are not worth keeping for a later attempt: no store here does.
pub(super) const LEAST_PARTIAL_BYTES: u64 = 1024 * 1024;

/// The partials of a store.
pub trait ResumeStore: Send + Sync {
    /// Lists the partials that interrupted transfers left and nobody is writing to now, sorted by path; 10,000 at
    /// most. Partials that make no sense are left out.
    ///
    /// # Errors
    /// `permission-denied`, `out-of-resources`, ... if the staging directory cannot be read.
    fn partials(&self) -> StoreResult<Vec<Partial>>;

    /// Opens the partial of the file that was going to `path`. Its entry has that path, the size of the partial, and
    /// the source's time.
    ///
    /// # Errors
    /// `not-found` where [`ResumeStore::partials`] would not tell of it.
    fn read_partial(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>>;

    /// Removes the partial of the file that was going to `path`. Returns false if there is none, or if it is being
    /// written.
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

/// The position at which a partial is resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumeAt {
    /// Number of the partial's bytes that stay.
    pub offset: u64,
    /// The version of the [`Partial`] that was looked at.
    pub version: u128,
}

/// The bytes of a file whose transfer was interrupted, as a listing shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// Path of the file's destination.
    pub path: RemotePath,
    /// The size of the whole file.
    pub size: u64,
    /// The source's time of last modification, by which its version is known.
    pub modified: Timestamp,
    /// Size of the partial, in bytes.
    pub received: u64,
    /// Time at which it was last written to.
    pub touched: Timestamp,
    /// Version of the partial, which changes whenever it is written to.
    pub version: u128,
    /// The offsets at which it can be resumed, of a store whose staged bytes cannot be read back; of others none.
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

impl Checkpoint {
    /// Writes it down, for a store whose partials outlast the process; `None` if that cannot be done.
    #[must_use]
    pub fn save(&self) -> Option<Vec<u8>> {
        self.digester.save()
    }

    /// Reads one that was written down, of a place; `None` if that is none.
    #[must_use]
    pub fn restore(offset: u64, saved: &[u8]) -> Option<Self> {
        Digester::restore(saved).map(|digester| Self { offset, digester })
    }
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

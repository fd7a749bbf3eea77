//! The store: the only room that touches the file system.
//!
//! Participants: the *server* serves a store rooted at its root directory; the *client* reads its
//! sources from one and writes its downloads into one rooted at their destination. Both are jailed
//! alike: a path that leads out of the root by whatever trick is refused.
//!
//! A store is a sum of small traits, so that a caller takes no more than it needs: [`ReadStore`], [`WriteStore`],
//! [`ResumeStore`] (partials), [`PosixStore`] (what only file systems can) and [`DurableStore`]. What a store cannot do it
//! tells by [`Store::capabilities`] and refuses with `unsupported`.
//!
//! Goals: every change is atomic (a reader sees the old file or the new one, never half of one),
//! every call is jailed, no call panics whatever the disk holds. Non-goals: leases, the network, what
//! the user sees.

mod boot;
mod buffer;
mod durable;
#[cfg(test)]
pub(crate) mod faults;
mod follow;
mod local;
mod locate;
mod memory;
mod posix;
mod read;
mod real;
mod result;
mod resume;
mod scratch;
mod target;
mod wrappers;
mod write;

pub use buffer::ReadBuffer;
pub use durable::{DurableStore, FlushMark, Fsync};
pub use follow::{FollowLinks, Scope, Scopes};
pub use local::{LocalStore, STAGING_NAME, StoreOptions};
pub use locate::{Located, exists, locate, make_local_directory, places};
pub use memory::{MemoryOptions, MemoryStore};
pub use posix::{Editing, PendingBackup, PosixStore};
pub use read::{Extent, ReadStore, Source, Walk};
pub use real::{is_directory, real_path, real_path_to_be};
pub use remofile_protocol::handshake::{Capabilities, Capability};
pub use result::{StoreResult, unsupported};
pub use resume::{Checkpoint, DEFAULT_PARTIAL_EXPIRY, Partial, ResumeAt, ResumeStore};
pub use scratch::Scratch;
#[cfg(test)]
pub(crate) use wrappers::forward::{Wrapper, forward};
pub use wrappers::{Faults, Faulty, Prefix, ReadOnly, StoreCall};
pub use write::{Directory, Removal, RemovalProgress, StagePlan, Staged, WriteStore};

use remofile_protocol::handshake::Place;
use remofile_protocol::path::RemotePath;
use std::sync::Arc;

/// A tree of files with one root, however it is kept.
pub trait Store: ReadStore + WriteStore + ResumeStore + PosixStore + DurableStore {
    /// Tells what the store can do, as far as a caller decides by it. What it lacks, it refuses with `unsupported`.
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    /// Gives this store so that what is below a directory is reached by no link that is outside of it, nor the other way
    /// about; paths stay what they are. `None` if it cannot tell: [`Prefix`] then looks at every link itself.
    ///
    /// # Errors
    /// `out-of-resources`, ... if it cannot be opened once more.
    fn confined(&self, _directory: &RemotePath) -> StoreResult<Option<Arc<dyn Store>>> {
        Ok(None)
    }

    /// Returns the place of a directory, as [`places`] gives it. `None` if it is nowhere on this machine.
    fn place(&self, _directory: &RemotePath) -> Option<Place> {
        None
    }
}

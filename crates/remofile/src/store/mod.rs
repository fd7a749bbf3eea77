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
mod staging_name;
mod sum;
mod target;
mod wrappers;
mod write;

pub use buffer::ReadBuffer;
pub use durable::{DurableStore, FlushMark, Fsync};
pub use follow::{FollowLinks, Scope, Scopes};
pub use local::{LocalStore, StoreOptions};
pub use locate::{Located, exists, locate, make_local_directory, places};
pub use memory::{MemoryOptions, MemoryStore};
pub use posix::{Editing, PendingBackup, PosixStore};
pub use read::{Extent, ReadStore, Source, Walk};
pub use real::{is_directory, real_path, real_path_to_be};
pub use remofile_protocol::handshake::{Capabilities, Capability};
pub use result::{StoreResult, unsupported};
pub use resume::{Checkpoint, DEFAULT_PARTIAL_EXPIRY, Partial, ResumeAt, ResumeStore};
pub use scratch::Scratch;
pub use staging_name::STAGING_NAME;
pub use sum::Store;
#[cfg(test)]
pub(crate) use wrappers::forward::{Wrapper, forward};
pub use wrappers::{Faults, Faulty, Prefix, ReadOnly, StoreCall};
pub use write::{Directory, Removal, RemovalProgress, StagePlan, Staged, WriteStore};

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

mod accounts;
mod append_file;
mod boot;
mod buffer;
mod durable;
#[cfg(test)]
pub(crate) mod faults;
mod fence;
mod follow;
mod given;
mod local;
mod locate;
mod lock_holder;
mod memory;
mod meter;
mod named_file;
mod nested_servers;
mod posix;
mod private_file;
mod private_slot;
mod read;
mod real;
mod result;
mod resume;
mod scratch;
mod served_directory;
mod shared_directory;
mod size_text;
mod staging_name;
mod stat_sequence;
mod sum;
mod system;
#[cfg(test)]
pub(crate) mod system_faults;
mod target;
mod wrappers;
mod write;

pub use append_file::AppendFile;
pub(crate) use boot::places_of_nothing;
pub use buffer::ReadBuffer;
pub use durable::{DurableStore, FlushMark, Fsync};
pub use fence::Fence;
pub use follow::{FollowLinks, Scope, Scopes};
pub use given::{Given, Refused};
pub(crate) use local::io_failure;
pub use local::{LocalStore, StoreOptions};
pub use locate::{Located, Locator, exists, locate, locate_encoded, make_local_directory, places};
pub use memory::{MemoryOptions, MemoryStore};
pub use meter::{Meters, Quota, SharedUsage, UsageRecord};
pub use named_file::NamedFile;
pub use posix::{Editing, NewSpecial, PendingBackup, PosixStore};
pub use private_file::{FileStamp, LockedPrivateFile, OpenPrivateFile, PrivateFile, PrivateFileError, StampedContent};
pub use private_slot::PrivateSlot;
pub use read::{Extent, Opening, ReadStore, Source, SourceState, Unlisted, Walk, removed_since};
pub use real::{is_directory, is_file_of, real_path, real_path_to_be};
pub use remofile_protocol::handshake::{Capabilities, Capability};
pub use result::{StoreResult, unsupported};
pub use resume::{Checkpoint, DEFAULT_PARTIAL_EXPIRY, Partial, ResumeAt, ResumeStore};
pub use scratch::Scratch;
pub use served_directory::ServedDirectory;
pub(crate) use size_text::Size;
pub use staging_name::STAGING_NAME;
pub(crate) use stat_sequence::{Seen, StatSequence};
pub use sum::Store;
#[cfg(test)]
pub(crate) use wrappers::forward::{Wrapper, forward};
pub use wrappers::{Faults, Faulty, Fenced, Metered, Prefix, ReadOnly, StoreCall, Unshared};
pub use write::{Directory, Removal, RemovalProgress, Room, StagePlan, Staged, StagedDirectory, WriteStore};

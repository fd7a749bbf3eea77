//! Changes to a tree that need no content.

use crate::store::{Store, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Kind, Timestamp};

/// A change at a destination; paths are those of its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A file or directory gets another path; nothing is replaced.
    Move {
        /// The path it has.
        from: RemotePath,
        /// The path it gets.
        to: RemotePath,
    },
    /// A file, a link or an empty directory is removed.
    Remove {
        /// Its path.
        path: RemotePath,
    },
    /// A file or directory gets another time or other permission bits.
    Touch {
        /// Its path.
        path: RemotePath,
        /// When it was last modified.
        modified: Option<Timestamp>,
        /// Its permission bits.
        mode: Option<u32>,
    },
}

impl Change {
    /// Does it.
    ///
    /// # Errors
    /// Why not.
    pub fn apply(&self, store: &dyn Store) -> StoreResult<()> {
        match self {
            Self::Move { from, to } => store.rename(from, to, false),
            Self::Remove { path } => store.remove(path).map(|_: Kind| ()),
            Self::Touch { path, modified, mode } => {
                // The time last: to write permission bits does not change it, but who knows what does.
                mode.map_or(Ok(()), |mode| store.set_mode(path, mode))?;
                modified.map_or(Ok(()), |modified| store.set_modified(path, modified))
            }
        }
    }
}

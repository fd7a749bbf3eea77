//! Changes to a tree that need no content.

use super::intake::Effect;
use crate::store::{Store, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Kind, Timestamp};

/// A change at a destination; paths are those of its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A file or directory gets another path; nothing is replaced.
    Move {
        /// Present path.
        from: RemotePath,
        /// New path, which must be free.
        to: RemotePath,
    },
    /// A file, a link or an empty directory is removed.
    Remove {
        /// Path of the file, link or directory.
        path: RemotePath,
    },
    /// A file or directory gets another time or other permission bits.
    Touch {
        /// Path of the file or directory.
        path: RemotePath,
        /// New time of last modification; `None` leaves it.
        modified: Option<Timestamp>,
        /// New permission bits; `None` leaves them.
        mode: Option<u32>,
    },
}

impl Change {
    /// Tells the change as an effect; `path` is its path below the destination.
    pub(super) fn effect<'a>(&'a self, path: &'a str, destination: &RemotePath) -> Effect<'a> {
        match self {
            Self::Move { from, to: _ } => {
                Effect::Moved { from: from.relative_to(destination).unwrap_or(from.as_str()), path }
            }
            Self::Remove { path: _ } => Effect::Removed { path },
            Self::Touch { path: _, modified: _, mode: _ } => Effect::Touched { path },
        }
    }

    /// Applies the change.
    ///
    /// # Errors
    /// The failure of the store's call, such as `not-found` or `already-exists`.
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

//! Options of an unpacker, and its monitor.

use super::permit::Permit;
use super::trouble::Stop;
use crate::store::StoreResult;
use remofile_protocol::digest::{DigestKind, digest};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, OnConflict};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Options of an unpacker.
#[derive(Debug, Clone)]
pub struct UnpackerOptions {
    /// The existing directory that item paths are relative to.
    pub destination: RemotePath,
    /// The conflict policy.
    pub on_conflict: OnConflict,
    /// Largest file taken, in bytes.
    pub file_size_limit: u64,
    /// Sizes in bytes that were asked for. Files of other sizes are passed over.
    pub sizes: RangeInclusive<u64>,
    /// The permit for each use of a path.
    pub permit: Arc<dyn Permit>,
    /// True if the permission bits that the sender gives are taken.
    pub preserve_mode: bool,
    /// Conflict rules for single files, which go before the policy.
    pub rules: ItemRules,
    /// True if the sender may make files out of existing ones, and may change those: move, remove, touch, keep.
    pub changes: bool,
    /// The digest that ends files.
    pub digest: DigestKind,
}

impl UnpackerOptions {
    /// Refuses a file of a size that was not asked for, or of an unknown one where sizes matter.
    pub(super) fn admit_size(&self, size: Option<u64>) -> StoreResult<()> {
        let is_meant = match size {
            Some(size) => self.sizes.contains(&size),
            None => self.sizes == (0..=u64::MAX),
        };
        if is_meant {
            return Ok(());
        }
        let size = size.map_or_else(|| "an unknown number of".to_owned(), |size| size.to_string());
        let why = format_args!("it came with {size} bytes, which the bounds for sizes leave out");
        Err(Failure::new(ErrorCode::Skipped).because(why))
    }
}

/// The conflict rules for single files.
#[derive(Debug, Clone, Default)]
pub enum ItemRules {
    /// The rules that the sender gives with each file.
    #[default]
    Theirs,
    /// The rules that this side has decided, by digests of the items' paths. The sender's are ignored.
    Ours(HashMap<u128, OnConflict>),
}

impl ItemRules {
    /// Returns the key of a path in [`ItemRules::Ours`].
    #[must_use]
    pub fn key(path: &str) -> u128 {
        u128::from_be_bytes(digest(path.as_bytes()))
    }

    pub(super) fn rule(&self, path: &str, theirs: Option<OnConflict>) -> Option<OnConflict> {
        match self {
            Self::Theirs => theirs,
            Self::Ours(rules) if rules.is_empty() => None,
            Self::Ours(rules) => rules.get(&Self::key(path)).copied(),
        }
    }
}

/// A change of the unpacker's store. Paths are below the destination, unless they are whole ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect<'a> {
    /// A file is complete and visible, perhaps in place of another.
    Stored {
        /// Its path.
        path: &'a str,
        /// Its size in bytes.
        bytes: u64,
    },
    /// A link was made.
    Linked {
        /// Its path.
        path: &'a str,
    },
    /// A directory is there, made or found.
    Directory {
        /// Its path.
        path: &'a str,
    },
    /// A file or directory has another path.
    Moved {
        /// The one before.
        from: &'a str,
        /// Its path.
        path: &'a str,
    },
    /// A file, a link or a directory was removed.
    Removed {
        /// Its path.
        path: &'a str,
    },
    /// A file or directory was given another time or other permission bits.
    Touched {
        /// Its path.
        path: &'a str,
    },
    /// A file or link that is about to be replaced or removed is kept under another path.
    BackedUp {
        /// Its path.
        path: &'a str,
        /// The path of the backup in the store.
        to: &'a RemotePath,
    },
}

/// A monitor of an unpacker, which learns the outcome of each item.
pub trait UnpackerMonitor {
    /// Learns that a file begins, of which `offset` bytes were there.
    fn started(&mut self, _path: &str, _size: Option<u64>, _offset: u64) {}
    /// Learns that content was written.
    fn written(&mut self, _bytes: u64) {}
    /// Learns that a file is complete, checked and visible.
    fn stored(&mut self, _path: &str) {}
    /// Learns of a change of the store, when it is done.
    fn changed(&mut self, _effect: Effect<'_>) {}
    /// Learns that an item was not stored. The failure's path is below the destination, as the item's was. The sender
    /// knows it already if `by_sender` is true.
    fn failed(&mut self, failure: Failure, by_sender: bool);
    /// Learns that the rest of a file is not wanted: the sender may be asked to stop.
    fn unwanted(&mut self, _path: &str) {}
    /// Returns the size of the chunks that it wants to see, in bytes; `None` for none.
    fn chunk_size(&self) -> Option<NonZeroU32> {
        None
    }
    /// Sees a chunk that is about to be written.
    ///
    /// # Errors
    /// [`Stop`], to end the transfer.
    fn chunk(&mut self, _chunk: &[u8], _remaining: u64, _size: u64, _path: &str) -> Result<(), Stop> {
        Ok(())
    }
}

/// The numbers of what was stored so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stored {
    /// Files and links.
    pub files: u64,
    /// Directories that exist now, made or found.
    pub directories: u64,
    /// Directories among them that were made.
    pub made: u64,
    /// Bytes of content in those files.
    pub bytes: u64,
    /// Files, directories and links that were given attributes they did not have.
    pub attributes: u64,
    /// True if nothing else was done, and all of it is on the disk.
    pub is_on_disk: bool,
}

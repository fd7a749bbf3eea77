//! The options of a copy, and what comes of it.

use crate::transfer::permit::Permit;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, OnConflict};
use std::sync::Arc;

/// The ends and rules of a copy.
#[derive(Debug, Clone)]
pub struct CopyOptions {
    /// The file or directory that is copied.
    pub source: RemotePath,
    /// True if a source that is a link is followed, and false to copy it, or a special file, as what it is.
    pub follow: bool,
    /// The path of the copy.
    pub destination: RemotePath,
    /// True if a directory is copied with what is in it.
    pub recursive: bool,
    /// The rule for files in the way.
    pub on_conflict: OnConflict,
    /// True if missing parents of the destination are made.
    pub parents: bool,
    /// The size that a file may have at most, in bytes.
    pub file_size_limit: u64,
    /// The attributes that the copy has of its source beside times and permission bits. What is only held for the source is
    /// held for the copy in any case.
    pub attributes: AttributeSet,
    /// True if links are copied whatever they lead to, and the names of one file are names of one copy.
    pub as_they_are: bool,
    /// True if special files are copied.
    pub devices: bool,
    /// The permit for each path.
    pub permit: Arc<dyn Permit>,
}

/// Something that a copy has made, with its path in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyEffect {
    /// A file is complete and visible, perhaps in place of another.
    Stored {
        /// Its path.
        path: RemotePath,
        /// Its size in bytes.
        bytes: u64,
    },
    /// A link, a special file or another name of a file was made.
    Linked {
        /// Its path.
        path: RemotePath,
    },
    /// A directory was made.
    Directory {
        /// Its path.
        path: RemotePath,
    },
}

/// The numbers of what was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copied {
    /// Files and links.
    pub files: u64,
    /// Directories that were made.
    pub directories: u64,
    /// Bytes of content.
    pub bytes: u64,
}

//! The part of a store for callers that only read.

use super::result::StoreResult;
use remofile_protocol::digest::digest;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, Listed, Version};

/// The files and directories of a store, for those who read them.
pub trait ReadStore: Send + Sync {
    /// Tells what a path names. A symbolic link is followed where it leads to something inside the
    /// root, and is [`Kind::Link`](remofile_protocol::wire::Kind::Link) where it dangles or leads out.
    ///
    /// # Errors
    /// `not-found`, `not-a-directory` (a name below a file), `outside-root`, `permission-denied`...
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry>;

    /// Lists a directory, sorted by name (bytes); with `recursive` every directory is followed by its
    /// contents, in the order of [`RemotePath`]. Links are listed as what they are and never followed.
    /// An entry that cannot be listed (an unreadable directory, a name that is no UTF-8 or has control
    /// characters) is a failure, as an element of its own, at its place; the walk goes on. The store's own
    /// staging directory is never listed. The directory itself is not an element.
    ///
    /// # Errors
    /// `not-found`, `not-a-directory`, ... if the directory itself cannot be listed.
    fn walk(&self, directory: &RemotePath, recursive: bool) -> StoreResult<Box<dyn Walk>>;

    /// Opens a regular file for reading. Links inside the root are followed.
    ///
    /// # Errors
    /// `not-a-file` for directories and special files (without blocking on a pipe), `not-found`, ...
    fn open(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>>;

    /// Returns the target of a symbolic link; the last name of the path is not followed.
    ///
    /// # Errors
    /// `bad-request` if it is no link, `other` if its target is no UTF-8 or has control characters,
    /// `not-found`, ...
    fn read_link(&self, path: &RemotePath) -> StoreResult<String>;

    /// Returns a number that two paths share exactly if they lead to one file or directory, links followed.
    ///
    /// # Errors
    /// `not-found` or `outside-root` for a link that leads nowhere or out, ...
    fn identity(&self, path: &RemotePath) -> StoreResult<u128>;
}

/// A walk over a directory.
pub trait Walk: Send {
    /// Returns the next element; `None` at the end.
    fn next(&mut self) -> Option<Listed>;

    /// Leaves out what is in the directory that came last, in a recursive walk.
    fn skip_directory(&mut self);

    /// Returns the memory that the walk holds, in bytes: with the names of directories that can be much.
    fn memory_bytes(&self) -> u64 {
        0
    }
}

/// A regular file that is being read.
pub trait Source: Send {
    /// Returns its entry as of the moment it was opened: size, time and permission bits.
    fn entry(&self) -> &Entry;

    /// Fills `buffer` from `offset` as far as the file goes; short only at its end.
    ///
    /// # Errors
    /// `disk-failure`, ...
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize>;

    /// Returns the extent that begins at `offset`: the bytes until its end, which is the end of the file at most.
    /// Where the file system cannot tell, everything is data.
    ///
    /// # Errors
    /// `disk-failure`, ...
    fn extent_at(&self, offset: u64) -> StoreResult<Extent>;

    /// Reports whether size and times are still those of the moment it was opened.
    ///
    /// # Errors
    /// `disk-failure`, ...
    fn is_unchanged(&self) -> StoreResult<bool>;

    /// Returns the number that tells the version that was opened from any other.
    fn version(&self) -> Version {
        let entry = self.entry();
        let (seconds, nanoseconds) = (entry.modified.seconds(), entry.modified.nanoseconds());
        Version(digest(format!("{} {seconds} {nanoseconds}", entry.size).as_bytes()))
    }
}

/// A part of a file that is of one kind, by its length; never empty but at the end of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Bytes to be read; 0 at or after the end of the file.
    Data(u64),
    /// Zeros that take no room on the disk.
    Hole(u64),
}

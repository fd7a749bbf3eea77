//! The part of a store for callers that only read.

use super::result::{StoreResult, unsupported};
use remofile_protocol::digest::digest;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, Listed, Special, Version};
use std::any::Any;
use std::os::fd::BorrowedFd;

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

    /// Begins to open a regular file, by a store that is slow to open one and quick to open many; `None` by any other.
    fn begin_open(&self, _path: &RemotePath) -> Option<Box<dyn Opening>> {
        None
    }

    /// Returns the target of a symbolic link; the last name of the path is not followed.
    ///
    /// # Errors
    /// `bad-request` if it is no link, `other` if its target is no UTF-8 or has control characters,
    /// `not-found`, ...
    fn read_link(&self, path: &RemotePath) -> StoreResult<String>;

    /// Returns the target of a symbolic link as [`ReadStore::read_link`] does, also where that leads out.
    ///
    /// # Errors
    /// As [`ReadStore::read_link`].
    fn kept_target(&self, path: &RemotePath) -> StoreResult<String> {
        self.read_link(path)
    }

    /// Tells what a path names itself: the last name is not followed, and a link is
    /// [`Kind::Link`](remofile_protocol::wire::Kind::Link).
    ///
    /// # Errors
    /// As [`ReadStore::stat`].
    fn look(&self, path: &RemotePath) -> StoreResult<Entry> {
        let (true, Some(parent)) = (self.read_link(path).is_ok(), path.parent()) else { return self.stat(path) };
        // A store without a look of its own lists links as what they are.
        let mut walk = self.walk(&parent, false)?;
        let found = std::iter::from_fn(|| walk.next()).find_map(|listed| match listed {
            Listed::Entry(entry) if entry.path == *path => Some(entry),
            Listed::Entry(_) | Listed::Failed(_) => None,
        });
        found.ok_or_else(|| ErrorCode::NotFound.into())
    }

    /// Returns a number that the names of one file share, if a regular file has several; `None` if it has one. The last
    /// name of the path is not followed.
    ///
    /// # Errors
    /// `not-found`, ...
    fn shared_identity(&self, _path: &RemotePath) -> StoreResult<Option<u128>> {
        Ok(None)
    }

    /// Returns the kind of a special file, which is not opened.
    ///
    /// # Errors
    /// `not-a-file` if it is none, `unsupported` by a store that has none, `not-found`, ...
    fn special(&self, _path: &RemotePath) -> StoreResult<Special> {
        Err(unsupported("tell special files apart"))
    }

    /// Returns a number that two paths share exactly if they lead to one file or directory, links followed.
    ///
    /// # Errors
    /// `not-found` or `outside-root` for a link that leads nowhere or out, ...
    fn identity(&self, path: &RemotePath) -> StoreResult<u128>;
}

/// A file that is being opened.
pub trait Opening: Send {
    /// Waits until the file is open.
    ///
    /// # Errors
    /// As [`ReadStore::open`], with less care for what is in its place.
    fn end(self: Box<Self>) -> StoreResult<Box<dyn Source>>;

    /// Returns the memory that it holds at most, in bytes.
    fn memory_bytes(&self) -> u64;
}

/// A walk over a directory.
pub trait Walk: Send {
    /// Returns the next element; `None` at the end.
    fn next(&mut self) -> Option<Listed>;

    /// Leaves out what is in the directory that came last, in a recursive walk.
    fn skip_directory(&mut self);

    /// Has what was removed between the reading of its name and the look at it told as a failure `not-found`. Otherwise
    /// it is left out, as if it had been removed before.
    fn tell_removed(&mut self) {}

    /// Has the files opened that come next, by a store that is slow to open one and quick to open many: whoever calls it
    /// opens most of them.
    fn open_ahead(&mut self) {}

    /// Takes the file that the last element is, if it was opened ahead.
    fn take_opened(&mut self) -> Option<Box<dyn Source>> {
        None
    }

    /// Returns what is known of the entry that could not be listed, if that was the last element: rules apply to it as
    /// to any other.
    fn unlisted(&self) -> Option<&Unlisted> {
        None
    }

    /// Returns the memory that the walk holds, in bytes: with the names of directories that can be much.
    fn memory_bytes(&self) -> u64 {
        0
    }
}

/// An entry that a walk cannot give, for its name or for what the system says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlisted {
    /// Path below the directory that is walked, as it is on the disk, whatever bytes that has.
    pub below: Vec<u8>,
    /// Kind of the entry, if it is known.
    pub kind: Option<Kind>,
    /// Size of a regular file, if it is known.
    pub size: Option<u64>,
}

/// Returns the failure of something that was listed and is not there any more.
pub fn removed_since() -> Failure {
    Failure::new(ErrorCode::NotFound).because("it was removed, or got another name, after it was listed")
}

/// A regular file that is being read.
pub trait Source: Send + Sync {
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

    /// Reports whether its content is still that of the moment it was opened, also if another file has taken its place.
    ///
    /// # Errors
    /// `disk-failure`, ...
    fn is_unchanged(&self) -> StoreResult<bool>;

    /// Returns what has become of it since it was opened, also if another file has taken its place.
    ///
    /// # Errors
    /// `disk-failure`, ...
    fn state(&self) -> StoreResult<SourceState> {
        Ok(if self.is_unchanged()? { SourceState::Unchanged } else { SourceState::Lost })
    }

    /// Returns its size now, which may be another than when it was opened.
    ///
    /// # Errors
    /// `disk-failure`, ...
    fn size_now(&self) -> StoreResult<u64> {
        Ok(self.entry().size)
    }

    /// Reports whether its path leads to something else now: it was moved, removed, or replaced as a whole.
    ///
    /// # Errors
    /// `disk-failure`, ...
    fn has_left(&self) -> StoreResult<bool> {
        Ok(false)
    }

    /// Returns a number that tells the file from others, whatever is written to it; `None` of one that is not to be kept
    /// open beyond a request, or that cannot be told from others.
    fn identity(&self) -> Option<u64> {
        None
    }

    /// Returns the open file itself, if it is one of the local file system: what is staged there can be made of it
    /// without reading it.
    fn local_file(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Returns the source itself, for a store that can copy what is in it without reading it; `None` of one that is of no
    /// use for that.
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }

    /// Returns the number that tells the version that was opened from any other.
    fn version(&self) -> Version {
        let entry = self.entry();
        let (seconds, nanoseconds) = (entry.modified.seconds(), entry.modified.nanoseconds());
        Version(digest(format!("{} {seconds} {nanoseconds}", entry.size).as_bytes()))
    }
}

/// The state of a file that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceState {
    /// Its content is that of the moment it was opened.
    Unchanged,
    /// The file was written to, or got other times, and is not shorter than it was. The version is that of now. Only
    /// its content tells whether what it had when it was opened is still there.
    Written(Version),
    /// Its content is lost: it is shorter, or another.
    Lost,
}

/// A part of a file that is of one kind, by its length; never empty but at the end of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Bytes to be read; 0 at or after the end of the file.
    Data(u64),
    /// Zeros that take no room on the disk.
    Hole(u64),
}

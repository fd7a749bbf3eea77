//! The store: the only room that touches the file system.
//!
//! Participants: the *server* serves a store rooted at its root directory; the *client* reads its
//! sources from one and writes its downloads into one rooted at their destination. Both are jailed
//! alike: a path that leads out of the root by whatever trick is refused.
//!
//! Goals: every change is atomic (a reader sees the old file or the new one, never half of one),
//! every call is jailed, no call panics whatever the disk holds. Non-goals: leases, the network, what
//! the user sees.

mod buffer;
#[cfg(test)]
pub(crate) mod faults;
mod follow;
mod local;
mod locate;
mod real;
mod scratch;

pub use buffer::ReadBuffer;
pub use follow::{FollowLinks, Scope, Scopes};
pub use local::{LocalStore, STAGING_NAME, StoreOptions};
pub use locate::{Located, exists, locate, make_local_directory, places};
pub use real::{is_directory, real_path, real_path_to_be};
pub use scratch::Scratch;

use remofile_protocol::digest::digest;
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{Entry, Failure, Kind, Listed, Timestamp, Version};

/// How long what is left of interrupted transfers is kept, unless otherwise asked for: 7 days.
pub const DEFAULT_PARTIAL_EXPIRY: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 60 * 60);

/// What a store operation ends with. The failure names no path; who calls knows it.
pub type StoreResult<T> = Result<T, Failure>;

/// A tree of files with one root, however it is kept.
pub trait Store: Send + Sync {
    /// Tells what a path names. A symbolic link is followed where it leads to something inside the
    /// root, and is [`Kind::Link`] where it dangles or leads out.
    ///
    /// # Errors
    /// `not-found`, `not-a-directory` (a name below a file), `outside-root`, `permission-denied`...
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry>;

    /// Lists a directory, sorted by name (bytes); with `recursive` every directory is followed by its
    /// contents, in the order of [`RemotePath`]. Links are listed as [`Kind::Link`] and never followed.
    /// What cannot be listed (an unreadable directory, a name that is no UTF-8 or has control
    /// characters) is an element of its own, at its place; the walk goes on. The store's own
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

    /// Opens a regular file to change it in place; with `create` it is created if there is none. Links inside the
    /// root are followed.
    ///
    /// # Errors
    /// `not-a-file` for directories and special files, `not-found`, `permission-denied`, `read-only`, ...
    fn edit(&self, path: &RemotePath, create: bool) -> StoreResult<Box<dyn Editing>>;

    /// Creates an empty file with the configured mode.
    ///
    /// # Errors
    /// `already-exists` if the name is taken by anything, or, with `update`, by anything but a regular
    /// file; with `update` an existing file's time is set to now.
    fn create_file(&self, path: &RemotePath, update: bool) -> StoreResult<()>;

    /// Creates a directory; tells whether one was made. With `parents`, missing parents too. With
    /// `update` an existing directory is no failure.
    ///
    /// # Errors
    /// `already-exists`, `not-found` (no parent), `not-a-directory` (the parent is a file), ...
    fn make_directory(&self, path: &RemotePath, update: bool, parents: bool) -> StoreResult<bool>;

    /// Holds a directory to stage files in.
    ///
    /// # Errors
    /// `not-found`, `not-a-directory`, `outside-root`, ...
    fn directory(&self, path: &RemotePath) -> StoreResult<Box<dyn Directory>>;

    /// Removes a file, a link (never what it leads to) or an empty directory.
    ///
    /// # Errors
    /// `not-found`, `not-empty`, `bad-request` for the root itself, ...
    fn remove(&self, path: &RemotePath) -> StoreResult<Kind>;

    /// Removes a file or a directory with its contents, some entries a step.
    ///
    /// # Errors
    /// As [`Store::remove`].
    fn remove_tree(&self, path: &RemotePath) -> StoreResult<Box<dyn Removal>>;

    /// Renames within the root, atomically. With `replace` a file in the way is replaced.
    ///
    /// # Errors
    /// `already-exists`, `into-itself`, `cross-device`, `not-found`, ...
    fn rename(&self, source: &RemotePath, destination: &RemotePath, replace: bool) -> StoreResult<()>;

    /// Tells what a symbolic link says; the last name is not followed.
    ///
    /// # Errors
    /// `bad-request` if it is no link, `other` if its target is no UTF-8 or has control characters,
    /// `not-found`, ...
    fn read_link(&self, path: &RemotePath) -> StoreResult<String>;

    /// Makes a symbolic link, atomically. With `replace` it takes the place of a file or link, never of
    /// a directory.
    ///
    /// # Errors
    /// `outside-root` for a target that is absolute, that climbs above the root (its names counted
    /// from the directory the link is in), goes up behind another name (which may be a link) or leads
    /// into the staging directory; `invalid-name` for one
    /// that is empty, has control characters or is longer than 4095 bytes; `already-exists`, ...
    fn make_link(&self, path: &RemotePath, target: &str, replace: bool) -> StoreResult<()>;

    /// Sets the permission bits (0o777) of a file or directory, whatever they shut out. The last name is
    /// not followed; what a directory hands on to new files (setgid, sticky) stays as it is.
    ///
    /// # Errors
    /// `not-a-file` for links and special files, `bad-request` for the root itself, `not-found`, ...
    fn set_mode(&self, path: &RemotePath, mode: u32) -> StoreResult<()>;

    /// Sets the time of last modification of a file or directory. The last name is not followed.
    ///
    /// # Errors
    /// `not-a-file` for links and special files, `bad-request` for the root itself, `not-found`, ...
    fn set_modified(&self, path: &RemotePath, modified: Timestamp) -> StoreResult<()>;

    /// Prepares a backup of a file or link: a second name, which stays when the first gets other content or goes: a
    /// hard link, or a copy where the file system has none. Missing directories are made; a file or link that
    /// has the name makes way in the end, when the second name is committed.
    ///
    /// # Errors
    /// `not-a-file` for directories and special files, `already-exists` if a directory has the name,
    /// `not-found`, ...
    fn prepare_backup(&self, path: &RemotePath, to: &RemotePath) -> StoreResult<Box<dyn PendingBackup>>;

    /// A number that two paths share exactly if they lead to one file or directory, links followed.
    ///
    /// # Errors
    /// `not-found` or `outside-root` for a link that leads nowhere or out, ...
    fn identity(&self, path: &RemotePath) -> StoreResult<u128>;

    /// What interrupted transfers left and nobody is writing to now, sorted by path; 10,000 at most.
    /// What does not make sense is left out.
    ///
    /// # Errors
    /// `permission-denied`, `out-of-resources`, ... if the staging directory cannot be read.
    fn partials(&self) -> StoreResult<Vec<Partial>>;

    /// Opens the bytes that are kept of the file that was going to `path`. Their entry has that path,
    /// the size of what is there, and the source's time.
    ///
    /// # Errors
    /// `not-found` where [`Store::partials`] would not tell of it.
    fn read_partial(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>>;

    /// Removes what is kept of the file that was going to `path`; false where there is nothing, or
    /// where it is being written.
    ///
    /// # Errors
    /// `read-only`, `permission-denied`, ...
    fn remove_partial(&self, path: &RemotePath) -> StoreResult<bool>;

    /// Where in the history of flushes an operation begins: see [`Store::sync`].
    fn flush_mark(&self) -> FlushMark {
        FlushMark::default()
    }

    /// Waits until everything committed so far is on the disk, if the store was asked to be durable. What was committed
    /// and did not get there is [unflushed](Entry::unflushed) from then on.
    ///
    /// # Errors
    /// `disk-failure` or `no-space` if it did not get there, or if another flush failed since the mark was taken: it
    /// may have been about files of the same operation.
    fn sync(&self, since: FlushMark) -> StoreResult<()>;

    /// Whether something was committed and waits for a flush, which may be due to others.
    fn is_unflushed(&self) -> bool {
        false
    }

    /// Whether some file may be [unflushed](Entry::unflushed).
    ///
    /// # Errors
    /// What keeps it from being found out.
    fn has_doubt(&self) -> StoreResult<bool> {
        Ok(false)
    }
}

/// A moment in the history of flushes of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlushMark(pub(crate) u64);

/// A walk over a directory.
pub trait Walk: Send {
    /// The next element; `None` at the end.
    fn next(&mut self) -> Option<Listed>;

    /// Leaves out what is in the directory that came last, in a recursive walk.
    fn skip_directory(&mut self);

    /// What it holds in memory, in bytes: with the names of directories that can be much.
    fn memory_bytes(&self) -> u64 {
        0
    }
}

/// A regular file that is being read.
pub trait Source: Send {
    /// Its size and time when it was opened (permission bits included).
    fn entry(&self) -> &Entry;

    /// Fills `buffer` from `offset` as far as the file goes; short only at its end.
    ///
    /// # Errors
    /// `disk-failure`, ...
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize>;

    /// What begins at `offset`: bytes until the end of the extent, which is the end of the file at
    /// most. Where the file system cannot tell, everything is data.
    ///
    /// # Errors
    /// `disk-failure`, ...
    fn extent_at(&self, offset: u64) -> StoreResult<Extent>;

    /// Whether size and times are still those of the moment it was opened.
    ///
    /// # Errors
    /// `disk-failure`, ...
    fn is_unchanged(&self) -> StoreResult<bool>;

    /// What tells the version that was opened from any other.
    fn version(&self) -> Version {
        let entry = self.entry();
        let (seconds, nanoseconds) = (entry.modified.seconds(), entry.modified.nanoseconds());
        Version(digest(format!("{} {seconds} {nanoseconds}", entry.size).as_bytes()))
    }
}

/// A regular file that is changed in place, with every call at once.
pub trait Editing: Send {
    /// What it is now, and its version.
    ///
    /// # Errors
    /// `disk-failure`, ...
    fn look(&self) -> StoreResult<(Entry, Version)>;

    /// Writes bytes at an offset; what is between the end of the file and them is zero.
    ///
    /// # Errors
    /// `no-space`, `disk-failure`, ...; some of the bytes may be written. `file-too-large` beyond what any file can
    /// hold.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> StoreResult<()>;

    /// Writes bytes behind the end of the file, wherever it is then.
    ///
    /// # Errors
    /// As [`Editing::write_at`].
    fn append(&mut self, bytes: &[u8]) -> StoreResult<()>;

    /// Cuts the file, or makes it longer by zeros.
    ///
    /// # Errors
    /// As [`Editing::write_at`].
    fn set_length(&mut self, length: u64) -> StoreResult<()>;

    /// Brings what was written to the disk, if the store was asked to be durable with each file; gives what
    /// [`Editing::look`] does.
    ///
    /// # Errors
    /// `disk-failure`, `no-space`, ...
    fn finish(self: Box<Self>) -> StoreResult<(Entry, Version)>;
}

/// A part of a file that is of one kind, by its length; never empty but at the end of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Bytes to be read; 0 at or after the end of the file.
    Data(u64),
    /// Zeros that take no room on the disk.
    Hole(u64),
}

/// A directory that files are staged in. Keeps the directory open.
pub trait Directory: Send {
    /// Stages a new file for `name`; nothing is visible until [`Staged::commit`].
    ///
    /// # Errors
    /// `already-exists` at once where a file is in the way and must not be replaced, or a directory is;
    /// `partial-changed` where it is to be resumed and what is kept is not what it was, which then stays
    /// as it is; `permission-denied`, `no-space`, ...
    fn stage(&self, name: &FileName, plan: &StagePlan) -> StoreResult<Box<dyn Staged>>;
}

/// What is known of a file before its bytes arrive.
#[derive(Debug, Clone, Copy, Default)]
pub struct StagePlan {
    /// Its size, where the sender knows it.
    pub size: Option<u64>,
    /// Whether a file in the way is replaced.
    pub replace: bool,
    /// The time of last modification it shall have.
    pub modified: Option<Timestamp>,
    /// Permission bits to keep instead of the configured ones; setuid, setgid and sticky are dropped.
    pub mode: Option<u32>,
    /// The bytes before this offset are already in the partial of this file: go on there.
    pub resume: Option<ResumeAt>,
    /// The version of the file that it replaces, as [`Source::version`] told it; with any other there, or none, the
    /// commit fails.
    pub expected: Option<Version>,
}

/// Where to go on with a file of which bytes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumeAt {
    /// How many of the bytes that are kept stay.
    pub offset: u64,
    /// The version of the [`Partial`] that was looked at.
    pub version: u128,
}

/// What is kept of a file whose transfer was interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// Where the file was going.
    pub path: RemotePath,
    /// The size of the whole file.
    pub size: u64,
    /// The source's time of last modification, by which its version is known.
    pub modified: Timestamp,
    /// Bytes that are there.
    pub received: u64,
    /// When it was last written to.
    pub touched: Timestamp,
    /// Changes whenever it is written to.
    pub version: u128,
}

/// A file that is not visible yet. Dropped without a word, it is forgotten.
pub trait Staged: Send {
    /// Appends the next bytes.
    ///
    /// # Errors
    /// `no-space`, `disk-failure`, ...
    fn write(&mut self, bytes: &[u8]) -> StoreResult<()>;

    /// Appends bytes that are zero, without room on the disk where the file system can.
    ///
    /// # Errors
    /// As [`Staged::write`]; `file-too-large` beyond what any file can hold.
    fn write_hole(&mut self, bytes: u64) -> StoreResult<()>;

    /// Gives the file its time and mode and makes it visible under its name, atomically.
    ///
    /// # Errors
    /// `already-exists` if the name was taken meanwhile; `source-changed` if something else is there than the version that
    /// was expected, which then stays; the staged bytes are then forgotten. After `disk-failure` it may be visible and
    /// [unflushed](Entry::unflushed).
    fn commit(self: Box<Self>) -> StoreResult<()>;

    /// Retains the bytes as a partial for a later attempt, as far as this file can be kept: the transfer was
    /// interrupted, not refused.
    fn retain_partial(self: Box<Self>);
}

/// A backup, that is a second name, that is being prepared. Dropped without a word, it is forgotten.
pub trait PendingBackup: Send {
    /// Whether it can be committed.
    fn is_ready(&self) -> bool;

    /// Copies some MiB more, where the file has to be copied.
    ///
    /// # Errors
    /// `no-space`, `disk-failure`, ...
    fn step(&mut self) -> StoreResult<()>;

    /// Gives the second name, atomically; what is left to copy is copied.
    ///
    /// # Errors
    /// As [`PendingBackup::step`]; `already-exists` if a directory has the name.
    fn commit(self: Box<Self>) -> StoreResult<()>;
}

/// A removal that is under way.
pub trait Removal: Send {
    /// Removes some entries more; `Done` carries how many files and directories went in all.
    ///
    /// # Errors
    /// `permission-denied` and others, with the path that could not be removed; what could be removed
    /// before it, is.
    fn step(&mut self) -> StoreResult<RemovalProgress>;

    /// What it holds in memory, in bytes: with the names of directories that can be much.
    fn memory_bytes(&self) -> u64 {
        0
    }
}

/// How far a removal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalProgress {
    /// There is more to remove.
    More,
    /// Everything is gone.
    Done {
        /// Files, links and special files removed.
        files: u64,
        /// Directories removed.
        directories: u64,
    },
}

/// When written files must be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fsync {
    /// Whenever the operating system likes.
    #[default]
    None,
    /// Before an operation's success is reported: one flush of the file system.
    End,
    /// Each file before it becomes visible, and its directory after.
    Each,
}

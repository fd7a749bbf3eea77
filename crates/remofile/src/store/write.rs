//! The part of a store for callers that make and remove files.

use super::result::StoreResult;
use super::resume::{Checkpoint, ResumeAt};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{Kind, Timestamp, Version};

/// The files and directories of a store, for those who make and remove them.
pub trait WriteStore: Send + Sync {
    /// Creates an empty file with the configured mode.
    ///
    /// # Errors
    /// `already-exists` if the name is taken by anything, or, with `update`, by anything but a regular
    /// file; with `update` an existing file's time is set to now.
    fn create_file(&self, path: &RemotePath, update: bool) -> StoreResult<()>;

    /// Creates a directory, and returns whether one was made. With `parents`, creates missing parents too. With
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
    /// As [`WriteStore::remove`].
    fn remove_tree(&self, path: &RemotePath) -> StoreResult<Box<dyn Removal>>;

    /// Renames within the root, atomically. With `replace` a file in the way is replaced.
    ///
    /// # Errors
    /// `already-exists`, `into-itself`, `cross-device`, `not-found`, ...
    fn rename(&self, source: &RemotePath, destination: &RemotePath, replace: bool) -> StoreResult<()>;
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

/// The attributes of a file that are known before its bytes arrive.
#[derive(Debug, Clone, Copy, Default)]
pub struct StagePlan {
    /// Size in bytes, if the sender knows it.
    pub size: Option<u64>,
    /// True if a file in the way is replaced.
    pub replace: bool,
    /// The time of last modification it shall have.
    pub modified: Option<Timestamp>,
    /// Permission bits to keep instead of the configured ones; setuid, setgid and sticky are dropped.
    pub mode: Option<u32>,
    /// The bytes before this offset are already in the partial of this file: go on there.
    pub resume: Option<ResumeAt>,
    /// The version of the file that it replaces, as [`Source::version`](super::Source::version) told it; with any other there, or none, the
    /// commit fails.
    pub expected: Option<Version>,
}

/// A file that is not visible yet. Its bytes are removed when it is dropped.
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

    /// Tells whether what is retained of it can be gone on with only where there was a checkpoint.
    fn wants_checkpoints(&self) -> bool {
        false
    }

    /// Notes that everything before a place was written, for [`Partial::checkpoints`](super::Partial::checkpoints).
    fn checkpoint(&mut self, _checkpoint: Checkpoint) {}

    /// Gives the file its time and mode and makes it visible under its name, atomically.
    ///
    /// # Errors
    /// `already-exists` if the name was taken meanwhile; `source-changed` if something else is there than the version that
    /// was expected, which then stays; the staged bytes are then forgotten. After `disk-failure` it may be visible and
    /// [unflushed](remofile_protocol::wire::Entry::unflushed).
    fn commit(self: Box<Self>) -> StoreResult<()>;

    /// Retains the bytes as a partial for a later attempt, as far as this file can be kept: the transfer was
    /// interrupted, not refused.
    fn retain_partial(self: Box<Self>);
}

/// A removal that is under way.
pub trait Removal: Send {
    /// Removes some hundred entries more; `Done` carries how many files and directories went in all.
    ///
    /// # Errors
    /// `permission-denied` and others, with the path that could not be removed; what could be removed
    /// before it, is.
    fn step(&mut self) -> StoreResult<RemovalProgress>;

    /// Returns the memory that the removal holds, in bytes: with the names of directories that can be much.
    fn memory_bytes(&self) -> u64 {
        0
    }
}

/// The progress of a removal.
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

//! The part of a store for callers that make and remove files.

use super::buffer::ReadBuffer;
use super::read::Source;
use super::result::{StoreResult, unsupported};
use super::resume::{Checkpoint, ResumeAt};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{Entry, Kind, Timestamp, Version};

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

/// A directory that files are staged in, and removed from. Keeps the directory open.
pub trait Directory: Send {
    /// Stages a new file for `name`; nothing is visible until [`Staged::commit`].
    ///
    /// # Errors
    /// `already-exists` at once where a file is in the way and must not be replaced, or a directory is;
    /// `partial-changed` where it is to be resumed and what is kept is not what it was, which then stays
    /// as it is; `permission-denied`, `no-space`, ...
    fn stage(&self, name: &FileName, plan: &StagePlan) -> StoreResult<Box<dyn Staged>>;

    /// Stages a directory, in which files can be staged before it is there itself. Without permission bits it gets the configured
    /// ones. `None` where [`WriteStore::make_directory`] is as good.
    ///
    /// # Errors
    /// As [`WriteStore::make_directory`] with `update`.
    fn stage_directory(&self, _name: &FileName, _mode: Option<u32>) -> Option<StoreResult<StagedDirectory>> {
        None
    }

    /// Removes what has a name in it as [`WriteStore::remove`] does, without a way to it. Returns `None` where only that can
    /// remove it.
    ///
    /// # Errors
    /// As [`WriteStore::remove`].
    fn remove(&self, _name: &FileName) -> Option<StoreResult<()>> {
        None
    }

    /// Brings everything on the file system of the directory to the disk, whatever else the store was asked for.
    ///
    /// # Errors
    /// `disk-failure` or `no-space` if something did not get there.
    fn flush_file_system(&self) -> StoreResult<()> {
        Ok(())
    }

    /// Returns the entry of a name in it, as [`ReadStore::stat`](super::ReadStore::stat) does; its path need not be that of the
    /// store. `None` where only that can tell, as it may follow a link.
    ///
    /// # Errors
    /// As [`ReadStore::stat`](super::ReadStore::stat).
    fn look(&self, _name: &FileName) -> Option<StoreResult<Entry>> {
        None
    }
}

/// A directory that is to be made.
pub struct StagedDirectory {
    /// The directory, for what is staged in it.
    pub directory: Box<dyn Directory>,
    /// The making of it, which its commit ends; `None` if it is there already.
    pub staged: Option<Box<dyn Staged>>,
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
    /// Permission bits to keep; setuid, setgid and sticky are dropped. Without them a file that is replaced hands on its
    /// own, and a new one has the configured ones.
    pub mode: Option<u32>,
    /// The bytes before this offset are already in the partial of this file: go on there.
    pub resume: Option<ResumeAt>,
    /// The version of the file that it replaces, as [`Source::version`](super::Source::version) told it; with any other there, or none, the
    /// commit fails.
    pub expected: Option<Version>,
    /// True if a link that has the name is written through, to what it leads to inside the root. Otherwise, and in a store
    /// that cannot do so, the file takes the place of the link itself.
    pub through_link: bool,
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

    /// Writes bytes at an offset; what is between the end and them is zero. Whoever calls it calls [`Staged::write`] no more.
    ///
    /// # Errors
    /// As [`Staged::write`]; `file-too-large` beyond what any file can hold; `unsupported` by a store that writes files only
    /// from their beginning to their end.
    fn write_at(&mut self, _bytes: &[u8], _offset: u64) -> StoreResult<()> {
        Err(unsupported("write a file that is not visible yet at any place"))
    }

    /// Reads what was written, from an offset as far as it goes. Returns the number of bytes read.
    ///
    /// # Errors
    /// As [`Staged::write_at`].
    fn read_at(&self, _buffer: &mut [u8], _offset: u64) -> StoreResult<usize> {
        Err(unsupported("read a file that is not visible yet"))
    }

    /// Cuts what was written, or makes it longer by zeros.
    ///
    /// # Errors
    /// As [`Staged::write_at`].
    fn set_length(&mut self, _length: u64) -> StoreResult<()> {
        Err(unsupported("cut a file that is not visible yet"))
    }

    /// Makes an empty staged file the same as another one at once, so that they share their room on the disk until one of
    /// them is changed. Returns its length, or `None` if that cannot be done: then nothing is written.
    ///
    /// # Errors
    /// As [`Staged::write`].
    fn share(&mut self, _source: &dyn Source) -> StoreResult<Option<u64>> {
        Ok(None)
    }

    /// Appends bytes of another file, without moving them through memory where the system can. Returns their number,
    /// which may be smaller than `length`; 0 at the end of that file.
    ///
    /// # Errors
    /// As [`Staged::write`], and those of reading.
    fn copy(&mut self, source: &dyn Source, offset: u64, length: u64) -> StoreResult<u64> {
        copy_through_memory(self, source, offset, length)
    }

    /// Has it hold the attributes that are only held for a file that it is a copy of, before its writing is ended. A store that
    /// holds none does nothing.
    ///
    /// # Errors
    /// `no-space`, `disk-failure`, ...
    fn hold_as(&mut self, _source: &dyn Source) -> StoreResult<()> {
        Ok(())
    }

    /// Tells whether what is retained of it can be gone on with only where there was a checkpoint.
    fn wants_checkpoints(&self) -> bool {
        false
    }

    /// Notes that everything before a place was written, for [`Partial::checkpoints`](super::Partial::checkpoints).
    fn checkpoint(&mut self, _checkpoint: Checkpoint) {}

    /// Ends the writing: gives the file its time and mode. Returns true if its commit is cheaper after
    /// [`DurableStore::flush_staged`](super::DurableStore::flush_staged), which many files share; without, the commit
    /// brings it to the disk alone, if the store was asked to be durable.
    ///
    /// # Errors
    /// `permission-denied`, `disk-failure`, ...
    fn end_writing(&mut self) -> StoreResult<bool> {
        Ok(false)
    }

    /// Begins the commit of a file whose writing has ended, where many go on at once: whoever calls it calls [`Staged::commit`]
    /// in any case, which waits for the outcome. A store that gains nothing by it does nothing, as does one whose files wait for
    /// [`DurableStore::flush_staged`](super::DurableStore::flush_staged): it may be called before that.
    fn begin_commit(&mut self) {}

    /// Does what a commit may wait for a disk with before the file becomes visible, such as bringing its content there, if its
    /// writing has ended or is to end now; [`Staged::commit`] makes it visible without that wait then. Nothing is visible yet.
    ///
    /// # Errors
    /// As [`Staged::commit`], which need not be tried after them.
    fn prepare_commit(&mut self) -> StoreResult<()> {
        Ok(())
    }

    /// Returns the room of the disk that the bytes are on, if it is known.
    fn room(&self) -> Option<Room> {
        None
    }

    /// Gives the file its time and mode, if its writing was not ended before, and makes it visible under its name,
    /// atomically. In a store that was asked to be durable its content is on the disk then, in place of the old.
    ///
    /// # Errors
    /// `already-exists` if the name was taken meanwhile; `source-changed` if something else is there than the version that
    /// was expected, which then stays; the staged bytes are then forgotten. After `disk-failure` it may be visible and
    /// [unflushed](remofile_protocol::wire::Entry::unflushed).
    fn commit(self: Box<Self>) -> StoreResult<()>;

    /// As [`Staged::commit`], for the only change of an operation. Returns true if its name is on the disk as well: then
    /// [`DurableStore::sync`](super::DurableStore::sync), which waits for whatever others write, is not needed for it.
    ///
    /// # Errors
    /// As [`Staged::commit`].
    fn commit_alone(self: Box<Self>) -> StoreResult<bool> {
        self.commit().map(|()| false)
    }

    /// As [`Staged::commit`], but what was written stays if it fails, for another attempt.
    ///
    /// # Errors
    /// As [`Staged::commit`]; `unsupported` by a store that writes files only from their beginning to their end.
    fn try_commit(&mut self) -> StoreResult<()> {
        Err(unsupported("try to make a file visible"))
    }

    /// Has the commit fail with any other version there than this, as [`StagePlan::expected`] does.
    ///
    /// # Errors
    /// `unsupported` by a store that writes files only from their beginning to their end.
    fn expect_version(&mut self, _version: Version) -> StoreResult<()> {
        Err(unsupported("check the version of a file that it replaces"))
    }

    /// Retains the bytes as a partial for a later attempt, as far as this file can be kept: the transfer was
    /// interrupted, not refused.
    fn retain_partial(self: Box<Self>);
}

/// The room of a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that may still be written.
    pub free: u64,
    /// Bytes that the whole disk has.
    pub all: u64,
}

/// A removal that is under way.
pub trait Removal: Send {
    /// Removes some entries more; `Done` carries how many files and directories went in all.
    ///
    /// # Errors
    /// `permission-denied` and others, with the path that could not be removed; what could be removed
    /// before it, is.
    fn step(&mut self) -> StoreResult<RemovalProgress>;

    /// As [`Removal::step`], but ends the step early once nothing more may be removed. A store that asks by itself, or whose steps
    /// are short, need not.
    ///
    /// # Errors
    /// As [`Removal::step`].
    fn step_while(&mut self, _may_go_on: &dyn Fn() -> bool) -> StoreResult<RemovalProgress> {
        self.step()
    }

    /// Returns the memory that the removal holds, in bytes: with the names of directories that can be much.
    fn memory_bytes(&self) -> u64 {
        0
    }

    /// Counts the content of what is removed from now on, where that has to be looked at for it.
    fn count_bytes(&mut self) {}

    /// Returns the bytes of content of the files that were removed since [`Removal::count_bytes`], failed steps included;
    /// `None` if they are not counted.
    fn removed_bytes(&self) -> Option<u64> {
        None
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

/// Bytes that are copied through memory at once.
const COPY_BYTES: usize = 512 * 1024;

/// Copies by reading and writing.
pub(super) fn copy_through_memory<S: Staged + ?Sized>(
    staged: &mut S,
    source: &dyn Source,
    offset: u64,
    length: u64,
) -> StoreResult<u64> {
    let most = usize::try_from(length).unwrap_or(usize::MAX).min(COPY_BYTES);
    let mut buffer = ReadBuffer::new(most);
    let count = source.read_at(&mut buffer, offset)?;
    staged.write(&buffer[..count])?;
    Ok(count as u64)
}

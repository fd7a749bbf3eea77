//! The part of a store that only file systems have.

use super::given::Given;
use super::named_file::NamedFile;
use super::result::{StoreResult, unsupported};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, Attributes, Entry, Special, Timestamp, Version};

/// The parts of a store that only file systems have: changes in place, links, permissions, times, second names.
/// A store that lacks one of them leaves the method out, which then fails with `unsupported`, and tells of it by
/// [`Store::capabilities`](super::Store::capabilities).
pub trait PosixStore: Send + Sync {
    /// Opens a regular file to change it in place; with `create` it is created if there is none. Links inside the
    /// root are followed.
    ///
    /// # Errors
    /// `not-a-file` for directories and special files, `not-found`, `permission-denied`, `read-only`, ...
    fn edit(&self, _path: &RemotePath, _create: bool) -> StoreResult<Box<dyn Editing>> {
        Err(unsupported("change files in place"))
    }

    /// Makes a symbolic link, atomically. With `replace` it takes the place of a file or link, never of a directory.
    ///
    /// # Errors
    /// `outside-root` for a target that is absolute, that climbs above the root (its names counted
    /// from the directory the link is in), goes up behind another name (which may be a link) or leads
    /// into the staging directory; `invalid-name` for one
    /// that is empty, has control characters or is longer than 4095 bytes; `already-exists`, ...
    fn make_link(&self, _path: &RemotePath, _target: &str, _replace: bool) -> StoreResult<()> {
        Err(unsupported("make links"))
    }

    /// Makes a symbolic link as [`PosixStore::make_link`] does, whatever it leads to: who reads or writes through it is
    /// refused where it leads out of the root.
    ///
    /// # Errors
    /// As [`PosixStore::make_link`], without `outside-root` for its target.
    fn keep_link(&self, _path: &RemotePath, _target: &str, _replace: bool) -> StoreResult<()> {
        Err(unsupported("keep links that lead anywhere"))
    }

    /// Gives a regular file another name. With `replace` it takes the place of a file or link, never of a directory. What is
    /// written to the file later is at both names; a file that replaces it at one of them is at that one alone. Returns
    /// false if the name leads to the file already.
    ///
    /// # Errors
    /// `not-a-file`, `already-exists`, `not-found`, `cross-device`, `permission-denied` where the system admits no second
    /// name, ...
    fn add_name(&self, _of: &RemotePath, _path: &RemotePath, _replace: bool) -> StoreResult<bool> {
        Err(unsupported("give a file a second name"))
    }

    /// Returns a file such that another store can give it a name of its own. The last name is not followed.
    ///
    /// # Errors
    /// `unsupported` by a store that is no directory of this machine, `not-found`, ...
    fn named_file(&self, _path: &RemotePath) -> StoreResult<NamedFile> {
        Err(unsupported("give files of it names elsewhere"))
    }

    /// Gives a file of another store of this machine a name in this one, as [`PosixStore::add_name`] does.
    ///
    /// # Errors
    /// As [`PosixStore::add_name`]; `cross-device` if it is on another file system.
    fn add_name_of(&self, _file: &NamedFile, _path: &RemotePath, _replace: bool) -> StoreResult<bool> {
        Err(unsupported("give files of other directories names"))
    }

    /// Makes a special file. With `replace` it takes the place of a file or link, never of a directory. Returns false if
    /// there is the same one.
    ///
    /// # Errors
    /// `permission-denied` for devices where only a privileged user may make them, `already-exists`, ...
    fn make_special(&self, _path: &RemotePath, _new: &NewSpecial, _replace: bool) -> StoreResult<bool> {
        Err(unsupported("make special files"))
    }

    /// Sets the permission bits (0o777) of a file or directory, whatever they shut out. The last name is
    /// not followed; what a directory hands on to new files (setgid, sticky) stays as it is.
    ///
    /// # Errors
    /// `not-a-file` for links and special files, `bad-request` for the root itself, `not-found`, ...
    fn set_mode(&self, _path: &RemotePath, _mode: u32) -> StoreResult<()> {
        Err(unsupported("change permissions"))
    }

    /// Sets the time of last modification of a file or directory. The last name is not followed.
    ///
    /// # Errors
    /// `not-a-file` for links and special files, `bad-request` for the root itself, `not-found`, ...
    fn set_modified(&self, _path: &RemotePath, _modified: Timestamp) -> StoreResult<()> {
        Err(unsupported("change times"))
    }

    /// As [`PosixStore::set_modified`], if `may_change` allows it. It is asked last, behind whatever the change waits for, such as a
    /// disk that takes the content first.
    ///
    /// # Errors
    /// As above, and what `may_change` fails with: then nothing was changed.
    fn set_modified_if(
        &self,
        path: &RemotePath,
        modified: Timestamp,
        may_change: &dyn Fn() -> StoreResult<()>,
    ) -> StoreResult<()> {
        may_change()?;
        self.set_modified(path, modified)
    }

    /// Returns attributes of a file, directory, link or special file; the last name is not followed. Of a set-user-ID or
    /// set-group-ID file owner and group are told as well.
    ///
    /// # Errors
    /// `not-found`, `permission-denied`, ...
    fn attributes(&self, _path: &RemotePath, _wanted: AttributeSet) -> StoreResult<Attributes> {
        Err(unsupported("tell attributes"))
    }

    /// Gives attributes to what they are of: to something of that kind, and if it is a file, of that size and time.
    /// Nothing else is changed. The last name is not followed. Of what is given only what is `wanted` is set, so that an
    /// owner may also only tell what set-user-ID is worth.
    ///
    /// # Errors
    /// `not-found`, `permission-denied`, `disk-failure`, ... What could not be given though others could, as owner or an
    /// extended attribute, is told by the outcome.
    fn give_attributes(
        &self,
        _path: &RemotePath,
        _attributes: &Attributes,
        _wanted: AttributeSet,
    ) -> StoreResult<Given> {
        Err(unsupported("keep attributes"))
    }

    /// Has a directory hold the attributes that are only held for another one, which it is a copy of. A store that holds none
    /// does nothing. Neither last name is followed.
    ///
    /// # Errors
    /// `not-a-directory`, `not-found`, `no-space`, `disk-failure`, ...
    fn hold_as(&self, _from: &RemotePath, _to: &RemotePath) -> StoreResult<()> {
        Ok(())
    }

    /// Prepares a backup of a file or link: a second name, which stays when the first gets other content or goes: a
    /// hard link, or a copy where the file system has none. Missing directories are made; a file or link that
    /// has the name makes way in the end, when the second name is committed.
    ///
    /// # Errors
    /// `not-a-file` for directories and special files, `already-exists` if a directory has the name,
    /// `not-found`, ...
    fn prepare_backup(&self, _path: &RemotePath, _to: &RemotePath) -> StoreResult<Box<dyn PendingBackup>> {
        Err(unsupported("keep backups"))
    }
}

/// A special file that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewSpecial {
    /// Kind of it.
    pub special: Special,
    /// Permission bits; `None` leaves those that the umask does.
    pub mode: Option<u32>,
    /// Time of last modification; `None` leaves the present.
    pub modified: Option<Timestamp>,
}

/// A regular file that is changed in place, with every call at once.
pub trait Editing: Send {
    /// Returns its current entry and version.
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

/// A backup, that is a second name, that is being prepared. Nothing is left of it when it is dropped.
pub trait PendingBackup: Send {
    /// Reports whether it can be committed without copying more.
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

//! A file with secrets beside the store: one that only its owner may read, replaced as a whole.

use super::nested_servers::server_of;
use super::system;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Time for which a lock is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Pause between two attempts to get a lock.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Readings of a file that is being written meanwhile, before the last is taken as it is.
const READINGS: usize = 3;

/// Never waits for the other end of a named pipe.
const CAREFULLY: OFlags = OFlags::CLOEXEC.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

const OWNER_ONLY: Mode = Mode::RUSR.union(Mode::WUSR);

/// A file that only its owner may read. A link at its path is followed: the file behind it is meant.
#[derive(Debug, Clone)]
pub struct PrivateFile {
    path: PathBuf,
}

/// The state of a file: another one has another stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The content of a private file, wiped when dropped, and the stamp that it had.
pub struct StampedContent {
    /// The content.
    pub bytes: Zeroizing<Vec<u8>>,
    /// The stamp of the file. `None`: there was no file.
    pub stamp: Option<FileStamp>,
}

/// The content is a secret.
impl fmt::Debug for StampedContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StampedContent").field("stamp", &self.stamp).finish_non_exhaustive()
    }
}

/// The reason a private file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// Others may read or write it.
    #[error("others can read or change it: close it with 'chmod 600'")]
    OpenToOthers,
    /// The file is another user's.
    #[error("it belongs to another user: run this as that user, or give it away with 'chown'")]
    OfAnotherUser,
    /// The file is a directory, a device or the like.
    #[error("it is no file")]
    NotAFile,
    /// The file has more bytes than such a file can have.
    #[error("it has more than {0} bytes, more than such a file can have")]
    TooLarge(u64),
    /// Somebody else is changing it.
    #[error("another command has been changing it for {} s: try again", LOCK_WAIT.as_secs())]
    Locked,
    /// A server has its directory locked for as long as it runs.
    #[error(
        "a server (process {0}) serves the directory that it is in, so that clients could read it: keep it elsewhere"
    )]
    Served(String),
    /// Somebody who takes no lock has changed it.
    #[error("somebody else changed it at the same moment, so nothing was written: try again")]
    ChangedMeanwhile,
    /// The system failed.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

impl From<Errno> for PrivateFileError {
    fn from(errno: Errno) -> Self {
        Self::System(errno.into())
    }
}

type Result<T> = std::result::Result<T, PrivateFileError>;

impl PrivateFile {
    /// The file of a path, which need not exist.
    ///
    /// # Errors
    /// [`PrivateFileError::System`] if the path is relative and there is no current directory.
    pub fn new(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { path: std::path::absolute(path)? })
    }

    /// Returns its absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its path without links, as far as it leads anywhere.
    #[must_use]
    pub fn real_path(&self) -> PathBuf {
        super::real::real_path_to_be(&self.path).unwrap_or_else(|| self.path.clone())
    }

    /// Returns its stamp; `None` if there is no file.
    ///
    /// # Errors
    /// [`PrivateFileError::System`].
    pub fn stamp(&self) -> Result<Option<FileStamp>> {
        match system::statat(CWD, &self.path, AtFlags::empty()) {
            Ok(stat) => Ok(Some(FileStamp::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Reads it; nothing if there is no file.
    ///
    /// # Errors
    /// [`PrivateFileError`] if it is larger than `max_bytes`, not private, or cannot be read.
    pub fn read(&self, max_bytes: u64) -> Result<StampedContent> {
        let mut content = self.read_once(max_bytes)?;
        for _ in 1..READINGS {
            // An editor that writes in place may have been half through.
            if self.stamp()? == content.stamp {
                break;
            }
            content = self.read_once(max_bytes)?;
        }
        Ok(content)
    }

    fn read_once(&self, max_bytes: u64) -> Result<StampedContent> {
        let file = match system::openat(CWD, &self.path, OFlags::RDONLY | CAREFULLY, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(StampedContent { bytes: Zeroizing::default(), stamp: None }),
            Err(errno) => return Err(errno.into()),
        };
        let stat = check(&file)?;
        Ok(StampedContent { bytes: read_all(File::from(file), max_bytes)?, stamp: Some(FileStamp::of(&stat)) })
    }

    /// Locks it against other commands that change it, also if there is no file yet.
    ///
    /// # Errors
    /// [`PrivateFileError::Locked`] if another one holds the lock for long, [`PrivateFileError::Served`] if a server does, and as
    /// of the directory.
    pub fn lock(&self) -> Result<LockedPrivateFile> {
        let path = super::real::real_path_to_be(&self.path).ok_or(Errno::NOENT)?;
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(PrivateFileError::NotAFile);
        };
        let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = system::openat(CWD, directory, how, Mode::empty())?;
        // That of the directory: the file itself is replaced by each change.
        let lock = FlockOperation::NonBlockingLockExclusive;
        if system::flock(&opened, lock) == Err(Errno::WOULDBLOCK) {
            // It would be waited for in vain.
            if let Some(process) = server_of(&opened) {
                return Err(PrivateFileError::Served(process.to_string()));
            }
        }
        wait_for_lock(&opened, lock)?;
        let temporary = beside(name, ".new");
        Ok(LockedPrivateFile { directory: opened, name: name.to_owned(), temporary, file: Self { path } })
    }

    /// Makes the directory that it is in, and those above, for this user alone.
    ///
    /// # Errors
    /// [`PrivateFileError::System`].
    pub fn make_directory(&self) -> Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let Some(parent) = self.path.parent() else { return Ok(()) };
        Ok(std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?)
    }

    /// Returns the path of a file beside the real one, with a longer name.
    ///
    /// # Errors
    /// [`PrivateFileError::System`] if there is no such directory.
    pub fn beside(&self, suffix: &str) -> Result<Self> {
        let path = super::real::real_path_to_be(&self.path).ok_or(Errno::NOENT)?;
        let name = path.file_name().ok_or(PrivateFileError::NotAFile)?;
        Ok(Self { path: path.with_file_name(beside(name, suffix)) })
    }
}

/// A private file that no other command changes meanwhile. The lock ends when this is dropped.
#[derive(Debug)]
pub struct LockedPrivateFile {
    directory: OwnedFd,
    name: OsString,
    temporary: OsString,
    file: PrivateFile,
}

impl LockedPrivateFile {
    /// Reads it as [`PrivateFile::read`] does.
    ///
    /// # Errors
    /// As [`PrivateFile::read`].
    pub fn read(&self, max_bytes: u64) -> Result<StampedContent> {
        self.file.read(max_bytes)
    }

    /// Replaces it as a whole: after a crash there is the former one, or this one. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`PrivateFileError::ChangedMeanwhile`] if it no longer has the stamp that it was read with, and as the disk fails.
    /// The former one is there then.
    pub fn replace(&self, bytes: &[u8], read_with: Option<FileStamp>) -> Result<()> {
        let replaced = self.write(bytes).and_then(|()| {
            // Who edits by hand takes no lock.
            if self.file.stamp()? != read_with {
                return Err(PrivateFileError::ChangedMeanwhile);
            }
            Ok(system::renameat(&self.directory, &self.temporary, &self.directory, &self.name)?)
        });
        if replaced.is_err() {
            let _gone = system::unlinkat(&self.directory, &self.temporary, AtFlags::empty());
        }
        replaced?;
        match system::fsync(&self.directory) {
            // Some file systems cannot flush a directory by itself.
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        // One that a crash has left: whoever holds the lock is its owner.
        match system::unlinkat(&self.directory, &self.temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        let how = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = system::openat(&self.directory, &self.temporary, how, OWNER_ONLY)?;
        system::fchmod(&file, OWNER_ONLY)?;
        let mut file = File::from(file);
        file.write_all(bytes)?;
        Ok(file.sync_all()?)
    }
}

/// A private file that stays open, so that a process which may open no file any more can still write it.
#[derive(Debug)]
pub struct OpenPrivateFile {
    file: File,
}

impl OpenPrivateFile {
    /// Opens it, and makes it if there is none.
    ///
    /// # Errors
    /// [`PrivateFileError`] if it is not private, or cannot be opened.
    pub fn open(file: &PrivateFile) -> Result<Self> {
        let how = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | CAREFULLY;
        let opened = system::openat(CWD, &file.path, how, OWNER_ONLY)?;
        check(&opened)?;
        Ok(Self { file: File::from(opened) })
    }

    /// Opens it to read it, if there is one.
    ///
    /// # Errors
    /// As [`OpenPrivateFile::open`].
    pub fn look(file: &PrivateFile) -> Result<Option<Self>> {
        match system::openat(CWD, &file.path, OFlags::RDONLY | OFlags::NOFOLLOW | CAREFULLY, Mode::empty()) {
            Ok(opened) => check(&opened).map(|_| Some(Self { file: File::from(opened) })),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Reads it, as one writer has left it.
    ///
    /// # Errors
    /// [`PrivateFileError`] if it is larger than `max_bytes`, or cannot be read.
    pub fn read(&mut self, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>> {
        wait_for_lock(&self.file, FlockOperation::NonBlockingLockShared)?;
        let read = self.file.seek(SeekFrom::Start(0)).map_err(PrivateFileError::from);
        let read = read.and_then(|_| read_all(&self.file, max_bytes));
        system::flock(&self.file, FlockOperation::Unlock)?;
        read
    }

    /// Writes it anew, unless somebody reads it at this moment: then nothing is written, and false is returned.
    ///
    /// # Errors
    /// [`PrivateFileError::System`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<bool> {
        match system::flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(errno) => return Err(errno.into()),
        }
        let written = self.file.seek(SeekFrom::Start(0)).and_then(|_| self.file.write_all(bytes));
        let written = written.and_then(|()| self.file.set_len(bytes.len() as u64));
        system::flock(&self.file, FlockOperation::Unlock)?;
        Ok(written.map(|()| true)?)
    }
}

impl FileStamp {
    /// Reports whether there is nothing in the file.
    #[must_use]
    pub fn is_of_nothing(&self) -> bool {
        self.size == 0
    }

    #[expect(clippy::unnecessary_cast, reason = "the types differ between systems")]
    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as i64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }
}

/// Checks that an open file is a file, and its user's alone.
fn check(file: &OwnedFd) -> Result<Stat> {
    let stat = system::fstat(file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(PrivateFileError::NotAFile);
    }
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Err(PrivateFileError::OfAnotherUser);
    }
    if stat.st_mode & 0o066 != 0 {
        return Err(PrivateFileError::OpenToOthers);
    }
    Ok(stat)
}

fn read_all(file: impl Read, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>> {
    let mut file = file.take(max_bytes + 1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    loop {
        if bytes.len() == bytes.capacity() {
            // The copy that is left behind is wiped.
            let mut larger = Zeroizing::new(Vec::with_capacity(bytes.capacity() * 2));
            larger.extend_from_slice(&bytes);
            bytes = larger;
        }
        let (length, capacity) = (bytes.len(), bytes.capacity());
        bytes.resize(capacity, 0);
        let read = file.read(bytes.get_mut(length..).unwrap_or_default());
        bytes.truncate(length + read.as_ref().copied().unwrap_or(0));
        match read {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    if bytes.len() as u64 > max_bytes { Err(PrivateFileError::TooLarge(max_bytes)) } else { Ok(bytes) }
}

fn wait_for_lock(file: impl rustix::fd::AsFd, operation: FlockOperation) -> Result<()> {
    let given_up = Instant::now() + LOCK_WAIT;
    loop {
        match system::flock(&file, operation) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK) if Instant::now() < given_up => std::thread::sleep(LOCK_PAUSE),
            Err(Errno::WOULDBLOCK) => return Err(PrivateFileError::Locked),
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn beside(name: &OsStr, suffix: &str) -> OsString {
    let mut longer = name.to_owned();
    longer.push(suffix);
    longer
}

//! The ledger of unflushed files on the disk, `.remofile/unflushed`.
//!
//! A *record* exists as long as its maker has made files visible that were not flushed. The writer holds it locked
//! (`flock`), so that a record without a lock is known to be that of a process which is gone. The file `ranges` has
//! the spans of time that were found to be in doubt. Both know files only by the time of their last change of any
//! kind (`ctime`), by the clock of the file system, which nobody can set.

mod directories;

use super::discard::discard;
use super::info::open_regular;
use super::names::{Names, is_record, is_temporary, record_name, temporary_name};
use super::ranges::{Cause, LATEST, MOST_BYTES, Range, Ranges};
use super::resolve;
use super::root::Root;
use super::source::changed;
use super::staging::{is_still_named, lock};
use crate::store::boot::boot;
use crate::store::system;
use directories::{ATTEMPTS, directories, make_directories, remove_directories};
use minicbor::{Decode, Decoder, Encode};
use remofile_protocol::wire::Timestamp;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;

/// File with the ranges of time that are known to be in doubt.
const RANGES: &str = "ranges";
/// Format of records.
const FORMAT: u8 = 1;

/// The content of a record.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct Content {
    #[n(0)]
    format: u8,
    #[n(1)]
    state: RecordState,
    /// Identity of the boot of the machine in which the record was made. During the same boot the system still has
    /// what was not flushed.
    #[n(2)]
    boot: String,
    /// The clock of the file system before the first file became visible.
    #[n(3)]
    since: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
enum RecordState {
    /// Files wait for a flush.
    #[n(0)]
    Unflushed,
    /// A flush failed, or what was changed had been in doubt: a flush that succeeds now says nothing.
    #[n(1)]
    Lost,
}

/// A record of this process.
pub(super) struct Record {
    name: String,
    /// Locked as long as it is open.
    file: OwnedFd,
    content: Content,
}

/// The reason why there can be no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The file system keeps no times of change that nobody can set, or has no locks: there never can be one.
    Unsuitable,
    /// Not now: the disk is full, or fails.
    Failed,
}

impl From<Errno> for Refused {
    fn from(_: Errno) -> Self {
        Self::Failed
    }
}

impl Record {
    /// Makes a record that is on the disk when this returns.
    pub(super) fn make(root: &Root) -> Result<Self, Refused> {
        for _ in 0..ATTEMPTS {
            let (staging, directory) = make_directories(root)?;
            match Self::make_in(directory.as_fd()) {
                // Somebody removed the directory, which was empty.
                Err(Errno::NOENT) => {}
                Err(errno) => {
                    remove_directories(root, &staging);
                    let is_unsuitable = errno == Errno::OPNOTSUPP;
                    return Err(if is_unsuitable { Refused::Unsuitable } else { Refused::Failed });
                }
                Ok(record) => {
                    let directories = [directory.as_fd(), staging.as_fd(), root.as_fd()];
                    let flushed = directories.iter().try_for_each(|directory| flush(directory.as_fd()));
                    return match flushed {
                        Ok(()) => Ok(record),
                        Err(errno) => {
                            record.remove(root);
                            Err(errno.into())
                        }
                    };
                }
            }
        }
        Err(Refused::Failed)
    }

    fn make_in(directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        let name = record_name();
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = system::openat(directory, &name, flags, Mode::RUSR | Mode::WUSR)?;
        let begun = Self::begin(directory, &name, &file);
        if begun.is_err() {
            discard(directory, &name);
        }
        Ok(Self { content: begun?, name, file })
    }

    fn begin(directory: BorrowedFd<'_>, name: &str, file: &OwnedFd) -> Result<Content, Errno> {
        // Others who find it without a lock take it for that of a process which is gone.
        let is_ours = lock(file).map_err(|_| Errno::OPNOTSUPP)?;
        let since = time_of_change(file)?;
        let stat = system::fstat(file)?;
        if !is_ours || !is_still_named(directory, name, &stat)? {
            return Err(Errno::AGAIN);
        }
        let content = Content { format: FORMAT, state: RecordState::Unflushed, boot: boot().to_owned(), since };
        content.write(file)?;
        flush(file.as_fd())?;
        Ok(content)
    }

    /// Returns the time, by the clock of the file system, before any file became visible under the record.
    pub(super) fn since(&self) -> Timestamp {
        self.content.since
    }

    /// Marks the record as lost: from now on only a range can settle it. This mark may not reach the disk, but after
    /// the next boot the unmarked record means the same.
    pub(super) fn lose(&mut self) {
        self.content.state = RecordState::Lost;
        let _ = self.content.write(&self.file);
    }

    /// Marks the record as one whose files are in doubt for a cause already: no flush of this boot settles it.
    pub(super) fn lose_for(&mut self, cause: Cause) {
        match cause {
            Cause::FlushFailed => self.lose(),
            Cause::SystemWentDown => {
                // Of the same length, as the content is written in place.
                self.content.boot = "-".repeat(self.content.boot.len());
                let _ = self.content.write(&self.file);
            }
        }
    }

    /// Removes the record: its files are on the disk, or the ranges cover them. The removal need not be on the disk at
    /// once.
    pub(super) fn remove(self, root: &Root) {
        let Self { name, file, content: _ } = self;
        match directories(root).or_else(|_| directories(root)) {
            Ok(Some((staging, directory))) => {
                discard(directory.as_fd(), &name);
                // Network file systems and those in user space keep a removed file in its directory for as long as it is open.
                drop(file);
                remove_directories(root, &staging);
            }
            Ok(None) => {}
            Err(errno) => tracing::warn!(%errno, "cannot remove the record of unflushed files: they are sent again"),
        }
    }
}

impl Content {
    /// Writes the content in place. It has the same length in every state, and is smaller than what a disk writes at
    /// once.
    fn write(&self, file: &OwnedFd) -> Result<(), Errno> {
        let bytes = minicbor::to_vec(self).map_err(|_| Errno::INVAL)?;
        match system::pwrite(file, &bytes, 0)? {
            count if count == bytes.len() => Ok(()),
            _ => Err(Errno::IO),
        }
    }

    fn read(file: &OwnedFd) -> Result<Option<Self>, Errno> {
        let bytes = read_all(file)?;
        let mut decoder = Decoder::new(&bytes);
        let content: Option<Self> = decoder.decode().ok();
        Ok(content.filter(|content| content.format == FORMAT && decoder.position() == bytes.len()))
    }

    /// Reads the content of a record. One that makes no sense counts as lost, since the time of its own last change.
    fn of(file: &OwnedFd) -> Result<Self, Errno> {
        let stat = system::fstat(file)?;
        let seen = || Self { format: FORMAT, state: RecordState::Lost, boot: String::new(), since: changed(&stat) };
        Ok(Self::read(file)?.unwrap_or_else(seen))
    }

    fn is_of_this_boot(&self) -> bool {
        !self.boot.is_empty() && self.boot == boot()
    }
}

/// Returns all ranges in doubt, by the records and ranges on the disk; the record `except` is not counted.
///
/// # Errors
/// The error of reading them: then the ranges are not known.
pub(super) fn doubt(root: &Root, except: Option<&Record>) -> Result<Ranges, Errno> {
    let Some((_, directory)) = directories(root)? else {
        return Ok(Ranges::default());
    };
    let mut ranges = read_ranges(directory.as_fd())?;
    let is_counted = |name: &String| except.is_none_or(|record| record.name != *name);
    for name in record_names(directory.as_fd())?.into_iter().filter(is_counted) {
        if let Some(file) = open_regular(directory.as_fd(), &name)? {
            let content = Content::of(&file)?;
            let cause = if content.state == RecordState::Lost { Cause::FlushFailed } else { Cause::SystemWentDown };
            ranges.add(Range { from: content.since, to: LATEST, cause });
        }
    }
    Ok(ranges)
}

/// Adds to the ranges, which are on the disk when this returns. `made` is given the time by the clock of the file
/// system.
pub(super) fn add(root: &Root, made: impl FnOnce(Timestamp) -> Ranges) -> Result<(), Errno> {
    let (staging, directory) = make_directories(root)?;
    add_in(directory.as_fd(), made)?;
    flush(staging.as_fd())?;
    flush(root.as_fd())
}

fn add_in(directory: BorrowedFd<'_>, made: impl FnOnce(Timestamp) -> Ranges) -> Result<(), Errno> {
    // Two processes that read, add and write at once would lose one of the additions.
    let alone = resolve::open_one(directory, b".", resolve::READABLE)?;
    system::flock(&alone, FlockOperation::LockExclusive)?;
    remove_temporary(directory)?;
    let mut ranges = read_ranges(directory)?;
    let (name, flags) = (temporary_name(), OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC);
    let file = system::openat(directory, &name, flags, Mode::RUSR | Mode::WUSR)?;
    let written = time_of_change(&file).and_then(|now| {
        ranges.add_all(&made(now));
        let bytes = ranges.to_bytes();
        let count = system::pwrite(&file, &bytes, 0)?;
        if count < bytes.len() {
            return Err(Errno::IO);
        }
        flush(file.as_fd())?;
        system::renameat(directory, &name, directory, RANGES)?;
        flush(directory)
    });
    if written.is_err() {
        discard(directory, &name);
    }
    written
}

/// Removes temporary files of interrupted attempts to write the ranges.
fn remove_temporary(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    for name in names_in(directory)?.iter().filter(|name| is_temporary(name)) {
        discard(directory, name);
    }
    Ok(())
}

/// Settles the records of processes that are gone. `flush_all` flushes everything that the system still has, and
/// returns whether it succeeded.
pub(super) fn adopt(root: &Root, flush_all: &mut dyn FnMut() -> bool) -> Result<(), Errno> {
    let Some((staging, directory)) = directories(root)? else {
        return Ok(());
    };
    for name in record_names(directory.as_fd())? {
        adopt_one(directory.as_fd(), &name, flush_all)?;
    }
    remove_directories(root, &staging);
    Ok(())
}

fn adopt_one(directory: BorrowedFd<'_>, name: &str, flush_all: &mut dyn FnMut() -> bool) -> Result<(), Errno> {
    let Some(file) = open_regular(directory, name)? else {
        return Ok(());
    };
    // A locked record belongs to a process that is alive and settles it itself.
    if !lock(&file).unwrap_or(false) || !is_still_named(directory, name, &system::fstat(&file)?)? {
        return Ok(());
    }
    let content = Content::of(&file)?;
    let is_flushable = content.state == RecordState::Unflushed && content.is_of_this_boot();
    if !is_flushable || !flush_all() {
        let cause = match content.state {
            RecordState::Unflushed if !is_flushable => Cause::SystemWentDown,
            RecordState::Unflushed | RecordState::Lost => Cause::FlushFailed,
        };
        let mut is_past = true;
        add_in(directory, |now| {
            let mut ranges = Ranges::default();
            // A clock that is behind says nothing of when that ended: the record stays until it is right again.
            is_past = content.since <= now;
            ranges.add(Range { from: content.since, to: now, cause });
            ranges
        })?;
        if !is_past {
            return Ok(());
        }
    }
    system::unlinkat(directory, name, AtFlags::empty())
}

fn record_names(directory: BorrowedFd<'_>) -> Result<Vec<String>, Errno> {
    Ok(names_in(directory)?.into_iter().filter(|name| is_record(name)).collect())
}

fn names_in(directory: BorrowedFd<'_>) -> Result<Vec<String>, Errno> {
    let names = Names::read(directory).map_err(|_| Errno::IO)?;
    let text = |index| Some(std::str::from_utf8(names.at(index)?.0).unwrap_or_default().to_owned());
    Ok((0..).map_while(text).collect())
}

fn read_ranges(directory: BorrowedFd<'_>) -> Result<Ranges, Errno> {
    let Some(file) = open_regular(directory, RANGES)? else {
        return Ok(Ranges::default());
    };
    let until = changed(&system::fstat(&file)?);
    Ok(Ranges::parse(&read_all(&file)?).unwrap_or_else(|| Ranges::everything_until(until)))
}

fn read_all(file: &OwnedFd) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; MOST_BYTES];
    let mut length = 0;
    while length < bytes.len() {
        match system::pread(file, &mut bytes[length..], length as u64)? {
            0 => break,
            count => length += count,
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// Returns the time by the clock of the file system, where it is that of this machine: there a file can be had that has
/// no name.
#[cfg(target_os = "linux")]
pub(super) fn clock_of(root: &Root) -> Option<Timestamp> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = system::openat(root, ".", flags, Mode::RUSR | Mode::WUSR).ok()?;
    time_of_change(&file).ok()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn clock_of(_root: &Root) -> Option<Timestamp> {
    None
}

/// Returns the time by the clock of the file system, read from a file that is the caller's own.
///
/// # Errors
/// `OPNOTSUPP` where the time of the last change is not kept, or can be set.
fn time_of_change(file: &OwnedFd) -> Result<Timestamp, Errno> {
    let long_ago = Timespec { tv_sec: 86_400, tv_nsec: 0 };
    let times = Timestamps { last_access: long_ago, last_modification: long_ago };
    system::futimens(file, &times)?;
    let now = changed(&system::fstat(file)?);
    let is_kept = now.seconds() > 2 * 86_400 && !forgets_times_of_change(file);
    if is_kept { Ok(now) } else { Err(Errno::OPNOTSUPP) }
}

/// Reports whether the file system is exFAT, which has times of change in memory alone.
#[cfg(target_os = "linux")]
fn forgets_times_of_change(file: &OwnedFd) -> bool {
    const EXFAT: i128 = 0x2011_BAB0;
    system::fstatfs(file).is_ok_and(|stat| i128::from(stat.f_type) == EXFAT)
}

#[cfg(not(target_os = "linux"))]
fn forgets_times_of_change(_file: &OwnedFd) -> bool {
    false
}

fn flush(file: BorrowedFd<'_>) -> Result<(), Errno> {
    system::fsync(file)
}

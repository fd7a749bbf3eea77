//! The locks of files in the staging directory, and which directories are ours to have files in.

use crate::store::local::source;
use crate::store::system;
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FlockOperation, Stat};
use rustix::io::Errno;
use std::time::Duration;

/// Attempts to lock a file whose lock may be that of a reader, who gives it up at once.
const LOOKERS_AWAITED: usize = 3;

/// Reports whether a name still leads to a file that was opened by it.
pub(in crate::store::local) fn is_still_named<P: rustix::path::Arg + Copy>(
    staging: BorrowedFd<'_>,
    name: P,
    held: &Stat,
) -> Result<bool, Errno> {
    match system::statat(staging, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) => Ok((named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Refuses a directory that other users may write to: files in it could not be trusted.
pub(in crate::store::local) fn refuse_foreign(directory: &OwnedFd) -> Result<(), Errno> {
    let stat = system::fstat(directory)?;
    let is_ours = stat.st_uid == rustix::process::geteuid().as_raw();
    let is_private = source::permissions(&stat) & 0o022 == 0;
    if is_ours && is_private { Ok(()) } else { Err(Errno::PERM) }
}

/// Locks a file as [`lock`] does, but tries again while readers hold it, who need it only for a moment.
pub(super) fn lock_with_retries(file: &OwnedFd) -> Result<bool, Errno> {
    for _ in 0..LOOKERS_AWAITED {
        if lock(file)? {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    lock(file)
}

pub(in crate::store::local) fn lock(file: &OwnedFd) -> Result<bool, Errno> {
    match system::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno),
    }
}

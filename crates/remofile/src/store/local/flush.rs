//! Flushes, and what is told of those that fail.

use super::root::Root;
use super::{errors, resolve};
use crate::store::StoreResult;
use crate::store::system;
use remofile_protocol::wire::{ErrorCode, Failure};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
#[cfg(target_os = "linux")]
use rustix::fs::Advice;
use rustix::io::Errno;
#[cfg(target_os = "linux")]
use std::num::NonZeroU64;

/// Brings the names in a directory to the disk.
pub(super) fn flush_names(directory: BorrowedFd<'_>) -> StoreResult<()> {
    #[cfg(test)]
    crate::store::faults::flush(directory, true).map_err(errors::failure)?;
    // The descriptor at hand may be one without permission to read, which cannot be flushed.
    let readable = resolve::open_one(directory, b".", resolve::READABLE).map_err(errors::failure)?;
    system::fsync(&readable).map_err(errors::failure)
}

/// Opens a directory whose names are to be brought to the disk: the descriptor at hand may be one without permission to read.
pub(super) fn open_names(directory: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    resolve::open_one(directory, b".", resolve::READABLE)
}

/// Brings the names in such a directory to the disk. Returns false where the file system cannot do that for one directory.
pub(super) fn try_flush_names(names: &OwnedFd) -> StoreResult<bool> {
    let flush = || {
        #[cfg(test)]
        crate::store::faults::flush(names.as_fd(), true)?;
        system::fsync(names)
    };
    match flush() {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
        Err(errno) => Err(errors::failure(errno)),
    }
}

/// Brings everything on the file system of a directory to the disk.
pub(super) fn flush_around(directory: BorrowedFd<'_>) -> StoreResult<()> {
    #[cfg(test)]
    crate::store::faults::flush(directory, true).map_err(errors::failure)?;
    let readable = resolve::open_one(directory, b".", resolve::READABLE).map_err(errors::failure)?;
    sync_file_system(readable.as_fd()).map_err(errors::failure)
}

pub(super) fn flush_file_system(root: &Root) -> StoreResult<()> {
    sync_file_system(root.as_fd()).map_err(errors::failure)
}

#[cfg(target_os = "linux")]
fn sync_file_system(root: BorrowedFd<'_>) -> Result<(), Errno> {
    system::syncfs(root)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_root: BorrowedFd<'_>) -> Result<(), Errno> {
    system::sync();
    Ok(())
}

/// Has the system begin to write a part of a file to the disk, without waiting for it.
#[cfg(target_os = "linux")]
pub(super) fn begin_writing(file: &OwnedFd, offset: u64, length: u64) {
    // To give up what is cached of dirty pages begins to write them, and leaves them where they are. A failure is that
    // of advice: the flush writes everything all the same.
    let _ = system::fadvise(file, offset, NonZeroU64::new(length), Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
pub(super) fn begin_writing(_file: &OwnedFd, _offset: u64, _length: u64) {}

/// Returns the bytes that are free on the file system; as many as there can be, if that cannot be told.
pub(super) fn free_bytes(root: &Root) -> u64 {
    system::fstatvfs(root).map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Advice after a flush that failed.
const ADVICE: &str = "what was stored may not be on the disk: run the command again, and it is sent again";

/// Adds the advice to the failure of a flush.
pub(super) fn told(failure: Failure) -> Failure {
    let detail = failure.detail.as_ref().map_or_else(|| ADVICE.to_owned(), |detail| format!("{detail}; {ADVICE}"));
    failure.because(detail)
}

pub(super) fn lost() -> Failure {
    Failure::new(ErrorCode::DiskFailure).because(ADVICE)
}

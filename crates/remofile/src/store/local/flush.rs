//! Flushes, and what is told of those that fail.

use super::root::Root;
use super::{errors, resolve};
use crate::store::StoreResult;
use remofile_protocol::wire::{ErrorCode, Failure};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;

/// Brings the names in a directory to the disk.
pub(super) fn flush_names(directory: BorrowedFd<'_>) -> StoreResult<()> {
    #[cfg(test)]
    crate::store::faults::flush(directory).map_err(errors::failure)?;
    // The descriptor at hand may be one without permission to read, which cannot be flushed.
    let readable = resolve::open_one(directory, b".", resolve::READABLE).map_err(errors::failure)?;
    resolve::retry(|| rustix::fs::fsync(&readable)).map_err(errors::failure)
}

pub(super) fn flush_file_system(root: &Root) -> StoreResult<()> {
    #[cfg(test)]
    crate::store::faults::flush(root.as_fd()).map_err(errors::failure)?;
    sync_file_system(root.as_fd()).map_err(errors::failure)
}

#[cfg(target_os = "linux")]
fn sync_file_system(root: BorrowedFd<'_>) -> Result<(), Errno> {
    resolve::retry(|| rustix::fs::syncfs(root))
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_root: BorrowedFd<'_>) -> Result<(), Errno> {
    rustix::fs::sync();
    Ok(())
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

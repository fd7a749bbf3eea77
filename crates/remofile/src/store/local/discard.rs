//! The removal of what a transfer needs no more.
//!
//! It comes after the answer is known, so that a failure is nobody's: one is taken for an accident, a second one is told
//! in the log. What stays goes when the store is opened the next time ([`super::expire`]).

use crate::store::{STAGING_NAME, system};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::AtFlags;
use rustix::io::Errno;

/// Removes a file, if it is there.
pub(super) fn discard(directory: BorrowedFd<'_>, name: impl AsRef<[u8]>) {
    let name = name.as_ref();
    let remove = || match system::unlinkat(directory, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        removed => removed,
    };
    if let Err(errno) = remove().or_else(|_| remove()) {
        let name = name.escape_ascii().to_string();
        tracing::warn!(name, %errno, "cannot remove what a transfer left: the next start tries it again");
    }
}

/// Removes a directory, if it is there and nothing is in it. Returns true if it is gone.
pub(super) fn discard_directory(above: BorrowedFd<'_>, name: &str) -> bool {
    let remove = || match system::unlinkat(above, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        // Somebody keeps something in it, or has just begun.
        Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(false),
        Err(errno) => Err(errno),
    };
    remove().or_else(|_| remove()).unwrap_or_else(|errno| {
        tracing::warn!(name, %errno, "cannot remove an empty directory");
        false
    })
}

/// Removes the staging directory of a root if nothing is in it.
pub(super) fn discard_staging(root: impl AsFd) {
    discard_directory(root.as_fd(), STAGING_NAME);
}

//! The directory that a store is rooted at, and the check that it still exists.
//!
//! A removed directory that is held open looks like an empty one. A sync that took it for one might delete everything
//! that was a copy of it.

use super::errors;
use crate::store::StoreResult;
use crate::store::system;
use remofile_protocol::wire::{ErrorCode, Failure};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// A root, held open.
pub(super) struct Root {
    directory: OwnedFd,
    is_told: AtomicBool,
}

impl Root {
    pub(super) fn open(path: &Path) -> StoreResult<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = system::openat(CWD, path, flags, Mode::empty()).map_err(errors::failure)?;
        if is_removed(directory.as_fd()).map_err(errors::failure)? {
            return Err(Failure::new(ErrorCode::Other).because("the directory was removed"));
        }
        Ok(Self { directory, is_told: AtomicBool::new(false) })
    }

    /// Returns the directory, if it has not been removed.
    pub(super) fn existing(&self) -> StoreResult<BorrowedFd<'_>> {
        if !is_removed(self.as_fd()).map_err(errors::failure)? {
            return Ok(self.as_fd());
        }
        if !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::error!("{REMOVED}");
        }
        Err(removed())
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

const REMOVED: &str = "the directory that is served was removed: start the server again";

/// Returns the failure of a root that was removed.
pub(super) fn removed() -> Failure {
    Failure::new(ErrorCode::Other).because(REMOVED)
}

/// Reports whether a directory that is held open, and may be read, was removed.
///
/// # Errors
/// The reason why nobody knows: to take it for there might be to take it for empty.
pub(super) fn is_removed(directory: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(match system::fstat(directory)?.st_nlink {
        0 => true,
        // There are file systems that do not count, and tell 1 of what is there and of what is not: overlayfs.
        1 => is_without_itself(directory),
        _ => false,
    })
}

/// Reports whether a directory has not even `.` in it, as one that was removed. Reads nothing: there is no room for
/// a name.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_without_itself(directory: BorrowedFd<'_>) -> bool {
    let read = rustix::fs::RawDir::new(directory, &mut []).next().map(|read| read.map(drop));
    read == Some(Err(Errno::NOENT))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_without_itself(_directory: BorrowedFd<'_>) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "the test does what others do to a directory")]
mod tests {
    use super::*;

    #[test]
    fn a_removed_directory_is_known_even_where_links_of_directories_are_not_counted() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("root");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("a"), "").unwrap();
        let root = Root::open(&path).unwrap();
        assert!(is_removed(root.as_fd()) == Ok(false) && !is_without_itself(root.as_fd()));
        std::fs::remove_file(path.join("a")).unwrap();
        assert!(is_removed(root.as_fd()) == Ok(false) && !is_without_itself(root.as_fd()), "empty is not removed");
        std::fs::remove_dir(&path).unwrap();
        assert!(is_removed(root.as_fd()) == Ok(true) && is_without_itself(root.as_fd()));
        std::fs::create_dir(&path).unwrap();
        assert!(root.existing().is_err(), "another of its name is not the same");
    }
}

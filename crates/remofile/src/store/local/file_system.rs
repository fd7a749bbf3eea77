//! The file system that a directory is on.

use rustix::fd::BorrowedFd;

/// A file system, within which a file can be renamed. Two mounts of one device are two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileSystem {
    device: u64,
    mount: u64,
}

impl FileSystem {
    pub(super) fn of(directory: BorrowedFd<'_>) -> Option<Self> {
        let device = rustix::fs::fstat(directory).ok()?.st_dev;
        Some(Self { device: device as u64, mount: mount_of(directory) })
    }
}

#[cfg(target_os = "linux")]
fn mount_of(directory: BorrowedFd<'_>) -> u64 {
    use rustix::fs::{AtFlags, StatxFlags};
    rustix::fs::statx(directory, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)
        .ok()
        .filter(|statx| statx.stx_mask & StatxFlags::MNT_ID.bits() != 0)
        .map_or(0, |statx| statx.stx_mnt_id)
}

#[cfg(not(target_os = "linux"))]
fn mount_of(_directory: BorrowedFd<'_>) -> u64 {
    0
}

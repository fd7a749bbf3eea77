//! The file system that a directory is on.

use crate::store::system;
use rustix::fd::BorrowedFd;

/// A file system, within which a file can be renamed. Two mounts of one device are two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileSystem {
    device: u64,
    mount: u64,
}

impl FileSystem {
    pub(super) fn of(directory: BorrowedFd<'_>) -> Option<Self> {
        let device = system::fstat(directory).ok()?.st_dev;
        Some(Self { device: device as u64, mount: mount_of(directory) })
    }
}

#[cfg(target_os = "linux")]
fn mount_of(directory: BorrowedFd<'_>) -> u64 {
    use rustix::fs::{AtFlags, StatxFlags};
    system::statx(directory, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)
        .ok()
        .filter(|statx| statx.stx_mask & StatxFlags::MNT_ID.bits() != 0)
        .map_or(0, |statx| statx.stx_mnt_id)
}

#[cfg(not(target_os = "linux"))]
fn mount_of(_directory: BorrowedFd<'_>) -> u64 {
    0
}

/// Reports whether other machines may have files of a directory locked that look unlocked here: file systems that leave
/// locks to each machine, or may be mounted so.
#[cfg(target_os = "linux")]
pub(super) fn may_hide_locks(directory: BorrowedFd<'_>) -> bool {
    const FUSE: u32 = 0x6573_5546;
    const PLAN_9: u32 = 0x0102_1997;
    const NFS: u32 = 0x6969;
    const CIFS: u32 = 0xFF53_4D42;
    const SMB_2: u32 = 0xFE53_4D42;
    const CEPH: u32 = 0x00C3_6400;
    let hide = [FUSE, PLAN_9, NFS, CIFS, SMB_2, CEPH];
    system::fstatfs(directory).is_ok_and(|stat| hide.contains(&(stat.f_type as u32)))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn may_hide_locks(_directory: BorrowedFd<'_>) -> bool {
    false
}

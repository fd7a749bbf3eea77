//! Attributes of files and directories beside their contents: permission bits, times and an identity.

use super::context::StoreContext;
use super::disk_name::DiskName;
use super::source::{self, kind_of, permissions};
use super::{errors, resolve};
use crate::store::boot::place_of;
use crate::store::system;
use crate::store::{Fsync, StoreResult};
use remofile_protocol::digest::digest;
use remofile_protocol::handshake::Place;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Kind, Timestamp};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

/// Sets the permission bits of a file or directory, never of what a link leads to.
pub(super) fn set_mode(shared: &StoreContext, path: &RemotePath, mode: u32) -> StoreResult<()> {
    let (place, name) = resolve::parent(shared.jail()?, path)?;
    let directory = place.directory.as_fd();
    // Looked at first: opening a device may do something.
    let kind = super::remove::kind_at(directory, &name)?;
    refuse_other(kind)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    match resolve::open_one(directory, name.bytes(), flags) {
        Ok(file) => {
            let wanted = wanted_mode(&file, mode)?;
            let stat = system::fstat(&file).map_err(errors::failure)?;
            shared.carrying_doubt(&stat, |_| system::fchmod(&file, wanted).map_err(errors::failure))?;
            shared.flush_file(&file)
        }
        // Its owner may change what nobody may read.
        Err(Errno::ACCESS) => {
            let stat = stat_of(directory, &name)?;
            shared.carrying_doubt(&stat, |_| set_mode_unread(directory, name.bytes(), mode))?;
            shared.flush_named(directory, &name)
        }
        Err(errno) => Err(errors::failure(errno)),
    }
}

/// Sets the time of a file or directory, never of what a link leads to. `may_change` is asked right before.
pub(super) fn set_modified(
    shared: &StoreContext,
    path: &RemotePath,
    modified: Timestamp,
    may_change: &dyn Fn() -> StoreResult<()>,
) -> StoreResult<()> {
    let (place, name) = resolve::parent(shared.jail()?, path)?;
    let directory = place.directory.as_fd();
    refuse_other(super::remove::kind_at(directory, &name)?)?;
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ },
        last_modification: Timespec { tv_sec: modified.seconds(), tv_nsec: modified.nanoseconds().into() },
    };
    let set = || system::utimensat(directory, name.bytes(), &times, AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let stat = stat_of(directory, &name)?;
    let is_content = kind_of(&stat) == Kind::File && shared.options.fsync == Fsync::End;
    // With the time of its source it is taken for the same, so that its content must not be lost any more. What is on the
    // disk needs no record, which would put what is moved meanwhile in doubt.
    let is_unflushed = is_content && !shared.flush_if_changed_since(source::changed(&stat))?;
    if is_unflushed {
        shared.expect_doubt();
    }
    shared.carrying_doubt(&stat, |is_recorded| {
        if is_unflushed && !is_recorded {
            let file = resolve::open_one(directory, name.bytes(), flags).map_err(errors::failure)?;
            system::fsync(&file).map_err(errors::failure)?;
        }
        may_change()?;
        set()
    })?;
    shared.flush_named(directory, &name)
}

fn stat_of(directory: BorrowedFd<'_>, name: &DiskName) -> StoreResult<Stat> {
    system::statat(directory, name.bytes(), AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure)
}

fn refuse_other(kind: Kind) -> StoreResult<()> {
    match kind {
        Kind::File | Kind::Directory => Ok(()),
        Kind::Link | Kind::Special => Err(ErrorCode::NotAFile.into()),
    }
}

/// Returns the mode to set. The bits of a directory that it hands on to new files (setgid, sticky) stay.
fn wanted_mode(file: &OwnedFd, mode: u32) -> StoreResult<Mode> {
    let stat = system::fstat(file).map_err(errors::failure)?;
    let kind = kind_of(&stat);
    refuse_other(kind)?;
    let handed_on = if kind == Kind::Directory { permissions(&stat) & 0o7000 } else { 0 };
    Ok(Mode::from_raw_mode((mode & 0o777 | handed_on) as _))
}

/// Sets the mode by a descriptor that needs no permission to read, so that nothing can be exchanged on the way.
#[cfg(target_os = "linux")]
pub(super) fn set_mode_unread(directory: BorrowedFd<'_>, name: &[u8], mode: u32) -> StoreResult<()> {
    use std::os::fd::AsRawFd;
    let file = resolve::open_one(directory, name, OFlags::PATH).map_err(errors::failure)?;
    let wanted = wanted_mode(&file, mode)?;
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    system::chmodat(rustix::fs::CWD, &own, wanted, AtFlags::empty()).map_err(|errno| match errno {
        // No such descriptor: it is `/proc` that is missing here, not the file.
        Errno::NOENT => ErrorCode::PermissionDenied.into(),
        _ => errors::failure(errno),
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn set_mode_unread(directory: BorrowedFd<'_>, name: &[u8], mode: u32) -> StoreResult<()> {
    let wanted = Mode::from_raw_mode((mode & 0o777) as _);
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    system::chmodat(directory, name, wanted, flags).map_err(errors::failure)
}

/// Returns a number that two paths share if they lead to the same file.
pub(super) fn identity(shared: &StoreContext, path: &RemotePath) -> StoreResult<u128> {
    let stat = source::stat_followed(shared.jail()?, path)?;
    Ok(number_of(&stat))
}

/// Returns the place of what a path leads to.
pub(super) fn place(shared: &StoreContext, path: &RemotePath) -> Option<Place> {
    let stat = source::stat_followed(shared.jail().ok()?, path).ok()?;
    place_of(stat.st_dev as u64, stat.st_ino as u64)
}

fn number_of(stat: &Stat) -> u128 {
    u128::from_be_bytes(digest(format!("{} {}", stat.st_dev, stat.st_ino).as_bytes()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::fs::CWD;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_cannot_be_read_gets_its_mode_all_the_same() {
        let root = tempfile::tempdir().unwrap();
        let directory = system::openat(CWD, root.path(), resolve::READABLE, Mode::empty()).unwrap();
        system::mkdirat(&directory, "below", Mode::RWXU).unwrap();
        rustix::fs::symlinkat("below", &directory, "link").unwrap();
        set_mode_unread(directory.as_fd(), b"below", 0o7751).unwrap();
        assert_eq!(root.path().join("below").metadata().unwrap().permissions().mode() & 0o7777, 0o751);
        let refused = set_mode_unread(directory.as_fd(), b"link", 0o777).unwrap_err();
        assert_eq!(refused.code, ErrorCode::NotAFile);
    }
}

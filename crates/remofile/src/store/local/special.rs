//! Special files: pipes, sockets and devices. None is ever opened.

use super::context::StoreContext;
use super::discard::discard;
use super::errors;
use super::resolve;
use super::source::{kind_of, permissions, stat_itself};
use super::stage::LocalDirectory;
use crate::store::posix::NewSpecial;
use crate::store::{StoreResult, system};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Device, ErrorCode, Failure, Kind, Special};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, FileType, Mode, Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::io::Errno;
use std::sync::Arc;

/// Returns the kind of a special file.
pub(super) fn look(shared: &StoreContext, path: &RemotePath) -> StoreResult<Special> {
    special_of(&stat_itself(shared.jail()?, path)?).ok_or_else(|| Failure::new(ErrorCode::NotAFile))
}

fn special_of(stat: &Stat) -> Option<Special> {
    let device = || Device { major: rustix::fs::major(stat.st_rdev), minor: rustix::fs::minor(stat.st_rdev) };
    Some(match FileType::from_raw_mode(stat.st_mode) {
        FileType::Fifo => Special::Pipe,
        FileType::Socket => Special::Socket,
        FileType::CharacterDevice => Special::Character(device()),
        FileType::BlockDevice => Special::Block(device()),
        _ => return None,
    })
}

/// Makes a special file, atomically. Returns false if there is the same one with the same attributes.
pub(super) fn make(
    shared: &Arc<StoreContext>,
    path: &RemotePath,
    new: &NewSpecial,
    replace: bool,
) -> StoreResult<bool> {
    let (place, name) = resolve::parent(shared.jail()?, path)?;
    shared.refuse_forbidden(&name)?;
    place.refuse_to_become_staging(&name)?;
    let directory = place.directory.as_fd();
    match system::statat(directory, name.bytes(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(there) if is_same(&there, new) => return Ok(false),
        Ok(there) if kind_of(&there) == Kind::Directory => return Err(errors::directory_in_the_way()),
        Ok(_) if !replace => return Err(ErrorCode::AlreadyExists.into()),
        Ok(_) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errors::failure(errno)),
    }
    // Made where nobody else looks, so that it is visible with its attributes only.
    let handle = LocalDirectory::open(shared, &path.split()?.0)?.handle;
    let made = handle.make_guarded(|directory, name| make_here(directory, name, new)).map_err(making_failure)?;
    let temporaries = made.directory(&handle);
    let named = match replace {
        true => system::renameat(temporaries, &made.name, directory, name.bytes()),
        // A second name never replaces what has come there meanwhile.
        false => system::linkat(temporaries, &made.name, directory, name.bytes(), AtFlags::empty()),
    };
    discard(temporaries, &made.name);
    named.map_err(errors::naming_failure)?;
    shared.flush_directory(directory)?;
    Ok(true)
}

fn make_here(directory: BorrowedFd<'_>, name: &str, new: &NewSpecial) -> Result<(), Errno> {
    let none = Device { major: 0, minor: 0 };
    let (kind, device) = match new.special {
        Special::Pipe => (FileType::Fifo, none),
        Special::Socket => (FileType::Socket, none),
        Special::Character(device) => (FileType::CharacterDevice, device),
        Special::Block(device) => (FileType::BlockDevice, device),
    };
    // Nobody else may use it before it has the bits that it shall have.
    let asked = Mode::from_raw_mode(new.mode.map_or(0o666, |_| 0o600) as _);
    system::mknodat(directory, name, kind, asked, (device.major, device.minor))?;
    let given = new.mode.map_or(Ok(()), |mode| {
        system::chmodat(directory, name, Mode::from_raw_mode((mode & 0o777) as _), AtFlags::empty())
    });
    let times = |at: Timespec| Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ },
        last_modification: at,
    };
    let at = new.modified.map_or(Timespec { tv_sec: 0, tv_nsec: UTIME_NOW as _ }, |modified| Timespec {
        tv_sec: modified.seconds(),
        tv_nsec: modified.nanoseconds().into(),
    });
    let given = given.and_then(|()| system::utimensat(directory, name, &times(at), AtFlags::SYMLINK_NOFOLLOW));
    if given.is_err() {
        discard(directory, name);
    }
    given
}

/// Reports whether what is there needs no change.
fn is_same(there: &Stat, new: &NewSpecial) -> bool {
    special_of(there) == Some(new.special)
        && new.mode.is_none_or(|mode| permissions(there) & 0o777 == mode & 0o777)
        && new.modified.is_none_or(|modified| {
            (there.st_mtime, i64::try_from(there.st_mtime_nsec).ok())
                == (modified.seconds(), Some(i64::from(modified.nanoseconds())))
        })
}

fn making_failure(errno: Errno) -> Failure {
    match errno {
        Errno::PERM => Failure::new(ErrorCode::PermissionDenied).because(
            "only a privileged user may make devices: run the receiving side as root, or leave out '--devices'",
        ),
        _ => errors::naming_failure(errno),
    }
}

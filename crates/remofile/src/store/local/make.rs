//! New empty files and new directories.

use super::context::StoreContext;
use super::disk_name::DiskName;
use super::errors;
use super::jail::Place;
use super::remove::kind_at;
use super::resolve;
use super::source::permissions;
use crate::store::StoreResult;
use crate::store::system;
use remofile_protocol::path::{FileName, NameRule, RemotePath};
use remofile_protocol::wire::{ErrorCode, Failure, Kind};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::io::Errno;

pub(super) fn create_file(shared: &StoreContext, path: &RemotePath, update: bool) -> StoreResult<()> {
    if path.is_root() {
        return Err(errors::directory_in_the_way());
    }
    let (place, name) = resolve::parent(shared.jail()?, path)?;
    let directory = place.directory.as_fd();
    if update && kind_at(directory, &name).is_ok_and(|kind| kind == Kind::File) {
        return touch(shared, directory, &name);
    }
    shared.refuse_forbidden(&name)?;
    place.refuse_to_become_staging(&name)?;
    // Never executable, and always readable and writable for the store itself.
    let exact = shared.options.file_mode.map(|mode| mode & 0o666 | 0o600);
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(exact.unwrap_or(0o666) as _);
    let file = match system::openat(directory, name.bytes(), flags, mode) {
        Ok(file) => file,
        // Somebody else created it just now.
        Err(Errno::EXIST) if update && kind_at(directory, &name)? == Kind::File => {
            return touch(shared, directory, &name);
        }
        Err(Errno::EXIST) => return Err(taken(directory, &name)),
        Err(errno) => return Err(errors::failure(errno)),
    };
    // The umask takes bits from the mode that was asked for.
    let got = permissions(&system::fstat(&file).map_err(errors::failure)?);
    let wanted = exact.unwrap_or(got | 0o600);
    if got != wanted {
        system::fchmod(&file, Mode::from_raw_mode(wanted as _)).map_err(errors::failure)?;
    }
    shared.flush_file(&file)?;
    shared.flush_directory(directory)
}

/// Sets the time of a file to now.
fn touch(shared: &StoreContext, directory: BorrowedFd<'_>, name: &DiskName) -> StoreResult<()> {
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ },
        last_modification: Timespec { tv_sec: 0, tv_nsec: UTIME_NOW as _ },
    };
    let set = || system::utimensat(directory, name.bytes(), &times, AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure);
    let stat = system::statat(directory, name.bytes(), AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure)?;
    shared.carrying_doubt(&stat, |_| set())?;
    shared.flush_named(directory, name)
}

pub(super) fn make_directory(
    shared: &StoreContext,
    path: &RemotePath,
    update: bool,
    parents: bool,
) -> StoreResult<bool> {
    if path.is_root() {
        return if update { Ok(false) } else { Err(errors::directory_in_the_way()) };
    }
    // Mostly the parents are there, and one look finds them.
    let (place, name) = match resolve::parent(shared.jail()?, path) {
        Err(failure) if parents && failure.code == ErrorCode::NotFound => make_parents(shared, path)?,
        found => found?,
    };
    if make_one(shared, &place, &name)? {
        return Ok(true);
    }
    // A link to a directory within the root is as good as one.
    if update && resolve::directory(shared.jail()?, path).is_ok() {
        return Ok(false);
    }
    Err(taken(place.directory.as_fd(), &name))
}

/// Makes what is missing above the last name, from the root down.
fn make_parents(shared: &StoreContext, path: &RemotePath) -> StoreResult<(Place, DiskName)> {
    let (directory, last) = path.split()?;
    let jail = shared.jail()?;
    let last = DiskName::of(last, jail.encoding)?;
    let mut place = resolve::directory(jail, &RemotePath::root())?;
    let mut reached_bytes = 0;
    for name in directory.names() {
        reached_bytes += 1 + name.len();
        let name = DiskName::of(FileName::parse(name, NameRule::Posix)?, jail.encoding)?;
        place.refuse_reserved(&name)?;
        place = match resolve::open_one(place.directory.as_fd(), name.bytes(), resolve::HANDLE) {
            Ok(directory) => Place { directory, is_root: false },
            Err(Errno::NOENT) => {
                make_one(shared, &place, &name)?;
                let made = resolve::open_one(place.directory.as_fd(), name.bytes(), resolve::HANDLE);
                Place { directory: made.map_err(errors::failure)?, is_root: false }
            }
            // A link, or no directory at all.
            Err(Errno::NOTDIR | Errno::LOOP) => {
                resolve::directory(jail, &RemotePath::parse(&directory.as_str()[..reached_bytes])?)?
            }
            Err(errno) => return Err(errors::failure(errno)),
        };
    }
    place.refuse_reserved(&last)?;
    Ok((place, last))
}

/// Makes one directory; false where the name is taken.
fn make_one(shared: &StoreContext, place: &Place, name: &DiskName) -> StoreResult<bool> {
    let exact = shared.options.directory_mode.map(|mode| mode & 0o777 | 0o700);
    let mode = Mode::from_raw_mode(exact.unwrap_or(0o777) as _);
    let parent = place.directory.as_fd();
    if let Err(failure) = shared.refuse_forbidden(name) {
        // A directory that has such a name already may be passed through.
        return if kind_at(parent, name).is_ok() { Ok(false) } else { Err(failure) };
    }
    place.refuse_to_become_staging(name)?;
    match system::mkdirat(parent, name.bytes(), mode) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(false),
        Err(errno) => return Err(errors::failure(errno)),
    }
    correct_mode(parent, name, exact)?;
    shared.flush_directory(parent)?;
    Ok(true)
}

/// Corrects what the umask made of the mode; a set-group-id bit that was inherited stays.
fn correct_mode(parent: BorrowedFd<'_>, name: &DiskName, exact: Option<u32>) -> StoreResult<()> {
    let stat = system::statat(parent, name.bytes(), AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure)?;
    let got = permissions(&stat);
    let wanted = exact.unwrap_or(got & 0o777 | 0o700) | got & 0o2000;
    if got == wanted {
        return Ok(());
    }
    let directory = resolve::open_one(parent, name.bytes(), resolve::READABLE).map_err(errors::failure)?;
    system::fchmod(&directory, Mode::from_raw_mode(wanted as _)).map_err(errors::failure)
}

fn taken(directory: BorrowedFd<'_>, name: &DiskName) -> Failure {
    match kind_at(directory, name) {
        Ok(Kind::Directory) => errors::directory_in_the_way(),
        _ => Failure::new(ErrorCode::AlreadyExists),
    }
}

//! Renames within the root.

use super::context::StoreContext;
use super::disk_name::DiskName;
use super::jail::Place;
use super::naming::rename_without_replacing;
use super::resolve;
use super::source::kind_of;
use super::{errors, link};
use crate::store::StoreResult;
use crate::store::system;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Kind};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, Stat};
use rustix::io::Errno;

pub(super) fn rename(
    shared: &StoreContext,
    source: &RemotePath,
    destination: &RemotePath,
    replace: bool,
) -> StoreResult<()> {
    let jail = shared.jail()?;
    let (from, old) = resolve::parent(jail, source)?;
    let stat = stat_of(&from, &old).map_err(errors::failure)?;
    if source != destination && destination.is_within(source) && kind_of(&stat) == Kind::Directory {
        return Err(Failure::new(ErrorCode::IntoItself));
    }
    let (to, new) = resolve::parent(jail, destination)?;
    shared.refuse_forbidden(&new)?;
    to.refuse_to_become_staging(&new)?;
    if kind_of(&stat) == Kind::Link {
        link::refuse_to_lead_out_from(jail, source, destination)?;
    }
    shared.carrying_doubt(&stat, |_| {
        // A directory never replaces anything, whatever the caller asked for.
        if replace && kind_of(&stat) != Kind::Directory {
            replace_file(&from, &old, &to, &new, &stat)
        } else {
            rename_to_free_name(&from, &old, &to, &new)
        }
    })?;
    // The new name first: a crash in between leaves two names rather than none.
    shared.flush_directory(to.directory.as_fd())?;
    shared.flush_directory(from.directory.as_fd())
}

fn stat_of(place: &Place, name: &DiskName) -> Result<Stat, Errno> {
    system::statat(&place.directory, name.bytes(), AtFlags::SYMLINK_NOFOLLOW)
}

/// Renames what is no directory; the system lets it replace anything but a directory.
fn replace_file(from: &Place, old: &DiskName, to: &Place, new: &DiskName, stat: &Stat) -> StoreResult<()> {
    let is_second_name = stat.st_nlink > 1
        && stat_of(to, new).is_ok_and(|other| (other.st_dev, other.st_ino) == (stat.st_dev, stat.st_ino))
        && !is_same_name(from, old, to, new)?;
    if is_second_name {
        // Two names of one file: a rename would leave both.
        return system::unlinkat(&from.directory, old.bytes(), AtFlags::empty()).map_err(errors::failure);
    }
    system::renameat(&from.directory, old.bytes(), &to.directory, new.bytes()).map_err(renaming_failure)
}

fn renaming_failure(errno: Errno) -> Failure {
    match errno {
        Errno::BUSY => {
            Failure::new(ErrorCode::Other).because("something is mounted there, or the system needs it there")
        }
        _ => errors::naming_failure(errno),
    }
}

fn is_same_name(from: &Place, old: &DiskName, to: &Place, new: &DiskName) -> StoreResult<bool> {
    let identity = |directory: BorrowedFd<'_>| {
        system::fstat(directory).map(|stat| (stat.st_dev, stat.st_ino)).map_err(errors::failure)
    };
    Ok(old == new && identity(from.directory.as_fd())? == identity(to.directory.as_fd())?)
}

fn rename_to_free_name(from: &Place, old: &DiskName, to: &Place, new: &DiskName) -> StoreResult<()> {
    let (old_directory, new_directory) = (from.directory.as_fd(), to.directory.as_fd());
    match rename_without_replacing(old_directory, old.bytes(), new_directory, new.bytes()) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => rename_without_help(from, old, to, new),
        result => result,
    }
    .map_err(|errno| match errno {
        Errno::EXIST if stat_of(to, new).is_ok_and(|stat| kind_of(&stat) == Kind::Directory) => {
            errors::directory_in_the_way()
        }
        _ => renaming_failure(errno),
    })
}

/// Renames on file systems that cannot do so without replacing: a file by a second name, which never replaces; a
/// directory by a look first, since the worst it could replace is an empty directory.
fn rename_without_help(from: &Place, old: &DiskName, to: &Place, new: &DiskName) -> Result<(), Errno> {
    if kind_of(&stat_of(from, old)?) == Kind::Directory {
        if stat_of(to, new).is_ok() {
            return Err(Errno::EXIST);
        }
        return system::renameat(&from.directory, old.bytes(), &to.directory, new.bytes());
    }
    system::linkat(&from.directory, old.bytes(), &to.directory, new.bytes(), AtFlags::empty())?;
    system::unlinkat(&from.directory, old.bytes(), AtFlags::empty())
}

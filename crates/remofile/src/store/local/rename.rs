//! Renames within the root.

use super::context::StoreContext;
use super::jail::Place;
use super::naming::rename_without_replacing;
use super::resolve;
use super::source::kind_of;
use super::{errors, link};
use crate::store::StoreResult;
use remofile_protocol::path::{FileName, RemotePath};
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
    shared.flush_directory(from.directory.as_fd())?;
    shared.flush_directory(to.directory.as_fd())
}

fn stat_of(place: &Place, name: &FileName) -> Result<Stat, Errno> {
    rustix::fs::statat(&place.directory, name.as_str(), AtFlags::SYMLINK_NOFOLLOW)
}

/// Renames what is no directory; the system lets it replace anything but a directory.
fn replace_file(from: &Place, old: &FileName, to: &Place, new: &FileName, stat: &Stat) -> StoreResult<()> {
    let is_second_name = stat.st_nlink > 1
        && stat_of(to, new).is_ok_and(|other| (other.st_dev, other.st_ino) == (stat.st_dev, stat.st_ino))
        && !is_same_name(from, old, to, new)?;
    if is_second_name {
        // Two names of one file: a rename would leave both.
        return rustix::fs::unlinkat(&from.directory, old.as_str(), AtFlags::empty()).map_err(errors::failure);
    }
    rustix::fs::renameat(&from.directory, old.as_str(), &to.directory, new.as_str()).map_err(errors::naming_failure)
}

fn is_same_name(from: &Place, old: &FileName, to: &Place, new: &FileName) -> StoreResult<bool> {
    let identity = |directory: BorrowedFd<'_>| {
        rustix::fs::fstat(directory).map(|stat| (stat.st_dev, stat.st_ino)).map_err(errors::failure)
    };
    Ok(old == new && identity(from.directory.as_fd())? == identity(to.directory.as_fd())?)
}

fn rename_to_free_name(from: &Place, old: &FileName, to: &Place, new: &FileName) -> StoreResult<()> {
    let (old_directory, new_directory) = (from.directory.as_fd(), to.directory.as_fd());
    match rename_without_replacing(old_directory, old.as_str(), new_directory, new.as_str()) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => rename_without_help(from, old, to, new),
        result => result,
    }
    .map_err(|errno| match errno {
        Errno::EXIST if stat_of(to, new).is_ok_and(|stat| kind_of(&stat) == Kind::Directory) => {
            errors::directory_in_the_way()
        }
        _ => errors::naming_failure(errno),
    })
}

/// Renames on file systems that cannot do so without replacing: a file by a second name, which never replaces; a
/// directory by a look first, since the worst it could replace is an empty directory.
fn rename_without_help(from: &Place, old: &FileName, to: &Place, new: &FileName) -> Result<(), Errno> {
    if kind_of(&stat_of(from, old)?) == Kind::Directory {
        if stat_of(to, new).is_ok() {
            return Err(Errno::EXIST);
        }
        return rustix::fs::renameat(&from.directory, old.as_str(), &to.directory, new.as_str());
    }
    rustix::fs::linkat(&from.directory, old.as_str(), &to.directory, new.as_str(), AtFlags::empty())?;
    rustix::fs::unlinkat(&from.directory, old.as_str(), AtFlags::empty())
}

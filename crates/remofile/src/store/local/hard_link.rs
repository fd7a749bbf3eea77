//! Second names of files: hard links.

use super::context::StoreContext;
use super::discard::discard;
use super::disk_name::DiskName;
use super::source::kind_of;
use super::stage::LocalDirectory;
use super::{errors, resolve, source};
use crate::store::{NamedFile, StoreResult, system};
use remofile_protocol::digest::digest;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Kind};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, Stat};
use rustix::io::Errno;
use std::sync::Arc;

/// Returns a number that the names of one file share, if a regular file has several. A link is not followed.
pub(super) fn shared_identity(shared: &StoreContext, path: &RemotePath) -> StoreResult<Option<u128>> {
    let stat = source::stat_itself(shared.jail()?, path)?;
    let has_several = kind_of(&stat) == Kind::File && stat.st_nlink > 1;
    let number = || digest(format!("{} {}", stat.st_dev, stat.st_ino).as_bytes());
    Ok(has_several.then(|| u128::from_be_bytes(number())))
}

/// Gives a file another name, atomically. Returns false if that leads to it already.
pub(super) fn add(shared: &Arc<StoreContext>, of: &RemotePath, path: &RemotePath, replace: bool) -> StoreResult<bool> {
    let (from, old) = resolve::parent(shared.jail()?, of)?;
    add_of(shared, &NamedFile { directory: from.directory, name: old.bytes().to_vec() }, path, replace)
}

/// As [`add`], of a file of any directory of the same file system.
pub(super) fn add_of(
    shared: &Arc<StoreContext>,
    file: &NamedFile,
    path: &RemotePath,
    replace: bool,
) -> StoreResult<bool> {
    let NamedFile { directory: from, name: old } = file;
    let stat = system::statat(from, old.as_slice(), AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure)?;
    if kind_of(&stat) != Kind::File {
        return Err(ErrorCode::NotAFile.into());
    }
    let (to, new) = resolve::parent(shared.jail()?, path)?;
    shared.refuse_forbidden(&new)?;
    to.refuse_to_become_staging(&new)?;
    let directory = to.directory.as_fd();
    match stat_of(directory, &new) {
        Ok(there) if (there.st_dev, there.st_ino) == (stat.st_dev, stat.st_ino) => return Ok(false),
        Ok(there) if kind_of(&there) == Kind::Directory => return Err(errors::directory_in_the_way()),
        Ok(_) if !replace => return Err(ErrorCode::AlreadyExists.into()),
        Ok(_) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errors::failure(errno)),
    }
    // A new name changes the file's time of last change, by which its doubt is known.
    shared.carrying_doubt(&stat, |_| {
        let link = |to: BorrowedFd<'_>, name: &[u8]| system::linkat(from, old.as_slice(), to, name, AtFlags::empty());
        match link(directory, new.bytes()) {
            Err(Errno::EXIST) if replace => {}
            made => return made.map_err(linking_failure),
        }
        let handle = LocalDirectory::open(shared, &path.split()?.0)?.handle;
        let made = handle.make_guarded(|directory, name| link(directory, name.as_bytes())).map_err(linking_failure)?;
        let temporaries = made.directory(&handle);
        let renamed = system::renameat(temporaries, &made.name, directory, new.bytes());
        // A rename over another name of the same file leaves both as they are.
        discard(temporaries, &made.name);
        renamed.map_err(errors::naming_failure)
    })?;
    shared.flush_directory(directory)?;
    Ok(true)
}

fn stat_of(directory: BorrowedFd<'_>, name: &DiskName) -> Result<Stat, Errno> {
    system::statat(directory, name.bytes(), AtFlags::SYMLINK_NOFOLLOW)
}

fn linking_failure(errno: Errno) -> Failure {
    let why = match errno {
        Errno::XDEV => {
            "the two names would be on two file systems: transfer it without '--hard-links' and '--link-dest'"
        }
        Errno::MLINK => "the file has as many names as the file system admits",
        Errno::PERM | Errno::OPNOTSUPP => {
            "the file system, or the system's protection of hard links, admits no second name of it: transfer it \
             without '--hard-links' and '--link-dest'"
        }
        _ => return errors::naming_failure(errno),
    };
    errors::naming_failure(errno).because(why)
}

//! The place of a pidfile: a name in a directory that is held open, and what is checked before anything in
//! the file there is believed.

use super::complaints::{missing, not_ours, untrusted};
use crate::failed::{Failed, Result};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawMode, Stat, fstat, open, openat, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Never follows a link, and never waits for the other end of a named pipe.
const CAREFULLY: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// A directory is held without the right to list it, where there is such a thing.
#[cfg(target_os = "linux")]
const HELD: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const HELD: OFlags = OFlags::RDONLY;

/// The permissions of a new pidfile: everybody may read which process serves, nobody but the owner may write.
pub(super) const MODE: Mode = Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP).union(Mode::ROTH);

/// A name in a directory.
#[derive(Debug)]
pub(super) struct Place {
    directory: OwnedFd,
    name: OsString,
    path: PathBuf,
}

impl Place {
    /// The place that a path names, relative to the current directory.
    ///
    /// # Errors
    /// If the directory is missing, cannot be entered, or lets everybody exchange the files in it.
    pub(super) fn of(path: &Path, access: Access) -> Result<Self> {
        let path = std::path::absolute(path).map_err(|error| Failed::file(path, error))?;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(not_ours(&path, "a directory"));
        };
        let how = HELD | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = match open(parent, how, Mode::empty()) {
            Ok(directory) => directory,
            Err(Errno::NOENT) if access == Access::Look => return Err(missing(&path)),
            Err(error) => return Err(Failed::file(parent, error)),
        };
        let place = Self { directory, name: name.to_owned(), path: path.clone() };
        let stat = fstat(&place.directory).map_err(|error| place.failed(error))?;
        if is_open_to_everybody(stat.st_mode) {
            return Err(untrusted(&path, "everybody may exchange the files of its directory"));
        }
        Ok(place)
    }

    /// Returns its absolute path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file that is there, to read it or to write it too. Nothing, if there is none.
    ///
    /// # Errors
    /// If it is no regular file, or one that others than its owner can have written, or another user's.
    pub(super) fn open(&self, access: Access) -> Result<Option<File>> {
        let how = match access {
            Access::Claim => OFlags::RDWR,
            Access::Look => OFlags::RDONLY,
        };
        match openat(&self.directory, &self.name, how | CAREFULLY, Mode::empty()) {
            Ok(descriptor) => self.checked(File::from(descriptor), access).map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP) => Err(not_ours(&self.path, "a symbolic link")),
            Err(Errno::ISDIR) => Err(not_ours(&self.path, "a directory")),
            Err(Errno::NXIO) => Err(not_ours(&self.path, "a special file")),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Creates the file. Nothing, if there is one now.
    ///
    /// # Errors
    /// If it cannot be created.
    pub(super) fn create(&self) -> Result<Option<File>> {
        let how = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | CAREFULLY;
        match openat(&self.directory, &self.name, how, MODE) {
            Ok(descriptor) => Ok(Some(File::from(descriptor))),
            Err(Errno::EXIST) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Reports whether an open file is still the one that is there: it may have been removed or replaced.
    pub(super) fn still_holds(&self, file: &File) -> Result<bool> {
        let identity = |stat: Stat| (stat.st_dev, stat.st_ino);
        let open = fstat(file).map_err(|error| self.failed(error))?;
        match statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(named) => Ok(identity(named) == identity(open)),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Removes the file.
    pub(super) fn remove(&self) -> Result<()> {
        unlinkat(&self.directory, &self.name, AtFlags::empty()).map_err(|error| self.failed(error))
    }

    /// A failure of the file.
    pub(super) fn failed(&self, error: impl Into<std::io::Error>) -> Failed {
        Failed::file(&self.path, error)
    }

    fn checked(&self, file: File, access: Access) -> Result<File> {
        let stat = fstat(&file).map_err(|error| self.failed(error))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(not_ours(&self.path, "a directory")),
            _ => return Err(not_ours(&self.path, "a special file")),
        }
        match distrust(&stat, access, geteuid().as_raw()) {
            Some(why) => Err(untrusted(&self.path, &why)),
            None => Ok(file),
        }
    }
}

/// The purpose for which a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// To make it this process's own.
    Claim,
    /// To find the server that has claimed it.
    Look,
}

/// Returns the reason a pidfile is not believed, if it is not. Root may stop the servers of others, by the files
/// of those others: what these say is then believed only of processes of the same user.
fn distrust(file: &Stat, access: Access, caller: u32) -> Option<String> {
    let is_own = file.st_uid == caller || (caller == 0 && access == Access::Look);
    if !is_own {
        return Some(format!("it belongs to another user (id {})", file.st_uid));
    }
    if file.st_mode & 0o022 != 0 {
        return Some(format!("others may write to it (mode {:o})", file.st_mode & 0o777));
    }
    // A second name may be what somebody else has given it, in a place of their choice.
    (file.st_nlink > 1).then(|| "it has a second name, a hard link".to_owned())
}

/// In such a directory everybody may put one file in the place of another. (Where members of a group may, they are
/// taken for trusted.)
fn is_open_to_everybody(mode: RawMode) -> bool {
    let is_sticky = mode & 0o1000 != 0;
    mode & 0o002 != 0 && !is_sticky
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distrusted(change: impl FnOnce(&mut Stat), access: Access, caller: u32) -> bool {
        let file = tempfile::tempfile().unwrap();
        let mut stat = fstat(&file).unwrap();
        (stat.st_uid, stat.st_mode, stat.st_nlink) = (1000, 0o100_644, 1);
        change(&mut stat);
        distrust(&stat, access, caller).is_some()
    }

    #[test]
    fn a_file_is_believed_only_if_nobody_but_its_owner_can_have_written_it() {
        for access in [Access::Claim, Access::Look] {
            assert!(!distrusted(|_| {}, access, 1000));
            assert!(!distrusted(|stat| stat.st_uid = 0, access, 0));
            assert!(distrusted(|stat| stat.st_uid = 0, access, 1000), "root's, for a user");
            assert!(distrusted(|stat| stat.st_uid = 1001, access, 1000), "one user's, for another");
            assert!(distrusted(|stat| stat.st_mode |= 0o020, access, 1000));
            assert!(distrusted(|stat| stat.st_mode |= 0o002, access, 1000));
            assert!(distrusted(|stat| stat.st_nlink = 2, access, 1000));
        }
    }

    #[test]
    fn root_looks_for_the_servers_of_others_and_claims_no_file_of_theirs() {
        assert!(!distrusted(|_| {}, Access::Look, 0));
        assert!(distrusted(|_| {}, Access::Claim, 0));
    }

    #[test]
    fn directories_where_everybody_may_exchange_files_are_told_from_those_like_tmp() {
        for (mode, open) in [(0o040_755, false), (0o041_777, false), (0o040_775, false), (0o040_777, true)] {
            assert_eq!(is_open_to_everybody(mode), open, "{mode:o}");
        }
    }
}

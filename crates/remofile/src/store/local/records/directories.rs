//! The directories of the ledger: found, made, and removed when nothing is in them.

use crate::store::STAGING_NAME;
use crate::store::local::discard::{discard_directory, discard_staging};
use crate::store::local::resolve;
use crate::store::local::root::Root;
use crate::store::local::staging::refuse_foreign;
use crate::store::system;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::Mode;
use rustix::io::Errno;

/// The directory in the staging directory.
const DIRECTORY: &str = "unflushed";

/// Attempts to make the directories, which others may remove meanwhile.
pub(super) const ATTEMPTS: usize = 16;

/// Opens the staging directory and the one in it, if there are both.
pub(super) fn directories(root: &Root) -> Result<Option<(OwnedFd, OwnedFd)>, Errno> {
    let open = |at: BorrowedFd<'_>, name: &str| match resolve::open_one(at, name.as_bytes(), resolve::READABLE) {
        Ok(directory) => Ok(Some(directory)),
        // Another user's is none of ours, as with partials: without it everything else is served all the same.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS | Errno::PERM) => Ok(None),
        Err(errno) => Err(errno),
    };
    let Some(staging) = open(root.as_fd(), STAGING_NAME)? else { return Ok(None) };
    Ok(open(staging.as_fd(), DIRECTORY)?.map(|directory| (staging, directory)))
}

pub(super) fn make_directories(root: &Root) -> Result<(OwnedFd, OwnedFd), Errno> {
    for _ in 0..ATTEMPTS {
        let made = make_directory(root.as_fd(), STAGING_NAME).and_then(|staging| {
            let made = refuse_foreign(&staging).and_then(|()| make_directory(staging.as_fd(), DIRECTORY));
            // Another user's stays.
            if made.as_ref().is_err_and(|errno| *errno != Errno::PERM) {
                discard_staging(root);
            }
            Ok((staging, made?))
        });
        match made {
            // Somebody removed it, as it was empty.
            Err(Errno::NOENT) => {}
            made => return made,
        }
    }
    Err(Errno::NOENT)
}

fn make_directory(at: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    match system::mkdirat(at, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let opened = resolve::open_one(at, name.as_bytes(), resolve::READABLE);
    if opened.is_err() {
        discard_directory(at, name);
    }
    opened
}

/// Removes the directories if nothing is in them.
pub(super) fn remove_directories(root: &Root, staging: &OwnedFd) {
    if discard_directory(staging.as_fd(), DIRECTORY) {
        discard_staging(root);
    }
}

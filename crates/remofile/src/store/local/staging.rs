//! The staging directory, `.remofile` in the root.
//!
//! It is made when the first file needs it and removed when the last one is gone. Other processes may do
//! the same in the same root: a process whose directory was removed meanwhile makes it again. A file in it
//! is locked (`flock`) by its writer, so that no two processes write one and none in use expires.

mod held;
mod locks;

pub(super) use held::Staging;
pub(super) use locks::{is_still_named, lock, refuse_foreign};

use super::context::StoreContext;
use super::{errors, resolve};
use crate::store::STAGING_NAME;
use crate::store::StoreResult;
use locks::lock_with_retries;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::sync::{Arc, PoisonError, Weak};

/// Attempts to open a directory or partial that vanishes meanwhile.
const ATTEMPTS: usize = 16;

/// Makes something in the staging directory.
pub(super) fn make_in<T>(
    shared: &Arc<StoreContext>,
    mut make: impl FnMut(BorrowedFd<'_>) -> Result<T, Errno>,
) -> Result<(Arc<Staging>, T), Errno> {
    for _ in 0..ATTEMPTS {
        let staging = hold(shared)?;
        match make(staging.directory()) {
            // Another process removed the directory while it was empty.
            Err(Errno::NOENT) => forget(shared, &staging),
            result => return result.map(|made| (staging, made)),
        }
    }
    Err(Errno::NOENT)
}

/// Opens the partial of a given name for writing, as it is; with `OFlags::CREATE` it is made if there is none.
/// Returns `None` if another process is writing it.
pub(super) fn open_partial(staging: BorrowedFd<'_>, name: &str, create: OFlags) -> Result<Option<OwnedFd>, Errno> {
    // Without waiting, so that a pipe of that name does not hold the thread.
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | create;
    for _ in 0..ATTEMPTS {
        let file = rustix::fs::openat(staging, name, flags, Mode::from_raw_mode(0o666))?;
        if !lock_with_retries(&file)? {
            return Ok(None);
        }
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Errno::INVAL);
        }
        if !is_still_named(staging, name, &stat)? {
            continue; // Somebody committed or removed it before it was locked: it is not ours any more.
        }
        if stat.st_nlink == 1 {
            return Ok(Some(file));
        }
        // A crash came between committing it by a second name and removing the first.
        rustix::fs::unlinkat(staging, name, AtFlags::empty())?;
    }
    Ok(None)
}

/// Creates a file under a name that is free.
pub(super) fn create_locked(directory: BorrowedFd<'_>, name: &str, mode: u32) -> Result<OwnedFd, Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(mode as _))?;
    // Only who removes old files looks for this lock; a file system without locks is served all the same.
    let _ = lock(&file);
    Ok(file)
}

/// Opens the staging directory where there is one that is ours alone, and changes nothing.
pub(super) fn look(shared: &StoreContext) -> StoreResult<Option<OwnedFd>> {
    let opened = resolve::open_one(shared.root.as_fd(), STAGING_NAME.as_bytes(), resolve::READABLE);
    match opened.and_then(|directory| refuse_foreign(&directory).map(|()| directory)) {
        Ok(directory) => Ok(Some(directory)),
        // Anything that is no directory of this user alone holds no files of this store.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::PERM) => Ok(None),
        Err(errno) => Err(errors::failure(errno)),
    }
}

/// Opens the staging directory as [`look`] does, to change something in it. The directory is removed if nothing is
/// left.
pub(super) fn find(shared: &Arc<StoreContext>) -> StoreResult<Option<Arc<Staging>>> {
    let found = look(shared)?;
    Ok(found.map(|directory| Arc::new(Staging::new(&shared.root, directory))))
}

fn hold(shared: &Arc<StoreContext>) -> Result<Arc<Staging>, Errno> {
    let mut current = shared.staging.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(staging) = current.upgrade() {
        return Ok(staging);
    }
    for _ in 0..ATTEMPTS {
        match rustix::fs::mkdirat(&shared.root, STAGING_NAME, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        match resolve::open_one(shared.root.as_fd(), STAGING_NAME.as_bytes(), resolve::READABLE) {
            Ok(directory) => {
                refuse_foreign(&directory)?;
                let staging = Arc::new(Staging::new(&shared.root, directory));
                // Weak, so that the directory goes with the last of its users.
                *current = Arc::downgrade(&staging);
                return Ok(staging);
            }
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::NOENT)
}

fn forget(shared: &StoreContext, staging: &Arc<Staging>) {
    let mut current = shared.staging.lock().unwrap_or_else(PoisonError::into_inner);
    // Another thread may have made the directory again already: that one is kept.
    if std::ptr::eq(current.as_ptr(), Arc::as_ptr(staging)) {
        *current = Weak::new();
    }
}

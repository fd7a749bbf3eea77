//! The staging directory, `.remofile` in the root.
//!
//! It is made when the first file needs it and removed when the last one is gone. Other processes may do
//! the same in the same root: a process whose directory was removed meanwhile makes it again. A file in it
//! is locked (`flock`) by its writer, so that no two processes write one and none in use expires.

use super::{STAGING_NAME, StoreContext, errors, resolve};
use crate::store::StoreResult;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

/// Attempts to open a directory or partial that vanishes meanwhile.
const ATTEMPTS: usize = 16;

/// Attempts to lock a file whose lock may be that of a reader, who gives it up at once.
const LOOKERS_AWAITED: usize = 3;

/// The open staging directory; the last holder removes it if it is empty.
pub(super) struct Staging {
    shared: Arc<StoreContext>,
    directory: OwnedFd,
}

impl Staging {
    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Not empty is no failure: somebody keeps a partial, or has just begun one.
        let _ = rustix::fs::unlinkat(&self.shared.root, STAGING_NAME, AtFlags::REMOVEDIR);
    }
}

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

/// Reports whether a name still leads to a file that was opened by it.
pub(super) fn is_still_named<P: rustix::path::Arg>(
    staging: BorrowedFd<'_>,
    name: P,
    held: &Stat,
) -> Result<bool, Errno> {
    match rustix::fs::statat(staging, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) => Ok((named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
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
    Ok(found.map(|directory| Arc::new(Staging { shared: Arc::clone(shared), directory })))
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
                let staging = Arc::new(Staging { shared: Arc::clone(shared), directory });
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

/// Refuses a directory that other users may write to: files in it could not be trusted.
pub(super) fn refuse_foreign(directory: &OwnedFd) -> Result<(), Errno> {
    let stat = rustix::fs::fstat(directory)?;
    let is_ours = stat.st_uid == rustix::process::geteuid().as_raw();
    let is_private = super::source::permissions(&stat) & 0o022 == 0;
    if is_ours && is_private { Ok(()) } else { Err(Errno::PERM) }
}

fn forget(shared: &StoreContext, staging: &Arc<Staging>) {
    let mut current = shared.staging.lock().unwrap_or_else(PoisonError::into_inner);
    // Another thread may have made the directory again already: that one is kept.
    if std::ptr::eq(current.as_ptr(), Arc::as_ptr(staging)) {
        *current = Weak::new();
    }
}

/// Locks a file as [`lock`] does, but tries again while readers hold it, who need it only for a moment.
fn lock_with_retries(file: &OwnedFd) -> Result<bool, Errno> {
    for _ in 0..LOOKERS_AWAITED {
        if lock(file)? {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    lock(file)
}

pub(super) fn lock(file: &OwnedFd) -> Result<bool, Errno> {
    match resolve::retry(|| rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno),
    }
}

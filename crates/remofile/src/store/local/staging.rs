//! The staging directory, `.remofile` in the root.
//!
//! It is made when the first file needs it and removed when the last one is gone. Other processes may
//! do the same in the same root: whoever finds it removed under their hands makes it again. A file in
//! it is locked (`flock`) by who writes it, so that no two write one and none in use expires.

use super::names::Names;
use super::{STAGING_NAME, Shared, errors, resolve};
use crate::store::StoreResult;
use remofile_protocol::wire::ErrorCode;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, SystemTime};

/// How often a directory or partial that vanishes while it is opened is tried again.
const ATTEMPTS: usize = 16;

/// The open staging directory; the last holder removes it if it is empty.
pub(super) struct Staging {
    shared: Arc<Shared>,
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
    shared: &Arc<Shared>,
    mut make: impl FnMut(BorrowedFd<'_>) -> Result<T, Errno>,
) -> Result<(Arc<Staging>, T), Errno> {
    for _ in 0..ATTEMPTS {
        let staging = hold(shared)?;
        match make(staging.directory()) {
            Err(Errno::NOENT) => forget(shared, &staging),
            result => return result.map(|made| (staging, made)),
        }
    }
    Err(Errno::NOENT)
}

/// Opens the partial of a given name, emptied; `None` where somebody else is writing it.
pub(super) fn open_partial(staging: BorrowedFd<'_>, name: &str) -> Result<Option<OwnedFd>, Errno> {
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    for _ in 0..ATTEMPTS {
        let file = rustix::fs::openat(staging, name, flags, Mode::from_raw_mode(0o666))?;
        if !lock(&file)? {
            return Ok(None);
        }
        let (held, named) = (rustix::fs::fstat(&file)?, rustix::fs::statat(staging, name, AtFlags::SYMLINK_NOFOLLOW));
        match named {
            // Somebody committed or removed it before it was locked: it is not ours any more.
            Ok(named) if (named.st_dev, named.st_ino) != (held.st_dev, held.st_ino) => {}
            Err(Errno::NOENT) => {}
            // A crash came between committing it by a second name and removing the first.
            Ok(named) if named.st_nlink > 1 => rustix::fs::unlinkat(staging, name, AtFlags::empty())?,
            Ok(_) => {
                rustix::fs::ftruncate(&file, 0)?;
                return Ok(Some(file));
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(None)
}

/// Creates a file that nobody has yet.
pub(super) fn create_locked(directory: BorrowedFd<'_>, name: &str, mode: u32) -> Result<OwnedFd, Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(mode as _))?;
    // Only `expire` looks for this lock; a file system without locks is served all the same.
    let _ = lock(&file);
    Ok(file)
}

/// Removes the files in the staging directory that are older than that and in nobody's hands.
pub(super) fn expire(shared: &Arc<Shared>, older_than: Duration) -> StoreResult<u64> {
    if shared.options.read_only || !exists(shared) {
        return Ok(0);
    }
    let staging = match hold(shared) {
        Ok(staging) => staging,
        // It is no directory, or not ours alone: nothing of ours is in it.
        Err(Errno::NOTDIR | Errno::LOOP | Errno::PERM) => return Ok(0),
        Err(errno) => return Err(errors::failure(errno)),
    };
    let names = Names::read(staging.directory())?;
    let mut removed = 0;
    for index in 0.. {
        let Some((name, _)) = names.at(index) else { break };
        match expire_one(staging.directory(), name, older_than) {
            Ok(is_removed) => removed += u64::from(is_removed),
            Err(failure) if failure.code == ErrorCode::NotFound => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(removed)
}

fn expire_one(staging: BorrowedFd<'_>, name: &[u8], older_than: Duration) -> StoreResult<bool> {
    let stat = rustix::fs::statat(staging, name, AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure)?;
    let file_type = FileType::from_raw_mode(stat.st_mode);
    // The time of the last change of any kind: the time of modification may be the source's already.
    if file_type == FileType::Directory || age(stat.st_ctime) < older_than {
        return Ok(false);
    }
    if file_type == FileType::RegularFile {
        let file = resolve::open_one(staging, name, OFlags::RDONLY | OFlags::NONBLOCK).map_err(errors::failure)?;
        if !lock(&file).unwrap_or(true) {
            return Ok(false);
        }
        rustix::fs::unlinkat(staging, name, AtFlags::empty()).map_err(errors::failure)?;
        return Ok(true);
    }
    rustix::fs::unlinkat(staging, name, AtFlags::empty()).map_err(errors::failure)?;
    Ok(true)
}

fn age(seconds: i64) -> Duration {
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    SystemTime::now().duration_since(changed).unwrap_or_default()
}

fn exists(shared: &Shared) -> bool {
    rustix::fs::statat(&shared.root, STAGING_NAME, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

fn hold(shared: &Arc<Shared>) -> Result<Arc<Staging>, Errno> {
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
                *current = Arc::downgrade(&staging);
                return Ok(staging);
            }
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::NOENT)
}

/// A directory that others may write to is no place for files that are to be trusted.
fn refuse_foreign(directory: &OwnedFd) -> Result<(), Errno> {
    let stat = rustix::fs::fstat(directory)?;
    let is_ours = stat.st_uid == rustix::process::geteuid().as_raw();
    let is_private = super::source::permissions(&stat) & 0o022 == 0;
    if is_ours && is_private { Ok(()) } else { Err(Errno::PERM) }
}

fn forget(shared: &Shared, staging: &Arc<Staging>) {
    let mut current = shared.staging.lock().unwrap_or_else(PoisonError::into_inner);
    if std::ptr::eq(current.as_ptr(), Arc::as_ptr(staging)) {
        *current = Weak::new();
    }
}

fn lock(file: &OwnedFd) -> Result<bool, Errno> {
    match resolve::retry(|| rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno),
    }
}

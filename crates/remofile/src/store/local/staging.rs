//! The staging directory, `.remofile` in the root.
//!
//! It is made when the first file needs it and removed when the last one is gone. Other processes may do
//! the same in the same root: a process whose directory was removed meanwhile makes it again. A file in it
//! is locked (`flock`) by its writer, so that no two processes write one and none in use expires.

mod guard;
mod held;
mod locks;

pub(super) use guard::Guard;
pub(super) use held::Staging;
pub(super) use locks::{is_still_named, lock, refuse_foreign};

use super::context::StoreContext;
use super::discard::{discard, discard_staging};
use super::{errors, info, resolve};
use crate::store::STAGING_NAME;
use crate::store::StoreResult;
use crate::store::system;
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
        let (file, is_new) = match open_or_create(staging, name, flags) {
            Err(Errno::ACCESS) if make_writable(staging, name)? => continue,
            Err(Errno::ACCESS) => return Ok(None),
            opened => opened?,
        };
        let taken = take_partial(staging, name, &file);
        match taken {
            Ok(Taken::Ours) => return Ok(Some(file)),
            Ok(Taken::Others) => return Ok(None),
            Ok(Taken::Gone) => {}
            Err(errno) => {
                if is_new {
                    // Where there are no locks there are no partials.
                    discard(staging, name);
                }
                return Err(errno);
            }
        }
    }
    Ok(None)
}

/// Opens a partial. Returns true with it if it was made for that.
fn open_or_create(staging: BorrowedFd<'_>, name: &str, flags: OFlags) -> Result<(OwnedFd, bool), Errno> {
    let open = |flags| system::openat(staging, name, flags, Mode::from_raw_mode(0o666));
    if flags.contains(OFlags::CREATE) {
        match open(flags | OFlags::EXCL) {
            Err(Errno::EXIST) => {}
            made => return made.map(|file| (file, true)),
        }
    }
    open(flags).map(|file| (file, false))
}

/// Has a partial writable whose process died when it had the mode of a complete file that may not be written, and not
/// its name yet. Returns false if another process has it: its mode is to stay.
pub(super) fn make_writable(staging: BorrowedFd<'_>, name: &str) -> Result<bool, Errno> {
    let file = info::open_regular(staging, name)?.ok_or(Errno::ACCESS)?;
    if !lock_with_retries(&file)? {
        return Ok(false);
    }
    system::fchmod(&file, Mode::RUSR | Mode::WUSR).map(|()| true)
}

/// The outcome of an attempt to lock a partial.
enum Taken {
    Ours,
    Others,
    /// The file is not, or no more, the one of its name.
    Gone,
}

fn take_partial(staging: BorrowedFd<'_>, name: &str, file: &OwnedFd) -> Result<Taken, Errno> {
    if !lock_with_retries(file)? {
        return Ok(Taken::Others);
    }
    let stat = system::fstat(file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL);
    }
    if !is_still_named(staging, name, &stat)? {
        return Ok(Taken::Gone); // Somebody committed or removed it before it was locked: it is not ours any more.
    }
    if stat.st_nlink == 1 {
        return Ok(Taken::Ours);
    }
    // A crash came between committing it by a second name and removing the first.
    system::unlinkat(staging, name, AtFlags::empty())?;
    Ok(Taken::Gone)
}

/// Creates a file under a name that is free, and locks it.
pub(super) fn create_locked(directory: BorrowedFd<'_>, name: &str, mode: u32) -> Result<OwnedFd, Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..ATTEMPTS {
        let file = system::openat(directory, name, flags, Mode::from_raw_mode(mode as _))?;
        // A file system without locks is served all the same.
        let is_ours = lock_with_retries(&file).unwrap_or(true);
        // Before it was locked it may have been taken for what a dead process left.
        if is_ours && system::fstat(&file).map_or(true, |stat| stat.st_nlink > 0) {
            return Ok(file);
        }
        discard(directory, name);
    }
    Err(Errno::AGAIN)
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
        match system::mkdirat(&shared.root, STAGING_NAME, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        let opened = resolve::open_one(shared.root.as_fd(), STAGING_NAME.as_bytes(), resolve::READABLE);
        match opened.and_then(|directory| refuse_foreign(&directory).map(|()| directory)) {
            Ok(directory) => {
                let staging = Arc::new(Staging::new(&shared.root, directory));
                // Weak, so that the directory goes with the last of its users.
                *current = Arc::downgrade(&staging);
                return Ok(staging);
            }
            Err(Errno::NOENT) => {}
            Err(errno) => {
                // It may have been made just now. Another user's stays.
                if errno != Errno::PERM {
                    discard_staging(&shared.root);
                }
                return Err(errno);
            }
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

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests do what a process that dies does to a directory")]
mod tests {
    use super::*;
    use crate::store::system_faults::{Fault, fail};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_partial_that_has_the_mode_of_a_read_only_file_already_can_be_opened() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("some.partial");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        std::fs::write(&path, "complete").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o444)).unwrap();
        let directory = std::fs::File::open(root.path()).unwrap();
        // The superuser may write it all the same.
        let open = || {
            fail(0, Fault::Error(Errno::ACCESS), || open_partial(directory.as_fd(), "some.partial", OFlags::empty())).0
        };

        let living = std::fs::File::open(&path).unwrap();
        system::flock(&living, rustix::fs::FlockOperation::LockExclusive).unwrap();
        assert!(open().unwrap().is_none());
        assert_eq!(mode(), 0o444, "who writes it has given it this mode");
        drop(living);
        assert!(open().unwrap().is_some());
        assert_eq!((mode(), std::fs::read_to_string(&path).unwrap().as_str()), (0o600, "complete"));
    }
}

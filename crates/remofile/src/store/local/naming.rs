//! New names for files: a first one for a file that has none, another one where it is not taken.

use crate::store::system;
use rustix::fd::{BorrowedFd, OwnedFd};
#[cfg(target_os = "linux")]
use rustix::fs::AtFlags;
use rustix::fs::RenameFlags;
use rustix::io::Errno;
use rustix::path::Arg;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};

/// Gives an unnamed file a name that is not taken.
#[cfg(target_os = "linux")]
pub(super) fn link_unnamed(file: &OwnedFd, directory: BorrowedFd<'_>, name: impl Arg + Copy) -> Result<(), Errno> {
    static NEEDS_PROC: AtomicBool = AtomicBool::new(false);
    if !NEEDS_PROC.load(Ordering::Relaxed) {
        match system::linkat(file, "", directory, name, AtFlags::EMPTY_PATH) {
            // Without a capability older kernels say so, but also where the directory is gone.
            Err(Errno::NOENT | Errno::PERM) => {}
            result => return result,
        }
    }
    link_by_proc(file, directory, name)?;
    NEEDS_PROC.store(true, Ordering::Relaxed);
    Ok(())
}

#[cfg(target_os = "linux")]
fn link_by_proc(file: &OwnedFd, directory: BorrowedFd<'_>, name: impl Arg + Copy) -> Result<(), Errno> {
    use std::os::fd::AsRawFd;
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    system::linkat(rustix::fs::CWD, &own, directory, name, AtFlags::SYMLINK_FOLLOW)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn link_unnamed(_file: &OwnedFd, _directory: BorrowedFd<'_>, _name: impl Arg + Copy) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}

/// Renames, unless the new name is taken (`EXIST`).
pub(super) fn rename_without_replacing(
    from: BorrowedFd<'_>,
    old: impl Arg + Copy,
    to: BorrowedFd<'_>,
    new: impl Arg + Copy,
) -> Result<(), Errno> {
    system::renameat_with(from, old, to, new, RenameFlags::NOREPLACE)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::fd::AsFd;
    use rustix::fs::{CWD, Mode, OFlags};

    #[test]
    fn an_unnamed_file_can_be_linked_without_privileges_too() {
        let root = tempfile::tempdir().unwrap();
        let open = |flags| rustix::fs::openat(CWD, root.path(), flags, Mode::RUSR | Mode::WUSR).unwrap();
        let (directory, file) = (open(OFlags::DIRECTORY), open(OFlags::TMPFILE | OFlags::WRONLY));
        link_by_proc(&file, directory.as_fd(), "linked").unwrap();
        assert_eq!(link_by_proc(&file, directory.as_fd(), "linked"), Err(Errno::EXIST));
        assert!(root.path().join("linked").exists());
    }
}

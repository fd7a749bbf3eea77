//! From a path on this machine to a store that holds it.

use super::boot::place_of;
use super::{LocalStore, Store, StoreOptions, StoreResult};
use remofile_protocol::handshake::Place;
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{ErrorCode, Failure};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// A local file or directory that a user named.
pub struct Located {
    /// A store rooted at it, if it is a directory, so that no link leads out of what was named; or else
    /// at the directory it is in.
    pub store: Arc<dyn Store>,
    /// Path of the file or directory in that store.
    pub path: RemotePath,
    /// The name the user knows it by.
    pub name: FileName,
}

/// Finds a local file or directory. A link the user names is followed, as every tool does; links below
/// a directory are the walk's concern.
///
/// # Errors
/// `not-found`, `permission-denied`, `invalid-name`.
pub fn locate(source: &Path) -> StoreResult<Located> {
    let real = source.canonicalize().map_err(|error| io_failure(&error))?;
    let named = source.file_name().or_else(|| real.file_name());
    let Some((named, own_name, parent)) = named.and_then(|named| Some((named, real.file_name()?, real.parent()?)))
    else {
        return Err(Failure::new(ErrorCode::InvalidName).because("the root of the file system has no name"));
    };
    let (root, path) = if real.is_dir() {
        (real.as_path(), RemotePath::root())
    } else {
        (parent, RemotePath::root().child(&FileName::from_bytes(own_name.as_bytes())?)?)
    };
    let store = LocalStore::open(root, StoreOptions::default())?;
    Ok(Located { store: Arc::new(store), path, name: FileName::from_bytes(named.as_bytes())? })
}

fn io_failure(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => ErrorCode::NotFound.into(),
        io::ErrorKind::PermissionDenied => ErrorCode::PermissionDenied.into(),
        io::ErrorKind::NotADirectory => ErrorCode::NotADirectory.into(),
        _ => Failure::new(ErrorCode::Other).because(error),
    }
}

/// Makes a local directory, whose parent exists.
///
/// # Errors
/// `not-found`, `permission-denied`, ...
pub fn make_local_directory(path: &Path) -> StoreResult<()> {
    match rustix::fs::mkdir(path, rustix::fs::Mode::from_raw_mode(0o777)) {
        Err(rustix::io::Errno::EXIST) => Ok(()),
        made => made.map_err(|errno| io_failure(&errno.into())),
    }
}

/// Numbers for a directory and those above it, the nearest first, by which two processes of one machine know
/// that they mean the same: digests of the machine's boot, the device and the inode. None where the system
/// does not tell.
#[must_use]
pub fn places(directory: &Path) -> Vec<Place> {
    let place = |directory: &Path| {
        let stat = std::fs::metadata(directory).ok()?;
        place_of(stat.dev(), stat.ino())
    };
    let directory = directory.canonicalize();
    directory.iter().flat_map(|directory| directory.ancestors()).map_while(place).collect()
}

/// Reports whether a local path names anything, even a dangling link.
#[must_use]
pub fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

//! From a path on this machine to a store that holds it.

use super::boot::place_of;
use super::{LocalStore, Store, StoreOptions, StoreResult, io_failure};
use remofile_protocol::handshake::Place;
use remofile_protocol::path::{FileName, NameRule, RemotePath, to_encoded_name};
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, Timestamp};
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
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
    /// Its entry, where that was looked at.
    pub entry: Option<Entry>,
}

/// Finds a local file or directory whose name paths can hold, as [`locate_encoded`] does.
///
/// # Errors
/// As [`locate_encoded`].
pub fn locate(source: &Path) -> StoreResult<Located> {
    locate_encoded(source, None)
}

/// Finds a local file or directory. A link the user names is followed, as every tool does; links below
/// a directory are the walk's concern. Names are encoded as [`StoreOptions::encoding`] says.
///
/// # Errors
/// `not-found`, `permission-denied`, `invalid-name`.
pub fn locate_encoded(source: &Path, encoding: Option<NameRule>) -> StoreResult<Located> {
    let name_of = |name: &OsStr| name_in_paths(name, encoding);
    let real = source.canonicalize().map_err(|error| io_failure(&error))?;
    let named = source.file_name().or_else(|| real.file_name());
    let Some((named, own_name, parent)) = named.and_then(|named| Some((named, real.file_name()?, real.parent()?)))
    else {
        return Err(Failure::new(ErrorCode::InvalidName).because("the root of the file system has no name"));
    };
    let (root, path) = if real.is_dir() {
        (real.as_path(), RemotePath::root())
    } else {
        (parent, RemotePath::root().child(&name_of(own_name)?)?)
    };
    let store = LocalStore::open(root, StoreOptions { encoding, ..StoreOptions::default() })?;
    Ok(Located { store: Arc::new(store), path, name: name_of(named)?, entry: None })
}

/// Finds local files one after the other: of those that follow each other in one directory, the store is opened once.
#[derive(Default)]
pub struct Locator {
    /// The directory of the last regular file, as the user wrote it, the encoding of names, and its store.
    last: Option<(PathBuf, Option<NameRule>, Arc<dyn Store>)>,
}

impl Locator {
    /// Finds a file or directory, as [`locate_encoded`] does.
    ///
    /// # Errors
    /// As [`locate_encoded`].
    pub fn locate(&mut self, source: &Path, encoding: Option<NameRule>) -> StoreResult<Located> {
        // Only of a regular file it is known without following anything where it is.
        let metadata = std::fs::symlink_metadata(source).ok().filter(Metadata::is_file);
        let (Some(directory), Some(name), Some(metadata)) = (source.parent(), source.file_name(), metadata) else {
            return locate_encoded(source, encoding);
        };
        if let Some((last, rule, store)) = &self.last
            && (last.as_path(), *rule) == (directory, encoding)
        {
            let name = name_in_paths(name, encoding)?;
            let path = RemotePath::root().child(&name)?;
            let entry = Some(file_entry(path.clone(), &metadata));
            return Ok(Located { store: Arc::clone(store), path, name, entry });
        }
        let located = locate_encoded(source, encoding)?;
        self.last = Some((directory.to_owned(), encoding, Arc::clone(&located.store)));
        Ok(located)
    }
}

/// Returns the entry of a regular file on this side, which is not asked whether it is on the disk.
fn file_entry(path: RemotePath, metadata: &Metadata) -> Entry {
    let nanoseconds = u32::try_from(metadata.mtime_nsec()).unwrap_or(0);
    let (size, modified) = (metadata.len(), Timestamp::new(metadata.mtime(), nanoseconds));
    Entry { path, kind: Kind::File, size, modified, mode: Some(metadata.mode() & 0o777), unflushed: false }
}

fn name_in_paths(name: &OsStr, encoding: Option<NameRule>) -> StoreResult<FileName> {
    Ok(match encoding {
        Some(rule) => to_encoded_name(name.as_bytes(), rule)?,
        None => FileName::from_bytes(name.as_bytes())?,
    })
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

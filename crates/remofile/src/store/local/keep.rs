//! Second names, for what is about to be replaced or removed.

use super::remove::kind_at;
use super::{LocalStore, errors, resolve};
use crate::store::{StagePlan, Store, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Kind};
use rustix::fd::AsFd;
use rustix::fs::AtFlags;
use rustix::io::Errno;

/// Bytes that are copied at once.
const COPY_BYTES: usize = 256 * 1024;

pub(super) fn keep(store: &LocalStore, path: &RemotePath, to: &RemotePath) -> StoreResult<()> {
    let shared = &store.shared;
    shared.refuse_if_read_only()?;
    if path == to {
        return Err(Failure::new(ErrorCode::BadRequest).because("it cannot be kept under its own name"));
    }
    let (from, old) = resolve::parent(shared.root.as_fd(), path)?;
    let kind = kind_at(from.directory.as_fd(), &old)?;
    if !matches!(kind, Kind::File | Kind::Link) {
        return Err(ErrorCode::NotAFile.into());
    }
    let (parent, new) = to.split()?;
    shared.refuse_forbidden(&new)?;
    store.make_directory(&parent, true, true)?;
    let (place, new) = resolve::parent(shared.root.as_fd(), to)?;
    let directory = place.directory.as_fd();
    match kind_at(directory, &new) {
        Ok(Kind::Directory) => return Err(errors::directory_in_the_way()),
        // A rename over a second name of the same file would leave both as they are.
        Ok(_) => rustix::fs::unlinkat(directory, new.as_str(), AtFlags::empty()).map_err(errors::failure)?,
        Err(_) => {}
    }
    match rustix::fs::linkat(&from.directory, old.as_str(), directory, new.as_str(), AtFlags::empty()) {
        Ok(()) => {}
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::XDEV | Errno::MLINK) => {
            copy(store, path, to, kind)?;
        }
        Err(errno) => return Err(errors::naming_failure(errno)),
    }
    shared.flush_directory(directory)
}

/// For file systems without hard links.
fn copy(store: &LocalStore, path: &RemotePath, to: &RemotePath, kind: Kind) -> StoreResult<()> {
    if kind == Kind::Link {
        return store.make_link(to, &store.read_link(path)?, false);
    }
    let source = store.open(path)?;
    let entry = source.entry();
    let plan =
        StagePlan { size: Some(entry.size), modified: Some(entry.modified), mode: entry.mode, ..StagePlan::default() };
    let (parent, name) = to.split()?;
    let mut staged = store.directory(&parent)?.stage(&name, &plan)?;
    let (mut buffer, mut offset) = (vec![0; COPY_BYTES], 0);
    loop {
        match source.read_at(&mut buffer, offset)? {
            0 => return staged.commit(),
            count => {
                staged.write(&buffer[..count])?;
                offset += count as u64;
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests look at the disk themselves")]
mod tests {
    use super::*;
    use crate::store::StoreOptions;
    use remofile_protocol::wire::Timestamp;
    use std::os::unix::fs::MetadataExt;

    fn path(text: &str) -> RemotePath {
        RemotePath::parse(text).unwrap()
    }

    #[test]
    fn what_is_kept_stays_when_the_first_name_gets_other_content() {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        std::fs::write(root.path().join("a"), "old").unwrap();
        store.keep(&path("/a"), &path("/backup/x/a")).unwrap();
        store.keep(&path("/a"), &path("/backup/x/a")).unwrap();
        assert_eq!(root.path().join("a").metadata().unwrap().nlink(), 2);
        store.remove(&path("/a")).unwrap();
        std::fs::write(root.path().join("a"), "new").unwrap();
        assert_eq!(std::fs::read_to_string(root.path().join("backup/x/a")).unwrap(), "old");
        let refused = store.keep(&path("/backup"), &path("/b")).unwrap_err();
        assert_eq!(refused.code, ErrorCode::NotAFile);
        assert!(store.keep(&path("/a"), &path("/backup")).is_err());
    }

    #[test]
    fn what_is_copied_keeps_its_time_and_links_stay_links() {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        std::fs::write(root.path().join("a"), "old").unwrap();
        store.set_modified(&path("/a"), Timestamp::new(-5, 7)).unwrap();
        copy(&store, &path("/a"), &path("/b"), Kind::File).unwrap();
        assert_eq!(store.stat(&path("/b")).unwrap().modified, Timestamp::new(-5, 7));
        std::os::unix::fs::symlink("a", root.path().join("l")).unwrap();
        copy(&store, &path("/l"), &path("/m"), Kind::Link).unwrap();
        store.keep(&path("/l"), &path("/n")).unwrap();
        assert_eq!(store.read_link(&path("/m")).unwrap(), "a");
        assert_eq!(store.read_link(&path("/n")).unwrap(), "a");
    }
}

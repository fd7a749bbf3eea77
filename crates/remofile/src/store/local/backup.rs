//! Backups: second names for what is about to be replaced or removed.

use super::context::StoreContext;
use super::directory_handle::DirectoryHandle;
use super::discard::discard;
use super::disk_name::DiskName;
use super::remove::kind_at;
use super::source::LocalSource;
use super::stage::LocalDirectory;
use super::{errors, link, make, resolve};
use crate::store::system;
use crate::store::{Directory, PendingBackup, ReadBuffer, Source, StagePlan, Staged, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Kind};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Stat};
use rustix::io::Errno;
use rustix::path::Arg;
use std::sync::Arc;

/// Bytes that are copied at once, and how often in a step.
const COPY_BYTES: usize = 256 * 1024;
const COPIES: usize = 16;

/// A file or link that is going to have a second name.
pub(super) struct LocalBackup {
    shared: Arc<StoreContext>,
    from: OwnedFd,
    old: DiskName,
    to: Arc<DirectoryHandle>,
    new: DiskName,
    way: Way,
}

enum Way {
    /// A hard link, which is made at commit: as long as there are two names, a change of one would be a change of
    /// both.
    Link,
    /// A copy, where the file system has no hard links.
    Copy(Box<Copying>),
    /// Another symbolic link with the same target.
    Again { to: RemotePath, target: String },
}

struct Copying {
    source: Box<dyn Source>,
    staged: Box<dyn Staged>,
    buffer: ReadBuffer,
    offset: u64,
    is_complete: bool,
}

impl LocalBackup {
    pub(super) fn new(shared: &Arc<StoreContext>, path: &RemotePath, to: &RemotePath) -> StoreResult<Self> {
        if path == to {
            return Err(Failure::new(ErrorCode::BadRequest).because("its backup cannot have the same path"));
        }
        let (from, old) = resolve::parent(shared.jail()?, path)?;
        let kind = kind_at(from.directory.as_fd(), &old)?;
        if !matches!(kind, Kind::File | Kind::Link) {
            return Err(ErrorCode::NotAFile.into());
        }
        let (parent, new) = to.split()?;
        shared.refuse_forbidden(&DiskName::of(new, shared.options.encoding)?)?;
        make::make_directory(shared, &parent, true, true)?;
        let (place, new) = resolve::parent(shared.jail()?, to)?;
        place.refuse_to_become_staging(&new)?;
        if kind == Kind::Link {
            link::refuse_to_lead_out_from(shared.jail()?, path, to)?;
        }
        if kind_at(place.directory.as_fd(), &new).is_ok_and(|kind| kind == Kind::Directory) {
            return Err(errors::directory_in_the_way());
        }
        let to_directory = LocalDirectory::open(shared, &parent)?.handle;
        let (shared, from) = (Arc::clone(shared), from.directory);
        let mut backup = Self { shared, from, old, to: to_directory, new, way: Way::Link };
        let mut linked = Ok(());
        // A link changes the file's time of last change, by which its doubt is known.
        backup.shared.carrying_doubt(&backup.stat()?, |_| {
            linked = backup.try_link();
            Ok(())
        })?;
        match linked {
            Ok(()) => {}
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::XDEV | Errno::MLINK) => {
                backup.way = copy(&backup.shared, path, to, kind)?;
            }
            Err(errno) => return Err(errors::naming_failure(errno)),
        }
        Ok(backup)
    }

    fn stat(&self) -> StoreResult<Stat> {
        system::statat(&self.from, self.old.bytes(), AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure)
    }

    /// Tries a hard link under a temporary name, and removes it: the error tells that there can be none.
    fn try_link(&self) -> Result<(), Errno> {
        let made = self.to.make_guarded(|directory, name| self.link_as(directory, name))?;
        discard(made.directory(&self.to), &made.name);
        Ok(())
    }

    fn link_as(&self, directory: BorrowedFd<'_>, name: impl Arg + Copy) -> Result<(), Errno> {
        system::linkat(&self.from, self.old.bytes(), directory, name, AtFlags::empty())
    }

    fn link(&self) -> Result<(), Errno> {
        match self.link_as(self.to.directory(), self.new.bytes()) {
            Err(Errno::EXIST) => {}
            result => return result,
        }
        let made = self.to.make_guarded(|directory, name| self.link_as(directory, name))?;
        let temporaries = made.directory(&self.to);
        let renamed = system::renameat(temporaries, &made.name, self.to.directory(), self.new.bytes());
        // A rename over another name of the same file leaves both as they are. After an ordinary rename the name is gone
        // already.
        discard(temporaries, &made.name);
        renamed
    }
}

impl PendingBackup for LocalBackup {
    fn is_ready(&self) -> bool {
        match &self.way {
            Way::Copy(copying) => copying.is_complete,
            Way::Link | Way::Again { .. } => true,
        }
    }

    fn step(&mut self) -> StoreResult<()> {
        match &mut self.way {
            Way::Copy(copying) => copying.step(),
            Way::Link | Way::Again { .. } => Ok(()),
        }
    }

    fn commit(mut self: Box<Self>) -> StoreResult<()> {
        while !self.is_ready() {
            self.step()?;
        }
        match self.way {
            Way::Copy(copying) => return copying.staged.commit(),
            Way::Again { to, target } => {
                // Whether it may lead where it does was asked before.
                return link::make(&self.shared, &to, &target, true, true);
            }
            Way::Link => {}
        }
        self.shared.carrying_doubt(&self.stat()?, |_| self.link().map_err(errors::naming_failure))?;
        self.shared.flush_directory(self.to.directory())
    }
}

impl Copying {
    fn step(&mut self) -> StoreResult<()> {
        for _ in 0..COPIES {
            let count = self.source.read_at(&mut self.buffer, self.offset)?;
            if count == 0 {
                self.is_complete = true;
                return self.staged.prepare_commit();
            }
            self.staged.write(&self.buffer[..count])?;
            self.offset += count as u64;
        }
        Ok(())
    }
}

/// Prepares a copy instead, for file systems without hard links.
fn copy(shared: &Arc<StoreContext>, path: &RemotePath, to: &RemotePath, kind: Kind) -> StoreResult<Way> {
    if kind == Kind::Link {
        return Ok(Way::Again { to: to.clone(), target: link::read(shared, path)? });
    }
    let source = LocalSource::open(&shared.root, &shared.options, path)?;
    let entry = source.entry();
    // Without a size no partial is kept: nobody would resume a backup.
    let plan = StagePlan { replace: true, modified: Some(entry.modified), mode: entry.mode, ..StagePlan::default() };
    let (parent, name) = to.split()?;
    let mut staged = LocalDirectory::open(shared, &parent)?.stage(&name, &plan)?;
    staged.hold_as(&source)?;
    let buffer = ReadBuffer::new(COPY_BYTES);
    Ok(Way::Copy(Box::new(Copying { source: Box::new(source), staged, buffer, offset: 0, is_complete: false })))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests look at the disk themselves")]
mod tests {
    use super::*;
    use crate::store::{LocalStore, PosixStore, ReadStore, StoreOptions, WriteStore};
    use remofile_protocol::wire::Timestamp;
    use std::os::unix::fs::MetadataExt;

    fn path(text: &str) -> RemotePath {
        RemotePath::parse(text).unwrap()
    }

    fn back_up(store: &LocalStore, from: &str, to: &str) {
        let backup = store.prepare_backup(&path(from), &path(to)).unwrap();
        assert!(backup.is_ready());
        backup.commit().unwrap();
    }

    #[test]
    fn what_was_kept_before_stays_until_the_new_is_committed() {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        std::fs::write(root.path().join("a"), "old").unwrap();
        std::fs::write(root.path().join("b"), "older").unwrap();
        let backup = store.prepare_backup(&path("/a"), &path("/b")).unwrap();
        drop(backup);
        assert_eq!(std::fs::read_to_string(root.path().join("b")).unwrap(), "older");
        assert_eq!(root.path().join("a").metadata().unwrap().nlink(), 1);
        back_up(&store, "/a", "/b");
        assert_eq!(std::fs::read_to_string(root.path().join("b")).unwrap(), "old");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_kept_stays_when_the_first_name_gets_other_content() {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        std::fs::write(root.path().join("a"), "old").unwrap();
        back_up(&store, "/a", "/backup/x/a");
        back_up(&store, "/a", "/backup/x/a");
        assert_eq!(root.path().join("a").metadata().unwrap().nlink(), 2);
        store.remove(&path("/a")).unwrap();
        std::fs::write(root.path().join("a"), "new").unwrap();
        assert_eq!(std::fs::read_to_string(root.path().join("backup/x/a")).unwrap(), "old");
        let names: Vec<_> = std::fs::read_dir(root.path().join("backup/x")).unwrap().collect();
        assert_eq!(names.len(), 1);
        let refused = store.prepare_backup(&path("/backup"), &path("/b")).err().unwrap();
        assert_eq!(refused.code, ErrorCode::NotAFile);
        assert!(store.prepare_backup(&path("/a"), &path("/backup")).is_err());
    }

    #[test]
    fn what_is_copied_keeps_its_time_and_links_stay_links() {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        std::fs::write(root.path().join("a"), "old").unwrap();
        store.set_modified(&path("/a"), Timestamp::new(-5, 7)).unwrap();
        std::fs::write(root.path().join("b"), "older").unwrap();
        let mut backup = LocalBackup::new(&store.shared, &path("/a"), &path("/b")).unwrap();
        backup.way = copy(&store.shared, &path("/a"), &path("/b"), Kind::File).unwrap();
        while !backup.is_ready() {
            backup.step().unwrap();
            assert_eq!(std::fs::read(root.path().join("b")).unwrap(), b"older");
        }
        Box::new(backup).commit().unwrap();
        assert_eq!(std::fs::read(root.path().join("b")).unwrap(), b"old");
        assert_eq!(store.stat(&path("/b")).unwrap().modified, Timestamp::new(-5, 7));
        std::os::unix::fs::symlink("a", root.path().join("l")).unwrap();
        let mut backup = LocalBackup::new(&store.shared, &path("/l"), &path("/m")).unwrap();
        backup.way = copy(&store.shared, &path("/l"), &path("/m"), Kind::Link).unwrap();
        Box::new(backup).commit().unwrap();
        back_up(&store, "/l", "/n");
        assert_eq!(store.read_link(&path("/m")).unwrap(), "a");
        assert_eq!(store.read_link(&path("/n")).unwrap(), "a");
    }
}

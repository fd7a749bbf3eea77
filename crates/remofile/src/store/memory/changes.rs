//! Changes of directories and links in memory.

use super::MemoryStore;
use super::file::{Content, MemoryEditing, MemoryFile};
use super::shared::{Shared, Tree};
use super::staged::MemoryDirectory;
use super::stamps::now;
use super::tree::{Folder, FolderSum, Found, Link, Node, Way, taken};
use crate::store::{
    Capability, Directory, Editing, PendingBackup, PosixStore, Removal, RemovalProgress, STAGING_NAME, StoreResult,
    WriteStore, target,
};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Kind, Timestamp};
use std::sync::Arc;

impl WriteStore for MemoryStore {
    fn create_file(&self, path: &RemotePath, update: bool) -> StoreResult<()> {
        if path.is_root() {
            return Err(directory_in_the_way());
        }
        let mut tree = self.shared.lock();
        let (parent, name) = tree.root.parent(path)?;
        let folder = tree.root.at_mut(&parent)?;
        match folder.entries.get(&name) {
            Some(Node::File(file)) if update => file.set_modified(now()),
            Some(there) => return Err(taken(there)),
            None => {
                let file = MemoryFile::new(Content::new(&self.shared.room), None, Some(0o644));
                folder.insert(&name, Node::File(file));
            }
        }
        Ok(())
    }

    fn make_directory(&self, path: &RemotePath, update: bool, parents: bool) -> StoreResult<bool> {
        if path.is_root() {
            return if update { Ok(false) } else { Err(directory_in_the_way()) };
        }
        let mut tree = self.shared.lock();
        if parents {
            make_parents(&mut tree.root, path)?;
        }
        let (parent, name) = tree.root.parent(path)?;
        match tree.root.at(&parent)?.entries.get(&name) {
            None => {
                tree.root.at_mut(&parent)?.insert(&name, Node::Directory(Folder::new()));
                Ok(true)
            }
            Some(_) if update && matches!(tree.root.find(path), Ok(Found::Directory(_))) => Ok(false),
            Some(there) => Err(taken(there)),
        }
    }

    fn directory(&self, path: &RemotePath) -> StoreResult<Box<dyn Directory>> {
        let real = {
            let tree = self.shared.lock();
            let real = tree.root.real(path, true)?;
            tree.root.at(&real)?;
            real
        };
        Ok(Box::new(MemoryDirectory { shared: Arc::clone(&self.shared), path: path.clone(), real }))
    }

    fn remove(&self, path: &RemotePath) -> StoreResult<Kind> {
        let mut tree = self.shared.lock();
        let (parent, name) = tree.root.parent(path)?;
        let folder = tree.root.at_mut(&parent)?;
        let kind = match folder.entries.get(&name) {
            None => return Err(ErrorCode::NotFound.into()),
            Some(Node::Directory(folder)) if !folder.entries.is_empty() => return Err(ErrorCode::NotEmpty.into()),
            Some(Node::Directory(_)) => Kind::Directory,
            Some(Node::File(_)) => Kind::File,
            Some(Node::Link(_)) => Kind::Link,
        };
        folder.remove(&name);
        Ok(kind)
    }

    fn remove_tree(&self, path: &RemotePath) -> StoreResult<Box<dyn Removal>> {
        self.shared.lock().root.look(path)?;
        Ok(Box::new(MemoryRemoval { shared: Arc::clone(&self.shared), path: path.clone(), bytes: 0 }))
    }

    fn rename(&self, source: &RemotePath, destination: &RemotePath, replace: bool) -> StoreResult<()> {
        self.shared.needs(Capability::Renames, "rename")?;
        let mut tree = self.shared.lock();
        let moved = tree.root.look(source)?;
        let is_directory = moved.is_directory();
        let (from, old) = tree.root.parent(source)?;
        if source != destination && destination.is_within(source) && is_directory {
            return Err(ErrorCode::IntoItself.into());
        }
        let (to, new) = tree.root.parent(destination)?;
        let is_below = |place: &[String]| place.starts_with(&from) && place.get(from.len()) == Some(&old);
        if is_directory && is_below(&to) {
            return Err(ErrorCode::IntoItself.into());
        }
        refuse_to_lead_out_from(moved, &from, &to)?;
        if let Some(there) = tree.root.at(&to)?.entries.get(&new)
            && (there.is_directory() || is_directory || !replace)
        {
            return Err(taken(there));
        }
        let moved = tree.root.at_mut(&from)?.remove(&old).ok_or(ErrorCode::NotFound)?;
        tree.root.at_mut(&to)?.insert(&new, moved);
        Ok(())
    }
}

impl PosixStore for MemoryStore {
    fn edit(&self, path: &RemotePath, create: bool) -> StoreResult<Box<dyn Editing>> {
        self.shared.needs(Capability::Edits, "change files in place")?;
        let mut tree = self.shared.lock();
        let found = match tree.root.find(path) {
            Ok(Found::File(file)) => Ok(Arc::clone(file)),
            Ok(Found::Directory(_)) => Err(ErrorCode::NotAFile.into()),
            Err(failure) => Err(failure),
        };
        let file = match found {
            Err(failure) if create && failure.code == ErrorCode::NotFound && tree.root.look(path).is_err() => {
                let (parent, name) = tree.root.parent(path)?;
                let file = MemoryFile::new(Content::new(&self.shared.room), None, Some(0o644));
                tree.root.at_mut(&parent)?.insert(&name, Node::File(Arc::clone(&file)));
                file
            }
            found => found?,
        };
        Ok(Box::new(MemoryEditing::new(file, path)))
    }

    fn make_link(&self, path: &RemotePath, to: &str, replace: bool) -> StoreResult<()> {
        self.shared.needs(Capability::Links, "make links")?;
        target::refuse_malformed(to)?;
        refuse_target(&self.shared.lock().root.parent(path)?.0, to)?;
        self.keep_link(path, to, replace)
    }

    fn keep_link(&self, path: &RemotePath, to: &str, replace: bool) -> StoreResult<()> {
        self.shared.needs(Capability::Links, "make links")?;
        target::refuse_malformed(to)?;
        let mut tree = self.shared.lock();
        let (parent, name) = tree.root.parent(path)?;
        let folder = tree.root.at_mut(&parent)?;
        if let Some(there) = folder.entries.get(&name)
            && (there.is_directory() || !replace)
        {
            return Err(taken(there));
        }
        folder.insert(&name, Node::Link(Link::new(to)));
        Ok(())
    }

    fn add_name(&self, of: &RemotePath, path: &RemotePath, replace: bool) -> StoreResult<bool> {
        self.shared.needs(Capability::Backups, "give a file a second name")?;
        let mut tree = self.shared.lock();
        let Node::File(file) = tree.root.look(of)? else { return Err(ErrorCode::NotAFile.into()) };
        let file = Arc::clone(file);
        let (parent, name) = tree.root.parent(path)?;
        let folder = tree.root.at_mut(&parent)?;
        match folder.entries.get(&name) {
            Some(Node::File(there)) if Arc::ptr_eq(there, &file) => return Ok(false),
            Some(there) if there.is_directory() || !replace => return Err(taken(there)),
            Some(_) | None => {}
        }
        folder.insert(&name, Node::File(file));
        Ok(true)
    }

    fn set_mode(&self, path: &RemotePath, mode: u32) -> StoreResult<()> {
        self.shared.needs(Capability::Modes, "change permissions")?;
        self.change(path, |folder| folder.mode = mode & 0o777, |file| file.set_mode(mode))
    }

    fn set_modified(&self, path: &RemotePath, modified: Timestamp) -> StoreResult<()> {
        self.shared.needs(Capability::Times, "change times")?;
        self.change(path, |folder| folder.modified = modified, |file| file.set_modified(modified))
    }

    fn prepare_backup(&self, path: &RemotePath, to: &RemotePath) -> StoreResult<Box<dyn PendingBackup>> {
        self.shared.needs(Capability::Backups, "keep backups")?;
        if path == to {
            return Err(Failure::new(ErrorCode::BadRequest).because("its backup cannot have the same path"));
        }
        let second = |tree: &Tree| match tree.root.look(path)? {
            Node::File(file) => Ok(Node::File(Arc::clone(file))),
            Node::Link(link) => Ok(Node::Link(link.clone())),
            Node::Directory(_) => Err(Failure::new(ErrorCode::NotAFile)),
        };
        let kept = second(&self.shared.lock())?;
        let (above, _) = to.split()?;
        self.make_directory(&above, true, true)?;
        {
            let tree = self.shared.lock();
            let ((from, _), (to, _)) = (tree.root.parent(path)?, tree.root.parent(to)?);
            refuse_to_lead_out_from(&kept, &from, &to)?;
        }
        let backup = MemoryBackup { shared: Arc::clone(&self.shared), kept, to: to.clone() };
        backup.refuse_directory()?;
        Ok(Box::new(backup))
    }
}

impl MemoryStore {
    /// Changes something about a file or directory, never about what a link leads to.
    fn change(
        &self,
        path: &RemotePath,
        folder: impl FnOnce(&mut Folder),
        file: impl FnOnce(&MemoryFile),
    ) -> StoreResult<()> {
        let mut tree = self.shared.lock();
        let (parent, name) = tree.root.parent(path)?;
        match tree.root.at_mut(&parent)?.entries.get_mut(&name) {
            None => Err(ErrorCode::NotFound.into()),
            Some(Node::Link(_)) => Err(ErrorCode::NotAFile.into()),
            Some(Node::Directory(there)) => {
                folder(there);
                Ok(())
            }
            Some(Node::File(there)) => {
                file(there);
                Ok(())
            }
        }
    }
}

fn refuse_target(directory: &[String], to: &str) -> StoreResult<()> {
    let is_staging = |name: &[u8]| name == STAGING_NAME.as_bytes();
    target::refuse_leading_out(&is_staging, false, directory.join("/").as_bytes(), to)
}

/// Refuses to give a link a place from which it leads out, unless it does that already.
fn refuse_to_lead_out_from(node: &Node, from: &[String], to: &[String]) -> StoreResult<()> {
    match node {
        Node::Link(link) if refuse_target(from, &link.target).is_ok() => refuse_target(to, &link.target),
        _ => Ok(()),
    }
}

/// Makes the directories that are missing on the way to a path's last name.
fn make_parents(root: &mut Folder, path: &RemotePath) -> StoreResult<()> {
    let (above, _) = path.split()?;
    let Way { real, missing, is_dangling } = root.way(&above, true)?;
    if is_dangling {
        return Err(ErrorCode::AlreadyExists.into());
    }
    let mut folder = root.at_mut(&real)?;
    for name in missing {
        folder.insert(&name, Node::Directory(Folder::new()));
        folder = folder.at_mut(std::slice::from_ref(&name))?;
    }
    Ok(())
}

fn directory_in_the_way() -> Failure {
    Failure::new(ErrorCode::AlreadyExists).because("a directory is in the way")
}

struct MemoryRemoval {
    shared: Arc<Shared>,
    path: RemotePath,
    /// Bytes of content that were removed.
    bytes: u64,
}

impl Removal for MemoryRemoval {
    fn step(&mut self) -> StoreResult<RemovalProgress> {
        let removed = {
            let mut tree = self.shared.lock();
            let (parent, name) = tree.root.parent(&self.path)?;
            tree.root.at_mut(&parent)?.remove(&name)
        };
        let FolderSum { files, directories, bytes } = match removed {
            None => return Err(Failure::new(ErrorCode::NotFound).at(&self.path)),
            Some(Node::Directory(folder)) => {
                let sum = folder.count();
                FolderSum { directories: sum.directories + 1, ..sum }
            }
            Some(Node::File(file)) => FolderSum { files: 1, bytes: file.size(), ..FolderSum::default() },
            Some(Node::Link(_)) => FolderSum { files: 1, ..FolderSum::default() },
        };
        self.bytes = bytes;
        Ok(RemovalProgress::Done { files, directories })
    }

    fn removed_bytes(&self) -> Option<u64> {
        Some(self.bytes)
    }
}

struct MemoryBackup {
    shared: Arc<Shared>,
    kept: Node,
    to: RemotePath,
}

impl MemoryBackup {
    fn refuse_directory(&self) -> StoreResult<()> {
        match self.shared.lock().root.look(&self.to) {
            Ok(there @ Node::Directory(_)) => Err(taken(there)),
            _ => Ok(()),
        }
    }
}

impl PendingBackup for MemoryBackup {
    fn is_ready(&self) -> bool {
        true
    }

    fn step(&mut self) -> StoreResult<()> {
        Ok(())
    }

    fn commit(self: Box<Self>) -> StoreResult<()> {
        self.refuse_directory()?;
        let mut tree = self.shared.lock();
        let (parent, name) = tree.root.parent(&self.to)?;
        tree.root.at_mut(&parent)?.insert(&name, self.kept);
        Ok(())
    }
}

//! Files, directories and links in memory.

use super::file::MemoryFile;
use super::stamps::{identity, now};
use crate::store::{STAGING_NAME, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Links that are followed on the way to one thing at most, as Linux has it.
const MOST_LINKS: usize = 40;

/// Something that has a name.
pub(super) enum Node {
    Directory(Folder),
    File(Arc<MemoryFile>),
    Link(Link),
}

/// A directory. It is never copied: a copy of a deep tree would take as much room on the stack as there are levels.
pub(super) struct Folder {
    pub(super) entries: BTreeMap<String, Node>,
    pub(super) modified: Timestamp,
    pub(super) mode: u32,
    pub(super) identity: u64,
}

/// A symbolic link.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) target: String,
    modified: Timestamp,
}

impl Folder {
    pub(super) fn new() -> Self {
        Self { entries: BTreeMap::new(), modified: now(), mode: 0o755, identity: identity() }
    }

    /// Gives a name to something, and what had it before.
    pub(super) fn insert(&mut self, name: &str, node: Node) -> Option<Node> {
        self.modified = now();
        self.entries.insert(name.to_owned(), node)
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Node> {
        self.modified = now();
        self.entries.remove(name)
    }

    fn folder(&self, name: &str) -> StoreResult<&Self> {
        match self.entries.get(name) {
            Some(Node::Directory(folder)) => Ok(folder),
            Some(_) => Err(ErrorCode::NotADirectory.into()),
            None => Err(ErrorCode::NotFound.into()),
        }
    }

    /// The directory at real names below this one.
    pub(super) fn at(&self, names: &[String]) -> StoreResult<&Self> {
        names.iter().try_fold(self, |folder, name| folder.folder(name))
    }

    /// As [`Folder::at`], to change it.
    pub(super) fn at_mut(&mut self, names: &[String]) -> StoreResult<&mut Self> {
        names.iter().try_fold(self, |folder, name| match folder.entries.get_mut(name) {
            Some(Node::Directory(folder)) => Ok(folder),
            Some(_) => Err(ErrorCode::NotADirectory.into()),
            None => Err(ErrorCode::NotFound.into()),
        })
    }

    /// Leads from a path to the names of what it names, none of which is a link on the way; the last name need not exist.
    pub(super) fn real(&self, path: &RemotePath, follows_last: bool) -> StoreResult<Vec<String>> {
        let Way { mut real, mut missing, .. } = self.way(path, follows_last)?;
        match missing.len() {
            0 | 1 => {
                real.append(&mut missing);
                Ok(real)
            }
            _ => Err(ErrorCode::NotFound.into()),
        }
    }

    /// Leads as far along a path as there is something.
    pub(super) fn way(&self, path: &RemotePath, follows_last: bool) -> StoreResult<Way> {
        let mut left: Vec<String> = path.names().map(str::to_owned).collect();
        left.reverse();
        let (mut real, mut links, mut behind_link) = (Vec::new(), 0, usize::MAX);
        // What each of the real names is, with the root before them: looked up once, however deep it is.
        let mut passed = vec![Some(self)];
        while let Some(name) = left.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." if real.pop().is_none() => return Err(ErrorCode::OutsideRoot.into()),
                ".." => {
                    passed.pop();
                    continue;
                }
                STAGING_NAME if real.is_empty() => return Err(reserved()),
                _ => {}
            }
            let folder = passed.last().copied().flatten().ok_or(ErrorCode::NotADirectory)?;
            match folder.entries.get(&name) {
                Some(Node::Link(link)) if follows_last || !left.is_empty() => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(ErrorCode::LinkLoop.into());
                    }
                    if link.target.starts_with('/') {
                        return Err(ErrorCode::OutsideRoot.into());
                    }
                    behind_link = left.len();
                    left.extend(link.target.split('/').rev().map(str::to_owned));
                }
                Some(node) => {
                    passed.push(if let Node::Directory(folder) = node { Some(folder) } else { None });
                    real.push(name);
                }
                None => {
                    let is_dangling = left.len() >= behind_link;
                    left.push(name);
                    left.reverse();
                    return Ok(Way { real, missing: left, is_dangling });
                }
            }
        }
        Ok(Way { real, missing: Vec::new(), is_dangling: false })
    }

    /// The directory that a path's last name is in, by its real names, and that name.
    pub(super) fn parent(&self, path: &RemotePath) -> StoreResult<(Vec<String>, String)> {
        let mut real = self.real(path, false)?;
        let root = || Failure::new(ErrorCode::BadRequest).because("the root directory itself stays as it is");
        let name = real.pop().ok_or_else(root)?;
        self.at(&real)?;
        Ok((real, name))
    }

    /// Returns what a path names, if it names anything; the last name is not followed.
    pub(super) fn look(&self, path: &RemotePath) -> StoreResult<&Node> {
        let (parent, name) = self.parent(path)?;
        self.at(&parent)?.entries.get(&name).ok_or_else(|| ErrorCode::NotFound.into())
    }

    /// Returns what a path leads to.
    pub(super) fn find(&self, path: &RemotePath) -> StoreResult<Found<'_>> {
        let mut real = self.real(path, true)?;
        let Some(name) = real.pop() else { return Ok(Found::Directory(self)) };
        match self.at(&real)?.entries.get(&name) {
            Some(Node::Directory(folder)) => Ok(Found::Directory(folder)),
            Some(Node::File(file)) => Ok(Found::File(file)),
            Some(Node::Link(_)) | None => Err(ErrorCode::NotFound.into()),
        }
    }

    /// Returns the number of files and of directories in it, and the bytes of those files.
    pub(super) fn count(&self) -> FolderSum {
        let mut sum = FolderSum::default();
        let mut left: Vec<&Node> = self.entries.values().collect();
        while let Some(node) = left.pop() {
            match node {
                Node::Directory(folder) => {
                    sum.directories += 1;
                    left.extend(folder.entries.values());
                }
                Node::File(file) => {
                    sum.files += 1;
                    sum.bytes += file.size();
                }
                Node::Link(_) => sum.files += 1,
            }
        }
        sum
    }
}

/// The sum of what is in a directory.
#[derive(Default)]
pub(super) struct FolderSum {
    pub(super) files: u64,
    pub(super) directories: u64,
    pub(super) bytes: u64,
}

/// The way along a path.
pub(super) struct Way {
    /// The names of what is there, none of which is a link.
    pub(super) real: Vec<String>,
    /// The names behind them, the first of which is not there.
    pub(super) missing: Vec<String>,
    /// True if that one is a name in the target of a link.
    pub(super) is_dangling: bool,
}

/// The thing that a path leads to.
pub(super) enum Found<'a> {
    Directory(&'a Folder),
    File(&'a Arc<MemoryFile>),
}

impl Link {
    pub(super) fn new(target: &str) -> Self {
        Self { target: target.to_owned(), modified: now() }
    }
}

impl Node {
    /// As it is listed; a link as what it is.
    pub(super) fn entry(&self, path: RemotePath) -> Entry {
        match self {
            Self::Directory(folder) => folder.entry(path),
            Self::File(file) => file.entry(path),
            Self::Link(link) => {
                let (kind, modified) = (Kind::Link, link.modified);
                Entry { path, kind, size: 0, modified, mode: Some(0o777), unflushed: false }
            }
        }
    }

    pub(super) fn is_directory(&self) -> bool {
        matches!(self, Self::Directory(_))
    }
}

impl Folder {
    pub(super) fn entry(&self, path: RemotePath) -> Entry {
        let (kind, modified, mode) = (Kind::Directory, self.modified, Some(self.mode));
        Entry { path, kind, size: 0, modified, mode, unflushed: false }
    }
}

impl Drop for Folder {
    /// Takes deep trees apart level by level: each level of recursion would take room on the stack.
    fn drop(&mut self) {
        let mut left: Vec<Node> = std::mem::take(&mut self.entries).into_values().collect();
        while let Some(mut node) = left.pop() {
            if let Node::Directory(folder) = &mut node {
                left.extend(std::mem::take(&mut folder.entries).into_values());
            }
        }
    }
}

fn reserved() -> Failure {
    Failure::new(ErrorCode::InvalidName).because(format!("the name '{STAGING_NAME}' is reserved for Remofile"))
}

/// The failure of a new name that is taken.
pub(super) fn taken(node: &Node) -> Failure {
    let failure = Failure::new(ErrorCode::AlreadyExists);
    if node.is_directory() { failure.because("a directory is in the way") } else { failure }
}

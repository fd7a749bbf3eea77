//! Walks over directories in memory.

use super::shared::Shared;
use super::tree::Node;
use crate::store::{StoreResult, Unlisted, Walk, removed_since};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{Failure, Kind, Listed};
use std::sync::Arc;

/// A walk. Each directory is read when its turn comes, as a whole.
pub(super) struct MemoryWalk {
    shared: Arc<Shared>,
    is_recursive: bool,
    levels: Vec<Level>,
    /// The directory that came last and may be entered.
    entered: Option<(RemotePath, Vec<String>)>,
    top: RemotePath,
    /// True if what was removed meanwhile is told.
    tells_removed: bool,
    /// The entry that the last element could not be.
    unlisted: Option<Unlisted>,
}

struct Level {
    /// As the caller names it, and as it really is.
    path: RemotePath,
    real: Vec<String>,
    names: std::vec::IntoIter<String>,
}

impl MemoryWalk {
    pub(super) fn new(shared: &Arc<Shared>, directory: &RemotePath, is_recursive: bool) -> StoreResult<Self> {
        let real = shared.lock().root.real(directory, true)?;
        let level = Level::read(shared, directory.clone(), real)?;
        Ok(Self {
            shared: Arc::clone(shared),
            is_recursive,
            levels: vec![level],
            entered: None,
            top: directory.clone(),
            tells_removed: false,
            unlisted: None,
        })
    }

    /// Returns the failure of an entry, which is then known as one that could not be listed.
    fn failed(&mut self, failure: Failure, directory: &RemotePath, name: &str, kind: Option<Kind>) -> Listed {
        let shown = format!("{}/{name}", directory.as_str().trim_end_matches('/'));
        let top = self.top.as_str().trim_end_matches('/');
        let below = shown.strip_prefix(top).unwrap_or(&shown).trim_start_matches('/');
        self.unlisted = Some(Unlisted { below: below.as_bytes().to_owned(), kind, size: None });
        Listed::Failed(failure.at(shown))
    }
}

impl Level {
    fn read(shared: &Shared, path: RemotePath, real: Vec<String>) -> StoreResult<Self> {
        let names: Vec<String> = shared.lock().root.at(&real)?.entries.keys().cloned().collect();
        Ok(Self { path, real, names: names.into_iter() })
    }
}

impl Walk for MemoryWalk {
    fn next(&mut self) -> Option<Listed> {
        self.unlisted = None;
        if let Some((path, real)) = self.entered.take() {
            match Level::read(&self.shared, path.clone(), real) {
                Ok(level) => self.levels.push(level),
                Err(_) if self.tells_removed => return Some(Listed::Failed(removed_since().at(path))),
                Err(_) => {}
            }
        }
        loop {
            let level = self.levels.last_mut()?;
            let Some(name) = level.names.next() else {
                self.levels.pop();
                continue;
            };
            let (directory, real) = (level.path.clone(), &level.real);
            let tree = self.shared.lock();
            let node = tree.root.at(real).ok().and_then(|folder| folder.entries.get(&name));
            let kind = node.map(|node| node.entry(directory.clone()).kind);
            let child = FileName::from_bytes(name.as_bytes()).map_err(Into::into);
            let path = match child.and_then(|name| Ok(directory.child(&name)?)) {
                Ok(path) => path,
                Err(failure) => {
                    drop(tree);
                    return Some(self.failed(failure, &directory, &name, kind));
                }
            };
            let Some(node) = node else {
                drop(tree);
                if self.tells_removed {
                    return Some(self.failed(removed_since(), &directory, &name, None));
                }
                continue;
            };
            if self.is_recursive && matches!(node, Node::Directory(_)) {
                let real = real.iter().cloned().chain([name]).collect();
                self.entered = Some((path.clone(), real));
            }
            return Some(Listed::Entry(self.shared.shown(node.entry(path))));
        }
    }

    fn skip_directory(&mut self) {
        self.entered = None;
    }

    fn tell_removed(&mut self) {
        self.tells_removed = true;
    }

    fn unlisted(&self) -> Option<&Unlisted> {
        self.unlisted.as_ref()
    }

    fn memory_bytes(&self) -> u64 {
        let of =
            |level: &Level| level.names.as_slice().iter().map(|name| name.len() + size_of::<String>()).sum::<usize>();
        self.levels.iter().map(of).sum::<usize>() as u64
    }
}

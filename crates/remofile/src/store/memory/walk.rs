//! Walks over directories in memory.

use super::shared::Shared;
use super::tree::Node;
use crate::store::{StoreResult, Walk};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::Listed;
use std::sync::Arc;

/// A walk. Each directory is read when its turn comes, as a whole.
pub(super) struct MemoryWalk {
    shared: Arc<Shared>,
    is_recursive: bool,
    levels: Vec<Level>,
    /// The directory that came last and may be entered.
    entered: Option<(RemotePath, Vec<String>)>,
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
        Ok(Self { shared: Arc::clone(shared), is_recursive, levels: vec![level], entered: None })
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
        if let Some((path, real)) = self.entered.take() {
            // What vanished meanwhile is left out.
            self.levels.extend(Level::read(&self.shared, path, real));
        }
        loop {
            let level = self.levels.last_mut()?;
            let Some(name) = level.names.next() else {
                self.levels.pop();
                continue;
            };
            let child = FileName::from_bytes(name.as_bytes()).map_err(Into::into);
            let path = match child.and_then(|name| Ok(level.path.child(&name)?)) {
                Ok(path) => path,
                Err(failure) => return Some(Listed::Failed(failure_at(failure, &level.path, &name))),
            };
            let tree = self.shared.lock();
            let Some(node) = tree.root.at(&level.real).ok().and_then(|folder| folder.entries.get(&name)) else {
                continue;
            };
            if self.is_recursive && matches!(node, Node::Directory(_)) {
                let real = level.real.iter().cloned().chain([name]).collect();
                self.entered = Some((path.clone(), real));
            }
            return Some(Listed::Entry(self.shared.shown(node.entry(path))));
        }
    }

    fn skip_directory(&mut self) {
        self.entered = None;
    }

    fn memory_bytes(&self) -> u64 {
        let of =
            |level: &Level| level.names.as_slice().iter().map(|name| name.len() + size_of::<String>()).sum::<usize>();
        self.levels.iter().map(of).sum::<usize>() as u64
    }
}

fn failure_at(
    failure: remofile_protocol::wire::Failure,
    directory: &RemotePath,
    name: &str,
) -> remofile_protocol::wire::Failure {
    failure.at(format!("{}/{name}", directory.as_str().trim_end_matches('/')))
}

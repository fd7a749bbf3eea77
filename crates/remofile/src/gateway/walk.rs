//! Trees of remote directories, which are listed one after the other.

use super::names::Names;
use super::shared_connection::SharedConnection;
use crate::store::{Removal, RemovalProgress, StoreResult, Walk};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, Listed};
use std::sync::Arc;

/// Most memory that the names on the way to the current directory may take, in bytes: more than a million names,
/// or four of the longest responses.
const MAX_NAMES_BYTES: u64 = 64 * 1024 * 1024;

/// The directories from the top of a tree to the current one. Memory: the names in them, each without the path to
/// it. A path has an end, and so has the depth.
struct Levels {
    shared: SharedConnection,
    top: RemotePath,
    /// The current directory.
    path: RemotePath,
    levels: Vec<Level>,
    /// Memory of all levels, in bytes.
    bytes: u64,
}

struct Level {
    names: Arc<Names>,
    next: usize,
}

impl Levels {
    fn new(shared: &SharedConnection, top: &RemotePath) -> StoreResult<Self> {
        let (top, path) = (top.clone(), top.clone());
        let mut levels = Self { shared: shared.clone(), top, path, levels: Vec::new(), bytes: 0 };
        levels.enter(levels.path.clone())?;
        Ok(levels)
    }

    /// Lists a directory, which is the current one then.
    ///
    /// # Errors
    /// `out-of-resources` with the top if that was too much, or what became of the connection, which then is the end;
    /// others with the directory.
    fn enter(&mut self, directory: RemotePath) -> StoreResult<()> {
        let names = match self.shared.list(&directory) {
            Ok(names) => names,
            Err(failure) => {
                if self.shared.is_broken() {
                    // Every directory that is left would fail in the same way.
                    (self.levels, self.bytes) = (Vec::new(), 0);
                    return Err(failure.at(&self.top));
                }
                return Err(failure.at(&directory));
            }
        };
        self.bytes += names.memory_bytes() + size_of::<Level>() as u64;
        if self.bytes > MAX_NAMES_BYTES {
            // No directory above can be gone on with as if it were whole.
            (self.levels, self.bytes) = (Vec::new(), 0);
            return Err(too_much().at(&self.top));
        }
        self.levels.push(Level { names, next: 0 });
        self.path = directory;
        Ok(())
    }

    /// Returns the next entry of the current directory; `None` at its end.
    fn next(&mut self) -> Option<StoreResult<Entry>> {
        let level = self.levels.last_mut()?;
        let named = level.names.at(level.next)?;
        level.next += 1;
        Some(named.entry(&self.path))
    }

    /// Goes back to the directory above, and gives the one that was left; `None` behind the top.
    fn leave(&mut self) -> Option<RemotePath> {
        let level = self.levels.pop()?;
        self.bytes -= level.names.memory_bytes() + size_of::<Level>() as u64;
        let parent = self.path.parent().unwrap_or_else(RemotePath::root);
        Some(std::mem::replace(&mut self.path, parent))
    }
}

fn too_much() -> Failure {
    Failure::new(ErrorCode::OutOfResources).because(format!(
        "what the server lists has no end, or would take more than {} MiB of memory here: go through it in smaller parts",
        MAX_NAMES_BYTES / (1024 * 1024)
    ))
}

/// A walk in the order of [`RemotePath`].
pub(super) struct RemoteWalk {
    levels: Levels,
    is_recursive: bool,
    /// The directory that came last, to be entered with the next step.
    ahead: Option<RemotePath>,
}

impl RemoteWalk {
    pub(super) fn new(shared: &SharedConnection, directory: &RemotePath, is_recursive: bool) -> StoreResult<Self> {
        Ok(Self { levels: Levels::new(shared, directory)?, is_recursive, ahead: None })
    }
}

impl Walk for RemoteWalk {
    fn next(&mut self) -> Option<Listed> {
        if let Some(directory) = self.ahead.take()
            && let Err(failure) = self.levels.enter(directory)
        {
            return Some(Listed::Failed(failure));
        }
        loop {
            match self.levels.next() {
                Some(Ok(entry)) => {
                    if self.is_recursive && entry.kind == Kind::Directory {
                        self.ahead = Some(entry.path.clone());
                    }
                    return Some(Listed::Entry(entry));
                }
                Some(Err(failure)) => return Some(Listed::Failed(failure)),
                None => self.levels.leave()?,
            };
        }
    }

    fn skip_directory(&mut self) {
        self.ahead = None;
    }

    fn memory_bytes(&self) -> u64 {
        self.levels.bytes
    }
}

/// The removal of a tree: what is in a directory goes before it, an entry with each step.
pub(super) struct RemoteRemoval {
    shared: SharedConnection,
    state: State,
    files: u64,
    directories: u64,
}

enum State {
    /// Nothing is removed yet.
    Fresh(RemotePath, Kind),
    Inside(Levels),
    Gone,
    Failed(Failure),
}

impl RemoteRemoval {
    pub(super) fn new(shared: &SharedConnection, path: &RemotePath, kind: Kind) -> Self {
        Self { shared: shared.clone(), state: State::Fresh(path.clone(), kind), files: 0, directories: 0 }
    }

    fn advance(&mut self) -> StoreResult<State> {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Fresh(path, Kind::Directory) => Levels::new(&self.shared, &path).map(State::Inside),
            State::Fresh(path, kind) => self.remove(&path, kind).map(|()| State::Gone),
            State::Inside(mut levels) => {
                match levels.next().transpose()? {
                    Some(entry) if entry.kind == Kind::Directory => levels.enter(entry.path)?,
                    Some(entry) => self.remove(&entry.path, entry.kind)?,
                    None => match levels.leave() {
                        Some(directory) => self.remove(&directory, Kind::Directory)?,
                        None => return Ok(State::Gone),
                    },
                }
                Ok(State::Inside(levels))
            }
            State::Gone => Ok(State::Gone),
            State::Failed(failure) => Err(failure),
        }
    }

    fn remove(&mut self, path: &RemotePath, kind: Kind) -> StoreResult<()> {
        self.shared.remove(path).map_err(|failure| failure.at(path))?;
        match kind {
            Kind::Directory => self.directories += 1,
            _ => self.files += 1,
        }
        Ok(())
    }
}

impl Removal for RemoteRemoval {
    fn step(&mut self) -> StoreResult<RemovalProgress> {
        match self.advance() {
            Ok(State::Gone) => Ok(RemovalProgress::Done { files: self.files, directories: self.directories }),
            Ok(state) => {
                self.state = state;
                Ok(RemovalProgress::More)
            }
            Err(failure) => {
                self.state = State::Failed(failure.clone());
                Err(failure)
            }
        }
    }

    fn memory_bytes(&self) -> u64 {
        match &self.state {
            State::Inside(levels) => levels.bytes,
            State::Fresh(..) | State::Gone | State::Failed(_) => 0,
        }
    }
}

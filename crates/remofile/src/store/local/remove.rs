//! Removal of files and whole trees.

use super::context::StoreContext;
use super::names::Names;
use super::source::kind_of;
use super::trail::Trail;
use super::{errors, resolve};
use crate::store::{Removal, RemovalProgress, StoreResult};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{Failure, Kind};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::AtFlags;
use rustix::io::Errno;
use std::sync::Arc;

/// Entries removed in one step.
const ENTRIES_A_STEP: usize = 16;

/// Removes a file, a link or an empty directory.
pub(super) fn remove(shared: &StoreContext, path: &RemotePath) -> StoreResult<Kind> {
    let (place, name) = resolve::parent(shared.jail()?, path)?;
    let kind = kind_at(place.directory.as_fd(), &name)?;
    let flags = if kind == Kind::Directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
    rustix::fs::unlinkat(&place.directory, name.as_str(), flags).map_err(removal_failure)?;
    shared.flush_directory(place.directory.as_fd())?;
    Ok(kind)
}

/// Returns the kind of a name itself, not of what it leads to.
pub(super) fn kind_at(directory: BorrowedFd<'_>, name: &FileName) -> StoreResult<Kind> {
    let stat = rustix::fs::statat(directory, name.as_str(), AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure)?;
    Ok(kind_of(&stat))
}

fn removal_failure(errno: Errno) -> Failure {
    // POSIX lets a file system answer either for a directory with entries.
    errors::failure(if errno == Errno::EXIST { Errno::NOTEMPTY } else { errno })
}

/// A removal of a file or a tree. Every directory on the way is read once, completely.
pub(super) struct LocalRemoval {
    shared: Arc<StoreContext>,
    parent: OwnedFd,
    name: FileName,
    path: RemotePath,
    state: RemovalState,
    /// Memory that the names of all levels take, in bytes.
    names_bytes: usize,
    files: u64,
    directories: u64,
}

enum RemovalState {
    Fresh,
    Inside(Trail, Vec<Level>),
    Gone,
    Failed(Failure),
}

struct Level {
    names: Names,
    next: usize,
}

impl LocalRemoval {
    pub(super) fn new(shared: &Arc<StoreContext>, path: &RemotePath) -> StoreResult<Self> {
        let (place, name) = resolve::parent(shared.jail()?, path)?;
        kind_at(place.directory.as_fd(), &name)?;
        Ok(Self {
            shared: Arc::clone(shared),
            parent: place.directory,
            name,
            path: path.clone(),
            state: RemovalState::Fresh,
            names_bytes: 0,
            files: 0,
            directories: 0,
        })
    }

    fn advance(&mut self) -> StoreResult<RemovalState> {
        match std::mem::replace(&mut self.state, RemovalState::Gone) {
            RemovalState::Fresh => self.begin(),
            RemovalState::Inside(trail, levels) => self.remove_some(trail, levels),
            RemovalState::Gone => Ok(RemovalState::Gone),
            RemovalState::Failed(failure) => Err(failure),
        }
    }

    /// Removes the top where it is no directory, else opens it.
    fn begin(&mut self) -> StoreResult<RemovalState> {
        let name = self.name.as_str().as_bytes();
        match open_or_unlink(self.parent.as_fd(), name, None).map_err(|failure| failure.at(&self.path))? {
            Some(directory) => {
                let names = Names::read_opened(directory.as_fd()).map_err(|failure| failure.at(&self.path))?;
                self.names_bytes = names.memory_bytes();
                Ok(RemovalState::Inside(Trail::new(directory), vec![Level { names, next: 0 }]))
            }
            None => {
                self.files += 1;
                self.shared.flush_directory(self.parent.as_fd())?;
                Ok(RemovalState::Gone)
            }
        }
    }

    fn remove_some(&mut self, mut trail: Trail, mut levels: Vec<Level>) -> StoreResult<RemovalState> {
        for _ in 0..ENTRIES_A_STEP {
            let Some(level) = levels.last_mut() else {
                return Ok(RemovalState::Gone);
            };
            let Some((name, is_directory)) = level.names.at(level.next) else {
                self.names_bytes -= level.names.memory_bytes();
                levels.pop();
                self.leave(&mut trail)?;
                continue;
            };
            level.next += 1;
            let opened = trail.current().and_then(|current| {
                let Some(directory) = open_or_unlink(current, name, is_directory)? else {
                    return Ok(None);
                };
                Ok(Some((Names::read_opened(directory.as_fd())?, directory)))
            });
            match opened.map_err(|failure| failure.at(self.shown(&trail, Some(name))))? {
                Some((names, directory)) => {
                    self.names_bytes += names.memory_bytes();
                    trail.enter(name, directory);
                    levels.push(Level { names, next: 0 });
                }
                None => self.files += 1,
            }
        }
        Ok(RemovalState::Inside(trail, levels))
    }

    /// Removes the current directory, which is empty now, from the one above it.
    fn leave(&mut self, trail: &mut Trail) -> StoreResult<()> {
        let removed = match trail.leave() {
            Some(name) => {
                let removed = trail.current().and_then(|parent| remove_directory(parent, &name));
                removed.map_err(|failure| failure.at(self.shown(trail, Some(&name))))
            }
            None => remove_directory(self.parent.as_fd(), self.name.as_str().as_bytes())
                .and_then(|()| self.shared.flush_directory(self.parent.as_fd()))
                .map_err(|failure| failure.at(&self.path)),
        };
        self.directories += u64::from(removed.is_ok());
        removed
    }

    /// Returns a path below the top as text, whatever bytes its names have.
    fn shown(&self, trail: &Trail, name: Option<&[u8]>) -> String {
        let mut below = trail.names().to_vec();
        if let Some(name) = name {
            below.push(b'/');
            below.extend_from_slice(name);
        }
        match std::str::from_utf8(&below) {
            Ok(text) if !text.chars().any(char::is_control) => format!("{}{text}", self.path),
            _ => format!("{}{}", self.path, below.escape_ascii()),
        }
    }
}

impl Removal for LocalRemoval {
    fn memory_bytes(&self) -> u64 {
        self.names_bytes as u64
    }

    fn step(&mut self) -> StoreResult<RemovalProgress> {
        match self.advance() {
            Ok(RemovalState::Gone) => Ok(RemovalProgress::Done { files: self.files, directories: self.directories }),
            Ok(state) => {
                self.state = state;
                Ok(RemovalProgress::More)
            }
            Err(failure) => {
                self.state = RemovalState::Failed(failure.clone());
                Err(failure)
            }
        }
    }
}

/// Opens a directory, or removes anything else. A name that has vanished counts as removed.
fn open_or_unlink(directory: BorrowedFd<'_>, name: &[u8], is_directory: Option<bool>) -> StoreResult<Option<OwnedFd>> {
    if is_directory == Some(false) {
        match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(None),
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(errno) => return Err(errors::failure(errno)),
        }
    }
    match resolve::open_one(directory, name, resolve::READABLE) {
        Ok(opened) => Ok(Some(opened)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::NOTDIR | Errno::LOOP) => match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errors::failure(errno)),
        },
        Err(errno) => Err(errors::failure(errno)),
    }
}

fn remove_directory(parent: BorrowedFd<'_>, name: &[u8]) -> StoreResult<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(removal_failure(errno)),
    }
}

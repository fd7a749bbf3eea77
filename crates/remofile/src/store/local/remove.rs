//! Removal of files and whole trees.

use super::context::StoreContext;
use super::descent::Descent;
use super::disk_name::DiskName;
use super::jail::Place;
use super::names::Names;
use super::source::kind_of;
use super::{errors, resolve};
use crate::store::system;
use crate::store::{Removal, RemovalProgress, StoreResult};
use remofile_protocol::path::RemotePath;
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
    system::unlinkat(&place.directory, name.bytes(), flags).map_err(removal_failure)?;
    shared.flush_directory(place.directory.as_fd())?;
    Ok(kind)
}

/// Removes a file, a link or an empty directory from a directory that is held: mostly with a single system call.
pub(super) fn remove_in(shared: &StoreContext, place: &Place, name: &DiskName) -> StoreResult<()> {
    place.refuse_reserved(name)?;
    match system::unlinkat(&place.directory, name.bytes(), AtFlags::empty()) {
        // POSIX has `EPERM` for a directory, which may have other reasons as well.
        Err(Errno::ISDIR | Errno::PERM) if kind_at(place.directory.as_fd(), name)? == Kind::Directory => {
            system::unlinkat(&place.directory, name.bytes(), AtFlags::REMOVEDIR)
        }
        removed => removed,
    }
    .map_err(removal_failure)?;
    shared.flush_directory(place.directory.as_fd())
}

/// Returns the kind of a name itself, not of what it leads to.
pub(super) fn kind_at(directory: BorrowedFd<'_>, name: &DiskName) -> StoreResult<Kind> {
    let stat = system::statat(directory, name.bytes(), AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure)?;
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
    name: DiskName,
    path: RemotePath,
    state: RemovalState,
    /// Memory that the names of all levels take, in bytes.
    names_bytes: usize,
    files: u64,
    directories: u64,
    /// Bytes of content of the removed files, if they are counted.
    bytes: Option<u64>,
}

enum RemovalState {
    Fresh,
    Inside(Descent, Vec<Level>),
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
            bytes: None,
        })
    }

    fn advance(&mut self, may_go_on: &dyn Fn() -> bool) -> StoreResult<RemovalState> {
        match std::mem::replace(&mut self.state, RemovalState::Gone) {
            RemovalState::Fresh => self.begin(),
            RemovalState::Inside(descent, levels) => self.remove_some(descent, levels, may_go_on),
            RemovalState::Gone => Ok(RemovalState::Gone),
            RemovalState::Failed(failure) => Err(failure),
        }
    }

    /// Removes the top where it is no directory, else opens it.
    fn begin(&mut self) -> StoreResult<RemovalState> {
        let name = self.name.bytes();
        match open_or_unlink(self.parent.as_fd(), name, None, &mut self.bytes)
            .map_err(|failure| failure.at(&self.path))?
        {
            Some(directory) => {
                let names = Names::read_opened(directory.as_fd()).map_err(|failure| failure.at(&self.path))?;
                self.names_bytes = names.memory_bytes();
                Ok(RemovalState::Inside(Descent::new(directory), vec![Level { names, next: 0 }]))
            }
            None => {
                self.files += 1;
                self.shared.flush_directory(self.parent.as_fd())?;
                Ok(RemovalState::Gone)
            }
        }
    }

    fn remove_some(
        &mut self,
        mut descent: Descent,
        mut levels: Vec<Level>,
        may_go_on: &dyn Fn() -> bool,
    ) -> StoreResult<RemovalState> {
        for _ in 0..ENTRIES_A_STEP {
            if levels.is_empty() {
                return Ok(RemovalState::Gone);
            }
            if !may_go_on() {
                break;
            }
            if let Err(failure) = self.remove_one(&mut descent, &mut levels) {
                let mut said = Vec::from_iter(failure.detail.clone());
                said.extend(self.told_gone());
                if let Err(name) = descent.put_back() {
                    said.push(format!("the rest of it is in its subdirectory {name} now"));
                }
                return Err(if said.is_empty() { failure } else { failure.because(said.join("; ")) });
            }
        }
        Ok(RemovalState::Inside(descent, levels))
    }

    /// Says how much of the tree is gone, if anything is: who hears of a failure may take the tree for whole. Without its path, which
    /// a client may know by another.
    fn told_gone(&self) -> Option<String> {
        let Self { files, directories, .. } = self;
        let files_are = if *files == 1 { "file" } else { "files" };
        let directories_are = if *directories == 1 { "directory" } else { "directories" };
        (files + directories > 0)
            .then(|| format!("of the tree, {files} {files_are} and {directories} {directories_are} are gone"))
    }

    /// Removes the next entry, or enters it, or leaves the directory that is empty now.
    fn remove_one(&mut self, descent: &mut Descent, levels: &mut Vec<Level>) -> StoreResult<()> {
        let Some(level) = levels.last_mut() else { return Ok(()) };
        let Some((name, is_directory)) = level.names.at(level.next) else {
            self.names_bytes -= level.names.memory_bytes();
            levels.pop();
            return self.leave(descent);
        };
        level.next += 1;
        let opened = descent.current().and_then(|current| {
            let Some(directory) = open_or_unlink(current, name, is_directory, &mut self.bytes)? else {
                return Ok(None);
            };
            Ok(Some((Names::read_opened(directory.as_fd())?, directory)))
        });
        match opened.map_err(|failure| failure.at(self.shown(&descent.names_to(name))))? {
            Some((names, directory)) => {
                self.names_bytes += names.memory_bytes();
                if names.may_have_directories() {
                    descent.enter_for_more(name, directory);
                } else {
                    descent.enter(name, directory);
                }
                levels.push(Level { names, next: 0 });
            }
            None => self.files += 1,
        }
        Ok(())
    }

    /// Removes the current directory, which is empty now, from the one above it.
    fn leave(&mut self, descent: &mut Descent) -> StoreResult<()> {
        if descent.is_at_top() {
            remove_directory(self.parent.as_fd(), self.name.bytes())
                .and_then(|()| self.shared.flush_directory(self.parent.as_fd()))
                .map_err(|failure| failure.at(&self.path))?;
        } else {
            descent.leave(remove_directory, |below| self.shown(below))?;
        }
        self.directories += 1;
        Ok(())
    }

    /// Returns a path below the top as text, whatever bytes its names have.
    fn shown(&self, below: &[u8]) -> String {
        match std::str::from_utf8(below) {
            Ok(text) if !text.chars().any(char::is_control) => format!("{}{text}", self.path),
            _ => format!("{}{}", self.path, below.escape_ascii()),
        }
    }
}

impl Removal for LocalRemoval {
    fn memory_bytes(&self) -> u64 {
        self.names_bytes as u64
    }

    fn count_bytes(&mut self) {
        self.bytes = Some(0);
    }

    fn removed_bytes(&self) -> Option<u64> {
        self.bytes
    }

    fn step(&mut self) -> StoreResult<RemovalProgress> {
        self.step_while(&|| true)
    }

    fn step_while(&mut self, may_go_on: &dyn Fn() -> bool) -> StoreResult<RemovalProgress> {
        match self.advance(may_go_on) {
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
fn open_or_unlink(
    directory: BorrowedFd<'_>,
    name: &[u8],
    is_directory: Option<bool>,
    bytes: &mut Option<u64>,
) -> StoreResult<Option<OwnedFd>> {
    if is_directory == Some(false) {
        match unlink(directory, name, bytes) {
            Ok(()) | Err(Errno::NOENT) => return Ok(None),
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(errno) => return Err(errors::failure(errno)),
        }
    }
    match resolve::open_one(directory, name, resolve::READABLE) {
        Ok(opened) => Ok(Some(opened)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::NOTDIR | Errno::LOOP) => match unlink(directory, name, bytes) {
            Ok(()) | Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errors::failure(errno)),
        },
        Err(errno) => Err(errors::failure(errno)),
    }
}

/// Removes what is no directory. Its size is added to `bytes` if those are counted.
fn unlink(directory: BorrowedFd<'_>, name: &[u8], bytes: &mut Option<u64>) -> Result<(), Errno> {
    let Some(bytes) = bytes else {
        return system::unlinkat(directory, name, AtFlags::empty());
    };
    let stat = system::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    system::unlinkat(directory, name, AtFlags::empty())?;
    if kind_of(&stat) == Kind::File {
        *bytes = bytes.saturating_add(u64::try_from(stat.st_size).unwrap_or(0));
    }
    Ok(())
}

fn remove_directory(parent: BorrowedFd<'_>, name: &[u8]) -> StoreResult<()> {
    match system::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(removal_failure(errno)),
    }
}

#[cfg(test)]
mod tests;

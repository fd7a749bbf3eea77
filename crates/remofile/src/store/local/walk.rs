//! Listings.

use super::jail::Jail;
use super::names::{Names, is_temporary_beside};
use super::ranges::Ranges;
use super::source::known_entry_of;
use super::trail::Trail;
use super::{alias, errors, resolve, root};
use crate::store::{StoreResult, Walk};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{ErrorCode, Failure, Kind, Listed};
use rustix::fd::AsFd;
use rustix::fs::AtFlags;
use rustix::io::Errno;

/// A walk in the order of [`RemotePath`]. Memory: the names in the directories from the top to the
/// current one; descriptors: some tens.
pub(super) struct LocalWalk {
    trail: Trail,
    levels: Vec<Level>,
    /// Memory that the names of all levels take, in bytes.
    names_bytes: usize,
    path: RemotePath,
    is_recursive: bool,
    starts_at_root: bool,
    /// The directory listed last, to be entered next.
    ahead: Option<FileName>,
    /// Ranges of time in which files were changed that may not be on the disk.
    doubt: Ranges,
}

struct Level {
    names: Names,
    next: usize,
}

enum WalkStep {
    Yield(Listed),
    Again,
    End,
}

impl LocalWalk {
    pub(super) fn new(jail: Jail<'_>, path: &RemotePath, is_recursive: bool, doubt: Ranges) -> StoreResult<Self> {
        let place = resolve::directory(jail, path)?;
        let top = resolve::open_one(place.directory.as_fd(), b".", resolve::READABLE).map_err(errors::failure)?;
        let names = Names::read_opened(top.as_fd())?;
        Ok(Self {
            trail: Trail::new(top),
            names_bytes: names.memory_bytes(),
            levels: vec![Level { names, next: 0 }],
            path: path.clone(),
            is_recursive,
            starts_at_root: place.is_root,
            ahead: None,
            doubt,
        })
    }

    fn step(&mut self) -> WalkStep {
        if let Some(name) = self.ahead.take() {
            return self.enter(&name);
        }
        let is_at_root = self.starts_at_root && self.trail.depth() == 0;
        let Some(level) = self.levels.last_mut() else {
            return WalkStep::End;
        };
        let Some((name, _)) = level.names.at(level.next) else {
            return self.leave();
        };
        level.next += 1;
        let mut is_staging = |name| self.trail.current().is_ok_and(|root| alias::is_staging(root, name));
        if is_temporary_beside(name) || (is_at_root && is_staging(name)) {
            return WalkStep::Again;
        }
        let path = match path_of(&self.path, name) {
            Ok(path) => path,
            Err(failure) => return WalkStep::Yield(Listed::Failed(failure)),
        };
        let stat = self.trail.current().and_then(|directory| {
            rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure)
        });
        match stat {
            Ok(stat) => {
                let entry = known_entry_of(path, &stat, &self.doubt);
                if self.is_recursive && entry.kind == Kind::Directory {
                    self.ahead = entry.path.file_name();
                }
                WalkStep::Yield(Listed::Entry(entry))
            }
            Err(failure) => unless_vanished(failure, &path),
        }
    }

    fn enter(&mut self, name: &FileName) -> WalkStep {
        let Ok(path) = self.path.child(name) else {
            return WalkStep::Again;
        };
        let bytes = name.as_str().as_bytes();
        let opened = self.trail.current().and_then(|directory| {
            let entered = resolve::open_one(directory, bytes, resolve::READABLE);
            // Replaced by something else since it was listed: as good as gone.
            entered.map_err(|errno| errors::failure(if errno == Errno::NOTDIR { Errno::NOENT } else { errno }))
        });
        let read = opened.and_then(|directory| Ok((Names::read_opened(directory.as_fd())?, directory)));
        match read {
            Ok((names, directory)) => {
                self.trail.enter(bytes, directory);
                self.names_bytes += names.memory_bytes();
                self.levels.push(Level { names, next: 0 });
                self.path = path;
                WalkStep::Again
            }
            Err(failure) => unless_vanished(failure, &path),
        }
    }

    fn leave(&mut self) -> WalkStep {
        self.names_bytes -= self.levels.pop().map_or(0, |level| level.names.memory_bytes());
        if self.trail.leave().is_none() {
            return self.end();
        }
        if let Some(parent) = self.path.parent() {
            self.path = parent;
        }
        WalkStep::Again
    }

    /// Ends the walk. Fails if the directory itself was removed meanwhile: its entries must not look as if they had
    /// never existed.
    fn end(&mut self) -> WalkStep {
        match self.trail.current() {
            Ok(top) if root::is_removed(top) && self.starts_at_root => WalkStep::Yield(Listed::Failed(root::removed())),
            Ok(top) if root::is_removed(top) => WalkStep::Yield(Listed::Failed(vanished(&self.path))),
            _ => WalkStep::Again,
        }
    }
}

impl Walk for LocalWalk {
    fn next(&mut self) -> Option<Listed> {
        loop {
            match self.step() {
                WalkStep::Yield(listed) => return Some(listed),
                WalkStep::Again => {}
                WalkStep::End => return None,
            }
        }
    }

    fn skip_directory(&mut self) {
        self.ahead = None;
    }

    fn memory_bytes(&self) -> u64 {
        self.names_bytes as u64
    }
}

fn vanished(directory: &RemotePath) -> Failure {
    Failure::new(ErrorCode::Other).at(directory).because("the directory was removed while it was listed")
}

fn unless_vanished(failure: Failure, path: &RemotePath) -> WalkStep {
    match failure.code {
        ErrorCode::NotFound => WalkStep::Again,
        _ => WalkStep::Yield(Listed::Failed(failure.at(path))),
    }
}

fn path_of(directory: &RemotePath, name: &[u8]) -> Result<RemotePath, Failure> {
    FileName::from_bytes(name)
        .map_err(Failure::from)
        .and_then(|name| directory.child(&name).map_err(Failure::from))
        .map_err(|failure| failure.at(shown(directory, name)))
}

/// Returns a path as text, whatever bytes its last name has.
fn shown(directory: &RemotePath, name: &[u8]) -> String {
    let parent = if directory.is_root() { "" } else { directory.as_str() };
    let name = std::str::from_utf8(name)
        .ok()
        .filter(|text| !text.chars().any(char::is_control))
        .map_or_else(|| name.escape_ascii().to_string(), str::to_owned);
    format!("{parent}/{name}")
}

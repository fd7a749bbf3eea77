//! Listings.

use super::disk_name::{DiskName, Encoding};
use super::jail::Jail;
use super::names::{Names, is_temporary_beside};
use super::ranges::Ranges;
use super::source::{entry_of, known_entry_of};
use super::trail::Trail;
use super::{alias, errors, resolve, root};
use crate::store::system;
use crate::store::{StoreResult, Unlisted, Walk, removed_since};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Kind, Listed};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::AtFlags;
use rustix::io::Errno;

/// A walk in the order of [`RemotePath`]. Memory: the names in the directories from the top to the
/// current one; descriptors: some tens.
pub(super) struct LocalWalk {
    trail: Trail,
    levels: Vec<Level>,
    /// Memory that the names of all levels take, in bytes.
    names_bytes: usize,
    top: RemotePath,
    path: RemotePath,
    is_recursive: bool,
    starts_at_root: bool,
    /// True if what was removed meanwhile is told.
    tells_removed: bool,
    /// The entry that the last element could not be.
    unlisted: Option<Unlisted>,
    /// The directory listed last, to be entered next.
    ahead: Option<DiskName>,
    encoding: Encoding,
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
        let names = read_names(top.as_fd(), jail.encoding)?;
        Ok(Self {
            trail: Trail::new(top),
            names_bytes: names.memory_bytes(),
            levels: vec![Level { names, next: 0 }],
            top: path.clone(),
            path: path.clone(),
            is_recursive,
            starts_at_root: place.is_root,
            tells_removed: false,
            unlisted: None,
            ahead: None,
            encoding: jail.encoding,
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
        let Some((name, is_directory)) = level.names.at(level.next) else {
            return self.leave();
        };
        level.next += 1;
        let mut is_staging = |name| self.trail.current().is_ok_and(|root| alias::is_staging(root, name));
        if is_temporary_beside(name) || (is_at_root && is_staging(name)) {
            return WalkStep::Again;
        }
        let stat = self
            .trail
            .current()
            .and_then(|directory| system::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(errors::failure));
        match (path_of(&self.path, name, self.encoding), stat) {
            (Ok((path, name)), Ok(stat)) => {
                let entry = known_entry_of(path, &stat, &self.doubt);
                if self.is_recursive && entry.kind == Kind::Directory {
                    self.ahead = Some(name);
                }
                WalkStep::Yield(Listed::Entry(entry))
            }
            (path, Err(failure)) => {
                let shown = path.map_or_else(|failure| failure.path.unwrap_or_default(), |(path, _)| path.to_string());
                let kind = is_directory.filter(|is_directory| *is_directory).map(|_| Kind::Directory);
                self.unlisted = Some(Unlisted { below: below(&self.path, &self.top, name), kind, size: None });
                unless_removed(failure.at(shown), self.tells_removed)
            }
            (Err(failure), Ok(stat)) => {
                let entry = entry_of(self.top.clone(), &stat);
                let size = (entry.kind == Kind::File).then_some(entry.size);
                self.unlisted =
                    Some(Unlisted { below: below(&self.path, &self.top, name), kind: Some(entry.kind), size });
                WalkStep::Yield(Listed::Failed(failure))
            }
        }
    }

    fn enter(&mut self, name: &DiskName) -> WalkStep {
        let Ok(path) = self.path.child(name.in_paths()) else {
            return WalkStep::Again;
        };
        let bytes = name.bytes();
        let opened = self.trail.current().and_then(|directory| {
            let entered = resolve::open_one(directory, bytes, resolve::READABLE);
            // Replaced by something else since it was listed: as good as removed.
            entered.map_err(|errno| errors::failure(if errno == Errno::NOTDIR { Errno::NOENT } else { errno }))
        });
        let read = opened.and_then(|directory| Ok((read_names(directory.as_fd(), self.encoding)?, directory)));
        match read {
            Ok((names, directory)) => {
                self.trail.enter(bytes, directory);
                self.names_bytes += names.memory_bytes();
                self.levels.push(Level { names, next: 0 });
                self.path = path;
                WalkStep::Again
            }
            Err(failure) => unless_removed(failure.at(path), self.tells_removed),
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
        let Ok(top) = self.trail.current() else { return WalkStep::Again };
        let failure = match root::is_removed(top) {
            Ok(false) => return WalkStep::Again,
            Ok(true) if self.starts_at_root => root::removed(),
            Ok(true) => vanished(&self.path),
            Err(errno) => errors::failure(errno).at(&self.path),
        };
        WalkStep::Yield(Listed::Failed(failure))
    }
}

impl Walk for LocalWalk {
    fn next(&mut self) -> Option<Listed> {
        loop {
            self.unlisted = None;
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

    fn tell_removed(&mut self) {
        self.tells_removed = true;
    }

    fn unlisted(&self) -> Option<&Unlisted> {
        self.unlisted.as_ref()
    }

    fn memory_bytes(&self) -> u64 {
        self.names_bytes as u64
    }
}

/// Reads the names in a directory, in the order of the paths that they make.
fn read_names(directory: BorrowedFd<'_>, encoding: Encoding) -> StoreResult<Names> {
    let mut names = Names::read_opened(directory)?;
    if let Some(rule) = encoding {
        names.sort_encoded(rule);
    }
    Ok(names)
}

fn vanished(directory: &RemotePath) -> Failure {
    Failure::new(ErrorCode::Other).at(directory).because("the directory was removed while it was listed")
}

/// Yields a failure, unless it is that something was removed and this is not told.
fn unless_removed(failure: Failure, tells_removed: bool) -> WalkStep {
    match failure.code {
        ErrorCode::NotFound if !tells_removed => WalkStep::Again,
        ErrorCode::NotFound => WalkStep::Yield(Listed::Failed(Failure { path: failure.path, ..removed_since() })),
        _ => WalkStep::Yield(Listed::Failed(failure)),
    }
}

/// Returns the path of a name in a directory, below the top of the walk.
fn below(directory: &RemotePath, top: &RemotePath, name: &[u8]) -> Vec<u8> {
    match directory.relative_to(top).unwrap_or_default() {
        "" => name.to_owned(),
        directory => [directory.as_bytes(), b"/", name].concat(),
    }
}

fn path_of(directory: &RemotePath, name: &[u8], encoding: Encoding) -> Result<(RemotePath, DiskName), Failure> {
    DiskName::read(name, encoding)
        .and_then(|name| Ok((directory.child(name.in_paths())?, name)))
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

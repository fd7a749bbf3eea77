//! The way from a directory down to one far below it, with few descriptors open.
//!
//! A walk or a removal may be thousands of levels deep. Of the levels above the current one only some
//! keep their descriptor; one without is opened again from the nearest above it that has one, by
//! names, links not followed. So every step goes downwards and stays in the jail.

use super::{errors, resolve};
use crate::store::StoreResult;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

/// Descriptors one trail keeps open.
const MOST_OPEN: usize = 32;

/// A directory and the way to it.
pub(super) struct Trail {
    top: OwnedFd,
    levels: Vec<Level>,
    /// The names of all levels, each with a slash before it.
    names: Vec<u8>,
    open: usize,
}

struct Level {
    /// Where its name begins in `names`, slash included.
    start: usize,
    directory: Option<OwnedFd>,
}

impl Trail {
    pub(super) fn new(top: OwnedFd) -> Self {
        Self { top, levels: Vec::new(), names: Vec::new(), open: 0 }
    }

    /// The names from the top down, each with a slash before it.
    pub(super) fn names(&self) -> &[u8] {
        &self.names
    }

    /// How many levels the current directory is below the top.
    pub(super) fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Goes down to a directory inside the current one.
    pub(super) fn enter(&mut self, name: &[u8], directory: OwnedFd) {
        if self.open == MOST_OPEN {
            self.thin_out();
        }
        let start = self.names.len();
        self.names.push(b'/');
        self.names.extend_from_slice(name);
        self.levels.push(Level { start, directory: Some(directory) });
        self.open += 1;
    }

    /// Goes back up, and tells the name of the directory that was left; `None` at the top.
    pub(super) fn leave(&mut self) -> Option<Vec<u8>> {
        let level = self.levels.pop()?;
        self.open -= usize::from(level.directory.is_some());
        let name = self.names[level.start + 1..].to_vec();
        self.names.truncate(level.start);
        Some(name)
    }

    /// The current directory.
    pub(super) fn current(&mut self) -> StoreResult<BorrowedFd<'_>> {
        let Some(last) = self.levels.len().checked_sub(1) else {
            return Ok(self.top.as_fd());
        };
        if self.levels[last].directory.is_none() {
            let directory = self.reopen(last)?;
            self.levels[last].directory = Some(directory);
            self.open += 1;
        }
        Ok(self.levels[last].directory.as_ref().map_or(self.top.as_fd(), AsFd::as_fd))
    }

    fn reopen(&self, last: usize) -> StoreResult<OwnedFd> {
        let nearest = self.levels[..last].iter().rposition(|level| level.directory.is_some());
        let (from, below) = match nearest {
            Some(index) => (self.levels[index].directory.as_ref(), self.levels[index + 1].start),
            None => (None, 0),
        };
        let from = from.map_or(self.top.as_fd(), AsFd::as_fd);
        resolve::descend(from, &self.names[below + 1..], resolve::READABLE).map_err(errors::failure)
    }

    /// Closes every second open descriptor.
    fn thin_out(&mut self) {
        let open = self.levels.iter_mut().filter(|level| level.directory.is_some());
        for level in open.step_by(2) {
            level.directory = None;
            self.open -= 1;
        }
    }
}

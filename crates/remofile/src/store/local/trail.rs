//! The way from a directory down to one far below it, with few descriptors open.
//!
//! A walk or a removal may be thousands of levels deep. Of the levels above the current one only some
//! keep their descriptor; one without is opened again from the nearest above it that has one, by
//! names, links not followed. So every step goes downwards and stays in the jail. On the way some levels
//! keep a descriptor, at half of the way, at half of the rest and so on: whoever goes back up all the way
//! passes each level some times, and not once for every level below it.

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
    /// Names that were passed to open levels again.
    #[cfg(test)]
    passed: usize,
}

struct Level {
    /// Position in `names` at which its name begins, slash included.
    start: usize,
    directory: Option<OwnedFd>,
}

/// A way down from the top of a trail.
pub(super) struct Way {
    levels: Vec<Level>,
    names: Vec<u8>,
}

impl Way {
    /// Returns the names from the top down, each with a slash before it.
    pub(super) fn names(&self) -> &[u8] {
        &self.names
    }

    /// Closes the descriptor that is left.
    pub(super) fn close(&mut self) {
        self.levels.iter_mut().for_each(|level| level.directory = None);
    }
}

impl Trail {
    pub(super) fn new(top: OwnedFd) -> Self {
        Self {
            top,
            levels: Vec::new(),
            names: Vec::new(),
            open: 0,
            #[cfg(test)]
            passed: 0,
        }
    }

    /// Returns the directory that it began in.
    pub(super) fn top(&self) -> BorrowedFd<'_> {
        self.top.as_fd()
    }

    /// Returns the names from the top down, each with a slash before it.
    pub(super) fn names(&self) -> &[u8] {
        &self.names
    }

    /// Returns the number of levels between the top and the current directory.
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

    /// Goes back to the top, and gives the way from there to the current directory.
    pub(super) fn set_aside(&mut self) -> Way {
        let last = self.levels.len().saturating_sub(1);
        // Who goes on there later needs the last one first.
        self.levels.iter_mut().take(last).for_each(|level| level.directory = None);
        self.open = 0;
        Way { levels: std::mem::take(&mut self.levels), names: std::mem::take(&mut self.names) }
    }

    /// Goes on where a way led to.
    pub(super) fn rejoin(&mut self, way: Way) {
        self.open = way.levels.iter().filter(|level| level.directory.is_some()).count();
        (self.levels, self.names) = (way.levels, way.names);
    }

    /// Returns the current directory.
    pub(super) fn current(&mut self) -> StoreResult<BorrowedFd<'_>> {
        let Some(last) = self.levels.len().checked_sub(1) else {
            return Ok(self.top.as_fd());
        };
        if self.levels[last].directory.is_none() {
            self.reopen(last)?;
        }
        Ok(self.levels[last].directory.as_ref().map_or(self.top.as_fd(), AsFd::as_fd))
    }

    /// Opens a level again, and on the way to it those that are needed next.
    fn reopen(&mut self, last: usize) -> StoreResult<()> {
        let nearest = |levels: &[Level]| levels.iter().rposition(|level| level.directory.is_some());
        let distance = |levels: &[Level]| last - nearest(levels).map_or(0, |index| index + 1);
        if self.open + stops(distance(&self.levels[..last])) > MOST_OPEN {
            self.thin_out();
        }
        let mut at = nearest(&self.levels[..last]);
        loop {
            let first = at.map_or(0, |index| index + 1);
            let next = first + (last - first).div_ceil(2);
            let from = at.and_then(|index| self.levels[index].directory.as_ref());
            let from = from.map_or(self.top.as_fd(), AsFd::as_fd);
            let end = self.levels.get(next + 1).map_or(self.names.len(), |level| level.start);
            let names = &self.names[self.levels[first].start + 1..end];
            // Its names were read when it was entered.
            let directory = resolve::descend(from, names, resolve::HANDLE).map_err(errors::failure)?;
            self.levels[next].directory = Some(directory);
            self.open += 1;
            #[cfg(test)]
            {
                self.passed += next + 1 - first;
            }
            if next == last {
                return Ok(());
            }
            at = Some(next);
        }
    }

    /// Closes every second open descriptor.
    fn thin_out(&mut self) {
        let open = self.levels.iter_mut().filter(|level| level.directory.is_some());
        // Every second one, so that every level stays near one that is open.
        for level in open.step_by(2) {
            level.directory = None;
            self.open -= 1;
        }
    }
}

/// Returns the number of levels to open on the way down to one so many levels below the next open one, itself included.
fn stops(distance: usize) -> usize {
    (usize::BITS - distance.leading_zeros()) as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode};

    const LEVELS: usize = 4_000;

    #[test]
    fn who_goes_down_and_up_again_passes_each_level_some_times() {
        let root = tempfile::tempdir().unwrap();
        let top = rustix::fs::openat(CWD, root.path(), resolve::READABLE, Mode::empty()).unwrap();
        let mut trail = Trail::new(top);
        let mut most = 0;
        for _ in 0..LEVELS {
            let current = trail.current().unwrap();
            rustix::fs::mkdirat(current, "d", Mode::RWXU).unwrap();
            let below = resolve::open_one(current, b"d", resolve::READABLE).unwrap();
            trail.enter(b"d", below);
            most = most.max(trail.open);
        }
        while let Some(name) = trail.leave() {
            let above = trail.current().unwrap();
            rustix::fs::unlinkat(above, name.as_slice(), rustix::fs::AtFlags::REMOVEDIR).unwrap();
            most = most.max(trail.open);
        }
        assert!(most <= MOST_OPEN, "{most} descriptors");
        assert!(trail.passed <= 12 * LEVELS, "{} names for {LEVELS} levels", trail.passed);
    }
}

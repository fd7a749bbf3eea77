//! The way through a tree that is removed, never far below its top.
//!
//! Whoever is confined by Landlock makes the kernel go up all levels with each call, and ext4 does so with each removal
//! of a directory: what lies `n` levels deep would take `n` times `n`. So a directory that lies deep and has more below
//! it is *lifted*: moved to a name of its own in the top of the tree, and put back if the removal does not come to its
//! end. Where it cannot be moved (another file system, permissions), it stays in its place.

use super::names::lifted_name;
use super::trail::{Trail, Way};
use crate::store::StoreResult;
use crate::store::system;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::RenameFlags;
use rustix::io::Errno;

/// Levels below the top at which a directory is lifted.
const LIFTED_FROM: usize = 256;

/// Lifted directories whose former places keep a descriptor.
const MOST_OPEN_PLACES: usize = 4;

/// A directory in a tree that is removed, and the way to it.
pub(super) struct Descent {
    /// From the top of the tree, or from there into the last directory that was lifted.
    trail: Trail,
    /// Directories that were lifted, each below the one before it.
    lifted: Vec<Lifted>,
    may_lift: bool,
}

struct Lifted {
    /// The way to the directory it was in.
    place: Way,
    name: Vec<u8>,
    /// Its name in the top of the tree.
    lifted_name: String,
}

impl Descent {
    pub(super) fn new(top: OwnedFd) -> Self {
        Self { trail: Trail::new(top), lifted: Vec::new(), may_lift: true }
    }

    /// Returns the current directory.
    pub(super) fn current(&mut self) -> StoreResult<BorrowedFd<'_>> {
        self.trail.current()
    }

    pub(super) fn is_at_top(&self) -> bool {
        self.trail.depth() == 0
    }

    /// Returns the number of levels between the top and the current directory, as it lies now.
    #[cfg(test)]
    pub(super) fn depth(&self) -> usize {
        self.trail.depth()
    }

    /// Goes down to a directory inside the current one.
    pub(super) fn enter(&mut self, name: &[u8], directory: OwnedFd) {
        self.trail.enter(name, directory);
    }

    /// Goes down to a directory inside the current one that may have directories itself, and lifts it if it is deep.
    pub(super) fn enter_for_more(&mut self, name: &[u8], directory: OwnedFd) {
        if self.trail.depth() < LIFTED_FROM || !self.may_lift {
            return self.trail.enter(name, directory);
        }
        match self.lift(name) {
            Some(lifted_name) => self.trail.enter(lifted_name.as_bytes(), directory),
            None => {
                // One reason is as good for the others: each attempt would be a call for nothing.
                self.may_lift = false;
                self.trail.enter(name, directory);
            }
        }
    }

    /// Moves a directory to the top, and goes there. Returns its new name.
    fn lift(&mut self, name: &[u8]) -> Option<String> {
        let lifted_name = lifted_name();
        let top = self.trail.top().try_clone_to_owned().ok()?;
        rename(self.trail.current().ok()?, name, top.as_fd(), lifted_name.as_bytes()).ok()?;
        let place = self.trail.set_aside();
        self.lifted.push(Lifted { place, name: name.to_vec(), lifted_name: lifted_name.clone() });
        if let Some(older) = self.lifted.iter_mut().rev().nth(MOST_OPEN_PLACES) {
            older.place.close();
        }
        Some(lifted_name)
    }

    /// Goes back up, and removes the directory that was left by `remove`, which is given the one it is in and its name.
    ///
    /// # Errors
    /// Those of `remove`, at the path below the top that `at` makes a text of.
    pub(super) fn leave(
        &mut self,
        remove: impl FnOnce(BorrowedFd<'_>, &[u8]) -> StoreResult<()>,
        at: impl FnOnce(&[u8]) -> String,
    ) -> StoreResult<()> {
        let Some(name) = self.trail.leave() else { return Ok(()) };
        let removed = self.trail.current().and_then(|parent| remove(parent, &name));
        // Only now: the whole path of each directory would take as long as to go up all levels.
        removed.map_err(|failure| failure.at(at(&self.names_to(&name))))?;
        if self.is_lifted(&name)
            && let Some(Lifted { place, .. }) = self.lifted.pop()
        {
            self.trail.rejoin(place);
        }
        Ok(())
    }

    /// Reports whether a name in the current directory is that of the last one that was lifted.
    fn is_lifted(&self, name: &[u8]) -> bool {
        self.is_at_top() && self.lifted.last().is_some_and(|lifted| lifted.lifted_name.as_bytes() == name)
    }

    /// Returns the names down to one in the current directory, as [`Descent::names`] does.
    pub(super) fn names_to(&self, name: &[u8]) -> Vec<u8> {
        let mut names = self.names();
        if !self.is_lifted(name) {
            names.push(b'/');
            names.extend_from_slice(name);
        }
        names
    }

    /// Returns the names from the top down as they are for those who know the tree, each with a slash before it.
    pub(super) fn names(&self) -> Vec<u8> {
        let names = self.trail.names();
        let Some(last) = self.lifted.last() else { return names.to_vec() };
        let is_below =
            |lifted_name: &str| names.get(1..).is_some_and(|names| names.starts_with(lifted_name.as_bytes()));
        let mut shown = Vec::new();
        let mut known = 0;
        for lifted in &self.lifted {
            // The way to a place begins with the name of the one that was lifted before it.
            shown.extend_from_slice(&lifted.place.names()[known..]);
            shown.push(b'/');
            shown.extend_from_slice(&lifted.name);
            known = 1 + lifted.lifted_name.len();
        }
        if is_below(&last.lifted_name) {
            shown.extend_from_slice(&names[known..]);
        }
        shown
    }

    /// Puts everything back that was lifted.
    ///
    /// # Errors
    /// The name in the top that the first one has kept which could not be put back: what was below it is in there.
    pub(super) fn put_back(&mut self) -> Result<(), String> {
        let mut outcome = Ok(());
        while let Some(Lifted { place, name, lifted_name }) = self.lifted.pop() {
            self.trail.rejoin(place);
            let top = self.trail.top().try_clone_to_owned();
            let current = self.trail.current();
            let is_back = match (top, current) {
                (Ok(top), Ok(current)) => rename(top.as_fd(), lifted_name.as_bytes(), current, &name).is_ok(),
                _ => false,
            };
            if !is_back {
                outcome = Err(lifted_name);
            }
        }
        outcome
    }
}

/// Renames, unless the new name is taken.
fn rename(from: BorrowedFd<'_>, old: &[u8], to: BorrowedFd<'_>, new: &[u8]) -> Result<(), Errno> {
    system::renameat_with(from, old, to, new, RenameFlags::NOREPLACE)
}

/// A removal that is broken off leaves the rest of the tree as it was.
impl Drop for Descent {
    fn drop(&mut self) {
        // It is visible, too, where it cannot be put back.
        let _kept = self.put_back();
    }
}

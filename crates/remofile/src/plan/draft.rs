//! The draft of a plan: the differences of two trees, which become a plan once contents are compared.

use super::mode_changes::WritableDirectoryGuard;
use super::node::{is_below, path_order};
use super::result::Tally;
use super::rules::Rules;
use super::step::Step;
use remofile_protocol::digest::Digest;
use remofile_protocol::wire::{Failure, Kind, Timestamp};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::mem;
use std::ops::Range;

/// A plan but for the contents that have to be compared.
#[derive(Debug)]
pub struct Draft {
    pub(super) rules: Rules,
    /// Directories that are made, with what is cleared for them.
    pub(super) made: Vec<Step>,
    pub(super) guards: Vec<WritableDirectoryGuard>,
    /// Files, links, touches and skips.
    pub(super) sent: Vec<Step>,
    /// Updates in `sent` that are none if digests are equal.
    pub(super) compared: Vec<Compared>,
    /// Creations in `sent` that may be renames.
    pub(super) arrivals: Vec<Arrival>,
    /// Directories with something else at the source.
    pub(super) obstacles: Vec<Obstacle>,
    /// Entries that only the destination has, if they are of interest.
    pub(super) extraneous: Vec<Extraneous>,
    /// Paths that stay at the destination, with everything below them.
    pub(super) shields: Vec<Box<str>>,
    pub(super) unchanged: Tally,
    pub(super) failures: Vec<Failure>,
    pub(super) is_destination_unread: bool,
}

/// A file whose contents decide: what is to be set if they are the same.
#[derive(Debug)]
pub(super) struct Compared {
    /// Index of its step in `sent`.
    pub(super) step: usize,
    /// Its length in bytes.
    pub(super) size: u64,
    pub(super) modified: Option<Timestamp>,
    pub(super) mode: Option<u32>,
}

/// A file that comes to where nothing is.
#[derive(Debug)]
pub(super) struct Arrival {
    /// Index of its step in `sent`.
    pub(super) step: usize,
    pub(super) modified: Timestamp,
    pub(super) mode: Option<u32>,
}

/// A directory that is in the way of a file or link.
#[derive(Debug)]
pub(super) struct Obstacle {
    /// Step that it is in the way of.
    pub(super) step: Step,
    /// True if anything was in it.
    pub(super) is_occupied: bool,
    /// True if it holds something that is left out. Then it stays with all its contents.
    pub(super) is_kept: bool,
    /// Indices of its contents in `extraneous`.
    pub(super) contents: Range<usize>,
}

/// Something that only the destination has.
#[derive(Debug)]
pub(super) struct Extraneous {
    pub(super) path: Box<str>,
    pub(super) kind: Kind,
    /// Length in bytes and time, of a file.
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    /// True if it is a file that may not be on the disk.
    pub(super) unflushed: bool,
    /// True if it stays, because the source has something there or something in it is left out.
    pub(super) is_kept: bool,
}

/// The files whose digests are needed, in path order, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Questions<'a> {
    /// Paths of files at the source.
    pub source: Vec<&'a str>,
    /// Paths of files at the destination.
    pub destination: Vec<&'a str>,
}

/// The digests of files. A file whose digest is missing could not be read: it counts as different from all others,
/// so that it is sent.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// By their paths at the source.
    pub source: HashMap<Box<str>, Digest>,
    /// By their paths at the destination.
    pub destination: HashMap<Box<str>, Digest>,
}

impl Draft {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            made: Vec::new(),
            guards: Vec::new(),
            sent: Vec::new(),
            compared: Vec::new(),
            arrivals: Vec::new(),
            obstacles: Vec::new(),
            extraneous: Vec::new(),
            shields: Vec::new(),
            unchanged: Tally::default(),
            failures: Vec::new(),
            is_destination_unread: false,
        }
    }

    /// Returns the number of elements that are kept, and their memory in bytes without texts.
    pub(super) fn held(&self) -> (u64, u64) {
        fn of<T>(things: &[T]) -> (u64, u64) {
            (things.len() as u64, size_of_val(things) as u64)
        }
        let steps = [of(&self.made), of(&self.sent), of(&self.guards), of(&self.compared), of(&self.arrivals)];
        let others = [of(&self.obstacles), of(&self.extraneous), of(&self.shields), of(&self.failures)];
        steps.iter().chain(&others).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// Keeps the directories that hold a path.
    pub(super) fn keep_above(&mut self, path: &str, is_in_obstacle: bool) {
        for (end, _) in path.match_indices('/') {
            // Listings come in path order, so the list is sorted.
            let found = self.extraneous.binary_search_by(|one| path_order(&one.path, &path[..end]));
            if let Ok(at) = found {
                self.extraneous[at].is_kept = true;
            }
        }
        if let Some(obstacle) = self.obstacles.last_mut().filter(|_| is_in_obstacle) {
            obstacle.is_kept = true;
        }
    }

    /// Keeps the shielded paths and everything below them: the source has something there that takes no part in the
    /// sync.
    pub(super) fn keep_shielded(&mut self) {
        for path in mem::take(&mut self.shields) {
            self.keep_above(&path, false);
            let first = self.extraneous.partition_point(|one| path_order(&one.path, &path) == Ordering::Less);
            let is_shielded = |one: &&mut Extraneous| one.path == path || is_below(&one.path, &path);
            self.extraneous[first..].iter_mut().take_while(is_shielded).for_each(|one| one.is_kept = true);
        }
    }
}

#[cfg(test)]
impl Draft {
    /// Reports whether no memory was ever taken.
    pub(super) fn holds_no_memory(&self) -> bool {
        let steps = [&self.made, &self.sent].map(Vec::capacity);
        let others = [self.guards.capacity(), self.compared.capacity(), self.arrivals.capacity()];
        let more = [self.obstacles.capacity(), self.extraneous.capacity(), self.failures.capacity()];
        steps.iter().chain(&others).chain(&more).all(|&capacity| capacity == 0)
    }
}

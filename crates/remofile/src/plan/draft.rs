//! The draft of a plan: the differences of two trees, which become a plan once contents are compared.

use super::marks::Marks;
use super::mode_changes::WritableDirectoryGuard;
use super::node::{is_below, parent, path_order};
use super::result::Tally;
use super::rules::Rules;
use super::step::Step;
use super::steps::Steps;
use crate::packed::{Cursor, Packed};
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
    pub(super) sent: Steps,
    /// Updates in `sent` that are none if digests are equal.
    pub(super) compared: Vec<Compared>,
    /// Creations in `sent` that may be renames.
    pub(super) arrivals: Packed<Arrival>,
    /// Directories with something else at the source.
    pub(super) obstacles: Vec<Obstacle>,
    /// Entries that only the destination has, if they are of interest.
    pub(super) extraneous: Packed<Extraneous>,
    /// Marks of those that stay, because the source has something there or something in them is left out.
    pub(super) kept: Marks,
    /// The directory that holds what was left out last: it and those above it are marked.
    kept_above: Option<Box<str>>,
    /// Paths that stay at the destination, with everything below them.
    pub(super) shields: Vec<Box<str>>,
    /// Directories of the source with something in them that cannot be sent.
    pub(super) unsendable: Vec<Box<str>>,
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
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    /// Index of its step in `sent`.
    pub(super) step: usize,
    /// Its length in bytes.
    pub(super) size: u64,
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
#[derive(Debug, Clone)]
pub(super) struct Extraneous {
    pub(super) path: Box<str>,
    pub(super) kind: Kind,
    /// Length in bytes and time, of a file.
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    /// True if it is a file that may not be on the disk.
    pub(super) unflushed: bool,
}

/// The files whose digests are needed, in path order, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Questions {
    /// Paths of files at the source.
    pub source: Vec<Box<str>>,
    /// Paths of files at the destination.
    pub destination: Vec<Box<str>>,
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
            sent: Steps::default(),
            compared: Vec::new(),
            arrivals: Packed::default(),
            obstacles: Vec::new(),
            extraneous: Packed::default(),
            kept: Marks::default(),
            kept_above: None,
            shields: Vec::new(),
            unsendable: Vec::new(),
            unchanged: Tally::default(),
            failures: Vec::new(),
            is_destination_unread: false,
        }
    }

    /// Records that something of the source is not there that should be. Nothing is deleted then.
    pub fn source_failed(&mut self, failure: Failure) {
        self.failures.push(failure);
    }

    /// Returns the number of elements that are kept and not packed, and the memory of all in bytes, without the texts of those.
    pub(super) fn held(&self) -> (u64, u64) {
        fn of<T>(things: &[T]) -> (u64, u64) {
            (things.len() as u64, size_of_val(things) as u64)
        }
        // Their texts are in their memory.
        let packed = self.sent.memory_bytes() + self.arrivals.memory_bytes() + self.extraneous.memory_bytes();
        let steps = [of(&self.made), of(&self.guards), of(&self.compared)];
        let others = [of(&self.obstacles), of(&self.failures), of(&self.shields), of(&self.unsendable)];
        steps.iter().chain(&others).fold((0, packed), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// Keeps the directories that hold a path.
    pub(super) fn keep_above(&mut self, path: &str, is_in_obstacle: bool) {
        if self.kept_above.as_deref() != Some(parent(path)) {
            for (end, _) in path.match_indices('/') {
                // Listings come in path order, so the list is sorted.
                let above = &path[..end];
                let at = self.first_from(above);
                if self.extraneous.get(at).is_some_and(|one| *one.path == *above) {
                    self.kept.set(at);
                }
            }
            self.kept_above = Some(parent(path).into());
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
            let (first, mut cursor) = (self.first_from(&path), Cursor::default());
            for at in first..self.extraneous.len() {
                let is_shielded = |one: &Extraneous| one.path == path || is_below(&one.path, &path);
                if !cursor.look(&self.extraneous, at).is_some_and(is_shielded) {
                    break;
                }
                self.kept.set(at);
            }
        }
    }

    /// Returns the index of the first thing that only the destination has at a path, or behind it.
    fn first_from(&self, path: &str) -> usize {
        self.extraneous.partition_point(|one| path_order(&one.path, path) == Ordering::Less)
    }

    /// Keeps what only the destination has in directories of the source in which something cannot be sent, with
    /// everything below it. A directory in the way of a file has a counterpart, and makes way as ever.
    pub(super) fn keep_beside_unsendable(&mut self) {
        for directory in mem::take(&mut self.unsendable) {
            let is_in = |path: &str| match path.rsplit_once('/') {
                Some((parent, _)) => parent == &*directory,
                None => directory.is_empty(),
            };
            let is_below_it = |path: &str| directory.is_empty() || is_below(path, &directory);
            let (first, mut cursor) = (self.first_from(&directory), Cursor::default());
            let mut kept: Option<Box<str>> = None;
            for at in first..self.extraneous.len() {
                let Some(path) = cursor.look(&self.extraneous, at).map(|one| &one.path) else { break };
                if !is_below_it(path) {
                    break;
                }
                // What is below an entry follows it.
                if is_in(path) {
                    kept = Some(path.clone());
                } else if kept.as_ref().is_none_or(|top| !is_below(path, top)) {
                    continue;
                }
                self.kept.set(at);
            }
        }
    }
}

#[cfg(test)]
impl Draft {
    /// Reports whether no memory was ever taken.
    pub(super) fn holds_no_memory(&self) -> bool {
        let packed = self.sent.memory_bytes() + self.arrivals.memory_bytes() + self.extraneous.memory_bytes();
        let others = [self.made.capacity(), self.guards.capacity(), self.compared.capacity()];
        let more = [self.obstacles.capacity(), self.failures.capacity()];
        packed == 0 && others.iter().chain(&more).all(|&capacity| capacity == 0)
    }
}

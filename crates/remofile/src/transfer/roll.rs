//! The roll of the files that were counted, which is called when they are sent: so none of them is missing without a
//! word.
//!
//! A tree changes while it is sent, and it is walked twice where its total is told: once to count it, once to send it.
//! Both walks have one order, so the roll is a list that is read from its beginning: what stands before the file that
//! is found next has gone. In memory each name follows the one before it and leaves out what both begin with.

use super::memory::set_bytes;
use remofile_protocol::digest::digest;
use remofile_protocol::wire::{ErrorCode, Failure};
use std::collections::HashMap;
use std::sync::Arc;

/// Memory of a roll, in bytes. Of files beyond it only the number is known.
const MOST_BYTES: usize = if cfg!(test) { 4 * 1024 } else { 8 * 1024 * 1024 };

/// The files that were counted, by their sources.
#[derive(Debug, Default)]
pub struct Roll {
    sources: Vec<Source>,
    /// Paths below the sources: for each the number of bytes that it shares with the one before, the number of those
    /// that follow, and these.
    text: Vec<u8>,
    last: Vec<u8>,
    bytes: usize,
    /// Files that had no room.
    unnamed: u64,
}

/// A source that was counted: a file, or a directory with files in it.
#[derive(Debug)]
struct Source {
    /// Path at the destination.
    name: Box<str>,
    /// Beginning of the paths of its files as the user knows them.
    shown: Box<str>,
    /// Index behind its paths in the text.
    end: usize,
}

impl Roll {
    /// Adds a file of a source, which is found behind those before it: by the source's path at the destination, its own
    /// path below that, and its whole path as the user knows it.
    pub(super) fn add(&mut self, name: &str, below: &str, shown: &str) {
        let is_new = self.sources.last().is_none_or(|source| *source.name != *name);
        let source_bytes = if is_new { size_of::<Source>() + name.len() + shown.len() } else { 0 };
        let shared = self.last.iter().zip(below.as_bytes()).take_while(|(one, other)| one == other).count();
        let shared = if is_new { 0 } else { shared };
        let rest = &below.as_bytes()[shared..];
        let (Ok(shared_bytes), Ok(rest_bytes)) = (u16::try_from(shared), u16::try_from(rest.len())) else {
            self.unnamed += 1;
            return;
        };
        if self.unnamed > 0 || self.bytes + source_bytes + rest.len() + 4 > MOST_BYTES {
            self.unnamed += 1;
            return;
        }
        self.bytes += source_bytes + rest.len() + 4;
        self.text.extend_from_slice(&shared_bytes.to_le_bytes());
        self.text.extend_from_slice(&rest_bytes.to_le_bytes());
        self.text.extend_from_slice(rest);
        self.last.clear();
        self.last.extend_from_slice(below.as_bytes());
        if is_new {
            let shown = shown.strip_suffix(below).unwrap_or(shown);
            self.sources.push(Source { name: name.into(), shown: shown.into(), end: 0 });
        }
        if let Some(source) = self.sources.last_mut() {
            source.end = self.text.len();
        }
    }

    /// Returns the memory that the roll holds, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        (self.text.capacity() + self.bytes.saturating_sub(self.text.len())) as u64
    }
}

/// The answer of a roll to a file that is about to be sent.
pub(super) enum Called {
    /// Everything before it is settled.
    Settled,
    /// A file before it, or behind the last that was found, is not there any more.
    Missing(Failure),
}

/// The calling of a roll.
pub(super) struct RollCall {
    roll: Arc<Roll>,
    /// Indices of the sources, by their names and by what users know them by.
    places: HashMap<u64, usize>,
    /// Index of the source at hand, and that in the text behind the path at hand.
    source: usize,
    at: usize,
    /// The next path that was counted; `None` at the end.
    front: Option<Vec<u8>>,
    /// Files that were found behind the end of the roll.
    behind: u64,
}

impl RollCall {
    pub(super) fn new(roll: &Arc<Roll>) -> Self {
        let mut places = HashMap::with_capacity(2 * roll.sources.len());
        for (index, source) in roll.sources.iter().enumerate() {
            places.extend([(key("name", &source.name), index), (key("shown", &source.shown), index)]);
        }
        let mut call = Self { roll: Arc::clone(roll), places, source: 0, at: 0, front: Some(Vec::new()), behind: 0 };
        call.advance();
        call
    }

    /// Goes on to the next path.
    fn advance(&mut self) {
        while self.roll.sources.get(self.source).is_some_and(|source| source.end <= self.at) {
            self.source += 1;
        }
        let number = |at: usize| Some(u16::from_le_bytes(self.roll.text.get(at..at + 2)?.try_into().ok()?).into());
        let (shared, rest): (Option<usize>, Option<usize>) = (number(self.at), number(self.at + 2));
        self.front = match (self.front.take(), shared, rest) {
            (Some(mut path), Some(shared), Some(rest)) => {
                path.truncate(shared);
                let from = self.at + 4;
                path.extend_from_slice(self.roll.text.get(from..from + rest).unwrap_or_default());
                self.at = from + rest;
                Some(path)
            }
            _ => None,
        };
    }

    /// Gives the path at hand as one that is missing, and goes on.
    fn miss(&mut self) -> Called {
        let source = self.roll.sources.get(self.source).map(|source| &*source.shown).unwrap_or_default();
        let below = String::from_utf8_lossy(self.front.as_deref().unwrap_or_default()).into_owned();
        let failure = missing().at(format!("{source}{below}"));
        self.advance();
        Called::Missing(failure)
    }

    /// Calls a file that was found, or could not be sent, by its source and its path below it. It is to be called again
    /// as long as others are missing.
    pub(super) fn call(&mut self, name: &str, below: &str) -> Called {
        let Some(front) = &self.front else {
            self.behind += 1;
            return Called::Settled;
        };
        let is_here = self.roll.sources.get(self.source).is_some_and(|source| *source.name == *name);
        if !is_here {
            // The sources before it are over. One that was not counted says nothing of others.
            let is_later = self.places.get(&key("name", name)).is_some_and(|place| *place > self.source);
            return if is_later { self.miss() } else { Called::Settled };
        }
        match order(front).cmp(order(below.as_bytes())) {
            std::cmp::Ordering::Less => self.miss(),
            std::cmp::Ordering::Equal => {
                self.advance();
                Called::Settled
            }
            std::cmp::Ordering::Greater => Called::Settled,
        }
    }

    /// Calls a source that could not be sent at all, by its path as the user knows it, as [`RollCall::call`] does.
    pub(super) fn call_source(&mut self, shown: &str) -> Called {
        match self.places.get(&key("shown", shown)) {
            Some(place) if *place > self.source => self.miss(),
            Some(place) if *place == self.source && self.front.as_ref().is_some_and(Vec::is_empty) => {
                self.advance();
                Called::Settled
            }
            _ => Called::Settled,
        }
    }

    /// Gives those that are left, one after the other, when nothing more is found.
    pub(super) fn rest(&mut self) -> Option<Failure> {
        if self.front.is_some() {
            return match self.miss() {
                Called::Missing(failure) => Some(failure),
                Called::Settled => None,
            };
        }
        let unnamed = self.roll.unnamed.saturating_sub(self.behind);
        self.behind = self.roll.unnamed;
        let why = format!("{unnamed} files more were there when all were counted, and not when they were sent");
        (unnamed > 0).then(|| Failure::new(ErrorCode::NotFound).because(why))
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        self.roll.memory_bytes() + set_bytes(self.places.capacity(), size_of::<(u64, usize)>())
    }
}

/// Returns the key of a source, by one of its texts. Two sources of one key cost no more than a wrong word.
fn key(kind: &str, text: &str) -> u64 {
    u128::from_be_bytes(digest(format!("{kind} {text}").as_bytes())) as u64
}

fn missing() -> Failure {
    Failure::new(ErrorCode::NotFound).because("it was there when all files were counted, and not when they were sent")
}

/// Returns the bytes of a path in the order of walks: a name before what begins with it.
fn order(path: &[u8]) -> impl Iterator<Item = u8> {
    path.iter().map(|byte| if *byte == b'/' { 0 } else { *byte })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roll(files: &[(&str, &str)]) -> Arc<Roll> {
        let mut roll = Roll::default();
        files.iter().for_each(|(name, below)| roll.add(name, below, &format!("./{name}/{below}")));
        Arc::new(roll)
    }

    /// Calls a file, and returns the names of those that are missing before it.
    fn call(call: &mut RollCall, name: &str, below: &str) -> Vec<String> {
        let mut missing = Vec::new();
        while let Called::Missing(failure) = call.call(name, below) {
            missing.extend(failure.path);
        }
        missing
    }

    #[test]
    fn what_stands_before_the_file_that_is_found_is_missing() {
        let files = [("a", "b/c"), ("a", "b/d/e"), ("a", "b-c"), ("a", "bc"), ("x", "y"), ("z", "z")];
        let mut calling = RollCall::new(&roll(&files));
        assert!(call(&mut calling, "a", "b/c").is_empty());
        assert!(call(&mut calling, "a", "b/d/a").is_empty(), "it is new");
        assert_eq!(call(&mut calling, "a", "bc"), ["./a/b/d/e", "./a/b-c"]);
        assert!(call(&mut calling, "new", "y").is_empty(), "a source that was not counted");
        assert_eq!(call(&mut calling, "z", "z"), ["./x/y"]);
        assert!(calling.rest().is_none());
        let mut calling = RollCall::new(&roll(&files));
        let rest: Vec<_> = std::iter::from_fn(|| calling.rest()).map(|failure| failure.path.unwrap()).collect();
        assert_eq!(rest.len(), files.len());
    }

    #[test]
    fn files_beyond_the_memory_of_a_roll_are_told_by_their_number() {
        let name = |index: usize| format!("name-{index:09}");
        let mut counted = Roll::default();
        (0..1_000).for_each(|index| counted.add("d", &name(index), &name(index)));
        assert!(counted.unnamed > 0 && counted.memory_bytes() < 3 * MOST_BYTES as u64);
        let (named, counted) = (1_000 - counted.unnamed as usize, Arc::new(counted));
        let mut calling = RollCall::new(&counted);
        // Ten of those that have no room are not found, and one of those that have.
        for index in (0..990).filter(|index| *index != 7) {
            assert_eq!(call(&mut calling, "d", &name(index)).len(), usize::from(index == 8), "{index} of {named}");
        }
        let failure = calling.rest().unwrap();
        assert!(failure.to_string().contains("10 files more"), "{failure}");
        assert!(calling.rest().is_none());
    }
}

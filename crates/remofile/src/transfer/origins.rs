//! Origins: the files, directories and patterns that a user named, one after the other.

use super::memory::ALLOCATION_BYTES;
use super::pattern::{Found, Matches, Pattern, is_pattern};
use crate::store::{Opening, Store};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, Known, Mark, Part};
use std::collections::VecDeque;
use std::sync::Arc;

/// A file or directory that a user named, or that a pattern matched.
pub struct Origin {
    /// The store it is in.
    pub store: Arc<dyn Store>,
    /// Path in that store.
    pub path: RemotePath,
    /// Path at the destination; empty for a root, whose contents go to the destination itself.
    pub name: String,
    /// Beginning of its path as the user knows it, for failures.
    pub shown: String,
    /// Its entry, where that is known already.
    pub entry: Option<Entry>,
    /// The file, where it is being opened already.
    pub opening: Option<Box<dyn Opening>>,
    /// Partial of the file that the receiver has.
    pub known: Option<Known>,
    /// True if it is a link that is sent as one.
    pub as_link: bool,
    /// Parts of the file that are wanted; all of it if there are none.
    pub parts: Vec<Part>,
}

impl Origin {
    /// Returns the memory that it takes in a queue, in bytes.
    fn memory_bytes(&self) -> usize {
        let marks = self.known.as_ref().map_or(0, |known| known.marks.capacity());
        let texts = [self.path.as_str().len(), self.name.capacity(), self.shown.capacity()];
        size_of::<(Self, u64)>()
            + texts.iter().map(|bytes| bytes + ALLOCATION_BYTES).sum::<usize>()
            + marks * size_of::<Mark>()
            + self.parts.capacity() * size_of::<Part>()
    }
}

/// The next origin, if there is one now.
pub enum NextOrigin {
    /// The next origin.
    Origin(Origin),
    /// Something that could not be found.
    Failed(Failure),
    /// A piece of work was done, and more is to do.
    Working,
    /// Nothing until more origins are named.
    Pending,
    /// There are no more.
    End,
}

/// A source of origins.
pub trait Origins: Send {
    /// Returns the next origin.
    fn next(&mut self) -> NextOrigin;

    /// Adds an origin, where that is possible; it takes `credit` bytes of its sender's credit.
    fn add(&mut self, _origin: Origin, _credit: u64) {}

    /// Ends the list: no more origins will be added.
    fn finish(&mut self) {}

    /// Returns the credit of the origins that were taken since the last call.
    fn take_released(&mut self) -> u64 {
        0
    }

    /// Has files opened ahead of their turn, by a store that is slow to open one: whoever calls it opens most of them.
    fn open_ahead(&mut self) {}

    /// Returns the memory that it holds, in bytes, without what was given with the request.
    fn memory_bytes(&self) -> u64 {
        0
    }
}

/// No origins at all.
pub struct NoOrigins;

impl Origins for NoOrigins {
    fn next(&mut self) -> NextOrigin {
        NextOrigin::End
    }
}

/// Files that are opened ahead of their turn, by stores that are slow to open one: each may hold some hundred KiB.
const OPENED_AHEAD: usize = 32;

/// Origins that are named one by one while they are sent.
#[derive(Default)]
pub struct NamedOneByOne {
    queue: VecDeque<(Origin, u64)>,
    queue_bytes: usize,
    /// True if files are opened ahead, and the number of origins at the head of the queue that are being opened.
    opens: bool,
    begun: usize,
    released: u64,
    is_finished: bool,
}

impl NamedOneByOne {
    fn begin_opening(&mut self) {
        while self.opens
            && self.begun < OPENED_AHEAD
            && let Some((origin, _)) = self.queue.get_mut(self.begun)
        {
            if !origin.as_link {
                origin.opening = origin.store.begin_open(&origin.path);
            }
            self.begun += 1;
        }
    }
}

impl Origins for NamedOneByOne {
    fn next(&mut self) -> NextOrigin {
        match self.queue.pop_front() {
            Some((origin, credit)) => {
                self.released += credit;
                self.queue_bytes -= origin.memory_bytes();
                self.begun = self.begun.saturating_sub(1);
                self.begin_opening();
                NextOrigin::Origin(origin)
            }
            None if self.is_finished => NextOrigin::End,
            None => NextOrigin::Pending,
        }
    }

    fn add(&mut self, origin: Origin, credit: u64) {
        self.queue_bytes += origin.memory_bytes();
        self.queue.push_back((origin, credit));
        self.begin_opening();
    }

    fn open_ahead(&mut self) {
        self.opens = true;
    }

    fn memory_bytes(&self) -> u64 {
        let begun = self.queue.iter().take(self.begun);
        self.queue_bytes as u64 + begun.map(|(origin, _)| opening_bytes(origin)).sum::<u64>()
    }

    fn take_released(&mut self) -> u64 {
        std::mem::take(&mut self.released)
    }

    fn finish(&mut self) {
        self.is_finished = true;
    }
}

/// Some origins, then others.
pub struct Chained<A, B> {
    first: Option<A>,
    second: B,
}

impl<A: Origins, B: Origins> Chained<A, B> {
    /// Gives all of `first`, then `second`, to which more may be added from the beginning.
    #[must_use]
    pub fn new(first: A, second: B) -> Self {
        Self { first: Some(first), second }
    }
}

impl<A: Origins, B: Origins> Origins for Chained<A, B> {
    fn next(&mut self) -> NextOrigin {
        match self.first.as_mut().map(Origins::next) {
            None => self.second.next(),
            Some(NextOrigin::End) => {
                self.first = None;
                NextOrigin::Working
            }
            Some(next) => next,
        }
    }

    fn add(&mut self, origin: Origin, credit: u64) {
        self.second.add(origin, credit);
    }

    fn finish(&mut self) {
        self.second.finish();
    }

    fn take_released(&mut self) -> u64 {
        self.second.take_released()
    }

    fn open_ahead(&mut self) {
        self.first.iter_mut().for_each(Origins::open_ahead);
        self.second.open_ahead();
    }

    fn memory_bytes(&self) -> u64 {
        self.first.as_ref().map_or(0, Origins::memory_bytes) + self.second.memory_bytes()
    }
}

/// Origins in one store. A source that does not exist there and looks like a pattern is one.
pub struct InStore {
    store: Arc<dyn Store>,
    sources: VecDeque<RemotePath>,
    patterns: bool,
    /// True if the contents of the sources are meant, which then have no name.
    is_nameless: bool,
    matching: Option<Matching>,
    /// True if files are opened ahead, and the origins that were found meanwhile.
    opens: bool,
    ahead: VecDeque<NextOrigin>,
}

/// A pattern that is being matched.
struct Matching {
    shown: String,
    matches: Matches,
    found_any: bool,
}

impl InStore {
    /// Gives the sources in their order, which may be patterns if `patterns` is true.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, sources: Vec<RemotePath>, patterns: bool) -> Self {
        Self {
            store,
            sources: sources.into(),
            patterns,
            is_nameless: false,
            matching: None,
            opens: false,
            ahead: VecDeque::new(),
        }
    }

    /// Takes the contents of the sources, which then have no name.
    #[must_use]
    pub fn nameless(self) -> Self {
        Self { is_nameless: true, ..self }
    }

    fn origin(&self, path: RemotePath) -> Origin {
        let name = path.file_name().filter(|_| !self.is_nameless);
        let name = name.map(|name| name.to_string()).unwrap_or_default();
        let shown = path.to_string();
        let (store, parts) = (Arc::clone(&self.store), Vec::new());
        Origin { store, path, name, shown, entry: None, opening: None, known: None, as_link: false, parts }
    }

    fn begin(&mut self, path: RemotePath) -> NextOrigin {
        let may_match = self.patterns && is_pattern(path.as_str());
        // A file whose name only looks like a pattern is meant itself.
        if !may_match || self.store.stat(&path).is_ok() {
            return NextOrigin::Origin(self.opened_ahead(self.origin(path)));
        }
        match Pattern::parse(&path) {
            Err(failure) => NextOrigin::Failed(failure),
            Ok(pattern) => {
                let matches = pattern.find(Arc::clone(&self.store));
                self.matching = Some(Matching { shown: path.to_string(), matches, found_any: false });
                NextOrigin::Working
            }
        }
    }
}

impl InStore {
    fn opened_ahead(&self, origin: Origin) -> Origin {
        let opening = if self.opens { self.store.begin_open(&origin.path) } else { None };
        Origin { opening, ..origin }
    }

    fn find(&mut self) -> NextOrigin {
        let Some(matching) = &mut self.matching else {
            return match self.sources.pop_front() {
                Some(path) => self.begin(path),
                None => NextOrigin::End,
            };
        };
        match matching.matches.next() {
            Found::Working => NextOrigin::Working,
            Found::Failed(failure) => NextOrigin::Failed(failure),
            Found::Entry(entry) => {
                matching.found_any = true;
                if entry.kind != Kind::File {
                    return NextOrigin::Origin(self.origin(entry.path));
                }
                let origin = self.opened_ahead(self.origin(entry.path.clone()));
                NextOrigin::Origin(Origin { entry: Some(entry), ..origin })
            }
            Found::End => {
                let failure = Failure::new(ErrorCode::NoMatch).at(&matching.shown);
                let found_any = matching.found_any;
                self.matching = None;
                if found_any { NextOrigin::Working } else { NextOrigin::Failed(failure) }
            }
        }
    }
}

impl Origins for InStore {
    fn next(&mut self) -> NextOrigin {
        while self.opens && self.ahead.len() < OPENED_AHEAD {
            match self.find() {
                found @ (NextOrigin::Origin(_) | NextOrigin::Failed(_)) => self.ahead.push_back(found),
                none => return self.ahead.pop_front().unwrap_or(none),
            }
        }
        self.ahead.pop_front().unwrap_or_else(|| self.find())
    }

    fn open_ahead(&mut self) {
        self.opens = self.store.is_distant();
    }

    fn memory_bytes(&self) -> u64 {
        let matches = self.matching.as_ref().map_or(0, |matching| matching.matches.memory_bytes());
        let bytes_of = |next: &NextOrigin| match next {
            NextOrigin::Origin(origin) => origin.memory_bytes() as u64 + opening_bytes(origin),
            _ => size_of::<NextOrigin>() as u64,
        };
        matches + self.ahead.iter().map(bytes_of).sum::<u64>()
    }
}

fn opening_bytes(origin: &Origin) -> u64 {
    origin.opening.as_ref().map_or(0, |opening| opening.memory_bytes())
}

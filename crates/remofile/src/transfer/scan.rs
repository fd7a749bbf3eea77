//! A listing of a directory by rules, with the targets of its links.

use super::feeding::Next;
use super::filter::Filter;
use crate::store::{Store, StoreResult, Walk};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Element, Entry, ErrorCode, Extra, Failure, Kind, Listed};
use std::sync::Arc;

/// Elements that are passed over at once.
const STEP: usize = 512;

/// A walk over a directory that leaves out what rules leave out.
pub struct Scan {
    store: Arc<dyn Store>,
    directory: RemotePath,
    walk: Box<dyn Walk>,
    filter: Filter,
    depth: ScanDepth,
}

/// The attributes that a scan looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub enum ScanDepth {
    /// Those of the walk.
    Entries,
    /// The targets of links as well; and a failure `skipped` tells of each entry that is left out.
    Targets,
    /// All that keeps files as they are as well: targets whatever they lead to, numbers of files that have several names,
    /// kinds of special files.
    Extras,
}

impl Scan {
    /// Walks over a directory.
    ///
    /// # Errors
    /// `not-found`, `not-a-directory`, ...
    pub fn new(
        store: &Arc<dyn Store>,
        directory: &RemotePath,
        recursive: bool,
        filter: Filter,
        depth: ScanDepth,
    ) -> StoreResult<Self> {
        let walk = store.walk(directory, recursive)?;
        Ok(Self { store: Arc::clone(store), directory: directory.clone(), walk, filter, depth })
    }

    /// Returns the next element.
    pub fn next_element(&mut self) -> Next<Element> {
        for _ in 0..STEP {
            match self.look() {
                None => return Next::End,
                Some(Some(element)) => return Next::Item(element),
                Some(None) => {}
            }
        }
        Next::Working
    }

    fn is_whole(&self) -> bool {
        self.depth >= ScanDepth::Targets
    }

    /// Returns the memory that the scan holds, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.walk.memory_bytes()
    }

    /// Returns the next element, if it is not left out; `None` at the end.
    fn look(&mut self) -> Option<Option<Element>> {
        let entry = match self.walk.next()? {
            Listed::Entry(entry) => entry,
            Listed::Failed(failure) => {
                let is_meant = self.walk.unlisted().is_none_or(|unlisted| self.filter.admits_unlisted("", unlisted));
                let left_out = Failure { path: failure.path.clone(), ..Failure::new(ErrorCode::Skipped) };
                let failure = if is_meant { failure } else { left_out };
                return Some((is_meant || self.is_whole()).then_some(Element::Listed(Listed::Failed(failure))));
            }
        };
        let below = entry.path.relative_to(&self.directory).unwrap_or_default();
        let is_meant = match entry.kind {
            Kind::Directory => self.filter.admits_directory(below),
            Kind::File => self.filter.admits_file(below, entry.size),
            Kind::Link | Kind::Special => self.filter.admits_link(below),
        };
        if !is_meant {
            if entry.kind == Kind::Directory {
                self.walk.skip_directory();
            }
            let left_out = || Element::Listed(Listed::Failed(Failure::new(ErrorCode::Skipped).at(&entry.path)));
            return Some(self.is_whole().then(left_out));
        }
        if self.depth == ScanDepth::Extras
            && let Some(extra) = extra_of(&*self.store, &entry)
        {
            return Some(Some(Element::Extra(entry, extra)));
        }
        if entry.kind != Kind::Link || !self.is_whole() {
            return Some(Some(Element::Listed(Listed::Entry(entry))));
        }
        let target = match self.depth {
            ScanDepth::Extras => self.store.kept_target(&entry.path),
            ScanDepth::Entries | ScanDepth::Targets => self.store.read_link(&entry.path),
        };
        Some(Some(match target {
            Ok(target) => Element::Link(entry, target),
            // It is a link all the same, only without a target.
            Err(_) => Element::Listed(Listed::Entry(entry)),
        }))
    }
}

/// Returns what is told of an entry only if it is asked for, if there is anything.
fn extra_of(store: &dyn Store, entry: &Entry) -> Option<Extra> {
    match entry.kind {
        Kind::File => {
            store.shared_identity(&entry.path).ok().flatten().map(|number| Extra::Shared(number.to_be_bytes()))
        }
        Kind::Special => store.special(&entry.path).ok().map(Extra::Special),
        Kind::Directory | Kind::Link => None,
    }
}

//! A listing of a directory by rules, with the targets of its links.

use super::feeding::Next;
use super::filter::Filter;
use crate::store::{Store, StoreResult, Walk};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Element, ErrorCode, Failure, Kind, Listed};
use std::sync::Arc;

/// Elements that are passed over at once.
const STEP: usize = 512;

/// A walk over a directory that leaves out what rules leave out.
pub struct Scan {
    store: Arc<dyn Store>,
    directory: RemotePath,
    walk: Box<dyn Walk>,
    filter: Filter,
    is_whole: bool,
}

impl Scan {
    /// Walks over a directory. With `is_whole` it gives the targets of links, and a failure `skipped` for each entry
    /// that is left out.
    ///
    /// # Errors
    /// `not-found`, `not-a-directory`, ...
    pub fn new(
        store: &Arc<dyn Store>,
        directory: &RemotePath,
        recursive: bool,
        filter: Filter,
        is_whole: bool,
    ) -> StoreResult<Self> {
        let walk = store.walk(directory, recursive)?;
        Ok(Self { store: Arc::clone(store), directory: directory.clone(), walk, filter, is_whole })
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

    /// Returns the memory that the scan holds, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.walk.memory_bytes()
    }

    /// Returns the next element, if it is not left out; `None` at the end.
    fn look(&mut self) -> Option<Option<Element>> {
        let entry = match self.walk.next()? {
            Listed::Entry(entry) => entry,
            failed @ Listed::Failed(_) => return Some(Some(Element::Listed(failed))),
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
            return Some(self.is_whole.then(left_out));
        }
        if entry.kind != Kind::Link || !self.is_whole {
            return Some(Some(Element::Listed(Listed::Entry(entry))));
        }
        Some(Some(match self.store.read_link(&entry.path) {
            Ok(target) => Element::Link(entry, target),
            // It is a link all the same, only without a target.
            Err(_) => Element::Listed(Listed::Entry(entry)),
        }))
    }
}

//! A look at the names of an upload: what is there, and what was kept of files there.

use super::interface::Step;
use super::listing::{Elements, Listing};
use super::partials::partials_bytes;
use crate::blocking::side_by_side;
use crate::store::{Partial, Seen, StatSequence, Store, StoreResult, Walk};
use crate::transfer::{Checked, Checking, Next};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Element, ErrorCode, Failure, Kind, Listed};
use std::collections::VecDeque;
use std::sync::Arc;

/// Paths that are looked at ahead in a distant store.
const LOOKS_AHEAD: usize = 128;

/// A search for the entries at and below some names in a directory, and for their partials.
pub(super) struct Survey {
    store: Arc<dyn Store>,
    paths: VecDeque<RemotePath>,
    looks: Looks,
    walk: Option<Box<dyn Walk>>,
    partials: std::vec::IntoIter<Partial>,
    /// Memory that the partials took at first, in bytes.
    partials_bytes: u64,
    checking: Option<Checking>,
    checked: Checked,
    knows_unflushed: bool,
}

/// The knowledge of the names of an upload that its client is given.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sees {
    /// Partials of its own uploads, and nothing of what is there.
    PartialsAlone,
    /// Entries that are there, too. `knows_unflushed`: whether it understands that a file may not be on the disk.
    Entries { knows_unflushed: bool },
}

pub(super) fn survey(
    store: &Arc<dyn Store>,
    destination: RemotePath,
    names: Vec<String>,
    sees: Sees,
) -> Listing<Survey> {
    let store = Arc::clone(store);
    Listing::begun_by(move || begin(store, &destination, &names, sees))
}

fn begin(store: Arc<dyn Store>, destination: &RemotePath, names: &[String], sees: Sees) -> StoreResult<Survey> {
    let paths = paths_of(destination, names)?;
    store.directory(destination).map_err(|failure| failure.at(destination))?;
    let mut partials = store.partials()?;
    partials.retain(|partial| paths.iter().any(|path| partial.path.is_within(path)));
    let partials = partials.into_iter();
    let (paths, knows_unflushed) = match sees {
        Sees::PartialsAlone => (Vec::new(), false),
        Sees::Entries { knows_unflushed } => (paths, knows_unflushed),
    };
    Ok(Survey {
        store,
        paths: paths.into(),
        looks: Looks::default(),
        walk: None,
        partials_bytes: partials_bytes(&partials),
        partials,
        checking: None,
        checked: Checked::default(),
        knows_unflushed,
    })
}

impl Elements for Survey {
    fn next(&mut self) -> Next<Element> {
        if let Some(walk) = &mut self.walk {
            match walk.next() {
                Some(Listed::Entry(entry)) if entry.unflushed && !self.knows_unflushed => return Next::Working,
                Some(listed) => return Next::Item(Element::Listed(listed)),
                None => {}
            }
            self.walk = None;
        }
        if let Some((path, seen)) = self.looks.next(&*self.store, &mut self.paths) {
            return self.take(&path, seen);
        }
        if let Some(mut checking) = self.checking.take() {
            return match checking.step() {
                Ok(true) => Next::Item(Element::Partial(self.checked.finish(checking))),
                Ok(false) => {
                    self.checking = Some(checking);
                    Next::Working
                }
                // A partial that cannot be read is not resumed.
                Err(_) => Next::Working,
            };
        }
        match self.partials.next() {
            None => Next::End,
            Some(partial) => {
                self.checking = self.checked.begin(&*self.store, &partial).ok();
                Next::Working
            }
        }
    }

    fn memory_bytes(&self) -> u64 {
        let walk = self.walk.as_ref().map_or(0, |walk| walk.memory_bytes());
        let checking = self.checking.as_ref().map_or(0, Checking::memory_bytes);
        self.partials_bytes + walk + checking + self.checked.memory_bytes()
    }

    fn end(&mut self) -> Step {
        Step::Surveyed(std::mem::take(&mut self.checked))
    }
}

impl Survey {
    fn take(&mut self, path: &RemotePath, seen: StoreResult<Seen>) -> Next<Element> {
        match seen {
            Err(failure) if failure.code == ErrorCode::NotFound => Next::Working,
            Err(failure) => Next::Item(Element::Listed(Listed::Failed(failure.at(path)))),
            Ok(Seen { mut entry, is_link }) => {
                if entry.kind == Kind::File && is_link {
                    // As in a directory that is walked: a link is in the way itself, wherever it leads.
                    entry.kind = Kind::Link;
                }
                if entry.kind == Kind::Directory {
                    self.walk = self.store.walk(path, true).ok();
                }
                match entry.unflushed && !self.knows_unflushed {
                    true => Next::Working,
                    false => Next::Item(Element::Listed(Listed::Entry(entry))),
                }
            }
        }
    }
}

/// Looks at some paths in their order: one after the other, or at many at once where each look is a request to a distant store.
#[derive(Default)]
struct Looks {
    sequence: StatSequence,
    seen: VecDeque<(RemotePath, StoreResult<Seen>)>,
}

impl Looks {
    /// Looks at the next path, if there is one.
    fn next(&mut self, store: &dyn Store, paths: &mut VecDeque<RemotePath>) -> Option<(RemotePath, StoreResult<Seen>)> {
        if !store.is_distant() {
            let path = paths.pop_front()?;
            let seen = self.sequence.stat(store, &path);
            return Some((path, seen));
        }
        if self.seen.is_empty() {
            let ahead: Vec<_> = paths.drain(..paths.len().min(LOOKS_AHEAD)).collect();
            let look = |path: &RemotePath| StatSequence::default().stat(store, path);
            let seen = side_by_side(&ahead, look);
            self.seen = ahead.into_iter().zip(seen).collect();
        }
        self.seen.pop_front()
    }
}

fn paths_of(destination: &RemotePath, names: &[String]) -> StoreResult<Vec<RemotePath>> {
    let path = |name: &String| destination.join(name).map_err(|invalid| Failure::from(invalid).at(name));
    names.iter().map(path).collect()
}

/// Checks that some names are new: no entry and no partial has one of them.
///
/// # Errors
/// `occupied` with the first that is not.
pub(super) fn refuse_occupied(
    store: &dyn Store,
    destination: &RemotePath,
    names: &[String],
    is_blind: bool,
) -> StoreResult<()> {
    let paths = paths_of(destination, names)?;
    // Whoever may not look learns of its own partials alone.
    let (mut looks, mut left) = (Looks::default(), VecDeque::new());
    left.extend(paths.iter().filter(|_| !is_blind).cloned());
    while let Some((path, seen)) = looks.next(store, &mut left) {
        if seen.is_ok() {
            return Err(Failure::new(ErrorCode::Occupied).at(path));
        }
    }
    let partials = store.partials()?;
    match partials.iter().find(|partial| paths.iter().any(|path| partial.path.is_within(path))) {
        Some(partial) => Err(Failure::new(ErrorCode::Occupied).at(&partial.path)),
        None => Ok(()),
    }
}

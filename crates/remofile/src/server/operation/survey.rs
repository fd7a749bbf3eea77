//! A look at the names of an upload: what is there, and what was kept of files there.

use super::interface::Step;
use super::listing::{Elements, Listing};
use super::partials::partials_bytes;
use crate::store::{Partial, Seen, StatSequence, Store, StoreResult, Walk};
use crate::transfer::{Checked, Checking, Next};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Element, ErrorCode, Failure, Kind, Listed};
use std::sync::Arc;

/// A search for the entries at and below some names in a directory, and for their partials.
pub(super) struct Survey {
    store: Arc<dyn Store>,
    paths: std::vec::IntoIter<RemotePath>,
    looks: StatSequence,
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
        paths: paths.into_iter(),
        looks: StatSequence::default(),
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
        if let Some(path) = self.paths.next() {
            return self.look_at(&path);
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
    fn look_at(&mut self, path: &RemotePath) -> Next<Element> {
        match self.looks.stat(&*self.store, path) {
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
    let mut looks = StatSequence::default();
    let taken = paths.iter().find(|path| !is_blind && looks.stat(store, path).is_ok());
    if let Some(path) = taken {
        return Err(Failure::new(ErrorCode::Occupied).at(path));
    }
    let partials = store.partials()?;
    match partials.iter().find(|partial| paths.iter().any(|path| partial.path.is_within(path))) {
        Some(partial) => Err(Failure::new(ErrorCode::Occupied).at(&partial.path)),
        None => Ok(()),
    }
}

//! The partials of interrupted uploads: their listing, and their removal.

use super::change::Change;
use super::listing::{Elements, Listing};
use crate::store::{Partial, Store};
use crate::transfer::{ALLOCATION_BYTES, Next, listed};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, Element, ErrorCode, Failure};
use std::sync::Arc;
use std::time::Duration;

/// The partials of a listing.
pub(super) struct Partials {
    partials: std::vec::IntoIter<Partial>,
    /// The memory that they took at first, in bytes.
    bytes: u64,
}

pub(super) fn list(store: &Arc<dyn Store>) -> Listing<Partials> {
    let store = Arc::clone(store);
    Listing::begun_by(move || {
        let partials = store.partials()?.into_iter();
        Ok(Partials { bytes: partials_bytes(&partials), partials })
    })
}

impl Elements for Partials {
    fn next(&mut self) -> Next<Element> {
        self.partials.next().map_or(Next::End, |partial| Next::Item(Element::Partial(listed(partial))))
    }

    fn memory_bytes(&self) -> u64 {
        self.bytes
    }
}

/// Returns the memory that partials take, in bytes.
pub(super) fn partials_bytes(partials: &std::vec::IntoIter<Partial>) -> u64 {
    let texts = partials.as_slice().iter().map(|partial| partial.path.as_str().len() + ALLOCATION_BYTES);
    (size_of_val(partials.as_slice()) + texts.sum::<usize>()) as u64
}

pub(super) fn clear(store: &Arc<dyn Store>, paths: Vec<RemotePath>) -> Change {
    Change::new(store, move |store| clear_partials(store, paths))
}

fn clear_partials(store: &dyn Store, paths: Vec<RemotePath>) -> Result<Done, Failure> {
    let named = |path: RemotePath| store.remove_partial(&path).map_err(|failure| failure.at(&path));
    let mut files = 0;
    if paths.is_empty() {
        for partial in store.partials()? {
            files += u64::from(named(partial.path)?);
        }
        // What nobody can go on with is not listed, but is kept all the same until it is removed.
        files += store.expire_partials(Duration::MAX)?;
    }
    for path in paths {
        if !named(path.clone())? {
            return Err(Failure::new(ErrorCode::NotFound).at(path).because("nothing is kept of it"));
        }
        files += 1;
    }
    Ok(Done { files, ..Done::default() })
}

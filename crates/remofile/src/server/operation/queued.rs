//! The inbox of an operation: what comes for it while it waits for its lease, or is on another thread.

use super::former_wait::FormerWait;
use super::interface::Operation;
use super::selection;
use crate::carrier::{KeptPayload, Payload};
use crate::store::Store;
use crate::transfer::{ALLOCATION_BYTES, items_bytes};
use remofile_protocol::wire::{ErrorCode, Failure, Item, Mark, Part, Request, Selected};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// A request that waits for its lease.
pub(in crate::server) struct Queued {
    pub(in crate::server) request: Request,
    /// The time at which it gives up.
    pub(in crate::server) deadline: Option<Duration>,
    /// Its wait for what is left of former sessions of its client, before that for others.
    pub(in crate::server) former: Option<FormerWait>,
}

/// Messages that wait for their operation: no more than it gave credit for, and than the session may hold.
#[derive(Default)]
pub(super) struct Inbox {
    items: VecDeque<(Vec<Item>, KeptPayload, u64)>,
    selected: Vec<Selected>,
    unwanted: Vec<String>,
    is_finished: bool,
    bytes: usize,
}

impl Inbox {
    pub(super) fn put_items(&mut self, items: Vec<Item>, payload: Payload<'_>, credit: u64) {
        let payload = payload.keep();
        self.bytes += items_bytes(&items) + payload.memory_bytes() + ALLOCATION_BYTES;
        self.items.push_back((items, payload, credit));
    }

    pub(super) fn put_selected(&mut self, files: Vec<Selected>) {
        self.bytes += files.iter().map(selected_bytes).sum::<usize>();
        self.selected.extend(files);
    }

    pub(super) fn put_unwanted(&mut self, path: &str) {
        self.bytes += path.len() + size_of::<String>() + ALLOCATION_BYTES;
        self.unwanted.push(path.to_owned());
    }

    pub(super) fn finish(&mut self) {
        self.is_finished = true;
    }

    /// Returns the memory that it holds, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// Gives an operation that is about to end the items that have come for it.
    pub(super) fn deliver_items(self, operation: &mut dyn Operation) {
        for (items, payload, credit) in self.items {
            if operation.take_items(items, payload.into(), credit).is_err() {
                return;
            }
        }
    }

    /// Gives the operation everything that has come for it.
    pub(super) fn deliver(&mut self, operation: &mut dyn Operation, store: &Arc<dyn Store>) -> Result<(), Failure> {
        let Self { items, selected, unwanted, is_finished, .. } = std::mem::take(self);
        unwanted.iter().for_each(|path| operation.unwanted(path));
        if !selected.is_empty() {
            select(operation, store, selected)?;
        }
        for (items, payload, credit) in items {
            operation.take_items(items, payload.into(), credit)?;
        }
        if is_finished { operation.finish() } else { Ok(()) }
    }
}

/// Gives an operation sources that the client names one by one.
pub(super) fn select(
    operation: &mut dyn Operation,
    store: &Arc<dyn Store>,
    files: Vec<Selected>,
) -> Result<(), Failure> {
    let none = || Failure::new(ErrorCode::BadRequest).because("sources for an operation that takes none");
    selection::add(operation.origins().ok_or_else(none)?, store, files)
}

fn selected_bytes(file: &Selected) -> usize {
    let marks = file.known.as_ref().map_or(0, |known| known.marks.capacity());
    // A list that grows has room for twice as many.
    2 * size_of::<Selected>()
        + file.path.as_str().len()
        + file.name.len()
        + 2 * ALLOCATION_BYTES
        + marks * size_of::<Mark>()
        + file.parts.capacity() * size_of::<Part>()
}

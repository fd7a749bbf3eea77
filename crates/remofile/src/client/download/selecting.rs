//! Sources that are named one by one, behind their request.

use crate::carrier::Produced;
use crate::client::session::handler::OngoingCall;
use crate::error::{Error, Result};
use remofile_protocol::limits::MAX_HEADER_BYTES;
use remofile_protocol::wire::{Item, Selected};
use std::collections::VecDeque;
use std::iter::Peekable;
use std::sync::{Arc, Mutex, PoisonError};

/// A file that is to be downloaded, and its size in bytes.
pub(crate) type Chosen = (Selected, u64);

/// Bytes that a connection which shares its sources with others takes at once. `SHARE_FILES` is the same in files.
const SHARE_BYTES: u64 = 32 * 1024 * 1024;
const SHARE_FILES: usize = 512;

/// Credit of the sources that are named in one message, unless it is that of a single one.
const BATCH_BYTES: u64 = MAX_HEADER_BYTES as u64 / 4;

/// The sender of the sources of an operation, which are named behind its request.
pub(crate) struct Selecting {
    queue: Queue,
    /// Sizes of the files that were named and have not come yet; only where the queue is shared.
    awaited: VecDeque<u64>,
    is_over: bool,
}

enum Queue {
    Own(VecDeque<Chosen>),
    /// Sources that are made when they are to be named: there may be very many.
    Coming(Peekable<Coming>),
    Shared(SharedQueue),
}

type Coming = Box<dyn Iterator<Item = Chosen> + Send>;

/// Sources that several connections share.
#[derive(Clone)]
pub(crate) struct SharedQueue(Arc<Mutex<VecDeque<Chosen>>>);

impl SharedQueue {
    pub(crate) fn new(files: Vec<Chosen>) -> Self {
        Self(Arc::new(Mutex::new(files.into())))
    }

    /// Removes all sources that were not taken yet.
    pub(crate) fn clear(&self) {
        self.with(VecDeque::clear);
    }

    fn with<T>(&self, body: impl FnOnce(&mut VecDeque<Chosen>) -> T) -> T {
        body(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reports whether an item is all that comes of something that was asked for.
pub(crate) fn is_sent_at_once(item: &Item) -> bool {
    matches!(item, Item::Link { .. } | Item::KeptLink { .. } | Item::HardLink { .. } | Item::Special { .. })
}

impl Selecting {
    /// Creates the selection of an operation that takes no sources.
    pub(crate) fn none() -> Self {
        Self { queue: Queue::Own(VecDeque::new()), awaited: VecDeque::new(), is_over: true }
    }

    /// Names all of these.
    pub(crate) fn all(files: Vec<Chosen>) -> Self {
        Self { queue: Queue::Own(files.into()), is_over: false, ..Self::none() }
    }

    /// Names what an iterator gives.
    pub(crate) fn coming(files: impl Iterator<Item = Chosen> + Send + 'static) -> Self {
        let files: Coming = Box::new(files);
        Self { queue: Queue::Coming(files.peekable()), is_over: false, ..Self::none() }
    }

    /// Names some of these, as fast as they come.
    pub(crate) fn some(files: SharedQueue) -> Self {
        Self { queue: Queue::Shared(files), is_over: false, ..Self::none() }
    }

    /// Reports whether sources are left that were not named yet.
    pub(crate) fn has_more(&mut self) -> bool {
        let is_empty = match &mut self.queue {
            Queue::Own(files) => files.is_empty(),
            Queue::Coming(files) => files.peek().is_none(),
            Queue::Shared(files) => files.with(|files| files.is_empty()),
        };
        !self.is_over && !is_empty
    }

    /// Learns from received items which of the named files are over.
    pub(crate) fn received(&mut self, items: &[Item]) {
        let is_end = |item: &&Item| {
            matches!(item, Item::End { .. } | Item::Abort { .. } | Item::Failed { .. }) || is_sent_at_once(item)
        };
        for _ in items.iter().filter(is_end) {
            self.awaited.pop_front();
        }
    }

    /// Names the next sources, as far as there is credit.
    pub(crate) fn produce(&mut self, call: &mut OngoingCall<'_>) -> Result<Produced> {
        if self.is_over {
            return Ok(Produced::Nothing);
        }
        let batch = self.batch(call.machine.credit(call.operation));
        if !batch.is_empty() {
            let selected = call.machine.select(call.operation, batch);
            selected.map_err(|error| Error::Protocol(error.to_string()))?;
            return Ok(Produced::Work);
        }
        // Either nothing fits in the credit now, or nothing is left.
        if self.has_more() {
            return Ok(Produced::Nothing);
        }
        self.is_over = true;
        call.machine.finish(call.operation);
        Ok(Produced::Work)
    }

    /// Takes the next sources, as far as they fit in the credit. If none does, the credit comes back as the sources
    /// before are used up; one alone always fits into the credit that an operation begins with.
    fn batch(&mut self, credit: u64) -> Vec<Selected> {
        match &mut self.queue {
            Queue::Own(files) => take(files, credit, |_| true),
            Queue::Coming(files) => take(files, credit, |_| true),
            Queue::Shared(files) => {
                let awaited = &mut self.awaited;
                let mut wants = |size| {
                    // A connection that took more would leave the others without work while it is busy.
                    let has_room = awaited.len() < SHARE_FILES && total(awaited) < SHARE_BYTES;
                    if has_room {
                        awaited.push_back(size);
                    }
                    has_room
                };
                files.with(|files| take(files, credit, &mut wants))
            }
        }
    }
}

/// Adds up sizes without overflow: they are what the server says, so any number.
fn total(sizes: &VecDeque<u64>) -> u64 {
    sizes.iter().fold(0, |total, size| total.saturating_add(*size))
}

/// Sources in their order.
trait Line {
    fn front(&mut self) -> Option<&Chosen>;
    fn pop(&mut self) -> Option<Chosen>;
}

impl Line for VecDeque<Chosen> {
    fn front(&mut self) -> Option<&Chosen> {
        Self::front(self)
    }

    fn pop(&mut self) -> Option<Chosen> {
        self.pop_front()
    }
}

impl Line for Peekable<Coming> {
    fn front(&mut self) -> Option<&Chosen> {
        self.peek()
    }

    fn pop(&mut self) -> Option<Chosen> {
        self.next()
    }
}

/// Takes the first sources, which cost `credit` at most. A source with many parts travels alone.
fn take(files: &mut impl Line, credit: u64, mut wants: impl FnMut(u64) -> bool) -> Vec<Selected> {
    let (mut batch, mut spent) = (Vec::new(), 0);
    while let Some((file, size)) = files.front() {
        let with_it = spent + file.credit_bytes();
        let is_long = spent > 0 && with_it > BATCH_BYTES;
        // Last of the three, since `wants` counts the file as awaited.
        if is_long || with_it > credit || !wants(*size) {
            break;
        }
        spent = with_it;
        batch.extend(files.pop().map(|(file, _)| file));
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile_protocol::path::RemotePath;
    use remofile_protocol::wire::Part;

    fn file(parts: usize) -> Chosen {
        let parts = vec![Part { offset: 0, length: 1 }; parts];
        let path = RemotePath::parse("/f").unwrap();
        (Selected { path, name: "f".to_owned(), known: None, as_link: false, parts }, 0)
    }

    #[test]
    fn a_file_of_many_parts_waits_for_the_credit_that_it_takes() {
        let mut files: VecDeque<Chosen> = [file(3750), file(1), file(1)].into();
        let cost = files[0].0.credit_bytes();
        assert!(take(&mut files, cost - 1, |_| true).is_empty());
        assert_eq!(take(&mut files, cost, |_| true).len(), 1);
        assert_eq!(take(&mut files, cost, |_| true).len(), 2);
    }

    #[test]
    fn sizes_of_files_that_are_awaited_may_be_any_numbers() {
        assert_eq!(total(&VecDeque::from([1, u64::MAX, 5])), u64::MAX);
    }
}

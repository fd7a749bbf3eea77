//! The search for what a download would send.

use super::listing::{Elements, Listing};
use crate::transfer::{Feed, Feeding, Next, Origins};
use remofile_protocol::wire::{Element, Found, Listed};

/// The entries that are found, in the order in which they would be sent.
pub(super) struct Findings {
    feed: Box<Feed>,
}

pub(super) fn find(feed: Box<Feed>) -> Listing<Findings> {
    Listing::new(Findings { feed })
}

impl Elements for Findings {
    fn next(&mut self) -> Next<Element> {
        match self.feed.find() {
            Next::Item(Ok(found)) => Next::Item(Element::Found(Found { name: found.path, entry: found.entry })),
            Next::Item(Err(failure)) => Next::Item(Element::Listed(Listed::Failed(failure))),
            Next::Working => Next::Working,
            Next::Pending => Next::Pending,
            Next::End => Next::End,
        }
    }

    fn memory_bytes(&self) -> u64 {
        self.feed.memory_bytes()
    }

    fn origins(&mut self) -> Option<&mut dyn Origins> {
        self.feed.origins()
    }
}

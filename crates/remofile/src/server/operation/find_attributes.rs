//! The attributes of what a download would send.

use super::listing::{Elements, Listing, failed};
use crate::transfer::{AttributesFeed, Feed, Feeding, Next, Origins};
use remofile_protocol::wire::{AttributeSet, Element};

/// The attributes of what is found, in the order in which it would be sent.
pub(super) struct FoundAttributes {
    feed: Box<AttributesFeed>,
}

pub(super) fn find(feed: Feed, wanted: AttributeSet) -> Listing<FoundAttributes> {
    Listing::new(FoundAttributes { feed: Box::new(AttributesFeed::new(feed, wanted)) })
}

impl Elements for FoundAttributes {
    fn next(&mut self) -> Next<Element> {
        match self.feed.next_attributes() {
            Next::Item(Ok((name, attributes))) => Next::Item(Element::Attributes { name, attributes }),
            Next::Item(Err(failure)) => failed(failure),
            Next::Working => Next::Working,
            Next::Pending => Next::Pending,
            Next::End => Next::End,
        }
    }

    fn memory_bytes(&self) -> u64 {
        self.feed.memory_bytes()
    }

    fn origins(&mut self) -> Option<&mut dyn Origins> {
        self.feed.feed().origins()
    }
}

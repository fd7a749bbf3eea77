//! Digests of files, for a client that compares its own with them.

use super::listing::{Elements, Listing, failed};
use crate::transfer::{Digesting, Feed, Feeding, Next, Origins};
use remofile_protocol::wire::{Element, Kind};

/// Digests of the files of a feed.
pub(super) struct Digests {
    feed: Box<Feed>,
    current: Option<(String, String, Digesting)>,
}

pub(super) fn digests(feed: Box<Feed>) -> Listing<Digests> {
    Listing::new(Digests { feed, current: None })
}

impl Elements for Digests {
    fn origins(&mut self) -> Option<&mut dyn Origins> {
        self.feed.origins()
    }

    fn memory_bytes(&self) -> u64 {
        self.feed.memory_bytes() + self.current.as_ref().map_or(0, |(_, _, digesting)| digesting.memory_bytes())
    }

    fn next(&mut self) -> Next<Element> {
        if let Some((name, shown, mut digesting)) = self.current.take() {
            return match digesting.step() {
                Ok(Some(digest)) => Next::Item(Element::Digest { name, digest }),
                Ok(None) => {
                    self.current = Some((name, shown, digesting));
                    Next::Working
                }
                Err(failure) => failed(failure.at(shown)),
            };
        }
        match self.feed.find() {
            // The bytes that are read may not be those on the disk, so the file must not count as the same.
            Next::Item(Ok(found)) if found.entry.unflushed => Next::Working,
            Next::Item(Ok(mut found)) if found.entry.kind == Kind::File => match found.take_opened() {
                Ok(source) => {
                    self.current = Some((found.path, found.shown, Digesting::new(source)));
                    self.next()
                }
                Err(failure) => failed(failure),
            },
            Next::Item(Ok(_)) | Next::Working => Next::Working,
            Next::Item(Err(failure)) => failed(failure),
            Next::Pending => Next::Pending,
            Next::End => Next::End,
        }
    }
}

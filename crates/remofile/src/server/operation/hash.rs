//! Hashes of files, for a client that compares them with a list.

use super::listing::{self, Elements, Listing};
use crate::server::audit::EntryLog;
use crate::transfer::{ChosenHash, Digesting, Feed, Feeding, FoundItem, Next, Origins};
use remofile_protocol::hash::HashAlgorithm;
use remofile_protocol::wire::{Element, ErrorCode, Failure, Kind};

/// Hashes of the files of a feed.
pub(super) struct Hashes {
    feed: Box<Feed>,
    algorithm: HashAlgorithm,
    current: Option<Current>,
    entries: EntryLog,
}

struct Current {
    name: String,
    shown: String,
    hashing: Digesting<ChosenHash>,
}

pub(super) fn hashes(feed: Box<Feed>, algorithm: HashAlgorithm, entries: EntryLog) -> Listing<Hashes> {
    Listing::new(Hashes { feed, algorithm, current: None, entries })
}

impl Hashes {
    /// Begins the hash of what was found. Directories come with what is in them, and links of a tree are left out.
    fn begin(&mut self, mut found: FoundItem) -> Next<Element> {
        if found.entry.kind != Kind::File {
            return Next::Working;
        }
        if found.entry.unflushed {
            let why =
                "a flush failed after it was stored, so what is read may not be what is on the disk: store it again";
            return self.failed(Failure::new(ErrorCode::DiskFailure).because(why).at(found.shown));
        }
        match found.take_opened() {
            Ok(source) => {
                let hashing = Digesting::by(source, ChosenHash::new(self.algorithm));
                self.current = Some(Current { name: found.path, shown: found.shown, hashing });
                self.next()
            }
            Err(failure) => self.failed(failure),
        }
    }

    fn failed(&self, failure: Failure) -> Next<Element> {
        self.entries.failed(&failure);
        listing::failed(failure)
    }
}

impl Elements for Hashes {
    fn origins(&mut self) -> Option<&mut dyn Origins> {
        self.feed.origins()
    }

    fn memory_bytes(&self) -> u64 {
        self.feed.memory_bytes() + self.current.as_ref().map_or(0, |current| current.hashing.memory_bytes())
    }

    fn next(&mut self) -> Next<Element> {
        let Some(mut current) = self.current.take() else {
            return match self.feed.find() {
                Next::Item(Ok(found)) => self.begin(found),
                // A link in a directory.
                Next::Item(Err(failure)) if failure.code == ErrorCode::Skipped => Next::Working,
                Next::Item(Err(failure)) => self.failed(failure),
                Next::Working => Next::Working,
                Next::Pending => Next::Pending,
                Next::End => Next::End,
            };
        };
        match current.hashing.step() {
            Ok(Some(hash)) => {
                let entry = current.hashing.entry().clone();
                self.entries.hashed(&entry.path, entry.size);
                Next::Item(Element::Hash { name: current.name, entry, hash })
            }
            Ok(None) => {
                self.current = Some(current);
                Next::Working
            }
            Err(failure) => self.failed(failure.at(current.shown)),
        }
    }
}

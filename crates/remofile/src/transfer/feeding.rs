//! The items that are fed to a packer: files found, judged and opened.

use super::file_recipe::FileRecipe;
use super::origins::Origins;
use super::roll::Roll;
use crate::store::{Source, Store, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, Failure, Item, Known, Links, OnConflict, Part, Special, Timestamp};
use std::sync::Arc;

/// Something to send, not yet opened. Paths at the destination are relative to it.
pub struct FoundItem {
    /// Path at the destination; empty for the directory that everything goes to.
    pub path: String,
    /// Bytes of the path that name its source; all of them for a source itself.
    pub(super) top: usize,
    /// Path as the user knows it.
    pub shown: String,
    /// Entry with the path in its store; for a link that is followed, the entry that it leads to.
    pub entry: Entry,
    pub(super) store: Arc<dyn Store>,
    pub(super) known: Option<Known>,
    pub(super) parts: Vec<Part>,
    /// The file, if it was opened ahead.
    pub(super) opened: Option<Box<dyn Source>>,
}

impl FoundItem {
    /// Returns the path of its source, and its own path below that; both at the destination.
    pub(super) fn places(&self) -> (&str, &str) {
        let (source, below) = self.path.split_at_checked(self.top).unwrap_or((&self.path, ""));
        (source, below.trim_start_matches('/'))
    }

    /// Returns its own path below its source; empty for a source itself.
    #[must_use]
    pub fn below(&self) -> &str {
        self.places().1
    }

    /// Returns the target of a link, as links are sent.
    ///
    /// # Errors
    /// `not-found` if it has gone meanwhile, ...
    pub fn target(&self, links: Links) -> StoreResult<String> {
        let path = &self.entry.path;
        let target = if links == Links::Keep { self.store.kept_target(path) } else { self.store.read_link(path) };
        target.map_err(|failure| failure.at(&self.shown))
    }

    /// Opens the file.
    ///
    /// # Errors
    /// `not-a-file`, `not-found` if it has gone meanwhile, ...
    pub fn open(&self) -> StoreResult<Box<dyn Source>> {
        self.store.open(&self.entry.path).map_err(|failure| failure.at(&self.shown))
    }

    /// Takes the file if it was opened ahead, and opens it otherwise.
    ///
    /// # Errors
    /// As [`FoundItem::open`].
    pub fn take_opened(&mut self) -> StoreResult<Box<dyn Source>> {
        self.opened.take().map_or_else(|| self.open(), Ok)
    }
}

/// The decision about a file that was found.
pub enum Verdict {
    /// Send the file.
    Send {
        /// Conflict rule for this file alone, if not that of the request.
        rule: Option<OnConflict>,
        /// Partial of the file that the receiver has.
        known: Option<Known>,
    },
    /// Leave the file out: the receiver has it already, and gives it these permission bits if they are others.
    Present {
        /// Permission bits that it does not have yet.
        mode: Option<u32>,
    },
    /// Make the file another name of one that the receiver has elsewhere.
    Link {
        /// Path of that one, from the root directory on.
        of: RemotePath,
        /// Conflict rule for this file alone, if not that of the request.
        rule: Option<OnConflict>,
    },
    /// Leave the file out, for this reason.
    Skip(Failure),
}

/// Decides about each file before it is opened.
pub trait Judge: Send {
    /// Returns the decision about a file.
    fn judge(&mut self, found: &FoundItem) -> Verdict;
}

/// The next item to send.
pub enum FeedItem {
    /// A directory, before everything in it.
    Directory {
        /// Path at the destination.
        path: String,
        /// Permission bits.
        mode: Option<u32>,
    },
    /// A regular file, opened.
    File(Box<FedFile>),
    /// Something that is changed at the destination, without content.
    Change(Item),
    /// A symbolic link that is sent as one.
    Link {
        /// Path at the destination.
        path: String,
        /// Target of the link.
        target: String,
        /// True if it is kept as it is, whatever it leads to.
        kept: bool,
        /// Conflict rule for this link, if not that of the request.
        rule: Option<OnConflict>,
    },
    /// Another name of a file that came before.
    HardLink {
        /// Path at the destination.
        path: String,
        /// Path of the other name at the destination.
        of: String,
        /// Conflict rule for this name, if not that of the request.
        rule: Option<OnConflict>,
    },
    /// A special file.
    Special {
        /// Path at the destination.
        path: String,
        /// Kind of it.
        special: Special,
        /// Time of last modification.
        modified: Timestamp,
        /// Permission bits.
        mode: Option<u32>,
        /// Conflict rule for this file, if not that of the request.
        rule: Option<OnConflict>,
    },
    /// A file that the receiver has.
    Present {
        /// Path at the destination.
        path: String,
        /// Size in bytes.
        size: u64,
        /// Permission bits that it gets.
        mode: Option<u32>,
    },
    /// Something that cannot be sent, or is left out (`skipped`).
    Failed(Failure),
}

/// A regular file, opened.
pub struct FedFile {
    /// Path at the destination.
    pub path: String,
    /// Path as the user knows it.
    pub shown: String,
    /// The opened file.
    pub source: Box<dyn Source>,
    /// Conflict rule for this file, if not that of the request.
    pub rule: Option<OnConflict>,
    /// Partial of the file that the receiver has.
    pub known: Option<Known>,
    /// Recipe of a file that is not sent from its first byte to its last.
    pub recipe: Option<FileRecipe>,
}

/// The next element, if there is one now.
pub enum Next<T> {
    /// The next element.
    Item(T),
    /// A piece of work was done, and more is to do.
    Working,
    /// Nothing until more sources are named.
    Pending,
    /// There are no more.
    End,
}

/// The source of a packer's items.
pub trait Feeding: Send {
    /// Returns the next item to send.
    fn next_item(&mut self) -> Next<FeedItem>;

    /// Returns the origins to which more may be added, if that is possible.
    fn origins(&mut self) -> Option<&mut dyn Origins> {
        None
    }

    /// Expects the files that were counted: those that are not found any more are failures.
    fn expect(&mut self, _roll: &Arc<Roll>) {}

    /// Returns the memory that it holds, in bytes, without what was given with the request.
    fn memory_bytes(&self) -> u64 {
        0
    }
}

//! What is fed to a packer: files found, judged and opened.

use super::file_recipe::FileRecipe;
use super::origins::Origins;
use crate::store::{Source, Store, StoreResult};
use remofile_protocol::wire::{Entry, Failure, Item, Known, OnConflict, Part};
use std::sync::Arc;

/// Something to send, not yet opened. Paths at the destination are relative to it.
pub struct FoundItem {
    /// Where it goes; empty for the directory that everything goes to.
    pub path: String,
    /// What it is for the user.
    pub shown: String,
    /// What it is, and its path in the store it is in; for a link that is followed, what that leads to.
    pub entry: Entry,
    pub(super) store: Arc<dyn Store>,
    pub(super) known: Option<Known>,
    pub(super) parts: Vec<Part>,
}

impl FoundItem {
    /// Opens it.
    ///
    /// # Errors
    /// `not-a-file`, `not-found` if it has gone meanwhile, ...
    pub fn open(&self) -> StoreResult<Box<dyn Source>> {
        self.store.open(&self.entry.path).map_err(|failure| failure.at(&self.shown))
    }
}

/// What is to be done with a file that was found.
pub enum Verdict {
    /// It is sent; `rule` is what becomes of a file in its way, if not what the request says, and `known`
    /// what the receiver has of it.
    Send {
        /// For this file alone.
        rule: Option<OnConflict>,
        /// Places up to which it is there.
        known: Option<Known>,
    },
    /// It is there already.
    Present,
    /// It is left out, for this reason.
    Skip(Failure),
}

/// Decides about each file before it is opened.
pub trait Judge: Send {
    /// What becomes of it.
    fn judge(&mut self, found: &FoundItem) -> Verdict;
}

/// The next thing to send.
pub enum FeedItem {
    /// A directory, before everything in it.
    Directory {
        /// Where it goes.
        path: String,
        /// Its permission bits.
        mode: Option<u32>,
    },
    /// A regular file, opened.
    File(Box<FedFile>),
    /// Something that is changed at the destination, without content.
    Change(Item),
    /// A symbolic link that is sent as one.
    Link {
        /// Where it goes.
        path: String,
        /// What it leads to.
        target: String,
        /// What becomes of a file in its way.
        rule: Option<OnConflict>,
    },
    /// A file that the receiver has.
    Present {
        /// Where it is.
        path: String,
        /// Its size in bytes.
        size: u64,
    },
    /// Something that cannot be sent, or is left out (`skipped`).
    Failed(Failure),
}

/// A regular file, opened.
pub struct FedFile {
    /// Where it goes.
    pub path: String,
    /// What it is for the user.
    pub shown: String,
    /// Its content.
    pub source: Box<dyn Source>,
    /// What becomes of a file in its way, if not what the request says.
    pub rule: Option<OnConflict>,
    /// What the receiver has of it.
    pub known: Option<Known>,
    /// How it is made, where it is not sent as it is.
    pub recipe: Option<FileRecipe>,
}

/// The next element, if there is one now.
pub enum Next<T> {
    /// There is.
    Item(T),
    /// A piece of work was done, and more is to do.
    Working,
    /// Nothing before more is named.
    Pending,
    /// There are no more.
    End,
}

/// What a packer takes its items from.
pub trait Feeding: Send {
    /// The next thing to send.
    fn next_item(&mut self) -> Next<FeedItem>;

    /// Where more origins are named, if they can be.
    fn origins(&mut self) -> Option<&mut dyn Origins> {
        None
    }

    /// What it holds in memory, in bytes, beside what was given with the request.
    fn memory_bytes(&self) -> u64 {
        0
    }
}

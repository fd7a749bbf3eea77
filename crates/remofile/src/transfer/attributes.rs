//! Attributes that are given when all content has come: times of directories, which each file that comes changes, and what else
//! a transfer is asked to keep.
//!
//! Whoever gives them compares first, so that nothing is changed that is right already, and gives a file's attributes only to
//! the file that they are of. So they need not know what came, what was there and what was left out.

use super::feed::Feed;
use super::feeding::{FeedItem, Feeding, FoundItem, Next};
use crate::store::{Given, Refused, Store, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, Attributes, ErrorCode, Failure, Item};

/// A feed of the attributes of everything that another feed finds. What that cannot find was told when the content was
/// sent.
pub struct AttributesFeed {
    feed: Feed,
    wanted: AttributeSet,
    /// The failure that comes with the attributes that were told all the same.
    failure: Option<Failure>,
}

impl AttributesFeed {
    /// Creates a feed of attributes.
    #[must_use]
    pub fn new(feed: Feed, wanted: AttributeSet) -> Self {
        Self { feed, wanted, failure: None }
    }

    /// Returns the path at the destination, and the attributes, of the next thing; or a failure.
    pub fn next_attributes(&mut self) -> Next<StoreResult<(String, Box<Attributes>)>> {
        if let Some(failure) = self.failure.take() {
            return Next::Item(Err(failure));
        }
        match self.feed.find() {
            Next::Item(Ok(found)) => match self.attributes(&found) {
                Ok(attributes) => Next::Item(Ok((found.path, Box::new(attributes)))),
                // Removed since it was sent.
                Err(failure) if failure.code == ErrorCode::NotFound => Next::Working,
                Err(failure) => Next::Item(Err(failure.at(found.shown))),
            },
            Next::Item(Err(_)) | Next::Working => Next::Working,
            Next::Pending => Next::Pending,
            Next::End => Next::End,
        }
    }

    /// Returns the attributes of what was found; if there are more than are transferred, the others.
    fn attributes(&mut self, found: &FoundItem) -> StoreResult<Attributes> {
        let (store, path) = (&found.store, &found.entry.path);
        match store.attributes(path, self.wanted) {
            Err(failure) if failure.code == ErrorCode::OutOfResources => {
                self.failure = Some(failure.at(&found.shown));
                store.attributes(path, self.wanted.without(AttributeSet::EXTENDED))
            }
            told => told,
        }
    }

    /// Returns the feed that finds what the attributes are of.
    pub fn feed(&mut self) -> &mut Feed {
        &mut self.feed
    }
}

impl Feeding for AttributesFeed {
    fn next_item(&mut self) -> Next<FeedItem> {
        match self.next_attributes() {
            Next::Item(Ok((path, attributes))) => Next::Item(FeedItem::Change(Item::Attributes { path, attributes })),
            Next::Item(Err(failure)) => Next::Item(FeedItem::Failed(failure)),
            Next::Working => Next::Working,
            Next::Pending => Next::Pending,
            Next::End => Next::End,
        }
    }

    fn memory_bytes(&self) -> u64 {
        self.feed.memory_bytes()
    }
}

/// The attributes that were given, and those that could not be: what holds for many files is told once, with their number.
#[derive(Debug, Default)]
pub struct GivenAttributes {
    /// Files, directories and links that have other attributes than before.
    pub changed: u64,
    owner: Refusals,
    set_id: Refusals,
    extended: Refusals,
}

/// Files that could not be given one kind of attribute.
#[derive(Debug, Default)]
struct Refusals {
    count: u64,
    first: String,
}

impl GivenAttributes {
    /// Gives attributes to what is at a path; `shown` is the path as it is told.
    ///
    /// # Errors
    /// As [`PosixStore::give_attributes`](crate::store::PosixStore::give_attributes). What is not there any more is none.
    pub fn give(
        &mut self,
        store: &dyn Store,
        path: &RemotePath,
        shown: &str,
        attributes: &Attributes,
        wanted: AttributeSet,
    ) -> StoreResult<bool> {
        let Given { is_changed, refused } = match store.give_attributes(path, attributes, wanted) {
            // It was left out, or has failed, when content was sent.
            Err(failure) if is_absent(failure.code) => Given::default(),
            given => given?,
        };
        self.changed += u64::from(is_changed);
        let Refused { owner, set_id, extended } = refused;
        self.owner.note(owner, shown);
        self.set_id.note(set_id, shown);
        self.extended.note(extended, shown);
        Ok(is_changed)
    }

    /// Returns a failure for each kind of attribute that something could not be given.
    #[must_use]
    pub fn failures(self) -> Vec<Failure> {
        let told = |refusals: Refusals, code, why: &str| {
            let Refusals { count, first } = refusals;
            let others = if count == 1 { String::new() } else { format!(" (the first of {count})") };
            (count > 0).then(|| Failure::new(code).at(first).because(format!("{why}{others}")))
        };
        let set_id = "set-user-ID and set-group-ID bits were left off, as it belongs to another user or group than at its \
                      source: give '--owner', as root";
        [
            told(self.owner, ErrorCode::PermissionDenied, "it could not be given its owner and group, which takes root where it is stored"),
            told(self.set_id, ErrorCode::Skipped, set_id),
            told(self.extended, ErrorCode::PermissionDenied, "it could not be given all its extended attributes, which takes root, or another file system, where it is stored"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Refusals {
    fn note(&mut self, is_refused: bool, shown: &str) {
        if is_refused {
            self.count += 1;
            if self.first.is_empty() {
                shown.clone_into(&mut self.first);
            }
        }
    }
}

fn is_absent(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::NotFound | ErrorCode::NotADirectory)
}

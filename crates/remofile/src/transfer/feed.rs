//! Which files are to be sent, one after the other.

use crate::store::{Source, Store, StoreResult, Walk};
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::{ErrorCode, Failure, Kind, Listed};
use std::sync::Arc;

/// A file or directory that a user named.
pub struct Origin {
    /// The store it is in.
    pub store: Arc<dyn Store>,
    /// Its path there.
    pub path: RemotePath,
    /// What it is called at its destination.
    pub name: String,
    /// How its path begins for the user, to name it in failures.
    pub shown: String,
}

/// The next thing to send. Paths are relative to the destination.
pub enum FeedItem {
    /// A directory, before everything in it.
    Directory {
        /// Where it goes.
        path: String,
    },
    /// A regular file, opened.
    File {
        /// Where it goes.
        path: String,
        /// What it is for the user.
        shown: String,
        /// Its content.
        source: Box<dyn Source>,
    },
    /// Something that cannot be sent.
    Failed(Failure),
}

/// Finds the files of some origins, in the order they were named and sorted below each.
pub struct Feed {
    origins: Box<dyn Iterator<Item = Result<Origin, Failure>> + Send>,
    current: Option<Below>,
    recursive: bool,
    names: NameRule,
}

/// An origin that is a directory, and the walk below it.
struct Below {
    origin: Origin,
    walk: Box<dyn Walk>,
}

impl Feed {
    /// The files of `origins`, which are looked for one after the other; those that could not be found are failures at their place. Directories
    /// are entered only if `recursive`; names that `names` forbids are failures.
    pub fn new<I>(origins: I, recursive: bool, names: NameRule) -> Self
    where
        I: IntoIterator<Item = Result<Origin, Failure>>,
        I::IntoIter: Send + 'static,
    {
        Self { origins: Box::new(origins.into_iter()), current: None, recursive, names }
    }

    /// The next item; `None` at the end.
    pub fn next_item(&mut self) -> Option<FeedItem> {
        loop {
            let found = self.find()?;
            match found.and_then(Found::open) {
                // The root itself has no name: its contents go to the destination.
                Ok(FeedItem::Directory { path }) if path.is_empty() => {}
                Ok(item) => return Some(item),
                // Gone between its listing and now: the tree is as if it had never been there.
                Err(failure) if failure.code == ErrorCode::NotFound && self.current.is_some() => {}
                Err(failure) => return Some(FeedItem::Failed(failure)),
            }
        }
    }

    /// The next file or directory, not yet opened.
    fn find(&mut self) -> Option<StoreResult<Found>> {
        if self.current.is_some() {
            let listed = self.current.as_mut().and_then(|below| below.walk.next());
            match (listed, self.current.as_ref()) {
                (Some(listed), Some(below)) => return Some(below.found(listed, self.names)),
                _ => self.current = None,
            }
        }
        let origin = self.origins.next()?;
        Some(origin.and_then(|origin| self.begin(origin)))
    }

    fn begin(&mut self, origin: Origin) -> StoreResult<Found> {
        let named = |failure: Failure| failure.at(&origin.shown);
        let entry = origin.store.stat(&origin.path).map_err(named)?;
        match entry.kind {
            Kind::File => Ok(Found::File {
                path: origin.name.clone(),
                shown: origin.shown.clone(),
                size: entry.size,
                store: Arc::clone(&origin.store),
                at: origin.path.clone(),
            }),
            Kind::Directory if !self.recursive => {
                Err(named(Failure::new(ErrorCode::NotAFile).because("it is a directory: send it with '-r'")))
            }
            Kind::Directory => {
                let walk = origin.store.walk(&origin.path, true).map_err(named)?;
                let path = origin.name.clone();
                self.current = Some(Below { origin, walk });
                Ok(Found::Directory { path })
            }
            Kind::Link => Err(named(
                Failure::new(ErrorCode::NotAFile).because("it is a symbolic link that leads nowhere, or out"),
            )),
            Kind::Special => Err(named(Failure::new(ErrorCode::NotAFile).because("it is a device, socket or pipe"))),
        }
    }
}

enum Found {
    Directory { path: String },
    File { path: String, shown: String, size: u64, store: Arc<dyn Store>, at: RemotePath },
}

impl Found {
    fn open(self) -> StoreResult<FeedItem> {
        match self {
            Self::Directory { path } => Ok(FeedItem::Directory { path }),
            Self::File { path, shown, store, at, .. } => match store.open(&at) {
                Ok(source) => Ok(FeedItem::File { path, shown, source }),
                Err(failure) => Err(failure.at(shown)),
            },
        }
    }
}

impl Below {
    fn found(&self, listed: Listed, names: NameRule) -> StoreResult<Found> {
        let entry = match listed {
            Listed::Entry(entry) => entry,
            Listed::Failed(failure) => return Err(self.rename(failure)),
        };
        let below = entry.path.relative_to(&self.origin.path).unwrap_or_default().to_owned();
        let shown = join(&self.origin.shown, &below);
        entry.path.check(names).map_err(|invalid| Failure::from(invalid).at(&shown))?;
        let path = join(&self.origin.name, &below);
        match entry.kind {
            Kind::Directory => Ok(Found::Directory { path }),
            Kind::File => {
                Ok(Found::File { path, shown, size: entry.size, store: Arc::clone(&self.origin.store), at: entry.path })
            }
            Kind::Link => Err(Failure::new(ErrorCode::NotAFile).at(shown).because("symbolic links are skipped")),
            Kind::Special => Err(Failure::new(ErrorCode::NotAFile).at(shown).because("it is a device, socket or pipe")),
        }
    }

    /// Says a store's path as the user knows it.
    fn rename(&self, failure: Failure) -> Failure {
        let below = failure.path.as_deref().and_then(|path| path.strip_prefix(self.origin.path.as_str()));
        let shown = join(&self.origin.shown, below.unwrap_or_default().trim_start_matches('/'));
        failure.at(shown)
    }
}

fn join(base: &str, below: &str) -> String {
    match (base, below) {
        ("", _) => below.to_owned(),
        (_, "") => base.to_owned(),
        _ if base.ends_with('/') => format!("{base}{below}"),
        _ => format!("{base}/{below}"),
    }
}

/// Counts what a feed will give, some hundred entries a step.
pub struct Census {
    feed: Feed,
    files: u64,
    bytes: u64,
}

impl Census {
    /// Counts this feed, which is then used up.
    #[must_use]
    pub fn new(feed: Feed) -> Self {
        Self { feed, files: 0, bytes: 0 }
    }

    /// Counts on; files and bytes when it is at the end.
    pub fn step(&mut self) -> Option<(u64, u64)> {
        for _ in 0..64 {
            match self.feed.find() {
                None => return Some((self.files, self.bytes)),
                Some(Ok(Found::File { size, .. })) => {
                    self.files += 1;
                    self.bytes = self.bytes.saturating_add(size);
                }
                Some(Ok(Found::Directory { .. }) | Err(_)) => {}
            }
        }
        None
    }
}

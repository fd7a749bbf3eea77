//! What is in a tree, on either side, as the planner wants it.

use super::plan::{Node, Reason, Told, What};
use crate::error::Result;
use crate::store::{Store, StoreResult};
use crate::transfer::{Feed, FeedOptions, Filter, InStore, Next, Origins, Scan, stays_within};
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::{Element, Entry, ErrorCode, Failure, Kind, Links, Listed, Request, Selection};
use std::sync::Arc;

/// How elements of a tree become nodes.
#[derive(Clone)]
pub(super) struct Reading {
    /// The top of the tree.
    pub(super) top: RemotePath,
    /// What the top is for the user.
    pub(super) shown: String,
    /// What becomes of links; `None` at the destination, where they are what they are.
    pub(super) links: Option<Links>,
    /// The names that the other side can store.
    pub(super) names: NameRule,
    /// The largest file that can be sent, in bytes.
    pub(super) largest: u64,
}

/// What an element is for a plan.
pub(super) enum Read {
    Told(Told),
    /// It has no part in it, but the user has to know.
    Noted(Failure),
    /// It is the top itself, and a directory.
    Top,
    /// The top is of no use.
    Broken(Failure),
    Nothing,
}

impl Reading {
    pub(super) fn read(&self, element: Element) -> Read {
        match element {
            Element::Listed(Listed::Entry(entry)) => self.entry(&entry, None),
            Element::Link(entry, target) => self.entry(&entry, Some(target)),
            Element::Found(found) => {
                let name = self.top.file_name().map_or("", |_| found.name.split_once('/').map_or("", |(_, rest)| rest));
                let relative = if self.top.is_root() { found.name.clone() } else { name.to_owned() };
                self.found(&relative, &found.entry)
            }
            Element::Listed(Listed::Failed(failure)) => self.failed(failure),
            _ => Read::Nothing,
        }
    }

    fn failed(&self, failure: Failure) -> Read {
        let path = failure.path.as_deref().and_then(|path| RemotePath::parse(path).ok());
        let below: Option<Box<str>> = path.and_then(|path| path.relative_to(&self.top).map(Into::into));
        let failure = match &below {
            Some(below) => failure.at(self.show(below)),
            None => failure,
        };
        match (failure.code, self.links, below) {
            (ErrorCode::Skipped, None, below) => Read::Told(Told::LeftOut(below.unwrap_or_default())),
            (ErrorCode::Skipped, Some(Links::Copy), _) => Read::Nothing,
            (_, Some(Links::Follow), Some(top)) if top.is_empty() => Read::Broken(failure),
            // A link that cannot be followed is there all the same: what has its name at the destination stays.
            (ErrorCode::Skipped, Some(_), Some(path)) => {
                Read::Told(Told::Node(Node { path, what: What::Passed(Reason::LinkOut) }))
            }
            // What has such a name at the destination has no counterpart that could be told.
            (ErrorCode::InvalidName, None, _) => Read::Noted(failure),
            _ => Read::Told(Told::Failed(failure)),
        }
    }

    fn show(&self, below: &str) -> String {
        format!("{}/{below}", self.shown.trim_end_matches('/'))
    }

    fn entry(&self, entry: &Entry, target: Option<String>) -> Read {
        let Some(below) = entry.path.relative_to(&self.top) else { return Read::Nothing };
        let (below, is_source) = (below.to_owned(), self.links.is_some());
        if let Err(invalid) = entry.path.check(self.names) {
            return Read::Told(match is_source {
                // Something is not sent: what it was called before must not be deleted.
                true => Told::Failed(Failure::from(invalid).at(self.show(&below))),
                // Nobody can ask for it to be removed.
                false => Told::LeftOut(below.into()),
            });
        }
        if is_source && let Some(failure) = self.too_large(&below, entry) {
            return Read::Told(Told::Failed(failure));
        }
        let what = match (entry.kind, target) {
            (Kind::Directory, _) => What::Directory { mode: entry.mode },
            (Kind::File, _) => What::File { size: entry.size, modified: entry.modified, mode: entry.mode },
            (Kind::Link, Some(target)) if !is_source => What::Link { target },
            (Kind::Link, Some(target)) if self.links == Some(Links::Copy) && stays_within(&below, &target) => {
                What::Link { target }
            }
            (Kind::Link, None) if !is_source => What::Link { target: String::new() },
            (Kind::Link, _) if self.links == Some(Links::Skip) => What::Passed(Reason::Link),
            (Kind::Link, _) => What::Passed(Reason::LinkOut),
            (Kind::Special, _) => What::Special,
        };
        Read::Told(Told::Node(Node { path: below.into(), what }))
    }

    /// Where links are followed: what they lead to is in their place.
    fn found(&self, below: &str, entry: &Entry) -> Read {
        if below.is_empty() {
            let is_directory = entry.kind == Kind::Directory;
            return if is_directory { Read::Top } else { Read::Broken(self.no_directory()) };
        }
        let admitted = RemotePath::root().join(below).map_err(Failure::from);
        if let Err(failure) = admitted.and_then(|path| path.check(self.names).map_err(Failure::from)) {
            return Read::Told(Told::Failed(failure.at(self.show(below))));
        }
        if let Some(failure) = self.too_large(below, entry) {
            return Read::Told(Told::Failed(failure));
        }
        let what = match entry.kind {
            Kind::Directory => What::Directory { mode: entry.mode },
            Kind::File => What::File { size: entry.size, modified: entry.modified, mode: entry.mode },
            Kind::Link => What::Passed(Reason::LinkOut),
            Kind::Special => What::Special,
        };
        Read::Told(Told::Node(Node { path: below.into(), what }))
    }

    /// A file that will not be sent has to be known before anything makes way for it.
    fn too_large(&self, below: &str, entry: &Entry) -> Option<Failure> {
        let is_too_large = entry.kind == Kind::File && entry.size > self.largest;
        is_too_large.then(|| Failure::new(ErrorCode::FileTooLarge).at(self.show(below)))
    }

    /// Whether the listing has to tell of the top: one in which it does not may be that of something else.
    pub(super) fn has_top(&self) -> bool {
        self.links == Some(Links::Follow) && !self.top.is_root()
    }

    /// That the top is no directory.
    pub(super) fn no_directory(&self) -> Failure {
        Failure::new(ErrorCode::NotADirectory).at(&self.shown)
    }

    /// The request that lists the tree.
    pub(super) fn request(&self, rules: &[String]) -> Request {
        let (path, rules) = (self.top.clone(), rules.to_vec());
        match self.links {
            Some(Links::Follow) => Request::Find {
                sources: vec![path],
                recursive: true,
                selection: Some(Selection {
                    rules,
                    links: Links::Follow,
                    spares_sources: true,
                    ..Selection::default()
                }),
                digests: false,
            },
            _ => Request::List { path, recursive: true, rules, targets: self.links != Some(Links::Skip) },
        }
    }

    /// The elements of a local tree.
    ///
    /// # Errors
    /// `not-found`, `not-a-directory`, ... if the top cannot be read: it never looks empty then.
    pub(super) fn walk(&self, store: &Arc<dyn Store>, filter: Filter) -> StoreResult<Elements> {
        if self.links != Some(Links::Follow) {
            return Ok(Elements::Scan(Scan::new(store, &self.top, true, filter, self.links != Some(Links::Skip))?));
        }
        store.walk(&self.top, false)?;
        let origins: Box<dyn Origins> = Box::new(InStore::new(Arc::clone(store), vec![self.top.clone()], false));
        let options =
            FeedOptions { recursive: true, names: NameRule::Posix, filter, links: Links::Follow, spares_origins: true };
        Ok(Elements::Feed(Box::new(Feed::new(origins, options))))
    }
}

/// The elements of a local tree, in order.
pub(super) enum Elements {
    Scan(Scan),
    Feed(Box<Feed>),
}

impl Elements {
    /// The next element; `None` at the end.
    ///
    /// # Errors
    /// What `check` says, which is asked now and then.
    pub(super) fn next(&mut self, check: &dyn Fn() -> Result<()>) -> Result<Option<Element>> {
        loop {
            match self.step() {
                Next::Item(element) => return Ok(Some(element)),
                Next::Working => check()?,
                Next::Pending | Next::End => return Ok(None),
            }
        }
    }

    fn step(&mut self) -> Next<Element> {
        use remofile_protocol::wire::Found;
        match self {
            Self::Scan(scan) => scan.next_element(),
            Self::Feed(feed) => match feed.find() {
                Next::Item(Ok(found)) => Next::Item(Element::Found(Found { name: found.path, entry: found.entry })),
                Next::Item(Err(failure)) => Next::Item(Element::Listed(Listed::Failed(failure))),
                Next::Working => Next::Working,
                Next::Pending => Next::Pending,
                Next::End => Next::End,
            },
        }
    }
}

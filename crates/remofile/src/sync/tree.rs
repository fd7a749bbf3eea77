//! The elements of a tree, on either side, as the planner takes them.

use crate::error::Result;
use crate::plan::{Node, Reason, TreeElement, What};
use crate::store::{Store, StoreResult};
use crate::transfer::{Feed, FeedOptions, Filter, InStore, Next, Origins, Scan, stays_within};
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::{Element, Entry, ErrorCode, Failure, Kind, Links, Listed, Request, Selection};
use std::sync::Arc;

/// The rules by which elements of a tree become nodes.
#[derive(Clone)]
pub(super) struct Reading {
    /// The top of the tree.
    pub(super) top: RemotePath,
    /// The top as the user knows it.
    pub(super) shown: String,
    /// The treatment of links; `None` at the destination, where they are compared as links.
    pub(super) links: Option<Links>,
    /// The names that the other side can store.
    pub(super) names: NameRule,
}

/// The meaning of an element for a plan.
pub(super) enum Read {
    Element(TreeElement),
    /// The directory itself, where the listing has it.
    Top,
    /// Something of the source that takes no part in the sync. The user has to know it, and what the destination has
    /// at that path stays.
    Reported(Failure, Option<TreeElement>),
    Nothing,
}

impl Reading {
    pub(super) fn read(&self, element: Element) -> Read {
        match element {
            Element::Listed(Listed::Entry(entry)) => self.entry(&entry, None),
            Element::Link(entry, target) => self.entry(&entry, Some(target)),
            Element::Found(found) => self.found(&found.name, &found.entry),
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
        // Holders are of no use here, and a server may name any number.
        let failure = Failure { holders: None, ..failure };
        match failure.code {
            ErrorCode::Skipped if self.links.is_none() => {
                Read::Element(TreeElement::LeftOut(below.unwrap_or_default()))
            }
            ErrorCode::Skipped if self.links == Some(Links::Copy) => Read::Nothing,
            // The top itself can be nothing of the kind.
            ErrorCode::Skipped if below.as_deref() != Some("") => {
                Read::Reported(failure, below.map(TreeElement::Withheld))
            }
            // A file with such a name at the destination has no counterpart that the source could name.
            ErrorCode::InvalidName if self.links.is_none() => Read::Reported(failure, None),
            _ => Read::Element(TreeElement::Failed(failure)),
        }
    }

    pub(super) fn is_source(&self) -> bool {
        self.links.is_some()
    }

    /// Reports whether the listing has the directory itself. Only then is it known to be one.
    pub(super) fn tells_top(&self) -> bool {
        self.links == Some(Links::Follow)
    }

    /// Returns the failure of a directory that its listing should have and did not.
    pub(super) fn untold(&self) -> Failure {
        Failure::new(ErrorCode::NotADirectory).at(&self.shown)
    }

    fn show(&self, below: &str) -> String {
        format!("{}/{below}", self.shown.trim_end_matches('/'))
    }

    fn entry(&self, entry: &Entry, target: Option<String>) -> Read {
        let Some(below) = entry.path.relative_to(&self.top) else { return Read::Nothing };
        let (below, is_source) = (below.to_owned(), self.links.is_some());
        if let Err(invalid) = entry.path.check(self.names) {
            return Read::Element(match is_source {
                // Its name keeps it from being sent, so the destination's copy under its old name must not be deleted:
                // no deletion runs.
                true => TreeElement::Failed(Failure::from(invalid).at(self.show(&below))),
                // No request can name it to have it removed.
                false => TreeElement::LeftOut(below.into()),
            });
        }
        let what = match (entry.kind, target) {
            (Kind::Directory, _) => What::Directory { mode: entry.mode },
            (Kind::File, _) => file(entry),
            (Kind::Link, Some(target)) if !is_source => What::Link { target },
            (Kind::Link, Some(target)) if self.links == Some(Links::Copy) && stays_within(&below, &target) => {
                What::Link { target }
            }
            (Kind::Link, None) if !is_source => What::Link { target: String::new() },
            (Kind::Link, _) if self.links == Some(Links::Skip) => What::Passed(Reason::Link),
            (Kind::Link, _) => What::Passed(Reason::LinkOut),
            (Kind::Special, _) => What::Special,
        };
        Read::Element(TreeElement::Node(Node { path: below.into(), what }))
    }

    /// Reads an element of a listing in which links are followed: it has their targets in their place.
    fn found(&self, below: &str, entry: &Entry) -> Read {
        if below.is_empty() {
            return if entry.kind == Kind::Directory { Read::Top } else { Read::Nothing };
        }
        let path = RemotePath::root().join(below).and_then(|path| Ok(path.check(self.names)?));
        if let Err(invalid) = path {
            return Read::Element(TreeElement::Failed(Failure::from(invalid).at(self.show(below))));
        }
        let what = match entry.kind {
            Kind::Directory => What::Directory { mode: entry.mode },
            Kind::File => file(entry),
            Kind::Link => What::Passed(Reason::LinkOut),
            Kind::Special => What::Special,
        };
        Read::Element(TreeElement::Node(Node { path: below.into(), what }))
    }

    /// Returns the request that lists the tree.
    pub(super) fn request(&self, rules: &[String]) -> Request {
        let (path, rules) = (self.top.clone(), rules.to_vec());
        match self.links {
            Some(Links::Follow) => Request::Find {
                sources: vec![path],
                recursive: true,
                selection: Some(Selection { rules, links: Links::Follow, contents: true, ..Selection::default() }),
                digests: false,
            },
            _ => {
                let targets = self.links != Some(Links::Skip);
                Request::List { path, recursive: true, rules, targets, unflushed: true }
            }
        }
    }

    /// Lists the elements of a local tree.
    ///
    /// # Errors
    /// `not-found`, `not-a-directory`, ... if the top cannot be read: it never looks empty then.
    pub(super) fn walk(&self, store: &Arc<dyn Store>, filter: Filter) -> StoreResult<Elements> {
        if self.links != Some(Links::Follow) {
            return Ok(Elements::Scan(Scan::new(store, &self.top, true, filter, self.links != Some(Links::Skip))?));
        }
        store.walk(&self.top, false)?;
        let origins: Box<dyn Origins> = Box::new(InStore::new(Arc::clone(store), vec![self.top.clone()], false));
        let options = FeedOptions { recursive: true, permit: Arc::new(NameRule::Posix), filter, links: Links::Follow };
        Ok(Elements::Feed(Box::new(Feed::new(origins, options))))
    }
}

fn file(entry: &Entry) -> What {
    let &Entry { size, modified, mode, unflushed, .. } = entry;
    What::File { size, modified, mode, unflushed }
}

/// The elements of a local tree, in order.
pub(super) enum Elements {
    Scan(Scan),
    Feed(Box<Feed>),
}

impl Elements {
    /// Returns the next element; `None` at the end.
    ///
    /// # Errors
    /// The error of `check`, which is called now and then.
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

//! The elements of a tree, on either side, as the planner takes them.

use super::SyncOptions;
use crate::client::no_links;
use crate::error::Result;
use crate::plan::{Node, NodeKind, Reason, SpecialFile, TreeElement};
use crate::store::{Store, StoreResult};
use crate::transfer::{Feed, FeedOptions, Filter, InStore, Next, Origins, Scan, ScanDepth, stays_within};
use remofile_protocol::path::{InvalidName, NameRule, RemotePath, decode, encode_name};
use remofile_protocol::wire::{
    AttributeSet, Element, Entry, ErrorCode, Extra, Failure, Kind, Links, Listed, Request, Selection, Special,
};
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
    /// True if all attributes follow when the plan is carried out. What a server may do itself, with what it serves, makes no
    /// difference then.
    pub(super) attributes_follow: bool,
    /// True if the listing tells what keeps files as they are: targets of links whatever they lead to, second names,
    /// kinds of special files.
    pub(super) extras: bool,
    /// True if files that are one at the source become one at the destination.
    pub(super) hard_links: bool,
    /// True if special files take part.
    pub(super) takes_special: bool,
    /// True if the other side can store links.
    pub(super) takes_links: bool,
    /// The rule that names are encoded for, of a remote tree whose names are taken for encoded ones.
    pub(super) encoding: Option<NameRule>,
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
    /// Returns the rules for the source of a sync; `names` are those that the destination can store.
    pub(super) fn of_source(options: &SyncOptions, names: NameRule, top: RemotePath, shown: String) -> Self {
        Self {
            top,
            shown,
            links: Some(options.selection.links),
            names,
            attributes_follow: false,
            extras: options.asks_for_extras(),
            hard_links: options.send.hard_links,
            takes_special: options.selection.devices,
            takes_links: true,
            encoding: None,
        }
    }

    pub(super) fn read(&self, element: Element) -> Read {
        match element {
            Element::Listed(Listed::Entry(entry)) => self.entry(&entry, None),
            Element::Link(entry, target) => self.entry(&entry, Some(target)),
            Element::Extra(entry, Extra::Special(special)) if self.takes_special => self.special(&entry, special),
            Element::Extra(entry, _) => self.entry(&entry, None),
            Element::Found(found) => self.found(&found.name, &found.entry),
            Element::Listed(Listed::Failed(failure)) => self.failed(failure),
            _ => Read::Nothing,
        }
    }

    fn failed(&self, failure: Failure) -> Read {
        let directory = failure.path.as_deref().and_then(|path| self.directory_of(path)).map(Box::from);
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
            ErrorCode::Skipped if matches!(self.links, Some(Links::Copy | Links::Keep)) => Read::Nothing,
            // The top itself can be nothing of the kind.
            ErrorCode::Skipped if below.as_deref() != Some("") => {
                Read::Reported(failure, below.map(TreeElement::Withheld))
            }
            // Nobody can ask for it, so the directories that hold it stay.
            ErrorCode::InvalidName if self.links.is_none() => Read::Reported(failure, below.map(TreeElement::LeftOut)),
            ErrorCode::InvalidName if directory.is_some() => {
                Read::Reported(failure, directory.map(TreeElement::Unsendable))
            }
            _ => Read::Element(TreeElement::Failed(failure)),
        }
    }

    /// Returns the path of an element relative to the top, as far as it has one.
    pub(super) fn below<'a>(&self, element: &'a Element) -> Option<&'a str> {
        match element {
            Element::Listed(Listed::Entry(entry)) | Element::Link(entry, _) => entry.path.relative_to(&self.top),
            Element::Found(found) => Some(&found.name),
            Element::Listed(Listed::Failed(failure)) => {
                let path = failure.path.as_deref()?;
                let below = path.strip_prefix(self.top.as_str().trim_end_matches('/'))?;
                below.strip_prefix('/')
            }
            _ => None,
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

    pub(super) fn show(&self, below: &str) -> String {
        format!("{}/{below}", self.shown.trim_end_matches('/'))
    }

    /// Reports something of the source whose name the other side does not take.
    fn unsendable(&self, below: &str, invalid: impl Into<Failure>) -> Read {
        let failure = invalid.into().at(self.show(below));
        let directory = below.rsplit_once('/').map_or("", |(directory, _)| directory);
        Read::Reported(failure, Some(TreeElement::Unsendable(directory.into())))
    }

    /// Returns the directory of a path in the tree, relative to the top. The path itself may be none that can be parsed.
    fn directory_of<'a>(&self, path: &'a str) -> Option<&'a str> {
        let below = path.strip_prefix(self.top.as_str().trim_end_matches('/'))?.strip_prefix('/')?;
        Some(below.rsplit_once('/').map_or("", |(directory, _)| directory))
    }

    fn entry(&self, entry: &Entry, target: Option<String>) -> Read {
        let Some(below) = entry.path.relative_to(&self.top) else { return Read::Nothing };
        let (below, is_source) = (below.to_owned(), self.links.is_some());
        if let Err(invalid) = self.check(&entry.path) {
            return match is_source {
                true => self.unsendable(&below, invalid),
                // No request can name it to have it removed.
                false => Read::Element(TreeElement::LeftOut(below.into())),
            };
        }
        if entry.kind == Kind::Special && self.links == Some(Links::Keep) && !self.takes_special {
            // Who keeps links as they are means to keep everything.
            let why = "it is a device, socket or pipe: '--devices' transfers it";
            let failure = Failure::new(ErrorCode::NotAFile).at(self.show(&below)).because(why);
            return Read::Reported(failure, Some(TreeElement::Withheld(below.into())));
        }
        if entry.kind == Kind::Link && self.links == Some(Links::Keep) && !self.takes_links {
            let failure = no_links().at(self.show(&below));
            return Read::Reported(failure, Some(TreeElement::Withheld(below.into())));
        }
        let what = match (entry.kind, target) {
            (Kind::Directory, _) => NodeKind::Directory { mode: self.mode(entry) },
            (Kind::File, _) => self.file(entry),
            (Kind::Link, Some(target)) if !is_source => NodeKind::Link { target },
            (Kind::Link, Some(target)) if self.links == Some(Links::Copy) && stays_within(&below, &target) => {
                NodeKind::Link { target }
            }
            (Kind::Link, Some(target)) if self.links == Some(Links::Keep) => NodeKind::Link { target },
            (Kind::Link, None) if !is_source => NodeKind::Link { target: String::new() },
            (Kind::Link, _) if self.links == Some(Links::Skip) => NodeKind::Passed(Reason::Link),
            (Kind::Link, _) => NodeKind::Passed(Reason::LinkOut),
            (Kind::Special, _) => NodeKind::Special,
        };
        Read::Element(TreeElement::Node(Node { path: below.into(), what }))
    }

    fn check(&self, path: &RemotePath) -> std::result::Result<(), Failure> {
        path.check(self.names)?;
        self.check_encoded(path)
    }

    /// Checks that each name is what its local one encodes to: any other would be met by one of another name there.
    fn check_encoded(&self, path: &RemotePath) -> std::result::Result<(), Failure> {
        let Some(rule) = self.encoding else { return Ok(()) };
        let encoded = |name: &str, rule| encode_name(&decode(name), rule).into_owned();
        match path.names().find(|name| encoded(name, rule) != *name) {
            None => Ok(()),
            Some(name) if encoded(name, NameRule::Posix) != name => Err(InvalidName::NotEncoded(name.to_owned()).into()),
            Some(name) => Err(Failure::new(ErrorCode::InvalidName).because(format!(
                "the server's rule for names does not admit {name:?}, which came there by other means, and a sync with '--archive' \
                 looks for {:?}: rename it there, serve it with '--names posix', or fetch it by 'remofile download --archive'",
                encoded(name, rule)
            ))),
        }
    }

    fn special(&self, entry: &Entry, special: Special) -> Read {
        let read = self.entry(entry, None);
        let Read::Element(TreeElement::Node(Node { path, what: NodeKind::Special })) = read else { return read };
        let file = SpecialFile { special, modified: entry.modified, mode: entry.mode };
        Read::Element(TreeElement::Node(Node { path, what: NodeKind::SpecialFile(Box::new(file)) }))
    }

    /// Reads an element of a listing in which links are followed: it has their targets in their place.
    fn found(&self, below: &str, entry: &Entry) -> Read {
        if below.is_empty() {
            return if entry.kind == Kind::Directory { Read::Top } else { Read::Nothing };
        }
        let checked = RemotePath::root().join(below).map_err(Failure::from).and_then(|path| self.check(&path));
        if let Err(invalid) = checked {
            return self.unsendable(below, invalid);
        }
        let what = match entry.kind {
            Kind::Directory => NodeKind::Directory { mode: self.mode(entry) },
            Kind::File => self.file(entry),
            Kind::Link => NodeKind::Passed(Reason::LinkOut),
            Kind::Special => NodeKind::Special,
        };
        Read::Element(TreeElement::Node(Node { path: below.into(), what }))
    }

    fn file(&self, entry: &Entry) -> NodeKind {
        let &Entry { size, modified, unflushed, .. } = entry;
        NodeKind::File { size, modified, mode: self.mode(entry), unflushed }
    }

    fn mode(&self, entry: &Entry) -> Option<u32> {
        let needed = if entry.kind == Kind::Directory { 0o700 } else { 0o600 };
        entry.mode.map(|mode| if self.attributes_follow { mode | needed } else { mode })
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
                attributes: AttributeSet::NONE,
            },
            _ => {
                let targets = self.links != Some(Links::Skip);
                Request::List { path, recursive: true, rules, targets, unflushed: true, extras: self.extras }
            }
        }
    }

    /// Lists the elements of a local tree.
    ///
    /// # Errors
    /// `not-found`, `not-a-directory`, ... if the top cannot be read: it never looks empty then.
    pub(super) fn walk(&self, store: &Arc<dyn Store>, filter: Filter) -> StoreResult<Elements> {
        if self.links != Some(Links::Follow) {
            let depth = match (self.extras, self.links) {
                (true, _) => ScanDepth::Extras,
                (false, Some(Links::Skip)) => ScanDepth::Entries,
                (false, _) => ScanDepth::Targets,
            };
            return Ok(Elements::Scan(Scan::new(store, &self.top, true, filter, depth)?));
        }
        store.walk(&self.top, false)?;
        let origins: Box<dyn Origins> = Box::new(InStore::new(Arc::clone(store), vec![self.top.clone()], false));
        let options = FeedOptions {
            recursive: true,
            permit: Arc::new(NameRule::Posix),
            filter,
            links: Links::Follow,
            devices: false,
            hard_links: false,
        };
        Ok(Elements::Feed(Box::new(Feed::new(origins, options))))
    }
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

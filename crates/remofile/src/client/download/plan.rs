//! The plan of a download: its requests, and the files that may come.

use crate::client::download::scopes::NamedScopes;
use crate::client::download::selecting::Chosen;
use crate::client::download::selecting::Selecting;
use crate::client::options::unless_default;
use crate::client::transfer::conflict_policy::ConflictPolicy;
use crate::client::{RemoteSource, TransferOptions};
use crate::error::{Error, Result};
use crate::store::{FollowLinks, Fsync, Partial, Store, StoreOptions};
use crate::transfer::{Filter, ItemRules, Pattern, is_pattern};
use remofile_protocol::limits::{CREDIT_WINDOW_BYTES, ITEMS_WINDOW_BYTES};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, ErrorCode, Failure, Item, Links, Request, Selected, Selection};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// Names of sources in one request, in bytes.
const SOURCES_BYTES: usize = 48 * 1024;

/// Files of one download that are flushed one by one rather than all at once.
const MOST_ALONE: usize = 4;

/// The plan of a download: which source goes where, found out before anything is asked for.
pub(crate) struct DownloadPlan<'a> {
    pub(super) destination: &'a Path,
    pub(super) options: &'a TransferOptions,
    /// Sources in the request.
    sources: Vec<RemotePath>,
    /// Sources that are named behind it.
    selected: Option<Vec<Selected>>,
    expected: Expected,
}

impl<'a> DownloadPlan<'a> {
    /// Makes the plan of a download.
    ///
    /// # Errors
    /// A malformed pattern; two sources of one name.
    pub(crate) fn new(sources: &[RemoteSource], destination: &'a Path, options: &'a TransferOptions) -> Result<Self> {
        let filter = Filter::of(&options.selection).map_err(Error::Local)?;
        let mut expected = Expected { filter, ..Expected::new(options) };
        let (mut in_request, mut selected) = (Vec::new(), Vec::new());
        let bytes: usize = sources.iter().map(|source| source.path.as_str().len() + 8).sum();
        let places: HashMap<&str, &RemotePath> =
            sources.iter().filter_map(|source| Some((source.name.as_deref()?, &source.path))).collect();
        let is_covered = |source: &RemoteSource| {
            let Some(name) = source.name.as_deref().filter(|_| options.recursive) else { return false };
            let above = |at: usize| places.get(&name[..at])?.join(&name[at + 1..]).ok();
            name.match_indices('/').any(|(at, _)| above(at).is_some_and(|path| path == source.path))
        };
        // A directory among the sources brings what is in it anyway: lists of files name both.
        for source in sources.iter().filter(|source| !is_covered(source)) {
            let may_match = source.name.is_none() && is_pattern(source.path.as_str());
            let own = source.path.file_name().map(|name| name.to_string()).unwrap_or_default();
            let name = source.name.clone().unwrap_or(own);
            if may_match {
                expected.patterns.push(Pattern::parse(&source.path).map_err(Error::Local)?);
            }
            expected.name(source, &name, may_match)?;
            if may_match || (source.name.is_none() && bytes <= SOURCES_BYTES) {
                in_request.push(source.path.clone());
            } else {
                selected.push(Selected {
                    path: source.path.clone(),
                    name,
                    known: None,
                    as_link: false,
                    parts: Vec::new(),
                });
            }
        }
        let selected = (!selected.is_empty()).then_some(selected);
        Ok(Self { destination, options, sources: in_request, selected, expected })
    }

    /// Returns the request for all files.
    pub(super) fn request(&self) -> Request {
        let selection = self.options.wire_selection(!self.expected.patterns.is_empty(), self.selected.is_some());
        Request::Download {
            sources: self.sources.clone(),
            recursive: self.options.recursive,
            total: self.options.total,
            credit: self.first_window(),
            selection,
            send_options: unless_default(self.options.send),
        }
    }

    /// Returns the credit window that a download begins with, in bytes. It is opened further as soon as content comes.
    fn first_window(&self) -> u64 {
        if self.options.recursive { ITEMS_WINDOW_BYTES } else { CREDIT_WINDOW_BYTES }
    }

    /// Returns the request that only asks which files there are, or only for these attributes of them.
    pub(crate) fn find_request(&self, attributes: AttributeSet) -> Request {
        let selection = self.options.wire_selection(!self.expected.patterns.is_empty(), self.selected.is_some());
        let (sources, recursive) = (self.sources.clone(), self.options.recursive);
        Request::Find { sources, recursive, selection, digests: false, attributes }
    }

    /// Returns the request for files that are chosen one by one. Rules and sizes are left out, since the choice
    /// already follows them.
    pub(crate) fn selected_request(&self) -> Request {
        let Selection { links, devices, .. } = self.options.selection;
        let selection = Selection { links, devices, one_by_one: true, ..Selection::default() };
        Request::Download {
            sources: Vec::new(),
            recursive: false,
            total: false,
            // The window is opened further as soon as content comes.
            credit: ITEMS_WINDOW_BYTES,
            selection: Some(selection),
            send_options: unless_default(self.options.send),
        }
    }

    /// Returns the sources that are named behind a request.
    pub(crate) fn selecting(&self) -> Selecting {
        match &self.selected {
            None => Selecting::none(),
            Some(files) => Selecting::all(files.iter().map(|file| (file.clone(), 0)).collect()),
        }
    }

    /// Returns the sources that are no patterns.
    pub(crate) fn literal_sources(&self) -> Vec<&RemotePath> {
        let selected = self.selected.iter().flatten().map(|selected| &selected.path);
        self.sources.iter().filter(|path| !is_pattern(path.as_str())).chain(selected).collect()
    }

    /// Reports whether there is a single source, which is no pattern: its copy may have another name than an earlier one.
    pub(crate) fn has_one_source(&self) -> bool {
        self.literal_sources().len() == 1 && self.expected.patterns.is_empty()
    }

    /// Reports whether special files are asked for.
    pub(crate) fn takes_devices(&self) -> bool {
        self.options.selection.devices
    }

    pub(crate) fn expected(&self) -> &Expected {
        &self.expected
    }

    /// Returns the partials that earlier attempts left in the destination.
    pub(super) fn partials(&self, store: &dyn Store) -> Result<Vec<Partial>> {
        store.partials().map_err(|failure| self.local(failure))
    }

    /// Reports whether no file can be in the way and there is no partial.
    pub(super) fn is_new(&self, store: &dyn Store, policy: ConflictPolicy) -> Result<bool> {
        let partials = if policy.resume { self.partials(store)? } else { Vec::new() };
        if self.expected.is_open() {
            let mut walk = store.walk(&RemotePath::root(), false).map_err(|failure| self.local(failure))?;
            return Ok(partials.is_empty() && walk.next().is_none());
        }
        let mut paths = self.expected.names.iter().filter_map(|name| RemotePath::root().join(name).ok());
        Ok(paths
            .all(|path| store.stat(&path).is_err() && !partials.iter().any(|partial| partial.path.is_within(&path))))
    }

    /// Returns the options of the destination's store.
    pub(super) fn store_options(&self) -> StoreOptions {
        let mut options = self.options.receive.store_options(self.expected.follow());
        let is_few = !self.options.recursive && !self.expected.is_open() && self.expected.names.len() <= MOST_ALONE;
        // A flush that files share is one of all that other programs wrote as well, which can take longer than the files.
        if options.fsync == Fsync::End && is_few {
            options.fsync = Fsync::Each;
        }
        options
    }

    /// Makes the error for a failure of the destination itself.
    pub(super) fn local(&self, failure: Failure) -> Error {
        Error::Local(failure.at(self.destination.display()))
    }
}

/// The kind of something that comes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arriving {
    Directory,
    /// A file of `size` bytes, if its size decides. A file that is being sent may have grown since the server looked,
    /// so its size fails this file alone, not the transfer.
    File {
        size: Option<u64>,
    },
    Link,
}

/// The files that may come. A server must not choose which files of the destination it writes.
#[derive(Clone)]
pub(crate) struct Expected {
    /// The sources' paths at the destination.
    names: HashSet<String>,
    /// Patterns for the first name of a path.
    patterns: Vec<Pattern>,
    /// True if a source is the root, in which any name may be.
    whole_root: bool,
    recursive: bool,
    links: Links,
    /// True if special files may come.
    devices: bool,
    /// True if second names of what came may come.
    hard_links: bool,
    /// Rules and sizes of the request. Files of a server that does not obey them are refused.
    filter: Filter,
    /// Exactly these files, by their keys.
    files: Option<HashSet<u128>>,
    /// True if a merger knows the files and checks them.
    is_checked: bool,
}

impl Expected {
    fn new(options: &TransferOptions) -> Self {
        let (recursive, links) = (options.recursive, options.selection.links);
        let (devices, hard_links) = (options.selection.devices, options.send.hard_links);
        Self {
            names: HashSet::new(),
            patterns: Vec::new(),
            whole_root: false,
            recursive,
            links,
            devices,
            hard_links,
            filter: Filter::none(),
            files: None,
            is_checked: false,
        }
    }

    /// Expects exactly these files, wherever they are.
    pub(crate) fn files(files: &[Chosen], options: &TransferOptions) -> Self {
        let files = files.iter().map(|(file, _)| ItemRules::key(&file.name)).collect();
        Self { files: Some(files), ..Self::new(options) }
    }

    /// Expects the files that a merger knows, and nothing else.
    pub(crate) fn merged() -> Self {
        Self { is_checked: true, ..Self::new(&TransferOptions::default()) }
    }

    fn name(&mut self, source: &RemoteSource, name: &str, may_match: bool) -> Result<()> {
        if name.is_empty() {
            self.whole_root = true;
            return Ok(());
        }
        RemotePath::root().join(name).map_err(|invalid| Error::Local(Failure::from(invalid).at(name)))?;
        if !self.names.insert(name.to_owned()) && !may_match {
            let what = format!("another source has the name {name:?}: give one of them another");
            return Err(Error::Local(Failure::new(ErrorCode::AlreadyExists).at(&source.path).because(what)));
        }
        Ok(())
    }

    /// Returns the links at the destination that paths of a download may pass through. A request for a directory is
    /// none for the target of a link in it. Where rules leave something out, a link that came must not lead past them,
    /// either.
    pub(super) fn follow(&self) -> FollowLinks {
        let follows_below = match self.links {
            // Those that come lead anywhere, and those that are there may have come before.
            Links::Keep => false,
            Links::Copy => !self.filter.has_rules(),
            Links::Skip | Links::Follow => true,
        };
        if self.whole_root {
            return if follows_below { FollowLinks::InRoot } else { FollowLinks::Never };
        }
        FollowLinks::InScope(Arc::new(NamedScopes::new(self.names.iter(), self.patterns.clone(), follows_below)))
    }

    /// Reports whether the root itself is a source, whose contents come.
    pub(super) fn is_whole_root(&self) -> bool {
        self.whole_root
    }

    /// Reports whether names may come that are not known before.
    fn is_open(&self) -> bool {
        self.whole_root || !self.patterns.is_empty()
    }

    /// Returns the path of an item in the destination, if it may come.
    ///
    /// # Errors
    /// [`Error::Protocol`] if it was not asked for.
    pub(super) fn check(&self, path: &str, arriving: Arriving) -> Result<RemotePath> {
        let unexpected = || Error::Protocol(format!("it sent {path:?}, which was not asked for"));
        let place = RemotePath::root().join(path).map_err(|_| unexpected())?;
        let is_directory = matches!(arriving, Arriving::Directory);
        if self.is_checked {
            return if is_directory { Err(unexpected()) } else { Ok(place) };
        }
        if let Some(files) = &self.files {
            return if files.contains(&ItemRules::key(path)) { Ok(place) } else { Err(unexpected()) };
        }
        let is_deep = |top: usize| top < path.len() || is_directory;
        let mut tops = self.tops(path).filter(|top| self.recursive || !is_deep(*top)).peekable();
        if tops.peek().is_none() {
            return Err(unexpected());
        }
        // Where it may come of several sources, one that admits it is enough.
        if tops.any(|top| self.admits(path, top, arriving)) {
            return Ok(place);
        }
        Err(Error::Protocol(format!("it sent {path:?}, which the rules and sizes that it was given leave out")))
    }

    /// Returns the beginnings of a path that may be the names of sources, as lengths in bytes; 0 is the root.
    fn tops<'a>(&'a self, path: &'a str) -> impl Iterator<Item = usize> + 'a {
        let first = path.split('/').next().unwrap_or(path);
        let is_match = self.patterns.iter().any(|pattern| pattern.admits_name(first));
        let open = self.whole_root.then_some(0).into_iter().chain(is_match.then_some(first.len()));
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        open.chain(ends.filter(|end| self.names.contains(&path[..*end])))
    }

    /// Reports whether the rules admit an item below the source whose name is the path's first `top` bytes. They are
    /// applied as the server should have applied them: to the path relative to the source, and to the source itself by
    /// its own name.
    fn admits(&self, path: &str, top: usize, arriving: Arriving) -> bool {
        let own = path[..top].rsplit('/').next().unwrap_or_default();
        let is_top = top == path.len();
        if is_top {
            return match arriving {
                Arriving::Directory => self.filter.admits_directory(own),
                Arriving::File { size } => self.admits_file(own, size),
                // A source that is a link leads nowhere, or the server would have sent its target; rules do not apply
                // to it.
                Arriving::Link => true,
            };
        }
        let below = path[top..].trim_start_matches('/');
        let is_entered = |directory: &str| {
            // A link that is followed was judged as one.
            self.filter.admits_directory(directory)
                || (self.links == Links::Follow && self.filter.admits_link(directory))
        };
        (top == 0 || self.filter.admits_directory(own))
            && below.match_indices('/').all(|(end, _)| is_entered(&below[..end]))
            && match arriving {
                Arriving::Directory => is_entered(below),
                Arriving::File { size } => self.admits_file(below, size),
                Arriving::Link => self.filter.admits_link(below),
            }
    }

    fn admits_file(&self, below: &str, size: Option<u64>) -> bool {
        // Without a size the name alone decides, as for a link.
        size.map_or_else(|| self.filter.admits_link(below), |size| self.filter.admits_file(below, size))
    }

    /// Checks the path of an item, as [`Expected::check`] does.
    pub(crate) fn check_item(&self, item: &Item) -> Result<()> {
        match item {
            Item::Directory { path, .. } => self.check(path, Arriving::Directory).map(drop),
            Item::Begin { path, .. } => self.check(path, Arriving::File { size: None }).map(drop),
            Item::Link { path, .. } | Item::KeptLink { path, .. } => self.check_link(path).map(drop),
            Item::HardLink { path, of, .. } if self.hard_links && !of.starts_with('/') => {
                self.check(of, Arriving::File { size: None })?;
                self.check(path, Arriving::File { size: None }).map(drop)
            }
            Item::HardLink { .. } => Err(Error::Protocol("it sent a second name that was not asked for".to_owned())),
            Item::Special { path, .. } if self.devices => self.check(path, Arriving::Link).map(drop),
            Item::Special { path, .. } => {
                Err(Error::Protocol(format!("it sent the special file {path:?}, and none was asked for")))
            }
            // Only this side changes what is here.
            Item::Base { .. }
            | Item::Copy { .. }
            | Item::Move { .. }
            | Item::Remove { .. }
            | Item::Touch { .. }
            | Item::Attributes { .. }
            | Item::Keep { .. }
            | Item::Place { .. } => Err(Error::Protocol("it sent changes, and only files were asked for".to_owned())),
            Item::Data { .. }
            | Item::End { .. }
            | Item::Abort { .. }
            | Item::Failed { .. }
            | Item::Hole { .. }
            | Item::Compressed { .. } => Ok(()),
        }
    }

    /// Checks the path of a symbolic link, as [`Expected::check`] does.
    pub(super) fn check_link(&self, path: &str) -> Result<RemotePath> {
        if !matches!(self.links, Links::Copy | Links::Keep) {
            return Err(Error::Protocol(format!("it sent the symbolic link {path:?}, and links were not asked for")));
        }
        self.check(path, Arriving::Link)
    }
}

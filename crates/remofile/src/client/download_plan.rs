//! What a download is about, and what may come of it.

use super::fate::Rules;
use super::find::Chosen;
use super::scopes::NamedScopes;
use super::selecting::Selecting;
use super::{RemoteSource, TransferOptions};
use crate::error::{Error, Result};
use crate::store::{FollowLinks, LocalStore, Partial, Store};
use crate::transfer::{Filter, ItemRules, Pattern, is_pattern};
use remofile_protocol::limits::CREDIT_WINDOW_BYTES;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Item, Links, Request, Selected};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// Names of sources in one request, in bytes.
const SOURCES_BYTES: usize = 48 * 1024;

/// What goes where, found out before anything is asked for.
pub(super) struct Plan<'a> {
    pub(super) destination: &'a Path,
    pub(super) options: &'a TransferOptions,
    /// Sources in the request.
    sources: Vec<RemotePath>,
    /// Sources that are named behind it.
    selected: Option<Vec<Selected>>,
    expected: Expected,
}

impl<'a> Plan<'a> {
    /// # Errors
    /// A malformed pattern; two sources of one name.
    pub(super) fn new(sources: &[RemoteSource], destination: &'a Path, options: &'a TransferOptions) -> Result<Self> {
        Filter::new(&options.rules, options.min_size, options.max_size).map_err(Error::Local)?;
        let (mut expected, mut in_request, mut selected) = (Expected::new(options), Vec::new(), Vec::new());
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

    /// The request for everything that is meant.
    pub(super) fn request(&self) -> Request {
        let selection = self.options.selection(!self.expected.patterns.is_empty(), self.selected.is_some());
        Request::Download {
            sources: self.sources.clone(),
            recursive: self.options.recursive,
            total: self.options.total,
            credit: CREDIT_WINDOW_BYTES,
            selection,
            manner: self.options.manner(),
        }
    }

    /// The request that only asks what there is.
    pub(super) fn find_request(&self) -> Request {
        let selection = self.options.selection(!self.expected.patterns.is_empty(), self.selected.is_some());
        Request::Find { sources: self.sources.clone(), recursive: self.options.recursive, selection, digests: false }
    }

    /// The request for files that are chosen one by one: what is to be left out, is.
    pub(super) fn selected_request(&self) -> Request {
        let chosen = TransferOptions { rules: Vec::new(), min_size: None, max_size: None, ..self.options.clone() };
        Request::Download {
            sources: Vec::new(),
            recursive: false,
            total: false,
            credit: CREDIT_WINDOW_BYTES,
            selection: chosen.selection(false, true),
            manner: chosen.manner(),
        }
    }

    /// The sources that are named behind a request.
    pub(super) fn selecting(&self) -> Selecting {
        match &self.selected {
            None => Selecting::none(),
            Some(files) => Selecting::all(files.iter().map(|file| (file.clone(), 0)).collect()),
        }
    }

    /// The sources that are no patterns.
    pub(super) fn literal_sources(&self) -> Vec<&RemotePath> {
        let selected = self.selected.iter().flatten().map(|selected| &selected.path);
        self.sources.iter().filter(|path| !is_pattern(path.as_str())).chain(selected).collect()
    }

    pub(super) fn expected(&self) -> &Expected {
        &self.expected
    }

    /// What was kept of earlier attempts in the destination.
    pub(super) fn partials(&self, store: &LocalStore) -> Result<Vec<Partial>> {
        store.partials().map_err(|failure| self.local(failure))
    }

    /// Whether nothing can be in the way, and nothing was kept.
    pub(super) fn is_new(&self, store: &LocalStore, rules: Rules) -> Result<bool> {
        let partials = if rules.resume { self.partials(store)? } else { Vec::new() };
        if self.expected.is_open() {
            let mut walk = store.walk(&RemotePath::root(), false).map_err(|failure| self.local(failure))?;
            return Ok(partials.is_empty() && walk.next().is_none());
        }
        let mut paths = self.expected.names.iter().filter_map(|name| RemotePath::root().join(name).ok());
        Ok(paths
            .all(|path| store.stat(&path).is_err() && !partials.iter().any(|partial| partial.path.is_within(&path))))
    }

    /// A failure of the destination itself.
    pub(super) fn local(&self, failure: Failure) -> Error {
        Error::Local(failure.at(self.destination.display()))
    }
}

/// What may come: a server must not choose which files of the destination it writes.
#[derive(Clone)]
pub(super) struct Expected {
    /// The sources' paths at the destination.
    names: HashSet<String>,
    /// What else may be the first name of a path.
    patterns: Vec<Pattern>,
    /// Whether a source is the root, in which there may be anything.
    whole_root: bool,
    recursive: bool,
    links: Links,
    /// Exactly these files, by their keys.
    files: Option<HashSet<u128>>,
    /// Files that somebody else knows, and checks.
    is_checked: bool,
}

impl Expected {
    fn new(options: &TransferOptions) -> Self {
        let (recursive, links) = (options.recursive, options.links);
        Self {
            names: HashSet::new(),
            patterns: Vec::new(),
            whole_root: false,
            recursive,
            links,
            files: None,
            is_checked: false,
        }
    }

    /// Exactly these files, wherever they are.
    pub(super) fn files(files: &[Chosen], options: &TransferOptions) -> Self {
        let files = files.iter().map(|(file, _)| ItemRules::key(&file.name)).collect();
        Self { files: Some(files), ..Self::new(options) }
    }

    /// Files that a weaver knows, and nothing else.
    pub(super) fn woven() -> Self {
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

    /// The links at the destination that what comes may pass through. Whoever asks for a directory did not ask for
    /// what a link in it leads to.
    pub(super) fn follow(&self) -> FollowLinks {
        if self.whole_root {
            return FollowLinks::InRoot;
        }
        FollowLinks::InScope(Arc::new(NamedScopes::new(self.names.iter(), self.patterns.clone())))
    }

    /// Whether names that nobody knows yet may come.
    fn is_open(&self) -> bool {
        self.whole_root || !self.patterns.is_empty()
    }

    /// The place of an item in the destination, if it may come.
    ///
    /// # Errors
    /// [`Error::Protocol`] if it was not asked for.
    pub(super) fn check(&self, path: &str, is_directory: bool) -> Result<RemotePath> {
        let unexpected = || Error::Protocol(format!("it sent {path:?}, which was not asked for"));
        let place = RemotePath::root().join(path).map_err(|_| unexpected())?;
        if self.is_checked {
            return if is_directory { Err(unexpected()) } else { Ok(place) };
        }
        if let Some(files) = &self.files {
            return if files.contains(&ItemRules::key(path)) { Ok(place) } else { Err(unexpected()) };
        }
        let named = self.named(path).ok_or_else(unexpected)?;
        let is_deep = named.len() < path.len() || is_directory;
        if is_deep && !self.recursive { Err(unexpected()) } else { Ok(place) }
    }

    /// The beginning of a path that is the name of a source.
    fn named<'a>(&self, path: &'a str) -> Option<&'a str> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let first = path.split('/').next().unwrap_or(path);
        let is_open = self.whole_root || self.patterns.iter().any(|pattern| pattern.admits_name(first));
        if is_open {
            return Some(first);
        }
        ends.map(|end| &path[..end]).find(|name| self.names.contains(*name))
    }

    /// The same for an item.
    pub(super) fn check_item(&self, item: &Item) -> Result<()> {
        match item {
            Item::Directory { path, .. } => self.check(path, true).map(drop),
            Item::Begin { path, .. } => self.check(path, false).map(drop),
            Item::Link { path, .. } => self.check_link(path),
            // Only this side changes what is here.
            Item::Base { .. }
            | Item::Copy { .. }
            | Item::Move { .. }
            | Item::Remove { .. }
            | Item::Touch { .. }
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

    /// The same for a symbolic link.
    pub(super) fn check_link(&self, path: &str) -> Result<()> {
        if self.links != Links::Copy {
            return Err(Error::Protocol(format!("it sent the symbolic link {path:?}, and links were not asked for")));
        }
        self.check(path, false).map(drop)
    }
}

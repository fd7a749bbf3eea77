//! The feed: the files that are to be sent, one after the other.

use super::feeding::{FedFile, FeedItem, Feeding, FoundItem, Judge, Next, Verdict};
use super::file_recipe::FileRecipe;
use super::filter::Filter;
use super::memory::Recent;
use super::origins::{NextOrigin, Origin, Origins};
use super::permit::{Access, Permit};
use crate::store::{Store, StoreResult, Walk};
use remofile_protocol::digest::digest;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure, Kind, Links, Listed};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time for which a census counts before others have their turn.
const CENSUS_TURN: Duration = Duration::from_millis(5);

/// The selection of files below the origins.
#[derive(Debug, Clone)]
pub struct FeedOptions {
    /// True if directories are entered. Otherwise they are failures.
    pub recursive: bool,
    /// The permit for each path that is read; without it, a failure is sent.
    pub permit: Arc<dyn Permit>,
    /// The filter of files and directories.
    pub filter: Filter,
    /// The treatment of links.
    pub links: Links,
}

/// Finds the files of some origins, in the order they were named and sorted below each.
pub struct Feed {
    origins: Box<dyn Origins>,
    options: FeedOptions,
    judge: Option<Box<dyn Judge>>,
    /// The walk below an origin, and those below links in it that are followed.
    walks: Vec<Below>,
    /// Half digests of the names that origins have at the destination. A collision only refuses an origin. Of very
    /// many names only the last are remembered: a client that names so many one by one knows them.
    names: Recent<u64, ()>,
}

/// A directory that is being walked.
struct Below {
    store: Arc<dyn Store>,
    /// Path of the origin, from which the ancestors of a link are looked for.
    top: RemotePath,
    /// Bytes of the origin's own path at the destination, and the slash behind.
    top_bytes: usize,
    base: RemotePath,
    path: String,
    shown: String,
    walk: Box<dyn Walk>,
}

impl Feed {
    /// Creates a feed of the files of `origins`, which are looked for one after the other.
    #[must_use]
    pub fn new(origins: Box<dyn Origins>, options: FeedOptions) -> Self {
        Self { origins, options, judge: None, walks: Vec::new(), names: Recent::default() }
    }

    /// Adds a judge that is asked about each file and link before it is opened.
    #[must_use]
    pub fn judged_by(self, judge: Box<dyn Judge>) -> Self {
        Self { judge: Some(judge), ..self }
    }

    /// Finds, judges and opens the next item to send.
    fn next_opened(&mut self) -> Next<FeedItem> {
        let found = match self.find() {
            Next::Item(Ok(found)) => found,
            Next::Item(Err(failure)) => return Next::Item(FeedItem::Failed(failure)),
            Next::Working => return Next::Working,
            Next::Pending => return Next::Pending,
            Next::End => return Next::End,
        };
        match self.open(found) {
            // The root itself has no name: its contents go to the destination.
            Ok(FeedItem::Directory { path, .. }) if path.is_empty() => Next::Working,
            Ok(item) => Next::Item(item),
            // Gone between its listing and now: the tree is as if it had never been there.
            Err(failure) if failure.code == ErrorCode::NotFound && !self.walks.is_empty() => Next::Working,
            Err(failure) => Next::Item(FeedItem::Failed(failure)),
        }
    }

    fn open(&mut self, found: FoundItem) -> StoreResult<FeedItem> {
        if found.entry.kind == Kind::Directory {
            return Ok(FeedItem::Directory { path: found.path, mode: found.entry.mode });
        }
        let verdict = match &mut self.judge {
            Some(judge) => judge.judge(&found),
            None => Verdict::Send { rule: None, known: None },
        };
        let FoundItem { path, shown, entry, store, known: named, parts } = found;
        let (rule, known) = match verdict {
            Verdict::Send { rule, known } => (rule, known.or(named)),
            Verdict::Present => return Ok(FeedItem::Present { path, size: entry.size }),
            Verdict::Skip(failure) => return Ok(FeedItem::Failed(failure.at(shown))),
        };
        if entry.kind == Kind::Link {
            let target = store.read_link(&entry.path).map_err(|failure| failure.at(&shown))?;
            return Ok(FeedItem::Link { path, target, rule });
        }
        match store.open(&entry.path) {
            Ok(source) => {
                let recipe = FileRecipe::of_parts(&parts, source.entry().size).map_err(|failure| failure.at(&shown))?;
                Ok(FeedItem::File(Box::new(FedFile { path, shown, source, rule, known, recipe })))
            }
            Err(failure) => Err(failure.at(shown)),
        }
    }

    /// Finds the next file, directory or link, without opening it.
    pub fn find(&mut self) -> Next<StoreResult<FoundItem>> {
        if let Some(below) = self.walks.last_mut() {
            return match below.walk.next() {
                None => {
                    self.walks.pop();
                    Next::Working
                }
                Some(listed) => self.below(listed).map_or(Next::Working, Next::Item),
            };
        }
        match self.origins.next() {
            NextOrigin::Origin(origin) => {
                let shown = origin.shown.clone();
                match self.begin(origin) {
                    Ok(None) => Next::Working,
                    Ok(Some(found)) => Next::Item(Ok(found)),
                    Err(failure) => Next::Item(Err(failure.at(shown))),
                }
            }
            NextOrigin::Failed(failure) => Next::Item(Err(failure)),
            NextOrigin::Working => Next::Working,
            NextOrigin::Pending => Next::Pending,
            NextOrigin::End => Next::End,
        }
    }

    fn begin(&mut self, origin: Origin) -> StoreResult<Option<FoundItem>> {
        self.options.permit.permit(Access::Find, &origin.path)?;
        let mut entry = origin.store.stat(&origin.path)?;
        if origin.as_link {
            entry.kind = Kind::Link;
        }
        if !origin.name.is_empty() && !self.names.insert(u128::from_be_bytes(digest(origin.name.as_bytes())) as u64, ())
        {
            let what = format!("another source has the name {:?}: fetch them one after the other", origin.name);
            return Err(Failure::new(ErrorCode::AlreadyExists).because(what));
        }
        let own = origin.name.rsplit('/').next().unwrap_or_default();
        let filter = &self.options.filter;
        match entry.kind {
            Kind::File if own.is_empty() => return Err(ErrorCode::NotADirectory.into()),
            // A source that was named and is left out is reported, unlike a file in a directory.
            Kind::File if !filter.admits_file(own, entry.size) => return Err(left_out()),
            Kind::Directory if !own.is_empty() && !filter.admits_directory(own) => return Err(left_out()),
            Kind::File => {}
            Kind::Directory if !self.options.recursive => {
                return Err(Failure::new(ErrorCode::NotAFile).because("it is a directory: it is sent only recursively"));
            }
            Kind::Directory => {
                let walk = origin.store.walk(&origin.path, true)?;
                let separator = usize::from(!origin.name.is_empty());
                self.walks.push(Below {
                    store: Arc::clone(&origin.store),
                    top: origin.path.clone(),
                    top_bytes: origin.name.len() + separator,
                    base: origin.path.clone(),
                    path: origin.name.clone(),
                    shown: origin.shown.clone(),
                    walk,
                });
            }
            Kind::Link if self.options.links == Links::Copy => {}
            // A link that was named is reported as an error, not as skipped: it was asked for.
            Kind::Link => return Err(Failure { code: ErrorCode::NotAFile, ..leads_astray() }),
            Kind::Special => return Err(Failure { code: ErrorCode::NotAFile, ..special() }),
        }
        let Origin { store, name: path, shown, known, parts, .. } = origin;
        Ok(Some(FoundItem { path, shown, entry, store, known, parts }))
    }

    /// Judges an element of a walk. Returns `None` if it is left out.
    fn below(&mut self, listed: Listed) -> Option<StoreResult<FoundItem>> {
        let below = self.walks.last_mut()?;
        let entry = match listed {
            Listed::Entry(entry) => entry,
            Listed::Failed(failure) => return Some(Err(below.rename(failure))),
        };
        let relative = entry.path.relative_to(&below.base).unwrap_or_default();
        let (path, shown) = (join(&below.path, relative), join(&below.shown, relative));
        // Rules are relative to the origin, even below a link that is followed.
        let own = entry.path.relative_to(&below.top).unwrap_or(relative).to_owned();
        let own = own.as_str();
        let is_meant = match entry.kind {
            Kind::Directory => self.options.filter.admits_directory(own),
            Kind::File => self.options.filter.admits_file(own, entry.size),
            Kind::Link | Kind::Special => self.options.filter.admits_link(own),
        };
        if !is_meant {
            if entry.kind == Kind::Directory {
                below.walk.skip_directory();
            }
            return None;
        }
        if let Err(failure) = self.options.permit.permit(Access::Read, &entry.path) {
            if entry.kind == Kind::Directory {
                below.walk.skip_directory();
            }
            return Some(Err(failure.at(shown)));
        }
        let store = Arc::clone(&below.store);
        match (entry.kind, self.options.links) {
            (Kind::Special, _) => Some(Err(special().at(shown))),
            (Kind::Link, Links::Skip) => {
                Some(Err(Failure::new(ErrorCode::Skipped).because("it is a symbolic link").at(shown)))
            }
            (Kind::Link, Links::Follow) => {
                let followed = self.follow(&entry.path, &path, &shown).map_err(|failure| failure.at(&shown));
                let found = |entry| FoundItem { path, shown, entry, store, known: None, parts: Vec::new() };
                followed.map(|entry| entry.map(found)).transpose()
            }
            (Kind::Link, Links::Copy) => match store.read_link(&entry.path) {
                Ok(target) if stays_within(own, &target) => {
                    Some(Ok(FoundItem { path, shown, entry, store, known: None, parts: Vec::new() }))
                }
                Ok(_) => Some(Err(leads_astray().at(shown))),
                Err(failure) => Some(Err(failure.at(shown))),
            },
            (Kind::File | Kind::Directory, _) => {
                Some(Ok(FoundItem { path, shown, entry, store, known: None, parts: Vec::new() }))
            }
        }
    }

    /// Follows a link; a directory it leads to is walked next, unless the link is in that directory.
    fn follow(&mut self, link: &RemotePath, path: &str, shown: &str) -> StoreResult<Option<Entry>> {
        let Some(below) = self.walks.last() else { return Ok(None) };
        let entry = below.store.stat(link)?;
        if matches!(entry.kind, Kind::File | Kind::Directory) {
            below.refuse_leading_out(link)?;
        }
        match entry.kind {
            Kind::File if !self.options.filter.admits_file(path.get(below.top_bytes..).unwrap_or(path), entry.size) => {
                Ok(None)
            }
            Kind::File => Ok(Some(entry)),
            Kind::Link => Err(leads_astray()),
            Kind::Special => Err(special()),
            Kind::Directory => {
                below.refuse_loop(link)?;
                let walk = below.store.walk(link, true)?;
                let (store, top, top_bytes) = (Arc::clone(&below.store), below.top.clone(), below.top_bytes);
                let (path, shown) = (path.to_owned(), shown.to_owned());
                self.walks.push(Below { store, top, top_bytes, base: link.clone(), path, shown, walk });
                Ok(Some(entry))
            }
        }
    }
}

impl Feeding for Feed {
    fn next_item(&mut self) -> Next<FeedItem> {
        self.next_opened()
    }

    fn origins(&mut self) -> Option<&mut dyn Origins> {
        Some(&mut *self.origins)
    }

    fn memory_bytes(&self) -> u64 {
        let walks = self.walks.iter().map(|below| size_of::<Below>() as u64 + below.walk.memory_bytes());
        walks.sum::<u64>() + self.origins.memory_bytes() + self.names.memory_bytes()
    }
}

fn left_out() -> Failure {
    Failure::new(ErrorCode::Skipped).because("a rule, or its size, leaves it out")
}

fn special() -> Failure {
    Failure::new(ErrorCode::Skipped).because("it is a device, socket or pipe")
}

/// Reports whether a link at this path, below a source, leads to something in that source.
#[must_use]
pub fn stays_within(link: &str, target: &str) -> bool {
    if target.starts_with('/') {
        return false;
    }
    let mut depth = link.matches('/').count();
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    true
}

fn leads_astray() -> Failure {
    Failure::new(ErrorCode::Skipped).because("it is a symbolic link that leads nowhere, or out")
}

/// Returns the path that a path leads to when every link on the way is followed.
fn real_path(store: &dyn Store, path: &RemotePath) -> StoreResult<RemotePath> {
    const MOST_LINKS: usize = 40;
    let mut rest: Vec<String> = path.names().map(str::to_owned).collect();
    rest.reverse();
    let (mut at, mut links) = (RemotePath::root(), 0);
    while let Some(name) = rest.pop() {
        match name.as_str() {
            "" | "." => continue,
            ".." => {
                at = at.parent().ok_or_else(leads_astray)?;
                continue;
            }
            _ => {}
        }
        let next = at.join(&name)?;
        match store.read_link(&next) {
            Ok(target) if links == MOST_LINKS || target.starts_with('/') => return Err(leads_astray()),
            Ok(target) => {
                links += 1;
                rest.extend(target.split('/').rev().map(str::to_owned));
            }
            Err(failure) if failure.code == ErrorCode::BadRequest => at = next,
            Err(failure) => return Err(failure),
        }
    }
    Ok(at)
}

impl Below {
    /// Refuses a link that leads out of the tree that is sent.
    fn refuse_leading_out(&self, link: &RemotePath) -> StoreResult<()> {
        let top = real_path(&*self.store, &self.top)?;
        if real_path(&*self.store, link)?.is_within(&top) { Ok(()) } else { Err(leads_astray()) }
    }

    /// Refuses a link to a directory that it is in: following it would have no end.
    fn refuse_loop(&self, link: &RemotePath) -> StoreResult<()> {
        let target = self.store.identity(link)?;
        let mut ancestor = link.parent();
        while let Some(directory) = ancestor.filter(|directory| directory.is_within(&self.top)) {
            if self.store.identity(&directory)? == target {
                return Err(Failure::new(ErrorCode::Skipped).because("it is a symbolic link to a directory it is in"));
            }
            ancestor = directory.parent();
        }
        Ok(())
    }

    /// Replaces the store's path in a failure by the path as the user knows it.
    fn rename(&self, failure: Failure) -> Failure {
        let below = failure.path.as_deref().and_then(|path| path.strip_prefix(self.base.as_str()));
        let shown = join(&self.shown, below.unwrap_or_default().trim_start_matches('/'));
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

    /// Returns the memory that the census holds, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.feed.memory_bytes()
    }

    /// Counts on. Returns the numbers of files and bytes at the end, or where the feed waits for sources to be named.
    pub fn step(&mut self) -> Option<(u64, u64)> {
        let began = Instant::now();
        while began.elapsed() < CENSUS_TURN {
            match self.feed.find() {
                Next::End | Next::Pending => return Some((self.files, self.bytes)),
                Next::Item(Ok(found)) if found.entry.kind == Kind::File => {
                    self.files += 1;
                    self.bytes = self.bytes.saturating_add(found.entry.size);
                }
                Next::Item(_) | Next::Working => {}
            }
        }
        None
    }
}

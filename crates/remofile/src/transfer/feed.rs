//! The feed: the files that are to be sent, one after the other.

mod walking;

use super::below::{Below, leads_astray};
use super::feeding::{FedFile, FeedItem, Feeding, FoundItem, Judge, Next, Verdict};
use super::file_recipe::FileRecipe;
use super::filter::Filter;
use super::memory::Recent;
use super::origins::{NextOrigin, Origin, Origins};
use super::permit::{Access, Permit};
use super::roll::{Called, Roll, RollCall};
use crate::store::{StoreResult, removed_since};
use remofile_protocol::digest::digest;
use remofile_protocol::wire::{ErrorCode, Failure, Kind, Links, OnConflict};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

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
    /// True if special files are sent; otherwise they are failures.
    pub devices: bool,
    /// True if a file that has several names is sent once.
    pub hard_links: bool,
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
    /// True if what was listed and removed before it could be sent is told.
    tells_removed: bool,
    /// True if files are opened ahead.
    opens: bool,
    /// Paths at the destination of files that have several names, by the numbers that these share.
    linked: HashMap<u128, String>,
    /// The files that were counted.
    roll: Option<RollCall>,
    /// The file that was found last and comes when those before it are settled.
    held: Option<StoreResult<FoundItem>>,
    /// Path and top of the entry that the last failure is about; `None` of a source.
    failed: Option<(String, usize)>,
}

impl Feed {
    /// Creates a feed of the files of `origins`, which are looked for one after the other.
    #[must_use]
    pub fn new(origins: Box<dyn Origins>, options: FeedOptions) -> Self {
        Self {
            origins,
            options,
            judge: None,
            walks: Vec::new(),
            names: Recent::default(),
            tells_removed: false,
            opens: false,
            linked: HashMap::new(),
            roll: None,
            held: None,
            failed: None,
        }
    }

    /// Tells what was listed and removed before it could be sent. A feed that only looks leaves it out.
    #[must_use]
    pub fn telling_removed(self) -> Self {
        Self { tells_removed: true, ..self }
    }

    /// Opens files ahead of their turn, where a store is slow to open one. A feed that only looks does not.
    #[must_use]
    pub fn opening_ahead(mut self) -> Self {
        self.origins.open_ahead();
        Self { opens: true, ..self }
    }

    /// Adds a judge that is asked about each file and link before it is opened.
    #[must_use]
    pub fn judged_by(self, judge: Box<dyn Judge>) -> Self {
        Self { judge: Some(judge), ..self }
    }

    /// Finds, judges and opens the next item to send.
    fn next_opened(&mut self) -> Next<FeedItem> {
        let found = match self.held.take() {
            Some(found) => found,
            None => match self.find() {
                Next::Item(found) => found,
                Next::Working => return Next::Working,
                Next::Pending => return Next::Pending,
                Next::End => {
                    let missing = self.roll.as_mut().and_then(RollCall::rest);
                    return missing.map_or(Next::End, |failure| Next::Item(FeedItem::Failed(failure)));
                }
            },
        };
        if let Called::Missing(failure) = self.call_roll(&found) {
            self.held = Some(found);
            return Next::Item(FeedItem::Failed(failure));
        }
        match found.and_then(|found| self.open(found)) {
            // The root itself has no name: its contents go to the destination.
            Ok(FeedItem::Directory { path, .. }) if path.is_empty() => Next::Working,
            Ok(item) => Next::Item(item),
            // Removed between its listing and now.
            Err(Failure { code: ErrorCode::NotFound, path, detail: None, .. }) if !self.walks.is_empty() => {
                Next::Item(FeedItem::Failed(Failure { path, ..removed_since() }))
            }
            Err(failure) => Next::Item(FeedItem::Failed(failure)),
        }
    }

    /// Calls something that is about to be sent, or to fail, on the roll of what was counted.
    fn call_roll(&mut self, found: &StoreResult<FoundItem>) -> Called {
        let Some(roll) = &mut self.roll else { return Called::Settled };
        match (found, &self.failed) {
            (Ok(found), _) if found.entry.kind == Kind::File => {
                let (source, below) = found.places();
                roll.call(source, below)
            }
            (Ok(_), _) => Called::Settled,
            (Err(_), Some((path, top))) => {
                let (source, below) = path.split_at_checked(*top).unwrap_or((path, ""));
                roll.call(source, below.trim_start_matches('/'))
            }
            (Err(failure), None) => roll.call_source(failure.path.as_deref().unwrap_or_default()),
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
        if let Some(second) = self.second_name(&found, &verdict) {
            return Ok(second);
        }
        let FoundItem { path, top: _, shown, entry, store, known: named, parts, opened } = found;
        let (rule, known) = match verdict {
            Verdict::Send { rule, known } => (rule, known.or(named)),
            Verdict::Present { mode } => return Ok(FeedItem::Present { path, size: entry.size, mode }),
            Verdict::Link { of, rule } => return Ok(FeedItem::HardLink { path, of: of.to_string(), rule }),
            Verdict::Skip(failure) => return Ok(FeedItem::Failed(failure.at(shown))),
        };
        if entry.kind == Kind::Link {
            let kept = self.options.links == Links::Keep;
            let target = if kept { store.kept_target(&entry.path) } else { store.read_link(&entry.path) };
            return Ok(FeedItem::Link { path, target: target.map_err(|failure| failure.at(&shown))?, kept, rule });
        }
        if entry.kind == Kind::Special {
            let special = store.special(&entry.path).map_err(|failure| failure.at(&shown))?;
            return Ok(FeedItem::Special { path, special, modified: entry.modified, mode: entry.mode, rule });
        }
        match opened.map_or_else(|| store.open(&entry.path), Ok) {
            Ok(source) => {
                let recipe = FileRecipe::of_parts(&parts, source.entry().size).map_err(|failure| failure.at(&shown))?;
                Ok(FeedItem::File(Box::new(FedFile { path, shown, source, rule, known, recipe })))
            }
            Err(failure) => {
                // Another name of it is not that of something that was sent.
                self.linked.retain(|_, first| *first != path);
                Err(failure.at(shown))
            }
        }
    }

    /// Returns the item of a file that came before by another name; remembers one that has several.
    fn second_name(&mut self, found: &FoundItem, verdict: &Verdict) -> Option<FeedItem> {
        if !self.options.hard_links || found.entry.kind != Kind::File || !found.parts.is_empty() {
            return None;
        }
        let rule = match verdict {
            Verdict::Send { rule, .. } | Verdict::Link { rule, .. } => *rule,
            // The same content may be there without being the same file.
            Verdict::Present { .. } => Some(OnConflict::Replace),
            Verdict::Skip(_) => return None,
        };
        // What cannot be looked at fails when it is opened.
        let number = found.store.shared_identity(&found.entry.path).ok().flatten()?;
        match self.linked.entry(number) {
            Entry::Occupied(first) => {
                Some(FeedItem::HardLink { path: found.path.clone(), of: first.get().clone(), rule })
            }
            Entry::Vacant(first) => {
                first.insert(found.path.clone());
                None
            }
        }
    }

    /// Finds the next file, directory or link, without opening it.
    pub fn find(&mut self) -> Next<StoreResult<FoundItem>> {
        self.failed = None;
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

    fn begin(&mut self, mut origin: Origin) -> StoreResult<Option<FoundItem>> {
        self.options.permit.permit(Access::Find, &origin.path)?;
        // If it cannot be opened, a look at it tells why.
        let opened = origin.opening.take().and_then(|opening| opening.end().ok());
        let known = origin.entry.take().or_else(|| opened.as_ref().map(|source| source.entry().clone()));
        let mut entry = known.map_or_else(|| origin.store.stat(&origin.path), Ok)?;
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
                return Err(
                    Failure::new(ErrorCode::NotAFile).because("it is a directory: what is in it was not asked for")
                );
            }
            Kind::Directory => {
                let mut walk = origin.store.walk(&origin.path, true)?;
                if self.tells_removed {
                    walk.tell_removed();
                }
                if self.opens {
                    walk.open_ahead();
                }
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
            Kind::Link if matches!(self.options.links, Links::Copy | Links::Keep) => {}
            Kind::Special if self.options.devices => {}
            // A link that was named is reported as an error, not as skipped: it was asked for.
            Kind::Link => return Err(Failure { code: ErrorCode::NotFound, ..leads_astray() }),
            Kind::Special => return Err(Failure { code: ErrorCode::NotAFile, ..special() }),
        }
        let Origin { store, name: path, shown, known, parts, .. } = origin;
        Ok(Some(FoundItem { top: path.len(), path, shown, entry, store, known, parts, opened }))
    }
}

impl Feeding for Feed {
    fn next_item(&mut self) -> Next<FeedItem> {
        self.next_opened()
    }

    fn origins(&mut self) -> Option<&mut dyn Origins> {
        Some(&mut *self.origins)
    }

    fn expect(&mut self, roll: &Arc<Roll>) {
        self.roll = Some(RollCall::new(roll));
    }

    fn memory_bytes(&self) -> u64 {
        let walks = self.walks.iter().map(|below| size_of::<Below>() as u64 + below.walk.memory_bytes());
        let roll = self.roll.as_ref().map_or(0, RollCall::memory_bytes);
        let linked: usize = self.linked.values().map(|path| path.len() + size_of::<(u128, String)>() * 2).sum();
        walks.sum::<u64>() + linked as u64 + self.origins.memory_bytes() + self.names.memory_bytes() + roll
    }
}

fn left_out() -> Failure {
    Failure::new(ErrorCode::Skipped).because("a rule, or its size, leaves it out")
}

fn special() -> Failure {
    Failure::new(ErrorCode::Skipped).because("it is a device, socket or pipe: '--devices' transfers it")
}

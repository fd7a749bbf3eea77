//! Walks over directories of a bucket.

use super::client::Task;
use super::keys::{is_own, path_of, shown};
use super::listing::{Item, ListRequest, Object};
use super::metadata::Remembered;
use super::order::Ordered;
use super::source::{BucketSource, FIRST_BYTES};
use super::store::{Bucket, directory_entry, file_entry};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure, Kind, Listed, Timestamp};
use remofile::store::{Source, StoreResult, Unlisted, Walk, removed_since};
use std::collections::VecDeque;
use std::sync::Arc;

/// Entries that are looked at ahead.
const AHEAD: usize = 256;

/// Memory of the request for an element, in bytes.
const ELEMENT_BYTES: usize = 1024;

/// Bytes of content that come ahead.
const AHEAD_BYTES: u64 = 16 * 1024 * 1024;

/// A walk.
pub(crate) struct BucketWalk {
    bucket: Arc<Bucket>,
    ordered: Ordered,
    /// The directory that is walked, as the beginning of what is below the prefix.
    top: String,
    /// A key that was read too early.
    peeked: Option<Item>,
    /// Directory that came last from the listing, below the prefix and with a slash.
    directory: String,
    /// Keys that cannot be a path, so that everything below it is told once.
    invalid: Option<String>,
    ahead: VecDeque<Ahead>,
    is_over: bool,
    /// Everything below it is left out.
    skipped: Option<RemotePath>,
    /// Directory that the last element was.
    last: Option<RemotePath>,
    tells_removed: bool,
    unlisted: Option<Unlisted>,
    /// True if small files are opened ahead.
    opens: bool,
    /// Bytes of the files that are.
    ahead_bytes: u64,
    /// The last element, if it was.
    opened: Option<BucketSource>,
}

/// An element that comes.
enum Ahead {
    File { path: RemotePath, object: Object, known: Known },
    Directory { path: RemotePath, stored: Option<Timestamp>, known: Known },
    Failed { failure: Failure, unlisted: Unlisted },
}

/// The metadata of an element.
enum Known {
    Remembered(Remembered),
    Asked(Task<Option<Remembered>>),
    Opened(Task<BucketSource>),
}

impl BucketWalk {
    /// Begins a walk of a directory, which is there.
    pub(crate) fn begin(bucket: &Arc<Bucket>, directory: &RemotePath, is_recursive: bool) -> StoreResult<Self> {
        let prefix = bucket.client.keys.directory(directory);
        let request = ListRequest { prefix: prefix.clone(), is_flat: !is_recursive, ..ListRequest::default() };
        let top = bucket.client.keys.below(&prefix).unwrap_or_default().to_owned();
        let mut walk = Self {
            bucket: Arc::clone(bucket),
            ordered: Ordered::new(&bucket.client, request, bucket.client.options.waiting_keys.max(1)),
            directory: top.clone(),
            top,
            peeked: None,
            invalid: None,
            ahead: VecDeque::new(),
            is_over: false,
            skipped: None,
            last: None,
            tells_removed: false,
            unlisted: None,
            opens: false,
            ahead_bytes: 0,
            opened: None,
        };
        walk.peeked = walk.bucket.client.wait(walk.ordered.next())?;
        if walk.peeked.is_none() && !directory.is_root() {
            return Err(bucket.client.wait(async { Ok(bucket.missing_directory(directory).await) })?);
        }
        Ok(walk)
    }

    /// Reads the listing on, and asks for what it does not tell.
    async fn fill(&mut self) -> StoreResult<()> {
        while self.ahead.len() < AHEAD && self.ahead_bytes < AHEAD_BYTES && !self.is_over {
            let Some(item) = self.take().await? else {
                self.is_over = true;
                break;
            };
            self.add(item).await?;
        }
        Ok(())
    }

    async fn take(&mut self) -> StoreResult<Option<Item>> {
        match self.peeked.take() {
            Some(item) => Ok(Some(item)),
            None => self.ordered.next().await,
        }
    }

    async fn add(&mut self, item: Item) -> StoreResult<()> {
        let Some(below) = self.bucket.client.keys.below(&item.key).map(str::to_owned) else { return Ok(()) };
        let is_told = self.invalid.as_ref().is_some_and(|invalid| below.starts_with(invalid.as_str()));
        // The marker of the directory itself is none of its elements.
        if below == self.top || is_own(&below) || is_told || self.is_skipped(&below) {
            return Ok(());
        }
        let is_directory = below.ends_with('/');
        let names = below.strip_suffix('/').unwrap_or(&below);
        if let Err((until, failure)) = self.directories(&below, &item) {
            let failure = failure
                .because("an object of the bucket has a key that is no path: rename it with the tool that made it");
            self.fail(failure, &until, None);
            self.invalid = Some(until);
            return Ok(());
        }
        let size = item.object.as_ref().map_or(0, |object| object.size);
        match (is_directory, item.object) {
            (true, Some(_)) if size > 0 => {
                let why = "an object with content has the key of a directory: rename it with the tool that made it";
                self.fail(Failure::new(ErrorCode::InvalidName).because(why), &below, Some(size));
            }
            (true, _) | (false, None) => {}
            (false, Some(object)) => match path_of(names) {
                Err(failure) => self.fail(failure, &below, Some(size)),
                Ok(path) => {
                    let next = self.take().await?;
                    let is_both = next
                        .as_ref()
                        .is_some_and(|next| next.key.strip_prefix(&item.key).is_some_and(|rest| rest.starts_with('/')));
                    self.peeked = next;
                    if is_both {
                        let why = "a file and a directory of the bucket have the same name: the file can be downloaded by its \
                                   name alone; rename one of them";
                        self.fail(Failure::new(ErrorCode::InvalidName).because(why), &below, Some(size));
                    } else {
                        let known = match self.open_file(&path, &object) {
                            Some(task) => Known::Opened(task),
                            None => self.ask(&item.key, Some(&object), item.told),
                        };
                        self.ahead.push_back(Ahead::File { path, object, known });
                    }
                }
            },
        }
        Ok(())
    }

    /// Adds the directories that a key is in, or is the marker of, which were not there before. Fails with the part of the
    /// key that is no path.
    fn directories(&mut self, below: &str, item: &Item) -> Result<(), (String, Failure)> {
        let object = item.object.as_ref();
        let mut end = self.top.len();
        while let Some(length) = below.get(end..).and_then(|rest| rest.find('/')) {
            let name = below.get(..end + length).unwrap_or(below);
            end += length + 1;
            let directory = below.get(..end).unwrap_or(below);
            if self.directory.starts_with(directory) {
                continue;
            }
            let path = path_of(name).map_err(|failure| (directory.to_owned(), failure))?;
            let known = match directory == below {
                true => self.ask(&self.bucket.client.keys.directory(&path), object, item.told),
                // Its marker would have come before what is in it.
                false => Known::Remembered(Remembered { modified: None, mode: None }),
            };
            let stored = object.filter(|_| directory == below).map(|object| object.stored);
            self.ahead.push_back(Ahead::Directory { path, stored, known });
            self.directory = directory.to_owned();
        }
        // A file that is not in the directory that came last leaves it.
        let parent = below.rfind('/').and_then(|at| below.get(..=at)).unwrap_or_default();
        if !parent.starts_with(&self.directory) || parent.len() < self.directory.len() {
            self.directory = parent.to_owned();
        }
        Ok(())
    }

    /// Returns what the listing told of an object, or is remembered, or asks for it.
    fn ask(&self, key: &str, object: Option<&Object>, told: Option<Remembered>) -> Known {
        if let Some(told) = told {
            return Known::Remembered(told);
        }
        let none = Remembered { modified: None, mode: None };
        if let Some(remembered) = object.and_then(|object| self.bucket.cache.get(key, object)) {
            return Known::Remembered(remembered);
        }
        let (bucket, owned) = (Arc::clone(&self.bucket), key.to_owned());
        let task = self.bucket.client.spawn(async move { bucket.remember(&owned).await });
        task.map_or(Known::Remembered(none), Known::Asked)
    }

    /// Begins to open a file, if it is one that is opened ahead.
    fn open_file(&mut self, path: &RemotePath, object: &Object) -> Option<Task<BucketSource>> {
        if !self.opens || !(1..=FIRST_BYTES).contains(&object.size) {
            return None;
        }
        self.ahead_bytes += object.size;
        BucketSource::begin_open(&self.bucket, path)
    }

    fn fail(&mut self, failure: Failure, below: &str, size: Option<u64>) {
        let kind = if below.ends_with('/') { Kind::Directory } else { Kind::File };
        let path = below.strip_prefix(&self.top).unwrap_or(below).trim_end_matches('/');
        let unlisted = Unlisted { below: path.as_bytes().to_owned(), kind: Some(kind), size };
        let failure = failure.at(shown(below.strip_suffix('/').unwrap_or(below)));
        self.ahead.push_back(Ahead::Failed { failure, unlisted });
    }

    fn is_skipped(&self, below: &str) -> bool {
        self.skipped
            .as_ref()
            .is_some_and(|skipped| below.strip_prefix(skipped.as_relative()).is_some_and(|rest| rest.starts_with('/')))
    }

    /// Waits for the metadata of an element; `None` if it is gone.
    fn known(&mut self, known: Known) -> StoreResult<Option<Remembered>> {
        match known {
            Known::Remembered(remembered) => Ok(Some(remembered)),
            Known::Asked(mut task) => self.bucket.client.wait(async move { task.outcome().await }),
            Known::Opened(mut task) => match self.bucket.client.wait(async move { task.outcome().await }) {
                Ok(source) => {
                    let remembered = Remembered::from(&source.head().metadata);
                    self.opened = Some(source);
                    Ok(Some(remembered))
                }
                Err(failure) if failure.code == ErrorCode::NotFound => Ok(None),
                Err(failure) => Err(failure),
            },
        }
    }

    fn listed(&mut self, ahead: Ahead) -> Option<Listed> {
        match ahead {
            Ahead::Failed { failure, unlisted } => {
                self.unlisted = Some(unlisted);
                Some(Listed::Failed(failure))
            }
            Ahead::Directory { path, stored, known } => Some(match self.known(known) {
                Err(failure) => self.unreadable(failure, &path, Kind::Directory, None),
                Ok(remembered) => {
                    self.last = Some(path.clone());
                    // Without a marker there are just the keys of what is in it.
                    let none = Remembered { modified: None, mode: None };
                    Listed::Entry(directory_entry(path, remembered.unwrap_or(none), stored))
                }
            }),
            Ahead::File { path, object, known } => {
                if matches!(known, Known::Opened(_)) {
                    self.ahead_bytes = self.ahead_bytes.saturating_sub(object.size);
                }
                self.file(path, &object, known)
            }
        }
    }

    fn file(&mut self, path: RemotePath, object: &Object, known: Known) -> Option<Listed> {
        let known = self.known(known);
        if let (Ok(Some(_)), Some(source)) = (&known, &self.opened) {
            return Some(Listed::Entry(source.entry().clone()));
        }
        match known {
            Err(failure) => Some(self.unreadable(failure, &path, Kind::File, Some(object.size))),
            Ok(None) if self.tells_removed => Some(self.unreadable(removed_since(), &path, Kind::File, None)),
            Ok(None) => None,
            Ok(Some(remembered)) => Some(Listed::Entry(file_entry(path, remembered, object.size, object.stored))),
        }
    }

    fn unreadable(&mut self, failure: Failure, path: &RemotePath, kind: Kind, size: Option<u64>) -> Listed {
        let below = path.as_relative().strip_prefix(&self.top).unwrap_or(path.as_relative());
        self.unlisted = Some(Unlisted { below: below.as_bytes().to_owned(), kind: Some(kind), size });
        Listed::Failed(failure.at(path))
    }
}

impl Walk for BucketWalk {
    fn next(&mut self) -> Option<Listed> {
        self.opened = None;
        self.unlisted = None;
        self.last = None;
        loop {
            if self.ahead.len() < AHEAD / 2 && self.ahead_bytes < AHEAD_BYTES / 2 && !self.is_over {
                let client = Arc::clone(&self.bucket.client);
                if let Err(failure) = client.wait(self.fill()) {
                    // What came before it is told first, and nothing is behind it.
                    self.is_over = true;
                    let top = self.top.clone();
                    self.fail(failure, &top, None);
                }
            }
            let ahead = self.ahead.pop_front()?;
            if let Some(listed) = self.listed(ahead) {
                return Some(listed);
            }
        }
    }

    fn skip_directory(&mut self) {
        let Some(skipped) = self.last.take() else { return };
        self.ahead.retain(|ahead| match ahead {
            Ahead::File { path, .. } | Ahead::Directory { path, .. } => !path.is_within(&skipped),
            // What failed is told, wherever it is.
            Ahead::Failed { failure, .. } => {
                let inside = format!("{}/", skipped.as_str());
                !failure.path.as_ref().is_some_and(|path| path.starts_with(&inside))
            }
        });
        let opened = self.ahead.iter().map(|ahead| match ahead {
            Ahead::File { object, known: Known::Opened(_), .. } => object.size,
            _ => 0,
        });
        self.ahead_bytes = opened.sum();
        self.skipped = Some(skipped);
    }

    fn open_ahead(&mut self) {
        self.opens = true;
    }

    fn take_opened(&mut self) -> Option<Box<dyn Source>> {
        self.opened.take().map(|source| Box::new(source) as Box<dyn Source>)
    }

    fn tell_removed(&mut self) {
        self.tells_removed = true;
    }

    fn unlisted(&self) -> Option<&Unlisted> {
        self.unlisted.as_ref()
    }

    fn memory_bytes(&self) -> u64 {
        let of = |ahead: &Ahead| match ahead {
            Ahead::File { path, object, .. } => 2 * path.as_str().len() + object.etag.len(),
            Ahead::Directory { path, .. } => path.as_str().len(),
            Ahead::Failed { failure, unlisted } => failure.path.as_ref().map_or(0, String::len) + unlisted.below.len(),
        };
        let ahead: usize = self.ahead.iter().map(|ahead| size_of::<Ahead>() + ELEMENT_BYTES + of(ahead)).sum();
        (self.ordered.memory_bytes() + ahead) as u64 + self.ahead_bytes
    }
}

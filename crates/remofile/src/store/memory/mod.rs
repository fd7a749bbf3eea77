//! A store in memory: for tests, and to try out what a store of less than a file system does.
//!
//! Files: `tree` keeps directories, links and what leads through them; `file` reads and changes regular files, and counts
//! the room they take; `staged` makes new ones, of which `kept` has the partials; `walk` lists; `changes` does the rest.

mod changes;
mod file;
mod kept;
mod shared;
mod staged;
mod stamps;
mod tree;
mod walk;

use super::Partial;
use super::{
    Capabilities, Capability, DurableStore, FlushMark, ReadStore, ResumeStore, Source, Store, StoreResult, Walk,
};
use file::{MemorySource, Room};
use kept::{Kept, KeptSource};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Failure};
use shared::{Shared, Tree};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tree::{Folder, Found, Node};

/// Partials that are told of at most.
const MOST_LISTED: usize = 10_000;

/// The options of a store in memory.
#[derive(Debug, Clone, Copy)]
pub struct MemoryOptions {
    /// Bytes that files may have together; more fails with `no-space`.
    pub capacity: u64,
    /// The capabilities that it has: without some of them, it shows how others get on with such a store.
    pub capabilities: Capabilities,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self { capacity: 1024 * 1024 * 1024, capabilities: Capabilities::ALL }
    }
}

/// A store in memory, which is gone with it. It does what a local directory does, link for link, but takes room for the
/// holes in files, and its directories are found by their paths: one that is renamed is not found by who held it.
///
/// ```
/// use remofile::protocol::path::RemotePath;
/// use remofile::store::{MemoryStore, ReadStore, StagePlan, WriteStore};
///
/// let store = MemoryStore::new();
/// let (directory, name) = RemotePath::parse("/hello.txt")?.split()?;
/// let mut staged = store.directory(&directory)?.stage(&name, &StagePlan::default())?;
/// staged.write(b"hello")?;
/// staged.commit()?;
/// assert_eq!(store.stat(&"/hello.txt".parse()?)?.size, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

impl MemoryStore {
    /// An empty one that can do everything, for files of 1 GiB together.
    #[must_use]
    pub fn new() -> Self {
        Self::with(MemoryOptions::default())
    }

    /// An empty one.
    #[must_use]
    pub fn with(options: MemoryOptions) -> Self {
        let tree = Tree { root: Folder::new(), partials: BTreeMap::new() };
        let (room, capabilities) = (Room::new(options.capacity), options.capabilities);
        Self {
            shared: Arc::new(Shared {
                tree: Mutex::new(tree),
                room,
                capabilities,
                is_unflushed: AtomicBool::new(false),
            }),
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl ReadStore for MemoryStore {
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry> {
        let tree = self.shared.lock();
        let entry = match tree.root.find(path) {
            Ok(Found::Directory(folder)) => folder.entry(path.clone()),
            Ok(Found::File(file)) => file.entry(path.clone()),
            // A link that leads nowhere is itself.
            Err(failure) => match tree.root.look(path) {
                Ok(link @ Node::Link(_)) => link.entry(path.clone()),
                _ => return Err(failure),
            },
        };
        Ok(self.shared.shown(entry))
    }

    fn walk(&self, directory: &RemotePath, recursive: bool) -> StoreResult<Box<dyn Walk>> {
        Ok(Box::new(walk::MemoryWalk::new(&self.shared, directory, recursive)?))
    }

    fn open(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        match self.shared.lock().root.find(path)? {
            Found::File(file) => Ok(Box::new(MemorySource::new(file, path))),
            Found::Directory(_) => Err(ErrorCode::NotAFile.into()),
        }
    }

    fn read_link(&self, path: &RemotePath) -> StoreResult<String> {
        match self.shared.lock().root.look(path)? {
            Node::Link(link) => Ok(link.target.clone()),
            _ => Err(Failure::new(ErrorCode::BadRequest).because("it is not a symbolic link")),
        }
    }

    fn identity(&self, path: &RemotePath) -> StoreResult<u128> {
        Ok(match self.shared.lock().root.find(path)? {
            Found::File(file) => file.identity(),
            Found::Directory(folder) => folder.identity,
        }
        .into())
    }
}

impl ResumeStore for MemoryStore {
    fn partials(&self) -> StoreResult<Vec<Partial>> {
        Ok(self.shared.lock().partials.iter().take(MOST_LISTED).map(|(path, kept)| kept.told(path)).collect())
    }

    fn read_partial(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        let tree = self.shared.lock();
        let kept = tree.partials.get(path).ok_or(ErrorCode::NotFound)?;
        self.shared.needs(Capability::ReadablePartials, "read what it keeps of unfinished files")?;
        Ok(Box::new(KeptSource::new(kept, path)))
    }

    fn remove_partial(&self, path: &RemotePath) -> StoreResult<bool> {
        Ok(self.shared.lock().partials.remove(path).is_some())
    }

    fn expire_partials(&self, older_than: Duration) -> StoreResult<u64> {
        let mut tree = self.shared.lock();
        let before = tree.partials.len();
        let now = SystemTime::now();
        let age = |kept: &Kept| {
            let touched = kept.touched.to_system_time().and_then(|touched| now.duration_since(touched).ok());
            touched.unwrap_or_default()
        };
        tree.partials.retain(|_, kept| age(kept) < older_than);
        Ok((before - tree.partials.len()) as u64)
    }
}

impl DurableStore for MemoryStore {
    fn sync(&self, _: FlushMark) -> StoreResult<()> {
        self.shared.is_unflushed.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn is_unflushed(&self) -> bool {
        self.shared.is_unflushed.load(Ordering::Relaxed)
    }
}

impl Store for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        self.shared.capabilities
    }
}

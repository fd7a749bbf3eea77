//! The store, and what all parts of it share.

use super::cache::Cache;
use super::client::Client;
use super::head::Head;
use super::listing::Object;
use super::location::Location;
use super::metadata::Remembered;
use super::options::{BucketOptions, OpenError};
use super::owner::Owner;
use super::service::Service;
use super::settings::Settings;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Entry, ErrorCode, Failure, Kind, Timestamp};
use remofile::store::{Capabilities, Capability, DurableStore, ServedDirectory, Store, StoreResult};
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// The age from which on nothing can be stored any more that has the same time in a listing: those times are whole seconds, and
/// the clocks of a service's machines differ.
const SETTLING_SECONDS: i64 = 5;

/// Directories of which it is remembered that they have a marker.
const MOST_MARKED: usize = 100_000;

/// A store in a bucket of an S3 service, or a container of Azure's storage.
///
/// ```no_run
/// use remofile::Server;
/// use remofile::protocol::token::Token;
/// use remofile_object_store::{BucketOptions, BucketStore};
/// use std::sync::Arc;
///
/// let store = BucketStore::open(&"s3://bucket/prefix".parse()?, BucketOptions::default())?;
/// let server = Server::with_store(Arc::new(store), Token::generate());
/// server.bind(6768, None)?.serve()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct BucketStore {
    pub(crate) bucket: Arc<Bucket>,
    /// The owner of partials: those of others are not there. `None`: all of them are.
    pub(crate) owner: Option<Arc<str>>,
}

/// The part of a store that everything which came from it shares.
pub(crate) struct Bucket {
    pub(crate) client: Arc<Client>,
    pub(crate) cache: Cache,
    /// Bounds the small requests that are under way at once.
    requests: Semaphore,
    /// Bounds the parts of files that are under way at once.
    pub(crate) parts: Arc<Semaphore>,
    /// Turns for ranges that are read ahead, beyond the least of each file.
    pub(crate) ranges: Arc<Semaphore>,
    /// Directories that are known to have a marker, by its key.
    marked: Mutex<HashSet<String>>,
    /// The uploads that are under way here, by the names of their records, and how many to each path.
    active: Mutex<HashMap<String, u32>>,
    /// Present while a server may change it.
    owner: Mutex<Option<Owner>>,
}

impl BucketStore {
    /// Opens a store with the credentials that the variables of the environment and the files of profiles give.
    ///
    /// # Errors
    /// [`OpenError`] if the settings make no sense, or the service does not let the bucket be listed.
    pub fn open(location: &Location, options: BucketOptions) -> Result<Self, OpenError> {
        let variables = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::open_with(location, options, &variables)
    }

    /// As [`BucketStore::open`], with other variables than those of the environment.
    ///
    /// # Errors
    /// As [`BucketStore::open`].
    pub fn open_with(
        location: &Location,
        options: BucketOptions,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, OpenError> {
        let settings = Settings::read(location, &options, variables)?;
        let client = Arc::new(Client::new(settings, options)?);
        let listed = client.wait(async {
            client.requests.signer.need_credentials().await?;
            client.has_below(&client.keys.directory(&RemotePath::root())).await?;
            client.refuse_hierarchy().await
        });
        listed.map_err(|failure| OpenError::new(format!("{location}: {}", why_not_opened(&client, failure))))?;
        let (requests, parts) = (client.options.parallel_requests, client.options.all_parts);
        let bucket = Bucket {
            cache: Cache::new(client.options.remembered),
            requests: Semaphore::new(requests.max(1)),
            parts: Arc::new(Semaphore::new(parts.max(1))),
            ranges: Arc::new(Semaphore::new(client.options.all_ranges)),
            marked: Mutex::default(),
            active: Mutex::default(),
            owner: Mutex::default(),
            client,
        };
        Ok(Self { bucket: Arc::new(bucket), owner: None })
    }
}

/// Returns what the operator of a server is told whose bucket cannot be listed.
fn why_not_opened(client: &Client, failure: Failure) -> String {
    let address = &client.requests.address;
    let (variable, what) = match client.service {
        Service::S3(_) => ("AWS_ENDPOINT_URL", "S3 service"),
        Service::Azure => ("AZURE_STORAGE_ACCOUNT", "storage of Azure's"),
    };
    if let Some(cause) = client.answers.trouble() {
        return format!(
            "the object store at {address} does not answer ({cause}): correct '--endpoint' or {variable}, or see whether it runs \
             and can be reached, and start the server again"
        );
    }
    match failure.code {
        ErrorCode::NotFound | ErrorCode::DiskFailure => {
            format!(
                "what answers at {address} is no {what}: correct '--endpoint' or {variable}, and start the server again"
            )
        }
        code => failure.detail.unwrap_or_else(|| code.sentence().to_owned()),
    }
}

impl Debug for BucketStore {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketStore").field("bucket", &self.bucket.client.bucket).finish_non_exhaustive()
    }
}

impl Bucket {
    /// Looks at an object, and remembers its metadata; `None` if there is none.
    pub(crate) async fn remember(&self, key: &str) -> StoreResult<Option<Remembered>> {
        let _turn = self.requests.acquire().await;
        let Some(head) = self.client.head(key).await? else { return Ok(None) };
        let remembered = Remembered::from(&head.metadata);
        // What was stored just now may be replaced by what looks the same to a listing, with other times.
        let settled = head.stored.seconds().saturating_add(SETTLING_SECONDS);
        if self.client.answers.service_seconds().is_some_and(|now| now >= settled) {
            self.cache.put(key, Object { size: head.size, stored: head.stored, etag: head.etag }, remembered);
        }
        Ok(Some(remembered))
    }

    /// Waits for a turn among the small requests.
    pub(crate) async fn turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.requests.acquire().await.ok()
    }

    /// Reports whether there is such a directory.
    pub(crate) async fn is_directory(&self, path: &RemotePath) -> StoreResult<bool> {
        Ok(path.is_root() || self.client.has_below(&self.client.keys.directory(path)).await?)
    }

    /// Returns why there is nothing at a path: it is below a file, or not there.
    pub(crate) async fn missing(&self, path: &RemotePath) -> Failure {
        let mut above = path.parent();
        while let Some(path) = above.filter(|path| !path.is_root()) {
            match self.is_directory(&path).await {
                Ok(true) => break,
                Ok(false) => {}
                Err(failure) => return failure,
            }
            match self.client.head(&self.client.keys.file(&path)).await {
                Ok(Some(_)) => return ErrorCode::NotADirectory.into(),
                Ok(None) => {}
                Err(failure) => return failure,
            }
            above = path.parent();
        }
        ErrorCode::NotFound.into()
    }

    /// Returns why there is no directory at a path: it is a file, is below one, or is not there.
    pub(crate) async fn missing_directory(&self, path: &RemotePath) -> Failure {
        match self.client.head(&self.client.keys.file(path)).await {
            Ok(Some(_)) => ErrorCode::NotADirectory.into(),
            Ok(None) => self.missing(path).await,
            Err(failure) => failure,
        }
    }

    pub(crate) fn is_marked(&self, key: &str) -> bool {
        self.lock_marked().contains(key)
    }

    pub(crate) fn set_marked(&self, key: &str, is_marked: bool) {
        let mut marked = self.lock_marked();
        if !is_marked {
            marked.remove(key);
        } else if marked.len() < MOST_MARKED || marked.contains(key) {
            marked.insert(key.to_owned());
        } else {
            marked.clear();
        }
    }

    fn lock_marked(&self) -> MutexGuard<'_, HashSet<String>> {
        self.marked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that an upload begins.
    pub(crate) fn begin_active(&self, name: &str) {
        *self.lock_active().entry(name.to_owned()).or_default() += 1;
    }

    /// Notes that an upload has ended. Another one to the same path goes on.
    pub(crate) fn end_active(&self, name: &str) {
        let mut active = self.lock_active();
        if let Some(count) = active.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                active.remove(name);
            }
        }
    }

    /// Reports whether an upload goes on.
    pub(crate) fn is_active(&self, name: &str) -> bool {
        self.lock_active().contains_key(name)
    }

    fn lock_active(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the entry of a file.
pub(crate) fn file_entry(path: RemotePath, remembered: Remembered, size: u64, stored: Timestamp) -> Entry {
    let modified = remembered.modified.unwrap_or(stored);
    Entry { path, kind: Kind::File, size, modified, mode: remembered.mode, unflushed: false }
}

/// As [`file_entry`], of an object that was looked at.
pub(crate) fn entry_of(path: RemotePath, head: &Head) -> Entry {
    file_entry(path, Remembered::from(&head.metadata), head.size, head.stored)
}

/// Returns the entry of a directory, which has the time of its marker, if it has one.
pub(crate) fn directory_entry(path: RemotePath, remembered: Remembered, stored: Option<Timestamp>) -> Entry {
    let modified = remembered.modified.or(stored).unwrap_or(Timestamp::new(0, 0));
    Entry { path, kind: Kind::Directory, size: 0, modified, mode: remembered.mode, unflushed: false }
}

impl DurableStore for BucketStore {}

impl Store for BucketStore {
    fn capabilities(&self) -> Capabilities {
        let lacking = [Capability::Links, Capability::Edits, Capability::ReadablePartials];
        lacking.into_iter().fold(Capabilities::ALL, Capabilities::without)
    }

    fn is_distant(&self) -> bool {
        true
    }

    fn owned_by(&self, owner: &str) -> Option<Arc<dyn Store>> {
        Some(Arc::new(Self { bucket: Arc::clone(&self.bucket), owner: Some(owner.into()) }))
    }

    fn claim_directory(&self) -> StoreResult<Option<ServedDirectory>> {
        let mut owner = self.bucket.owner.lock().unwrap_or_else(PoisonError::into_inner);
        if owner.is_none() && self.bucket.client.options.fence.is_none() {
            *owner = Some(Owner::claim(&self.bucket.client, None)?);
        }
        Ok(None)
    }

    fn join_servers(&self, cluster: &str) -> StoreResult<()> {
        let mut owner = self.bucket.owner.lock().unwrap_or_else(PoisonError::into_inner);
        if owner.as_ref().is_some_and(|owner| owner.is_shared_by(cluster)) {
            return Ok(());
        }
        // What it was before ends before it may be something else.
        drop(owner.take());
        *owner = Some(Owner::claim(&self.bucket.client, Some(cluster))?);
        Ok(())
    }
}

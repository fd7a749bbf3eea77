//! Removals of trees.

use super::client::{Client, can_be_named};
use super::keys::{object_path, path_of, shown};
use super::listing::{Item, ListRequest};
use super::service::Service;
use super::store::Bucket;
use futures_util::StreamExt;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::store::{Removal, RemovalProgress, StoreResult};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Requests that are under way at once where the service takes no lists of keys.
const REMOVALS: usize = 32;

/// A removal of a file, or of a directory and what is in it: a page of keys a step.
pub(crate) struct BucketRemoval {
    bucket: Arc<Bucket>,
    path: RemotePath,
    is_directory: bool,
    files: u64,
    directories: u64,
    bytes: u64,
    /// Directory that the last key was in, with a slash.
    directory: String,
    /// Keys up to here are gone, or stay.
    after: Option<String>,
    /// The place behind them, where only the service knows how to go on.
    token: Option<String>,
    /// The failure for the first object that is another tool's, and stays.
    left: Option<Failure>,
}

impl BucketRemoval {
    pub(crate) fn begin(bucket: &Arc<Bucket>, path: &RemotePath) -> StoreResult<Self> {
        let is_directory = bucket.client.wait(async {
            if bucket.is_directory(path).await? {
                return Ok(true);
            }
            match bucket.client.head(&bucket.client.keys.file(path)).await? {
                Some(_) => Ok(false),
                None => Err(bucket.missing(path).await),
            }
        })?;
        Ok(Self {
            bucket: Arc::clone(bucket),
            path: path.clone(),
            is_directory,
            files: 0,
            directories: u64::from(is_directory),
            bytes: 0,
            directory: bucket.client.keys.directory(path),
            after: None,
            token: None,
            left: None,
        })
    }

    async fn remove_file(&mut self) -> StoreResult<RemovalProgress> {
        let key = self.bucket.client.keys.file(&self.path);
        let head =
            self.bucket.client.head(&key).await?.ok_or_else(|| Failure::new(ErrorCode::NotFound).at(&self.path))?;
        self.bucket.remove_file(&self.path).await?;
        self.bytes += head.size;
        Ok(RemovalProgress::Done { files: self.files + 1, directories: self.directories })
    }

    /// Removes a page of keys.
    async fn remove_page(&mut self) -> StoreResult<RemovalProgress> {
        let prefix = self.bucket.client.keys.directory(&self.path);
        let request = ListRequest { prefix: prefix.clone(), after: self.after.clone(), ..ListRequest::default() };
        let page = self.bucket.client.list(&request, self.token.as_deref()).await?;
        self.token = page.next.clone().filter(|_| !self.bucket.client.service.lists_behind_keys());
        let mut items = Vec::new();
        for item in page.items {
            self.after = Some(item.key.clone());
            if let Err(failure) = self.bucket.refuse_strange(&item) {
                self.left.get_or_insert(failure);
                continue;
            }
            // The marker of the directory itself goes last, so that what breaks off can be gone on with.
            if item.key != prefix {
                items.push(item);
            }
        }
        let bucket = Arc::clone(&self.bucket);
        let removed = remove_all(&bucket, items.iter().map(|item| &item.key), |number| {
            items.get(number).into_iter().for_each(|item| self.count(item, prefix.len()));
        });
        removed.await?;
        if page.next.is_some() {
            return Ok(RemovalProgress::More);
        }
        if let Some(left) = self.left.clone() {
            return Err(left);
        }
        self.bucket.remove_marker(&self.path).await?;
        Ok(RemovalProgress::Done { files: self.files, directories: self.directories })
    }

    fn count(&mut self, item: &Item, from: usize) {
        let mut end = from;
        while let Some(length) = item.key.get(end..).and_then(|rest| rest.find('/')) {
            end += length + 1;
            let directory = item.key.get(..end).unwrap_or(&item.key);
            if !self.directory.starts_with(directory) {
                self.directories += 1;
                self.directory = directory.to_owned();
            }
        }
        if !item.key.ends_with('/') {
            self.files += 1;
            self.bytes += item.object.as_ref().map_or(0, |object| object.size);
            let parent = item.key.rfind('/').and_then(|at| item.key.get(..=at)).unwrap_or_default();
            self.directory = parent.to_owned();
        }
    }
}

impl Bucket {
    /// Refuses to remove what no client can see: an object whose key is no path of ours, and content behind the key of a
    /// directory. Only the tool that made it knows what it is.
    pub(crate) fn refuse_strange(&self, item: &Item) -> StoreResult<()> {
        let below = self.client.keys.below(&item.key).unwrap_or(&item.key);
        let is_directory = below.ends_with('/');
        let is_path = object_path(&item.key).is_ok() && path_of(below.strip_suffix('/').unwrap_or(below)).is_ok();
        let why = match is_path {
            true if is_directory && item.object.as_ref().is_some_and(|object| object.size > 0) => {
                "an object with content has the key of a directory: remove it with the tool that made it"
            }
            true => return Ok(()),
            false => "an object of the bucket has a key that is no path: remove it with the tool that made it",
        };
        Err(Failure::new(ErrorCode::InvalidName).because(why).at(shown(below)))
    }
}

/// Removes many keys, as many in one request as the service takes. Calls `gone` with the number of each that is gone, those behind
/// one that is not among them.
pub(crate) async fn remove_all<'k>(
    bucket: &Bucket,
    keys: impl Iterator<Item = &'k String> + Clone,
    mut gone: impl FnMut(usize),
) -> StoreResult<()> {
    let client = &bucket.client;
    let takes_lists = client.takes_lists.load(Ordering::Relaxed);
    let (listed, mut others): (Vec<_>, Vec<_>) =
        keys.clone().enumerate().partition(|(_, key)| takes_lists && can_be_named(key));
    let removals = async {
        let mut failed = match remove_listed(client, &listed, &mut gone).await {
            Err(failure) if failure.code == ErrorCode::Unsupported => {
                client.takes_lists.store(false, Ordering::Relaxed);
                others = keys.clone().enumerate().collect();
                Ok(())
            }
            removed => removed,
        };
        let removals = others.into_iter().map(async |(number, key)| (number, client.delete_unfenced(key).await));
        // In their order, by which directories are counted.
        let mut removals = futures_util::stream::iter(removals).buffered(REMOVALS);
        while let Some((number, removed)) = removals.next().await {
            match removed {
                Ok(()) => gone(number),
                Err(failure) => failed = failed.and(Err(failure)),
            }
        }
        failed
    };
    let removed = client.fenced(removals).await;
    for key in keys {
        bucket.cache.forget(key);
        bucket.set_marked(key, false);
    }
    removed
}

/// Removes keys by lists of them.
async fn remove_listed(client: &Client, listed: &[(usize, &String)], mut gone: impl FnMut(usize)) -> StoreResult<()> {
    let Service::S3(s3) = &client.service else { return Err(ErrorCode::Unsupported.into()) };
    let paths: Vec<_> = listed.iter().map(|(_, key)| object_path(key)).collect::<StoreResult<_>>()?;
    let paths = futures_util::stream::iter(paths.into_iter().map(Ok)).boxed();
    let mut removed = object_store::ObjectStore::delete_stream(&s3.store, paths);
    let (mut numbers, mut failed) = (listed.iter().map(|(number, _)| *number), Ok(()));
    while let Some(outcome) = removed.next().await {
        let number = numbers.next();
        match outcome.map_err(|error| super::errors::failure(&error)) {
            Err(failure) if failure.code != ErrorCode::NotFound => failed = failed.and(Err(failure)),
            _ => number.into_iter().for_each(&mut gone),
        }
    }
    failed
}

impl Removal for BucketRemoval {
    fn step(&mut self) -> StoreResult<RemovalProgress> {
        let client = Arc::clone(&self.bucket.client);
        let path = self.path.clone();
        let outcome = match self.is_directory {
            true => client.wait(self.remove_page()),
            false => client.wait(self.remove_file()),
        };
        outcome.map_err(|failure| {
            let failure = if failure.path.is_some() { failure } else { failure.at(&path) };
            if self.files == 0 {
                return failure;
            }
            // Who hears of a failure may take the tree for whole.
            let are = if self.files == 1 { "file is" } else { "files are" };
            // Without its path, which a client may know by another.
            let gone = format!("of the tree, {} {are} gone", self.files);
            let said = failure.detail.as_ref().map_or_else(|| gone.clone(), |detail| format!("{detail}; {gone}"));
            failure.because(said)
        })
    }

    fn removed_bytes(&self) -> Option<u64> {
        Some(self.bytes)
    }
}

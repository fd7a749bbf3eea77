//! The store for those who read.

use super::client::{Client, Task};
use super::keys::refuse_own;
use super::metadata::Remembered;
use super::source::{BucketSource, FIRST_BYTES};
use super::store::{BucketStore, directory_entry, entry_of};
use super::walk::BucketWalk;
use remofile::protocol::digest::digest;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Entry, ErrorCode, Failure};
use remofile::store::{Opening, ReadStore, Source, StoreResult, Walk};
use std::sync::Arc;

impl ReadStore for BucketStore {
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry> {
        refuse_own(path)?;
        let bucket = &self.bucket;
        bucket.client.wait(async {
            if !path.is_root()
                && let Some(head) = bucket.client.head(&bucket.client.keys.file(path)).await?
            {
                return Ok(entry_of(path.clone(), &head));
            }
            let marker = bucket.client.keys.directory(path);
            let (is_there, head) = futures_util::future::join(bucket.is_directory(path), async {
                if marker.is_empty() { Ok(None) } else { bucket.client.head(&marker).await }
            })
            .await;
            if !is_there? {
                return Err(bucket.missing(path).await);
            }
            let head = head?;
            let none = Remembered { modified: None, mode: None };
            let remembered = head.as_ref().map_or(none, |head| Remembered::from(&head.metadata));
            Ok(directory_entry(path.clone(), remembered, head.map(|head| head.stored)))
        })
    }

    fn walk(&self, directory: &RemotePath, recursive: bool) -> StoreResult<Box<dyn Walk>> {
        refuse_own(directory)?;
        Ok(Box::new(BucketWalk::begin(&self.bucket, directory, recursive)?))
    }

    fn open(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        refuse_own(path)?;
        if path.is_root() {
            return Err(ErrorCode::NotAFile.into());
        }
        let bucket = &self.bucket;
        let opened = bucket.client.wait(BucketSource::open(bucket, path));
        match opened {
            Err(failure) if failure.code == ErrorCode::NotFound => Err(bucket.client.wait(async {
                Ok(match bucket.is_directory(path).await {
                    Ok(true) => ErrorCode::NotAFile.into(),
                    Ok(false) => bucket.missing(path).await,
                    Err(failure) => failure,
                })
            })?),
            opened => Ok(Box::new(opened?)),
        }
    }

    fn begin_open(&self, path: &RemotePath) -> Option<Box<dyn Opening>> {
        refuse_own(path).ok().filter(|()| !path.is_root())?;
        let task = BucketSource::begin_open(&self.bucket, path)?;
        Some(Box::new(BucketOpening { client: Arc::clone(&self.bucket.client), task }))
    }

    fn read_link(&self, path: &RemotePath) -> StoreResult<String> {
        self.stat(path)?;
        Err(Failure::new(ErrorCode::BadRequest).because("it is not a symbolic link"))
    }

    fn look(&self, path: &RemotePath) -> StoreResult<Entry> {
        self.stat(path)
    }

    fn identity(&self, path: &RemotePath) -> StoreResult<u128> {
        self.stat(path)?;
        Ok(u128::from_be_bytes(digest(path.as_str().as_bytes())))
    }
}

/// An object that is being opened: its first bytes are on their way.
struct BucketOpening {
    client: Arc<Client>,
    task: Task<BucketSource>,
}

impl Opening for BucketOpening {
    fn end(self: Box<Self>) -> StoreResult<Box<dyn Source>> {
        let Self { client, mut task } = *self;
        Ok(Box::new(client.wait(async move { task.outcome().await })?))
    }

    fn memory_bytes(&self) -> u64 {
        FIRST_BYTES
    }
}

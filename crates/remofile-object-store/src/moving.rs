//! Moves within a bucket: the service copies, and what was copied is removed.
//!
//! Other tools may write to what is moved meanwhile. So nothing is removed but what was looked at just before, and is what was
//! copied; what is not is copied again.

use super::head::Head;
use super::keys::{object_path, shown};
use super::listing::{ListRequest, Object};
use super::removal::remove_all;
use super::store::Bucket;
use futures_util::StreamExt;
use futures_util::future::ready;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::store::StoreResult;
use std::cell::Cell;
use std::collections::HashMap;

/// Copies of a moved directory that are under way at once.
const COPIES: usize = 32;

/// Bytes of keys that a move of a directory may hold.
const MOST_KEY_BYTES: usize = 64 * 1024 * 1024;

/// Attempts to move what others write to.
const ROUNDS: u32 = 5;

/// A move of a directory.
struct DirectoryMove<'b> {
    bucket: &'b Bucket,
    /// The prefixes that the keys have, and will have.
    from: String,
    to: String,
    /// The objects whose copies were begun, by key, and those that were copied.
    copied: HashMap<String, Option<Object>>,
    key_bytes: usize,
}

impl Bucket {
    /// Moves a file, as it was when it was looked at or is since.
    pub(crate) async fn move_file(
        &self,
        source: &RemotePath,
        destination: &RemotePath,
        mut head: Head,
    ) -> StoreResult<()> {
        let (key, target) = (self.client.keys.file(source), self.client.keys.file(destination));
        self.mark(source.parent()).await?;
        for _ in 0..ROUNDS {
            let copied = self.client.copy(&key, &head, &target, &head.metadata).await;
            self.cache.forget(&target);
            let is_copied = match copied {
                Err(failure) if failure.code == ErrorCode::SourceChanged => false,
                copied => copied.map(|()| true)?,
            };
            match self.client.head(&key).await? {
                Some(now) if is_copied && now.is_same(&head) => return self.remove_file(source).await,
                Some(now) => head = now,
                None if is_copied => return Ok(()),
                None => return Err(ErrorCode::NotFound.into()),
            }
        }
        Err(written_meanwhile())
    }

    /// Moves a directory: everything in it is copied, and then removed. What breaks off before the first removal leaves the
    /// directory as it was.
    pub(crate) async fn move_directory(&self, source: &RemotePath, destination: &RemotePath) -> StoreResult<()> {
        let mut moving = DirectoryMove {
            bucket: self,
            from: self.client.keys.directory(source),
            to: self.client.keys.directory(destination),
            copied: HashMap::new(),
            key_bytes: 0,
        };
        if let Err(failure) = moving.copy_all().await {
            moving.remove_copies().await;
            return Err(failure);
        }
        if !moving.copied.contains_key(&moving.from) {
            self.put_marker(destination).await?;
        }
        self.mark(source.parent()).await?;
        for _ in 0..ROUNDS {
            if moving.remove_copied().await? {
                return Ok(());
            }
        }
        Err(written_meanwhile().at(source))
    }
}

impl DirectoryMove<'_> {
    fn target(&self, key: &str) -> String {
        format!("{}{}", self.to, key.strip_prefix(&self.from).unwrap_or(key))
    }

    async fn copy_all(&mut self) -> StoreResult<()> {
        let request = ListRequest { prefix: self.from.clone(), ..ListRequest::default() };
        let mut token = None;
        let mut there = Vec::new();
        loop {
            let page = self.bucket.client.list(&request, token.as_deref()).await?;
            let objects = page.items.into_iter().filter_map(|item| Some((item.key, item.object?)));
            for (key, object) in objects {
                self.admit(&key)?;
                there.push((key, object));
            }
            token = page.next;
            if token.is_none() {
                return self.copy(there).await;
            }
        }
    }

    /// Refuses a key that cannot be moved, and one too many.
    fn admit(&mut self, key: &str) -> StoreResult<()> {
        if object_path(key).is_err() {
            let below = self.bucket.client.keys.below(key).unwrap_or(key);
            let why = "an object of the bucket has a key that is no path: rename it with the tool that made it";
            return Err(Failure::new(ErrorCode::InvalidName).because(why).at(shown(below)));
        }
        self.key_bytes += key.len() + size_of::<(String, Option<Object>)>();
        if self.key_bytes > MOST_KEY_BYTES {
            let why = "the directory has too many files to be moved in a bucket at once: move what is in it bit by bit";
            return Err(Failure::new(ErrorCode::OutOfResources).because(why));
        }
        Ok(())
    }

    /// Copies objects. One that is another by now, or gone, is not among those that were copied. After a failure no copy begins,
    /// and those that were begun are waited for, so that none comes behind what is done then.
    async fn copy(&mut self, objects: Vec<(String, Object)>) -> StoreResult<()> {
        let bucket = self.bucket;
        let pairs: Vec<_> = objects.into_iter().map(|(key, object)| (self.target(&key), key, object)).collect();
        let copies = pairs.into_iter().map(|(target, key, object)| async move {
            let copied = bucket.client.copy_as_it_is(&key, &object, &target).await;
            bucket.cache.forget(&target);
            (key, object, copied)
        });
        let failed = Cell::new(false);
        let begun = futures_util::stream::iter(copies).take_while(|_| ready(!failed.get()));
        let mut begun = begun.buffer_unordered(COPIES);
        let mut outcome = Ok(());
        while let Some((key, object, copied)) = begun.next().await {
            let object = match copied {
                Ok(()) => Some(object),
                Err(failure) if matches!(failure.code, ErrorCode::SourceChanged | ErrorCode::NotFound) => None,
                Err(failure) => {
                    failed.set(true);
                    outcome = outcome.and(Err(failure));
                    None
                }
            };
            self.copied.insert(key, object);
        }
        outcome
    }

    /// Removes the copies that were begun, if the server may still change the bucket: with the fence its lease of the
    /// destination is gone, and what is there may be another's.
    async fn remove_copies(&self) {
        let targets: Vec<String> = self.copied.keys().map(|key| self.target(key)).collect();
        if let Err(failure) = remove_all(self.bucket, targets.iter(), |_| {}).await {
            tracing::warn!(%failure, directory = self.to, "copies of a move that broke off are left in the bucket");
        }
    }

    /// Removes what is still what was copied, a page of keys at once, and copies the rest. Returns true if there was none.
    async fn remove_copied(&mut self) -> StoreResult<bool> {
        let bucket = self.bucket;
        let mut request = ListRequest { prefix: self.from.clone(), ..ListRequest::default() };
        let (mut is_over, mut token) = (true, None);
        loop {
            let page = bucket.client.list(&request, token.as_deref()).await?;
            // Behind a page without keys only the service knows how to go on, and some know it alone.
            token = page.next.clone().filter(|_| page.items.is_empty() || !bucket.client.service.lists_behind_keys());
            request.after = page.items.last().map(|item| item.key.clone()).or(request.after);
            let (mut same, mut others) = (Vec::new(), Vec::new());
            for (key, object) in page.items.into_iter().filter_map(|item| Some((item.key, item.object?))) {
                match self.copied.get(&key) {
                    Some(Some(copied)) if *copied == object => same.push(key),
                    _ => others.push((key, object)),
                }
            }
            remove_all(bucket, same.iter(), |_| {}).await?;
            for (key, _) in &others {
                self.admit(key)?;
            }
            is_over &= others.is_empty();
            self.copy(others).await?;
            if page.next.is_none() {
                return Ok(is_over);
            }
        }
    }
}

fn written_meanwhile() -> Failure {
    Failure::new(ErrorCode::SourceChanged).because(
        "others write to it all the time: what they wrote last is still at its old place; move it when they have ended",
    )
}

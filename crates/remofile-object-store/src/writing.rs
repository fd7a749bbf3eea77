//! The store for those who make, move and remove.

use super::conditions::Condition;
use super::directory::BucketDirectory;
use super::head::Head;
use super::keys::{object_path, refuse_own};
use super::listing::ListRequest;
use super::metadata::Metadata;
use super::removal::BucketRemoval;
use super::staged::directory_in_the_way;
use super::store::{Bucket, BucketStore};
use futures_util::StreamExt;
use futures_util::future::join;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure, Kind, Timestamp};
use remofile::store::{Directory, PendingBackup, PosixStore, Removal, StoreResult, WriteStore};
use std::sync::Arc;
use std::time::SystemTime;

/// Keys that a listing may show though they were just removed, and those that are looked at at once.
const MOST_REMOVED: usize = 64;
const LOOKS: usize = 8;

impl WriteStore for BucketStore {
    fn create_file(&self, path: &RemotePath, update: bool) -> StoreResult<()> {
        refuse_own(path)?;
        let bucket = &self.bucket;
        bucket.client.wait(async {
            if bucket.is_directory(path).await? {
                return Err(directory_in_the_way());
            }
            let key = bucket.client.keys.file(path);
            match bucket.client.head(&key).await? {
                Some(head) if update => bucket.touch(&key, &head, |metadata| metadata.modified = Some(now())).await,
                Some(_) => Err(ErrorCode::AlreadyExists.into()),
                None => {
                    bucket.need_parent(path).await?;
                    let metadata = Metadata { mode: bucket.client.options.file_mode, ..Metadata::default() };
                    let condition = bucket.client.conditions().await?.heeded(Condition::Absent);
                    bucket.client.put(&key, Vec::new().into(), &metadata, condition).await.map(drop)
                }
            }
        })
    }

    fn make_directory(&self, path: &RemotePath, update: bool, parents: bool) -> StoreResult<bool> {
        refuse_own(path)?;
        let bucket = &self.bucket;
        bucket.client.wait(async {
            if path.is_root() || bucket.is_directory(path).await? {
                return if update { Ok(false) } else { Err(directory_in_the_way()) };
            }
            let (file, missing) =
                join(bucket.client.head(&bucket.client.keys.file(path)), bucket.missing_above(path, parents)).await;
            if file?.is_some() {
                return Err(ErrorCode::AlreadyExists.into());
            }
            let mut missing = missing?;
            missing.insert(0, path.clone());
            for directory in missing.iter().rev() {
                bucket.put_marker(directory).await?;
            }
            Ok(true)
        })
    }

    fn directory(&self, path: &RemotePath) -> StoreResult<Box<dyn Directory>> {
        refuse_own(path)?;
        let bucket = &self.bucket;
        bucket.client.wait(async {
            match bucket.is_directory(path).await? {
                true => Ok(()),
                false => Err(bucket.missing_directory(path).await),
            }
        })?;
        Ok(Box::new(BucketDirectory::new(bucket, path, self.owner.clone())))
    }

    fn remove(&self, path: &RemotePath) -> StoreResult<Kind> {
        refuse_root(path)?;
        let bucket = &self.bucket;
        bucket.client.wait(async {
            let prefix = bucket.client.keys.directory(path);
            let request =
                ListRequest { prefix: prefix.clone(), most: Some(MOST_REMOVED + 2), ..ListRequest::default() };
            let page = bucket.client.list(&request, None).await?;
            let (marker, others): (Vec<_>, Vec<_>) = page.items.into_iter().partition(|item| item.key == prefix);
            // A service may give fewer keys than there are, and tell that there are more.
            if page.next.is_some() || bucket.has_any(others.into_iter().map(|item| item.key).collect()).await? {
                return Err(ErrorCode::NotEmpty.into());
            }
            let is_marked = match marker.first() {
                Some(item) => bucket.is_marked(&prefix) || bucket.has_any(vec![item.key.clone()]).await?,
                None => false,
            };
            if is_marked {
                marker.iter().try_for_each(|item| bucket.refuse_strange(item))?;
                bucket.remove_marker(path).await?;
                return Ok(Kind::Directory);
            }
            if bucket.client.head(&bucket.client.keys.file(path)).await?.is_none() {
                return Err(bucket.missing(path).await);
            }
            bucket.remove_file(path).await?;
            Ok(Kind::File)
        })
    }

    fn remove_tree(&self, path: &RemotePath) -> StoreResult<Box<dyn Removal>> {
        refuse_root(path)?;
        Ok(Box::new(BucketRemoval::begin(&self.bucket, path)?))
    }

    fn rename(&self, source: &RemotePath, destination: &RemotePath, replace: bool) -> StoreResult<()> {
        refuse_root(source)?;
        refuse_root(destination)?;
        let bucket = &self.bucket;
        bucket.client.wait(async {
            let is_directory = bucket.is_directory(source).await?;
            let key = bucket.client.keys.file(source);
            let head = if is_directory { None } else { bucket.client.head(&key).await? };
            if !is_directory && head.is_none() {
                return Err(bucket.missing(source).await);
            }
            if is_directory && source != destination && destination.is_within(source) {
                return Err(ErrorCode::IntoItself.into());
            }
            bucket.need_parent(destination).await?;
            let target = bucket.client.keys.file(destination);
            if bucket.is_directory(destination).await? {
                return Err(directory_in_the_way());
            }
            let there = bucket.client.head(&target).await?;
            if there.is_some() && (is_directory || !replace) {
                return Err(ErrorCode::AlreadyExists.into());
            }
            match head {
                Some(_) if source == destination => Ok(()),
                Some(head) => bucket.move_file(source, destination, head).await,
                None => bucket.move_directory(source, destination).await,
            }
        })
    }
}

impl PosixStore for BucketStore {
    fn set_mode(&self, path: &RemotePath, mode: u32) -> StoreResult<()> {
        self.bucket.change(path, |metadata| metadata.mode = Some(mode & 0o777))
    }

    fn set_modified(&self, path: &RemotePath, modified: Timestamp) -> StoreResult<()> {
        self.bucket.change(path, |metadata| metadata.modified = Some(modified))
    }

    fn prepare_backup(&self, path: &RemotePath, to: &RemotePath) -> StoreResult<Box<dyn PendingBackup>> {
        refuse_own(path)?;
        refuse_root(to)?;
        if path == to {
            return Err(Failure::new(ErrorCode::BadRequest).because("its backup cannot have the same path"));
        }
        let bucket = &self.bucket;
        let head = bucket.client.wait(async {
            if bucket.is_directory(path).await? {
                return Err(ErrorCode::NotAFile.into());
            }
            let head = bucket.client.head(&bucket.client.keys.file(path)).await?;
            let Some(head) = head else { return Err(bucket.missing(path).await) };
            if bucket.is_directory(to).await? {
                return Err(directory_in_the_way());
            }
            Ok(head)
        })?;
        let (above, _) = to.split()?;
        self.make_directory(&above, true, true)?;
        let (bucket, from) = (Arc::clone(bucket), bucket.client.keys.file(path));
        Ok(Box::new(BucketBackup { bucket, from, head, to: to.clone() }))
    }
}

/// A copy that the service makes when it is committed.
struct BucketBackup {
    bucket: Arc<Bucket>,
    from: String,
    head: Head,
    to: RemotePath,
}

impl PendingBackup for BucketBackup {
    fn is_ready(&self) -> bool {
        true
    }

    fn step(&mut self) -> StoreResult<()> {
        Ok(())
    }

    fn commit(self: Box<Self>) -> StoreResult<()> {
        let Self { bucket, from, head, to } = *self;
        bucket.client.wait(async {
            if bucket.is_directory(&to).await? {
                return Err(directory_in_the_way());
            }
            let key = bucket.client.keys.file(&to);
            bucket.client.copy(&from, &head, &key, &head.metadata).await?;
            bucket.cache.forget(&key);
            Ok(())
        })
    }
}

impl Bucket {
    /// Reports whether any of these keys, which a listing has shown, is still there: some services show for a moment what was
    /// removed. So many that they cannot all be that are not looked at.
    async fn has_any(&self, keys: Vec<String>) -> StoreResult<bool> {
        if keys.len() > MOST_REMOVED {
            return Ok(true);
        }
        let look = async |key: String| -> StoreResult<bool> {
            // One that is no path is another tool's, and cannot be asked for.
            Ok(object_path(&key).is_err() || self.client.head(&key).await?.is_some())
        };
        let mut looks = futures_util::stream::iter(keys).map(look).buffered(LOOKS);
        while let Some(is_there) = looks.next().await {
            if is_there? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Refuses a path whose directory is not there.
    async fn need_parent(&self, path: &RemotePath) -> StoreResult<()> {
        let Some(parent) = path.parent() else { return Ok(()) };
        match self.is_directory(&parent).await? {
            true => Ok(()),
            false => Err(self.missing_directory(&parent).await),
        }
    }

    /// Returns the directories above a path that are to be made with it, the nearest first.
    async fn missing_above(&self, path: &RemotePath, parents: bool) -> StoreResult<Vec<RemotePath>> {
        let (mut missing, mut above) = (Vec::new(), path.parent());
        while let Some(directory) = above.filter(|directory| !directory.is_root()) {
            if self.is_directory(&directory).await? {
                break;
            }
            if self.client.head(&self.client.keys.file(&directory)).await?.is_some() {
                return Err(ErrorCode::NotADirectory.into());
            }
            if !parents {
                return Err(self.missing(path).await);
            }
            above = directory.parent();
            missing.push(directory);
        }
        Ok(missing)
    }

    pub(crate) async fn put_marker(&self, directory: &RemotePath) -> StoreResult<()> {
        let key = self.client.keys.directory(directory);
        let metadata = Metadata { mode: self.client.options.directory_mode, ..Metadata::default() };
        self.client.put(&key, Vec::new().into(), &metadata, Condition::None).await?;
        self.set_marked(&key, true);
        Ok(())
    }

    /// Sees to it that a directory stays when the last thing in it goes.
    pub(crate) async fn mark(&self, directory: Option<RemotePath>) -> StoreResult<()> {
        let Some(directory) = directory.filter(|directory| !directory.is_root()) else { return Ok(()) };
        let key = self.client.keys.directory(&directory);
        if self.is_marked(&key) {
            return Ok(());
        }
        match self.client.head(&key).await? {
            Some(_) => {
                self.set_marked(&key, true);
                Ok(())
            }
            None => self.put_marker(&directory).await,
        }
    }

    /// Removes a file; its directory stays.
    pub(crate) async fn remove_file(&self, path: &RemotePath) -> StoreResult<()> {
        self.mark(path.parent()).await?;
        let key = self.client.keys.file(path);
        let removed = self.client.delete(&key).await;
        self.cache.forget(&key);
        removed
    }

    /// Removes a directory that has nothing but its marker.
    pub(crate) async fn remove_marker(&self, path: &RemotePath) -> StoreResult<()> {
        self.mark(path.parent()).await?;
        let key = self.client.keys.directory(path);
        let removed = self.client.delete(&key).await;
        self.set_marked(&key, false);
        self.cache.forget(&key);
        removed
    }

    /// Gives an object other metadata, which is a copy of it onto itself.
    async fn touch(&self, key: &str, head: &Head, change: impl FnOnce(&mut Metadata)) -> StoreResult<()> {
        let mut metadata = head.metadata.clone();
        change(&mut metadata);
        let changed = self.client.copy(key, head, key, &metadata).await;
        self.cache.forget(key);
        changed
    }

    /// Changes the metadata of a file or directory.
    fn change(&self, path: &RemotePath, change: impl FnOnce(&mut Metadata)) -> StoreResult<()> {
        refuse_root(path)?;
        self.client.wait(async {
            let key = self.client.keys.file(path);
            if let Some(head) = self.client.head(&key).await? {
                return self.touch(&key, &head, change).await;
            }
            let key = self.client.keys.directory(path);
            let marker = self.client.head(&key).await?;
            if marker.is_none() && !self.is_directory(path).await? {
                return Err(self.missing(path).await);
            }
            let mut metadata = marker.map(|marker| marker.metadata).unwrap_or_default();
            change(&mut metadata);
            self.client.put(&key, Vec::new().into(), &metadata, Condition::None).await?;
            self.set_marked(&key, true);
            self.cache.forget(&key);
            Ok(())
        })
    }
}

fn refuse_root(path: &RemotePath) -> StoreResult<()> {
    if path.is_root() {
        return Err(Failure::new(ErrorCode::BadRequest).because("the root directory itself stays as it is"));
    }
    refuse_own(path)
}

/// The time by this machine's clock.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::new(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
}

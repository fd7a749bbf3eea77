//! Files that are not visible yet. A small one is one request at its commit; a large one is sent in parts meanwhile, of which
//! the commit makes an object.

use super::cache::Remembered;
use super::client::{Condition, Head, Task};
use super::errors::wrong;
use super::hex::hex;
use super::keys::refuse_own;
use super::list::ListRequest;
use super::metadata::Metadata;
use super::record::{Record, SourceVersion};
use super::source::BucketSource;
use super::store::{Bucket, directory_entry, entry_of};
use super::upload::Upload;
use bytes::Bytes;
use remofile::protocol::digest::digest;
use remofile::protocol::path::{FileName, RemotePath};
use remofile::protocol::wire::{Entry, ErrorCode, Failure, Version};
use remofile::store::{Checkpoint, Directory, ResumeAt, Source, StagePlan, Staged, StoreResult};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Files of fewer bytes are not worth keeping for a later attempt.
const LEAST_PARTIAL_BYTES: u64 = 1024 * 1024;

/// The fewest bytes that services take of a part which is not the last.
const LEAST_PART_BYTES: usize = 5 * 1024 * 1024;

/// No service takes larger objects; most take smaller ones alone.
const MOST_OBJECT_BYTES: u64 = 5 << 40;

/// A directory that files are staged in.
pub(crate) struct BucketDirectory {
    bucket: Arc<Bucket>,
    path: RemotePath,
    /// The names in it, from when it is known that many files are staged.
    names: Mutex<Names>,
}

/// The names in a directory, as far as they are known.
enum Names {
    /// So many files were staged, one look for each.
    Unknown(u32),
    /// All names there were.
    Known(HashSet<String>),
    /// There are too many.
    TooMany,
}

/// Files that are staged one by one in a directory before it is listed.
const FEW: u32 = 3;

/// Names that are remembered of a directory at most.
const MOST_NAMES: usize = 20_000;

impl BucketDirectory {
    pub(crate) fn new(bucket: &Arc<Bucket>, path: &RemotePath) -> Self {
        Self { bucket: Arc::clone(bucket), path: path.clone(), names: Mutex::new(Names::Unknown(0)) }
    }

    /// Reports whether nothing has a name, as far as that is known without a request of its own. The commit has the last
    /// word about files, and directories that were made since are known to be marked.
    fn is_free(&self, name: &FileName, marker: &str) -> StoreResult<bool> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *names {
            Names::TooMany => return Ok(false),
            Names::Known(_) => {}
            Names::Unknown(looks) if *looks < FEW => {
                *looks += 1;
                return Ok(false);
            }
            Names::Unknown(_) => *names = self.bucket.client.wait(self.read_names())?,
        }
        match &*names {
            Names::Known(names) => Ok(!names.contains(name.as_str()) && !self.bucket.is_marked(marker)),
            Names::Unknown(_) | Names::TooMany => Ok(false),
        }
    }

    async fn read_names(&self) -> StoreResult<Names> {
        let prefix = self.bucket.client.keys.directory(&self.path);
        let request = ListRequest { prefix: prefix.clone(), is_flat: true, ..ListRequest::default() };
        let (mut names, mut token) = (HashSet::new(), None);
        loop {
            let page = self.bucket.client.list(&request, token.as_deref()).await?;
            for item in page.items {
                let name = item.key.strip_prefix(&prefix).unwrap_or_default();
                names.insert(name.trim_end_matches('/').to_owned());
            }
            token = page.next;
            if token.is_none() {
                return Ok(Names::Known(names));
            }
            if names.len() > MOST_NAMES {
                return Ok(Names::TooMany);
            }
        }
    }
}

impl Directory for BucketDirectory {
    fn stage(&self, name: &FileName, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        let path = self.path.child(name)?;
        refuse_own(&path)?;
        // Parts, which are held in memory, grow with the size.
        if plan.size.is_some_and(|size| size > MOST_OBJECT_BYTES) {
            return Err(ErrorCode::FileTooLarge.into());
        }
        let (bucket, key) = (&self.bucket, self.bucket.client.keys.file(&path));
        let is_free = self.is_free(name, &bucket.client.keys.directory(&path))?;
        let look = async {
            if is_free {
                return Ok(None);
            }
            let (there, is_directory) =
                futures_util::future::join(bucket.client.head(&key), bucket.is_directory(&path)).await;
            match (there?, is_directory?) {
                (_, true) => Err(directory_in_the_way()),
                (Some(_), false) if !plan.replace && plan.expected.is_none() => Err(ErrorCode::AlreadyExists.into()),
                (there, false) => Ok(there),
            }
        };
        let there = bucket.client.wait(look)?;
        let worth = is_worth_keeping(plan);
        let version =
            plan.size.zip(plan.modified).filter(|_| worth).map(|(size, modified)| SourceVersion::new(size, modified));
        let (upload, buffer) = match plan.resume {
            Some(at) => bucket.client.wait(resume(bucket, &path, version, at))?,
            None => {
                // Begun anew: nothing is left that could be taken for a part of it.
                if worth {
                    bucket.client.wait(bucket.abandon(&Record::name(&path)))?;
                }
                (Upload::new(bucket, &path, version), Vec::new())
            }
        };
        let mode = plan.mode.map(|mode| mode & 0o777).or(there.as_ref().and_then(|there| there.metadata.mode));
        let mode = mode.or(bucket.client.options.file_mode);
        let metadata = Metadata { modified: plan.modified, mode, ..Metadata::default() };
        let (bucket, plan) = (Arc::clone(bucket), *plan);
        Ok(Box::new(BucketStaged {
            bucket,
            key,
            plan,
            metadata,
            buffer,
            upload: Some(upload),
            last: None,
            copied: None,
            committing: None,
        }))
    }

    fn look(&self, name: &FileName) -> Option<StoreResult<Entry>> {
        let looked = self.path.child(name).map_err(Into::into).and_then(|path| {
            refuse_own(&path)?;
            let bucket = &self.bucket;
            bucket.client.wait(async {
                if let Some(head) = bucket.client.head(&bucket.client.keys.file(&path)).await? {
                    return Ok(entry_of(path, &head));
                }
                if !bucket.is_directory(&path).await? {
                    return Err(ErrorCode::NotFound.into());
                }
                let head = bucket.client.head(&bucket.client.keys.directory(&path)).await?;
                let none = Remembered { modified: None, mode: None };
                let remembered = head.as_ref().map_or(none, |head| Remembered::from(&head.metadata));
                Ok(directory_entry(path, remembered, head.map(|head| head.stored)))
            })
        });
        Some(looked)
    }
}

/// Goes on with what is kept of a file, if it still is what it was; returns it and the bytes behind the last whole part.
async fn resume(
    bucket: &Arc<Bucket>,
    path: &RemotePath,
    version: Option<SourceVersion>,
    at: ResumeAt,
) -> StoreResult<(Upload, Vec<u8>)> {
    let changed = || Failure::new(ErrorCode::PartialChanged);
    let name = Record::name(path);
    if bucket.lock_active().contains(&name) {
        return Err(changed());
    }
    let (bytes, _) = bucket.client.read(&bucket.record_key(&name)).await?.ok_or_else(changed)?;
    let record = Record::read(&bytes).filter(|record| record.path == path.as_str()).ok_or_else(changed)?;
    let is_same = Record::version(&bytes) == at.version && version.is_some() && record.version == version;
    let is_place = at.offset == 0 || record.resumable().iter().any(|checkpoint| checkpoint.offset == at.offset);
    if !is_same || !is_place {
        return Err(changed());
    }
    // Not trusted: the service tells which parts it has.
    if let Some(upload) = &record.upload {
        let there = bucket.client.parts(&record.key, upload).await?;
        if record.parts.iter().any(|part| !there.contains(part)) {
            return Err(changed());
        }
    }
    let mut buffer = Vec::new();
    if at.offset > record.in_parts() {
        let (tail, _) = bucket.client.read(&bucket.tail_key(&name)).await?.ok_or_else(changed)?;
        let is_same = record
            .tail
            .as_ref()
            .is_some_and(|kept| kept.bytes == tail.len() as u64 && kept.digest == hex(&digest(&tail)));
        if !is_same {
            return Err(wrong("other bytes than were kept of a file"));
        }
        buffer.extend_from_slice(&tail);
    }
    Ok((Upload::resumed(bucket, name, record, at.offset), buffer))
}

struct BucketStaged {
    bucket: Arc<Bucket>,
    key: String,
    plan: StagePlan,
    metadata: Metadata,
    /// Bytes that were not sent yet.
    buffer: Vec<u8>,
    /// Present until it is committed.
    upload: Option<Upload>,
    /// The last checkpoint, if nothing was written since.
    last: Option<Checkpoint>,
    /// An object that all of it is the same as.
    copied: Option<(String, Head)>,
    /// The commit, if it was begun.
    committing: Option<Task<()>>,
}

impl BucketStaged {
    fn is_worth_keeping(&self) -> bool {
        is_worth_keeping(&self.plan)
    }

    /// Returns the bytes that a part has at least: with smaller parts than services take, those are for tests.
    fn least_part(&self) -> usize {
        LEAST_PART_BYTES.min(self.bucket.client.options.part_bytes)
    }

    /// Sends parts as long as enough is left for the last one.
    fn send_full(&mut self) -> StoreResult<()> {
        let least = self.least_part();
        let Some(upload) = &mut self.upload else { return Ok(()) };
        loop {
            let part = upload.part_bytes(self.plan.size);
            if self.buffer.len() < part + least {
                return Ok(());
            }
            let rest = self.buffer.split_off(part);
            let content = std::mem::replace(&mut self.buffer, rest);
            upload.send(content, &self.metadata)?;
        }
    }

    /// Reads what it is a copy of, since it becomes something else.
    fn read_copied(&mut self) -> StoreResult<()> {
        let Some((key, head)) = self.copied.take() else { return Ok(()) };
        let mut offset = 0;
        while offset < head.size {
            let end = (offset + LEAST_PART_BYTES as u64).min(head.size);
            let client = Arc::clone(&self.bucket.client);
            let bytes = client.wait(async {
                let result = client.get(&key, Some(offset..end), Some(&head.etag)).await?;
                result.bytes().await.map_err(|error| super::errors::failure(&error))
            })?;
            if bytes.len() as u64 != end - offset {
                return Err(wrong("fewer bytes of an object than it has"));
            }
            self.buffer.extend_from_slice(&bytes);
            self.send_full()?;
            offset = end;
        }
        Ok(())
    }

    /// Begins the commit of a file without parts; of others nothing.
    fn begin(&mut self) -> StoreResult<()> {
        self.upload.as_ref().map_or(Ok(()), Upload::check)?;
        if self.committing.is_some() || self.upload.as_ref().is_none_or(Upload::has_parts) {
            return Ok(());
        }
        let (bucket, key, plan, metadata) =
            (Arc::clone(&self.bucket), self.key.clone(), self.plan, self.metadata.clone());
        let content = Bytes::from(std::mem::take(&mut self.buffer));
        let copied = self.copied.take();
        let task = self.bucket.client.spawn(async move {
            let _turn = bucket.turn().await;
            let condition = bucket.condition(&key, &plan).await?;
            let outcome = match copied {
                Some((from, head)) => {
                    bucket.refuse_taken(&key, &condition).await?;
                    bucket.client.copy(&from, &head, &key, &metadata).await
                }
                None => bucket.client.put(&key, content.into(), &metadata, condition).await.map(drop),
            };
            bucket.cache.forget(&key);
            outcome
        });
        self.committing = Some(task.ok_or(ErrorCode::ShuttingDown)?);
        Ok(())
    }

    /// Makes an object of the parts.
    fn end_parts(&mut self) -> StoreResult<()> {
        let Some(upload) = &mut self.upload else { return Ok(()) };
        if !self.buffer.is_empty() {
            upload.send(std::mem::take(&mut self.buffer), &self.metadata)?;
        }
        let Some((number, parts)) = upload.finish()? else { return Ok(()) };
        let (bucket, key, plan) = (&self.bucket, &self.key, &self.plan);
        bucket.client.wait(async {
            let condition = bucket.condition(key, plan).await?;
            // Not every service has a condition for this; between the look and the end only this server writes.
            bucket.refuse_taken(key, &condition).await?;
            let ended = bucket.client.end_upload(key, &number, parts).await;
            bucket.cache.forget(key);
            ended
        })
    }
}

impl Staged for BucketStaged {
    fn write(&mut self, bytes: &[u8]) -> StoreResult<()> {
        self.read_copied()?;
        self.last = None;
        self.buffer.extend_from_slice(bytes);
        self.send_full()
    }

    fn write_hole(&mut self, bytes: u64) -> StoreResult<()> {
        if bytes > MOST_OBJECT_BYTES {
            return Err(ErrorCode::FileTooLarge.into());
        }
        // Zeros in the program itself would make it larger by as many bytes.
        let zeros = vec![0; 64 * 1024];
        let mut left = bytes;
        while left > 0 {
            let piece = usize::try_from(left).ok().and_then(|left| zeros.get(..left)).unwrap_or(&zeros);
            self.write(piece)?;
            left -= piece.len() as u64;
        }
        Ok(())
    }

    fn share(&mut self, source: &dyn Source) -> StoreResult<Option<u64>> {
        let is_empty = self.buffer.is_empty() && self.upload.as_ref().is_some_and(|upload| !upload.has_parts());
        let source: &dyn std::any::Any = match source.as_any() {
            Some(source) if is_empty && self.copied.is_none() => source,
            _ => return Ok(None),
        };
        let Some(source) = source.downcast_ref::<BucketSource>().filter(|source| source.is_in(&self.bucket)) else {
            return Ok(None);
        };
        self.copied = Some((source.key().to_owned(), source.head().clone()));
        Ok(Some(source.head().size))
    }

    fn wants_checkpoints(&self) -> bool {
        self.is_worth_keeping()
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint) {
        let least = self.least_part();
        let Some(upload) = &mut self.upload else { return };
        // A part that ends here, so that it can be gone on with from here.
        if self.buffer.len() >= least {
            let content = std::mem::take(&mut self.buffer);
            if let Err(failure) = upload.send(content, &self.metadata) {
                tracing::debug!(%failure, "a part could not be sent");
            }
            upload.checkpoint(&checkpoint);
        }
        self.last = Some(checkpoint);
    }

    fn end_writing(&mut self) -> StoreResult<bool> {
        // Small files are stored many at once.
        Ok(self.upload.as_ref().is_some_and(|upload| !upload.has_parts()))
    }

    fn begin_commit(&mut self) {
        if let Err(failure) = self.begin() {
            tracing::debug!(%failure, "a commit could not be begun");
        }
    }

    fn commit(mut self: Box<Self>) -> StoreResult<()> {
        self.begin()?;
        match &mut self.committing {
            Some(committing) => self.bucket.client.wait(committing.outcome())?,
            None => self.end_parts()?,
        }
        if let Some(upload) = self.upload.take() {
            upload.completed();
        }
        Ok(())
    }

    fn retain_partial(mut self: Box<Self>) {
        let is_worth = self.is_worth_keeping() && self.committing.is_none();
        if let Some(upload) = self.upload.take().filter(|_| is_worth) {
            upload.retain(&self.buffer, self.last.as_ref());
        }
    }
}

/// Reports whether a file is large enough for its partial to be kept, and its version known.
fn is_worth_keeping(plan: &StagePlan) -> bool {
    plan.size.is_some_and(|size| size >= LEAST_PARTIAL_BYTES) && plan.modified.is_some()
}

pub(crate) fn directory_in_the_way() -> Failure {
    Failure::new(ErrorCode::AlreadyExists).because("a directory is in the way")
}

impl Bucket {
    /// Returns the condition of the commit of a file.
    async fn condition(&self, key: &str, plan: &StagePlan) -> StoreResult<Condition> {
        let expected: Version = match plan.expected {
            Some(expected) => expected,
            None if plan.replace => return Ok(Condition::None),
            None if self.client.has_conditions().await? => return Ok(Condition::Absent),
            None => return self.absent(key).await,
        };
        match self.client.head(key).await? {
            Some(there) if BucketSource::version_of(&there) == expected => {
                let has = self.client.has_conditions().await? && !there.etag.is_empty();
                Ok(if has { Condition::Etag(there.etag) } else { Condition::None })
            }
            _ => Err(ErrorCode::SourceChanged.into()),
        }
    }

    /// Looks whether a key is free, where the service cannot be asked to.
    async fn absent(&self, key: &str) -> StoreResult<Condition> {
        match self.client.head(key).await? {
            Some(_) => Err(ErrorCode::AlreadyExists.into()),
            None => Ok(Condition::None),
        }
    }

    /// Refuses a key that does not meet a condition, before a request that has none.
    async fn refuse_taken(&self, key: &str, condition: &Condition) -> StoreResult<()> {
        match condition {
            Condition::Absent => self.absent(key).await.map(drop),
            Condition::Etag(_) | Condition::None => Ok(()),
        }
    }
}

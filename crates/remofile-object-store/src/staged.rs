//! Files that are not visible yet. A small one is one request at its commit; a large one is sent in parts meanwhile, of which
//! the commit makes an object.

use super::client::Task;
use super::conditions::Condition;
use super::end::End;
use super::errors::wrong;
use super::head::Head;
use super::metadata::Metadata;
use super::names::Names;
use super::source::BucketSource;
use super::store::Bucket;
use super::upload::Upload;
use bytes::Bytes;
use remofile::protocol::wire::{ErrorCode, Failure, Version};
use remofile::store::{Checkpoint, Source, StagePlan, Staged, StoreResult};
use std::sync::Arc;

/// Files of fewer bytes are not worth keeping for a later attempt.
const LEAST_PARTIAL_BYTES: u64 = 1024 * 1024;

/// The fewest bytes that services take of a part which is not the last.
const LEAST_PART_BYTES: usize = 5 * 1024 * 1024;

/// No service takes larger objects; most take smaller ones alone.
pub(crate) const MOST_OBJECT_BYTES: u64 = 5 << 40;

/// A file that is written, and is not visible yet.
pub(crate) struct BucketStaged {
    pub(crate) bucket: Arc<Bucket>,
    pub(crate) key: String,
    pub(crate) plan: StagePlan,
    pub(crate) metadata: Metadata,
    /// Bytes that were not sent yet.
    pub(crate) buffer: Vec<u8>,
    /// Present until it is committed.
    pub(crate) upload: Option<Upload>,
    /// The last checkpoint, if nothing was written since.
    pub(crate) last: Option<Checkpoint>,
    /// An object that all of it is the same as.
    pub(crate) copied: Option<(String, Head)>,
    /// The names in its directory, unless they cannot tell whether its own is free.
    pub(crate) names: Option<Arc<Names>>,
    /// A look at what it replaces, which its commit waits for: a directory is in the way, and a file hands on its mode.
    pub(crate) looking: Option<Task<Option<Head>>>,
    /// The commit, if it was begun.
    pub(crate) committing: Option<Task<()>>,
}

impl BucketStaged {
    fn is_worth_keeping(&self) -> bool {
        is_worth_keeping(&self.plan)
    }

    /// Sends parts as long as enough is left for the last one.
    fn send_full(&mut self) -> StoreResult<()> {
        let least = least_part(&self.bucket);
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
            let bytes =
                client.wait(async { Ok(client.get(&key, Some(offset..end), Some(&head.etag)).await?.bytes) })?;
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
        let (bucket, key, plan, mut metadata) =
            (Arc::clone(&self.bucket), self.key.clone(), self.plan, self.metadata.clone());
        let content = Bytes::from(std::mem::take(&mut self.buffer));
        let (copied, names, looking) = (self.copied.take(), self.names.take(), self.looking.take());
        let task = self.bucket.client.spawn(async move {
            // Before its own turn: the look has one.
            if let Some(mut looking) = looking {
                let there = looking.outcome().await?;
                let mode = metadata.mode.or(there.and_then(|there| there.metadata.mode));
                metadata.mode = mode.or(bucket.client.options.file_mode);
            }
            let _turn = bucket.turn().await;
            let condition = bucket.condition(&key, &plan, names.as_deref()).await?;
            let outcome = match copied {
                Some((from, head)) => {
                    bucket.refuse_taken(&key, &condition).await?;
                    // What other tools keep beside it says what the content is.
                    let Metadata { others, headers, .. } = head.metadata.clone();
                    bucket.client.copy(&from, &head, &key, &Metadata { others, headers, ..metadata }).await
                }
                None => bucket.client.put(&key, content.into(), &metadata, condition).await.map(drop),
            };
            bucket.cache.forget(&key);
            if key.ends_with('/') && outcome.is_ok() {
                bucket.set_marked(&key, true);
            }
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
        let (bucket, key, plan, metadata, bytes) =
            (&self.bucket, &self.key, &self.plan, &self.metadata, upload.sent_bytes());
        bucket.client.wait(async {
            let condition = bucket.condition(key, plan, None).await?;
            // Not every service has a condition for this; between the look and the end only this server writes.
            let before = bucket.client.head(key).await?;
            if before.is_some() && matches!(condition, Condition::Absent) {
                return Err(ErrorCode::AlreadyExists.into());
            }
            let end = End { key, upload: &number, before: before.as_ref(), condition, bytes, metadata };
            let ended = bucket.client.end_upload(end, parts).await;
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
        let least = least_part(&self.bucket);
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
        let committed = self.begin().and_then(|()| match &mut self.committing {
            Some(committing) => self.bucket.client.wait(committing.outcome()),
            None => self.end_parts(),
        });
        match &committed {
            Ok(()) => self.upload.take().into_iter().for_each(Upload::completed),
            // The service is slow or away: nothing is wrong with what it has.
            Err(failure) if failure.code == ErrorCode::OutOfResources => self.retain_partial(),
            Err(_) => {}
        }
        committed
    }

    fn retain_partial(mut self: Box<Self>) {
        let is_worth = self.is_worth_keeping() && self.committing.is_none();
        if let Some(upload) = self.upload.take().filter(|_| is_worth) {
            upload.retain(&self.buffer, self.last.as_ref());
        }
    }
}

/// Reports whether a file is large enough for its partial to be kept, and its version known.
pub(crate) fn is_worth_keeping(plan: &StagePlan) -> bool {
    plan.size.is_some_and(|size| size >= LEAST_PARTIAL_BYTES) && plan.modified.is_some()
}

/// Returns the bytes that a part has at least: with smaller parts than services take, those are for tests.
pub(crate) fn least_part(bucket: &Bucket) -> usize {
    LEAST_PART_BYTES.min(bucket.client.options.part_bytes)
}

pub(crate) fn directory_in_the_way() -> Failure {
    Failure::new(ErrorCode::AlreadyExists).because("a directory is in the way")
}

impl Bucket {
    /// Returns the condition of the commit of a file. The names in its directory spare it a look of its own.
    async fn condition(&self, key: &str, plan: &StagePlan, names: Option<&Names>) -> StoreResult<Condition> {
        let expected: Version = match plan.expected {
            Some(expected) => expected,
            None if plan.replace => return Ok(Condition::None),
            None if self.client.conditions().await?.has_absent => return Ok(Condition::Absent),
            None => {
                let is_free = match names {
                    Some(names) => names.free_since(key).await?.is_some(),
                    None => false,
                };
                return if is_free { Ok(Condition::None) } else { self.absent(key).await };
            }
        };
        match self.client.head(key).await? {
            Some(there) if BucketSource::version_of(&there) == expected => {
                Ok(self.client.conditions().await?.heeded(Condition::Etag(there.etag)))
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

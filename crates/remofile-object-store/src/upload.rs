//! Uploads of large files: in parts, several at once.

use super::client::Task;
use super::hex::hex;
use super::metadata::Metadata;
use super::part::Part;
use super::record::{Record, Saved, SourceVersion, Tail};
use super::store::Bucket;
use bytes::Bytes;
use remofile::protocol::digest::digest;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::store::{Checkpoint, StoreResult};
use std::collections::VecDeque;
use std::sync::Arc;

/// The parts that an upload may have at most, with some left over.
const MOST_PARTS: u64 = 9_000;

/// An upload that is under way.
pub(crate) struct Upload {
    bucket: Arc<Bucket>,
    name: String,
    record: Record,
    coming: VecDeque<(Task<String>, u64)>,
    /// Bytes in parts that were sent or are.
    sent: u64,
    /// Checkpoints whose parts are not all there yet.
    checkpoints: VecDeque<Saved>,
    /// The storing of the record as it was last.
    saving: Option<Task<()>>,
    /// True if there may be a record.
    is_recorded: bool,
    /// The reason that a part is missing: nothing is made of the others.
    failed: Option<Failure>,
}

impl Upload {
    /// Begins a file whose bytes are sent later.
    pub(crate) fn new(
        bucket: &Arc<Bucket>,
        path: &RemotePath,
        version: Option<SourceVersion>,
        owner: Option<&str>,
    ) -> Self {
        let key = bucket.client.keys.file(path);
        let record = Record {
            path: path.to_string(),
            owner: owner.map(str::to_owned),
            key,
            version,
            upload: None,
            parts: Vec::new(),
            tail: None,
            checkpoints: Vec::new(),
        };
        Self::of(bucket, Record::name(path, owner), record, false)
    }

    /// Goes on with what a record tells of; what is behind an offset is forgotten.
    pub(crate) fn resumed(bucket: &Arc<Bucket>, name: String, mut record: Record, offset: u64) -> Self {
        while record.in_parts() > offset && record.parts.pop().is_some() {}
        record.checkpoints.retain(|saved| saved.offset <= offset);
        record.tail = None;
        Self::of(bucket, name, record, true)
    }

    fn of(bucket: &Arc<Bucket>, name: String, record: Record, is_recorded: bool) -> Self {
        let (bucket, sent) = (Arc::clone(bucket), record.in_parts());
        bucket.begin_active(&name);
        Self {
            bucket,
            name,
            record,
            coming: VecDeque::new(),
            sent,
            checkpoints: VecDeque::new(),
            saving: None,
            is_recorded,
            failed: None,
        }
    }

    /// Reports whether parts were sent.
    pub(crate) fn has_parts(&self) -> bool {
        self.record.upload.is_some()
    }

    /// Returns the bytes in parts that were sent or are.
    pub(crate) fn sent_bytes(&self) -> u64 {
        self.sent
    }

    /// Returns the bytes of a part of a file of this size.
    pub(crate) fn part_bytes(&self, size: Option<u64>) -> usize {
        let least = self.bucket.client.options.part_bytes;
        let needed = match size {
            Some(size) => size / MOST_PARTS + 1,
            // Parts grow with a file whose size nobody knows, so that there are never too many.
            None => self.sent / (MOST_PARTS / 8) + 1,
        };
        least.max(usize::try_from(needed).unwrap_or(usize::MAX))
    }

    /// Sends a part, when those before it leave room.
    ///
    /// # Errors
    /// If it cannot be sent, or one before it is missing: then all that comes after it fails.
    pub(crate) fn send(&mut self, content: Vec<u8>, metadata: &Metadata) -> StoreResult<()> {
        self.check()?;
        let sent = self.send_part(content, metadata);
        self.failed = sent.as_ref().err().cloned();
        sent
    }

    /// Fails if bytes that were to be sent are lost.
    pub(crate) fn check(&self) -> StoreResult<()> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn send_part(&mut self, content: Vec<u8>, metadata: &Metadata) -> StoreResult<()> {
        let upload = match &self.record.upload {
            Some(upload) => upload.clone(),
            None => {
                let client = &self.bucket.client;
                let upload = client.wait(client.begin_upload(&self.record.key, metadata))?;
                self.record.upload = Some(upload.clone());
                // Before the first part: whatever becomes of this server, what it began is known.
                self.save();
                self.settle_saving()?;
                upload
            }
        };
        while self.coming.len() >= self.bucket.client.options.parallel_parts.max(1) {
            self.take()?;
        }
        let (bucket, key, index) =
            (Arc::clone(&self.bucket), self.record.key.clone(), self.record.parts.len() + self.coming.len());
        let permits = Arc::clone(&self.bucket.parts);
        let permit = self
            .bucket
            .client
            .wait(async { permits.acquire_owned().await.map_err(|_| ErrorCode::ShuttingDown.into()) })?;
        let bytes = content.len() as u64;
        let content = Bytes::from(content);
        let task = self.bucket.client.spawn(async move {
            let sent = bucket.client.put_part(&key, &upload, index, content.into()).await;
            drop(permit);
            sent
        });
        self.coming.push_back((task.ok_or(ErrorCode::ShuttingDown)?, bytes));
        self.sent += bytes;
        while self.coming.front().is_some_and(|(task, _)| task.is_over()) {
            self.take()?;
        }
        Ok(())
    }

    /// Waits for the oldest part that is under way.
    fn take(&mut self) -> StoreResult<()> {
        let Some((mut task, bytes)) = self.coming.pop_front() else { return Ok(()) };
        let etag = self.bucket.client.wait(task.outcome())?;
        self.record.parts.push(Part { etag, bytes });
        self.note_checkpoints();
        Ok(())
    }

    /// Notes a checkpoint at the end of what was sent.
    pub(crate) fn checkpoint(&mut self, checkpoint: &Checkpoint) {
        if let Some(saved) = saved(checkpoint).filter(|saved| saved.offset == self.sent) {
            self.checkpoints.push_back(saved);
            self.note_checkpoints();
        }
    }

    /// Writes down the checkpoints whose parts are there.
    fn note_checkpoints(&mut self) {
        let there = self.record.in_parts();
        let before = self.checkpoints.len();
        while self.checkpoints.front().is_some_and(|saved| saved.offset <= there) {
            self.record.checkpoints.extend(self.checkpoints.pop_front());
        }
        if self.checkpoints.len() < before {
            self.save();
        }
    }

    /// Has the record stored as it is now, if it can be gone on with: behind the one before.
    fn save(&mut self) {
        self.is_recorded = true;
        let mut before = self.saving.take();
        let (bucket, key, record) = (Arc::clone(&self.bucket), self.bucket.record_key(&self.name), self.record.bytes());
        self.saving = self.bucket.client.spawn(async move {
            if let Some(before) = &mut before {
                before.outcome().await?;
            }
            let (metadata, condition) = (Metadata::default(), super::conditions::Condition::None);
            bucket.client.put(&key, record.into(), &metadata, condition).await.map(drop)
        });
    }

    fn settle_saving(&mut self) -> StoreResult<()> {
        match &mut self.saving.take() {
            Some(saving) => self.bucket.client.wait(saving.outcome()),
            None => Ok(()),
        }
    }

    /// Waits for all parts, and returns the number of the upload and their tags.
    pub(crate) fn finish(&mut self) -> StoreResult<Option<(String, Vec<String>)>> {
        self.check()?;
        while !self.coming.is_empty() {
            let taken = self.take();
            self.failed = taken.as_ref().err().cloned();
            taken?;
        }
        self.settle_saving()?;
        let etags = self.record.parts.iter().map(|part| part.etag.clone()).collect();
        Ok(self.record.upload.clone().map(|upload| (upload, etags)))
    }

    /// Forgets the record of an upload that has become an object.
    pub(crate) fn completed(mut self) {
        self.record.upload = None;
        self.clear();
    }

    /// Keeps what was sent, and the bytes behind it, for a later attempt. Of what cannot be kept, the record that is there already
    /// tells up to which part a later attempt has it.
    pub(crate) fn retain(mut self, tail: &[u8], last: Option<&Checkpoint>) {
        let is_whole = self.finish().map(drop);
        let has_kept = !self.record.checkpoints.is_empty();
        if let Err(failure) = is_whole.and_then(|()| self.keep(tail, last)) {
            tracing::debug!(%failure, "not all that came of a file could be kept");
            if !has_kept {
                return;
            }
        }
        self.coming.clear();
        if let Err(failure) = self.settle_saving() {
            tracing::debug!(%failure, "the record of a file is not the last one");
        }
        self.bucket.end_active(&self.name);
        self.record.upload = None;
        self.name.clear();
    }

    /// Stores the bytes behind the last part, if there was a checkpoint at their end, and the record.
    fn keep(&mut self, tail: &[u8], last: Option<&Checkpoint>) -> StoreResult<()> {
        let end = self.sent + tail.len() as u64;
        let last = last.and_then(saved).filter(|saved| saved.offset == end && !tail.is_empty());
        let (client, condition) = (Arc::clone(&self.bucket.client), super::conditions::Condition::None);
        if let Some(last) = last {
            let (content, key) = (Bytes::copy_from_slice(tail), self.bucket.tail_key(&self.name));
            client.wait(client.put(&key, content.into(), &Metadata::default(), condition.clone()))?;
            self.record.tail = Some(Tail { bytes: tail.len() as u64, digest: hex(&digest(tail)) });
            if self.record.checkpoints.last() != Some(&last) {
                self.record.checkpoints.push(last);
            }
        }
        self.is_recorded = true;
        let (key, record) = (self.bucket.record_key(&self.name), self.record.bytes());
        client.wait(client.put(&key, record.into(), &Metadata::default(), condition)).map(drop)
    }

    /// Removes everything that is left of it.
    fn clear(&mut self) {
        if self.name.is_empty() {
            return;
        }
        self.coming.clear();
        if !self.is_recorded {
            self.bucket.end_active(&self.name);
            return;
        }
        let saving = self.saving.take();
        let (bucket, name) = (Arc::clone(&self.bucket), std::mem::take(&mut self.name));
        let (key, upload) = (self.record.key.clone(), self.record.upload.take());
        let client = Arc::clone(&self.bucket.client);
        let cleared = client.wait(async {
            if let Some(mut saving) = saving {
                // It must not come behind the removal.
                let _outcome = saving.outcome().await;
            }
            if let Some(upload) = upload {
                bucket.client.abort_upload(&key, &upload).await?;
            }
            bucket.clear_record(&name).await
        });
        if let Err(failure) = cleared {
            tracing::debug!(%failure, "what is left of an upload is cleared when it is old");
        }
        bucket.end_active(&name);
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.clear();
    }
}

fn saved(checkpoint: &Checkpoint) -> Option<Saved> {
    Some(Saved { offset: checkpoint.offset, state: hex(&checkpoint.save()?) })
}

impl Bucket {
    /// Removes a record and what is beside it.
    pub(crate) async fn clear_record(&self, name: &str) -> StoreResult<()> {
        // The record last, so that what breaks off is found again.
        self.client.delete(&self.tail_key(name)).await?;
        self.client.delete(&self.record_key(name)).await
    }
}

//! Directories that files are staged in: what is known of their names, and where a file is gone on with.

use super::client::Task;
use super::head::Head;
use super::hex::hex;
use super::keys::refuse_own;
use super::metadata::{Metadata, Remembered};
use super::names::Names;
use super::record::{Record, SourceVersion};
use super::staged::{BucketStaged, MOST_OBJECT_BYTES, directory_in_the_way, is_worth_keeping, least_part};
use super::store::{Bucket, directory_entry, entry_of};
use super::upload::Upload;
use remofile::protocol::digest::digest;
use remofile::protocol::path::{FileName, RemotePath};
use remofile::protocol::wire::{Entry, ErrorCode, Failure};
use remofile::store::{Checkpoint, Directory, ResumeAt, StagePlan, Staged, StagedDirectory, StoreResult};
use std::sync::Arc;
use std::time::Instant;

/// A directory that files are staged in.
pub(crate) struct BucketDirectory {
    bucket: Arc<Bucket>,
    path: RemotePath,
    owner: Option<Arc<str>>,
    names: Arc<Names>,
}

impl BucketDirectory {
    /// One in which partials are those of an owner, if it has one.
    pub(crate) fn new(bucket: &Arc<Bucket>, path: &RemotePath, owner: Option<Arc<str>>) -> Self {
        let names = Names::unknown(&bucket.client, bucket.client.keys.directory(path));
        Self { bucket: Arc::clone(bucket), path: path.clone(), owner, names: Arc::new(names) }
    }

    /// A directory in which nothing was at a time.
    fn empty_at(&self, path: &RemotePath, at: Instant) -> Self {
        let bucket = Arc::clone(&self.bucket);
        let names = Names::none_at(&bucket.client, bucket.client.keys.directory(path), at);
        Self { bucket, path: path.clone(), owner: self.owner.clone(), names: Arc::new(names) }
    }

    /// Reports whether nothing has a name, as far as that is known without a request of its own. The commit has the last
    /// word about files, and directories that were made since are known to be marked.
    fn was_free(&self, name: &FileName, marker: &str) -> StoreResult<bool> {
        let was_free = self.bucket.client.wait(self.names.was_free(name.as_str()))?;
        Ok(was_free && !self.bucket.is_marked(marker))
    }

    /// Returns the time at which nothing had the name of a directory that is to be made; `None` if it is there.
    fn absent_since(&self, path: &RemotePath, name: &FileName) -> StoreResult<Option<Instant>> {
        let bucket = &self.bucket;
        let (key, marker) = (bucket.client.keys.file(path), bucket.client.keys.directory(path));
        let was_free = self.names.give(name.as_str()) && self.was_free(name, &marker)?;
        bucket.client.wait(async {
            if was_free && let Some(at) = self.names.free_since(&key).await? {
                return Ok(Some(at));
            }
            let at = Instant::now();
            if bucket.is_directory(path).await? {
                return Ok(None);
            }
            match bucket.client.head(&key).await? {
                Some(_) => Err(ErrorCode::AlreadyExists.into()),
                None => Ok(Some(at)),
            }
        })
    }

    /// Reports whether a file is stored by one request in the end: then the look at what it replaces goes on meanwhile.
    fn is_one_request(&self, plan: &StagePlan) -> bool {
        let least = least_part(&self.bucket);
        plan.resume.is_none() && plan.size.is_some_and(|size| size < least as u64)
    }

    fn begin_look(&self, path: &RemotePath) -> Option<Task<Option<Head>>> {
        let (bucket, path) = (Arc::clone(&self.bucket), path.clone());
        self.bucket.client.spawn(async move {
            let _turn = bucket.turn().await;
            look_at(&bucket, &path).await
        })
    }

    fn stage_marker(&self, name: &FileName, mode: Option<u32>) -> StoreResult<StagedDirectory> {
        let path = self.path.child(name)?;
        refuse_own(&path)?;
        let bucket = &self.bucket;
        let Some(at) = self.absent_since(&path, name)? else {
            let directory = Self::new(bucket, &path, self.owner.clone());
            return Ok(StagedDirectory { directory: Box::new(directory), staged: None });
        };
        let mode = mode.map(|mode| mode & 0o777).or(bucket.client.options.directory_mode);
        let staged = BucketStaged {
            bucket: Arc::clone(bucket),
            key: bucket.client.keys.directory(&path),
            plan: StagePlan { replace: true, ..StagePlan::default() },
            metadata: Metadata { mode, ..Metadata::default() },
            buffer: Vec::new(),
            upload: Some(Upload::new(bucket, &path, None, self.owner.as_deref())),
            last: None,
            copied: None,
            names: None,
            looking: None,
            committing: None,
        };
        let directory = Box::new(self.empty_at(&path, at));
        Ok(StagedDirectory { directory, staged: Some(Box::new(staged)) })
    }

    /// Goes on with what is kept of a file, if it still is what it was.
    async fn resume(&self, path: &RemotePath, version: Option<SourceVersion>, at: ResumeAt) -> StoreResult<Resumed> {
        let changed = || Failure::new(ErrorCode::PartialChanged);
        let (bucket, name) = (&self.bucket, Record::name(path, self.owner.as_deref()));
        if bucket.is_active(&name) {
            return Err(changed());
        }
        let (bytes, _) = bucket.client.read(&bucket.record_key(&name)).await?.ok_or_else(changed)?;
        let record = Record::read(&bytes).filter(|record| record.path == path.as_str()).ok_or_else(changed)?;
        let is_same = Record::version(&bytes) == at.version && version.is_some() && record.version == version;
        let last = record.resumable().into_iter().find(|checkpoint| checkpoint.offset == at.offset);
        if !is_same || (at.offset > 0 && last.is_none()) {
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
                // The record that belongs to them was not stored any more.
                return Err(changed());
            }
            buffer.extend_from_slice(&tail);
        }
        Ok(Resumed { upload: Upload::resumed(bucket, name, record, at.offset), buffer, last })
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
        let (bucket, key, owner) = (&self.bucket, self.bucket.client.keys.file(&path), self.owner.as_deref());
        let is_first = self.names.give(name.as_str());
        let was_free = is_first && self.was_free(name, &bucket.client.keys.directory(&path))?;
        let may_replace = plan.replace || plan.expected.is_some();
        let (mut there, mut looking) = (None, None);
        if !was_free && may_replace && self.is_one_request(plan) {
            looking = Some(self.begin_look(&path).ok_or(ErrorCode::ShuttingDown)?);
        } else if !was_free {
            there = bucket.client.wait(look_at(bucket, &path))?;
            if there.is_some() && !may_replace {
                return Err(ErrorCode::AlreadyExists.into());
            }
        }
        let worth = is_worth_keeping(plan);
        let version =
            plan.size.zip(plan.modified).filter(|_| worth).map(|(size, modified)| SourceVersion::new(size, modified));
        let Resumed { upload, buffer, last } = match plan.resume {
            Some(at) => bucket.client.wait(self.resume(&path, version, at))?,
            None => {
                // Begun anew: nothing is left that could be taken for a part of it.
                if worth {
                    bucket.client.wait(bucket.abandon(&Record::name(&path, owner)))?;
                }
                Resumed { upload: Upload::new(bucket, &path, version, owner), buffer: Vec::new(), last: None }
            }
        };
        let mode = plan.mode.map(|mode| mode & 0o777).or(there.and_then(|there| there.metadata.mode));
        let mode = if looking.is_some() { mode } else { mode.or(bucket.client.options.file_mode) };
        let metadata = Metadata { modified: plan.modified, mode, ..Metadata::default() };
        let (bucket, plan) = (Arc::clone(bucket), *plan);
        Ok(Box::new(BucketStaged {
            bucket,
            key,
            plan,
            metadata,
            buffer,
            upload: Some(upload),
            last,
            copied: None,
            names: is_first.then(|| Arc::clone(&self.names)),
            looking,
            committing: None,
        }))
    }

    fn stage_directory(&self, name: &FileName, mode: Option<u32>) -> Option<StoreResult<StagedDirectory>> {
        Some(self.stage_marker(name, mode))
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

/// Looks at what a file is to replace, which may be nothing, but no directory.
async fn look_at(bucket: &Bucket, path: &RemotePath) -> StoreResult<Option<Head>> {
    let key = bucket.client.keys.file(path);
    let (there, is_directory) = futures_util::future::join(bucket.client.head(&key), bucket.is_directory(path)).await;
    if is_directory? { Err(directory_in_the_way()) } else { there }
}

/// The state that a file is gone on with.
struct Resumed {
    upload: Upload,
    /// The bytes behind the last whole part.
    buffer: Vec<u8>,
    /// The checkpoint behind them, so that they are kept again if nothing comes.
    last: Option<Checkpoint>,
}

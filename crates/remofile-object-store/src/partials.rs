//! The store for those who go on with interrupted transfers.

use super::asking::Query;
use super::client::Client;
use super::errors::wrong;
use super::keys::path_of;
use super::listing::{Item, ListRequest, time_of};
use super::part::Part;
use super::record::{Record, TAIL};
use super::store::{Bucket, BucketStore};
use futures_util::StreamExt;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, Failure, Timestamp};
use remofile::store::{Partial, ResumeStore, Source, StoreResult, unsupported};
use serde::Deserialize;
use std::collections::HashSet;
use std::time::{Duration, SystemTime};

/// Partials that are told of at most.
const MOST_LISTED: usize = 10_000;

/// Records that are cleared at once.
const ABANDONED_AT_ONCE: usize = 16;

/// Uploads without a record are of a server that was gone before it wrote one, or of another tool, which has so long for them.
const LEAST_ORPHAN_AGE: Duration = Duration::from_secs(24 * 3600);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parts {
    #[serde(default, rename = "Part")]
    parts: Vec<ListedPart>,
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_part_number_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedPart {
    #[serde(rename = "ETag")]
    e_tag: String,
    size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Uploads {
    #[serde(default, rename = "Upload")]
    uploads: Vec<ListedUpload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedUpload {
    key: String,
    upload_id: String,
    initiated: String,
}

impl Client {
    /// Returns the parts that the service has of an upload; none of one that it does not know, or if it tells none.
    pub(crate) async fn parts(&self, key: &str, upload: &str) -> StoreResult<HashSet<Part>> {
        if let Some(azure) = self.service.azure(&self.requests) {
            return azure.waiting_blocks(key).await;
        }
        let mut parts = HashSet::new();
        let mut after: Option<String> = None;
        loop {
            let mut query: Query = vec![("uploadId", upload.to_owned())];
            query.extend(after.take().map(|after| ("part-number-marker", after)));
            let answer = match self.ask("GET", Some(key), query, &[]).await {
                Err(failure) if has_none(&failure) => break,
                answer => answer?,
            };
            let page: Parts =
                quick_xml::de::from_reader(&*answer).map_err(|_| wrong("a list of parts that is none"))?;
            parts.extend(page.parts.into_iter().map(|part| Part { etag: part.e_tag, bytes: part.size }));
            after = page.next_part_number_marker.filter(|_| page.is_truncated);
            if after.is_none() {
                break;
            }
        }
        Ok(parts)
    }

    /// Returns some uploads that were begun below the prefix; none if the service tells none.
    async fn uploads(&self) -> StoreResult<Vec<ListedUpload>> {
        if self.service.azure(&self.requests).is_some() {
            // The service forgets by itself what nobody ends.
            return Ok(Vec::new());
        }
        let prefix = self.keys.directory(&RemotePath::root());
        let answer = match self.ask("GET", None, vec![("uploads", String::new()), ("prefix", prefix)], &[]).await {
            Err(failure) if failure.code == ErrorCode::Unsupported => return Ok(Vec::new()),
            answer => answer?,
        };
        let page: Uploads =
            quick_xml::de::from_reader(&*answer).map_err(|_| wrong("a list of uploads that is none"))?;
        Ok(page.uploads)
    }
}

impl Bucket {
    /// Returns the records there are whose names begin so, by name, with the time at which they were written.
    async fn records(&self, beginning: &str) -> StoreResult<Vec<(String, Timestamp)>> {
        let prefix = self.record_key("");
        let beginning = format!("{prefix}{beginning}");
        let request = ListRequest { prefix: beginning, is_flat: true, ..ListRequest::default() };
        let (mut records, mut token) = (Vec::new(), None);
        loop {
            let page = self.client.list(&request, token.as_deref()).await?;
            for Item { key, object, .. } in page.items {
                let name = key.strip_prefix(&prefix).filter(|name| !name.is_empty());
                records.extend(name.zip(object).map(|(name, object)| (name.to_owned(), object.stored)));
            }
            token = page.next;
            if token.is_none() {
                return Ok(records);
            }
        }
    }

    /// Reads the partials that records tell of: those of an owner, or all.
    async fn listed_partials(&self, owner: Option<&str>) -> StoreResult<Vec<Partial>> {
        let records = self.records("").await?;
        let names = records.into_iter().filter(|(name, _)| !name.ends_with(TAIL) && !self.is_active(name));
        let read = names.take(MOST_LISTED).map(|(name, stored)| async move {
            let read = self.client.read(&self.record_key(&name)).await?;
            let read = read.filter(|_| !self.is_active(&name));
            let is_seen = |record: &Record| owner.is_none() || record.owner.as_deref() == owner;
            let partial = |bytes: &[u8]| Record::read(bytes).filter(is_seen)?.partial(bytes, stored);
            StoreResult::Ok(read.and_then(|(bytes, _)| partial(&bytes)))
        });
        let mut read = futures_util::stream::iter(read).buffered(32);
        let mut partials = Vec::new();
        while let Some(partial) = read.next().await {
            partials.extend(partial?);
        }
        partials.sort_by(|one: &Partial, other| one.path.cmp(&other.path));
        Ok(partials)
    }

    /// Removes what is left of an upload; returns false if nothing is.
    pub(crate) async fn abandon(&self, name: &str) -> StoreResult<bool> {
        if self.is_active(name) {
            return Ok(false);
        }
        let Some((bytes, _)) = self.client.read(&self.record_key(name)).await? else { return Ok(false) };
        if let Some(record) = Record::read(&bytes)
            && let Some(upload) = &record.upload
        {
            self.client.abort_upload(&record.key, upload).await?;
        }
        self.clear_record(name).await?;
        Ok(true)
    }

    async fn expire(&self, older_than: Duration) -> StoreResult<u64> {
        let now = SystemTime::now();
        let age = |time: Timestamp| {
            let time = time.to_system_time();
            time.and_then(|time| now.duration_since(time).ok()).unwrap_or_default()
        };
        let least = older_than.max(LEAST_ORPHAN_AGE);
        let records = self.records("").await?;
        let names: HashSet<&str> = records.iter().map(|(name, _)| name.as_str()).collect();
        let old = records.iter().filter(|(_, stored)| age(*stored) >= older_than).map(async |(name, stored)| {
            match name.strip_suffix(TAIL) {
                None => self.abandon(name).await,
                // Of a server that was gone before it stored the record that belongs to it.
                Some(of) if !names.contains(of) && !self.is_active(of) && age(*stored) >= least => {
                    self.client.delete(&self.record_key(name)).await.map(|()| true)
                }
                Some(_) => Ok(false),
            }
        });
        let mut abandoned = futures_util::stream::iter(old).buffer_unordered(ABANDONED_AT_ONCE);
        let mut removed = 0;
        while let Some(is_removed) = abandoned.next().await {
            removed += u64::from(is_removed?);
        }
        for ListedUpload { key, upload_id, initiated } in self.client.uploads().await? {
            let begun = time_of(&initiated).map(age).unwrap_or_default();
            if begun >= least && !self.is_recorded(&key, &upload_id).await? {
                self.client.abort_upload(&key, &upload_id).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Reports whether a record tells of an upload.
    async fn is_recorded(&self, key: &str, upload: &str) -> StoreResult<bool> {
        let Some(path) = self.client.keys.below(key).and_then(|below| path_of(below).ok()) else { return Ok(false) };
        for (name, _) in self.records(&Record::name_of_all(&path)).await? {
            let record = self.client.read(&self.record_key(&name)).await?;
            let recorded = record.and_then(|(bytes, _)| Record::read(&bytes)?.upload);
            if recorded.is_some_and(|recorded| recorded == upload) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes what is left of uploads to a path: that of an owner, or of everyone. Returns false if nothing is.
    async fn abandon_all(&self, path: &RemotePath, owner: Option<&str>) -> StoreResult<bool> {
        if owner.is_some() {
            return self.abandon(&Record::name(path, owner)).await;
        }
        let mut is_removed = false;
        for (name, _) in self.records(&Record::name_of_all(path)).await? {
            is_removed |= !name.ends_with(TAIL) && self.abandon(&name).await?;
        }
        Ok(is_removed)
    }
}

fn has_none(failure: &Failure) -> bool {
    matches!(failure.code, ErrorCode::NotFound | ErrorCode::PartialChanged | ErrorCode::Unsupported)
}

impl ResumeStore for BucketStore {
    fn partials(&self) -> StoreResult<Vec<Partial>> {
        self.bucket.client.wait(self.bucket.listed_partials(self.owner.as_deref()))
    }

    fn read_partial(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        let name = Record::name(path, self.owner.as_deref());
        let is_there = self.bucket.client.wait(async {
            let read = self.bucket.client.read(&self.bucket.record_key(&name)).await?;
            Ok(read.is_some_and(|(bytes, _)| Record::read(&bytes).is_some()))
        })?;
        match is_there && !self.bucket.is_active(&name) {
            true => Err(unsupported("read what it keeps of unfinished files")),
            false => Err(ErrorCode::NotFound.into()),
        }
    }

    fn remove_partial(&self, path: &RemotePath) -> StoreResult<bool> {
        self.bucket.client.wait(self.bucket.abandon_all(path, self.owner.as_deref()))
    }

    fn expire_partials(&self, older_than: Duration) -> StoreResult<u64> {
        self.bucket.client.wait(self.bucket.expire(older_than))
    }
}

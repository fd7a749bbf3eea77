//! Objects of an S3 service, by the crate of object stores.

use crate::conditions::Condition;
use crate::errors::{failure, wrong};
use crate::head::{Got, Head, LITTLE_BYTES};
use crate::keys::object_path;
use crate::metadata::Metadata;
use object_store::aws::AmazonS3;
use object_store::multipart::{MultipartStore, PartId};
use object_store::{
    GetOptions, GetRange, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, UpdateVersion,
};
use remofile::protocol::wire::{ErrorCode, Timestamp};
use remofile::store::StoreResult;
use std::ops::Range;

/// An S3 service.
pub(crate) struct S3 {
    pub(crate) store: AmazonS3,
    /// For requests that carry content: it is waited for longer until they are answered.
    pub(crate) content_store: AmazonS3,
}

impl S3 {
    pub(crate) async fn head(&self, key: &str) -> StoreResult<Head> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let result = self.store.get_opts(&object_path(key)?, options).await.map_err(|error| failure(&error))?;
        Ok(head_of(&result))
    }

    pub(crate) async fn get(&self, key: &str, range: Option<Range<u64>>, etag: Option<&str>) -> StoreResult<Got> {
        let options = GetOptions {
            if_match: etag.map(str::to_owned),
            range: range.clone().map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let result = self.store.get_opts(&object_path(key)?, options).await.map_err(|error| failure(&error))?;
        let head = head_of(&result);
        let wanted = range.map_or(0..head.size, |range| range.start..range.end.min(head.size));
        // Looked at first: all of an object may be more than there is room for.
        if result.range != wanted {
            return Err(wrong("another part of an object than was asked for"));
        }
        let bytes = result.bytes().await.map_err(|error| failure(&error))?;
        Ok(Got { head, bytes })
    }

    pub(crate) async fn put(
        &self,
        key: &str,
        content: PutPayload,
        metadata: &Metadata,
        condition: Condition,
    ) -> StoreResult<String> {
        let mode = match condition {
            Condition::None => PutMode::Overwrite,
            Condition::Absent => PutMode::Create,
            Condition::Etag(etag) => PutMode::Update(UpdateVersion { e_tag: Some(etag), version: None }),
        };
        let attributes = metadata.attributes(key.ends_with('/'));
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        let store = if content.content_length() > LITTLE_BYTES { &self.content_store } else { &self.store };
        let stored = store.put_opts(&object_path(key)?, content, options).await;
        Ok(stored.map_err(|error| failure(&error))?.e_tag.unwrap_or_default())
    }

    pub(crate) async fn begin_upload(&self, key: &str, metadata: &Metadata) -> StoreResult<String> {
        let options = PutMultipartOptions { attributes: metadata.attributes(false), ..PutMultipartOptions::default() };
        self.store.create_multipart_opts(&object_path(key)?, options).await.map_err(|error| failure(&error))
    }

    pub(crate) async fn put_part(
        &self,
        key: &str,
        upload: &str,
        index: usize,
        content: PutPayload,
    ) -> StoreResult<String> {
        let part = self.content_store.put_part(&object_path(key)?, &upload.to_owned(), index, content).await;
        Ok(part.map_err(|error| failure(&error))?.content_id)
    }

    pub(crate) async fn end_upload(&self, key: &str, upload: &str, parts: Vec<String>) -> StoreResult<()> {
        let parts = parts.into_iter().map(|content_id| PartId { content_id }).collect();
        let ended = self.content_store.complete_multipart(&object_path(key)?, &upload.to_owned(), parts).await;
        ended.map(drop).map_err(|error| failure(&error))
    }

    pub(crate) async fn abort_upload(&self, key: &str, upload: &str) -> StoreResult<()> {
        let aborted = self.store.abort_multipart(&object_path(key)?, &upload.to_owned()).await;
        match aborted.map_err(|error| failure(&error)) {
            Err(failure) if matches!(failure.code, ErrorCode::NotFound | ErrorCode::PartialChanged) => Ok(()),
            aborted => aborted,
        }
    }
}

fn head_of(result: &object_store::GetResult) -> Head {
    Head {
        size: result.meta.size,
        stored: Timestamp::new(result.meta.last_modified.timestamp(), 0),
        etag: result.meta.e_tag.clone().unwrap_or_default(),
        metadata: Metadata::of(&result.attributes),
    }
}

//! The ends of uploads in parts, of which the service makes objects.

use super::client::{Client, Head};
use super::errors::failure;
use super::keys::object_path;
use super::metadata::Metadata;
use object_store::multipart::{MultipartStore, PartId};
use remofile::protocol::wire::ErrorCode;
use remofile::store::StoreResult;

/// An upload whose parts are all there, and the object that it becomes.
pub(crate) struct End<'a> {
    pub(crate) key: &'a str,
    pub(crate) upload: &'a str,
    /// The object that has the key until then.
    pub(crate) before: Option<&'a Head>,
    pub(crate) bytes: u64,
    pub(crate) metadata: &'a Metadata,
}

impl Client {
    /// Makes an object of the parts of an upload.
    pub(crate) async fn end_upload(&self, end: End<'_>, parts: Vec<String>) -> StoreResult<()> {
        let parts = parts.into_iter().map(|content_id| PartId { content_id }).collect();
        let (path, upload) = (object_path(end.key)?, end.upload.to_owned());
        let ended = self.content_s3.complete_multipart(&path, &upload, parts);
        let ended = self.fenced(async { ended.await.map(drop).map_err(|error| failure(&error)) }).await;
        match ended {
            // If the answer is lost, the service is asked again, and does not know any more what it has ended.
            Err(failure) if failure.code == ErrorCode::PartialChanged => {
                let there = self.head(end.key).await?;
                let is_ended = there.is_some_and(|there| end.has_become(&there));
                if is_ended { Ok(()) } else { Err(failure) }
            }
            ended => ended,
        }
    }
}

impl End<'_> {
    /// Reports whether an object is what the upload has become: of its size, time and mode, and not what was there before.
    fn has_become(&self, there: &Head) -> bool {
        let of = |metadata: &Metadata| (metadata.modified, metadata.mode.map(|mode| mode & 0o777));
        let is_new = self.before.is_none_or(|before| !before.is_same(there));
        is_new && there.size == self.bytes && of(&there.metadata) == of(self.metadata)
    }
}

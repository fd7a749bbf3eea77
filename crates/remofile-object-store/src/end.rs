//! The ends of uploads in parts, of which the service makes objects.

use super::client::Client;
use super::conditions::Condition;
use super::head::Head;
use super::metadata::Metadata;
use super::service::Service;
use super::service::azure::container::Azure;
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::store::StoreResult;

/// An upload whose parts are all there, and the object that it becomes.
pub(crate) struct End<'a> {
    pub(crate) key: &'a str,
    pub(crate) upload: &'a str,
    /// The object that has the key until then.
    pub(crate) before: Option<&'a Head>,
    /// The condition of the end, for services that have any there.
    pub(crate) condition: Condition,
    pub(crate) bytes: u64,
    pub(crate) metadata: &'a Metadata,
}

impl Client {
    /// Makes an object of the parts of an upload.
    pub(crate) async fn end_upload(&self, end: End<'_>, parts: Vec<String>) -> StoreResult<()> {
        let ended = self.fenced(async {
            match &self.service {
                Service::S3(s3) => s3.end_upload(end.key, end.upload, parts).await,
                Service::Azure => {
                    Azure(&self.requests).put_block_list(end.key, &parts, end.metadata, &end.condition).await.map(drop)
                }
            }
        });
        let ended = ended.await;
        match ended {
            // If the answer is lost, the service is asked again, and does not know any more what it has ended, or finds it in the way.
            Err(failure) if may_be_ended(&failure) => {
                let there = self.head(end.key).await?;
                let is_ended = there.is_some_and(|there| end.has_become(&there));
                if is_ended { Ok(()) } else { Err(failure) }
            }
            ended => ended,
        }
    }
}

fn may_be_ended(failure: &Failure) -> bool {
    matches!(failure.code, ErrorCode::PartialChanged | ErrorCode::AlreadyExists | ErrorCode::SourceChanged)
}

impl End<'_> {
    /// Reports whether an object is what the upload has become: of its size, time and mode, and not what was there before.
    fn has_become(&self, there: &Head) -> bool {
        let of = |metadata: &Metadata| (metadata.modified, metadata.mode.map(|mode| mode & 0o777));
        let is_new = self.before.is_none_or(|before| !before.is_same(there));
        is_new && there.size == self.bytes && of(&there.metadata) == of(self.metadata)
    }
}

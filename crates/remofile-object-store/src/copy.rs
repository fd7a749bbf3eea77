//! Copies that the service makes by itself: of files, and of files onto themselves with other metadata.

use super::asking::{Query, encode};
use super::client::{Client, Head};
use super::errors::wrong;
use super::list::Object;
use super::metadata::Metadata;
use remofile::protocol::wire::ErrorCode;
use remofile::store::StoreResult;
use serde::Deserialize;

/// The largest object that is copied by one request, and the parts of larger ones.
const MOST_BYTES: u64 = 5 * 1024 * 1024 * 1024;
const PART_BYTES: u64 = 1024 * 1024 * 1024;

#[derive(Deserialize)]
struct PartCopied {
    #[serde(rename = "ETag")]
    e_tag: String,
}

impl Client {
    /// Copies an object with all that is kept beside it, which has to be the one that was listed.
    pub(crate) async fn copy_as_it_is(&self, from: &str, object: &Object, to: &str) -> StoreResult<()> {
        if object.size > MOST_BYTES {
            // A copy in parts is a new object, which is told what the old one has beside it.
            let head = self.head(from).await?.ok_or(ErrorCode::NotFound)?;
            return self.copy(from, &head, to, &head.metadata).await;
        }
        let headers = self.copy_headers(from, &object.etag);
        self.fenced(self.ask("PUT", Some(to), Query::new(), &headers)).await.map(drop)
    }

    fn copy_headers(&self, from: &str, etag: &str) -> Vec<(String, String)> {
        let mut source = format!("/{}/", self.bucket);
        encode(from, true, &mut source);
        let mut headers = vec![("x-amz-copy-source".to_owned(), source)];
        if !etag.is_empty() {
            headers.push(("x-amz-copy-source-if-match".to_owned(), etag.to_owned()));
        }
        headers
    }

    /// Copies an object, which has to be the one that was looked at.
    pub(crate) async fn copy(&self, from: &str, head: &Head, to: &str, metadata: &Metadata) -> StoreResult<()> {
        let mut headers = self.copy_headers(from, &head.etag);
        if head.size > MOST_BYTES {
            return self.copy_parts(headers, head.size, to, metadata).await;
        }
        headers.push(("x-amz-metadata-directive".to_owned(), "REPLACE".to_owned()));
        headers.extend(metadata.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let pairs = metadata.pairs(to.ends_with('/'));
        headers.extend(pairs.into_iter().map(|(name, value)| (format!("x-amz-meta-{name}"), value)));
        self.fenced(self.ask("PUT", Some(to), Query::new(), &headers)).await.map(drop)
    }

    async fn copy_parts(
        &self,
        headers: Vec<(String, String)>,
        size: u64,
        to: &str,
        metadata: &Metadata,
    ) -> StoreResult<()> {
        let upload = self.begin_upload(to, metadata).await?;
        let copied = async {
            let mut parts = Vec::new();
            let mut begin = 0;
            while begin < size {
                let end = begin.saturating_add(PART_BYTES).min(size);
                let mut headers = headers.clone();
                headers.push(("x-amz-copy-source-range".to_owned(), format!("bytes={begin}-{}", end - 1)));
                let number = (parts.len() + 1).to_string();
                let query = vec![("partNumber", number), ("uploadId", upload.clone())];
                let answer = self.ask("PUT", Some(to), query, &headers).await?;
                let part: PartCopied =
                    quick_xml::de::from_reader(&*answer).map_err(|_| wrong("a copy of a part that is none"))?;
                parts.push(part.e_tag);
                begin = end;
            }
            self.end_upload(to, &upload, parts).await
        };
        let outcome = copied.await;
        if outcome.is_err() {
            // What cannot be given up now is when it is old.
            let _given_up = self.abort_upload(to, &upload).await;
        }
        outcome
    }
}

//! Copies that the service makes by itself: of files, and of files onto themselves with other metadata.

use super::asking::{Query, encode};
use super::client::Client;
use super::conditions::Condition;
use super::end::End;
use super::errors::wrong;
use super::head::Head;
use super::listing::Object;
use super::metadata::Metadata;
use futures_util::{StreamExt, TryStreamExt};
use remofile::protocol::wire::ErrorCode;
use remofile::store::StoreResult;
use serde::Deserialize;

/// The parts of a copy, of which no object of five TiB has too many.
const PART_BYTES: u64 = 1024 * 1024 * 1024;

#[derive(Deserialize)]
struct PartCopied {
    #[serde(rename = "ETag")]
    e_tag: String,
}

impl Client {
    /// Copies an object with all that is kept beside it, which has to be the one that was listed.
    pub(crate) async fn copy_as_it_is(&self, from: &str, object: &Object, to: &str) -> StoreResult<()> {
        if let Some(azure) = self.service.azure(&self.requests) {
            return self.fenced(azure.copy(from, &object.etag, to, None)).await;
        }
        if object.size > self.options.most_copied {
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
        if let Some(azure) = self.service.azure(&self.requests) {
            return self.fenced(azure.copy_with(from, head, to, metadata)).await;
        }
        let mut headers = self.copy_headers(from, &head.etag);
        if head.size > self.options.most_copied {
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
        let before = self.head(to).await?;
        let upload = self.begin_upload(to, metadata).await?;
        let copied = async {
            let part_bytes = PART_BYTES.min(self.options.most_copied);
            let begins = (0..size.div_ceil(part_bytes)).map(|number| number * part_bytes);
            let parts = begins.enumerate().map(|(index, begin)| {
                let range = format!("bytes={begin}-{}", begin.saturating_add(part_bytes).min(size) - 1);
                self.copy_part(
                    &headers,
                    range,
                    to,
                    vec![("partNumber", (index + 1).to_string()), ("uploadId", upload.clone())],
                )
            });
            let parts = futures_util::stream::iter(parts).buffered(self.options.parallel_parts.max(1));
            let parts = parts.try_collect().await?;
            let condition = Condition::None;
            let end = End { key: to, upload: &upload, before: before.as_ref(), condition, bytes: size, metadata };
            self.end_upload(end, parts).await
        };
        let outcome = copied.await;
        if outcome.is_err() {
            // What cannot be given up now is when it is old.
            let _given_up = self.abort_upload(to, &upload).await;
        }
        outcome
    }

    /// Copies a part, and returns its tag.
    async fn copy_part(
        &self,
        headers: &[(String, String)],
        range: String,
        to: &str,
        query: Query,
    ) -> StoreResult<String> {
        let headers = [headers, &[("x-amz-copy-source-range".to_owned(), range)]].concat();
        let answer = self.ask("PUT", Some(to), query, &headers).await?;
        let part: PartCopied =
            quick_xml::de::from_reader(&*answer).map_err(|_| wrong("a copy of a part that is none"))?;
        Ok(part.e_tag)
    }
}

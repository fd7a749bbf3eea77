//! Blobs that are looked at, read and stored whole.

use super::blocks::upload_number;
use super::container::Azure;
use super::headers::{METADATA, condition_of, headers_of, name, text, unmet};
use crate::asking::Ask;
use crate::conditions::Condition;
use crate::errors::wrong;
use crate::head::{Got, Head, LITTLE_BYTES};
use crate::listing::time_of_http;
use crate::metadata::{HEADERS, Metadata, Times};
use bytes::Bytes;
use remofile::protocol::wire::ErrorCode;
use remofile::store::StoreResult;
use reqwest::header::HeaderMap;
use std::ops::Range;

impl Azure<'_> {
    pub(crate) async fn head(self, key: &str) -> StoreResult<Head> {
        let answered = self.0.make(Ask::new("HEAD", Some(name(key)?), Vec::new())).await?;
        let size = number(&answered.headers, "content-length").ok_or_else(|| wrong("a blob without a length"))?;
        head_of(&answered.headers, size)
    }

    pub(crate) async fn get(self, key: &str, range: Option<Range<u64>>, etag: Option<&str>) -> StoreResult<Got> {
        let mut ask = Ask::new("GET", Some(name(key)?), Vec::new());
        if let Some(etag) = etag {
            ask = ask.with("if-match", etag);
        }
        if let Some(range) = &range {
            ask = ask.with("range", format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
            ask.most = range.end - range.start;
        }
        let answered = self.0.make(ask).await?;
        let told = text(&answered.headers, "content-range").and_then(part_of);
        let (there, size) = told.unwrap_or((0..answered.body.len() as u64, answered.body.len() as u64));
        let wanted = range.map_or(0..size, |range| range.start..range.end.min(size));
        if there != wanted || answered.body.len() as u64 != wanted.end - wanted.start {
            return Err(wrong("another part of an object than was asked for"));
        }
        Ok(Got { head: head_of(&answered.headers, size)?, bytes: answered.body })
    }

    pub(crate) async fn put(
        self,
        key: &str,
        content: Bytes,
        metadata: &Metadata,
        condition: &Condition,
    ) -> StoreResult<String> {
        let mut ask = Ask::new("PUT", Some(name(key)?), Vec::new()).with("x-ms-blob-type", "BlockBlob");
        ask.headers.extend(headers_of(metadata, key.ends_with('/')));
        ask.headers.extend(condition_of(condition));
        ask.is_slow = content.len() > LITTLE_BYTES;
        // The second attempt at one that was heeded would find its own blob there.
        ask.is_repeatable = *condition == Condition::None;
        ask.content = content.clone();
        let stored = self.0.make(ask).await.map_err(|failure| unmet(failure, condition));
        match stored {
            Err(failure) if failure.code == ErrorCode::AlreadyExists && !self.is_there(key).await? => {
                self.put_beside_blocks(key, content, metadata, condition).await
            }
            stored => Ok(text(&stored?.headers, "etag").unwrap_or_default().to_owned()),
        }
    }

    async fn is_there(self, key: &str) -> StoreResult<bool> {
        match self.head(key).await {
            Err(failure) if failure.code == ErrorCode::NotFound => Ok(false),
            head => head.map(|_| true),
        }
    }

    /// Stores a blob where blocks of an upload wait that was broken off: Azurite takes them for a blob that is in the way, but
    /// not of a list of blocks.
    async fn put_beside_blocks(
        self,
        key: &str,
        content: Bytes,
        metadata: &Metadata,
        condition: &Condition,
    ) -> StoreResult<String> {
        let mut blocks = Vec::new();
        if !content.is_empty() {
            blocks.push(self.put_block(key, &upload_number(), 0, content).await?);
        }
        self.put_block_list(key, &blocks, metadata, condition).await
    }
}

fn head_of(headers: &HeaderMap, size: u64) -> StoreResult<Head> {
    let stored = text(headers, "last-modified").and_then(time_of_http).ok_or_else(|| wrong("a time that is none"))?;
    let mut metadata = Metadata::default();
    for (header, value) in headers {
        if let (Some(name), Ok(value)) = (header.as_str().strip_prefix(METADATA), value.to_str()) {
            metadata.add(name, value, Times::Rfc3339);
        }
    }
    let kept = HEADERS.iter().filter_map(|name| Some((*name, text(headers, name)?.to_owned())));
    metadata.headers.extend(kept);
    Ok(Head { size, stored, etag: text(headers, "etag").unwrap_or_default().to_owned(), metadata })
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

/// Reads which part of a blob an answer has, and how many bytes there are in all.
fn part_of(header: &str) -> Option<(Range<u64>, u64)> {
    let (part, size) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    Some((first.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?, size.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_blobs_are_read_from_their_headers() {
        assert_eq!(part_of("bytes 0-4/100"), Some((0..5, 100)));
        for text in ["bytes */0", "bytes 1-2", "bytes 1-18446744073709551615/3", "items 0-1/2", ""] {
            assert_eq!(part_of(text), None, "{text}");
        }
    }

    #[test]
    fn names_that_azure_would_change_are_refused() {
        for key in ["a", "a/", ".a/b.c", "p/…"] {
            assert!(name(key).is_ok(), "{key}");
        }
        for key in ["a.", "a./b", "a\\b", "p/a./", ""] {
            assert_eq!(name(key).unwrap_err().code, ErrorCode::InvalidName, "{key}");
        }
    }

    #[test]
    fn what_a_service_says_of_a_blob_is_what_was_stored() {
        let mut metadata = Metadata { mode: Some(0o640), ..Metadata::default() };
        metadata.modified = Some(remofile::protocol::wire::Timestamp::new(1_700_000_000, 5));
        metadata.headers = vec![("content-type", "text/plain".to_owned())];
        let sent = headers_of(&metadata, false);
        let golden = [
            ("x-ms-meta-mtime", "2023-11-14T22:13:20.000000005Z"),
            ("x-ms-meta-mode", "100640"),
            ("x-ms-blob-content-type", "text/plain"),
        ];
        assert_eq!(sent, golden.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let mut told = HeaderMap::new();
        for (name, value) in [
            ("last-modified", "Tue, 14 Nov 2023 22:13:21 GMT"),
            ("etag", "\"0x1\""),
            ("content-type", "text/plain"),
            ("x-ms-meta-mtime", "2023-11-14T23:13:20.000000005+01:00"),
            ("x-ms-meta-mode", "100640"),
        ] {
            told.insert(name, value.parse().unwrap());
        }
        let head = head_of(&told, 7).unwrap();
        assert_eq!((head.size, head.stored.seconds(), head.etag.as_str()), (7, 1_700_000_001, "\"0x1\""));
        assert_eq!(head.metadata, metadata);
    }
}

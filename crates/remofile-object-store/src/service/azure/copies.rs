//! Copies that the service makes, and other metadata for a blob.

use super::container::Azure;
use super::headers::{headers_of, name, text};
use crate::asking::{Ask, Headers};
use crate::head::Head;
use crate::metadata::Metadata;
use crate::options::{FIRST_PAUSE, LONGEST_PAUSE};
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::store::StoreResult;
use reqwest::header::HeaderMap;

impl Azure<'_> {
    /// Copies a blob that has a tag, with all that is kept beside it unless other metadata is given.
    pub(crate) async fn copy(self, from: &str, etag: &str, to: &str, metadata: Option<&Metadata>) -> StoreResult<()> {
        let source = self.0.signer.readable(&self.0.address_of(name(from)?)).await?;
        let mut ask = Ask::new("PUT", Some(name(to)?), Vec::new()).with("x-ms-copy-source", source);
        if !etag.is_empty() {
            ask = ask.with("x-ms-source-if-match", etag);
        }
        if let Some(metadata) = metadata {
            ask.headers.extend(metadata_of(metadata, to));
        }
        ask.is_slow = true;
        let answered = self.0.make(ask).await?;
        match status_of(&answered.headers) {
            Copied::Pending(id) => self.settle(to, &id).await,
            copied => copied.outcome(),
        }
    }

    /// Copies a blob that was looked at, with other metadata: onto itself that is all that changes.
    pub(crate) async fn copy_with(self, from: &str, head: &Head, to: &str, metadata: &Metadata) -> StoreResult<()> {
        if from == to {
            return self.set_metadata(to, head, metadata).await;
        }
        self.copy(from, &head.etag, to, Some(metadata)).await?;
        // A copy that is given none has that of its source.
        if metadata_of(metadata, to).is_empty() && !metadata_of(&head.metadata, from).is_empty() {
            let copied = self.head(to).await?;
            return self.set_metadata(to, &copied, metadata).await;
        }
        Ok(())
    }

    /// Waits for a copy that takes its time.
    async fn settle(self, to: &str, id: &str) -> StoreResult<()> {
        let mut pause = FIRST_PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            let looked = self.0.make(Ask::new("HEAD", Some(name(to)?), Vec::new())).await;
            match looked {
                // Of another copy it says nothing.
                Ok(answered) if text(&answered.headers, "x-ms-copy-id") != Some(id) => {
                    return Err(ErrorCode::SourceChanged.into());
                }
                Ok(answered) => match status_of(&answered.headers) {
                    Copied::Pending(_) => {}
                    copied => return copied.outcome(),
                },
                Err(failure) => {
                    // What cannot be given up now ends by itself.
                    let _given_up = self.give_up(to, id).await;
                    return Err(failure);
                }
            }
        }
    }

    async fn give_up(self, to: &str, id: &str) -> StoreResult<()> {
        let query = vec![("comp", "copy".to_owned()), ("copyid", id.to_owned())];
        self.0.make(Ask::new("PUT", Some(name(to)?), query).with("x-ms-copy-action", "abort")).await.map(drop)
    }

    /// Gives a blob that was looked at other metadata; its content stays where it is.
    pub(crate) async fn set_metadata(self, key: &str, head: &Head, metadata: &Metadata) -> StoreResult<()> {
        let mut ask = Ask::new("PUT", Some(name(key)?), vec![("comp", "metadata".to_owned())]);
        if !head.etag.is_empty() {
            // A second attempt at one that was heeded would find another tag.
            ask = Ask { is_repeatable: false, ..ask.with("if-match", head.etag.as_str()) };
        }
        ask.headers.extend(metadata_of(metadata, key));
        self.0.make(ask).await.map(drop)
    }
}

/// The state of a copy.
#[derive(Debug, PartialEq, Eq)]
enum Copied {
    Whole,
    Pending(String),
    Failed,
}

impl Copied {
    fn outcome(self) -> StoreResult<()> {
        match self {
            Self::Whole => Ok(()),
            Self::Pending(_) | Self::Failed => {
                Err(Failure::new(ErrorCode::OutOfResources).because("the object store did not end a copy: try again"))
            }
        }
    }
}

/// Reads how far a copy is. A service that says nothing of it has ended it.
fn status_of(headers: &HeaderMap) -> Copied {
    match text(headers, "x-ms-copy-status") {
        None | Some("success") => Copied::Whole,
        Some("pending") => Copied::Pending(text(headers, "x-ms-copy-id").unwrap_or_default().to_owned()),
        Some(_) => Copied::Failed,
    }
}

/// Returns the headers of metadata alone: those of content are kept, and cannot be given here.
fn metadata_of(metadata: &Metadata, key: &str) -> Headers {
    let metadata = Metadata { headers: Vec::new(), ..metadata.clone() };
    headers_of(&metadata, key.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_over_when_the_service_says_so() {
        let status = |pairs: &[(&'static str, &str)]| {
            status_of(&pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect())
        };
        assert_eq!(status(&[]), Copied::Whole);
        assert_eq!(status(&[("x-ms-copy-status", "success")]), Copied::Whole);
        let pending = [("x-ms-copy-status", "pending"), ("x-ms-copy-id", "7")];
        assert_eq!(status(&pending), Copied::Pending("7".to_owned()));
        for word in ["aborted", "failed"] {
            assert_eq!(status(&[("x-ms-copy-status", word)]), Copied::Failed);
        }
    }
}

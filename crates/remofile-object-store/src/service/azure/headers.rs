//! Names of blobs, and the headers that requests for them have.

use crate::asking::Headers;
use crate::conditions::Condition;
use crate::metadata::{Metadata, Times};
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::store::StoreResult;
use reqwest::header::HeaderMap;

/// The beginning of the headers of metadata.
pub(super) const METADATA: &str = "x-ms-meta-";

/// Returns a key as the name of a blob. Azure takes a backslash for a slash, and leaves out a point at the end of a name.
pub(super) fn name(key: &str) -> StoreResult<&str> {
    let is_odd = |name: &str| name.ends_with('.') || name.contains('\\');
    if key.is_empty() || key.split('/').any(is_odd) {
        let why = "Azure's storage has no names that end with a dot or have a backslash: rename it";
        return Err(Failure::new(ErrorCode::InvalidName).because(why));
    }
    Ok(key)
}

/// Returns the headers that say what is kept beside the content of a blob.
pub(super) fn headers_of(metadata: &Metadata, is_directory: bool) -> Headers {
    let pairs = metadata.pairs_with(Times::Rfc3339, is_directory).into_iter();
    let pairs = pairs.map(|(name, value)| (format!("{METADATA}{name}"), value));
    pairs.chain(metadata.headers.iter().map(|(name, value)| (format!("x-ms-blob-{name}"), value.clone()))).collect()
}

/// Returns the header of a condition.
pub(super) fn condition_of(condition: &Condition) -> Option<(String, String)> {
    match condition {
        Condition::None => None,
        Condition::Absent => Some(("if-none-match".to_owned(), "*".to_owned())),
        Condition::Etag(etag) => Some(("if-match".to_owned(), etag.clone())),
    }
}

/// Returns what it means that a condition was not met: the same status tells both.
pub(super) fn unmet(failure: Failure, condition: &Condition) -> Failure {
    match condition {
        Condition::Absent if failure.code == ErrorCode::SourceChanged => ErrorCode::AlreadyExists.into(),
        Condition::Etag(_) if failure.code == ErrorCode::AlreadyExists => ErrorCode::SourceChanged.into(),
        _ => failure,
    }
}

pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

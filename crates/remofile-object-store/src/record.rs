//! The records of uploads that are under way: what a later attempt goes on with, and what is cleared if none comes.
//!
//! Each upload of a large file has an object `.remofile/uploads/NAME` below the prefix, with the number that the service gave
//! the upload, its parts, and the places at which it can be gone on with. What is behind the last part is in
//! `.remofile/uploads/NAME.tail`. There is one for each path and owner, since later uploads to it begin anew or go on.

use super::hex::{hex, unhex};
use super::part::Part;
use super::store::Bucket;
use remofile::protocol::digest::digest;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::Timestamp;
use remofile::store::{Checkpoint, Partial};
use serde::{Deserialize, Serialize};

/// The directory of the records.
const UPLOADS: &str = "uploads/";

/// The end of the name of what is behind the last part.
pub(crate) const TAIL: &str = ".tail";

/// The record of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) path: String,
    /// The owner, to whom alone it is shown; absent for those who see all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    /// Key of the object that the parts will be.
    pub(crate) key: String,
    /// Size of the whole file and the time of its source, by which it is known; absent of a file that cannot be gone on with.
    pub(crate) version: Option<SourceVersion>,
    /// Number of the upload; absent if all bytes are in the tail.
    pub(crate) upload: Option<String>,
    pub(crate) parts: Vec<Part>,
    /// Bytes in the tail and their digest; absent if there is none.
    pub(crate) tail: Option<Tail>,
    pub(crate) checkpoints: Vec<Saved>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceVersion {
    pub(crate) size: u64,
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tail {
    pub(crate) bytes: u64,
    pub(crate) digest: String,
}

/// A checkpoint that was written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) offset: u64,
    pub(crate) state: String,
}

impl SourceVersion {
    pub(crate) fn new(size: u64, modified: Timestamp) -> Self {
        Self { size, seconds: modified.seconds(), nanoseconds: modified.nanoseconds() }
    }
}

impl Record {
    /// Returns the name of the record of a path, of an owner if it has one.
    pub(crate) fn name(path: &RemotePath, owner: Option<&str>) -> String {
        let name = Self::name_of_all(path);
        match owner {
            None => name,
            Some(owner) => format!("{name}-{}", hex(&digest(owner.as_bytes()))),
        }
    }

    /// Returns what the names of the records of a path begin with, whosever they are.
    pub(crate) fn name_of_all(path: &RemotePath) -> String {
        hex(&digest(path.as_str().as_bytes()))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Bytes that are in parts.
    pub(crate) fn in_parts(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).fold(0, u64::saturating_add)
    }

    /// Returns the number that tells what was written from what is written later.
    pub(crate) fn version(bytes: &[u8]) -> u128 {
        u128::from_be_bytes(digest(bytes))
    }

    /// Returns the places at which it can be gone on with: those whose bytes are in whole parts, and the end of the tail.
    pub(crate) fn resumable(&self) -> Vec<Checkpoint> {
        let mut ends = vec![0];
        ends.extend(self.parts.iter().scan(0_u64, |end, part| {
            *end = end.saturating_add(part.bytes);
            Some(*end)
        }));
        let with_tail = self.tail.as_ref().map(|tail| self.in_parts().saturating_add(tail.bytes));
        let is_place = |offset: u64| offset > 0 && (ends.contains(&offset) || with_tail == Some(offset));
        let saved = self.checkpoints.iter().filter(|saved| is_place(saved.offset));
        saved.filter_map(|saved| Checkpoint::restore(saved.offset, &unhex(&saved.state)?)).collect()
    }

    /// Returns the partial that it tells of, if it can be gone on with.
    pub(crate) fn partial(&self, bytes: &[u8], touched: Timestamp) -> Option<Partial> {
        let version = self.version?;
        let checkpoints = self.resumable();
        Some(Partial {
            path: self.path.parse().ok()?,
            size: version.size,
            modified: Timestamp::new(version.seconds, version.nanoseconds),
            received: checkpoints.last()?.offset,
            touched,
            version: Self::version(bytes),
            checkpoints,
        })
    }
}

impl Bucket {
    /// Returns the key of a record.
    pub(crate) fn record_key(&self, name: &str) -> String {
        self.client.keys.own(&format!("{UPLOADS}{name}"))
    }

    pub(crate) fn tail_key(&self, name: &str) -> String {
        self.record_key(&format!("{name}{TAIL}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::protocol::digest::{DigestKind, Digester};

    fn record() -> Record {
        let saved = |offset: u64| {
            let mut digester = Digester::resumable(DigestKind::Xxh3);
            digester.update_zeros(offset);
            Saved { offset, state: hex(&digester.save().unwrap()) }
        };
        let part = |bytes| Part { etag: "\"e\"".to_owned(), bytes };
        Record {
            path: "/a/b".to_owned(),
            owner: None,
            key: "p/a/b".to_owned(),
            version: Some(SourceVersion::new(1000, Timestamp::new(5, 6))),
            upload: Some("u".to_owned()),
            parts: vec![part(100), part(200)],
            tail: Some(Tail { bytes: 7, digest: String::new() }),
            checkpoints: [100, 150, 300, 307].map(saved).into(),
        }
    }

    #[test]
    fn a_record_is_gone_on_with_where_its_bytes_are_whole() {
        let record = record();
        let bytes = record.bytes();
        assert_eq!(Record::read(&bytes), Some(record.clone()));
        let partial = record.partial(&bytes, Timestamp::new(9, 0)).unwrap();
        let offsets: Vec<u64> = partial.checkpoints.iter().map(|checkpoint| checkpoint.offset).collect();
        assert_eq!((offsets, partial.received, partial.size), (vec![100, 300, 307], 307, 1000));
        let unknown = Record { version: None, ..record.clone() };
        assert!(unknown.partial(&bytes, Timestamp::new(9, 0)).is_none());
        let empty = Record { checkpoints: Vec::new(), ..record };
        assert!(empty.partial(&bytes, Timestamp::new(9, 0)).is_none());
    }

    #[test]
    fn what_is_no_record_is_none() {
        for bytes in [&b""[..], b"{}", b"\xFF", b"[1]"] {
            assert_eq!(Record::read(bytes), None);
        }
    }
}

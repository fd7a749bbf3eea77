//! Objects, as a service tells of them and gives them.

use super::metadata::Metadata;
use bytes::Bytes;
use remofile::protocol::wire::Timestamp;

/// Content that is on its way at once over any line, in bytes.
pub(crate) const LITTLE_BYTES: usize = 64 * 1024;

/// The facts that a service tells of one object.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) size: u64,
    pub(crate) stored: Timestamp,
    pub(crate) etag: String,
    pub(crate) metadata: Metadata,
}

/// An object, or a part of it.
pub(crate) struct Got {
    pub(crate) head: Head,
    pub(crate) bytes: Bytes,
}

impl Head {
    /// Reports whether it is still the same object.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.size, self.stored, &self.etag, &self.metadata) == (other.size, other.stored, &other.etag, &other.metadata)
    }
}

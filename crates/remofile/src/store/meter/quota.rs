//! Quotas.

use remofile_protocol::path::RemotePath;

/// A quota on what is below a directory, whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// The directory. No link may be on the way to it: see [`Meters::followed`](super::Meters::followed).
    pub directory: RemotePath,
    /// Bytes that may be used below it.
    pub bytes: u64,
}

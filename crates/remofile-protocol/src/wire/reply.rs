//! The result of an operation that ends well.

use super::{Entry, Holder, Version};
use minicbor::{Decode, Encode};

/// The last message of an operation that succeeded, or succeeded but for the items named before it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Done {
    /// Files that were stored, sent or removed.
    #[n(0)]
    #[cbor(default)]
    pub files: u64,
    /// Directories that were made, sent or removed.
    #[n(1)]
    #[cbor(default)]
    pub directories: u64,
    /// Bytes of file content that were stored or sent.
    #[n(2)]
    #[cbor(default)]
    pub bytes: u64,
    /// The entry that was asked for.
    #[n(3)]
    pub entry: Option<Entry>,
    /// The answer to a status request.
    #[n(4)]
    pub status: Option<StatusReport>,
    /// The version of the file that was read or written.
    #[n(5)]
    pub version: Option<Version>,
}

/// The state of a server.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct StatusReport {
    /// The name and version of the server's software.
    #[n(0)]
    pub agent: String,
    /// For how many milliseconds it has been serving.
    #[n(1)]
    pub uptime_milliseconds: u64,
    /// The clients that hold the lease.
    #[n(2)]
    pub holders: Vec<Holder>,
    /// The number of operations that wait for it.
    #[n(3)]
    pub waiting: u64,
}

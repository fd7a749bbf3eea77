//! The result of an operation that ends well.

use super::{DiskSpace, Entry, Holder, Version};
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
    pub status: Option<Box<StatusReport>>,
    /// The version of the file that was read or written.
    #[n(5)]
    pub version: Option<Version>,
    /// A number that tells the file that was read from others, whatever is written to it.
    #[n(6)]
    pub identity: Option<u64>,
    /// The target of the link that was looked at, where it can be told.
    #[n(7)]
    pub target: Option<String>,
    /// Files, directories and links that were given attributes they did not have.
    #[n(16)]
    #[cbor(default, skip_if = "is_zero")]
    pub attributes: u32,
    /// The room of the disk that was asked for.
    #[n(32)]
    pub space: Option<Box<DiskSpace>>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
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
    /// The clients that hold leases.
    #[n(2)]
    pub holders: Vec<Holder>,
    /// The number of operations that wait for one.
    #[n(3)]
    pub waiting: u64,
    /// The name of the client's token.
    #[n(4)]
    pub token: Option<String>,
    /// Bytes of file content that count below the token's directory, if they are counted.
    #[n(5)]
    pub used: Option<u64>,
    /// Bytes of file content that there may be below the token's directory, if there is a bound.
    #[n(6)]
    pub quota: Option<u64>,
    /// True if clients of other tokens are not told of.
    #[n(7)]
    #[cbor(default, skip_if = "super::flag::is_false")]
    pub hides_others: bool,
}

//! The room of the disk that a path is on.

use minicbor::{Decode, Encode};

/// The room of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DiskSpace {
    /// Bytes that it has in all.
    #[n(0)]
    pub size: u64,
    /// Bytes that are used.
    #[n(1)]
    pub used: u64,
    /// Bytes that may still be written. With what is used they may be less than all: systems keep something back.
    #[n(2)]
    pub free: u64,
    /// Files and directories that it can have in all, where there is such a number.
    #[n(3)]
    pub files: Option<u64>,
    /// Files and directories that may still be made.
    #[n(4)]
    pub free_files: Option<u64>,
}

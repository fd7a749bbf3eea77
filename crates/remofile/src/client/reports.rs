//! The results of calls.

use remofile_protocol::wire::{Failure, StatusReport};
use std::net::SocketAddr;
use std::time::Duration;

/// The report of a transfer.
#[derive(Debug, Clone, Default)]
pub struct TransferReport {
    /// Files that are complete at their destination.
    pub files: u64,
    /// Directories that exist at their destination.
    pub directories: u64,
    /// Bytes of content in those files.
    pub bytes: u64,
    /// Files that were at the destination already, as their size and time tell, and were not sent.
    pub present: u64,
    /// Bytes in files that an earlier attempt had moved and that were not sent again.
    pub resumed_bytes: u64,
    /// Bytes that were sent over all connections, with everything but handshakes.
    pub sent_bytes: u64,
    /// Bytes that were received over all connections.
    pub received_bytes: u64,
    /// Attempts after the first.
    pub retries: u32,
    /// Failures of what was not transferred, in the order they were met: the first 10,000, with 8 MiB of text at most.
    /// The monitor was told of all.
    pub failures: Vec<Failure>,
    /// Number of failures beyond those.
    pub failures_left_out: u64,
    /// Files that were left out because the conflict policy says so, in the order they were met: with the same bounds.
    pub skipped: Vec<Failure>,
    /// Number of files left out beyond those.
    pub skipped_left_out: u64,
    /// Files, directories and links that were given attributes they did not have, of those that the options ask for.
    pub attributes: u64,
}

impl TransferReport {
    /// Returns the number of all failures.
    #[must_use]
    pub fn failure_count(&self) -> u64 {
        self.failures.len() as u64 + self.failures_left_out
    }

    /// Returns the number of all files that were left out because the conflict policy says so.
    #[must_use]
    pub fn skipped_count(&self) -> u64 {
        self.skipped.len() as u64 + self.skipped_left_out
    }
}

/// The report of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Files, links and special files.
    pub files: u64,
    /// Directories.
    pub directories: u64,
}

/// The bytes of file content below the root directory: of files, under each of their names, and of partials, whoever wrote
/// them. An upload whose size is announced counts from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Bytes that are used; `None` if the server does not count them, or has not done so yet.
    pub used: Option<u64>,
    /// Bytes that may be used; `None` without a quota.
    pub quota: Option<u64>,
}

impl Usage {
    /// Returns the bytes that are left of the quota, if there is one. The disk may have room for less.
    #[must_use]
    pub fn free(self) -> Option<u64> {
        Some(self.quota?.saturating_sub(self.used?))
    }
}

/// A server's answer to a status request.
#[derive(Debug, Clone)]
pub struct ServerStatus {
    /// The server's report about itself.
    pub report: StatusReport,
    /// Time from the request to the answer.
    pub round_trip: Duration,
    /// The address that answered.
    pub address: SocketAddr,
    /// The protection of the session, in words: `AES-256-GCM`, for example.
    pub cipher: &'static str,
}

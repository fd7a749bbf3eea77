//! The results of calls.

use remofile_protocol::wire::{Failure, StatusReport};
use std::net::SocketAddr;
use std::time::Duration;

/// What a transfer did.
#[derive(Debug, Clone, Default)]
pub struct TransferReport {
    /// Files that are complete at their destination.
    pub files: u64,
    /// Directories that exist at their destination.
    pub directories: u64,
    /// Bytes of content in those files.
    pub bytes: u64,
    /// Files that were there already, as their size and time tell, and were not sent.
    pub present: u64,
    /// Bytes in files that an earlier attempt had moved and that were not sent again.
    pub resumed_bytes: u64,
    /// Bytes that were sent over connections for it, everything but handshakes included.
    pub sent_bytes: u64,
    /// Bytes that were received.
    pub received_bytes: u64,
    /// Attempts after the first.
    pub retries: u32,
    /// What was not transferred, and why, in the order it was met: the first 10,000, with 8 MiB of text at most.
    /// The monitor was told of all.
    pub failures: Vec<Failure>,
    /// How many failures there were beyond those.
    pub failures_left_out: u64,
    /// What was left out because the rule for conflicts says so, in the order it was met: as many at most.
    pub skipped: Vec<Failure>,
    /// How many files were left out beyond those.
    pub skipped_left_out: u64,
}

impl TransferReport {
    /// How much was not transferred, all told.
    #[must_use]
    pub fn failure_count(&self) -> u64 {
        self.failures.len() as u64 + self.failures_left_out
    }

    /// How much was left out because the rule for conflicts says so, all told.
    #[must_use]
    pub fn skipped_count(&self) -> u64 {
        self.skipped.len() as u64 + self.skipped_left_out
    }
}

/// What a removal did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Files, links and special files.
    pub files: u64,
    /// Directories.
    pub directories: u64,
}

/// A server's answer to a status request.
#[derive(Debug, Clone)]
pub struct ServerStatus {
    /// What the server says.
    pub report: StatusReport,
    /// From request to answer.
    pub round_trip: Duration,
    /// The address that answered.
    pub address: SocketAddr,
    /// The protection of the session, in words: `AES-256-GCM`, for example.
    pub cipher: &'static str,
}

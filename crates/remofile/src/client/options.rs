//! What a caller may choose.

use super::Interrupt;
use remofile_protocol::key::PublicKey;
use remofile_protocol::token::Token;
use remofile_protocol::wire::{OnConflict, WAIT_FOREVER};
use std::time::Duration;

/// Where a server is, how to prove oneself to it and how patient to be.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Host name or address.
    pub hostname: String,
    /// TCP port.
    pub port: u16,
    /// The token of the server.
    pub token: Token,
    /// The server's public key, where it has one.
    pub public_key: Option<PublicKey>,
    /// Whether to ask for a session that is authenticated but not encrypted.
    pub plain: bool,
    /// Longest time for a whole call, connecting included; `None` for no limit.
    pub timeout: Option<Duration>,
    /// What to do while others hold the lease.
    pub wait: Wait,
    /// Ends calls from another thread.
    pub interrupt: Interrupt,
}

impl ClientOptions {
    /// Options for a server, with everything else as it is by default: encrypted, no timeout, no wait.
    #[must_use]
    pub fn new(hostname: impl Into<String>, port: u16, token: Token) -> Self {
        Self {
            hostname: hostname.into(),
            port,
            token,
            public_key: None,
            plain: false,
            timeout: None,
            wait: Wait::No,
            interrupt: Interrupt::default(),
        }
    }
}

/// What to do while others hold the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// Fail at once.
    #[default]
    No,
    /// Wait as long as this, to the millisecond.
    For(Duration),
    /// Wait until it is free.
    Forever,
}

impl Wait {
    pub(super) fn milliseconds(self) -> u64 {
        match self {
            Self::No => 0,
            Self::For(wait) => u64::try_from(wait.as_millis()).unwrap_or(WAIT_FOREVER).max(1),
            Self::Forever => WAIT_FOREVER,
        }
    }
}

/// How files are uploaded.
#[derive(Debug, Clone, Default)]
pub struct UploadOptions {
    /// Whether directories are sent with their contents; otherwise they fail one by one.
    pub recursive: bool,
    /// What becomes of remote files in the way.
    pub on_conflict: OnConflict,
    /// Whether the total is counted and reported before the first file.
    pub total: bool,
}

/// How files are downloaded.
#[derive(Debug, Clone, Default)]
pub struct DownloadOptions {
    /// Whether directories are sent with their contents; otherwise they fail one by one.
    pub recursive: bool,
    /// What becomes of local files in the way.
    pub on_conflict: OnConflict,
    /// Whether the total is counted and reported before the first file.
    pub total: bool,
}

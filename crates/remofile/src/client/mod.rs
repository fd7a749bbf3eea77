//! The client (interface; the bodies come with the carrier).

use crate::error::Result;
use crate::monitor::Monitor;
use remofile_protocol::key::PublicKey;
use remofile_protocol::path::RemotePath;
use remofile_protocol::token::Token;
use remofile_protocol::wire::{Entry, Failure, Listed, OnConflict, StatusReport};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
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
    /// Longest time for a whole call, the connection included; `None` for no limit.
    pub timeout: Option<Duration>,
    /// What to do while others hold the lease.
    pub wait: Wait,
    /// Ends calls from another thread.
    pub interrupt: Interrupt,
}

impl ClientOptions {
    /// Options for a server, with everything else as it is by default.
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
    /// Wait as long as this.
    For(Duration),
    /// Wait until it is free.
    Forever,
}

/// Ends calls from another thread or a signal handler's thread.
#[derive(Debug, Clone, Default)]
pub struct Interrupt;

impl Interrupt {
    /// Ends the running call of every client that has this, and every later one.
    pub fn trigger(&self) {}
}

/// A session with a server.
#[derive(Debug)]
pub struct Client;

/// How files are uploaded.
#[derive(Debug, Clone, Default)]
pub struct UploadOptions {
    /// Whether directories are sent with their contents; otherwise they fail one by one.
    pub recursive: bool,
    /// What becomes of remote files in the way.
    pub on_conflict: OnConflict,
    /// Whether the total is reported before the first file.
    pub total: bool,
}

/// How files are downloaded.
#[derive(Debug, Clone, Default)]
pub struct DownloadOptions {
    /// Whether directories are sent with their contents; otherwise they fail one by one.
    pub recursive: bool,
    /// What becomes of local files in the way.
    pub on_conflict: OnConflict,
    /// Whether the total is reported before the first file.
    pub total: bool,
}

/// What a transfer did.
#[derive(Debug, Clone, Default)]
pub struct TransferReport {
    /// Files that are complete at their destination.
    pub files: u64,
    /// Directories that exist at their destination.
    pub directories: u64,
    /// Bytes of content in those files.
    pub bytes: u64,
    /// What was not transferred, and why, in the order it was met.
    pub failures: Vec<Failure>,
}

/// What a removal did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Removed {
    /// Files.
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
    pub address: std::net::SocketAddr,
    /// The protection of the session: `AES-256-GCM`, `ChaCha20-Poly1305`, `none (authenticated)`.
    pub cipher: &'static str,
}

impl Client {
    /// Connects and proves the token.
    pub fn connect(_options: ClientOptions) -> Result<Self> {
        unimplemented!()
    }
    /// Lists a directory, an element at a time. The callback's error ends the listing.
    pub fn list(&mut self, _path: &RemotePath, _recursive: bool, _each: &mut dyn FnMut(Listed) -> Result<()>) -> Result<()> {
        unimplemented!()
    }
    /// Tells what a path names.
    pub fn stat(&mut self, _path: &RemotePath) -> Result<Entry> {
        unimplemented!()
    }
    /// Creates an empty file; with `update` an existing one is touched.
    pub fn create_file(&mut self, _path: &RemotePath, _update: bool) -> Result<()> {
        unimplemented!()
    }
    /// Creates a directory.
    pub fn make_directory(&mut self, _path: &RemotePath, _update: bool, _parents: bool) -> Result<()> {
        unimplemented!()
    }
    /// Removes.
    pub fn remove(&mut self, _path: &RemotePath, _recursive: bool) -> Result<Removed> {
        unimplemented!()
    }
    /// Renames.
    pub fn rename(&mut self, _source: &RemotePath, _destination: &RemotePath, _replace: bool) -> Result<()> {
        unimplemented!()
    }
    /// Asks for the server's state. Needs no lease.
    pub fn status(&mut self) -> Result<ServerStatus> {
        unimplemented!()
    }
    /// Uploads files and directories into an existing remote directory.
    pub fn upload(&mut self, _sources: &[PathBuf], _destination: &RemotePath, _options: &UploadOptions, _monitor: &mut dyn Monitor) -> Result<TransferReport> {
        unimplemented!()
    }
    /// Uploads what a reader gives until its end, as one file at `destination`.
    pub fn upload_stream(&mut self, _source: Box<dyn Read + Send>, _destination: &RemotePath, _options: &UploadOptions, _monitor: &mut dyn Monitor) -> Result<TransferReport> {
        unimplemented!()
    }
    /// Downloads files and directories into an existing local directory.
    pub fn download(&mut self, _sources: &[RemotePath], _destination: &Path, _options: &DownloadOptions, _monitor: &mut dyn Monitor) -> Result<TransferReport> {
        unimplemented!()
    }
    /// Downloads one file into a writer.
    pub fn download_stream(&mut self, _source: &RemotePath, _destination: Box<dyn Write + Send>, _options: &DownloadOptions, _monitor: &mut dyn Monitor) -> Result<TransferReport> {
        unimplemented!()
    }
}

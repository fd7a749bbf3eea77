//! Options of clients and transfers.

use super::{Interrupt, OnWaiting};
use crate::store::DEFAULT_PARTIAL_EXPIRY;
use crate::transfer::{escape, is_pattern};
use remofile_protocol::key::PublicKey;
use remofile_protocol::path::{InvalidPath, RemotePath};
use remofile_protocol::token::Token;
use remofile_protocol::wire::{OnConflict, Selection, SendOptions, WAIT_FOREVER};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The address of a server, the proof of the token and the limits of calls.
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
    /// The protocol of the server.
    pub protocol: Protocol,
    /// True to ask for a session that is authenticated but not encrypted.
    pub plain: bool,
    /// Longest time for a whole call, connecting included; `None` for no limit.
    pub timeout: Option<Duration>,
    /// The wait for the lease while others hold it.
    pub wait: Wait,
    /// Interrupt that ends calls from another thread.
    pub interrupt: Interrupt,
    /// Function that receives the holders of the lease that calls wait for, if they have no [`crate::Monitor`].
    pub on_waiting: OnWaiting,
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
            protocol: Protocol::Two,
            plain: false,
            timeout: None,
            wait: Wait::No,
            interrupt: Interrupt::default(),
            on_waiting: OnWaiting::default(),
        }
    }
}

/// The protocol that a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// The documented one of the original, over ZeroMQ: in clear, unless a public key is given. It has requests to
    /// list, create, upload, download and remove; what else is asked for fails with `unsupported`, and times and
    /// permissions of files are not kept.
    One,
    /// Remofile's own.
    #[default]
    Two,
}

/// The wait for the lease while others hold it.
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

    /// Returns the longer of two waits.
    pub(super) fn at_least(self, other: Duration) -> Self {
        match self {
            Self::No => Self::For(other),
            Self::For(wait) => Self::For(wait.max(other)),
            Self::Forever => Self::Forever,
        }
    }
}

/// The number and the pauses of further attempts, after a transfer whose connection was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryOptions {
    /// Attempts after the first that may fail in a row. An attempt that moved something starts the count again.
    pub times: u32,
    /// The pause before the first of them; it doubles with each, to 30 s at most.
    pub pause: Duration,
}

impl RetryOptions {
    /// One attempt, and no more.
    pub const NEVER: Self = Self { times: 0, pause: Duration::ZERO };

    /// Returns the pause before an attempt, counted from 1.
    pub(super) fn pause_before(self, attempt: u32) -> Duration {
        const LONGEST: Duration = Duration::from_secs(30);
        self.pause.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST)
    }
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self { times: 5, pause: Duration::from_millis(500) }
    }
}

/// A local file or directory to upload, or a shell pattern of such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSource {
    /// The directory that a relative path is taken from; empty for the current one.
    pub directory: PathBuf,
    /// Path of the source. It is a pattern if it does not exist and has one of `*`, `?`, `[` in it.
    pub path: PathBuf,
    /// Path below the destination, names separated by slashes; `None` for the source's own last name.
    pub name: Option<String>,
}

impl<P: AsRef<Path>> From<P> for LocalSource {
    fn from(path: P) -> Self {
        Self { directory: PathBuf::new(), path: path.as_ref().to_owned(), name: None }
    }
}

impl LocalSource {
    /// Creates a source, or a pattern, that is taken from a directory. The directory is no part of the pattern.
    pub fn within(directory: impl Into<PathBuf>, path: impl AsRef<Path>) -> Self {
        Self { directory: directory.into(), ..Self::from(path) }
    }
}

/// A remote file or directory to download, or a shell pattern of such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteSource {
    /// Path of the source. It is a pattern if it does not exist and has one of `*`, `?`, `[` in it.
    pub path: RemotePath,
    /// Path below the destination, names separated by slashes; `None` for the source's own last name.
    pub name: Option<String>,
}

impl RemoteSource {
    /// Creates a source, or a pattern, that is taken from a directory if it does not begin with a slash. The
    /// directory is no part of the pattern.
    ///
    /// # Errors
    /// [`InvalidPath`] if `path`, or the path that it makes with the directory, is none.
    pub fn within(directory: &RemotePath, path: &str) -> Result<Self, InvalidPath> {
        let is_literal = path.starts_with('/') || !is_pattern(path);
        let base = if is_literal { directory.clone() } else { RemotePath::parse(&escape(directory.as_str()))? };
        let relative = path.strip_suffix('/').unwrap_or(path);
        let path = if path.starts_with('/') { RemotePath::parse(path)? } else { base.join(relative)? };
        Ok(path.into())
    }
}

impl From<RemotePath> for RemoteSource {
    fn from(path: RemotePath) -> Self {
        Self { path, name: None }
    }
}

impl From<&RemotePath> for RemoteSource {
    fn from(path: &RemotePath) -> Self {
        path.clone().into()
    }
}

/// The options of a transfer. The default is what `remofile upload` does without options.
#[derive(Debug, Clone)]
pub struct TransferOptions {
    /// True if directories are sent with their contents; otherwise they fail one by one.
    pub recursive: bool,
    /// The policy for files in the way. With [`OnConflict::Abort`] nothing at all is changed if there is one.
    pub on_conflict: OnConflict,
    /// True if [`crate::Monitor::resolve`] is asked about each file in the way instead.
    pub ask: bool,
    /// True if the total is counted and reported before the first file.
    pub total: bool,
    /// The choice of files below the sources. The client itself sets [`Selection::patterns`], [`Selection::one_by_one`] and
    /// [`Selection::contents`].
    pub selection: Selection,
    /// The way files are sent, in either direction. A level of compression that zstd does not have is `bad-request`.
    pub send: SendOptions,
    /// The attempts after a lost connection.
    pub retry: RetryOptions,
    /// Number of connections over which files are moved at once; 0 counts as 1. With
    /// [`SendOptions::preserve_mode`], a rate, or a monitor that wants to see chunks, it is one.
    pub transfers: u8,
    /// True to use what an earlier attempt moved: a file at the destination with the size and time of its source is
    /// not sent again, and a file that was begun is resumed where it broke off.
    pub resume: bool,
    /// Time for which the partials of an interrupted download are kept.
    pub partial_expiry: Duration,
}

impl Default for TransferOptions {
    fn default() -> Self {
        Self {
            recursive: false,
            on_conflict: OnConflict::Abort,
            ask: false,
            total: false,
            selection: Selection::default(),
            send: SendOptions::default(),
            retry: RetryOptions::default(),
            transfers: 1,
            resume: true,
            partial_expiry: DEFAULT_PARTIAL_EXPIRY,
        }
    }
}

impl TransferOptions {
    /// Returns the number of connections, for a monitor that wants to see chunks or not.
    pub(super) fn connections(&self, shows_chunks: bool) -> u8 {
        let is_one = self.send.preserve_mode || shows_chunks || self.send.rate().is_some();
        if is_one { 1 } else { self.transfers.max(1) }
    }

    /// The selection of a request; `None` for what a server would do anyway.
    pub(super) fn wire_selection(&self, patterns: bool, one_by_one: bool) -> Option<Selection> {
        unless_default(Selection { patterns, one_by_one, contents: false, ..self.selection.clone() })
    }
}

/// The value that a request gives; `None` where it is the default.
pub(super) fn unless_default<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

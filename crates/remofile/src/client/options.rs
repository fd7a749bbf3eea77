//! What a caller may choose.

use super::{Interrupt, OnWaiting};
use crate::store::DEFAULT_PARTIAL_EXPIRY;
use crate::transfer::{CompressLevel, Pace, PackerOptions, escape, is_pattern};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::key::PublicKey;
use remofile_protocol::path::{InvalidPath, RemotePath};
use remofile_protocol::token::Token;
use remofile_protocol::wire::{Links, OnConflict, Selection, SendOptions, WAIT_FOREVER};
use std::num::{NonZeroU32, NonZeroU64};
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
    /// Which protocol the server speaks.
    pub protocol: Protocol,
    /// Whether to ask for a session that is authenticated but not encrypted.
    pub plain: bool,
    /// Longest time for a whole call, connecting included; `None` for no limit.
    pub timeout: Option<Duration>,
    /// What to do while others hold the lease.
    pub wait: Wait,
    /// Ends calls from another thread.
    pub interrupt: Interrupt,
    /// Told whom the calls wait for that have no [`crate::Monitor`].
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

/// Which protocol a server speaks.
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

    /// The longer of two waits.
    pub(super) fn at_least(self, other: Duration) -> Self {
        match self {
            Self::No => Self::For(other),
            Self::For(wait) => Self::For(wait.max(other)),
            Self::Forever => Self::Forever,
        }
    }
}

/// How often a transfer whose connection was lost is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts after the first that may fail in a row; one that moved something starts the count again.
    pub times: u32,
    /// The pause before the first of them; it doubles with each, to 30 s at most.
    pub pause: Duration,
}

impl Retry {
    /// One attempt, and no more.
    pub const NEVER: Self = Self { times: 0, pause: Duration::ZERO };

    /// The pause before an attempt, counted from 1.
    pub(super) fn pause_before(self, attempt: u32) -> Duration {
        const LONGEST: Duration = Duration::from_secs(30);
        self.pause.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST)
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self { times: 5, pause: Duration::from_millis(500) }
    }
}

/// Bytes of a file that a callback sees, or a message carries, at once: 1 to 4,194,304.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSize(NonZeroU32);

impl ChunkSize {
    /// The largest chunk, in bytes.
    pub const MAX: u32 = 4 * 1024 * 1024;

    /// A chunk of so many bytes; `None` if it is out of bounds.
    #[must_use]
    pub fn new(bytes: u32) -> Option<Self> {
        NonZeroU32::new(bytes).filter(|bytes| bytes.get() <= Self::MAX).map(Self)
    }

    /// Bytes.
    #[must_use]
    pub fn get(self) -> NonZeroU32 {
        self.0
    }
}

/// A local file or directory to upload, or a shell pattern of such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSource {
    /// The directory that a relative path is taken from; empty for the current one.
    pub directory: PathBuf,
    /// Where it is. What does not exist and has one of `*`, `?`, `[` in it is a pattern.
    pub path: PathBuf,
    /// Its path below the destination, names separated by slashes; `None` for its own last name.
    pub name: Option<String>,
}

impl<P: AsRef<Path>> From<P> for LocalSource {
    fn from(path: P) -> Self {
        Self { directory: PathBuf::new(), path: path.as_ref().to_owned(), name: None }
    }
}

impl LocalSource {
    /// A source, or a pattern, that is taken from a directory. That is no part of the pattern.
    pub fn within(directory: impl Into<PathBuf>, path: impl AsRef<Path>) -> Self {
        Self { directory: directory.into(), ..Self::from(path) }
    }
}

/// A remote file or directory to download, or a shell pattern of such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteSource {
    /// Where it is. What does not exist and has one of `*`, `?`, `[` in it is a pattern.
    pub path: RemotePath,
    /// Its path below the destination, names separated by slashes; `None` for its own last name.
    pub name: Option<String>,
}

impl RemoteSource {
    /// A source, or a pattern, that is taken from a directory if it does not begin with a slash. The
    /// directory is no part of the pattern.
    ///
    /// # Errors
    /// [`InvalidPath`] if the path, or what the two come to, is none.
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

/// What is transferred and how. The default is what `remofile upload` does without options.
#[derive(Debug, Clone)]
pub struct TransferOptions {
    /// Whether directories are sent with their contents; otherwise they fail one by one.
    pub recursive: bool,
    /// What becomes of files in the way. With [`OnConflict::Abort`] nothing at all is changed if there
    /// is one.
    pub on_conflict: OnConflict,
    /// Whether [`crate::Monitor::resolve`] is asked about each file in the way instead.
    pub ask: bool,
    /// Whether the total is counted and reported before the first file.
    pub total: bool,
    /// What is left out below the sources: lines in the notation of gitignore, the last that matches
    /// decides.
    pub rules: Vec<String>,
    /// Smallest file, in bytes.
    pub min_size: Option<u64>,
    /// Largest file, in bytes.
    pub max_size: Option<u64>,
    /// What becomes of symbolic links below the sources.
    pub links: Links,
    /// Whether permission bits are kept (never setuid, setgid and sticky).
    pub preserve_mode: bool,
    /// Whether holes stay holes.
    pub sparse: bool,
    /// Whether blocks that shrink are sent compressed.
    pub compress: Option<CompressLevel>,
    /// At most so many bytes a second.
    pub bytes_per_second: Option<NonZeroU64>,
    /// Over how many connections files are moved at once; 0 counts as 1. With
    /// [`TransferOptions::preserve_mode`], a rate, or a monitor that wants to see chunks, it is one.
    pub transfers: u8,
    /// At most so many bytes of a file in one message.
    pub chunk_size: Option<ChunkSize>,
    /// Whether what an earlier attempt moved is made use of: what is at the destination with the size
    /// and time of its source is not sent again, and a file that was begun goes on where it broke off.
    pub resume: bool,
    /// How often it is tried again.
    pub retry: Retry,
    /// How long what is left of an interrupted download is kept.
    pub partial_expiry: Duration,
}

impl Default for TransferOptions {
    fn default() -> Self {
        Self {
            recursive: false,
            on_conflict: OnConflict::Abort,
            ask: false,
            total: false,
            rules: Vec::new(),
            min_size: None,
            max_size: None,
            links: Links::Skip,
            preserve_mode: false,
            sparse: false,
            compress: None,
            bytes_per_second: None,
            transfers: 1,
            chunk_size: None,
            resume: true,
            retry: Retry::default(),
            partial_expiry: DEFAULT_PARTIAL_EXPIRY,
        }
    }
}

impl TransferOptions {
    /// Over how many connections, for a monitor that wants to see chunks or not.
    pub(super) fn connections(&self, shows_chunks: bool) -> u8 {
        let is_one = self.preserve_mode || shows_chunks || self.bytes_per_second.is_some();
        if is_one { 1 } else { self.transfers.max(1) }
    }

    /// At what rate.
    pub(super) fn pace(&self) -> Pace {
        self.bytes_per_second.map_or_else(Pace::unlimited, Pace::new)
    }

    /// What a server is told of which files to send; `None` for what it would do anyway.
    pub(super) fn selection(&self, patterns: bool, one_by_one: bool) -> Option<Selection> {
        let selection = Selection {
            patterns,
            rules: self.rules.clone(),
            min_size: self.min_size,
            max_size: self.max_size,
            links: self.links,
            one_by_one,
            contents: false,
        };
        (selection != Selection::default()).then_some(selection)
    }

    /// How this side packs files.
    pub(super) fn packing(&self, file_size_limit: u64) -> PackerOptions {
        PackerOptions {
            file_size_limit,
            preserve_mode: self.preserve_mode,
            sparse: self.sparse,
            compress: self.compress,
            chunk_bytes: self.chunk_size.map(ChunkSize::get),
            digest: DigestKind::Xxh3,
            replaces: None,
        }
    }

    /// What a server is told of how to send them.
    pub(super) fn send_options(&self) -> Option<SendOptions> {
        let send_options = SendOptions {
            preserve_mode: self.preserve_mode,
            sparse: self.sparse,
            compress_level: self.compress.map(CompressLevel::get),
            bytes_per_second: self.bytes_per_second.map(NonZeroU64::get),
            chunk_bytes: self.chunk_size.map(|chunk| chunk.get().get()),
        };
        (send_options != SendOptions::default()).then_some(send_options)
    }
}

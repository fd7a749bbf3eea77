//! Options of clients and transfers.

use super::session::lane_choice::{LARGE_FILE, LaneChoice};
use super::{Identity, Interrupt, KeptKeys, KeptServers, OnWaiting, ServerAddress};
use crate::error::{Error, Result};
use crate::store::{DEFAULT_PARTIAL_EXPIRY, FollowLinks, Fsync, LocalStore, ResumeStore, StoreOptions, is_file_of};
use crate::transfer::{escape, is_pattern};
use remofile_protocol::key::PublicKey;
use remofile_protocol::path::{InvalidPath, NameRule, RemotePath, encode_pattern};
use remofile_protocol::token::Token;
use remofile_protocol::wire::{OnConflict, Selection, SendOptions, WAIT_FOREVER};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The address of a server, the proof of the token and the limits of calls.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Host name or address; or several separated by commas, each perhaps with a port, of servers that serve the same files:
    /// see [`ServerAddress::parse_list`]. A client that loses one goes on with another.
    pub hostname: String,
    /// TCP port of those without one.
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
    /// Longest time that a call may go without progress: nothing moved, and the server not heard of; `None` for no limit.
    /// Waiting for others is none. What is slow and gets on is not ended.
    pub stall_timeout: Option<Duration>,
    /// Size of the chunks that a server of protocol 1 is asked for, in bytes; `None` for any that it takes.
    pub chunk_size: Option<NonZeroU32>,
    /// The wait for the paths of a call while others use them.
    pub wait: Wait,
    /// Identity of the client, by which servers end what is left of its former sessions.
    pub identity: Identity,
    /// The keys that chosen tokens are stretched to, which takes a tenth of a second: once for all sessions of these
    /// options, unless it is kept for longer.
    pub kept_keys: KeptKeys,
    /// The note of which of several servers was good last.
    pub kept_servers: KeptServers,
    /// Interrupt that ends calls from another thread.
    pub interrupt: Interrupt,
    /// Function that receives the holders of the lease that calls wait for, if they have no [`crate::Monitor`].
    pub on_waiting: OnWaiting,
    /// Number of calls of siblings that wait for the calls of this client, as the one does whose callback makes them. Where a server
    /// has no room for another connection, a call fails if it would wait for one of such calls alone, which would be for ever.
    pub waited_by: usize,
}

impl ClientOptions {
    /// Options for a server, with everything else as it is by default: encrypted, no timeout, a wait of a minute.
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
            stall_timeout: None,
            chunk_size: None,
            wait: Wait::default(),
            identity: Identity::default(),
            kept_keys: KeptKeys::default(),
            kept_servers: KeptServers::default(),
            interrupt: Interrupt::default(),
            on_waiting: OnWaiting::default(),
            waited_by: 0,
        }
    }

    /// Returns the servers, at least one.
    ///
    /// # Errors
    /// [`Error::Resolve`] if the host name names none.
    pub fn servers(&self) -> Result<Vec<ServerAddress>> {
        ServerAddress::parse_list(&self.hostname, self.port).map_err(|error| {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, error);
            Error::Resolve { hostname: self.hostname.clone(), source }
        })
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

/// The wait for the paths of a call while others use them: a minute by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Fail at once.
    No,
    /// Wait as long as this, to the millisecond.
    For(Duration),
    /// Wait until it is free.
    Forever,
}

/// Longest time that a call waits for others by default.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

impl Default for Wait {
    fn default() -> Self {
        Self::For(DEFAULT_WAIT)
    }
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

/// The way downloaded files are stored on this side, as [`SendOptions`] say how files are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiveOptions {
    /// The moment at which files are on the disk. With [`Fsync::None`] a crash may leave files of the right size and
    /// time without their content, which the same call takes for present. Otherwise they are fetched again.
    pub fsync: Fsync,
    /// Time for which the partials of an interrupted download are kept.
    pub partial_expiry: Duration,
}

impl Default for ReceiveOptions {
    fn default() -> Self {
        Self { fsync: Fsync::End, partial_expiry: DEFAULT_PARTIAL_EXPIRY }
    }
}

impl ReceiveOptions {
    /// Returns the options of the store that keeps what comes, with the links that its paths may pass through.
    pub(crate) fn store_options(self, follow: FollowLinks) -> StoreOptions {
        StoreOptions { names: NameRule::Posix, follow, fsync: self.fsync, ..StoreOptions::default() }
    }

    /// Removes what has expired in a directory that is about to be filled, and settles what killed calls left there.
    pub(crate) fn tidy_up(self, destination: &Path) {
        // A store that is to be durable would begin with a flush of all that other programs wrote, which only a server
        // may wait for.
        let store = LocalStore::open(destination, StoreOptions::default());
        // What cannot be removed now does no harm.
        let _kept = store.and_then(|store| store.expire_partials(self.partial_expiry));
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

    /// Reports whether it is a file that is so large that it travels over several connections where the line is long: see
    /// [`crate::Client::connect_to_transfer`].
    #[must_use]
    pub fn is_large_file(&self) -> bool {
        is_file_of(&self.directory.join(&self.path), LARGE_FILE)
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
    pub fn within(directory: &RemotePath, path: &str) -> std::result::Result<Self, InvalidPath> {
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
    /// True if it is only found out what would be done: the plan is reported to the monitor ([`crate::Event::Planned`]), and
    /// nothing is changed on either side. The report counts what would be moved.
    pub dry_run: bool,
    /// True if a dry run takes a destination that is missing for an empty directory: for those who make it before the call that is
    /// none.
    pub missing_is_empty: bool,
    /// The choice of files below the sources. The client itself sets [`Selection::patterns`], [`Selection::one_by_one`] and
    /// [`Selection::contents`].
    pub selection: Selection,
    /// The way files are sent, in either direction. A level of compression that zstd does not have is `bad-request`.
    pub send: SendOptions,
    /// The attempts after a lost connection.
    pub retry: RetryOptions,
    /// Number of connections over which files are moved at once; 0 for as many as help: several on a line with a long round
    /// trip, where the server takes them, else one. Files are divided among them; a file alone travels over all of them. With
    /// [`SendOptions::preserve_mode`], [`SendOptions::hard_links`], a rate, or a monitor that wants to see chunks, files come
    /// one after the other, over all connections.
    pub transfers: u8,
    /// True to use what an earlier attempt moved: a file at the destination with the size and time of its source is
    /// not sent again, and a file that was begun is resumed where it broke off.
    pub resume: bool,
    /// The way a download is stored.
    pub receive: ReceiveOptions,
    /// True if local names that the server does not admit are encoded, and names that are encoded are decoded where they
    /// become local ones: see [`encode_name`](remofile_protocol::path::encode_name). Otherwise they are failures.
    pub encode_names: bool,
    /// Remote directory of an earlier upload: a file that is there, at the same path, with the same size and time, and
    /// permission bits if they are preserved, is not sent but gets another name. Of meaning for uploads, and for copies between servers, where it is at the second one.
    pub link_dest: Option<RemotePath>,
    /// Local directory of an earlier download, on the same file system: as [`TransferOptions::link_dest`], for downloads. A
    /// relative path that leads nowhere is taken from the destination.
    pub link_dest_here: Option<PathBuf>,
}

impl Default for TransferOptions {
    fn default() -> Self {
        Self {
            recursive: false,
            on_conflict: OnConflict::Abort,
            ask: false,
            total: false,
            dry_run: false,
            missing_is_empty: false,
            selection: Selection::default(),
            send: SendOptions::default(),
            retry: RetryOptions::default(),
            transfers: 0,
            resume: true,
            receive: ReceiveOptions::default(),
            encode_names: false,
            link_dest: None,
            link_dest_here: None,
        }
    }
}

impl TransferOptions {
    /// Returns the connections of a session that has the transfer for itself.
    pub(super) fn lanes(&self) -> LaneChoice {
        LaneChoice::of(self.transfers)
    }

    /// Returns the number of sessions at once, for a monitor that wants to see chunks or not.
    pub(super) fn connections(&self, shows_chunks: bool) -> u8 {
        let is_one = self.send.preserve_mode || self.send.hard_links || shows_chunks || self.send.rate().is_some();
        if is_one { 1 } else { self.transfers.max(1) }
    }

    /// The selection of a request; `None` for what a server would do anyway.
    pub(super) fn wire_selection(&self, patterns: bool, one_by_one: bool) -> Option<Selection> {
        unless_default(Selection { patterns, one_by_one, contents: false, ..self.selection.clone() })
    }
}

/// Returns rules in the notation of gitignore for names that are encoded, if they are. A rule stays besides: a server may have
/// names that came there by other means, and are not encoded.
pub(crate) fn encoded_rules(rules: &[String], encoding: Option<NameRule>) -> Vec<String> {
    let encoded = |rule: &String| encoding.map(|names| encode_pattern(rule, names)).filter(|encoded| encoded != rule);
    rules.iter().flat_map(|rule| [Some(rule.clone()), encoded(rule)]).flatten().collect()
}

/// The value that a request gives; `None` where it is the default.
pub(super) fn unless_default<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

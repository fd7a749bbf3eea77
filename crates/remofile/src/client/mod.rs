//! The client: operations on a remote directory, each a blocking call.
//!
//! A [`Client`] connects when the first call needs it and again after a connection was lost, so that
//! the caller never handles connections. One call at a time; [`AsyncClient`] is the same on a thread of
//! its own, for programs that await.

mod abilities;
mod asynchronous;
mod asynchronous_file;
mod attempts;
mod background_listing;
mod call;
mod conflict_policy;
mod connect;
mod deferred_event;
mod download;
mod download_plan;
mod download_stream;
mod ended;
mod file;
mod find;
mod holding;
mod idle;
mod interrupt;
mod item_merger;
mod listing;
mod measuring;
mod options;
mod parallel;
mod partials;
mod places;
mod progress_recorder;
mod resolve;
mod scopes;
mod selecting;
mod stream;
mod survey;
mod syncing;
mod unanswered;
mod upload;
mod upload_plan;
mod upload_stream;
mod waiting;

pub(crate) use abilities::require;
pub(crate) use item_merger::ItemMerger;
pub(crate) use syncing::{PartialsHere, Syncing};

pub use asynchronous::{AsyncClient, Pending};
pub use asynchronous_file::AsyncRemoteFile;
pub use file::{OpenOptions, RemoteFile};
pub use interrupt::Interrupt;
pub use options::{ChunkSize, ClientOptions, LocalSource, Protocol, RemoteSource, Retry, TransferOptions, Wait};
pub use partials::LocalPartials;
pub use waiting::OnWaiting;

use crate::error::{Error, Result};
use call::{After, Deadline, Handler, Session};
use idle::Idle;
use remofile_protocol::handshake::ServerHello;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Done, Entry, ErrorCode, Failure, Listed, Request, StatusReport};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A client of one server.
///
/// # Examples
/// ```no_run
/// use remofile::{Client, ClientOptions, protocol::token::Token};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let token = Token::parse("e9NUu9DRuDtUa5mSvc3VC7")?;
/// let mut client = Client::connect(ClientOptions::new("localhost", 6768, token))?;
/// client.make_directory(&"/photos".parse()?, false, false)?;
/// client.list(&"/".parse()?, false, &mut |listed| {
///     println!("{listed:?}");
///     Ok(())
/// })?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client {
    options: ClientOptions,
    session: Option<Session>,
    /// Connections that open files of this client share with it.
    idle: Idle,
    /// Whether the session holds the lease for several operations.
    holds: bool,
    /// Bytes sent and received by all calls so far.
    traffic: (u64, u64),
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

impl Client {
    /// A client that connects with its first call.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        Self { options, session: None, idle: Idle::default(), holds: false, traffic: (0, 0) }
    }

    /// Another client of the same server, which shares connections with this one.
    fn sibling(&self) -> Self {
        Self { idle: self.idle.clone(), ..Self::new(self.options.clone()) }
    }

    /// Leaves the connection, if there is one between two calls, to whichever sibling calls next.
    fn lend(&mut self) {
        if !self.holds
            && let Some(session) = self.session.take()
        {
            self.idle.put(session);
        }
    }

    /// A client that is connected and has proved its token.
    ///
    /// # Errors
    /// What keeps it from connecting: see [`crate::Error`].
    pub fn connect(options: ClientOptions) -> Result<Self> {
        let mut client = Self::new(options);
        let deadline = client.deadline();
        client.session(&deadline)?;
        Ok(client)
    }

    /// Sets timeout, lease wait and interrupt of later calls; the server and the token stay what they are.
    pub fn set_limits(&mut self, timeout: Option<Duration>, wait: Wait, interrupt: Interrupt) {
        self.options.timeout = timeout;
        self.options.wait = wait;
        self.options.interrupt = interrupt;
    }

    /// Who is told whom later calls wait for, where they have no [`crate::Monitor`].
    pub fn set_on_waiting(&mut self, on_waiting: OnWaiting) {
        self.options.on_waiting = on_waiting;
    }

    /// Ends the session, if there is one; the next call opens another.
    pub fn disconnect(&mut self) {
        (self.session, self.holds) = (None, false);
    }

    /// After a fork, in the new process: lets go of the connections, which are the old process's, without a word
    /// to the server. The next call opens another. Open files of the old process must be leaked, not dropped.
    pub fn forget_session(&mut self) {
        self.idle.disown();
        if let Some(session) = self.session.take() {
            session.disown();
        }
    }

    /// What the server said of itself; connects if there is no connection.
    ///
    /// # Errors
    /// What keeps it from connecting.
    pub fn server(&mut self) -> Result<&ServerHello> {
        let deadline = self.deadline();
        Ok(self.session(&deadline)?.hello())
    }

    /// Lists a directory, an element at a time, sorted by name; with `recursive` every directory is
    /// followed by its contents.
    ///
    /// # Errors
    /// The callback's error, which ends the listing; `not-found`, `not-a-directory`, ...
    pub fn list(
        &mut self,
        directory: &RemotePath,
        recursive: bool,
        each: &mut dyn FnMut(Listed) -> Result<()>,
    ) -> Result<()> {
        let request =
            Request::List { path: directory.clone(), recursive, rules: Vec::new(), targets: false, unflushed: true };
        let mut told = self.options.on_waiting.clone();
        self.call(request, &mut listing::ListHandler::new(each, &mut told)).map(drop)
    }

    /// Tells what a path names. Links that stay inside the root directory are followed.
    ///
    /// # Errors
    /// `not-found`, ...
    pub fn stat(&mut self, path: &RemotePath) -> Result<Entry> {
        let done = self.ask(Request::Stat { path: path.clone() })?;
        done.entry.ok_or_else(|| Error::Protocol("an answer without an entry".to_owned()))
    }

    /// Creates an empty file; with `update` an existing file is no failure, and its time is set to now.
    ///
    /// # Errors
    /// `already-exists`, `not-found` (no such directory), ...
    pub fn create_file(&mut self, path: &RemotePath, update: bool) -> Result<()> {
        self.ask(Request::CreateFile { path: path.clone(), update }).map(drop)
    }

    /// Creates a directory; with `update` an existing one is no failure, with `parents` missing parents
    /// are created.
    ///
    /// # Errors
    /// `already-exists`, `not-found`, `not-a-directory`, ...
    pub fn make_directory(&mut self, path: &RemotePath, update: bool, parents: bool) -> Result<()> {
        self.ask(Request::MakeDirectory { path: path.clone(), update, parents }).map(drop)
    }

    /// Removes a file, a link or a directory; one with contents only if `recursive`.
    ///
    /// # Errors
    /// `not-found`, `not-empty`, ...
    pub fn remove(&mut self, path: &RemotePath, recursive: bool) -> Result<Removed> {
        let done = self.ask(Request::Remove { path: path.clone(), recursive })?;
        Ok(Removed { files: done.files, directories: done.directories })
    }

    /// Renames a file or directory, atomically; with `replace` a file in the way is replaced.
    ///
    /// # Errors
    /// `already-exists`, `not-found`, `into-itself`, ...
    pub fn rename(&mut self, source: &RemotePath, destination: &RemotePath, replace: bool) -> Result<()> {
        let (source, destination) = (source.clone(), destination.clone());
        self.ask(Request::Move { source, destination, replace }).map(drop)
    }

    /// Asks for the server's state; answered whoever holds the lease.
    ///
    /// # Errors
    /// What keeps it from connecting; `unsupported` by a server of protocol 1.
    pub fn status(&mut self) -> Result<ServerStatus> {
        let deadline = self.deadline();
        let session = self.session(&deadline)?;
        let (address, cipher) = (session.address(), session.cipher());
        if self.options.protocol == Protocol::One {
            let why = "servers of protocol 1 tell nothing of themselves, but this one answers";
            return Err(Failure::new(ErrorCode::Unsupported).because(why).into());
        }
        let asked = Instant::now();
        let done = self.ask(Request::Status)?;
        let report = done.status.ok_or_else(|| Error::Protocol("an answer without a status".to_owned()))?;
        Ok(ServerStatus { report, round_trip: asked.elapsed(), address, cipher })
    }

    /// A call that is one request and one answer.
    fn ask(&mut self, request: Request) -> Result<Done> {
        let mut told = self.options.on_waiting.clone();
        let result = self.call(request, &mut call::Plain::new(&mut told));
        if self.idle.is_shared() {
            self.lend();
        }
        result
    }

    /// Runs one operation; connects first if there is no connection. A session whose operation broke
    /// off is not used again.
    fn call<H: Handler>(&mut self, request: Request, handler: &mut H) -> Result<Done> {
        let deadline = self.deadline();
        self.call_until((&deadline, None), request, handler)
    }

    /// The same with a deadline that was set before, and a time to wait for the lease at least.
    fn call_until<H: Handler>(
        &mut self,
        (deadline, lease_wait): (&Deadline, Option<Duration>),
        request: Request,
        handler: &mut H,
    ) -> Result<Done> {
        let wait =
            lease_wait.map_or(self.options.wait, |lease_wait| self.options.wait.at_least(lease_wait)).milliseconds();
        let interrupt = self.options.interrupt.clone();
        let mut run = |client: &mut Self, request| -> Result<(Result<Done>, After)> {
            let session = client.session(deadline)?;
            let before = session.traffic();
            let (result, then) = session.run(request, wait, deadline, &interrupt, handler);
            let after = session.traffic();
            client.traffic = (client.traffic.0 + after.0 - before.0, client.traffic.1 + after.1 - before.1);
            if then != After::Usable {
                client.session = None;
            }
            Ok((result, then))
        };
        // Another session would not hold what this one held.
        let again = (!self.holds).then(|| request.clone());
        match (run(self, request)?, again) {
            ((_, After::NotBegun), Some(request)) => run(self, request)?.0,
            ((result, _), _) => result,
        }
    }

    fn traffic_since(&self, before: (u64, u64)) -> (u64, u64) {
        (self.traffic.0 - before.0, self.traffic.1 - before.1)
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.options.timeout)
    }

    fn session(&mut self, deadline: &Deadline) -> Result<&mut Session> {
        if self.session.as_mut().is_some_and(Session::is_stale) {
            self.session = None;
        }
        match &mut self.session {
            Some(session) => Ok(session),
            // Another session would not hold what this one held.
            None if self.holds => Err(Error::ConnectionLost(std::io::ErrorKind::UnexpectedEof.into())),
            none => match self.idle.take() {
                Some(session) => Ok(none.insert(session)),
                None => Ok(none.insert(connect::connect(&self.options, deadline)?)),
            },
        }
    }
}

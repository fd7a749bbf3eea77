//! The server: jails a root directory and answers sessions.
//!
//! Participants: the *lobby* holds every peer that has not proved a token yet, and every session that has nothing to
//! do, on one event loop; a *worker* is a thread that a session has while there is something to do; a *session* runs
//! *operations* on the store, one *lease* each. A request's way: `lobby` (bytes, handshake) -> `connection` (records)
//! -> `session` (messages) -> `operation` -> the store.

mod accounts;
mod admission;
mod authorisation;
mod connection;
mod expiry;
mod files;
mod leases;
mod lobby;
mod max_hold;
mod network;
mod operation;
mod presence;
mod principal;
mod protocol1;
mod session;
mod slowdown;
mod workers;
mod zeromq;

pub use zeromq::{Handler, Reply};

use crate::carrier::{Link, Waker};
use crate::error::{Error, Result};
use crate::store::{DEFAULT_PARTIAL_EXPIRY, Fsync, ReadOnly, Store};
use connection::{Connection, Serve, Served};
use expiry::Expiry;
use files::Files;
use lobby::Lobby;
use presence::Presence;
use principal::{Grant, Principal, PrincipalId};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::handshake::{Place, ServerCredentials};
use remofile_protocol::key::PrivateKey;
use remofile_protocol::limits::DEFAULT_FILE_SIZE_LIMIT;
use remofile_protocol::path::NameRule;
use remofile_protocol::token::{Token, TokenMatcher};
use session::{Session, SharedState};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use zeromq::ServerContext;

/// Options of a server: limits, policies and timeouts.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Largest file accepted or sent, in bytes; at least 1.
    pub file_size_limit: u64,
    /// Chunk sizes that protocol 1 may negotiate, in bytes: least and most, at least 1. Protocol 2
    /// negotiates its own.
    pub chunk_size_range: (u32, u32),
    /// Private key, by which clients tell the server from impostors that know the token.
    pub private_key: Option<PrivateKey>,
    /// True if a client may ask for a session that is authenticated but not encrypted.
    pub allow_plain: bool,
    /// True if every session must be encrypted, those of protocol 1 included.
    pub require_encryption: bool,
    /// Permission bits of new files instead of those the umask leaves; never executable, always
    /// readable and writable by the user.
    pub file_mode: Option<u32>,
    /// Permission bits of new directories instead of those the umask leaves.
    pub directory_mode: Option<u32>,
    /// The rule for the names that are admitted.
    pub names: NameRule,
    /// The moment at which written files must be on the disk.
    pub fsync: Fsync,
    /// True if every change is refused.
    pub read_only: bool,
    /// Time for which the partials of interrupted uploads are kept.
    pub partial_expiry: Duration,
    /// Time after which a session that does nothing is ended if another client needs its place. A transfer of protocol
    /// 1 whose client says nothing for that time is ended in any case.
    pub idle_timeout: Duration,
    /// Longest time that an operation may have its lease without getting on, more than 0: nothing taken, nothing
    /// sent, and no other operation of its session begun or ended. Then it fails with `lease-expired`.
    pub max_hold: Duration,
    /// Sessions at most, at least 1; fewer if the process may not open a third more files than that. Those that do
    /// nothing cost no thread.
    pub max_sessions: usize,
    /// Sessions of one address (of IPv6, of one network of 64 bits) at most, at least 1. `None`: three quarters of
    /// all.
    pub sessions_per_address: Option<usize>,
    /// Sessions of the clients with one token at most, at least 1. `None`: as many as there are, since a server has
    /// one token.
    pub sessions_per_token: Option<usize>,
    /// Memory that one session may hold, in bytes, at least 4 MiB. A request that would need more fails with
    /// `out-of-resources`, or its client waits. Beside it each connection has buffers of some 3 MiB at most.
    pub session_memory: u64,
    /// Memory that all sessions together may hold, in bytes, at least [`ServerOptions::session_memory`].
    pub server_memory: u64,
}

/// Default of [`ServerOptions::session_memory`], in bytes.
pub const DEFAULT_SESSION_MEMORY: u64 = 64 * 1024 * 1024;

/// Default of [`ServerOptions::server_memory`], in bytes.
pub const DEFAULT_SERVER_MEMORY: u64 = 1024 * 1024 * 1024;

/// The least that a session can work with, in bytes.
const LEAST_SESSION_MEMORY: u64 = 4 * 1024 * 1024;

/// Time after which a session that does nothing may be ended for others, unless otherwise asked for.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time without progress under a lease, unless otherwise asked for.
pub const DEFAULT_MAX_HOLD: Duration = Duration::from_secs(3600);

/// Sessions at most, unless otherwise asked for.
pub const DEFAULT_MAX_SESSIONS: usize = 65_536;

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            file_size_limit: DEFAULT_FILE_SIZE_LIMIT,
            chunk_size_range: (512, 8192),
            private_key: None,
            allow_plain: false,
            require_encryption: false,
            file_mode: None,
            directory_mode: None,
            names: NameRule::Portable,
            fsync: Fsync::None,
            read_only: false,
            partial_expiry: DEFAULT_PARTIAL_EXPIRY,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            max_hold: DEFAULT_MAX_HOLD,
            max_sessions: DEFAULT_MAX_SESSIONS,
            sessions_per_address: None,
            sessions_per_token: None,
            session_memory: DEFAULT_SESSION_MEMORY,
            server_memory: DEFAULT_SERVER_MEMORY,
        }
    }
}

/// A server of one root directory. Clones are the same server.
#[derive(Debug, Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    files: Files,
    token: Token,
    state: Mutex<ServerState>,
}

#[derive(Debug)]
struct ServerState {
    options: ServerOptions,
    run: Run,
}

#[derive(Debug)]
enum Run {
    Idle,
    /// Bound or serving.
    Running(Arc<Stop>),
}

/// Ends a running server.
#[derive(Debug)]
struct Stop {
    stopping: AtomicBool,
    waker: Waker,
}

/// A server that listens and does not answer yet.
pub struct Bound {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    config: ServerConfig,
    lifetime: Lifetime,
}

/// The configuration of a running server.
struct ServerConfig {
    tokens: Vec<KnownToken>,
    store: Arc<dyn Store>,
    options: ServerOptions,
    /// Found out early: a server that is confined later may not look any more.
    places: Vec<Place>,
}

/// A token that the server knows, and its holder.
struct KnownToken {
    token: Token,
    principal: Principal,
}

/// The time for which the server runs: it ends when this is dropped.
struct Lifetime {
    server: Server,
    stop: Arc<Stop>,
}

impl Server {
    /// Creates a server of an existing directory.
    ///
    /// # Errors
    /// [`Error::Root`] if there is no such directory.
    pub fn new(root: impl AsRef<Path>, token: Token) -> Result<Self> {
        let root = root.as_ref().to_owned();
        Ok(Self::of(Files::in_directory(root)?, token))
    }

    /// A server of any store: one in memory, one of another program, a local directory with something around it. What a
    /// store cannot do its clients are told before they ask ([`Store::capabilities`]). How files are made and flushed is
    /// the store's own matter: [`ServerOptions::file_mode`], [`ServerOptions::directory_mode`] and what `fsync` does
    /// to each file are up to it, but with [`Fsync::End`] it is asked to flush before an operation's success is reported.
    ///
    /// ```
    /// use remofile::protocol::token::Token;
    /// use remofile::protocol::wire::Kind;
    /// use remofile::store::MemoryStore;
    /// use remofile::{Client, ClientOptions, Server};
    /// use std::sync::Arc;
    ///
    /// let token = Token::generate();
    /// let server = Server::with_store(Arc::new(MemoryStore::new()), token.clone());
    /// let bound = server.bind(0, Some([127, 0, 0, 1].into()))?;
    /// let port = bound.addresses()[0].port();
    /// let serving = std::thread::spawn(move || bound.serve());
    /// let mut client = Client::new(ClientOptions::new("127.0.0.1", port, token));
    /// client.make_directory(&"/album".parse()?, false, false)?;
    /// assert_eq!(client.stat(&"/album".parse()?)?.kind, Kind::Directory);
    /// server.terminate()?;
    /// serving.join().expect("the server does not panic")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_store(store: Arc<dyn Store>, token: Token) -> Self {
        Self::of(Files::Store(store), token)
    }

    fn of(files: Files, token: Token) -> Self {
        let state = Mutex::new(ServerState { options: ServerOptions::default(), run: Run::Idle });
        Self { inner: Arc::new(Inner { files, token, state }) }
    }

    /// Returns the options in force.
    #[must_use]
    pub fn options(&self) -> ServerOptions {
        self.lock().options.clone()
    }

    /// Changes the options.
    ///
    /// # Errors
    /// [`Error::Usage`] while the server runs, or if the options make no sense.
    pub fn set_options(&self, options: ServerOptions) -> Result<()> {
        check(&options)?;
        let mut state = self.lock();
        match state.run {
            Run::Running(_) => Err(Error::Usage("options cannot be changed while the server is running")),
            Run::Idle => {
                state.options = options;
                Ok(())
            }
        }
    }

    /// Listens. No address means all, IPv4 and IPv6; port 0 picks a free one. Connections are taken
    /// from now on, and answered by [`Bound::serve`].
    ///
    /// # Errors
    /// [`Error::Listen`], [`Error::Root`], and [`Error::Usage`] if the server is running already.
    pub fn bind(&self, port: u16, address: Option<IpAddr>) -> Result<Bound> {
        let config = self.config()?;
        let listeners = lobby::listen(port, address)?;
        let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let lifetime = self.begin()?;
        Ok(Bound { listeners, addresses, config, lifetime })
    }

    /// Serves the messages that a ZeroMQ ROUTER socket of yours receives, without a socket of its own, until
    /// [`Server::terminate`].
    ///
    /// # Errors
    /// [`Error::Root`], and [`Error::Usage`] if the server is running already.
    pub fn handler(&self) -> Result<Handler> {
        let config = self.config()?;
        let lifetime = self.begin()?;
        let waker = lifetime.stop.waker.clone();
        Ok(Handler::new(config.context()?, waker, lifetime))
    }

    fn config(&self) -> Result<ServerConfig> {
        let options = self.options();
        let (mut store, places) = self.inner.files.open(&options)?;
        if options.read_only {
            store = Arc::new(ReadOnly::new(store));
        }
        let only = KnownToken { token: self.inner.token.clone(), principal: Principal::unlimited(&options) };
        Ok(ServerConfig { tokens: vec![only], store, options, places })
    }

    fn begin(&self) -> Result<Lifetime> {
        let waker = Waker::new().map_err(|source| Error::System { what: "cannot start the server", source })?;
        let stop = Arc::new(Stop { stopping: AtomicBool::new(false), waker });
        let mut state = self.lock();
        if let Run::Running(_) = state.run {
            return Err(Error::Usage("the server is running already"));
        }
        state.run = Run::Running(Arc::clone(&stop));
        Ok(Lifetime { server: self.clone(), stop })
    }

    /// Listens and serves until [`Server::terminate`].
    ///
    /// # Errors
    /// As [`Server::bind`] and [`Bound::serve`].
    pub fn run(&self, port: u16, address: Option<IpAddr>) -> Result<()> {
        self.bind(port, address)?.serve()
    }

    /// Ends [`Server::run`] and [`Bound::serve`] from any thread. Operations are interrupted, their partials are
    /// retained, and clients get a reason.
    ///
    /// # Errors
    /// [`Error::Usage`] if the server is not running.
    pub fn terminate(&self) -> Result<()> {
        match &self.lock().run {
            Run::Idle => Err(Error::Usage("the server is not running")),
            Run::Running(stop) => {
                stop.stopping.store(true, Ordering::Release);
                stop.waker.wake();
                Ok(())
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, ServerState> {
        // No change to the state can be left half done.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bound {
    /// Returns the addresses that it really listens on.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until [`Server::terminate`].
    ///
    /// # Errors
    /// [`Error::System`] if the operating system fails the event loop.
    pub fn serve(self) -> Result<()> {
        let Self { listeners, config, lifetime, .. } = self;
        let options = &config.options;
        let expiry = (!options.read_only).then(|| Expiry::begin(Arc::clone(&config.store), options.partial_expiry));
        let credentials = ServerCredentials {
            tokens: config.tokens.iter().map(|known| known.token.stretch()).collect(),
            private_key: options.private_key.clone(),
            allow_plain: options.allow_plain && !options.require_encryption,
        };
        let context = Arc::new(config.context()?);
        let pool = context.shared.pool.clone();
        let served = Lobby::new(listeners, credentials, context, expiry, &lifetime.stop.waker)
            .and_then(|lobby| lobby.run(&lifetime.stop.stopping))
            .map_err(|source| Error::System { what: "the server cannot go on", source });
        // What sessions that are gone had under way is to be whole.
        pool.drain();
        served
    }
}

impl ServerConfig {
    fn context(self) -> Result<ServerContext> {
        let Self { tokens, store, options, places } = self;
        let matcher = TokenMatcher::new(tokens.iter().map(|known| &known.token));
        let mut grants = Vec::with_capacity(tokens.len());
        // In the order of the tokens: the handshakes tell the index of the one that was proved.
        for (index, known) in tokens.into_iter().enumerate() {
            let principal = Principal { id: PrincipalId(index), ..known.principal };
            grants.push(Arc::new(Grant::new(principal, &store, &options, places.clone())?));
        }
        Ok(ServerContext { shared: Arc::new(SharedState::new(options)), tokens: matcher, grants })
    }
}

impl Lifetime {
    fn is_stopping(&self) -> bool {
        self.stop.stopping.load(Ordering::Acquire)
    }
}

/// Serves one session of any store over a link until it is over.
pub(crate) fn serve_store(link: Link, store: Arc<dyn Store>, options: ServerOptions, waker: &Waker) {
    let grant = Arc::new(Grant::unlimited(store, &options));
    let presence = Presence::new(Instant::now(), None);
    let peer =
        session::Peer { session: 1, client: crate::own_name(), address: String::new(), network: None, presence, grant };
    let endpoint = Session::new(Arc::new(SharedState::new(options)), peer.clone(), waker.clone(), DigestKind::Xxh3);
    let mut connection = Connection::new(link, endpoint, "session", &peer, waker.clone());
    while connection.serve(waker, &|| Duration::MAX) == Served::Idle {}
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Drop for Lifetime {
    fn drop(&mut self) {
        self.server.lock().run = Run::Idle;
    }
}

fn check(options: &ServerOptions) -> Result<()> {
    let (least, most) = options.chunk_size_range;
    if options.file_size_limit == 0 {
        return Err(Error::Usage("the file size limit must be greater than 0"));
    }
    if options.session_memory < LEAST_SESSION_MEMORY {
        return Err(Error::Usage("the memory of a session must be at least 4 MiB"));
    }
    if options.server_memory < options.session_memory {
        return Err(Error::Usage("the memory of all sessions must be at least that of one"));
    }
    if least == 0 || most < least {
        return Err(Error::Usage("chunk sizes must be greater than 0, and the largest at least the smallest"));
    }
    if options.max_hold.is_zero() {
        return Err(Error::Usage("the longest time without progress must be greater than 0"));
    }
    let shares = [Some(options.max_sessions), options.sessions_per_address, options.sessions_per_token];
    if shares.contains(&Some(0)) {
        return Err(Error::Usage("a server has one session at least, and so have an address and a token"));
    }
    if options.allow_plain && (options.require_encryption || options.private_key.is_some()) {
        return Err(Error::Usage(
            "a server that requires encryption, or has a private key, cannot admit sessions without it",
        ));
    }
    Ok(())
}

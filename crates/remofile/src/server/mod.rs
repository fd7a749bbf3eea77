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
mod lifetime;
mod lobby;
mod max_hold;
mod network;
mod operation;
mod options;
mod presence;
mod principal;
mod protocol1;
mod session;
mod slowdown;
mod workers;
mod zeromq;

pub use options::{
    DEFAULT_IDLE_TIMEOUT, DEFAULT_MAX_HOLD, DEFAULT_MAX_SESSIONS, DEFAULT_SERVER_MEMORY, DEFAULT_SESSION_MEMORY,
    ServerOptions,
};
pub use zeromq::{Handler, Reply};

use crate::carrier::{Link, Waker};
use crate::error::{Error, Result};
use crate::store::{ReadOnly, Store};
use connection::{Connection, Serve, Served};
use expiry::Expiry;
use files::Files;
use lifetime::{Lifetime, Run, ServerState, Stop, lock};
use lobby::Lobby;
use options::check;
use presence::Presence;
use principal::{Grant, Principal, PrincipalId};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::handshake::{Place, ServerCredentials};
use remofile_protocol::token::{Token, TokenMatcher};
use session::{Session, SharedState};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use zeromq::ServerContext;

/// A server of one root directory. Clones are the same server.
#[derive(Debug, Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    files: Files,
    token: Token,
    state: Arc<Mutex<ServerState>>,
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
    /// to each file are up to it, but with [`Fsync::End`](crate::store::Fsync::End) it is asked to flush before an
    /// operation's success is reported.
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
        let state = ServerState { options: ServerOptions::default(), run: Run::Idle };
        let state = Arc::new(Mutex::new(state));
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
        Ok(Lifetime { state: Arc::clone(&self.inner.state), stop })
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
        lock(&self.inner.state)
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

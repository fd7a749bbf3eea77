//! The server: jails a root directory and answers sessions.
//!
//! Participants: the *lobby* holds every peer that has not proved a token yet, and every session that has nothing to
//! do, on one event loop; a *worker* is a thread that a session has while there is something to do; a *session* runs
//! *operations* on the store, one *lease* each. A request's way: `lobby` (bytes, handshake) -> `connection` (records)
//! -> `session` (messages) -> `operation` -> the store.

mod accounts;
mod admission;
mod audit;
mod authorisation;
mod bandwidth;
mod bound;
mod claims;
mod clients;
mod config;
mod connection;
mod control;
pub mod coordination;
mod expiry;
mod files;
mod lanes;
mod leased;
mod leases;
mod lifetime;
mod limits;
mod lobby;
mod max_hold;
mod neighbours;
mod network;
mod observer;
mod open_files;
mod operation;
mod options;
mod presence;
mod principal;
mod protocol1;
mod pulse;
mod roster;
mod session;
#[cfg(test)]
pub(crate) mod simulated;
mod slowdown;
mod staged_files;
mod statistics;
mod stretching;
mod token_source;
mod workers;
mod zeromq;

pub use audit::AuditLog;
pub use bound::Bound;
pub use coordination::{Coordinated, Coordinator, MemoryCoordinator, Standing};
pub use observer::{Observer, ServerEvent, ServerObserver, StoredFile};
pub use options::{
    DEFAULT_IDLE_TIMEOUT, DEFAULT_MAX_HOLD, DEFAULT_MAX_SESSIONS, DEFAULT_SERVER_MEMORY, DEFAULT_SESSION_MEMORY,
    ServerOptions,
};
pub use statistics::ServerStatistics;
pub use zeromq::{Handler, Reply};

use crate::carrier::{Link, Waker};
use crate::error::{Error, Result};
use crate::store::{Fenced, ReadOnly, Store};
use crate::tokens::LiveTokens;
use config::{Prepared, ServerConfig};
use connection::{Connection, Serve, Served};
use coordination::{Coordination, Registration, SharedRoot};
use files::Files;
use lifetime::{Lifetime, Run, ServerState, Stop, lock};
use options::check;
use presence::Presence;
use principal::Grant;
use remofile_protocol::digest::DigestKind;
use remofile_protocol::token::Token;
use session::{Session, SharedState};
use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use token_source::TokenSource;

/// A server of one root directory. Clones are the same server.
#[derive(Debug, Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    files: Files,
    tokens: TokenSource,
    state: Arc<Mutex<ServerState>>,
}

impl Server {
    /// Creates a server of an existing directory.
    ///
    /// # Errors
    /// [`Error::Root`] if there is no such directory.
    pub fn new(root: impl AsRef<Path>, token: Token) -> Result<Self> {
        let root = root.as_ref().to_owned();
        Ok(Self::of(Files::in_directory(root)?, TokenSource::One(token)))
    }

    /// Creates a server of an existing directory for many users, each with a token, rights and limits of their own. Changes of
    /// the tokens are in force at once while it runs: whoever has none any more, or may do less than before, is cut off, in the
    /// middle of transfers, too.
    ///
    /// ```
    /// use remofile::protocol::token::Token;
    /// use remofile::{LiveTokens, Server, TokenEntry, TokenRights};
    ///
    /// let tokens = LiveTokens::default();
    /// let server = Server::with_tokens(std::env::temp_dir(), tokens.clone())?;
    /// let token = Token::generate();
    /// let reader = TokenEntry { rights: TokenRights::Read, ..TokenEntry::new("alice".parse()?, &token) };
    /// tokens.change(|tokens| tokens.add(reader))?;
    /// # drop(server);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Root`] if there is no such directory.
    pub fn with_tokens(root: impl AsRef<Path>, tokens: LiveTokens) -> Result<Self> {
        let root = root.as_ref().to_owned();
        Ok(Self::of(Files::in_directory(root)?, TokenSource::Live(tokens)))
    }

    /// A server of any store: one in memory, one of another program, a local directory with something around it. What a
    /// store cannot do its clients are told before they ask ([`Store::capabilities`]). How files are made and flushed is
    /// the store's own matter: [`ServerOptions::file_mode`], [`ServerOptions::directory_mode`] and what `fsync` does
    /// to each file are up to it, but with [`Fsync::End`](crate::store::Fsync::End) it is asked to flush before an
    /// operation's success is reported. A directory that another server has is refused as by [`Server::new`], if the store
    /// tells of it ([`Store::claim_directory`]).
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
        Self::of(Files::Store(store), TokenSource::One(token))
    }

    /// A server of any store for many users: [`Server::with_store`] and [`Server::with_tokens`] in one.
    #[must_use]
    pub fn with_store_and_tokens(store: Arc<dyn Store>, tokens: LiveTokens) -> Self {
        Self::of(Files::Store(store), TokenSource::Live(tokens))
    }

    fn of(files: Files, tokens: TokenSource) -> Self {
        let state = ServerState { options: ServerOptions::default(), run: Run::Idle };
        let state = Arc::new(Mutex::new(state));
        Self { inner: Arc::new(Inner { files, tokens, state }) }
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
    /// [`Error::Listen`], [`Error::Root`], also if another server serves the directory and either may change it, and
    /// [`Error::Usage`] if the server is running already.
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
        let Prepared { context, store: _, watch, control: _ } =
            config.prepare(&waker, lifetime.coordination.as_ref())?;
        let keeper = lifetime.keep(&context.shared)?;
        Ok(Handler::new(context, waker, lifetime, watch, keeper))
    }

    /// Serves on sockets that listen already: those that whoever started the process has opened, as systemd does. Connections
    /// are answered by [`Bound::serve`].
    ///
    /// # Errors
    /// [`Error::Listen`] if one cannot be used, and [`Server::bind`]'s.
    pub fn bind_to(&self, listeners: Vec<TcpListener>) -> Result<Bound> {
        if listeners.is_empty() || listeners.len() > lobby::MAX_LISTENERS {
            return Err(Error::Usage("a server listens on one socket at least, and on 15 at most"));
        }
        let config = self.config()?;
        for listener in &listeners {
            listener
                .set_nonblocking(true)
                .map_err(|source| Error::Listen { address: "the socket that was passed on".to_owned(), source })?;
        }
        let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let lifetime = self.begin()?;
        Ok(Bound { listeners, addresses, config, lifetime })
    }

    fn config(&self) -> Result<ServerConfig> {
        let options = self.options();
        let (mut store, places) = self.inner.files.open(&options)?;
        if let Some(coordinated) = &options.coordinator {
            store = Arc::new(Fenced::new(store, coordinated.fence()));
        }
        if options.read_only {
            store = Arc::new(ReadOnly::new(store));
        }
        Ok(ServerConfig { tokens: self.inner.tokens.clone(), store, options, places })
    }

    fn begin(&self) -> Result<Lifetime> {
        let waker = Waker::new().map_err(|source| Error::System { what: "cannot start the server", source })?;
        let stop = Arc::new(Stop::new(waker));
        let mut state = self.lock();
        if let Run::Running(_) = state.run {
            return Err(Error::Usage("the server is running already"));
        }
        let directory = self.inner.files.claim(&state.options)?.map(Arc::new);
        let coordination = match state.options.coordinator.clone() {
            None => None,
            Some(coordinated) => {
                let (token, store) = (self.inner.tokens.told_to_servers(), coordinated.store());
                let root = SharedRoot {
                    name: store,
                    directory: directory.as_ref().map(Arc::downgrade),
                    store: self.inner.files.shared_store(&state.options),
                };
                let registration = Registration::new(&state.options, token, root);
                Some(Coordination::begin(coordinated, registration, self.inner.tokens.live())?)
            }
        };
        state.run = Run::Running(Arc::clone(&stop));
        Ok(Lifetime { state: Arc::clone(&self.inner.state), stop, directory, coordination })
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

/// Serves one session of any store over a link until it is over.
pub(crate) fn serve_store(link: Link, store: Arc<dyn Store>, options: ServerOptions, waker: &Waker) {
    let grant = Arc::new(Grant::unlimited(store, &options));
    let presence = Presence::new(Instant::now(), None);
    let peer = session::Peer {
        session: 1,
        client: crate::own_name(),
        address: String::new(),
        network: None,
        identity: None,
        presence,
        grant,
    };
    let endpoint = Session::new(Arc::new(SharedState::new(options)), peer.clone(), waker.clone(), DigestKind::Xxh3);
    let mut connection = Connection::new(link, endpoint, "session", &peer, waker.clone());
    while connection.serve(waker, &|| Duration::MAX) == Served::Idle {}
}

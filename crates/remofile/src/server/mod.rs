//! The server (interface; the bodies come with the carrier).

use crate::error::Result;
use crate::store::Fsync;
use remofile_protocol::key::PrivateKey;
use remofile_protocol::limits::DEFAULT_FILE_SIZE_LIMIT;
use remofile_protocol::path::NameRule;
use remofile_protocol::token::Token;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// How a server behaves.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Largest file accepted or sent, in bytes; at least 1.
    pub file_size_limit: u64,
    /// Chunk sizes that protocol 1 may negotiate, in bytes: least and most, at least 1. Protocol 2
    /// negotiates its own.
    pub chunk_size_range: (u32, u32),
    /// The private key, to be told from impostors who know the token.
    pub private_key: Option<PrivateKey>,
    /// Whether a client may ask for a session that is authenticated but not encrypted.
    pub allow_plain: bool,
    /// Whether every session must be encrypted, those of protocol 1 included.
    pub require_encryption: bool,
    /// Permission bits of new files instead of those the umask leaves; never executable, always
    /// readable and writable by the user.
    pub file_mode: Option<u32>,
    /// Permission bits of new directories instead of those the umask leaves.
    pub directory_mode: Option<u32>,
    /// Which names are admitted.
    pub names: NameRule,
    /// When written files must be on the disk.
    pub fsync: Fsync,
    /// Whether every change is refused.
    pub read_only: bool,
}

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
        }
    }
}

/// A server of one root directory.
#[derive(Debug)]
pub struct Server;

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Bound;

impl Server {
    /// A server of an existing directory.
    pub fn new(_root: impl AsRef<Path>, _token: Token) -> Result<Self> {
        unimplemented!()
    }
    /// The options in force.
    pub fn options(&self) -> ServerOptions {
        unimplemented!()
    }
    /// Changes the options; refused (`Error::Usage`) while the server runs or if they make no sense.
    pub fn set_options(&self, _options: ServerOptions) -> Result<()> {
        unimplemented!()
    }
    /// Listens. No address means all, IPv4 and IPv6; port 0 picks a free one.
    pub fn bind(&self, _port: u16, _address: Option<IpAddr>) -> Result<Bound> {
        unimplemented!()
    }
    /// Listens and serves until [`Server::terminate`].
    pub fn run(&self, _port: u16, _address: Option<IpAddr>) -> Result<()> {
        unimplemented!()
    }
    /// Ends [`Server::run`] and [`Bound::serve`] from any thread: operations are interrupted, what can
    /// be resumed is kept. Fails with `Error::Usage` if the server is not running.
    pub fn terminate(&self) -> Result<()> {
        unimplemented!()
    }
}

impl Bound {
    /// The addresses it really listens on.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        unimplemented!()
    }
    /// Serves until [`Server::terminate`].
    pub fn serve(self) -> Result<()> {
        unimplemented!()
    }
}

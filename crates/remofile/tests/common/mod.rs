//! A server in a temporary directory, for the tests.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "a module of the tests, seen by all others, which fail by panicking"
)]

pub mod archive;
pub mod audited;
pub mod liar;
pub mod proxy;
pub mod raw;

use remofile::protocol::path::RemotePath;
use remofile::protocol::token::Token;
use remofile::{Client, ClientOptions, Interrupt, Result, Server, ServerOptions};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use tempfile::TempDir;

pub const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Reports whether tests take the sizes of `make soak`, which cost minutes.
pub fn soaks() -> bool {
    std::env::var_os("REMOFILE_SOAK").is_some()
}

/// A running server; it ends, and its directory with it, when this is dropped.
pub struct Fixture {
    pub server: Arc<Server>,
    pub token: Token,
    pub address: SocketAddr,
    root: PathBuf,
    /// Holds the root alone, so that nothing of other tests is beside what is served.
    _outer: TempDir,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Fixture {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut ServerOptions)) -> Self {
        Self::serving(Token::generate(), change)
    }

    pub fn serving(token: Token, change: impl FnOnce(&mut ServerOptions)) -> Self {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        std::fs::create_dir(&root).unwrap();
        Self::at(outer, root, token, change)
    }

    /// Another server of the same directory, which must end before this one.
    pub fn beside(&self, change: impl FnOnce(&mut ServerOptions)) -> Self {
        Self::at(tempfile::tempdir().unwrap(), self.root.clone(), self.token.clone(), change)
    }

    fn at(outer: TempDir, root: PathBuf, token: Token, change: impl FnOnce(&mut ServerOptions)) -> Self {
        let server = Arc::new(Server::new(root.join(""), token.clone()).unwrap());
        let mut options = server.options();
        change(&mut options);
        server.set_options(options).unwrap();
        let (sender, receiver) = mpsc::channel();
        let own = Arc::clone(&server);
        let thread = std::thread::spawn(move || {
            let bound = own.bind(0, Some(LOCALHOST))?;
            sender.send(bound.addresses()[0]).unwrap();
            bound.serve()
        });
        let address = receiver.recv().unwrap();
        Self { server, token, address, root, _outer: outer, thread: Some(thread) }
    }

    pub fn options(&self) -> ClientOptions {
        ClientOptions {
            interrupt: Interrupt::default(),
            // A test whose clients are in each other's way by mistake fails at once.
            wait: remofile::Wait::No,
            ..ClientOptions::new("127.0.0.1", self.address.port(), self.token.clone())
        }
    }

    pub fn client(&self) -> Client {
        Client::connect(self.options()).unwrap()
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        write(self.root(), name, content)
    }

    /// Ends the server and waits for it.
    pub fn stop(&mut self) -> Result<()> {
        self.server.terminate()?;
        self.wait()
    }

    /// Waits for a server that was told to end.
    pub fn wait(&mut self) -> Result<()> {
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap())
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.stop().unwrap();
        }
    }
}

pub fn write(directory: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path
}

pub fn remote(path: &str) -> RemotePath {
    path.parse().unwrap()
}

/// Bytes that do not repeat within a megabyte.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Every file and directory below a directory with its content, sorted.
pub fn tree(root: &Path) -> Vec<(String, Option<Vec<u8>>)> {
    let content =
        |name: &str| Some(root.join(name)).filter(|path| !path.is_dir()).map(|path| std::fs::read(path).unwrap());
    names_below(root).into_iter().map(|name| (name.clone(), content(&name))).collect()
}

/// The files and directories below a directory, but for what is staged.
pub fn visible(root: &Path) -> Vec<String> {
    names_below(root).into_iter().filter(|name| name.split('/').all(|part| part != ".remofile")).collect()
}

fn names_below(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            if path.is_dir() {
                pending.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Checks that the server serves others and that nobody holds it, whatever the tests before did to it.
pub fn assert_serves(fixture: &Fixture) {
    let mut client = Client::new(ClientOptions { wait: remofile::Wait::Forever, ..fixture.options() });
    client.create_file(&remote("/still-serves"), false).unwrap();
    client.remove(&remote("/still-serves"), false).unwrap();
}

/// Does something when content moves for the first time.
pub struct AtFirst<F>(Option<F>);

impl<F: FnOnce()> AtFirst<F> {
    pub fn transferred(action: F) -> Self {
        Self(Some(action))
    }
}

impl<F: FnOnce()> remofile::Monitor for AtFirst<F> {
    fn report(&mut self, event: remofile::Event<'_>) {
        if let remofile::Event::Transferred { .. } = event
            && let Some(action) = self.0.take()
        {
            action();
        }
    }
}

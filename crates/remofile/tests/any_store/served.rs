//! A server of any store.

use crate::common::LOCALHOST;
use remofile::protocol::token::Token;
use remofile::store::Store;
use remofile::{Client, ClientOptions, Result, Server, ServerOptions, Wait};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

/// A running server; it ends when this is dropped.
pub(crate) struct Served {
    server: Server,
    token: Token,
    address: SocketAddr,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Served {
    pub(crate) fn of(store: Arc<dyn Store>) -> Self {
        Self::with(store, ServerOptions::default())
    }

    pub(crate) fn with(store: Arc<dyn Store>, options: ServerOptions) -> Self {
        let token = Token::generate();
        let server = Server::with_store(store, token.clone());
        server.set_options(options).unwrap();
        let bound = server.bind(0, Some(LOCALHOST)).unwrap();
        let address = bound.addresses()[0];
        let thread = Some(std::thread::spawn(move || bound.serve()));
        Self { server, token, address, thread }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Those of a client that waits for one that is just leaving.
    pub(crate) fn options(&self) -> ClientOptions {
        let options = ClientOptions::new("127.0.0.1", self.address.port(), self.token.clone());
        ClientOptions { wait: Wait::Forever, ..options }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.options()).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.terminate().unwrap();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

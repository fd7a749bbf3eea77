//! The way to servers of protocol 1, for a client that speaks protocol 2.
//!
//! Participants: the client speaks protocol 2 over a socket pair with a session of the server's room, in a thread
//! of this process; that session's [store](crate::store::Store) is a [`RemoteStore`], which asks the real server
//! by the nine requests of protocol 1. Goals: every operation of the client that protocol 1 can express works,
//! without a line in the client that knows of it; what it cannot express fails with a reason. Non-goals:
//! speed; times, permissions and links, which protocol 1 does not carry.

mod answers;
mod names;
mod requests;
mod store;
mod transfers;
mod walk;

use crate::carrier::{Link, RecordKeys, Waker};
use crate::error::{Error, Unopened};
use crate::server::{ServerOptions, serve_store};
use crate::store::{Capabilities, Store};
use remofile_protocol::handshake::ServerHello;
use remofile_protocol::key::PublicKey;
use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;
use remofile_protocol::path::NameRule;
use remofile_protocol::token::Token;
use remofile_protocol::transport::{Cipher, Opener, Sealer};
use requests::Requests;
use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use store::RemoteStore;

/// Time that a client waits at its end for the gateway to end a transfer in good order. A server of protocol 1 may
/// not notice otherwise that it is over.
const FAREWELL: Duration = Duration::from_secs(3);

/// Memory that a gateway may hold for its client, in bytes: no walk comes to it, which has a limit of its own.
const MEMORY_BYTES: u64 = 256 * 1024 * 1024;

/// A session with a server of protocol 1.
pub(crate) struct Gateway {
    /// The client's end.
    pub(crate) link: Link,
    pub(crate) hello: ServerHello,
    pub(crate) guard: Guard,
}

/// A guard that waits, when it is dropped, until the gateway has said farewell.
#[derive(Debug)]
pub(crate) struct Guard {
    ended: Receiver<()>,
    /// The connection to the real server.
    stream: TcpStream,
}

impl Guard {
    /// Reports whether the server has ended the connection, between two calls: protocol 1 has no goodbye.
    pub(crate) fn is_stale(&self) -> bool {
        // Only a look: bytes that came are for the thread of the gateway.
        match self.stream.peek(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Whichever way this ends, nothing is left to do.
        let _ended = self.ended.recv_timeout(FAREWELL);
    }
}

/// Opens a session over a connection. `wait` waits until the connection can be read or written, and ends the
/// call when its time is over.
pub(crate) fn open(
    stream: TcpStream,
    token: &Token,
    key: Option<PublicKey>,
    wait: &mut requests::Wait<'_>,
) -> Result<Gateway, Unopened> {
    let system = |source| Error::System { what: "cannot start the gateway to protocol 1", source };
    let own = stream.try_clone().map_err(system)?;
    let mut requests = Requests::connect(stream, token, key, wait)?;
    requests.greet(wait)?;
    let (near, far) = UnixStream::pair().map_err(system)?;
    near.set_nonblocking(true).map_err(system)?;
    far.set_nonblocking(true).map_err(system)?;
    // Both ends are in this process: the key keeps nobody out, it only has to be the same.
    let link = |stream, send, receive| {
        let cipher = Cipher::Aes256GcmPlain;
        let keys = RecordKeys { sealer: Sealer::new(cipher, send), opener: Opener::new(cipher, receive) };
        Link::new(socket2::Socket::from(stream), keys, DEFAULT_PAYLOAD_BYTES, DEFAULT_PAYLOAD_BYTES, &[])
    };
    let server = link(far, [1; 32], [2; 32]);
    let store = Arc::new(RemoteStore::new(requests));
    let hello = hello(store.capabilities());
    let waker = Waker::new().map_err(system)?;
    let (sender, ended) = channel();
    let serve = move || {
        serve_store(server, store, options(), &waker);
        // The client may be gone.
        let _unheard = sender.send(());
    };
    std::thread::Builder::new().name("gateway".to_owned()).spawn(serve).map_err(system)?;
    Ok(Gateway { link: link(near, [2; 32], [1; 32]), hello, guard: Guard { ended, stream: own } })
}

/// Returns the options of the gateway's session. The limits are the real server's, which refuses requests beyond
/// them; nobody else needs the lease or the memory of this session.
fn options() -> ServerOptions {
    let session_memory = MEMORY_BYTES;
    // The real server has limits of its own, and reports them.
    ServerOptions { file_size_limit: u64::MAX, max_hold: Duration::MAX, session_memory, ..ServerOptions::default() }
}

fn hello(capabilities: Capabilities) -> ServerHello {
    ServerHello {
        cipher: Cipher::Unknown,
        agent: "a server of protocol 1".to_owned(),
        max_payload_bytes: DEFAULT_PAYLOAD_BYTES,
        names: NameRule::Portable,
        file_size_limit: u64::MAX,
        read_only: false,
        places: Vec::new(),
        checks_versions: false,
        capabilities,
    }
}

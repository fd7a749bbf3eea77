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
mod shared_connection;
mod store;
mod transfers;
mod walk;

use crate::carrier::{Link, RecordKeys, Waker};
use crate::error::{Error, Unopened};
use crate::server::{ServerOptions, serve_store};
use crate::store::{Capabilities, Fsync, Store};
use remofile_protocol::handshake::{Rights, ServerHello};
use remofile_protocol::key::PublicKey;
use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;
use remofile_protocol::path::NameRule;
use remofile_protocol::token::Token;
use remofile_protocol::transport::{Cipher, Opener, Sealer};
use requests::Requests;
use shared_connection::ChosenChunk;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::num::NonZeroU32;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use store::RemoteStore;

/// Time that a client waits at its end for the gateway to end a transfer in good order. A server of protocol 1 may
/// not notice otherwise that it is over.
const FAREWELL: Duration = Duration::from_secs(3);

/// The same for a call whose time is over: mostly that is enough.
const SHORT_FAREWELL: Duration = Duration::from_millis(100);

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
    /// Counts the answers of the real server.
    answers: Arc<AtomicU64>,
    chosen: ChosenChunk,
    /// True if whoever waits for the farewell has no time left.
    is_hurried: AtomicBool,
}

impl Guard {
    /// Returns the count of the answers that the server has given.
    pub(crate) fn answers(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.answers)
    }

    /// Does not wait for the farewell, which is said all the same as long as the process runs.
    pub(crate) fn hurry(&self) {
        self.is_hurried.store(true, Ordering::Relaxed);
    }

    /// Gives the server up, which does not answer: there is nobody to say farewell to.
    pub(crate) fn abandon(&self) {
        let _closed = self.stream.shutdown(Shutdown::Both);
    }

    /// Chooses the size of the chunks of later transfers; `None` for any that the server takes.
    pub(crate) fn choose_chunk(&self, bytes: Option<NonZeroU32>) {
        self.chosen.choose(bytes);
    }

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
        let farewell = if self.is_hurried.load(Ordering::Relaxed) { SHORT_FAREWELL } else { FAREWELL };
        let _ended = self.ended.recv_timeout(farewell);
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
    requests.end_with(far.try_clone().map_err(system)?);
    // Both ends are in this process: the key keeps nobody out, it only has to be the same.
    let link = |stream, send, receive| {
        let cipher = Cipher::Aes256GcmPlain;
        let keys = RecordKeys { sealer: Sealer::new(cipher, send), opener: Opener::new(cipher, receive) };
        Link::new(socket2::Socket::from(stream), keys, DEFAULT_PAYLOAD_BYTES, DEFAULT_PAYLOAD_BYTES, &[])
    };
    let (answers, chosen) = (requests.answers(), ChosenChunk::default());
    let server = link(far, [1; 32], [2; 32]);
    let store = Arc::new(RemoteStore::new(requests, chosen.clone()));
    let hello = hello(store.capabilities());
    let waker = Waker::new().map_err(system)?;
    let (sender, ended) = channel();
    let serve = move || {
        serve_store(server, store, options(), &waker);
        // The client may be gone.
        let _unheard = sender.send(());
    };
    std::thread::Builder::new().name("gateway".to_owned()).spawn(serve).map_err(system)?;
    Ok(Gateway {
        link: link(near, [2; 32], [1; 32]),
        hello,
        guard: Guard { ended, stream: own, answers, chosen, is_hurried: AtomicBool::new(false) },
    })
}

/// Returns the options of the gateway's session. The limits are the real server's, which refuses requests beyond
/// them; nobody else needs the lease or the memory of this session.
fn options() -> ServerOptions {
    let session_memory = MEMORY_BYTES;
    // The real server has limits of its own, and reports them.
    // What is stored is flushed where it is stored.
    let fsync = Fsync::None;
    ServerOptions {
        file_size_limit: u64::MAX,
        max_hold: Duration::MAX,
        session_memory,
        fsync,
        ..ServerOptions::default()
    }
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
        stages_files: false,
        hashes_files: false,
        takes_lanes: false,
        whole_copies: false,
        has_joined: false,
        capabilities,
        rights: Rights::ALL,
        chunk_sizes: None,
        attributes: false,
        as_they_are: false,
    }
}

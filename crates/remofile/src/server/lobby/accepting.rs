//! From the kernel's queue of connections into the lobby, a few at a time.

use super::Lobby;
use super::waiting::{Stage, Waiting};
use crate::server::network::Network;
use mio::unix::SourceFd;
use mio::{Interest, Token};
use remofile_protocol::limits::HANDSHAKE_TIMEOUT;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// Connections that are accepted at a listener before the peers that are there are looked at again.
const AT_ONCE: usize = 64;

/// Pause before accepting again when there is no descriptor left, and nobody who could make room.
const PAUSE: Duration = Duration::from_millis(100);

impl Lobby {
    /// Accepts some of the connections that wait.
    pub(super) fn accept(&mut self) {
        if self.accept_again.is_some_and(|at| at > Instant::now()) {
            return;
        }
        self.accept_again = None;
        for listener in std::mem::take(&mut self.ready) {
            if self.accept_some(listener) {
                self.ready.insert(listener);
            }
        }
    }

    /// Accepts up to [`AT_ONCE`] connections at a listener. Returns true if there may be more.
    fn accept_some(&mut self, listener: usize) -> bool {
        for _ in 0..AT_ONCE {
            let Some(accepted) = self.listeners.get(listener).map(TcpListener::accept) else { return false };
            match accepted {
                Ok((stream, address)) => {
                    // An IPv4 peer of a socket for both families is shown as IPv4.
                    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                    if let Err(error) = self.admit(stream, address) {
                        tracing::debug!(%address, %error, "connection failed");
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Gone before it was accepted: nobody has to make room for it.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    self.complaints.cannot_accept(&error);
                    // Out of descriptors, perhaps.
                    if self.waiting.evict().is_none() {
                        self.accept_again = Some(Instant::now() + PAUSE);
                        return true;
                    }
                    self.complaints.evicted();
                }
            }
        }
        true
    }

    fn admit(&mut self, stream: TcpStream, address: SocketAddr) -> io::Result<()> {
        // The other options of a session's socket are for those who get a session.
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        if self.waiting.make_room(Network::of(address.ip())).is_some() {
            self.complaints.evicted();
        }
        let number = self.next_peer;
        self.next_peer += 1;
        self.poll.registry().register(&mut SourceFd(&stream.as_raw_fd()), Token(number), Interest::READABLE)?;
        let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
        self.waiting.insert(number, Waiting { stream, address, deadline, stage: Stage::Greeting(Vec::new()) });
        // A client sends its greeting with the connection: it has often arrived already, and then no event is needed.
        self.read(number);
        Ok(())
    }
}

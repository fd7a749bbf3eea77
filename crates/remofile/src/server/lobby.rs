//! The lobby: holds every peer that has not proved a token yet, cheaply, on one event loop.
//!
//! Nothing but fixed-size greetings is read here: at most [`MAX_HANDSHAKE_BYTES`] from each peer, for
//! at most [`HANDSHAKE_TIMEOUT`]. A peer whose handshake succeeds leaves for a thread of its own.

use super::connection;
use super::session::{Peer, Shared};
use super::slowdown::Slowdown;
use crate::carrier::{Link, Waker, prepare};
use crate::error::{Error, Result};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use remofile_protocol::handshake::{
    Established, Greeting, Refusal, ServerAnswer, ServerCredentials, ServerHello, answer, recognise,
};
use remofile_protocol::limits::{DEFAULT_PAYLOAD_BYTES, HANDSHAKE_TIMEOUT, MAX_HANDSHAKE_BYTES, PROTOCOL_VERSION};
use remofile_protocol::transport::Cipher;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

/// Peers in the lobby at most; beyond that the one that has been there longest has to leave.
const MAX_WAITING: usize = 1024;

/// Sessions at most.
const MAX_SESSIONS: usize = 512;

/// Connections the kernel keeps for us between two looks.
const BACKLOG: i32 = 4096;

/// Stack of a session's thread, in bytes. Nothing in it recurses.
const SESSION_STACK: usize = 1024 * 1024;

const WAKE: Token = Token(0);
const FIRST_LISTENER: usize = 1;
const FIRST_PEER: usize = 16;

/// Opens the listening sockets.
pub(super) fn listen(port: u16, address: Option<IpAddr>) -> Result<Vec<TcpListener>> {
    let bind = |address: IpAddr, port, only_v6| {
        let address = SocketAddr::new(address, port);
        bind(address, only_v6).map_err(|source| Error::Listen { address: address.to_string(), source })
    };
    match address {
        Some(address) => Ok(vec![bind(address, port, true)?]),
        None => match bind(Ipv6Addr::UNSPECIFIED.into(), port, false) {
            Ok(both) => Ok(vec![both]),
            Err(Error::Listen { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {
                Err(Error::Listen { address: format!("port {port}"), source })
            }
            // No IPv6 on this machine.
            Err(_) => Ok(vec![bind(Ipv4Addr::UNSPECIFIED.into(), port, true)?]),
        },
    }
}

fn bind(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

pub(super) struct Lobby {
    poll: Poll,
    listeners: Vec<TcpListener>,
    credentials: ServerCredentials,
    hello: ServerHello,
    shared: Arc<Shared>,
    waiting: BTreeMap<usize, Waiting>,
    next_peer: usize,
    sessions: Vec<Running>,
    next_session: u64,
    slowdown: Slowdown,
    waker: Waker,
}

/// A peer that has not proved itself.
struct Waiting {
    stream: TcpStream,
    address: SocketAddr,
    deadline: Instant,
    stage: Stage,
}

enum Stage {
    /// Its greeting is being read.
    Greeting(Vec<u8>),
    /// It will be told this at its deadline, and has nothing more to say until then.
    Refused(Vec<u8>),
}

/// A session's thread.
struct Running {
    thread: JoinHandle<()>,
    waker: Waker,
}

impl Lobby {
    pub(super) fn new(
        listeners: Vec<TcpListener>,
        credentials: ServerCredentials,
        shared: Arc<Shared>,
        waker: &Waker,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        poll.registry().register(&mut SourceFd(&waker.as_fd().as_raw_fd()), WAKE, Interest::READABLE)?;
        for (number, listener) in listeners.iter().enumerate() {
            let token = Token(FIRST_LISTENER + number);
            poll.registry().register(&mut SourceFd(&listener.as_raw_fd()), token, Interest::READABLE)?;
        }
        let hello = ServerHello {
            cipher: Cipher::Unknown,
            agent: shared.agent.clone(),
            max_payload_bytes: DEFAULT_PAYLOAD_BYTES,
            names: shared.options.names,
            file_size_limit: shared.options.file_size_limit,
            read_only: shared.options.read_only,
        };
        Ok(Self {
            poll,
            listeners,
            credentials,
            hello,
            shared,
            waiting: BTreeMap::new(),
            next_peer: FIRST_PEER,
            sessions: Vec::new(),
            next_session: 1,
            slowdown: Slowdown::default(),
            waker: waker.clone(),
        })
    }

    /// Runs until `stopping` is set and the waker called; then ends every session.
    pub(super) fn run(mut self, stopping: &AtomicBool) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        while !stopping.load(Ordering::Acquire) {
            let timeout = self.next_deadline().map(|at| at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                match event.token() {
                    WAKE => self.waker.drain(),
                    Token(number) if number < FIRST_PEER => self.accept(number - FIRST_LISTENER),
                    Token(number) => self.read(number),
                }
            }
            self.expire();
        }
        self.end_sessions();
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.waiting.values().map(|waiting| waiting.deadline).min()
    }

    fn accept(&mut self, listener: usize) {
        loop {
            let accepted = self.listeners.get(listener).map(TcpListener::accept);
            match accepted {
                Some(Ok((stream, address))) => {
                    if let Err(error) = self.admit(stream, address) {
                        tracing::debug!(%address, %error, "connection failed");
                    }
                }
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => return,
                Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Some(Err(error)) => {
                    // Out of descriptors, perhaps: whoever has waited longest makes room.
                    tracing::warn!(%error, "cannot accept a connection");
                    if self.waiting.pop_first().is_none() {
                        return self.retry_accept(listener);
                    }
                }
                None => return,
            }
        }
    }

    /// Edge-triggered readiness is spent: ask for it anew, so that what still waits is announced.
    fn retry_accept(&mut self, listener: usize) {
        std::thread::yield_now();
        if let Some(socket) = self.listeners.get(listener) {
            let token = Token(FIRST_LISTENER + listener);
            let again = self.poll.registry().reregister(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE);
            if let Err(error) = again {
                tracing::error!(%error, "a listener is lost");
            }
        }
    }

    fn admit(&mut self, stream: TcpStream, address: SocketAddr) -> io::Result<()> {
        prepare(&stream)?;
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_first();
        }
        let number = self.next_peer;
        self.next_peer += 1;
        self.poll.registry().register(&mut SourceFd(&stream.as_raw_fd()), Token(number), Interest::READABLE)?;
        let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
        self.waiting.insert(number, Waiting { stream, address, deadline, stage: Stage::Greeting(Vec::new()) });
        self.read(number);
        Ok(())
    }

    fn read(&mut self, number: usize) {
        let Some(mut waiting) = self.waiting.remove(&number) else {
            return;
        };
        match waiting.read() {
            Ok(Some(greeting)) => self.greet(number, waiting, &greeting),
            Ok(None) => {
                self.waiting.insert(number, waiting);
            }
            Err(error) => tracing::debug!(address = %waiting.address, %error, "peer left the lobby"),
        }
    }

    fn greet(&mut self, number: usize, mut waiting: Waiting, greeting: &[u8]) {
        match recognise(greeting) {
            Greeting::Native => {}
            Greeting::Undecided => {
                self.waiting.insert(number, waiting);
                return;
            }
            other => return tracing::debug!(address = %waiting.address, ?other, "not our protocol"),
        }
        match answer(&self.credentials, &self.hello, greeting) {
            ServerAnswer::Incomplete if greeting.len() >= MAX_HANDSHAKE_BYTES => {}
            ServerAnswer::Incomplete => {
                self.waiting.insert(number, waiting);
            }
            ServerAnswer::Refuse { refusal, bytes } => {
                tracing::warn!(address = %waiting.address, reason = refusal.name(), "refused");
                if refusal == Refusal::Token {
                    self.refuse_slowly(number, waiting, bytes);
                } else {
                    waiting.say(&bytes);
                }
            }
            ServerAnswer::Accept { session, bytes } => self.begin(waiting, *session, &bytes),
        }
    }

    fn refuse_slowly(&mut self, number: usize, mut waiting: Waiting, bytes: Vec<u8>) {
        match self.slowdown.refuse(Instant::now(), waiting.address.ip().to_canonical()) {
            None => waiting.say(&Refusal::TooMany.to_bytes()),
            Some(answered) => {
                waiting.deadline = answered;
                waiting.stage = Stage::Refused(bytes);
                self.waiting.insert(number, waiting);
            }
        }
    }

    fn begin(
        &mut self,
        mut waiting: Waiting,
        session: Established<remofile_protocol::handshake::ClientHello>,
        answer: &[u8],
    ) {
        self.sessions.retain(|running| !running.thread.is_finished());
        if self.sessions.len() >= MAX_SESSIONS {
            return waiting.say(&Refusal::TooMany.to_bytes());
        }
        // The answer is far shorter than an empty socket buffer.
        if !waiting.say_whole(answer) {
            return;
        }
        let _removed = self.poll.registry().deregister(&mut SourceFd(&waiting.stream.as_raw_fd()));
        let peer =
            Peer { session: self.next_session, client: session.peer.client.clone(), address: display(waiting.address) };
        self.next_session += 1;
        tracing::debug!(
            agent = session.peer.agent,
            cipher = session.cipher.name(),
            version = PROTOCOL_VERSION,
            "handshake"
        );
        let send_payload = session.peer.max_payload_bytes.min(DEFAULT_PAYLOAD_BYTES);
        let link =
            Link::new(waiting.stream, (session.sealer, session.opener), send_payload, DEFAULT_PAYLOAD_BYTES, &[]);
        match self.spawn(link, peer) {
            Ok(running) => self.sessions.push(running),
            Err(error) => tracing::error!(%error, "cannot start a session"),
        }
    }

    fn spawn(&self, link: Link, peer: Peer) -> io::Result<Running> {
        let waker = Waker::new()?;
        let (shared, own) = (Arc::clone(&self.shared), waker.clone());
        let thread = std::thread::Builder::new()
            .name(format!("session {}", peer.session))
            .stack_size(SESSION_STACK)
            .spawn(move || connection::serve(link, shared, peer, &own))?;
        Ok(Running { thread, waker })
    }

    /// Sends delayed refusals, and away whoever has taken too long.
    fn expire(&mut self) {
        let now = Instant::now();
        let due: Vec<usize> =
            self.waiting.iter().filter(|(_, waiting)| waiting.deadline <= now).map(|(number, _)| *number).collect();
        for number in due {
            let Some(mut waiting) = self.waiting.remove(&number) else {
                continue;
            };
            match std::mem::replace(&mut waiting.stage, Stage::Greeting(Vec::new())) {
                Stage::Refused(bytes) => waiting.say(&bytes),
                Stage::Greeting(_) => tracing::debug!(address = %waiting.address, "no handshake in time"),
            }
        }
    }

    fn end_sessions(&mut self) {
        self.listeners.clear();
        self.waiting.clear();
        self.shared.stopping.store(true, Ordering::Release);
        for running in &self.sessions {
            running.waker.wake();
        }
        for running in self.sessions.drain(..) {
            if running.thread.join().is_err() {
                tracing::error!("a session's thread panicked");
            }
        }
    }
}

impl Waiting {
    /// Reads what has come. Everything so far, unless nothing new can change the picture.
    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = [0; MAX_HANDSHAKE_BYTES];
        loop {
            let (known, room) = match &self.stage {
                Stage::Refused(_) => (None, buffer.len()),
                Stage::Greeting(bytes) => (Some(bytes.len()), MAX_HANDSHAKE_BYTES - bytes.len()),
            };
            if room == 0 {
                return Err(io::Error::other("its greeting is too long"));
            }
            match self.stream.read(&mut buffer[..room]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => match &mut self.stage {
                    Stage::Greeting(bytes) => bytes.extend_from_slice(&buffer[..count]),
                    // Whoever goes on talking would be read for as long as it talks.
                    Stage::Refused(_) => return Err(io::Error::other("it goes on after its greeting")),
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(match &self.stage {
                        Stage::Greeting(bytes) if known != Some(0) => Some(bytes.clone()),
                        _ => None,
                    });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Last words: whether they arrive is the peer's concern.
    fn say(&mut self, bytes: &[u8]) {
        let _unheard = self.say_whole(bytes);
        let _closed = self.stream.shutdown(std::net::Shutdown::Write);
    }

    fn say_whole(&mut self, bytes: &[u8]) -> bool {
        matches!(self.stream.write(bytes), Ok(count) if count == bytes.len())
    }
}

/// An IPv4 peer of a socket for both families is shown as IPv4.
fn display(address: SocketAddr) -> String {
    SocketAddr::new(address.ip().to_canonical(), address.port()).to_string()
}

//! From an address to a connection whose handshake is over.

use crate::carrier::{LONG_ROUND_TRIP, Line, Link, RecordKeys, prepare};
use crate::client::ClientOptions;
use crate::client::identity::Connection;
use crate::client::servers::ServerAddress;
use crate::client::servers::kept::ServerPlace;
use crate::client::session::context::CallContext;
use crate::client::session::deadline::Deadline;
use crate::client::session::service::recognise;
use crate::error::{Error, Result, Unopened};
use remofile_protocol::handshake::{
    ClientCredentials, ClientHandshake, ClientHello, HandshakeError, Refusal, ServerHello,
};
use remofile_protocol::limits::{DEFAULT_PAYLOAD_BYTES, HANDSHAKE_TIMEOUT, MAX_HANDSHAKE_BYTES};
use remofile_protocol::transport::Cipher;
use remofile_protocol::wire::{Header, OperationId, Signal};
use rustix::event::PollFlags;
use rustix::net::sockopt::socket_error;
use socket2::{Domain, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Longest time for one address to accept a connection.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes a connection a further one of a session that is there, the one of the connection `joins`.
pub(super) fn prove_lane(
    options: &ClientOptions,
    credentials: &ClientCredentials,
    place: &ServerPlace,
    stream: TcpStream,
    joins: u64,
    context: &CallContext,
) -> std::result::Result<Link, Unopened> {
    let ServerPlace { server, address } = place;
    let (connection, address) = (options.identity.connect(credentials.token.identifier(), server.clone()), *address);
    let hello = ClientHello { joins: Some(joins), ..hello(options, &connection) };
    let Opened { mut link, hello, .. } = open(credentials, hello, stream, address, context)?;
    if hello.has_joined {
        return Ok(link);
    }
    let limit = Deadline::after(Some(HANDSHAKE_TIMEOUT));
    // What is sent over one that the server turns away would be lost, and the session with it.
    while link.receive().map_err(Error::from)?.is_none() {
        if !context.wait_until(&link, PollFlags::IN, &limit)? {
            let address = address.to_string();
            return Err(Unopened::Doubtful(Error::NoAnswer { address, waited: HANDSHAKE_TIMEOUT }));
        }
    }
    Ok(link)
}

pub(super) fn hello(options: &ClientOptions, connection: &Connection) -> ClientHello {
    let hello = ClientHello::new(Cipher::offer(options.plain), &crate::agent(), &crate::own_name());
    ClientHello { identity: Some(connection.told()), ..hello }
}

/// A connection whose handshake is over.
pub(super) struct Opened {
    pub(super) link: Link,
    pub(super) hello: ServerHello,
    /// Time until the server had answered.
    pub(super) answered: Duration,
}

pub(super) fn connect_any(
    server: &ServerAddress,
    addresses: &[SocketAddr],
    context: &CallContext,
) -> Result<(TcpStream, SocketAddr)> {
    let mut last = None;
    for &address in addresses {
        match connect_one(address, context)? {
            Ok(stream) => return Ok((stream, address)),
            Err(error) => last = Some(error),
        }
    }
    let address = format!("{}:{}", server.hostname, server.port);
    Err(Error::Connect { address, source: last.unwrap_or_else(|| io::ErrorKind::NotFound.into()) })
}

/// Connects to one address. The outer error ends the call, the inner one only this address.
fn connect_one(address: SocketAddr, context: &CallContext) -> Result<io::Result<TcpStream>> {
    let stream = match begin(address) {
        Ok(stream) => stream,
        Err(error) => return Ok(Err(error)),
    };
    if !context.wait(&stream, PollFlags::OUT, CONNECT_TIMEOUT)? {
        return Ok(Err(io::ErrorKind::TimedOut.into()));
    }
    Ok(connected(stream))
}

/// Begins to connect to an address. The socket is writable when that is over.
pub(super) fn begin(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Ok(()) => {}
        // One that a signal interrupts goes on.
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
        Err(error) => return Err(error),
    }
    let stream = TcpStream::from(socket);
    prepare(&stream)?;
    Ok(stream)
}

/// Returns the connection whose socket has become writable, if there is one.
pub(super) fn connected(stream: TcpStream) -> io::Result<TcpStream> {
    match socket_error(&stream) {
        Ok(Ok(())) => Ok(stream),
        Ok(Err(error)) | Err(error) => Err(error.into()),
    }
}

pub(super) fn open(
    credentials: &ClientCredentials,
    hello: ClientHello,
    stream: TcpStream,
    address: SocketAddr,
    context: &CallContext,
) -> std::result::Result<Opened, Unopened> {
    let limit = Deadline::after(Some(HANDSHAKE_TIMEOUT));
    let mut greeting = Greeting::begin(credentials, hello, stream, address)?;
    loop {
        if !context.wait_until(&greeting, PollFlags::IN, &limit)? {
            return Err(greeting.unanswered());
        }
        greeting = match greeting.advance()? {
            Greeted::Opened(opened) => return Ok(*opened),
            Greeted::Pending(greeting) => greeting,
        };
    }
}

/// A handshake that waits for the server.
pub(super) struct Greeting {
    stream: TcpStream,
    address: SocketAddr,
    handshake: Box<ClientHandshake>,
    received: Vec<u8>,
    began: Instant,
}

/// The state of a handshake after more has come.
pub(super) enum Greeted {
    Opened(Box<Opened>),
    Pending(Greeting),
}

impl Greeting {
    /// Sends the first message.
    pub(super) fn begin(
        credentials: &ClientCredentials,
        hello: ClientHello,
        mut stream: TcpStream,
        address: SocketAddr,
    ) -> std::result::Result<Self, Unopened> {
        let began = Instant::now();
        let (handshake, first) = ClientHandshake::start(credentials, hello);
        match stream.write_all(&first) {
            Ok(()) => Ok(Self { stream, address, handshake: Box::new(handshake), received: Vec::new(), began }),
            Err(error) if is_closed(&error) => Err(closed(address)),
            Err(error) => Err(Error::ConnectionLost(error).into()),
        }
    }

    /// Takes what has come, once the socket is readable.
    pub(super) fn advance(mut self) -> std::result::Result<Greeted, Unopened> {
        let address = self.address;
        let mut buffer = [0; MAX_HANDSHAKE_BYTES];
        match self.stream.read(&mut buffer) {
            Ok(0) if self.received.is_empty() => return Err(closed(address)),
            Ok(0) => {
                let what = "it closed the connection in the middle of its answer";
                return Err(Unopened::Doubtful(not_remofile(address, what)));
            }
            Ok(count) => self.received.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return Ok(Greeted::Pending(self));
            }
            Err(error) if self.received.is_empty() && is_closed(&error) => return Err(closed(address)),
            Err(error) => return Err(Unopened::Doubtful(Error::ConnectionLost(error))),
        }
        let outcome =
            self.handshake.receive(&self.received).map_err(|error| explain(error, &self.received, address))?;
        let Some((session, consumed)) = outcome else { return Ok(Greeted::Pending(self)) };
        let send_payload = session.peer.max_payload_bytes.min(DEFAULT_PAYLOAD_BYTES);
        let answered = self.began.elapsed();
        let keys = RecordKeys { sealer: session.sealer, opener: session.opener };
        let mut link = Link::new(self.stream, keys, send_payload, DEFAULT_PAYLOAD_BYTES, &self.received[consumed..]);
        if answered >= LONG_ROUND_TRIP {
            link = link.over_long_line();
        }
        // The first record shows that the handshake was no recording: the server waits for it.
        link.push(&Header::signal(OperationId::SESSION, Signal::Ping));
        link.flush().map_err(Error::from)?;
        Ok(Greeted::Opened(Box::new(Opened { link, hello: session.peer, answered })))
    }

    /// Returns the reason of one whose time is over.
    pub(super) fn unanswered(&self) -> Unopened {
        Unopened::Doubtful(Error::NoAnswer { address: self.address.to_string(), waited: HANDSHAKE_TIMEOUT })
    }
}

impl AsFd for Greeting {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn closed(address: SocketAddr) -> Unopened {
    Unopened::Closed { address: address.to_string(), asked_for: "" }
}

/// Reports whether an error means that the other side has closed the connection.
fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

fn explain(error: HandshakeError, received: &[u8], address: SocketAddr) -> Unopened {
    Unopened::Doubtful(match error {
        // To ask once more would only add to what the server has to do.
        HandshakeError::Refused(refusal @ (Refusal::TooMany | Refusal::ShuttingDown)) => {
            return Error::Refused(refusal).into();
        }
        HandshakeError::Refused(refusal) => Error::Refused(refusal),
        HandshakeError::ZeroMq => Error::SpeaksZeroMq { address: address.to_string() },
        other => {
            let what = recognise(received).map_or_else(|| other.to_string(), str::to_owned);
            not_remofile(address, &format!("{what} (is the port right?)"))
        }
    })
}

fn not_remofile(address: SocketAddr, what: &str) -> Error {
    Error::NotRemofile { address: address.to_string(), what: what.to_owned() }
}

//! From addresses to a session.

use crate::carrier::{Line, Link, RecordKeys, prepare};
use crate::client::session::call::Session;
use crate::client::session::context::CallContext;
use crate::client::session::deadline::Deadline;
use crate::client::session::resolve::resolve;
use crate::client::session::unanswered::until_answered;
use crate::client::{ClientOptions, Protocol, Wait};
use crate::error::{Error, Result, Unopened};
use crate::gateway;
use remofile_protocol::handshake::{ClientCredentials, ClientHandshake, ClientHello, HandshakeError};
use remofile_protocol::limits::{DEFAULT_PAYLOAD_BYTES, HANDSHAKE_TIMEOUT, MAX_HANDSHAKE_BYTES};
use remofile_protocol::transport::Cipher;
use remofile_protocol::wire::{Header, OperationId, Signal};
use rustix::event::PollFlags;
use rustix::net::sockopt::socket_error;
use socket2::{Domain, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest time for one address to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause between two attempts to connect to a server of protocol 1 that is in use.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Connects to the first address that answers and opens a session.
pub(crate) fn connect(options: &ClientOptions, context: &CallContext) -> Result<Session> {
    // Stretching a chosen token takes a while: done before connecting, as servers soon drop peers that say nothing.
    let token = options.token.stretch();
    let addresses = resolve(&options.hostname, options.port, context)?;
    if options.protocol == Protocol::One {
        return connect_gateway(options, &addresses, context);
    }
    let credentials = ClientCredentials { token, server: options.public_key };
    until_answered(context, || {
        let (stream, address) = connect_any(options, &addresses, context)?;
        open(options, &credentials, stream, address, context)
    })
}

/// Connects to a server of protocol 1. Its requests cannot wait for the lease, so this side asks again as long as
/// the caller wants to wait.
fn connect_gateway(options: &ClientOptions, addresses: &[SocketAddr], context: &CallContext) -> Result<Session> {
    let waited = Deadline::after(match options.wait {
        Wait::No => Some(Duration::ZERO),
        Wait::For(wait) => Some(wait),
        Wait::Forever => None,
    });
    loop {
        let opened = until_answered(context, || {
            let (stream, address) = connect_any(options, addresses, context)?;
            open_gateway(options, stream, address, context)
        });
        match opened {
            Err(Error::Busy(_)) if waited.left().is_none_or(|left| !left.is_zero()) => {
                let pause = waited.left().map_or(ASK_AGAIN_AFTER, |left| left.min(ASK_AGAIN_AFTER));
                context.sleep(pause)?;
            }
            opened => return opened,
        }
    }
}

fn connect_any(
    options: &ClientOptions,
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
    let address = format!("{}:{}", options.hostname, options.port);
    Err(Error::Connect { address, source: last.unwrap_or_else(|| io::ErrorKind::NotFound.into()) })
}

/// Connects to one address. The outer error ends the call, the inner one only this address.
fn connect_one(address: SocketAddr, context: &CallContext) -> Result<io::Result<TcpStream>> {
    let begin = || -> io::Result<(TcpStream, bool)> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        let pending = match socket.connect(&address.into()) {
            Ok(()) => false,
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => true,
            Err(error) => return Err(error),
        };
        let stream = TcpStream::from(socket);
        prepare(&stream)?;
        Ok((stream, pending))
    };
    let (stream, pending) = match begin() {
        Ok(begun) => begun,
        Err(error) => return Ok(Err(error)),
    };
    if pending && !context.wait(&stream, PollFlags::OUT, CONNECT_TIMEOUT)? {
        return Ok(Err(io::ErrorKind::TimedOut.into()));
    }
    match socket_error(&stream) {
        Ok(Ok(())) => Ok(Ok(stream)),
        Ok(Err(error)) | Err(error) => Ok(Err(error.into())),
    }
}

fn open_gateway(
    options: &ClientOptions,
    stream: TcpStream,
    address: SocketAddr,
    context: &CallContext,
) -> std::result::Result<Session, Unopened> {
    let mut wait = |stream: &TcpStream, flags, limit| context.wait(stream, flags, limit);
    let gateway = gateway::open(stream, &options.token, options.public_key, &mut wait)?;
    let protection = if options.public_key.is_some() { "CURVE" } else { "none" };
    Ok(Session::new(gateway.link, gateway.hello, address).behind(gateway.guard, protection))
}

fn open(
    options: &ClientOptions,
    credentials: &ClientCredentials,
    mut stream: TcpStream,
    address: SocketAddr,
    context: &CallContext,
) -> std::result::Result<Session, Unopened> {
    let closed = || Unopened::Closed { address: address.to_string(), asked_for: "" };
    let hello = ClientHello::new(Cipher::offer(options.plain), &crate::agent(), &crate::own_name());
    let (mut handshake, first) = ClientHandshake::start(credentials, hello);
    match stream.write_all(&first) {
        Ok(()) => {}
        Err(error) if is_closed(&error) => return Err(closed()),
        Err(error) => return Err(Error::ConnectionLost(error).into()),
    }
    let mut received = Vec::new();
    let limit = Deadline::after(Some(HANDSHAKE_TIMEOUT));
    loop {
        let outcome = handshake.receive(&received).map_err(|error| explain(error, address))?;
        if let Some((session, consumed)) = outcome {
            let send_payload = session.peer.max_payload_bytes.min(DEFAULT_PAYLOAD_BYTES);
            let rest = &received[consumed..];
            let keys = RecordKeys { sealer: session.sealer, opener: session.opener };
            let mut link = Link::new(stream, keys, send_payload, DEFAULT_PAYLOAD_BYTES, rest);
            // The first record shows that the handshake was no recording: the server waits for it.
            link.push(&Header::signal(OperationId::SESSION, Signal::Ping));
            link.flush().map_err(Error::from)?;
            return Ok(Session::new(link, session.peer, address));
        }
        if !context.wait_until(&stream, PollFlags::IN, limit)? {
            let what = "it does not answer (a firewall, or a service that waits for something else)";
            return Err(not_remofile(address, what).into());
        }
        let mut buffer = [0; MAX_HANDSHAKE_BYTES];
        match stream.read(&mut buffer) {
            Ok(0) if received.is_empty() => return Err(closed()),
            Ok(0) => return Err(not_remofile(address, "it closed the connection in the middle of its answer").into()),
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) if received.is_empty() && is_closed(&error) => return Err(closed()),
            Err(error) => return Err(Error::ConnectionLost(error).into()),
        }
    }
}

/// Reports whether an error means that the other side has closed the connection.
fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

fn explain(error: HandshakeError, address: SocketAddr) -> Error {
    match error {
        HandshakeError::Refused(refusal) => Error::Refused(refusal),
        HandshakeError::ZeroMq => not_remofile(
            address,
            "it speaks ZeroMQ, as a Remofile server of the older protocol 1 does, which this client speaks if it is told to",
        ),
        other => not_remofile(address, &format!("{other} (is the port right?)")),
    }
}

fn not_remofile(address: SocketAddr, what: &str) -> Error {
    Error::NotRemofile { address: address.to_string(), what: what.to_owned() }
}

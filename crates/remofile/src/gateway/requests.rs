//! A request, a response: protocol 1 as its client sees it.

use crate::carrier::{Line, LinkError, ZmtpLink};
use crate::error::{Error, Result, Unopened, describe_holder};
use crate::store::StoreResult;
use remofile_protocol::handshake::{Refusal, Right, Rights};
use remofile_protocol::key::PublicKey;
use remofile_protocol::limits::{DEAD_AFTER, HANDSHAKE_TIMEOUT};
use remofile_protocol::protocol1::{Directory, Request, Response};
use remofile_protocol::token::Token;
use remofile_protocol::wire::{ErrorCode, Failure, Holder};
use remofile_protocol::zmtp::{
    ClientHandshake, ClientSettings, ClientStage, HandshakeError, MAX_IDENTITY_BYTES, Offered, Peer, SocketType,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Longest response, in bytes: a listing of some hundred thousand names.
const MAX_RESPONSE_BYTES: usize = 16 * 1024 * 1024;

/// Beginning of the answer of this project's server to a wrong token.
const WRONG_TOKEN: &str = "the server does not know this token";

/// Text that names the protocol that was asked for, behind what came instead.
const PROTOCOL_1: &str = "; protocol 1 was asked for";

/// A function that waits until a connection can be read or written, for a time at most, and returns whether it can.
/// Its error ends the call.
pub(crate) type Wait<'a> = dyn FnMut(&TcpStream, PollFlags, Duration) -> Result<bool> + 'a;

/// A connection to a server of protocol 1, one request at a time.
pub(super) struct Requests {
    link: ZmtpLink,
    /// Failure after which the connection is of no more use.
    broken: Option<Failure>,
    /// The gateway's connection to its client, which ends with this one: the client then goes on over another.
    client: Option<UnixStream>,
    /// Counts the answers.
    answers: Arc<AtomicU64>,
}

impl Requests {
    /// Opens a connection. Only the first request shows whether the token is right.
    pub(super) fn connect(
        mut stream: TcpStream,
        token: &Token,
        key: Option<PublicKey>,
        wait: &mut Wait<'_>,
    ) -> std::result::Result<Self, Unopened> {
        let identity = Zeroizing::new(token.reveal().as_bytes().to_vec());
        if identity.len() > MAX_IDENTITY_BYTES {
            return Err(Error::Usage("protocol 1 has no tokens of more than 255 bytes").into());
        }
        let address = stream.peer_addr().map_or_else(|_| "the server".to_owned(), |address| address.to_string());
        let settings = ClientSettings { identity, socket_type: SocketType::Req, server_key: key };
        let mut handshake = ClientHandshake::new(settings);
        let limit = Instant::now() + HANDSHAKE_TIMEOUT;
        let peer = loop {
            stream.write_all(&handshake.take_output()).map_err(Error::ConnectionLost)?;
            if !wait(&stream, PollFlags::IN, limit.saturating_duration_since(Instant::now()))? {
                return Err(Error::NoAnswer { address, waited: HANDSHAKE_TIMEOUT }.into());
            }
            if let Some(peer) = advance(&mut stream, &mut handshake, &address)? {
                break peer;
            }
        };
        stream.write_all(&handshake.take_output()).map_err(Error::ConnectionLost)?;
        Ok(Self {
            link: ZmtpLink::new(stream, peer, 0, MAX_RESPONSE_BYTES),
            broken: None,
            client: None,
            answers: Arc::default(),
        })
    }

    /// Sets the connection to the client that ends when the one to the server fails.
    pub(super) fn end_with(&mut self, client: UnixStream) {
        self.client = Some(client);
    }

    /// Returns the count of the answers that have come.
    pub(super) fn answers(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.answers)
    }

    /// Makes a first request: servers of protocol 1 say nothing at all to a wrong token.
    pub(super) fn greet(&mut self, wait: &mut Wait<'_>) -> std::result::Result<(), Unopened> {
        let torn = |error: LinkError| Unopened::Doubtful(error.into());
        self.send(&Request::ListFiles { directory: Directory::new("/") }).map_err(torn)?;
        let limit = Instant::now() + HANDSHAKE_TIMEOUT;
        loop {
            self.link.flush().map_err(torn)?;
            match self.received() {
                Ok(Some(Response::UnknownError(message))) => return Err(refused(message)),
                // The original knows only its client of the moment, and a listing of the root makes sense to everybody.
                Ok(Some(Response::BadRequest)) => return Err(Error::Busy(Vec::new()).into()),
                Ok(Some(_)) => return Ok(()),
                Ok(None) => {}
                Err(failure) => return Err(Unopened::Doubtful(failure.into())),
            }
            let left = limit.saturating_duration_since(Instant::now());
            // Bytes that are no answer do not extend the limit, however many come.
            if left.is_zero() || !(wait(self.link.stream(), PollFlags::IN, self.pause(left))? || self.link.has_more()) {
                return Err(Error::Unanswered.into());
            }
        }
    }

    /// Asks, and waits for the answer. A failure of the connection is the answer to everything from then on.
    pub(super) fn ask(&mut self, request: &Request<'_>) -> StoreResult<Response<'static>> {
        if let Some(failure) = &self.broken {
            return Err(failure.clone());
        }
        let answered = self.send(request).map_err(|error| lost(&error)).and_then(|()| self.await_response());
        if let Err(failure) = &answered {
            // An answer that came late would be taken for that of the next request.
            self.broken = Some(failure.clone());
            if failure.code == ErrorCode::CorruptedResponse {
                // The client hears of it, and does not try again what would come to the same; its next call connects anew.
                let _closed = self.link.stream().shutdown(Shutdown::Both);
            } else {
                // Nobody is there to hear it if it has ended already.
                let _ended = self.client.as_ref().map(|client| client.shutdown(Shutdown::Both));
            }
        }
        answered
    }

    /// Reports whether the connection has failed.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    fn await_response(&mut self) -> StoreResult<Response<'static>> {
        let limit = Instant::now() + DEAD_AFTER;
        loop {
            let flushed = self.link.flush().map_err(|error| lost(&error))?;
            if let Some(response) = self.received()? {
                self.answers.fetch_add(1, Ordering::Relaxed);
                return Ok(response);
            }
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Failure::new(ErrorCode::Other).because("the server does not answer any more"));
            }
            let flags = if flushed { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
            let mut descriptors = [PollFd::from_borrowed_fd(self.link.as_fd(), flags)];
            let timeout = Timespec::try_from(self.pause(left + Duration::from_millis(1))).ok();
            match poll(&mut descriptors, timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(lost(&LinkError::Lost(error.into()))),
            }
        }
    }

    /// Returns the time to wait for the socket: none while the link has something to look at.
    fn pause(&self, left: Duration) -> Duration {
        if self.link.has_more() { Duration::ZERO } else { left }
    }

    fn send(&mut self, request: &Request<'_>) -> std::result::Result<(), LinkError> {
        // The empty frame is the delimiter that a REQ socket sends.
        self.link.push(&[Vec::new(), request.encode()]);
        self.link.flush().map(drop)
    }

    fn received(&mut self) -> StoreResult<Option<Response<'static>>> {
        let Some(frames) = self.link.receive().map_err(|error| lost(&error))? else {
            return Ok(None);
        };
        let frames: Vec<&[u8]> = frames.iter().collect();
        let [delimiter, body] = frames[..] else {
            return Err(corrupted("it has other frames than a response"));
        };
        if !delimiter.is_empty() {
            return Err(corrupted("it has no delimiter"));
        }
        Response::decode(body).map(|response| Some(response.into_owned())).map_err(corrupted)
    }
}

/// Reads the bytes that have come of the server's handshake.
fn advance(
    stream: &mut TcpStream,
    handshake: &mut ClientHandshake,
    address: &str,
) -> std::result::Result<Option<Peer>, Unopened> {
    let closed = || Unopened::Closed { address: address.to_owned(), asked_for: PROTOCOL_1 };
    let mut buffer = [0; 1024];
    Err(Unopened::Doubtful(match stream.read(&mut buffer) {
        // How far the handshake got tells why the server closed.
        Ok(0) => match handshake.stage() {
            ClientStage::Greeting => return Err(closed()),
            ClientStage::Plain => Error::Refused(Refusal::EncryptionRequired),
            ClientStage::Protected => Error::Refused(Refusal::Key),
        },
        Ok(count) => match handshake.receive(&buffer[..count]) {
            Ok(peer) => return Ok(peer),
            Err(HandshakeError::Mechanism(Offered::Curve)) => Error::Refused(Refusal::KeyRequired),
            Err(HandshakeError::Mechanism(Offered::Null)) => Error::Refused(Refusal::NoKey),
            Err(error) => not_protocol_1(address, &error.to_string()),
        },
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            return Ok(None);
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => match handshake.stage() {
            ClientStage::Greeting => return Err(closed()),
            _ => not_protocol_1(address, "it reset the connection (is the port right?)"),
        },
        Err(error) => Error::ConnectionLost(error),
    }))
}

fn not_protocol_1(address: &str, what: &str) -> Error {
    Error::NotRemofile { address: address.to_owned(), what: format!("{what}{PROTOCOL_1}") }
}

/// Returns the error for the first answer of this project's server to a client that it cannot serve, as
/// docs/protocol-1.md has it.
fn refused(message: String) -> Unopened {
    if message.starts_with(WRONG_TOKEN) {
        return Unopened::Doubtful(Error::Refused(Refusal::Token));
    }
    if message == Refusal::Expired.to_string() {
        return Unopened::Doubtful(Error::Refused(Refusal::Expired));
    }
    Error::from(unknown(message)).into()
}

/// Failures of the disk that this project's server tells by their texts, and that end a transfer or are told apart.
const OF_THE_DISK: [ErrorCode; 3] = [ErrorCode::NoSpace, ErrorCode::QuotaExceeded, ErrorCode::DiskFailure];

/// Returns the failure that a text names, if it is one of this kind.
fn named_by(code: ErrorCode, message: &str) -> Option<Failure> {
    let rest = message.strip_prefix(code.sentence())?;
    if rest.is_empty() {
        return Some(code.into());
    }
    let detail = rest.strip_prefix(" (")?.strip_suffix(')')?;
    Some(Failure::new(code).because(detail))
}

/// Returns the failure that this project's server tells of a token without a right: the one right that the text names is missing.
fn denied(message: &str) -> Option<Failure> {
    let told = format!("{} (the token ", ErrorCode::PermissionDenied.sentence());
    let (before, rest) = message.split_once(&told)?;
    let path = before.strip_suffix(": ").filter(|path| path.starts_with('/'));
    let (_, missing) = rest.strip_suffix(')')?.rsplit_once(" has no right to ")?;
    let missing = Right::ALL.into_iter().find(|right| right.name() == missing)?;
    let others: Vec<Right> = Right::ALL.into_iter().filter(|right| *right != missing).collect();
    if path.is_none() && !before.is_empty() {
        return None;
    }
    let detail = format!("the token {}", rest.strip_suffix(')')?);
    let failure = Failure::new(ErrorCode::PermissionDenied).because(detail);
    Some(Failure { path: path.map(str::to_owned), rights: Some(Rights::of(&others)), ..failure })
}

/// Returns the failure for a message of the server that no reason names.
pub(super) fn unknown(message: String) -> Failure {
    // Protocol 1 has no code for this, only the text of an unknown error.
    if let Some(failure) = OF_THE_DISK.into_iter().find_map(|code| named_by(code, &message)) {
        return failure;
    }
    if let Some(failure) = denied(&message) {
        return failure;
    }
    if message == ErrorCode::TokenRevoked.sentence() {
        return ErrorCode::TokenRevoked.into();
    }
    let Some(rest) = message.strip_prefix(ErrorCode::Busy.sentence()) else {
        return Failure::new(ErrorCode::Other).because(message);
    };
    match holder(rest) {
        None => ErrorCode::Busy.into(),
        Some(holder) => {
            let failure = Failure::new(ErrorCode::Busy).because(describe_holder(&holder));
            Failure { holders: Some(vec![holder]), ..failure }
        }
    }
}

/// Returns the holder that this project's server names in the text of its refusal.
fn holder(told: &str) -> Option<Holder> {
    let told = told.strip_prefix(": ")?.strip_suffix(" s (try again later)")?;
    let (told, seconds) = told.rsplit_once(" for ")?;
    let (who, what) = told.split_once(" has been busy with ")?;
    let (client, address) = who.rsplit_once(" at ").unwrap_or((who, ""));
    let (activity, path) = what.split_once(" at ").map_or((what, None), |(activity, path)| (activity, Some(path)));
    Some(Holder {
        client: client.to_owned(),
        address: address.to_owned(),
        activity: activity.to_owned(),
        held_milliseconds: seconds.parse::<u64>().ok()?.saturating_mul(1000),
        path: path.map(str::to_owned),
    })
}

fn lost(error: &LinkError) -> Failure {
    Failure::new(ErrorCode::Other).because(format!("the connection to the server was lost: {error}"))
}

fn corrupted(what: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::CorruptedResponse).because(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        for code in OF_THE_DISK {
            for failure in [code.into(), Failure::new(code).because("2.0 MiB of 20.0 MiB are free")] {
                assert_eq!(unknown(failure.to_string()), failure);
            }
        }
        for other in ["no space", "the disk failed us"] {
            assert_eq!(unknown(other.to_owned()).code, ErrorCode::Other);
        }
    }

    #[test]
    fn a_token_without_a_right_or_that_is_gone_is_told_from_other_failures() {
        let rights = Rights::of(&[Right::Read, Right::Create, Right::Remove]);
        let denied = Failure { rights: Some(rights), ..ErrorCode::PermissionDenied.into() };
        let denied = denied
            .because(format_args!("the token {:?} has no right to replace", "a (the token b has no right to read)"));
        for failure in [denied.clone().at("/a: b"), denied] {
            assert_eq!(unknown(failure.to_string()), failure);
        }
        assert_eq!(unknown(ErrorCode::TokenRevoked.sentence().to_owned()).code, ErrorCode::TokenRevoked);
        for other in [
            "permission denied",
            "permission denied (os error 13)",
            "permission denied (the token \"a\" has no right to fly)",
            "not /a: permission denied (the token \"a\" has no right to read)",
        ] {
            assert_eq!(unknown(other.to_owned()).code, ErrorCode::Other, "{other}");
        }
    }
}

//! Two tokens of one server, over each carrier.

use super::*;
use crate::server::{Handler, Server};
use crate::tokens::{LiveTokens, TokenEntry, TokenRights};
use remofile_protocol::handshake::{
    ClientCredentials, ClientHandshake, ClientHello, ServerHello, ZeroMqAnswer, ZeroMqHello,
};
use remofile_protocol::protocol1::{Directory, Request as Request1, Response};
use remofile_protocol::token::Token;
use remofile_protocol::transport::{Cipher, LENGTH_BYTES, TAG_BYTES};
use remofile_protocol::wire::{Body, Header, OperationId, Signal};
use remofile_protocol::zmtp::{self, ClientSettings, FrameSealer, OpenedFrame, Peer as ZmtpPeer, SocketType};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;
use zeroize::Zeroizing;

/// A test whose server says nothing for so long fails instead of hanging.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// A server of which one token may do everything, and one may only read.
struct Served {
    server: Server,
    owner: Token,
    reader: Token,
    _root: TempDir,
}

/// The answers that a client of a token got: the hello, and that to a request for a new file.
#[derive(Debug, PartialEq)]
struct CarrierAnswers {
    is_read_only: bool,
    denied: Option<String>,
}

impl CarrierAnswers {
    fn nothing_is_denied() -> Self {
        Self { is_read_only: false, denied: None }
    }

    fn reads_alone() -> Self {
        Self { is_read_only: true, denied: Some(denial(Right::Create)) }
    }
}

impl Served {
    fn new() -> Self {
        let (root, owner, reader) = (tempfile::tempdir().unwrap(), Token::generate(), Token::generate());
        let tokens = LiveTokens::default();
        tokens.change(|tokens| {
            tokens.add(TokenEntry::new("owner".parse().unwrap(), &owner)).unwrap();
            let known = TokenEntry::new("laptop".parse().unwrap(), &reader);
            tokens.add(TokenEntry { rights: TokenRights::Read, ..known }).unwrap();
        });
        let server = Server::with_tokens(root.path(), tokens).unwrap();
        Self { server, owner, reader, _root: root }
    }

    /// Serves at a port.
    fn start(&self) -> (SocketAddr, JoinHandle<crate::Result<()>>) {
        let bound = self.server.bind(0, Some(IpAddr::V4(Ipv4Addr::LOCALHOST))).unwrap();
        (bound.addresses()[0], std::thread::spawn(move || bound.serve()))
    }

    fn handler(&self) -> Handler {
        self.server.handler().unwrap()
    }

    fn stop(&self, thread: JoinHandle<crate::Result<()>>) {
        self.server.terminate().unwrap();
        thread.join().unwrap().unwrap();
    }
}

fn create_file() -> Vec<u8> {
    let body = Body::Request(Request::CreateFile { path: "/g".parse().unwrap(), update: true });
    let mut header = Vec::new();
    Header { operation: OperationId(1), body, wait_milliseconds: 0 }.encode(&mut header);
    header
}

/// Returns the outcome of the request, if this message has it.
fn ending(header: &[u8]) -> Option<Option<String>> {
    match Header::decode(header).unwrap().body {
        Body::Signal(Signal::Done { .. }) => Some(None),
        Body::Signal(Signal::Failed { failure }) => Some(failure.detail),
        _ => None,
    }
}

fn hello_of(token: &Token) -> Vec<u8> {
    ZeroMqHello::new("a", "b", Some(Zeroizing::new(token.reveal().to_owned()))).encode().to_vec()
}

fn accepted(answer: &[u8]) -> ServerHello {
    match ZeroMqAnswer::decode(answer) {
        Some(ZeroMqAnswer::Accepted(hello)) => *hello,
        other => panic!("{other:?}"),
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
    stream
}

fn read_more(stream: &mut TcpStream, received: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer).unwrap();
    assert!(count > 0, "the server closed the connection");
    received.extend_from_slice(&buffer[..count]);
}

/// A client on the native carrier.
fn native(address: SocketAddr, token: &Token) -> CarrierAnswers {
    let (mut stream, mut received) = (connect(address), Vec::new());
    let credentials = ClientCredentials { token: token.stretch(), server: None };
    let (mut handshake, first) = ClientHandshake::start(&credentials, ClientHello::new(Cipher::offer(false), "a", "b"));
    stream.write_all(&first).unwrap();
    let (mut session, consumed) = loop {
        read_more(&mut stream, &mut received);
        if let Some(established) = handshake.receive(&received).unwrap() {
            break established;
        }
    };
    received.drain(..consumed);
    let header = create_file();
    let length = u32::try_from(header.len()).unwrap().to_be_bytes();
    let mut record = [&[0; LENGTH_BYTES], &header[..], &length, &[0; TAG_BYTES]].concat();
    session.sealer.seal(&mut record);
    stream.write_all(&record).unwrap();
    loop {
        let length = received.first_chunk::<LENGTH_BYTES>().map(|length| u32::from_be_bytes(*length) as usize);
        let Some(total) = length.map(|length| LENGTH_BYTES + length).filter(|total| received.len() >= *total) else {
            read_more(&mut stream, &mut received);
            continue;
        };
        let mut record: Vec<u8> = received.drain(..total).collect();
        let (body, length) = session.opener.open(&mut record).unwrap().split_last_chunk::<4>().unwrap();
        let header = &body[body.len() - u32::from_be_bytes(*length) as usize..];
        if let Some(denied) = ending(header) {
            return CarrierAnswers { is_read_only: session.peer.read_only, denied };
        }
    }
}

/// A client on a ZeroMQ socket.
struct Dealer {
    stream: TcpStream,
    peer: ZmtpPeer,
    input: Vec<u8>,
}

impl Dealer {
    fn connect(address: SocketAddr, identity: &str) -> Self {
        let mut stream = connect(address);
        let identity = Zeroizing::new(identity.as_bytes().to_vec());
        let settings = ClientSettings { identity, socket_type: SocketType::Dealer, server_key: None };
        let mut handshake = zmtp::ClientHandshake::new(settings);
        loop {
            stream.write_all(&handshake.take_output()).unwrap();
            let mut received = Vec::new();
            read_more(&mut stream, &mut received);
            if let Some(mut peer) = handshake.receive(&received).unwrap() {
                stream.write_all(&handshake.take_output()).unwrap();
                let input = std::mem::take(&mut peer.rest);
                return Self { stream, peer, input };
            }
        }
    }

    /// The next frame.
    fn frame(&mut self) -> Vec<u8> {
        loop {
            match self.peer.opener.next(&mut self.input).unwrap() {
                OpenedFrame::Incomplete { .. } => read_more(&mut self.stream, &mut self.input),
                OpenedFrame::Command { consumed, .. } => drop(self.input.drain(..consumed)),
                OpenedFrame::Frame { consumed, body, .. } => {
                    let frame = self.input[body].to_vec();
                    self.input.drain(..consumed);
                    return frame;
                }
            }
        }
    }

    fn send(&mut self, body: &[u8]) {
        let mut frame = [&[0; FrameSealer::PREFIX_BYTES], body].concat();
        let start = self.peer.sealer.seal(&mut frame, false);
        self.stream.write_all(&frame[start..]).unwrap();
    }

    fn talk(&mut self, hello: &[u8]) -> CarrierAnswers {
        self.send(hello);
        let is_read_only = accepted(&self.frame()).read_only;
        self.send(&create_file());
        loop {
            if let Some(denied) = ending(&self.frame()) {
                return CarrierAnswers { is_read_only, denied };
            }
        }
    }
}

/// A client behind a socket of somebody's own.
fn behind_a_socket(handler: &mut Handler, identity: &[u8], hello: &[u8]) -> CarrierAnswers {
    handler.handle(identity, &[hello]);
    let is_read_only = accepted(&handler.next_reply().unwrap().frames[0]).read_only;
    handler.handle(identity, &[create_file()]);
    loop {
        if let Some(reply) = handler.next_reply()
            && let Some(denied) = ending(&reply.frames[0])
        {
            return CarrierAnswers { is_read_only, denied };
        }
    }
}

#[test]
fn a_session_of_the_native_carrier_has_the_rights_of_its_token() {
    let served = Served::new();
    let (address, thread) = served.start();
    assert_eq!(native(address, &served.owner), CarrierAnswers::nothing_is_denied());
    assert_eq!(native(address, &served.reader), CarrierAnswers::reads_alone());
    served.stop(thread);
}

#[test]
fn a_session_over_zeromq_has_the_rights_of_its_token_be_it_said_or_the_routing_id() {
    let served = Served::new();
    let (address, thread) = served.start();
    let nobody = ZeroMqHello::new("a", "b", None).encode();
    for (token, told) in
        [(&served.owner, CarrierAnswers::nothing_is_denied()), (&served.reader, CarrierAnswers::reads_alone())]
    {
        assert_eq!(Dealer::connect(address, "").talk(&hello_of(token)), told);
        assert_eq!(Dealer::connect(address, token.reveal()).talk(&nobody), told);
    }
    // What it says counts, not what its routing id is.
    let mut both = Dealer::connect(address, served.owner.reveal());
    assert_eq!(both.talk(&hello_of(&served.reader)), CarrierAnswers::reads_alone());
    served.stop(thread);
}

#[test]
fn a_connection_does_not_become_that_of_another_token() {
    let served = Served::new();
    let (address, thread) = served.start();
    let mut dealer = Dealer::connect(address, "");
    assert_eq!(dealer.talk(&hello_of(&served.reader)), CarrierAnswers::reads_alone());
    dealer.send(&hello_of(&served.owner));
    assert!(matches!(ZeroMqAnswer::decode(&dealer.frame()), Some(ZeroMqAnswer::Refused(_))));
    served.stop(thread);
}

#[test]
fn behind_a_socket_of_somebodys_own_each_peer_has_the_rights_of_its_token() {
    let served = Served::new();
    let mut handler = served.handler();
    let nobody = ZeroMqHello::new("a", "b", None).encode();
    for (token, told) in
        [(&served.owner, CarrierAnswers::nothing_is_denied()), (&served.reader, CarrierAnswers::reads_alone())]
    {
        assert_eq!(behind_a_socket(&mut handler, b"peer", &hello_of(token)), told, "also after another token");
        assert_eq!(behind_a_socket(&mut handler, token.reveal().as_bytes(), &nobody), told);
    }
}

#[test]
fn a_client_of_protocol_1_has_the_rights_of_the_token_that_is_its_routing_id() {
    let served = Served::new();
    let mut handler = served.handler();
    let request = Request1::CreateFile { name: "h".to_owned(), directory: Directory::new("/") }.encode();
    for (token, denied) in [(&served.owner, None), (&served.reader, Some(denial(Right::Create)))] {
        handler.handle(token.reveal().as_bytes(), &[&b""[..], &request]);
        let reply = loop {
            if let Some(reply) = handler.next_reply() {
                break reply;
            }
            let soon = Timespec { tv_sec: 30, tv_nsec: 0 };
            assert_eq!(poll(&mut [PollFd::new(&handler, PollFlags::IN)], Some(&soon)), Ok(1), "nobody called");
        };
        match (Response::decode(&reply.frames[1]).unwrap(), denied) {
            (Response::FileCreated, None) => {}
            (Response::UnknownError(message), Some(denied)) => assert!(message.contains(&denied), "{message}"),
            (other, _) => panic!("{other:?}"),
        }
    }
}

//! Peers that are driven by hand: a client or a server that says whatever a test wants.

use super::Fixture;
use remofile::protocol::handshake::{
    ClientCredentials, ClientHandshake, ClientHello, ClientIdentity, ServerAnswer, ServerCredentials, ServerHello,
    answer,
};
use remofile::protocol::path::NameRule;
use remofile::protocol::token::Token;
use remofile::protocol::transport::{Cipher, LENGTH_BYTES, Opener, Sealer, TAG_BYTES};
use remofile::protocol::wire::{Body, Done, Failure, Header, Item, OnConflict, OperationId, Request, Signal};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

/// A test whose peer says nothing for so long fails instead of hanging.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// One end of an open session.
pub struct Raw {
    pub stream: TcpStream,
    sealer: Sealer,
    opener: Opener,
    received: Vec<u8>,
    started: u64,
    /// True if the server has said that this connection has its place in the session that it joins.
    pub has_joined: bool,
}

impl Raw {
    /// A client of a fixture's server, by the name of `raw@test`.
    pub fn connect(fixture: &Fixture) -> Self {
        Self::connect_to(fixture.address, &fixture.token)
    }

    pub fn connect_to(address: SocketAddr, token: &Token) -> Self {
        Self::connect_as(address, token, "raw@test")
    }

    /// A client by a name of its own.
    pub fn connect_as(address: SocketAddr, token: &Token, name: &str) -> Self {
        Self::connect_with(address, token, ClientHello::new(Cipher::offer(false), "raw/1", name))
    }

    /// A client that tells who it is.
    pub fn connect_identified(address: SocketAddr, token: &Token, identity: ClientIdentity) -> Self {
        Self::connect_with(address, token, identified(identity))
    }

    /// A client with any hello.
    pub fn connect_with(address: SocketAddr, token: &Token, hello: ClientHello) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
        stream.set_nodelay(true).unwrap();
        let credentials = ClientCredentials { token: token.stretch(), server: None };
        let (mut handshake, first) = ClientHandshake::start(&credentials, hello);
        stream.write_all(&first).unwrap();
        let mut received = Vec::new();
        loop {
            if let Some((session, consumed)) = handshake.receive(&received).unwrap() {
                received.drain(..consumed);
                let has_joined = session.peer.has_joined;
                return Self {
                    stream,
                    sealer: session.sealer,
                    opener: session.opener,
                    received,
                    started: 0,
                    has_joined,
                };
            }
            assert!(read_more(&mut stream, &mut received), "the server closed the connection");
        }
    }

    /// The server's end of a connection.
    pub fn accept(mut stream: TcpStream, token: &Token) -> Self {
        stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
        stream.set_nodelay(true).unwrap();
        let credentials = ServerCredentials {
            tokens: std::sync::Arc::new(vec![token.stretch()].into()),
            private_key: None,
            allow_plain: true,
        };
        let hello = ServerHello {
            cipher: Cipher::Unknown,
            agent: "raw/1".to_owned(),
            max_payload_bytes: 1024 * 1024,
            names: NameRule::Posix,
            file_size_limit: u64::MAX,
            read_only: false,
            places: Vec::new(),
            checks_versions: false,
            stages_files: false,
            hashes_files: false,
            takes_lanes: false,
            whole_copies: false,
            has_joined: false,
            capabilities: Default::default(),
            rights: Default::default(),
            chunk_sizes: None,
            attributes: false,
            as_they_are: true,
        };
        let mut received = Vec::new();
        loop {
            match answer(&credentials, |_| Ok(hello.clone()), &received) {
                ServerAnswer::Incomplete => assert!(read_more(&mut stream, &mut received), "the client left"),
                ServerAnswer::Refuse { refusal, .. } => panic!("{refusal}"),
                ServerAnswer::Accept { session, bytes, .. } => {
                    stream.write_all(&bytes).unwrap();
                    return Self {
                        stream,
                        sealer: session.sealer,
                        opener: session.opener,
                        received: Vec::new(),
                        started: 0,
                        has_joined: false,
                    };
                }
            }
        }
    }

    /// Seals anything as the body of a record; the bytes to send.
    pub fn seal(&mut self, body: &[u8]) -> Vec<u8> {
        let mut record = [&[0; LENGTH_BYTES], body, &[0; TAG_BYTES]].concat();
        self.sealer.seal(&mut record);
        record
    }

    /// Sends bytes as they are; the peer may have closed the connection.
    pub fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    pub fn body(&mut self, body: &[u8]) -> bool {
        let record = self.seal(body);
        self.bytes(&record)
    }

    /// Sends a payload beside header bytes, which may be no header.
    pub fn header_bytes(&mut self, header: &[u8], payload: &[u8]) -> bool {
        let length = u32::try_from(header.len()).unwrap().to_be_bytes();
        self.body(&[payload, header, &length].concat())
    }

    pub fn send(&mut self, header: &Header, payload: &[u8]) -> bool {
        let mut encoded = Vec::new();
        header.encode(&mut encoded);
        self.header_bytes(&encoded, payload)
    }

    pub fn signal(&mut self, operation: OperationId, signal: Signal) -> bool {
        self.send(&Header::signal(operation, signal), &[])
    }

    pub fn data(&mut self, operation: OperationId, items: Vec<Item>, payload: &[u8]) -> bool {
        self.send(&Header::signal(operation, Signal::Data { items }), payload)
    }

    pub fn request(&mut self, request: Request) -> OperationId {
        self.request_waiting(request, 0)
    }

    pub fn request_waiting(&mut self, request: Request, wait_milliseconds: u64) -> OperationId {
        self.started += 1;
        let operation = OperationId(self.started);
        self.send(&Header { operation, body: Body::Request(request), wait_milliseconds }, &[]);
        operation
    }

    /// Begins an upload and returns when it has its lease.
    pub fn hold_write(&mut self) -> OperationId {
        let operation = self.request_waiting(upload_to("/"), 0);
        self.until(|header| matches!(header.body, Body::Signal(Signal::Credit { .. })));
        operation
    }

    /// Begins a download that gets no further for want of credit, and returns when it has its lease.
    pub fn hold_read(&mut self, path: &str, credit: u64) -> OperationId {
        let sources = vec![path.parse().unwrap()];
        let operation = self.request(Request::Download {
            sources,
            recursive: true,
            total: true,
            credit,
            selection: None,
            send_options: None,
        });
        self.until(|header| matches!(header.body, Body::Signal(Signal::Total { .. })));
        operation
    }

    /// The next message; `None` if the peer ended the session.
    pub fn receive(&mut self) -> Option<(Header, Vec<u8>)> {
        loop {
            if let Some(length) = self.received.first_chunk::<LENGTH_BYTES>() {
                let total = LENGTH_BYTES + u32::from_be_bytes(*length) as usize;
                if self.received.len() >= total {
                    let mut record: Vec<u8> = self.received.drain(..total).collect();
                    let body = self.opener.open(&mut record).unwrap();
                    let (body, length) = body.split_last_chunk::<4>().unwrap();
                    let (payload, header) = body.split_at(body.len() - u32::from_be_bytes(*length) as usize);
                    return Some((Header::decode(header).unwrap(), payload.to_vec()));
                }
            }
            if !read_more(&mut self.stream, &mut self.received) {
                return None;
            }
        }
    }

    /// Reads on, answering pings, until a message is as wanted.
    pub fn until(&mut self, wanted: impl Fn(&Header) -> bool) -> (Header, Vec<u8>) {
        self.find(wanted).expect("the peer ended the session")
    }

    /// As [`Raw::until`], but `None` if the peer ends the session first.
    pub fn find(&mut self, wanted: impl Fn(&Header) -> bool) -> Option<(Header, Vec<u8>)> {
        loop {
            let (header, payload) = self.receive()?;
            if header.body == Body::Signal(Signal::Ping) {
                self.signal(OperationId::SESSION, Signal::Pong);
            }
            if wanted(&header) {
                return Some((header, payload));
            }
        }
    }

    /// Returns the outcome of an operation; `None` if the session ends before it.
    pub fn outcome(&mut self, operation: OperationId) -> Option<Result<Done, Failure>> {
        let ends = |header: &Header| {
            header.operation == operation
                && matches!(header.body, Body::Signal(Signal::Done { .. } | Signal::Failed { .. }))
        };
        match self.find(ends)?.0.body {
            Body::Signal(Signal::Done { done }) => Some(Ok(done)),
            Body::Signal(Signal::Failed { failure }) => Some(Err(failure)),
            _ => None,
        }
    }

    /// Reports whether the server ended the session: it does not answer one more request.
    pub fn was_ended(&mut self) -> bool {
        let operation = OperationId(u64::MAX);
        self.send(&Header { operation, body: Body::Request(Request::Status), wait_milliseconds: 0 }, &[]);
        self.outcome(operation).is_none()
    }

    /// Reports whether the other side answers a ping.
    pub fn pings(&mut self) -> bool {
        self.signal(OperationId::SESSION, Signal::Ping);
        self.find(|header| header.body == Body::Signal(Signal::Pong)).is_some()
    }

    /// Returns the first request of a client, and its operation.
    pub fn next_request(&mut self) -> Option<(OperationId, Request)> {
        match self.find(|header| matches!(header.body, Body::Request(_)))?.0 {
            Header { operation, body: Body::Request(request), .. } => Some((operation, request)),
            _ => None,
        }
    }
}

/// The hello of a client that tells who it is.
pub fn identified(identity: ClientIdentity) -> ClientHello {
    ClientHello { identity: Some(identity), ..ClientHello::new(Cipher::offer(false), "raw/1", "raw@test") }
}

/// Reads on. Returns false at the end.
fn read_more(stream: &mut TcpStream, received: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 64 * 1024];
    match stream.read(&mut buffer) {
        Ok(0) => false,
        Ok(count) => {
            received.extend_from_slice(&buffer[..count]);
            true
        }
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
        Err(error) => panic!("the peer is silent: {error}"),
    }
}

pub fn upload_to(destination: &str) -> Request {
    Request::Upload {
        destination: destination.parse().unwrap(),
        on_conflict: OnConflict::Replace,
        names: None,
        group: None,
        claims: None,
    }
}

pub fn begin(path: &str, size: Option<u64>) -> Item {
    Item::Begin { path: path.to_owned(), size, modified: None, mode: None, rule: None, offset: 0, replaces: None }
}

pub fn piece(length: usize) -> Item {
    Item::Data { length: length.try_into().unwrap() }
}

pub fn end(content: &[u8]) -> Item {
    Item::End { digest: remofile::protocol::digest::digest(content) }
}

/// A whole small file.
pub fn file(path: &str, content: &[u8]) -> Vec<Item> {
    vec![begin(path, Some(content.len() as u64)), piece(content.len()), end(content)]
}

/// A server that answers one connection as it likes.
pub fn listen(script: impl FnOnce(TcpStream) + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((super::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (address, std::thread::spawn(move || script(listener.accept().unwrap().0)))
}

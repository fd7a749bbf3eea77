//! A ZeroMQ peer that does what a test tells it, over a real connection.

use remofile::protocol::key::PublicKey;
use remofile::protocol::protocol1::{Request, Response};
use remofile::protocol::wire::{Body, Header, OperationId, Signal};
use remofile::protocol::zmtp::{
    ClientHandshake, ClientSettings, Command, FrameSealer, OpenedFrame, Peer, ServerHandshake, ServerSettings,
    SocketType,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use zeroize::Zeroizing;

/// Longer than anything takes that works.
pub const READ_TIMEOUT: Duration = Duration::from_secs(60);

pub struct ZeroMq {
    pub stream: TcpStream,
    peer: Peer,
    input: Vec<u8>,
}

impl ZeroMq {
    /// Connects; `None` if the server ends the handshake.
    pub fn try_connect(address: SocketAddr, identity: &str, kind: SocketType, key: Option<PublicKey>) -> Option<Self> {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
        let identity = Zeroizing::new(identity.as_bytes().to_vec());
        let mut handshake = ClientHandshake::new(ClientSettings { identity, socket_type: kind, server_key: key });
        let mut buffer = [0; 4096];
        loop {
            stream.write_all(&handshake.take_output()).ok()?;
            let count = stream.read(&mut buffer).ok().filter(|&count| count > 0)?;
            if let Some(mut peer) = handshake.receive(&buffer[..count]).ok()? {
                stream.write_all(&handshake.take_output()).ok()?;
                peer.opener.set_limit(1 << 26);
                let input = std::mem::take(&mut peer.rest);
                return Some(Self { stream, peer, input });
            }
        }
    }

    pub fn req(address: SocketAddr, token: &str) -> Self {
        Self::try_connect(address, token, SocketType::Req, None).unwrap()
    }

    pub fn dealer(address: SocketAddr, identity: &str) -> Self {
        Self::try_connect(address, identity, SocketType::Dealer, None).unwrap()
    }

    /// The server's end of a connection.
    pub fn accept(mut stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
        let mut handshake = ServerHandshake::new(ServerSettings { curve: None, null: true });
        let mut buffer = [0; 4096];
        loop {
            stream.write_all(&handshake.take_output()).unwrap();
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "the client left");
            if let Some(mut peer) = handshake.receive(&buffer[..count]).unwrap() {
                stream.write_all(&handshake.take_output()).unwrap();
                peer.opener.set_limit(1 << 26);
                let input = std::mem::take(&mut peer.rest);
                return Self { stream, peer, input };
            }
        }
    }

    pub fn send(&mut self, frames: &[&[u8]]) {
        let mut bytes = Vec::new();
        for (number, body) in frames.iter().enumerate() {
            let mut frame = [&[0; FrameSealer::PREFIX_BYTES], *body].concat();
            let start = self.peer.sealer.seal(&mut frame, number + 1 < frames.len());
            bytes.extend_from_slice(&frame[start..]);
        }
        // A server that has closed the connection is seen when the answer does not come.
        let _closed = self.stream.write_all(&bytes);
    }

    /// Pings the server as ZeroMQ does.
    pub fn ping(&mut self) {
        let ping = self.peer.sealer.ping();
        self.stream.write_all(&ping).unwrap();
    }

    /// Reports whether the next thing that comes is the answer to a ping.
    pub fn has_pong(&mut self) -> bool {
        loop {
            let consumed = match self.peer.opener.next(&mut self.input).unwrap() {
                OpenedFrame::Command { consumed, command: Command::Pong } => consumed,
                OpenedFrame::Command { .. } | OpenedFrame::Frame { .. } => return false,
                OpenedFrame::Incomplete { .. } => {
                    let mut buffer = [0; 64];
                    let count = self.stream.read(&mut buffer).unwrap();
                    assert!(count > 0, "the server closed the connection");
                    self.input.extend_from_slice(&buffer[..count]);
                    continue;
                }
            };
            self.input.drain(..consumed);
            return true;
        }
    }

    /// The next message; `None` when the server closes the connection.
    pub fn receive(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        loop {
            match self.peer.opener.next(&mut self.input).unwrap() {
                OpenedFrame::Incomplete { .. } => {
                    let mut buffer = vec![0; 1 << 16];
                    let count = self.stream.read(&mut buffer).ok().filter(|&count| count > 0)?;
                    self.input.extend_from_slice(&buffer[..count]);
                }
                OpenedFrame::Command { consumed, .. } => drop(self.input.drain(..consumed)),
                OpenedFrame::Frame { consumed, body, more } => {
                    frames.push(self.input[body].to_vec());
                    self.input.drain(..consumed);
                    if !more {
                        return Some(frames);
                    }
                }
            }
        }
    }

    /// A request of protocol 1 and its answer.
    pub fn ask(&mut self, request: &Request<'_>) -> Response<'static> {
        self.ask_raw(&request.encode()).expect("the server closed the connection")
    }

    pub fn ask_raw(&mut self, request: &[u8]) -> Option<Response<'static>> {
        self.send(&[b"", request]);
        let frames = self.receive()?;
        assert_eq!(frames.len(), 2);
        assert!(frames[0].is_empty());
        Some(Response::decode(&frames[1]).unwrap().into_owned())
    }

    pub fn send_header(&mut self, header: &Header, payload: &[u8]) {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        if payload.is_empty() { self.send(&[&bytes]) } else { self.send(&[&bytes, payload]) }
    }

    /// The next message of protocol 2 that is about an operation.
    pub fn next(&mut self) -> Option<(OperationId, Signal, Vec<u8>)> {
        loop {
            let frames = self.receive()?;
            let header = Header::decode(&frames[0]).unwrap();
            match header.body {
                Body::Signal(Signal::Ping) => {
                    self.send_header(&Header::signal(OperationId::SESSION, Signal::Pong), &[]);
                }
                Body::Signal(signal) => {
                    return Some((header.operation, signal, frames.get(1).cloned().unwrap_or_default()));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

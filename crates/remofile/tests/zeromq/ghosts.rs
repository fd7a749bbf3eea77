//! Tests that what is left of a client over ZeroMQ ends as its next session begins.

use crate::common::{Fixture, remote};
use crate::zeromq::peer::ZeroMq;
use remofile::protocol::handshake::{ClientIdentity, ZeroMqAnswer, ZeroMqHello};
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Body, ErrorCode, Header, OnConflict, OperationId, Request, Signal};
use remofile::{Handler, Server, ServerOptions};
use zeroize::Zeroizing;

const REPLACED: Signal = Signal::Goodbye { reason: Some(ErrorCode::SessionReplaced) };

fn hello(token: &Token, client: u8, incarnation: u64) -> Vec<u8> {
    let identity = Some(ClientIdentity { client: [client; 16], incarnation, connection: 0 });
    let token = Some(Zeroizing::new(token.reveal().to_owned()));
    ZeroMqHello { identity, ..ZeroMqHello::new("test/1", "tester@here", token) }.encode().to_vec()
}

fn request(request: Request) -> Header {
    Header { operation: OperationId(1), body: Body::Request(request), wait_milliseconds: 0 }
}

fn upload() -> Header {
    request(Request::Upload {
        destination: remote("/"),
        on_conflict: OnConflict::Abort,
        names: None,
        group: None,
        claims: None,
    })
}

fn create() -> Header {
    request(Request::CreateFile { path: remote("/new"), update: false })
}

fn is_accepted(frames: &[Vec<u8>]) -> bool {
    matches!(ZeroMqAnswer::decode(&frames[0]), Some(ZeroMqAnswer::Accepted(_)))
}

#[test]
fn the_next_conversation_of_a_client_ends_the_one_before() {
    let fixture = Fixture::with(|options| options.sessions_per_token = Some(2));
    let connect = |client, incarnation| {
        let mut peer = ZeroMq::dealer(fixture.address, "");
        peer.send(&[&hello(&fixture.token, client, incarnation)]);
        assert!(is_accepted(&peer.receive().unwrap()));
        peer
    };
    let (mut ghost, mut other) = (connect(1, 1), connect(2, 1));
    ghost.send_header(&upload(), &[]);
    assert!(matches!(ghost.next(), Some((OperationId(1), Signal::Credit { .. }, _))));
    let mut next = connect(1, 2);
    next.send_header(&create(), &[]);
    assert!(matches!(next.next(), Some((OperationId(1), Signal::Done { .. }, _))));
    let said: Vec<Signal> = std::iter::from_fn(|| ghost.next()).map(|(_, signal, _)| signal).collect();
    assert_eq!(said.last(), Some(&REPLACED));
    other.send_header(&request(Request::Status), &[]);
    assert!(matches!(other.next(), Some((OperationId(1), Signal::Done { .. }, _))));
}

/// Gives a message to a handler, and returns what it says then.
fn tell(handler: &mut Handler, peer: &[u8], message: &[u8]) -> Vec<(Vec<u8>, Vec<Vec<u8>>)> {
    handler.handle(peer, &[message]);
    let mut said = Vec::new();
    while let Some(reply) = handler.next_reply() {
        said.push((reply.identity, reply.frames));
    }
    said
}

fn encoded(header: &Header) -> Vec<u8> {
    let mut bytes = Vec::new();
    header.encode(&mut bytes);
    bytes
}

#[test]
fn the_next_peer_of_a_client_ends_the_one_before_at_a_socket_of_the_users_own() {
    let (root, token) = (tempfile::tempdir().unwrap(), Token::generate());
    let server = Server::new(root.path(), token.clone()).unwrap();
    server.set_options(ServerOptions { max_sessions: 2, ..ServerOptions::default() }).unwrap();
    let mut handler = server.handler().unwrap();
    for (peer, client) in [(&b"ghost"[..], 1), (b"other", 2)] {
        let said = tell(&mut handler, peer, &hello(&token, client, 1));
        assert!(is_accepted(&said[0].1));
    }
    tell(&mut handler, b"ghost", &encoded(&upload()));
    let said = tell(&mut handler, b"next", &hello(&token, 1, 2));
    let goodbyes: Vec<&[u8]> = said
        .iter()
        .filter(|(_, frames)| Header::decode(&frames[0]).is_ok_and(|header| header.body == Body::Signal(REPLACED)))
        .map(|(peer, _)| peer.as_slice())
        .collect();
    assert_eq!(goodbyes, [b"ghost"]);
    assert!(said.iter().any(|(peer, frames)| peer == b"next" && is_accepted(frames)));
    let mut said = tell(&mut handler, b"next", &encoded(&create()));
    while said.is_empty() {
        // What the ghost had under way ends on another thread.
        std::thread::yield_now();
        said = tell(&mut handler, b"next", &encoded(&Header::signal(OperationId::SESSION, Signal::Pong)));
    }
    let done = Header::decode(&said[0].1[0]).unwrap();
    assert!(matches!(done.body, Body::Signal(Signal::Done { .. })), "{done:?}");
}

//! Protocol 2 over DEALER sockets.

use crate::common::{Fixture, assert_serves, noise, remote};
use crate::zeromq::peer::ZeroMq;
use remofile::protocol::digest::DigestKind;
use remofile::protocol::handshake::{Refusal, ServerHello, ZeroMqAnswer, ZeroMqHello};
use remofile::protocol::key::PrivateKey;
use remofile::protocol::wire::{Body, ErrorCode, Header, Item, OnConflict, OperationId, Request, Signal};
use remofile::protocol::zmtp::SocketType;
use zeroize::Zeroizing;

fn hello(token: Option<&str>, digest: DigestKind) -> ZeroMqHello {
    let token = token.map(|token| Zeroizing::new(token.to_owned()));
    ZeroMqHello { digest, ..ZeroMqHello::new("test/1", "tester@here", token) }
}

fn greet(client: &mut ZeroMq, hello: &ZeroMqHello) -> Result<ServerHello, Refusal> {
    client.send(&[&hello.encode()]);
    let frames = client.receive().unwrap();
    match ZeroMqAnswer::decode(&frames[0]).unwrap() {
        ZeroMqAnswer::Accepted(server) => Ok(*server),
        ZeroMqAnswer::Refused(refusal) => Err(refusal),
    }
}

fn request(number: u64, request: Request) -> Header {
    Header { operation: OperationId(number), body: Body::Request(request), wait_milliseconds: 0 }
}

fn upload() -> Request {
    Request::Upload { destination: remote("/"), on_conflict: OnConflict::Abort, names: None, group: None, claims: None }
}

fn download(path: &str) -> Request {
    Request::Download {
        sources: vec![remote(path)],
        recursive: false,
        total: false,
        credit: 1 << 26,
        selection: None,
        send_options: None,
    }
}

/// Uploads and downloads a file; the token was proved.
fn works(client: &mut ZeroMq, first: u64, digest: DigestKind) {
    let content = noise(3_000_000);
    client.send_header(&request(first, upload()), &[]);
    let operation = OperationId(first);
    let name = format!("file {first}");
    let begin = Item::Begin {
        path: name.clone(),
        size: Some(content.len() as u64),
        modified: None,
        mode: None,
        rule: None,
        offset: 0,
        replaces: None,
    };
    client.send_header(&Header::signal(operation, Signal::Data { items: vec![begin] }), &[]);
    // What goes beyond the initial credit waits until the upload has begun.
    let granted = client.next().unwrap();
    assert!(matches!(granted, (_, Signal::Credit { .. }, _)), "{granted:?}");
    for piece in content.chunks(500_000) {
        let items = vec![Item::Data { length: piece.len() as u32 }];
        client.send_header(&Header::signal(operation, Signal::Data { items }), piece);
    }
    let items = vec![Item::End { digest: digest.digest(&content) }];
    client.send_header(&Header::signal(operation, Signal::Data { items }), &[]);
    client.send_header(&Header::signal(operation, Signal::Finish), &[]);
    loop {
        match client.next().unwrap() {
            (_, Signal::Credit { .. }, _) => {}
            (_, Signal::Done { done }, _) => break assert_eq!((done.files, done.bytes), (1, content.len() as u64)),
            other => panic!("{other:?}"),
        }
    }
    client.send_header(&request(first + 1, download(&format!("/{name}"))), &[]);
    let (mut received, mut told) = (Vec::new(), None);
    loop {
        match client.next().unwrap() {
            (_, Signal::Data { items }, payload) => {
                received.extend(payload);
                told = items.into_iter().find_map(|item| match item {
                    Item::End { digest } => Some(digest),
                    _ => None,
                });
            }
            (_, Signal::Done { .. }, _) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(received == content);
    assert_eq!(told, Some(digest.digest(&content)));
}

#[test]
fn files_go_up_and_down_with_either_digest() {
    let fixture = Fixture::new();
    for digest in [DigestKind::Xxh3, DigestKind::Sha256] {
        let mut client = ZeroMq::dealer(fixture.address, "");
        let server = greet(&mut client, &hello(Some(fixture.token.reveal()), digest)).unwrap();
        assert_eq!(server.max_payload_bytes, 1 << 20);
        works(&mut client, if digest == DigestKind::Xxh3 { 1 } else { 11 }, digest);
    }
}

#[test]
fn curve_carries_the_same() {
    let key = PrivateKey::generate();
    let fixture = Fixture::with(|options| options.private_key = Some(key.clone()));
    let mut client = ZeroMq::try_connect(fixture.address, "", SocketType::Dealer, Some(key.public())).unwrap();
    greet(&mut client, &hello(Some(fixture.token.reveal()), DigestKind::Xxh3)).unwrap();
    works(&mut client, 1, DigestKind::Xxh3);
}

#[test]
fn the_routing_id_may_be_the_token() {
    let fixture = Fixture::new();
    let mut client = ZeroMq::dealer(fixture.address, fixture.token.reveal());
    greet(&mut client, &hello(None, DigestKind::Xxh3)).unwrap();
    works(&mut client, 1, DigestKind::Xxh3);
}

#[test]
fn a_wrong_token_is_refused_by_name() {
    let fixture = Fixture::new();
    for token in [None, Some("wrong")] {
        let mut client = ZeroMq::dealer(fixture.address, "somebody");
        assert_eq!(greet(&mut client, &hello(token, DigestKind::Xxh3)), Err(Refusal::Token));
        assert_eq!(client.receive(), None);
    }
    assert_serves(&fixture);
}

#[test]
fn a_message_without_a_session_is_answered() {
    let fixture = Fixture::new();
    // Whoever has not proved the token is sent away with it, whoever has may still say hello.
    let mut stranger = ZeroMq::dealer(fixture.address, "");
    stranger.send_header(&request(1, Request::Status), &[]);
    let refused = vec![ZeroMqAnswer::Refused(Refusal::NoSession).encode()];
    assert_eq!(stranger.receive(), Some(refused.clone()));
    assert_eq!(stranger.receive(), None);
    let mut client = ZeroMq::dealer(fixture.address, fixture.token.reveal());
    client.send_header(&request(1, Request::Status), &[]);
    assert_eq!(client.receive(), Some(refused));
    greet(&mut client, &hello(None, DigestKind::Xxh3)).unwrap();
}

#[test]
fn another_version_is_refused() {
    let fixture = Fixture::new();
    let mut client = ZeroMq::dealer(fixture.address, fixture.token.reveal());
    let newer = ZeroMqHello { versions: (3, 9), ..hello(None, DigestKind::Xxh3) };
    assert_eq!(greet(&mut client, &newer), Err(Refusal::Version));
}

#[test]
fn a_second_hello_ends_the_session_and_its_leases() {
    let fixture = Fixture::new();
    let mut client = ZeroMq::dealer(fixture.address, fixture.token.reveal());
    greet(&mut client, &hello(None, DigestKind::Xxh3)).unwrap();
    client.send_header(&request(1, Request::Hold { write: true, paths: Vec::new() }), &[]);
    client.next().unwrap();
    let mut other = fixture.client();
    let busy = other.make_directory(&remote("/d"), false, false).unwrap_err();
    assert!(matches!(busy, remofile::Error::Busy(holders) if holders[0].client == "tester@here"));
    greet(&mut client, &hello(None, DigestKind::Xxh3)).unwrap();
    other.make_directory(&remote("/d"), false, false).unwrap();
}

#[test]
fn a_wrong_digest_leaves_nothing_behind() {
    let fixture = Fixture::new();
    let mut client = ZeroMq::dealer(fixture.address, fixture.token.reveal());
    greet(&mut client, &hello(None, DigestKind::Sha256)).unwrap();
    client.send_header(&request(1, upload()), &[]);
    let begin = Item::Begin {
        path: "f".into(),
        size: Some(3),
        modified: None,
        mode: None,
        rule: None,
        offset: 0,
        replaces: None,
    };
    // That of the other kind.
    let items = vec![begin, Item::Data { length: 3 }, Item::End { digest: DigestKind::Xxh3.digest(b"abc") }];
    client.send_header(&Header::signal(OperationId(1), Signal::Data { items }), b"abc");
    loop {
        match client.next().unwrap() {
            (_, Signal::Credit { .. }, _) => {}
            (_, Signal::ItemFailed { failure }, _) => break assert_eq!(failure.code, ErrorCode::IntegrityFailure),
            other => panic!("{other:?}"),
        }
    }
    assert!(crate::common::visible(fixture.root()).is_empty());
}

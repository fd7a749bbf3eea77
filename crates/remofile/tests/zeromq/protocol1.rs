//! Protocol 1 over connections: what only shows there. The rest is in `handler`.

use crate::common::{Fixture, assert_serves};
use crate::zeromq::peer::ZeroMq;
use remofile::protocol::key::PrivateKey;
use remofile::protocol::protocol1::{Directory, Request, Response};
use remofile::protocol::token::Token;
use remofile::protocol::zmtp::SocketType;
use remofile::server::{Coordinated, MemoryCoordinator, Standing};
use std::time::Duration;

fn fixture() -> Fixture {
    Fixture::serving(Token::parse("my-custom-token").unwrap(), |_| {})
}

fn root() -> Directory {
    Directory::new("/")
}

fn upload(size: usize) -> Request<'static> {
    Request::UploadFile { name: "up".into(), directory: root(), file_size: size as i64, chunk_size: 512 }
}

#[test]
fn one_port_serves_every_kind_of_client() {
    let fixture = fixture();
    fixture.write("a", "x");
    let mut documented = ZeroMq::req(fixture.address, "my-custom-token");
    for _ in 0..2 {
        let Response::FilesListed(files) = documented.ask(&Request::ListFiles { directory: root() }) else { panic!() };
        assert_eq!((files[0].name.as_str(), files[0].size), ("a", 1));
        assert_serves(&fixture);
    }
}

#[test]
fn a_wrong_token_gets_an_answer_that_says_so() {
    let fixture = fixture();
    for (number, wrong) in ["", "my-custom-toke", "my-custom-token "].into_iter().enumerate() {
        let mut client = ZeroMq::req(fixture.address, wrong);
        let Response::UnknownError(message) = client.ask(&Request::ListFiles { directory: root() }) else { panic!() };
        assert!(message.contains("does not know this token"), "{number}: {message}");
        assert_eq!(client.receive(), None);
    }
    assert_serves(&fixture);
}

#[test]
fn whoever_finds_the_server_in_use_is_told_so_and_by_whom() {
    let fixture = fixture();
    let (mut first, mut second) =
        (ZeroMq::req(fixture.address, "my-custom-token"), ZeroMq::req(fixture.address, "my-custom-token"));
    assert_eq!(first.ask(&upload(600)), Response::TransferAccepted { file_size: None });
    let Response::UnknownError(message) = second.ask(&upload(5)) else { panic!() };
    assert!(message.contains("in use") && message.contains("127.0.0.1") && message.contains("upload"), "{message}");
    // Whoever looks, or works at another name, waits for nobody.
    assert!(matches!(second.ask(&Request::ListFiles { directory: root() }), Response::FilesListed(_)));
    let other = Request::CreateFile { name: "other".into(), directory: root() };
    assert_eq!(second.ask(&other), Response::FileCreated);
    assert_eq!(first.ask(&Request::CancelTransfer), Response::TransferCancelled);
    assert_eq!(second.ask(&upload(5)), Response::TransferAccepted { file_size: None });
}

#[test]
fn a_client_that_is_gone_in_mid_transfer_leaves_nothing_behind() {
    let fixture = fixture();
    let mut first = ZeroMq::req(fixture.address, "my-custom-token");
    first.ask(&upload(600));
    assert_eq!(first.ask(&Request::SendChunk { data: vec![1; 512].into() }), Response::ChunkReceived);
    drop(first);
    let mut second = ZeroMq::req(fixture.address, "my-custom-token");
    // Until the server has seen the connection end, it says who is in the way.
    while matches!(second.ask(&upload(5)), Response::UnknownError(_)) {
        std::thread::yield_now();
    }
    assert_eq!(
        second.ask(&Request::SendChunk { data: b"whole"[..].into() }),
        Response::TransferCompleted { data: None }
    );
    assert_eq!(crate::common::tree(fixture.root()), [("up".to_owned(), Some(b"whole".to_vec()))]);
}

#[test]
fn with_a_private_key_only_curve_is_let_in() {
    let key = PrivateKey::generate();
    let fixture =
        Fixture::serving(Token::parse("my-custom-token").unwrap(), |options| options.private_key = Some(key.clone()));
    let connect = |key| ZeroMq::try_connect(fixture.address, "my-custom-token", SocketType::Req, key);
    assert!(connect(None).is_none(), "in clear");
    assert!(connect(Some(PrivateKey::generate().public())).is_none(), "for another server");
    let mut client = connect(Some(key.public())).unwrap();
    assert_eq!(client.ask(&Request::ListFiles { directory: root() }), Response::FilesListed(Vec::new()));
}

#[test]
fn whoever_requires_encryption_has_no_zeromq_clients_in_clear() {
    let fixture = Fixture::with(|options| options.require_encryption = true);
    assert!(ZeroMq::try_connect(fixture.address, fixture.token.reveal(), SocketType::Req, None).is_none());
    assert!(ZeroMq::try_connect(fixture.address, fixture.token.reveal(), SocketType::Dealer, None).is_none());
    assert_serves(&fixture);
}

#[test]
fn a_stopping_server_ends_its_zeromq_sessions() {
    let mut fixture = fixture();
    let mut client = ZeroMq::req(fixture.address, "my-custom-token");
    client.ask(&upload(600));
    fixture.stop().unwrap();
    assert_eq!(client.ask_raw(&Request::CancelTransfer.encode()), None);
    assert!(crate::common::tree(fixture.root()).is_empty());
}

#[test]
fn a_client_that_says_nothing_does_not_keep_its_server_from_the_coordinator() {
    let link = MemoryCoordinator::new();
    let coordinated = Coordinated::new(link.clone()).with_term(Duration::from_millis(3600));
    let standing = coordinated.clone();
    let fixture = Fixture::serving(Token::parse("my-custom-token").unwrap(), |options| {
        (options.coordinator, options.idle_timeout) = (Some(coordinated), Duration::from_secs(24 * 60 * 60));
    });
    let mut client = ZeroMq::req(fixture.address, "my-custom-token");
    assert_eq!(client.ask(&upload(600)), Response::TransferAccepted { file_size: None });
    assert_eq!(client.ask(&Request::SendChunk { data: vec![1; 512].into() }), Response::ChunkReceived);
    let is_lost = || matches!(standing.standing(), Standing::Lost(_));
    link.cut(true);
    while !is_lost() {
        std::thread::yield_now();
    }
    link.cut(false);
    while is_lost() {
        std::thread::yield_now();
    }
    // Its transfer ended with what it claimed.
    assert_eq!(client.ask(&Request::SendChunk { data: vec![1; 88].into() }), Response::BadRequest);
    assert_eq!(client.ask(&upload(5)), Response::TransferAccepted { file_size: None });
}

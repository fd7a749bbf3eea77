//! The audit log of peers that speak ZeroMQ, over our own port and over somebody else's socket.

use crate::common::audited::{Audited, number, text};
use crate::common::{Fixture, remote};
use crate::zeromq::peer::ZeroMq;
use remofile::protocol::handshake::ZeroMqHello;
use remofile::protocol::protocol1::{Directory, Request, Response};
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Body, Header, OperationId};
use remofile::{Server, ServerOptions};

const TOKEN: &str = "my-custom-token";

fn served() -> (Fixture, Audited) {
    let audited = Audited::new();
    let log = audited.log.clone();
    (Fixture::serving(Token::parse(TOKEN).unwrap(), |options| options.audit = Some(log)), audited)
}

fn named(name: &str) -> (String, Directory) {
    (name.to_owned(), Directory::new("sub/."))
}

#[test]
fn every_request_of_protocol_1_has_one_line_and_a_transfer_one() {
    let (mut fixture, audited) = served();
    let mut client = ZeroMq::req(fixture.address, TOKEN);
    let (name, directory) = ("sub".to_owned(), Directory::new("/"));
    client.ask(&Request::MakeDirectory { name, directory });
    let (name, directory) = named("f");
    client.ask(&Request::CreateFile { name, directory });
    let (name, directory) = named("f");
    client.ask(&Request::CreateFile { name, directory });
    client.ask(&Request::ListFiles { directory: Directory::new("/sub") });
    let (name, directory) = named("up");
    client.ask(&Request::UploadFile { name, directory, file_size: 700, chunk_size: 512 });
    client.ask(&Request::SendChunk { data: vec![1; 512].into() });
    client.ask(&Request::ListFiles { directory: Directory::new("/") });
    assert_eq!(
        client.ask(&Request::SendChunk { data: vec![1; 188].into() }),
        Response::TransferCompleted { data: None }
    );
    let (name, directory) = named("up");
    client.ask(&Request::DownloadFile { name, directory, chunk_size: 512 });
    client.ask(&Request::ReceiveChunk);
    client.ask(&Request::ReceiveChunk);
    let (name, directory) = named("cancelled");
    client.ask(&Request::UploadFile { name, directory, file_size: 9, chunk_size: 512 });
    client.ask(&Request::CancelTransfer);
    let (name, directory) = named("missing");
    client.ask(&Request::RemoveFile { name, directory });
    let (name, directory) = named("left");
    client.ask(&Request::UploadFile { name, directory, file_size: 9, chunk_size: 512 });
    drop(client);
    fixture.stop().unwrap();
    let expected = [
        "operation make-directory /sub ok",
        "operation create-file /sub/f ok",
        "operation create-file /sub/f already-exists",
        "operation list /sub ok",
        "operation list / ok",
        "operation upload /sub/up ok",
        "operation download /sub/up ok",
        "operation upload /sub/cancelled cancelled",
        "operation remove /sub/missing not-found",
        "operation upload /sub/left interrupted",
    ];
    assert_eq!(audited.told(), expected);
    let lines = audited.lines();
    let bytes = |what: &str| number(lines.iter().find(|line| line.contains(what)).unwrap(), "bytes");
    assert_eq!((bytes("\"upload\""), bytes("\"download\"")), (Some(700.0), Some(700.0)));
    assert!(lines.iter().all(|line| !line.contains(TOKEN)), "{lines:?}");
    assert!(text(&lines[0], "address").unwrap().starts_with("127.0.0.1:"));
}

#[test]
fn who_is_in_the_way_of_protocol_1_is_told_by_its_code() {
    let audited = Audited::new();
    let (log, token) = (audited.log.clone(), Token::parse(TOKEN).unwrap());
    let mut fixture = Fixture::serving(token, |options| {
        options.read_only = true;
        options.audit = Some(log);
    });
    let mut client = ZeroMq::req(fixture.address, TOKEN);
    let (name, directory) = ("f".to_owned(), Directory::new("/"));
    client.ask(&Request::CreateFile { name, directory });
    drop(client);
    fixture.stop().unwrap();
    assert_eq!(audited.told(), ["operation create-file /f read-only"]);
}

#[test]
fn messages_over_somebody_elses_socket_are_told_as_those_over_ours() {
    let audited = Audited::new();
    let root = tempfile::tempdir().unwrap();
    let server = Server::new(root.path(), Token::parse(TOKEN).unwrap()).unwrap();
    server.set_options(ServerOptions { audit: Some(audited.log.clone()), ..ServerOptions::default() }).unwrap();
    let mut handler = server.handler().unwrap();
    let hello = ZeroMqHello::new("test", "laptop", None).encode();
    handler.handle(TOKEN.as_bytes(), &[&hello[..]]);
    let request = remofile::protocol::wire::Request::CreateFile { path: remote("/f"), update: false };
    let mut header = Vec::new();
    Header { operation: OperationId(1), body: Body::Request(request), wait_milliseconds: 0 }.encode(&mut header);
    handler.handle(TOKEN.as_bytes(), &[&header[..]]);
    while !audited.told().contains(&"operation create-file /f ok".to_owned()) {
        let _reply = handler.next_reply();
    }
    handler.handle(b"stranger", &[b"no message of any session"]);
    drop(handler);
    let lines = audited.lines();
    assert!(lines.iter().any(|line| text(line, "client").as_deref() == Some("laptop")), "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains(TOKEN) && !line.contains("stranger")), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.contains("\"close\"")).count(), 1);
}

//! Admission when no session is free: idle ones make room, and come back by themselves.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::raw::Raw;
use common::{Fixture, noise, remote};
use remofile::protocol::handshake::Refusal;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Body, Done, ErrorCode, OnConflict, OperationId, Request, Signal};
use remofile::{Client, ClientOptions, Error, OpenOptions, Protocol, ServerOptions, Silent, TransferOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::Duration;

/// A server of so few sessions, all of which this machine may have; whoever does nothing is idle at once.
fn few(max_sessions: usize) -> impl FnOnce(&mut ServerOptions) {
    move |options| {
        options.max_sessions = max_sessions;
        options.sessions_per_address = Some(max_sessions);
        options.idle_timeout = Duration::ZERO;
    }
}

fn refusal(error: Error) -> Refusal {
    match error {
        Error::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

/// A client of a server that answers two connections by a script, which is told whether it is the second.
fn scripted(script: impl Fn(Raw, bool) + Send + 'static) -> (Client, JoinHandle<()>) {
    let listener = TcpListener::bind((common::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let token = Token::generate();
    let options = ClientOptions::new("127.0.0.1", port, token.clone());
    let thread = std::thread::spawn(move || {
        for is_again in [false, true] {
            script(Raw::accept(listener.accept().unwrap().0, &token), is_again);
        }
    });
    (Client::new(options), thread)
}

#[test]
fn idle_sessions_make_room_for_others_and_come_back_without_an_error() {
    for protocol in [Protocol::Two, Protocol::One] {
        let fixture = Fixture::with(few(2));
        let mut clients: Vec<Client> =
            (0..5).map(|_| Client::new(ClientOptions { protocol, ..fixture.options() })).collect();
        for round in 0..3 {
            for (number, client) in clients.iter_mut().enumerate() {
                let path = remote(&format!("/{round} {number}"));
                client.create_file(&path, false).unwrap();
                assert_eq!(client.stat(&path).unwrap().size, 0);
            }
        }
    }
}

#[test]
fn an_idle_session_is_told_goodbye_and_one_at_work_is_left_alone() {
    let fixture = Fixture::with(few(2));
    fixture.write("file", "content");
    let (mut busy, mut idle) = (Raw::connect(&fixture), Raw::connect(&fixture));
    busy.hold_read("/file", 0);
    let status = idle.request(Request::Status);
    assert!(idle.outcome(status).unwrap().is_ok());
    assert_eq!(fixture.client().stat(&remote("/file")).unwrap().size, 7);
    let (last, _) = idle.until(|header| header.operation == OperationId::SESSION);
    assert_eq!(last.body, Body::Signal(Signal::Goodbye { reason: None }));
    assert!(idle.receive().is_none());
    let status = busy.request(Request::Status);
    assert!(busy.outcome(status).unwrap().is_ok());
}

#[test]
fn a_server_full_of_sessions_at_work_says_so_and_serves_again_when_one_ends() {
    let fixture = Fixture::with(few(2));
    fixture.write("file", "content");
    let (mut one, mut two) = (Raw::connect(&fixture), Raw::connect(&fixture));
    one.hold_read("/file", 0);
    let last = two.hold_read("/file", 0);
    let error = Client::connect(fixture.options()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server has too many connections, or as many as the token allows (try again later)"
    );
    assert_eq!(refusal(error), Refusal::TooMany);
    // An end is an end however it comes about; then the session that goes on is the one that makes room.
    two.signal(last, Signal::Cancel);
    assert_eq!(two.outcome(last).unwrap().unwrap_err().code, ErrorCode::Cancelled);
    assert!(fixture.client().list(&remote("/"), false, &mut |_| Ok(())).is_ok());
}

#[test]
fn nobody_is_ended_before_the_idle_timeout() {
    let fixture = Fixture::with(|options| {
        few(1)(options);
        options.idle_timeout = Duration::from_secs(3600);
    });
    let mut client = fixture.client();
    client.create_file(&remote("/mine"), false).unwrap();
    assert_eq!(refusal(Client::connect(fixture.options()).unwrap_err()), Refusal::TooMany);
    client.stat(&remote("/mine")).unwrap();
    client.disconnect();
    // The server notices that the connection is gone, sooner or later.
    while let Err(error) = Client::connect(fixture.options()) {
        assert_eq!(refusal(error), Refusal::TooMany);
    }
}

#[test]
fn one_address_cannot_take_every_session() {
    let fixture = Fixture::with(|options| {
        options.max_sessions = 4;
        options.idle_timeout = Duration::from_secs(3600);
    });
    let mut clients: Vec<Client> = (0..3).map(|_| fixture.client()).collect();
    clients.iter_mut().for_each(|client| drop(client.status().unwrap()));
    assert_eq!(refusal(Client::connect(fixture.options()).unwrap_err()), Refusal::TooMany);
    drop(clients);
}

#[test]
fn open_files_and_transfers_outlive_the_end_of_their_idle_sessions() {
    let fixture = Fixture::with(few(1));
    let content = noise(300_000);
    fixture.write("read", &content);
    let source = tempfile::tempdir().unwrap();
    let sources = [common::write(source.path(), "sent", &content)];
    let (mut one, mut two) = (fixture.client(), fixture.client());
    let mut file = one.open(&remote("/read"), OpenOptions::new().read(true).write(true)).unwrap();
    for round in 0..3_u8 {
        two.create_file(&remote(&format!("/other {round}")), false).unwrap();
        file.seek(SeekFrom::Start(u64::from(round) * 100_000)).unwrap();
        let mut part = [0; 16];
        file.read_exact(&mut part).unwrap();
        assert_eq!(part, content[usize::from(round) * 100_000..][..16]);
        two.create_file(&remote(&format!("/another {round}")), false).unwrap();
        file.write_all(&[round]).unwrap();
        file.flush().unwrap();
        let options = TransferOptions { on_conflict: OnConflict::Replace, ..Default::default() };
        let report = two.upload(&sources, &remote("/"), &options, &mut Silent).unwrap();
        assert_eq!((report.failures.len(), report.retries), (0, 0));
    }
}

#[test]
fn a_request_that_crosses_the_goodbye_is_made_again() {
    let (mut client, server) = scripted(|mut raw, is_again| {
        let (operation, _) = raw.next_request().unwrap();
        if is_again {
            raw.signal(operation, Signal::Done { done: Done::default() });
        }
        raw.signal(OperationId::SESSION, Signal::Goodbye { reason: None });
    });
    client.create_file(&remote("/f"), false).unwrap();
    server.join().unwrap();
}

#[test]
fn a_server_that_says_goodbye_to_every_request_is_believed_in_the_end() {
    let (mut client, server) = scripted(|mut raw, _| {
        raw.next_request().unwrap();
        raw.signal(OperationId::SESSION, Signal::Goodbye { reason: None });
    });
    assert_eq!(refusal(client.create_file(&remote("/f"), false).unwrap_err()), Refusal::ShuttingDown);
    server.join().unwrap();
}

#[test]
fn a_goodbye_with_a_reason_is_not_asked_again() {
    let (mut client, server) = scripted(|mut raw, is_again| {
        let reason = Some(if is_again { ErrorCode::ShuttingDown } else { ErrorCode::TooMany });
        raw.next_request().unwrap();
        raw.signal(OperationId::SESSION, Signal::Goodbye { reason });
    });
    assert_eq!(refusal(client.create_file(&remote("/f"), false).unwrap_err()), Refusal::TooMany);
    assert_eq!(refusal(client.create_file(&remote("/f"), false).unwrap_err()), Refusal::ShuttingDown);
    server.join().unwrap();
}

#[test]
fn the_first_of_siblings_waits_for_another_when_that_was_quicker_and_the_server_has_room_for_one() {
    let listener = TcpListener::bind((common::LOCALHOST, 0)).unwrap();
    let token = Token::generate();
    let options = ClientOptions::new("127.0.0.1", listener.local_addr().unwrap().port(), token.clone());
    let (has_begun, begins) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let done = |raw: &mut Raw| {
            let Some((operation, _)) = raw.next_request() else { return false };
            raw.signal(operation, Signal::Done { done: Done::default() })
        };
        let first = listener.accept().unwrap().0;
        has_begun.send(()).unwrap();
        // The second asks whether there is room for it, and makes its call.
        let mut quicker = Raw::accept(listener.accept().unwrap().0, &token);
        assert!(done(&mut quicker) && done(&mut quicker));
        let mut first = Raw::accept(first, &token);
        first.next_request().unwrap();
        first.signal(OperationId::SESSION, Signal::Goodbye { reason: Some(ErrorCode::TooMany) });
        while done(&mut quicker) {}
    });
    let client = Client::new(options);
    std::thread::scope(|scope| {
        let (mut one, mut other) = (client.sibling(), client.sibling());
        let first = scope.spawn(move || one.create_file(&remote("/first"), false));
        begins.recv().unwrap();
        other.create_file(&remote("/second"), false).unwrap();
        first.join().unwrap().unwrap();
    });
    drop(client);
    server.join().unwrap();
}

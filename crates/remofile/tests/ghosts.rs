//! Ghosts: what a server has of a client that is gone. The client's next session ends it, and never waits for it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::proxy::haunted;
use common::raw::{Raw, identified};
use common::{AtFirst, Fixture, noise, remote, visible};
use remofile::protocol::handshake::{ClientCredentials, ClientHandshake, ClientIdentity, ClientSecret};
use remofile::protocol::wire::{Body, ErrorCode, OnConflict, Signal};
use remofile::{Client, ClientOptions, Error, Identity, OpenOptions, RetryOptions, Silent, TransferOptions, Wait};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

const ONCE: RetryOptions = RetryOptions::NEVER;

/// Whoever has to wait for anybody fails.
fn impatient(fixture: &Fixture, identity: &Identity) -> ClientOptions {
    ClientOptions { wait: Wait::No, identity: identity.clone(), ..fixture.options() }
}

fn stranger(fixture: &Fixture) -> Client {
    Client::new(impatient(fixture, &Identity::default()))
}

fn identity(client: u8, incarnation: u64, connection: u64) -> ClientIdentity {
    ClientIdentity { client: [client; 16], incarnation, connection }
}

/// A session of a client that writes, and says nothing any more.
fn ghost(fixture: &Fixture, identity: ClientIdentity) -> Raw {
    let mut ghost = Raw::connect_identified(fixture.address, &fixture.token, identity);
    ghost.hold_write();
    ghost
}

#[test]
fn the_next_session_of_a_client_ends_the_one_before_and_tells_it_why() {
    let fixture = Fixture::new();
    let mut ghost = ghost(&fixture, identity(1, 1, 0));
    let mut next = Raw::connect_identified(fixture.address, &fixture.token, identity(1, 2, 0));
    next.hold_write();
    let (goodbye, _) = ghost.until(|header| matches!(header.body, Body::Signal(Signal::Goodbye { .. })));
    assert_eq!(goodbye.body, Body::Signal(Signal::Goodbye { reason: Some(ErrorCode::SessionReplaced) }));
    assert!(ghost.receive().is_none(), "the connection is closed");
}

#[test]
fn connections_of_one_run_and_other_clients_do_not_end_each_other() {
    let fixture = Fixture::new();
    let mut kept = ghost(&fixture, identity(1, 1, 0));
    for other in [identity(1, 1, 1), identity(2, 2, 0)] {
        assert!(Raw::connect_identified(fixture.address, &fixture.token, other).pings());
    }
    assert!(Raw::connect(&fixture).pings());
    let refused = stranger(&fixture).create_file(&remote("/new"), false).unwrap_err();
    assert!(matches!(refused, Error::Busy(_)), "{refused}");
    assert!(kept.pings());
}

#[test]
fn a_recording_of_a_handshake_ends_nobody() {
    let fixture = Fixture::new();
    let mut kept = ghost(&fixture, identity(1, 1, 0));
    let credentials = ClientCredentials { token: fixture.token.stretch(), server: None };
    let (_, recorded) = ClientHandshake::start(&credentials, identified(identity(1, 2, 0)));
    let mut replayed = TcpStream::connect(fixture.address).unwrap();
    // With a record behind it that only who knows the token could seal.
    replayed.write_all(&[recorded, vec![0, 0, 0, 40], vec![7; 40]].concat()).unwrap();
    let _answer = replayed.read_to_end(&mut Vec::new());
    assert!(kept.pings());
}

#[test]
fn a_client_whose_line_is_lost_without_a_word_to_the_server_goes_on_at_once() {
    for transfers in [1, 4] {
        let fixture = Fixture::new();
        let (content, source, identity) = (noise(8 << 20), tempfile::tempdir().unwrap(), Identity::default());
        let paths = ["a", "b", "c", "d"].map(|name| common::write(source.path(), name, &content));
        let address = haunted(fixture.address, 6 << 20);
        let through = ClientOptions { port: address.port(), ..impatient(&fixture, &identity) };
        let once = TransferOptions { retry: ONCE, transfers, ..TransferOptions::default() };
        let lost = Client::new(through).upload(&paths, &remote("/"), &once, &mut Silent).unwrap_err();
        assert!(matches!(lost, Error::ConnectionLost(_) | Error::Connect { .. }), "{lost:?}");
        let refused = stranger(&fixture).create_file(&remote("/a"), false).unwrap_err();
        assert!(matches!(refused, Error::Busy(_)), "the server has seen nothing: {refused}");
        let mut client = Client::new(impatient(&fixture, &identity));
        let report = client.upload(&paths, &remote("/"), &once, &mut Silent).unwrap();
        assert_eq!(std::fs::read(fixture.path("a")).unwrap(), content);
        assert!(report.resumed_bytes > 0, "what was sent is used");
    }
}

#[test]
fn a_client_that_lost_its_line_does_not_queue_behind_itself() {
    let fixture = Fixture::new();
    let (content, source) = (noise(8 << 20), tempfile::tempdir().unwrap());
    let path = common::write(source.path(), "file", &content);
    let address = haunted(fixture.address, 4 << 20);
    let mut waited = 0;
    let options = ClientOptions { port: address.port(), ..fixture.options() };
    let retry = RetryOptions { times: 3, pause: Duration::from_millis(1) };
    let often = TransferOptions { retry, ..TransferOptions::default() };
    struct Counting<'a>(&'a mut u32);
    impl remofile::Monitor for Counting<'_> {
        fn report(&mut self, event: remofile::Event<'_>) {
            *self.0 += u32::from(matches!(event, remofile::Event::Waiting { .. }));
        }
    }
    let report = Client::new(options).upload(&[&path], &remote("/"), &often, &mut Counting(&mut waited)).unwrap();
    assert_eq!((report.retries, waited), (1, 0));
    assert_eq!(std::fs::read(fixture.path("file")).unwrap(), content);
}

#[test]
fn a_client_that_was_interrupted_or_timed_out_goes_on_at_once() {
    for is_interrupt in [true, false] {
        let fixture = Fixture::new();
        let source = tempfile::tempdir().unwrap();
        let path = common::write(source.path(), "file", noise(8 << 20));
        let address = haunted(fixture.address, u64::MAX);
        let identity = Identity::default();
        let mut options = ClientOptions { port: address.port(), ..impatient(&fixture, &identity) };
        let interrupt = options.interrupt.clone();
        if !is_interrupt {
            options.timeout = Some(Duration::from_millis(300));
        }
        let mut slow = TransferOptions { retry: ONCE, ..TransferOptions::default() };
        slow.send.bytes_per_second = Some(1 << 20);
        let mut monitor = AtFirst::transferred(|| {
            if is_interrupt {
                interrupt.trigger();
            }
        });
        let failed = Client::new(options).upload(&[&path], &remote("/"), &slow, &mut monitor).unwrap_err();
        assert!(matches!(failed, Error::Interrupted | Error::Timeout(_)), "{failed:?}");
        Client::new(impatient(&fixture, &identity)).create_file(&remote("/next"), false).unwrap();
        assert!(visible(fixture.root()).contains(&"next".to_owned()));
    }
}

#[test]
fn the_clients_and_connections_of_one_identity_work_at_the_same_time() {
    let fixture = Fixture::new();
    let source = tempfile::tempdir().unwrap();
    let write = |number| common::write(source.path(), &format!("f{number}"), noise(9000));
    let paths: Vec<_> = (0..40).map(write).collect();
    let identity = Identity::default();
    let patient = || Client::new(ClientOptions { wait: Wait::Forever, ..impatient(&fixture, &identity) });
    let (mut one, mut two) = (patient(), patient());
    let parallel = TransferOptions { transfers: 4, ..TransferOptions::default() };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| one.upload(&paths, &remote("/"), &parallel, &mut Silent));
        for number in 0..20 {
            two.create_file(&remote(&format!("/own{number}")), false).unwrap();
        }
        assert_eq!(first.join().unwrap().unwrap().retries, 0);
    });
    assert_eq!(visible(fixture.root()).len(), 60);
}

#[test]
fn a_client_whose_session_was_replaced_is_told_and_does_not_take_it_back() {
    let fixture = Fixture::new();
    let secret = ClientSecret::generate();
    let run = || Client::connect(impatient(&fixture, &Identity::of_secret(secret.clone()))).unwrap();
    let (mut first, mut second) = (run(), run());
    second.create_file(&remote("/second"), false).unwrap();
    let told = loop {
        // The goodbye may be on its way yet.
        match first.list(&remote("/"), false, &mut |_| Ok(())) {
            Ok(_) => std::thread::yield_now(),
            Err(error) => break error,
        }
    };
    assert_eq!(told.kind(), "session-replaced", "{told}");
    second.create_file(&remote("/again"), false).unwrap();
}

#[test]
fn a_full_server_has_room_for_the_next_session_of_a_client_in_place_of_its_ghost() {
    let fixture = Fixture::with(|options| {
        options.max_sessions = 1;
        options.sessions_per_token = Some(1);
    });
    let _ghost = ghost(&fixture, identity(1, 1, 0));
    for incarnation in 2..5 {
        let mut next = Raw::connect_identified(fixture.address, &fixture.token, identity(1, incarnation, 0));
        next.hold_write();
        let refused = Client::connect(fixture.options()).unwrap_err();
        assert_eq!(refused.kind(), "too-many-sessions", "{refused}");
    }
}

/// Forwards connections, of each no more than so many bytes to the server: what comes then gets lost without a word.
fn swallowing(server: SocketAddr, most: u64) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().map(Result::unwrap) {
            let server = TcpStream::connect(server).unwrap();
            std::thread::spawn(move || {
                std::thread::scope(|scope| {
                    scope.spawn(|| std::io::copy(&mut &server, &mut &client));
                    let passed = std::io::copy(&mut (&client).take(most), &mut &server);
                    let _lost = std::io::copy(&mut &client, &mut std::io::sink());
                    if passed.is_ok_and(|passed| passed < most) {
                        let _closed = server.shutdown(Shutdown::Both);
                    }
                });
            });
        }
    });
    address
}

#[test]
fn a_call_after_one_whose_time_was_over_ends_what_is_left_of_it_whatever_succeeded_in_between() {
    let fixture = Fixture::new();
    fixture.write("other", noise(3 << 20));
    let source = tempfile::tempdir().unwrap();
    let path = common::write(source.path(), "file", noise(8 << 20));
    let address = swallowing(fixture.address, 1 << 20);
    let options = ClientOptions { port: address.port(), ..impatient(&fixture, &Identity::default()) };
    let mut client = Client::connect(options).unwrap();
    let once = TransferOptions { retry: ONCE, ..TransferOptions::default() };
    for round in 0..3 {
        // Both have a connection, of which one is lost and the other goes on.
        let mut open = client.open(&remote("/other"), OpenOptions::new().read(true)).unwrap();
        client.set_limits(Some(Duration::from_millis(300)), Wait::No, Default::default());
        let mut in_the_middle = AtFirst::transferred(|| drop(open.read_exact(&mut vec![0; 2 << 20])));
        let failed = client.upload(&[&path], &remote("/"), &once, &mut in_the_middle).unwrap_err();
        assert!(matches!(failed, Error::Timeout(_)), "{failed:?}");
        client.set_limits(None, Wait::No, Default::default());
        if round > 0 {
            client.stat(&remote("/other")).unwrap();
        }
        let new = format!("new {round}");
        let replacing = TransferOptions { on_conflict: OnConflict::Replace, ..TransferOptions::default() };
        client
            .upload_stream(Box::new(std::io::Cursor::new(new.clone())), &remote("/file"), &replacing, &mut Silent)
            .unwrap();
        assert_eq!(std::fs::read_to_string(fixture.path("file")).unwrap(), new);
        let holders = stranger(&fixture).status().unwrap().report.holders;
        assert!(holders.is_empty(), "the ghost has ended: {holders:?}");
        let content = open.read_to_end(&mut Vec::new());
        assert!(content.is_ok(), "the other connection is there: {content:?}");
        client.remove(&remote("/file"), false).unwrap();
    }
    assert!(!fixture.path("file").exists());
}

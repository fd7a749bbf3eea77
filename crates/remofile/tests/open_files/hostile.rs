//! Peers that say what nobody should about parts of files.

use crate::common::raw::{Raw, begin, listen, piece};
use crate::common::{Fixture, assert_serves, remote, visible};
use crate::open_files::{code, reading};
use remofile::protocol::token::Token;
use remofile::protocol::wire::{
    Body, Done, Entry, ErrorCode, Header, Item, Kind, OperationId, Request, Signal, Timestamp, Version,
};
use remofile::{Client, ClientOptions, Error, RemoteFile};
use std::io::{Read, Write};

fn write(append: bool) -> Request {
    Request::Write { path: remote("/f"), version: None, length: None, append, create: false }
}

fn place(offset: u64, length: u32) -> Item {
    Item::Place { offset, length }
}

/// Returns the outcome of a write of these items, beside a payload of three bytes.
fn outcome(append: bool, items: Vec<Item>) -> (Fixture, Option<Result<Done, ErrorCode>>) {
    let fixture = Fixture::new();
    fixture.write("f", "0123456789");
    let mut raw = Raw::connect(&fixture);
    let operation = raw.request(write(append));
    raw.data(operation, items, b"abc");
    raw.signal(operation, Signal::Finish);
    let outcome = raw.outcome(operation).map(|outcome| outcome.map_err(|failure| failure.code));
    (fixture, outcome)
}

#[test]
fn items_that_are_no_part_of_a_write_end_it() {
    let cases = [
        (false, vec![piece(3)]),
        (true, vec![place(0, 3)]),
        (false, vec![begin("x", None), piece(3)]),
        (false, vec![Item::Remove { path: "f".into() }, place(0, 3)]),
    ];
    for (append, items) in cases {
        let (fixture, outcome) = outcome(append, items.clone());
        assert_eq!(outcome, Some(Err(ErrorCode::BadRequest)), "{items:?}");
        assert_eq!(visible(fixture.root()), ["f"]);
        assert_serves(&fixture);
    }
}

#[test]
fn items_that_name_other_bytes_than_there_are_end_the_session() {
    for items in [vec![place(0, 2)], vec![place(0, u32::MAX)], vec![place(0, 3), place(3, 1)], vec![]] {
        let (fixture, outcome) = outcome(false, items.clone());
        assert_eq!(outcome, None, "{items:?}");
        assert_eq!(std::fs::read(fixture.path("f")).unwrap(), b"0123456789");
        assert_serves(&fixture);
    }
}

#[test]
fn places_that_no_file_has_are_refused() {
    for offset in [u64::MAX, u64::MAX - 2, i64::MAX as u64] {
        let (fixture, outcome) = outcome(false, vec![place(offset, 3)]);
        assert_eq!(outcome, Some(Err(ErrorCode::FileTooLarge)), "{offset}");
        assert_eq!(std::fs::read(fixture.path("f")).unwrap(), b"0123456789");
    }
}

/// Programs beside the server know no leases.
#[test]
fn what_others_append_meanwhile_stays() {
    let fixture = Fixture::new();
    let path = fixture.write("f", "begin ");
    let mut raw = Raw::connect(&fixture);
    let operation = raw.request(write(true));
    raw.until(|header| matches!(header.body, Body::Signal(Signal::Credit { .. })));
    std::fs::File::options().append(true).open(&path).unwrap().write_all(b"theirs ").unwrap();
    raw.data(operation, vec![piece(2), piece(3)], b"of me");
    raw.signal(operation, Signal::Finish);
    let done = raw.outcome(operation).unwrap().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"begin theirs of me");
    assert_eq!((done.bytes, done.entry.unwrap().size), (5, 18));
}

#[test]
fn a_place_is_nothing_for_an_upload() {
    let fixture = Fixture::new();
    let mut raw = Raw::connect(&fixture);
    let operation = raw.hold_write();
    raw.data(operation, vec![begin("x", None), place(0, 3)], b"abc");
    assert_eq!(raw.outcome(operation).unwrap().unwrap_err().code, ErrorCode::BadRequest);
    assert!(visible(fixture.root()).is_empty());
}

#[test]
fn any_part_of_a_file_can_be_asked_for() {
    let fixture = Fixture::new();
    fixture.write("f", "0123456789");
    let mut raw = Raw::connect(&fixture);
    for (offset, length, bytes) in [(0, u64::MAX, 10), (4, 3, 3), (10, 1, 0), (u64::MAX, u64::MAX, 0), (0, 0, 0)] {
        let request =
            Request::Read { path: remote("/f"), offset, length, version: None, credit: u64::MAX, growing: None };
        let operation = raw.request(request);
        assert_eq!(raw.outcome(operation).unwrap().unwrap().bytes, bytes, "{offset} {length}");
    }
    let version = Some(Version([7; 16]));
    let operation =
        raw.request(Request::Read { path: remote("/f"), offset: 0, length: 1, version, credit: 1, growing: None });
    assert_eq!(raw.outcome(operation).unwrap().unwrap_err().code, ErrorCode::SourceChanged);
    let request = Request::Write { path: remote("/f"), version, length: Some(0), append: false, create: false };
    let operation = raw.request(request);
    assert_eq!(raw.outcome(operation).unwrap().unwrap_err().code, ErrorCode::SourceChanged);
    assert_eq!(std::fs::read(fixture.path("f")).unwrap(), b"0123456789");
}

#[test]
fn a_read_without_credit_holds_only_what_reads_hold() {
    let fixture = Fixture::new();
    fixture.write("f", "0123456789");
    let mut raw = Raw::connect(&fixture);
    let read =
        |credit| Request::Read { path: remote("/f"), offset: 0, length: 10, version: None, credit, growing: None };
    let starved = raw.request(read(0));
    assert_eq!(fixture.client().stat(&remote("/f")).unwrap().size, 10);
    raw.data(starved, vec![piece(1)], b"x");
    assert_eq!(raw.outcome(starved).unwrap().unwrap_err().code, ErrorCode::BadRequest);
    let cancelled = raw.request(read(4));
    raw.signal(cancelled, Signal::Cancel);
    assert_eq!(raw.outcome(cancelled).unwrap().unwrap_err().code, ErrorCode::Cancelled);
    assert_serves(&fixture);
}

/// Opens a file on a server that follows a script for each request.
fn lied_to(script: impl Fn(&mut Raw, OperationId) + Send + 'static) -> remofile::Result<RemoteFile> {
    let token = Token::generate();
    let own = token.clone();
    let (address, _server) = listen(move |stream| {
        let mut raw = Raw::accept(stream, &own);
        while let Some((operation, _)) = raw.next_request() {
            script(&mut raw, operation);
        }
    });
    let options = ClientOptions::new("127.0.0.1", address.port(), token);
    Client::new(options).open(&remote("/f"), reading())
}

fn done(size: u64) -> Signal {
    let path = remote("/f");
    let entry = Entry { path, kind: Kind::File, size, modified: Timestamp::new(0, 0), mode: None, unflushed: false };
    let (entry, version) = (Some(entry), Some(Version([0; 16])));
    Signal::Done { done: Done { entry, version, ..Done::default() } }
}

#[test]
fn a_server_that_lies_about_a_part_is_found_out() {
    type Script = fn(&mut Raw, OperationId);
    let scripts: [(&str, Script); 5] = [
        ("more than was asked for", |raw, operation| {
            raw.send(&Header::signal(operation, Signal::Bytes), &[0; 65_537]);
        }),
        ("less than there is", |raw, operation| {
            raw.send(&Header::signal(operation, Signal::Bytes), &[0; 9]);
            raw.signal(operation, done(10));
        }),
        ("nothing of what there is", |raw, operation| {
            raw.signal(operation, done(u64::MAX));
        }),
        ("no version", |raw, operation| {
            raw.signal(operation, Signal::Done { done: Done::default() });
        }),
        ("files", |raw, operation| {
            raw.data(operation, vec![piece(1)], b"x");
        }),
    ];
    for (what, script) in scripts {
        let opened = lied_to(script);
        assert!(matches!(opened, Err(Error::Protocol(_))), "{what}: {opened:?}");
    }
}

#[test]
fn a_server_that_knows_no_parts_of_files_says_so() {
    let opened = lied_to(|raw, operation| {
        raw.signal(operation, Signal::Failed { failure: ErrorCode::Unsupported.into() });
    });
    assert_eq!(code(opened), ErrorCode::Unsupported);
}

#[test]
fn a_file_that_grows_without_another_version_is_still_read_to_its_end() {
    let file = lied_to(|raw, operation| {
        raw.signal(operation, done(0));
    });
    assert_eq!(file.unwrap().read_to_end(&mut Vec::new()).unwrap(), 0);
}

/// An older server would skip the version in an upload: it is asked for the version directly before.
#[test]
fn of_a_server_that_checks_no_versions_the_client_looks_itself() {
    for (expected, expected_uploads) in [(Version([0; 16]), 1), (Version([1; 16]), 0)] {
        let token = Token::generate();
        let own = token.clone();
        let (address, server) = listen(move |stream| {
            let (mut raw, mut uploads) = (Raw::accept(stream, &own), 0);
            while let Some((operation, request)) = raw.next_request() {
                uploads += usize::from(matches!(request, Request::Upload { .. }));
                raw.signal(operation, done(0));
            }
            assert_eq!(uploads, expected_uploads);
        });
        let options = ClientOptions::new("127.0.0.1", address.port(), token);
        let mut client = Client::new(options);
        let mut file = client.open(&remote("/f"), remofile::OpenOptions::new().rewrite()).unwrap();
        file.write_all(b"new").unwrap();
        let closed = file.close_in_place_of(expected);
        if expected_uploads == 0 {
            assert_eq!(code(closed), ErrorCode::SourceChanged);
        }
        drop(client);
        server.join().unwrap();
    }
}

//! Clients that work beside each other on one server, and those that cannot.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::raw::{self, Raw};
use common::{Fixture, assert_serves, remote, write};
use remofile::protocol::wire::{Body, ErrorCode, Header, Item, OnConflict, OperationId, Request, Signal};
use remofile::{Client, Error, OpenOptions, Silent, TransferOptions};
use std::cell::RefCell;
use std::io::Read;

/// Asks for something, and returns whether it began or ended well, without waiting.
fn begins(raw: &mut Raw, request: Request) -> bool {
    let operation = raw.request(request);
    let is_answer = |header: &Header| {
        let is_content = matches!(header.body, Body::Signal(Signal::Data { .. } | Signal::Total { .. }));
        let is_end = matches!(header.body, Body::Signal(Signal::Done { .. } | Signal::Failed { .. }));
        header.operation == operation
            && (is_end || is_content || matches!(header.body, Body::Signal(Signal::Credit { .. })))
    };
    match raw.until(is_answer).0.body {
        Body::Signal(Signal::Failed { failure }) => {
            assert_eq!(failure.code, ErrorCode::Busy, "{failure:?}");
            false
        }
        _ => true,
    }
}

fn upload(destination: &str, claims: Option<&[&str]>) -> Request {
    let claims = claims.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let destination = remote(destination);
    Request::Upload { destination, on_conflict: OnConflict::Replace, names: None, group: None, claims }
}

fn download(source: &str) -> Request {
    let sources = vec![remote(source)];
    Request::Download { sources, recursive: true, total: true, credit: 0, selection: None, send_options: None }
}

#[test]
fn operations_are_in_each_others_way_only_where_their_paths_meet() {
    let hold = |path| Request::Hold { write: true, paths: vec![remote(path)] };
    let create = |path| Request::CreateFile { path: remote(path), update: true };
    let edit = |path| Request::Write { path: remote(path), version: None, length: None, append: false, create: true };
    let make = |path, parents| Request::MakeDirectory { path: remote(path), update: true, parents };
    let rename = |source, destination| {
        let (source, destination) = (remote(source), remote(destination));
        Request::Move { source, destination, replace: true }
    };
    let cases: Vec<(Request, Request, bool)> = vec![
        (upload("/a", Some(&["x"])), upload("/a", Some(&["y"])), false),
        (upload("/a", Some(&["x"])), upload("/a", Some(&["x", "y"])), true),
        (upload("/a", Some(&["d"])), create("/a/d/f"), true),
        (upload("/a", None), create("/a/new"), true),
        (upload("/a", None), create("/b/new"), false),
        (edit("/a/f"), edit("/a/f"), true),
        (edit("/a/f"), edit("/a/g"), false),
        (edit("/a/f"), upload("/a", Some(&["f"])), true),
        (download("/a"), create("/a/f"), true),
        (download("/a"), download("/a"), false),
        (download("/a"), create("/b/f"), false),
        (upload("/a", None), download("/a/d"), true),
        (hold("/a/d"), make("/a/d/deep/er", true), true),
        (hold("/a/d"), make("/a/e", true), false),
        (hold("/a"), rename("/b/f", "/a/g"), true),
        (hold("/a"), rename("/a/f", "/b/g"), true),
        (hold("/b"), rename("/a/f", "/a/g"), false),
        (hold("/a"), Request::Remove { path: remote("/a/d"), recursive: true }, true),
        (hold("/a/d/x"), Request::Remove { path: remote("/a/d"), recursive: true }, true),
        (hold("/a"), Request::ClearPartials { paths: Vec::new() }, true),
        (hold("/a"), Request::Survey { destination: remote("/a"), names: vec!["f".to_owned()], unflushed: true }, true),
        (
            hold("/a"),
            Request::Survey { destination: remote("/b"), names: vec!["f".to_owned()], unflushed: true },
            false,
        ),
    ];
    for (first, second, is_in_the_way) in cases {
        let fixture = Fixture::new();
        for file in ["a/f", "a/d/f", "b/f"] {
            fixture.write(file, "content");
        }
        let (mut one, mut other) = (Raw::connect(&fixture), Raw::connect(&fixture));
        assert!(begins(&mut one, first.clone()), "{first:?}");
        assert_eq!(begins(&mut other, second.clone()), !is_in_the_way, "{first:?} {second:?}");
    }
}

#[test]
fn who_only_looks_waits_for_nobody() {
    let fixture = Fixture::new();
    fixture.write("file", "content");
    let mut other = Raw::connect(&fixture);
    other.hold_write();
    let mut client = fixture.client();
    assert_eq!(client.stat(&remote("/file")).unwrap().size, 7);
    client.list(&remote("/"), true, &mut |_| Ok(())).unwrap();
    assert_eq!(client.partials().unwrap(), []);
    let local = tempfile::tempdir().unwrap();
    client.download(&[remote("/file")], local.path(), &Default::default(), &mut Silent).unwrap();
    let mut text = String::new();
    client.open(&remote("/file"), OpenOptions::new().read(true)).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), std::fs::read(local.path().join("file")).unwrap()), ("content", b"content".to_vec()));
}

#[test]
fn uploads_of_different_names_into_one_directory_wait_for_nobody_also_if_they_replace_what_is_there() {
    let fixture = Fixture::new();
    let local = tempfile::tempdir().unwrap();
    for number in 0..8 {
        write(local.path(), &format!("{number}/tree{number}/file"), format!("new {number}"));
        fixture.write(&format!("tree{number}/file"), "old");
    }
    let mut other = Raw::connect(&fixture);
    assert!(begins(&mut other, upload("/", Some(&["another"]))));
    std::thread::scope(|scope| {
        for number in 0..8 {
            let source = local.path().join(format!("{number}/tree{number}"));
            let mut client: Client = fixture.client();
            scope.spawn(move || {
                let options = TransferOptions {
                    recursive: true,
                    on_conflict: OnConflict::Replace,
                    transfers: 1 + number % 3,
                    ..TransferOptions::default()
                };
                let report = client.upload(&[source], &remote("/"), &options, &mut Silent).unwrap();
                assert_eq!((report.files, report.failures.len()), (1, 0));
            });
        }
    });
    for number in 0..8 {
        let content = std::fs::read_to_string(fixture.path(&format!("tree{number}/file"))).unwrap();
        assert_eq!(content, format!("new {number}"));
    }
    // A free name may be any one in the directory.
    let rename = TransferOptions { on_conflict: OnConflict::Rename, recursive: true, ..TransferOptions::default() };
    let refused = fixture.client().upload(&[local.path().join("0/tree0")], &remote("/"), &rename, &mut Silent);
    assert!(matches!(refused, Err(Error::Busy(_))), "{refused:?}");
}

#[test]
fn an_item_beside_what_an_upload_claims_fails_and_the_others_arrive() {
    let fixture = Fixture::new();
    fixture.write("other", "untouched");
    let mut raw = Raw::connect(&fixture);
    let request = upload("/", Some(&["mine"]));
    let operation: OperationId = raw.request(request);
    raw.data(operation, raw::file("other", b"harm"), b"harm");
    raw.data(operation, raw::file("mine", b"x"), b"x");
    let removal = Item::Remove { path: "other".to_owned() };
    raw.data(operation, vec![removal], b"");
    raw.signal(operation, Signal::Finish);
    let failed = RefCell::new(Vec::new());
    let done = raw.until(|header| {
        if let Body::Signal(Signal::ItemFailed { failure }) = &header.body {
            failed.borrow_mut().push((failure.code, failure.path.clone()));
        }
        matches!(header.body, Body::Signal(Signal::Done { .. } | Signal::Failed { .. }))
    });
    let Body::Signal(Signal::Done { done }) = done.0.body else { panic!("{done:?}") };
    assert_eq!(done.files, 1);
    assert_eq!(failed.take(), vec![(ErrorCode::BadRequest, Some("other".to_owned())); 2]);
    assert_eq!(std::fs::read(fixture.path("other")).unwrap(), b"untouched");
    assert_serves(&fixture);
}

#[test]
fn an_exclusive_server_has_one_writer_or_any_number_of_readers_in_the_whole_root() {
    let fixture = Fixture::with(|options| options.exclusive = true);
    fixture.write("a/f", "content");
    let mut other = Raw::connect(&fixture);
    let held = other.hold_write();
    let mut client = fixture.client();
    assert!(matches!(client.stat(&remote("/a/f")), Err(Error::Busy(_))));
    assert!(matches!(client.create_file(&remote("/b"), false), Err(Error::Busy(_))));
    assert_eq!(client.status().unwrap().report.holders.len(), 1, "the status waits for nobody");
    other.signal(held, Signal::Finish);
    assert!(other.outcome(held).unwrap().is_ok());
    other.hold_read("/a", 0);
    assert!(client.stat(&remote("/a/f")).is_ok());
    assert!(matches!(client.create_file(&remote("/b"), false), Err(Error::Busy(_))));
}

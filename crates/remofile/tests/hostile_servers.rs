//! Servers that know the token and lie: a client believes nothing, writes nothing where it was not
//! asked to, and never waits for them longer than it must.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::raw::{self, Raw, begin, end, listen, piece};
use common::{noise, remote, visible, write};
use remofile::protocol::token::Token;
use remofile::protocol::wire::{
    Body, Done, ErrorCode, Failure, Header, Item, OnConflict, OperationId, Request, Signal,
};
use remofile::{Client, ClientOptions, Error, Result, RetryOptions, Silent, TransferOptions, TransferReport};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

/// One attempt, so that what it comes to is seen.
fn once() -> TransferOptions {
    TransferOptions { retry: RetryOptions::NEVER, ..TransferOptions::default() }
}

/// A client of a server that takes one request and then does this.
fn lied_to(script: impl FnOnce(&mut Raw, OperationId) + Send + 'static) -> (Client, JoinHandle<()>) {
    let token = Token::generate();
    let own = token.clone();
    let (address, server) = listen(move |stream| {
        let mut raw = Raw::accept(stream, &own);
        if let Some((operation, _)) = raw.next_request() {
            script(&mut raw, operation);
        }
    });
    (Client::new(ClientOptions::new("127.0.0.1", address.port(), token)), server)
}

/// Until the client leaves; a client that waits for more than it was told hangs here.
fn until_left(raw: &mut Raw) {
    raw.find(|header| header.body == Body::Signal(Signal::Goodbye { reason: None }));
}

fn done(raw: &mut Raw, operation: OperationId) {
    raw.signal(operation, Signal::Done { done: Done::default() });
    until_left(raw);
}

/// Returns the result of a download of these sources from a server that sends these messages.
fn download(sources: &[&str], destination: &Path, messages: Vec<(Vec<Item>, Vec<u8>)>) -> Result<TransferReport> {
    let (mut client, server) = lied_to(move |raw, operation| {
        for (items, payload) in messages {
            raw.data(operation, items, &payload);
        }
        done(raw, operation);
    });
    let sources: Vec<_> = sources.iter().map(|source| remote(source)).collect();
    let options = TransferOptions { recursive: true, on_conflict: OnConflict::Replace, resume: false, ..once() };
    let result = client.download(&sources, destination, &options, &mut Silent);
    drop(client);
    server.join().unwrap();
    result
}

fn download_stream(messages: Vec<(Vec<Item>, Vec<u8>)>) -> Result<TransferReport> {
    let (mut client, server) = lied_to(move |raw, operation| {
        for (items, payload) in messages {
            raw.data(operation, items, &payload);
        }
        done(raw, operation);
    });
    let result = client.download_stream(&remote("/file"), Box::new(std::io::sink()), &once(), &mut Silent);
    drop(client);
    server.join().unwrap();
    result
}

fn is_protocol<T: std::fmt::Debug>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Protocol(_)))
}

#[test]
fn nothing_is_written_outside_the_destination() {
    let (outer, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let destination = outer.path().join("destination");
    for directory in ["destination", "beside"] {
        std::fs::create_dir(outer.path().join(directory)).unwrap();
    }
    std::os::unix::fs::symlink(outside.path(), destination.join("link")).unwrap();
    std::os::unix::fs::symlink("../beside", destination.join("up")).unwrap();
    let absolute = outside.path().join("x").to_str().unwrap().to_owned();
    let before = visible(outer.path());
    for path in [
        "../x",
        "/etc/x",
        &absolute,
        "a/../../x",
        "..",
        ".",
        "",
        "/",
        "./x",
        "x\0",
        "x\n",
        "link/x",
        "link/../x",
        "up/x",
        ".remofile/x",
        ".remofile",
        &"n".repeat(256),
        "x/",
    ] {
        let directory = Item::Directory { path: path.to_owned(), mode: Some(0o777) };
        for (items, payload) in [
            (raw::file(path, b"evil"), &b"evil"[..]),
            (vec![begin(path, None), piece(4), end(b"evil")], b"evil"),
            (vec![directory], b""),
        ] {
            match download(&["/"], &destination, vec![(items, payload.to_vec())]) {
                Ok(report) => assert_eq!((report.files, report.failures.len()), (0, 1), "{path:?} {report:?}"),
                result => assert!(is_protocol(&result), "{path:?} {result:?}"),
            }
        }
        assert_eq!(visible(outer.path()), before, "{path:?}");
        assert_eq!(visible(outside.path()), [""; 0], "{path:?}");
    }
    // A link in the way of a file is replaced; what it leads to stays.
    let target = write(outside.path(), "target", "theirs");
    std::os::unix::fs::symlink(&target, destination.join("file")).unwrap();
    download(&["/file"], &destination, vec![(raw::file("file", b"new"), b"new".to_vec())]).unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), b"theirs");
    assert_eq!(std::fs::read(destination.join("file")).unwrap(), b"new");
}

#[test]
fn a_server_does_not_choose_which_files_it_writes() {
    let destination = tempfile::tempdir().unwrap();
    write(destination.path(), ".profile", "mine");
    for path in [".profile", "new", "fil", "file2", ".ssh/rc", "dir/file"] {
        let items = raw::file(path, b"evil");
        let result = download(&["/some/file", "/other"], destination.path(), vec![(items, b"evil".to_vec())]);
        assert!(is_protocol(&result), "{path}: {result:?}");
        let items = vec![Item::Directory { path: path.to_owned(), mode: None }];
        assert!(is_protocol(&download(&["/file"], destination.path(), vec![(items, Vec::new())])));
    }
    let (mut client, server) = lied_to(|raw, operation| {
        raw.data(operation, raw::file("file/inner", b"evil"), b"evil");
        until_left(raw);
    });
    let flat = client.download(&[remote("/file")], destination.path(), &once(), &mut Silent);
    assert!(is_protocol(&flat));
    server.join().unwrap();
    assert_eq!(visible(destination.path()), [".profile"]);
    assert_eq!(std::fs::read(destination.path().join(".profile")).unwrap(), b"mine");
}

#[test]
fn what_is_not_as_announced_is_not_stored() {
    let destination = tempfile::tempdir().unwrap();
    write(destination.path(), "file", "old");
    for size in [None, Some(900_000), Some(899_999), Some(900_001), Some(3_000_000), Some(u64::MAX)] {
        let content = noise(900_000);
        let digest = if size.is_none() || size == Some(900_000) {
            [7; 16]
        } else {
            remofile::protocol::digest::digest(&content)
        };
        let items = vec![begin("file", size), piece(900_000), Item::End { digest }];
        let report = download(&["/file"], destination.path(), vec![(items, content.clone())]).unwrap();
        assert_eq!(report.failures[0].code, ErrorCode::IntegrityFailure, "{size:?}");
        let items = vec![begin("file", size), piece(900_000), Item::End { digest: [7; 16] }];
        let streamed = download_stream(vec![(items, content)]);
        assert_eq!(streamed.unwrap_err().kind(), "integrity-failure");
    }
    assert_eq!(std::fs::read(destination.path().join("file")).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(destination.path()).unwrap().count(), 1);
}

#[test]
fn items_in_no_sensible_order_end_the_download() {
    let destination = tempfile::tempdir().unwrap();
    let directory = || Item::Directory { path: "file".to_owned(), mode: None };
    let abort = || Item::Abort { failure: ErrorCode::Cancelled.into() };
    for items in [
        vec![piece(1)],
        vec![end(b"")],
        vec![abort()],
        vec![begin("file", Some(1))],
        vec![begin("file", Some(1)), piece(1)],
        vec![begin("file", Some(1)), begin("file", Some(1))],
        vec![begin("file", Some(1)), directory()],
        vec![begin("file", Some(1)), abort(), abort()],
    ] {
        let shown = format!("{items:?}");
        let payload =
            if items.iter().any(|item| matches!(item, Item::Data { .. })) { b"x".to_vec() } else { Vec::new() };
        let result = download(&["/file"], destination.path(), vec![(items.clone(), payload.clone())]);
        assert!(is_protocol(&result), "{shown} {result:?}");
        let result = download_stream(vec![(items, payload)]);
        assert!(is_protocol(&result), "{shown} {result:?}");
    }
    assert!(is_protocol(&download_stream(vec![])));
    assert!(is_protocol(&download_stream(vec![(vec![directory()], vec![])])));
    let twice = [raw::file("file", b"x"), raw::file("file", b"y")].concat();
    assert!(is_protocol(&download_stream(vec![(twice, b"xy".to_vec())])));
    assert_eq!(visible(destination.path()), [""; 0]);
}

#[test]
fn pieces_of_one_message_are_written_once_each() {
    let items = vec![begin("file", Some(6)), piece(2), piece(0), piece(0), piece(4), end(b"abcdef")];
    let report = download_stream(vec![(items, b"abcdef".to_vec())]).unwrap();
    assert_eq!((report.files, report.bytes), (1, 6));
}

#[test]
fn answers_that_do_not_belong_to_a_call_end_it_at_once() {
    type Script = fn(&mut Raw, OperationId);
    let scripts: &[(&str, Script)] = &[
        ("entries", |raw, operation| {
            raw.send(&Header::signal(operation, Signal::Entries), b"\x82\x00\xa0");
        }),
        ("files", |raw, operation| {
            raw.data(operation, raw::file("file", b"x"), b"x");
        }),
        ("a failed item", |raw, operation| {
            raw.signal(operation, Signal::ItemFailed { failure: ErrorCode::NotFound.into() });
        }),
        ("an operation that nobody began", |raw, _| {
            raw.signal(OperationId(9), Signal::Done { done: Done::default() });
        }),
        ("a request", |raw, _| {
            raw.request(Request::Status);
        }),
        ("a cancel", |raw, operation| {
            raw.signal(operation, Signal::Cancel);
        }),
        ("a finish", |raw, operation| {
            raw.signal(operation, Signal::Finish);
        }),
        ("no header", |raw, _| {
            raw.body(&[0, 0, 0, 0]);
        }),
        ("noise", |raw, _| {
            raw.header_bytes(&noise(100), &[]);
        }),
        ("an answer without its entry", |raw, operation| {
            raw.signal(operation, Signal::Done { done: Done::default() });
        }),
    ];
    for (what, script) in scripts {
        let (mut client, server) = lied_to(|raw, operation| {
            script(raw, operation);
            until_left(raw);
        });
        let result = client.stat(&remote("/file"));
        assert!(is_protocol(&result), "{what}: {result:?}");
        drop(client);
        server.join().unwrap();
    }
}

#[test]
fn a_record_that_was_changed_on_the_way_is_a_lost_connection() {
    let records =
        [("an unsealed record", [&[0, 0, 0, 100][..], &noise(100)].concat()), ("a huge record", vec![0xff; 100])];
    for (what, record) in records {
        let (mut client, server) = lied_to(move |raw, _| {
            raw.bytes(&record);
            until_left(raw);
        });
        let result = client.stat(&remote("/file"));
        assert!(matches!(result, Err(Error::ConnectionLost(_))), "{what}: {result:?}");
        drop(client);
        server.join().unwrap();
    }
}

#[test]
fn a_listing_that_makes_no_sense_ends_at_once() {
    for payload in [&b"\xff"[..], b"\x82\x00\xa0", b"\x82\x02\xa0", b"\x82\x01\xa1", &noise(500)] {
        let payload = payload.to_vec();
        let (mut client, server) = lied_to(move |raw, operation| {
            raw.send(&Header::signal(operation, Signal::Entries), &payload);
            until_left(raw);
        });
        assert!(is_protocol(&client.list(&remote("/"), true, &mut |_| Ok(()))));
        server.join().unwrap();
    }
}

#[test]
fn more_than_was_credited_ends_the_download() {
    let megabyte = noise(1024 * 1024);
    let (mut client, server) = lied_to(move |raw, operation| {
        raw.data(operation, vec![begin("file", None)], &[]);
        for _ in 0..100 {
            if !raw.data(operation, vec![piece(megabyte.len())], &megabyte) {
                break;
            }
        }
        until_left(raw);
    });
    // A writer that takes nothing grants no credit.
    let (hold, held) = std::sync::mpsc::channel();
    let result = client.download_stream(&remote("/file"), Box::new(Stuck(held)), &once(), &mut Silent);
    assert!(is_protocol(&result), "{result:?}");
    drop((hold, client));
    server.join().unwrap();
}

/// Writes nothing before the sender is dropped.
struct Stuck(std::sync::mpsc::Receiver<()>);

impl std::io::Write for Stuck {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        let _dropped = self.0.recv();
        Err(std::io::Error::other("stuck"))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_server_that_leaves_in_the_middle_of_a_file_leaves_nothing_visible() {
    let destination = tempfile::tempdir().unwrap();
    for goodbye in [false, true] {
        for size in [Some(3_000_000), Some(500_000), None] {
            let script = move |raw: &mut Raw, operation| {
                raw.data(operation, vec![begin("file", size), piece(400_000)], &noise(400_000));
                if goodbye {
                    raw.signal(OperationId::SESSION, Signal::Goodbye { reason: None });
                }
            };
            let (mut client, server) = lied_to(script);
            let error = client.download(&[remote("/file")], destination.path(), &once(), &mut Silent).unwrap_err();
            server.join().unwrap();
            assert_eq!(error.kind(), if goodbye { "shutting-down" } else { "connection-lost" }, "{error:?}");
            assert_eq!(visible(destination.path()), [""; 0]);
            let (mut client, server) = lied_to(script);
            let streamed = client.download_stream(&remote("/file"), Box::new(std::io::sink()), &once(), &mut Silent);
            assert!(streamed.is_err());
            server.join().unwrap();
        }
    }
}

#[test]
fn an_upload_is_not_done_before_it_was_sent() {
    let local = tempfile::tempdir().unwrap();
    let file = write(local.path(), "file", noise(3_000_000));
    let claims = |raw: &mut Raw, operation| done(raw, operation);
    let (mut client, server) = lied_to(claims);
    let result = client.upload(&[file], &remote("/"), &once(), &mut Silent);
    assert!(is_protocol(&result), "{result:?}");
    drop(client);
    server.join().unwrap();
    let (mut client, server) = lied_to(claims);
    let source = Box::new(std::io::Cursor::new(noise(3_000_000)));
    let result = client.upload_stream(source, &remote("/file"), &once(), &mut Silent);
    assert!(is_protocol(&result), "{result:?}");
    drop(client);
    server.join().unwrap();
}

#[test]
fn failures_of_items_that_were_never_sent_do_no_harm() {
    let local = tempfile::tempdir().unwrap();
    let file = write(local.path(), "file", noise(900_000));
    let (mut client, server) = lied_to(|raw, operation| {
        for path in [None, Some(""), Some("/"), Some("file"), Some("/../x"), Some("/else"), Some("\0")] {
            let failure = Failure { path: path.map(str::to_owned), ..ErrorCode::PermissionDenied.into() };
            raw.signal(operation, Signal::ItemFailed { failure });
        }
        raw.until(|header| matches!(header.body, Body::Signal(Signal::Finish)));
        done(raw, operation);
    });
    let report = client.upload(&[file], &remote("/"), &once(), &mut Silent).unwrap();
    assert_eq!(report.failures.len(), 7);
    drop(client);
    server.join().unwrap();
}

#[test]
fn a_server_that_is_there_and_never_answers_costs_no_more_than_the_timeout() {
    let token = Token::generate();
    let own = token.clone();
    let (address, server) = listen(move |stream| until_left(&mut Raw::accept(stream, &own)));
    let timeout = Some(Duration::from_millis(300));
    let mut client = Client::new(ClientOptions { timeout, ..ClientOptions::new("127.0.0.1", address.port(), token) });
    let error = client.stat(&remote("/")).unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    drop(client);
    server.join().unwrap();
}

//! Clients that know the token and mean harm: a server loses a session by them, and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::raw::{self, Raw, begin, end, piece, upload_to};
use common::{Fixture, assert_serves, noise, remote, visible};
use remofile::protocol::wire::{
    Body, Done, ErrorCode, Failure, Header, Item, OnConflict, OperationId, Request, Signal, Timestamp,
};
use std::io::Write;
use std::net::Shutdown;

const FIRST: OperationId = OperationId(1);
const MIB: usize = 1024 * 1024;

type Script = fn(&mut Raw);

fn status(operation: u64) -> Header {
    Header { operation: OperationId(operation), body: Body::Request(Request::Status), wait_milliseconds: 0 }
}

/// Breaches of the protocol that no session survives.
const BREACHES: &[(&str, Script)] = &[
    ("no header", |raw| {
        raw.body(&[]);
    }),
    ("half a header length", |raw| {
        raw.body(&[0, 0, 0]);
    }),
    ("an empty header", |raw| {
        raw.body(&[0, 0, 0, 0]);
    }),
    ("a header longer than the record", |raw| {
        raw.body(&[0xa0, 0, 0, 0, 2]);
    }),
    ("a header length of 4 GiB", |raw| {
        raw.body(&[0xff; 8]);
    }),
    ("a header beyond the limit", |raw| {
        raw.header_bytes(&[0; 131_073], &[]);
    }),
    ("noise as a header", |raw| {
        raw.header_bytes(&noise(300), &[]);
    }),
    ("an indefinite map", |raw| {
        raw.header_bytes(b"\xbf\x00\x01\x01\x82\x09\xa0\xff", &[]);
    }),
    ("bytes behind the header", |raw| {
        raw.header_bytes(b"\xa2\x00\x01\x01\x82\x09\xa0\x00", &[]);
    }),
    ("a map of 2^64 - 1 keys", |raw| {
        raw.header_bytes(b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01", &[]);
    }),
    ("2^64 - 1 items", |raw| {
        raw.header_bytes(b"\xa2\x00\x01\x01\x82\x10\xa1\x00\x9b\xff\xff\xff\xff\xff\xff\xff\xff", &[]);
    }),
    ("arrays in arrays without end", |raw| {
        raw.header_bytes(&[&b"\xa3\x18\x63"[..], &[0x81; 100_000]].concat(), &[]);
    }),
    ("no operation", |raw| {
        raw.header_bytes(b"\xa1\x01\x82\x09\xa0", &[]);
    }),
    ("a kind that may not be skipped", |raw| {
        raw.header_bytes(b"\xa2\x00\x01\x01\x82\x18\x40\xa0", &[]);
    }),
    ("an unknown item", |raw| {
        raw.request(upload_to("/"));
        raw.header_bytes(b"\xa2\x00\x01\x01\x82\x10\xa1\x00\x81\x82\x09\x00", &[]);
    }),
    ("a record that is too long", |raw| {
        raw.bytes(&[0x7f, 0xff, 0xff, 0xff]);
    }),
    ("a record that is too short", |raw| {
        raw.bytes(&[0, 0, 0, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }),
    ("an empty record", |raw| {
        raw.bytes(&[0; 4]);
    }),
    ("a record that nobody sealed", |raw| {
        raw.bytes(&[&[0, 0, 1, 0][..], &noise(256)].concat());
    }),
    ("a record twice", |raw| {
        let record = raw.seal(b"\xa2\x00\x01\x01\x82\x09\xa0\0\0\0\x07");
        raw.bytes(&record);
        raw.bytes(&record);
    }),
    ("a payload beyond the limit", |raw| {
        raw.request(upload_to("/"));
        raw.data(FIRST, vec![begin("file", None), piece(MIB + 1)], &noise(MIB + 1));
    }),
    ("more than the credit", |raw| {
        raw.request(Request::List {
            path: remote("/"),
            recursive: true,
            rules: Vec::new(),
            targets: false,
            unflushed: false,
            extras: false,
        });
        let operation = raw.request_waiting(upload_to("/missing"), 0);
        raw.request(upload_to("/"));
        assert!(raw.outcome(operation).unwrap().is_err());
        for _ in 0..40 {
            raw.data(OperationId(3), vec![piece(MIB)], &noise(MIB));
            raw.send(&status(2), &[]);
        }
    }),
    ("items of more bytes than the payload", |raw| {
        raw.request(upload_to("/"));
        raw.data(FIRST, vec![begin("file", None), piece(4)], b"abc");
    }),
    ("items of fewer bytes than the payload", |raw| {
        raw.request(upload_to("/"));
        raw.data(FIRST, vec![begin("file", None), piece(2), end(b"ab")], b"abc");
    }),
    ("a sum of items beyond 32 bits", |raw| {
        raw.request(upload_to("/"));
        raw.data(FIRST, vec![begin("file", None), piece(u32::MAX as usize), piece(4)], b"abc");
    }),
    ("data before its request", |raw| {
        raw.data(FIRST, raw::file("file", b"x"), b"x");
    }),
    ("a number twice", |raw| {
        raw.send(&status(1), &[]);
        raw.send(&status(1), &[]);
    }),
    ("a smaller number", |raw| {
        raw.send(&status(7), &[]);
        raw.send(&status(6), &[]);
    }),
    ("number 0", |raw| {
        raw.send(&status(0), &[]);
    }),
    ("a cancel of what was never begun", |raw| {
        raw.signal(OperationId(77), Signal::Cancel);
    }),
    ("credit for what was never begun", |raw| {
        raw.signal(OperationId(77), Signal::Credit { bytes: 1 });
    }),
    ("what only servers say", |raw| {
        let operation = raw.hold_write();
        raw.signal(operation, Signal::Done { done: Done::default() });
    }),
    ("data of the session", |raw| {
        raw.data(OperationId::SESSION, vec![], &[]);
    }),
    ("a ping in an operation", |raw| {
        let operation = raw.hold_write();
        raw.signal(operation, Signal::Ping);
    }),
];

#[test]
fn a_breach_of_the_protocol_ends_the_session_and_nothing_else() {
    let fixture = Fixture::new();
    for (what, script) in BREACHES {
        let mut raw = Raw::connect(&fixture);
        script(&mut raw);
        assert!(raw.was_ended(), "{what}");
        assert_serves(&fixture);
        assert_eq!(visible(fixture.root()), [""; 0], "{what}");
    }
}

#[test]
fn what_a_later_version_may_say_is_answered_or_skipped() {
    let fixture = Fixture::new();
    let mut raw = Raw::connect(&fixture);
    raw.header_bytes(b"\xa2\x00\x01\x01\x82\x18\x3d\xa0", &[]);
    assert_eq!(raw.outcome(FIRST).unwrap().unwrap_err().code, ErrorCode::Unsupported);
    raw.header_bytes(b"\xa2\x00\x02\x01\x82\x18\x80\xa0", &noise(1000));
    raw.header_bytes(b"\xa3\x00\x02\x01\x82\x09\xa1\x18\x63\x80\x18\x64\xf6", &[]);
    assert!(raw.outcome(OperationId(2)).unwrap().is_ok());
    for (number, path) in [(3, "/../etc"), (4, "relative"), (5, "/a//b"), (6, "/a\0b"), (7, "")] {
        let header = [&[0xa2, 0, number, 1, 0x82, 2, 0xa1, 0, 0x60 + path.len() as u8], path.as_bytes()].concat();
        raw.header_bytes(&header, &[]);
        let failure = raw.outcome(OperationId(number.into())).unwrap().unwrap_err();
        assert_eq!(failure.code, ErrorCode::InvalidName, "{path}");
    }
    raw.header_bytes(b"\xa2\x00\x08\x01\x82\x02\xa0", &[]);
    assert_eq!(raw.outcome(OperationId(8)).unwrap().unwrap_err().code, ErrorCode::BadRequest);
    assert!(!raw.was_ended());
}

/// Uploads these items, and tells how it ended and which items failed.
fn upload(raw: &mut Raw, items: Vec<Item>, payload: &[u8], finish: bool) -> (Result<Done, Failure>, Vec<Failure>) {
    let operation = raw.request(upload_to("/"));
    raw.data(operation, items, payload);
    if finish {
        raw.signal(operation, Signal::Finish);
    }
    let mut failed = Vec::new();
    loop {
        match raw.receive().unwrap().0.body {
            Body::Signal(Signal::ItemFailed { failure }) => failed.push(failure),
            Body::Signal(Signal::Done { done }) => return (Ok(done), failed),
            Body::Signal(Signal::Failed { failure }) => return (Err(failure), failed),
            _ => {}
        }
    }
}

#[test]
fn items_in_no_sensible_order_end_the_upload_and_keep_the_session() {
    let fixture = Fixture::new();
    let mut raw = Raw::connect(&fixture);
    let directory = || Item::Directory { path: "directory".to_owned(), mode: None };
    let abort = || Item::Abort { failure: ErrorCode::Cancelled.into() };
    for (items, finish) in [
        (vec![piece(3)], false),
        (vec![end(b"")], false),
        (vec![abort()], false),
        (vec![begin("file", Some(3)), piece(3), end(b"abc"), end(b"abc")], false),
        (vec![begin("file", Some(3)), piece(3), begin("file", Some(3))], false),
        (vec![begin("file", Some(3)), piece(3), directory()], false),
        (vec![begin("file", Some(3)), piece(3)], true),
        (vec![begin("../file", Some(3)), piece(3)], true),
        (vec![begin("../file", Some(3)), piece(3), directory()], false),
        (vec![begin("../file", Some(3)), piece(3), end(b"abc"), end(b"abc")], false),
        (vec![begin("file", Some(3)), piece(3), abort(), abort()], false),
    ] {
        let shown = format!("{items:?}");
        let payload = if items.iter().any(|item| matches!(item, Item::Data { .. })) { &b"abc"[..] } else { b"" };
        let (ended, _) = upload(&mut raw, items, payload, finish);
        assert_eq!(ended.unwrap_err().code, ErrorCode::BadRequest, "{shown}");
    }
    let listing = raw.request(Request::Download {
        sources: vec![remote("/")],
        recursive: false,
        total: false,
        credit: 0,
        selection: None,
        send_options: None,
    });
    raw.data(listing, raw::file("file", b"x"), b"x");
    raw.signal(listing, Signal::Finish);
    assert!(raw.outcome(listing).is_some());
    assert!(!raw.was_ended());
    assert_serves(&fixture);
    // The one file that was complete before its order was wrong.
    assert_eq!(visible(fixture.root()), ["file"]);
}

#[test]
fn no_item_path_leads_out_of_the_root_or_to_what_is_staged() {
    let fixture = Fixture::new();
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), fixture.path("link")).unwrap();
    std::os::unix::fs::symlink("..", fixture.path("up")).unwrap();
    fixture.write("plain", "old");
    let mut raw = Raw::connect(&fixture);
    let long = "n".repeat(256);
    let deep = vec!["d"; 9000].join("/");
    for path in [
        "",
        "/",
        ".",
        "..",
        "../x",
        "/etc/x",
        "a/../../x",
        "./x",
        "x/",
        "a//b",
        "x\0y",
        "x\ny",
        "\u{85}",
        "a\\b",
        "a:b",
        ".remofile/x",
        ".remofile",
        "link/x",
        "up/x",
        "plain/x",
        &long,
        &deep,
    ] {
        for items in [raw::file(path, b"evil"), vec![begin(path, None), piece(4), end(b"evil")]] {
            let (ended, failed) = upload(&mut raw, items, b"evil", true);
            assert_eq!((ended.unwrap().files, failed.len()), (0, 1), "{path:?} {failed:?}");
        }
        let items = vec![Item::Directory { path: path.to_owned(), mode: Some(0o777) }];
        let (ended, failed) = upload(&mut raw, items, b"", true);
        assert_eq!((ended.unwrap().directories, failed.len()), (0, 1), "{path:?}");
    }
    // A link in the way of a file is replaced, and what it leads to untouched.
    let target = outside.path().join("target");
    std::fs::write(&target, "theirs").unwrap();
    std::os::unix::fs::symlink(&target, fixture.path("file")).unwrap();
    upload(&mut raw, raw::file("file", b"ours"), b"ours", true).0.unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), b"theirs");
    assert_eq!(visible(outside.path()), ["target"]);
    assert_eq!(std::fs::read(fixture.path("plain")).unwrap(), b"old");
    assert_serves(&fixture);
}

#[test]
fn a_file_that_is_not_what_was_announced_is_not_stored() {
    let fixture = Fixture::new();
    fixture.write("old", "old");
    let mut raw = Raw::connect(&fixture);
    for name in ["new", "old"] {
        for size in [Some(3), Some(2_000_000), None] {
            let large = noise(900_000);
            for items in [
                vec![begin(name, size), piece(900_000), Item::End { digest: [0; 16] }],
                vec![begin(name, size), piece(900_000), end(b"else")],
                vec![
                    begin(name, size.map(|_| 899_999)),
                    piece(900_000),
                    end(if size.is_some() { &large } else { b"" }),
                ],
                vec![
                    begin(name, size.map(|_| 900_001)),
                    piece(900_000),
                    end(if size.is_some() { &large } else { b"" }),
                ],
            ] {
                let (ended, failed) = upload(&mut raw, items, &large, true);
                assert_eq!((ended.unwrap().files, failed.len()), (0, 1));
                assert_eq!(failed[0].code, ErrorCode::IntegrityFailure);
                assert_eq!(failed[0].path.as_deref(), Some(name));
            }
        }
    }
    let (_, failed) = upload(&mut raw, vec![begin("new", Some(u64::MAX)), end(b"")], b"", true);
    assert_eq!(failed[0].code, ErrorCode::FileTooLarge);
    assert_eq!(visible(fixture.root()), ["old"]);
    assert_eq!(std::fs::read(fixture.path("old")).unwrap(), b"old");
    assert!(!fixture.path(".remofile").exists(), "what was refused is kept");
}

#[test]
fn times_and_modes_may_be_as_odd_as_they_like() {
    let fixture = Fixture::new();
    let mut raw = Raw::connect(&fixture);
    for seconds in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX] {
        let modified = Some(Timestamp::new(seconds, 999_999_999));
        let begin = Item::Begin {
            path: "odd".to_owned(),
            size: Some(0),
            modified,
            mode: Some(u32::MAX),
            rule: None,
            offset: 0,
            replaces: None,
        };
        let (ended, _) = upload(&mut raw, vec![begin, end(b"")], b"", true);
        assert!(ended.is_ok());
    }
    let mut client = fixture.client();
    client.list(&remote("/"), true, &mut |_| Ok(())).unwrap();
    if let Ok(entry) = client.stat(&remote("/odd")) {
        assert!(entry.mode.unwrap() & !0o777 == 0);
    }
}

#[test]
fn three_hundred_operations_at_once_are_too_many_and_all_are_answered() {
    let fixture = Fixture::new();
    fixture.write("file", noise(100));
    let mut raw = Raw::connect(&fixture);
    let blocked = || Request::Download {
        sources: vec![remote("/file")],
        recursive: false,
        total: false,
        credit: 0,
        selection: None,
        send_options: None,
    };
    let operations: Vec<OperationId> = (0..300).map(|_| raw.request(blocked())).collect();
    for operation in &operations[256..] {
        assert_eq!(raw.outcome(*operation).unwrap().unwrap_err().code, ErrorCode::TooMany);
    }
    for operation in &operations[..256] {
        raw.signal(*operation, Signal::Credit { bytes: u64::MAX });
        raw.signal(*operation, Signal::Credit { bytes: u64::MAX });
        assert_eq!(raw.outcome(*operation).unwrap().unwrap().bytes, 100);
    }
    assert!(!raw.was_ended());
    assert_serves(&fixture);
}

#[test]
fn a_flood_of_small_messages_is_answered_or_dropped_and_hurts_nobody() {
    let fixture = Fixture::new();
    let mut raw = Raw::connect(&fixture);
    let over = raw.request(Request::Stat { path: remote("/missing") });
    assert!(raw.outcome(over).unwrap().is_err());
    let mut sender = raw.stream.try_clone().unwrap();
    let mut flood = Vec::new();
    for number in 2..20_000 {
        for header in [
            Header::signal(OperationId::SESSION, Signal::Ping),
            Header::signal(over, Signal::Cancel),
            Header::signal(over, Signal::Finish),
            status(number),
        ] {
            let mut encoded = Vec::new();
            header.encode(&mut encoded);
            let length = u32::try_from(encoded.len()).unwrap().to_be_bytes();
            flood.extend(raw.seal(&[&encoded[..], &length].concat()));
        }
    }
    std::thread::scope(|scope| {
        // Nothing is read meanwhile: the server must not keep all the answers in memory for us.
        scope.spawn(move || sender.write_all(&flood).unwrap());
        assert_serves(&fixture);
        assert!(raw.outcome(OperationId(19_999)).unwrap().is_ok());
    });
}

#[test]
fn a_client_that_leaves_at_any_stage_of_an_upload_leaves_nothing_behind() {
    let fixture = Fixture::new();
    fixture.write("old", "old");
    let content = noise(500_000);
    let parts = [content.len() / 2, content.len() - content.len() / 2];
    for stage in 0..7 {
        for half_a_record in [false, true] {
            let mut raw = Raw::connect(&fixture);
            if stage > 0 {
                raw.request(Request::Upload {
                    destination: remote("/"),
                    on_conflict: OnConflict::Replace,
                    names: None,
                    group: None,
                    claims: None,
                });
            }
            let messages = [
                (vec![Item::Directory { path: "made".to_owned(), mode: None }], &[][..]),
                (vec![begin("old", Some(content.len() as u64))], &[]),
                (vec![piece(parts[0])], &content[..parts[0]]),
                (vec![piece(parts[1])], &content[parts[0]..]),
                (vec![begin("another", None)], &[]),
            ];
            for (items, payload) in messages.into_iter().take(usize::saturating_sub(stage, 1).min(4)) {
                raw.data(FIRST, items, payload);
            }
            if stage == 6 {
                raw.data(
                    FIRST,
                    vec![Item::Abort { failure: ErrorCode::Cancelled.into() }, begin("another", None)],
                    &[],
                );
            }
            if half_a_record {
                let record = raw.seal(&noise(5000));
                raw.bytes(&record[..2500]);
            }
            // A server that has closed the connection already has left no socket to shut down.
            let _closed = raw.stream.shutdown(Shutdown::Write);
            raw.find(|_| false);
            assert_serves(&fixture);
            assert_eq!(std::fs::read(fixture.path("old")).unwrap(), b"old");
            let seen = visible(fixture.root());
            assert!(seen.iter().all(|name| ["made", "old"].contains(&name.as_str())), "{stage}: {seen:?}");
        }
    }
    let mut client = fixture.client();
    for path in ["/.remofile", "/.remofile/x"] {
        assert!(client.stat(&remote(path)).is_err());
        assert!(client.list(&remote(path), true, &mut |_| Ok(())).is_err());
        assert!(client.remove(&remote(path), true).is_err());
        assert!(client.rename(&remote(path), &remote("/new"), true).is_err());
        assert!(client.rename(&remote("/old"), &remote(path), true).is_err());
        assert!(client.make_directory(&remote(path), true, true).is_err());
        assert!(client.create_file(&remote(path), true).is_err());
    }
    assert!(std::fs::read_dir(fixture.root()).unwrap().count() <= 3);
}

//! Peers that lie about what files are sent and how: links nobody asked for, blocks and holes of the wrong
//! size, files that were not found, rules of their own.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::raw::{self, Raw, begin, end, listen, piece, upload_to};
use common::{Fixture, assert_serves, noise, remote, visible, write};
use remofile::protocol::digest::digest;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{
    Body, Done, Element, Entry, ErrorCode, Found, Header, Item, Kind, Known, Links, Mark, OnConflict, Request,
    Selected, Selection, SendOptions, Signal, Timestamp,
};
use remofile::{Client, ClientOptions, Error, Result, RetryOptions, Silent, TransferOptions, TransferReport};
use std::path::Path;

type Message = (Vec<Item>, Vec<u8>);

fn options() -> TransferOptions {
    TransferOptions { recursive: true, retry: RetryOptions::NEVER, ..TransferOptions::default() }
}

/// Answers finds with these elements, and downloads with these messages.
fn serve(raw: &mut Raw, found: &[Element], messages: &[Message]) {
    while let Some((operation, request)) = raw.next_request() {
        match request {
            Request::Find { .. } => {
                let payload: Vec<u8> = found.iter().flat_map(minicbor_of).collect();
                raw.send(&Header::signal(operation, Signal::Entries), &payload);
            }
            _ => messages.iter().for_each(|(items, payload)| {
                raw.data(operation, items.clone(), payload);
            }),
        }
        raw.signal(operation, Signal::Done { done: Done::default() });
    }
}

fn minicbor_of(element: &Element) -> Vec<u8> {
    minicbor::to_vec(element).unwrap()
}

fn lied_to(
    into: &Path,
    options: &TransferOptions,
    found: Vec<Element>,
    messages: Vec<Message>,
) -> Result<TransferReport> {
    let token = Token::generate();
    let own = token.clone();
    let (address, server) = listen(move |stream| serve(&mut Raw::accept(stream, &own), &found, &messages));
    let mut client = Client::new(ClientOptions::new("127.0.0.1", address.port(), token));
    let result = client.download(&[remote("/t")], into, options, &mut Silent);
    drop(client);
    server.join().unwrap();
    result
}

fn is_protocol<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Protocol(_)))
}

fn link(path: &str, target: &str) -> Item {
    Item::Link { path: path.to_owned(), target: target.to_owned(), rule: Some(OnConflict::Replace) }
}

fn is_link(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

#[test]
fn links_that_nobody_asked_for_are_not_made() {
    for links in [Links::Skip, Links::Follow] {
        let into = tempfile::tempdir().unwrap();
        write(into.path(), "beside", "x");
        let options = TransferOptions { selection: Selection { links, ..options().selection }, ..options() };
        let result = lied_to(into.path(), &options, vec![], vec![(vec![link("t", "beside")], vec![])]);
        assert!(is_protocol(&result), "{links:?} {result:?}");
        assert!(!is_link(&into.path().join("t")));
        let items = [vec![Item::Directory { path: "t".to_owned(), mode: None }, link("t/l", "../beside")]].concat();
        let result = lied_to(into.path(), &options, vec![], vec![(items, vec![])]);
        assert!(is_protocol(&result), "{links:?} {result:?}");
        assert!(!is_link(&into.path().join("t/l")));
    }
}

#[test]
fn links_lead_nowhere_outside_whatever_they_say() {
    for target in
        ["/etc/passwd", "..", "../x", "../../x", "a/../../../x", "", "a\0b", "/", ".remofile/x", "../.remofile"]
    {
        let (outer, into) = (tempfile::tempdir().unwrap(), "into");
        let into = outer.path().join(into);
        std::fs::create_dir(&into).unwrap();
        let options =
            TransferOptions { selection: Selection { links: Links::Copy, ..options().selection }, ..options() };
        let result = lied_to(&into, &options, vec![], vec![(vec![link("t", target)], vec![])]);
        assert_eq!(result.unwrap().failures.len(), 1, "{target:?}");
        assert!(!is_link(&into.join("t")), "{target:?}");
    }
    for path in ["../t", "/t", "x", "t/../../x", "", ".", "t/.."] {
        let into = tempfile::tempdir().unwrap();
        let options =
            TransferOptions { selection: Selection { links: Links::Copy, ..options().selection }, ..options() };
        let result = lied_to(into.path(), &options, vec![], vec![(vec![link(path, "y")], vec![])]);
        assert!(is_protocol(&result), "{path:?} {result:?}");
        assert_eq!(visible(into.path()), [""; 0]);
    }
}

#[test]
fn nothing_is_written_through_a_link_that_was_just_sent() {
    let outside = tempfile::tempdir().unwrap();
    let into = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), into.path().join("out")).unwrap();
    let directory = |path: &str| Item::Directory { path: path.to_owned(), mode: Some(0o777) };
    let mut items = vec![directory("t"), link("t/l", "../out"), directory("t/l/d")];
    items.extend(raw::file("t/l/file", b"evil"));
    items.push(link("t/l/link", "x"));
    let options = TransferOptions {
        selection: Selection { links: Links::Copy, ..options().selection },
        send: SendOptions { preserve_mode: true, ..options().send },
        ..options()
    };
    let result = lied_to(into.path(), &options, vec![], vec![(items, b"evil".to_vec())]);
    // The link leads out of what was asked for, and fails; what was to go through it is where it says that it is.
    assert_eq!(result.unwrap().failures.len(), 1);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    assert!(!is_link(&into.path().join("t/l")) && is_link(&into.path().join("t/l/link")));
}

#[test]
fn blocks_and_holes_that_lie_about_their_size_store_nothing() {
    let content = b"all work and no play ".repeat(50);
    let block = zstd::bulk::compress(&content, 3).unwrap();
    let length = u32::try_from(block.len()).unwrap();
    let size = u32::try_from(content.len()).unwrap();
    let compressed = |size| Item::Compressed { length, size };
    let whole = |items: Vec<Item>| [vec![begin("t", Some(size.into()))], items, vec![end(&content)]].concat();
    let bomb = zstd::bulk::compress(&vec![0; 64 * 1024 * 1024], 19).unwrap();
    let bomb_length = u32::try_from(bomb.len()).unwrap();
    let cases = [
        (whole(vec![compressed(size - 1)]), block.clone()),
        (whole(vec![compressed(size + 1)]), block.clone()),
        (whole(vec![compressed(0)]), block.clone()),
        (whole(vec![compressed(u32::MAX)]), block.clone()),
        (whole(vec![compressed(size), compressed(size)]), block.repeat(2)),
        (whole(vec![Item::Compressed { length: bomb_length, size }]), bomb),
        (whole(vec![Item::Compressed { length: size, size }]), content.clone()),
        (whole(vec![compressed(size), Item::Hole { length: 1 }]), block.clone()),
        (whole(vec![Item::Hole { length: u64::from(size) + 1 }]), vec![]),
        (whole(vec![Item::Hole { length: u64::from(size) }]), vec![]),
        (whole(vec![Item::Hole { length: u64::MAX }, Item::Hole { length: u64::MAX }]), vec![]),
        (vec![begin("t", None), Item::Hole { length: u64::MAX }, end(&content)], vec![]),
        (vec![begin("t", Some(u64::MAX)), Item::Hole { length: u64::MAX }, end(&content)], vec![]),
    ];
    for (items, payload) in cases {
        let into = tempfile::tempdir().unwrap();
        let shown = format!("{items:?}");
        match lied_to(into.path(), &options(), vec![], vec![(items.clone(), payload.clone())]) {
            Ok(report) => assert_eq!((report.files, report.failures.len()), (0, 1), "{shown} {report:?}"),
            result => assert!(is_protocol(&result), "{shown} {result:?}"),
        }
        assert_eq!(visible(into.path()), [""; 0], "{shown}");
        let fixture = Fixture::new();
        let mut raw = Raw::connect(&fixture);
        let operation = raw.request(upload_to("/"));
        raw.data(operation, items, &payload);
        raw.signal(operation, Signal::Finish);
        if let Some(Ok(done)) = raw.outcome(operation) {
            assert_eq!(done.files, 0, "{shown}");
        }
        assert_eq!(visible(fixture.root()), [""; 0], "{shown}");
        assert_serves(&fixture);
    }
}

#[test]
fn the_senders_rule_is_not_heard_by_a_client() {
    let item = |content: &[u8]| {
        vec![
            Item::Begin {
                path: "t".to_owned(),
                size: Some(content.len() as u64),
                modified: None,
                mode: Some(0o7777),
                rule: Some(OnConflict::Replace),
                offset: 0,
                replaces: None,
            },
            piece(content.len()),
            end(content),
        ]
    };
    for on_conflict in [OnConflict::Abort, OnConflict::Skip, OnConflict::Rename] {
        let into = tempfile::tempdir().unwrap();
        // It looks before; so the file comes when the client has seen that nothing is there.
        let options = TransferOptions { on_conflict, resume: false, ..options() };
        let items = [item(b"evil"), item(b"worse")].concat();
        let result = lied_to(into.path(), &options, vec![], vec![(items, b"evilworse".to_vec())]);
        assert_eq!(std::fs::read(into.path().join("t")).unwrap(), b"evil", "{on_conflict:?} {result:?}");
        use std::os::unix::fs::PermissionsExt;
        let mode = into.path().join("t").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7133, 0, "permission bits that nobody asked for");
    }
}

#[test]
fn files_are_not_gone_on_with_where_nobody_said_that_they_could() {
    let offset_of = |offset| Item::Begin {
        path: "t".to_owned(),
        size: Some(4),
        modified: Some(Timestamp::new(5, 0)),
        mode: None,
        rule: None,
        offset,
        replaces: None,
    };
    for offset in [1, 2, 4, 5, u64::MAX] {
        let rest = if offset < 4 { 4 - offset as usize } else { 0 };
        let items = vec![offset_of(offset), piece(rest), end(b"evil")];
        let into = tempfile::tempdir().unwrap();
        let report = lied_to(into.path(), &options(), vec![], vec![(items.clone(), b"evil"[4 - rest..].to_vec())]);
        let report = report.unwrap();
        assert_eq!((report.files, report.failures.len()), (0, 1), "{offset} {report:?}");
        assert_eq!(visible(into.path()), [""; 0]);
        let fixture = Fixture::new();
        let mut raw = Raw::connect(&fixture);
        let operation = raw.request(upload_to("/"));
        raw.data(operation, items, &b"evil"[4 - rest..]);
        raw.signal(operation, Signal::Finish);
        assert_eq!(raw.outcome(operation).unwrap().unwrap().files, 0, "{offset}");
        assert_eq!(visible(fixture.root()), [""; 0]);
    }
}

fn found(name: &str, path: &str, kind: Kind) -> Element {
    let entry = Entry {
        path: path.parse().unwrap(),
        kind,
        size: 4,
        modified: Timestamp::new(5, 0),
        mode: None,
        unflushed: false,
    };
    Element::Found(Found { name: name.to_owned(), entry })
}

#[test]
fn what_was_not_asked_for_is_not_found_either() {
    for found in [
        vec![found("../t", "/t", Kind::File)],
        vec![found("t/../../x", "/t", Kind::File)],
        vec![found("/t", "/t", Kind::File)],
        vec![found("x", "/t", Kind::File)],
        vec![found("x", "/t", Kind::Directory)],
        vec![found("", "/t", Kind::File)],
        vec![found(".", "/t", Kind::Directory)],
        vec![found("..", "/t", Kind::Directory)],
        vec![found("t", "/t", Kind::File), found("t", "/t", Kind::File)],
        vec![found("t/a", "/t/a", Kind::File), found("t/a", "/t/b", Kind::Link)],
        vec![Element::Listed(remofile::protocol::wire::Listed::Entry(Entry {
            path: remote("/t"),
            kind: Kind::File,
            size: 4,
            modified: Timestamp::new(5, 0),
            mode: None,
            unflushed: false,
        }))],
    ] {
        let into = tempfile::tempdir().unwrap();
        write(into.path(), "t/used", "");
        let before = visible(into.path());
        let shown = format!("{found:?}");
        let result = lied_to(into.path(), &options(), found, vec![(raw::file("t", b"evil"), b"evil".to_vec())]);
        assert!(is_protocol(&result), "{shown} {result:?}");
        assert_eq!(visible(into.path()), before, "{shown}");
    }
}

#[test]
fn links_that_were_found_unasked_are_not_made() {
    for links in [Links::Skip, Links::Follow] {
        let into = tempfile::tempdir().unwrap();
        write(into.path(), "t/used", "");
        let options = TransferOptions { selection: Selection { links, ..options().selection }, ..options() };
        let found = vec![found("t/l", "/t/l", Kind::Link)];
        let result = lied_to(into.path(), &options, found, vec![(vec![link("t/l", "used")], vec![])]);
        assert!(result.is_err() || result.as_ref().is_ok_and(|report| report.files == 0), "{links:?} {result:?}");
        assert!(!is_link(&into.path().join("t/l")), "{links:?}");
    }
}

#[test]
fn only_what_was_chosen_comes() {
    let into = tempfile::tempdir().unwrap();
    write(into.path(), "t/kept", "mine");
    let elements = vec![found("t", "/t", Kind::Directory), found("t/new", "/t/new", Kind::File)];
    for path in ["t/kept", "t/else", "t", "new", "t/new/x"] {
        let options = TransferOptions { on_conflict: OnConflict::Replace, ..options() };
        let messages = vec![(raw::file(path, b"evil"), b"evil".to_vec())];
        let result = lied_to(into.path(), &options, elements.clone(), messages);
        assert!(is_protocol(&result), "{path} {result:?}");
    }
    assert_eq!(visible(into.path()), ["t", "t/kept"]);
    assert_eq!(std::fs::read(into.path().join("t/kept")).unwrap(), b"mine");
}

fn selection() -> Selection {
    Selection { one_by_one: true, ..Selection::default() }
}

fn download(selection: Selection, send_options: Option<SendOptions>, sources: &[&str]) -> Request {
    Request::Download {
        sources: sources.iter().map(|source| remote(source)).collect(),
        recursive: true,
        total: false,
        credit: 16 * 1024 * 1024,
        selection: Some(selection),
        send_options,
    }
}

fn selected(name: &str, known: Option<Known>) -> Selected {
    Selected { path: remote("/file"), name: name.to_owned(), known, as_link: false, parts: Vec::new() }
}

/// A session that has begun, so that messages of any size may follow.
fn connected(fixture: &Fixture) -> Raw {
    let mut raw = Raw::connect(fixture);
    let operation = raw.request(Request::Status);
    raw.outcome(operation).unwrap().unwrap();
    raw
}

/// Runs a script against a server, which then must be as before.
fn against_server(fixture: &Fixture, script: impl FnOnce(&mut Raw)) {
    let mut raw = connected(fixture);
    script(&mut raw);
    drop(raw);
    assert_serves(fixture);
}

#[test]
fn a_server_takes_no_harm_by_what_a_client_selects() {
    let fixture = Fixture::new();
    fixture.write("file", noise(100));
    for name in ["", "/", "..", "../x", "a//b", "x\0", "x\n", ".", &"n".repeat(300), &"d/".repeat(9000), "fine"] {
        for as_link in [false, true] {
            against_server(&fixture, |raw| {
                let operation = raw.request(download(selection(), None, &[]));
                let files = vec![Selected { as_link, ..selected(name, None) }];
                raw.signal(operation, Signal::Select { files });
                raw.signal(operation, Signal::Finish);
                let outcome = raw.outcome(operation);
                if name == "fine" && !as_link {
                    assert_eq!(outcome.unwrap().unwrap().files, 1);
                } else {
                    assert!(outcome.is_some(), "{name:?} ended the session");
                }
            });
        }
    }
    let modified = fixture.client().stat(&remote("/file")).unwrap().modified;
    let good = digest(&noise(100)[..50]);
    for offsets in [&[50, 50][..], &[60, 50], &[0], &[101], &[u64::MAX], &[0, 50, u64::MAX], &[]] {
        let marks = offsets.iter().map(|&offset| Mark { offset, digest: good }).collect();
        against_server(&fixture, |raw| {
            let operation = raw.request(download(selection(), None, &[]));
            let files = vec![selected("file", Some(Known { size: 100, modified, marks }))];
            raw.signal(operation, Signal::Select { files });
            raw.signal(operation, Signal::Finish);
            let is_begin = |header: &Header| matches!(&header.body, Body::Signal(Signal::Data { items }) if matches!(items[0], Item::Begin { .. }));
            if let Some((Header { body: Body::Signal(Signal::Data { items }), .. }, payload)) = raw.find(is_begin) {
                assert!(matches!(items[0], Item::Begin { offset: 0, .. }), "{offsets:?} {items:?}");
                assert_eq!(payload, noise(100), "{offsets:?}");
            }
        });
    }
    // Where nothing may be selected.
    against_server(&fixture, |raw| {
        let operation = raw.request(download(Selection::default(), None, &["/file"]));
        raw.signal(operation, Signal::Select { files: vec![selected("x", None)] });
        raw.outcome(operation);
    });
}

#[test]
fn a_server_takes_no_harm_by_rules_patterns_and_manners() {
    let fixture = Fixture::new();
    for number in 0..50 {
        fixture.write(&format!("t/{number}/file"), noise(100));
    }
    let codes = |selection: Selection, send_options: Option<SendOptions>, sources: &[&str]| {
        let mut raw = connected(&fixture);
        let operation = raw.request(download(selection, send_options, sources));
        let outcome = raw.outcome(operation);
        assert_serves(&fixture);
        outcome.map(|outcome| outcome.map_err(|failure| failure.code))
    };
    let rules = |rules: Vec<String>| Selection { rules, ..Selection::default() };
    let huge = codes(rules(vec!["*a".repeat(15_000); 4]), None, &["/t"]);
    assert!(huge.is_some_and(|outcome| outcome.is_ok() || outcome == Err(ErrorCode::BadPattern)));
    let many = codes(rules((0..5000).map(|number| format!("*{number}*x")).collect()), None, &["/t"]);
    assert!(many.is_some_and(|outcome| outcome.is_ok() || outcome == Err(ErrorCode::BadPattern)));
    assert_eq!(codes(rules(vec!["[".to_owned()]), None, &["/t"]), Some(Err(ErrorCode::BadPattern)));
    let patterns = Selection { patterns: true, ..Selection::default() };
    let sources = vec!["/**/*a*b*c*[!x]"; 1000];
    assert_eq!(codes(patterns.clone(), None, &sources), Some(Ok(Done::default())));
    let stars = format!("/{}x", "**/*/".repeat(1000));
    assert_eq!(codes(patterns, None, &[&stars]), Some(Ok(Done::default())));
    for level in [0, 20, 255] {
        let send_options = SendOptions { compress_level: Some(level), ..SendOptions::default() };
        assert_eq!(codes(Selection::default(), Some(send_options), &["/t"]), Some(Err(ErrorCode::BadRequest)));
    }
    for chunk_bytes in [0, 1, u32::MAX] {
        let send_options =
            SendOptions { chunk_bytes: Some(chunk_bytes), bytes_per_second: Some(u64::MAX), ..SendOptions::default() };
        assert_eq!(codes(Selection::default(), Some(send_options), &["/t"]).unwrap().unwrap().files, 50);
    }
}

#[test]
fn a_survey_does_not_leave_its_directory() {
    let fixture = Fixture::new();
    fixture.write("t/file", "x");
    for name in ["..", "../t", "/t", "a/../../x", "", ".", "x\0", ".remofile", &"n".repeat(300)] {
        against_server(&fixture, |raw| {
            let request = Request::Survey { destination: remote("/t"), names: vec![name.to_owned()], unflushed: false };
            let operation = raw.request(request);
            let outcome = raw.outcome(operation).unwrap();
            assert!(outcome.is_err() || name == ".remofile", "{name:?} {outcome:?}");
            let request = Request::Upload {
                destination: remote("/t"),
                on_conflict: OnConflict::Replace,
                names: Some(vec![name.to_owned()]),
                group: None,
                claims: None,
            };
            let operation = raw.request(request);
            raw.signal(operation, Signal::Finish);
            let _either = raw.outcome(operation);
        });
    }
    assert_eq!(visible(fixture.root()), ["t", "t/file"]);
}

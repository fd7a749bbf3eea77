//! The frozen examples in `testdata/`: what was ever sent must stay readable, byte for byte.
//!
//! Each line is a name, a colon and hexadecimal bytes. A new message gets a new line; a line that is
//! there is never changed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what went wrong by panicking")]

use remofile_protocol::digest::digest;
use remofile_protocol::transport::{Cipher, LENGTH_BYTES, Opener, Sealer, TAG_BYTES};
use remofile_protocol::wire::{
    AttributeSet, Body, Done, Element, Entry, ErrorCode, Failure, Found, Header, Holder, Item, Kind, Known, Links,
    Listed, Mark, OnConflict, OperationId, Part, PartialEntry, Request, Selected, Selection, SendOptions, Signal,
    StatusReport, Timestamp, ToSign, Version, WAIT_FOREVER,
};

const HEADERS: &str = include_str!("../../../testdata/headers.txt");
const RECORDS: &str = include_str!("../../../testdata/records.txt");
const LISTED: &str = include_str!("../../../testdata/listed.txt");

fn lines(text: &str) -> Vec<(&str, String)> {
    text.lines().map(|line| line.split_once(": ").unwrap()).map(|(name, bytes)| (name, bytes.to_owned())).collect()
}

/// Both lists must agree in names, order and bytes.
fn check(frozen: &str, found: &[(&str, Vec<u8>)]) {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let found: Vec<(&str, String)> = found.iter().map(|(name, bytes)| (*name, hex(bytes))).collect();
    let printed: Vec<String> = found.iter().map(|(name, bytes)| format!("{name}: {bytes}")).collect();
    assert!(lines(frozen) == found, "not as frozen; this is what there is now:\n{}\n", printed.join("\n"));
}

fn request(operation: u64, request: Request, wait_milliseconds: u64) -> Header {
    Header { operation: OperationId(operation), body: Body::Request(request), wait_milliseconds }
}

fn signal(operation: u64, signal: Signal) -> Header {
    Header::signal(OperationId(operation), signal)
}

fn holder() -> Holder {
    Holder {
        client: "alice@laptop".into(),
        address: "192.0.2.7:51234".into(),
        activity: "upload".into(),
        held_milliseconds: 42_000,
        path: None,
    }
}

fn failure() -> Failure {
    Failure { holders: Some(vec![holder()]), ..Failure::new(ErrorCode::Busy).at("/a").because("why") }
}

fn entry() -> Entry {
    Entry {
        path: "/a/é".parse().unwrap(),
        kind: Kind::File,
        size: 5_000_000_000,
        modified: Timestamp::new(-1, 999_999_999),
        mode: Some(0o644),
        unflushed: false,
    }
}

fn requests() -> Vec<(&'static str, Header)> {
    let path = || "/a/b".parse().unwrap();
    let root = || "/".parse().unwrap();
    let download = Request::Download {
        sources: vec![path(), root()],
        recursive: true,
        total: true,
        credit: 1 << 24,
        selection: None,
        send_options: None,
    };
    let upload = Request::Upload {
        destination: path(),
        on_conflict: OnConflict::Replace,
        names: None,
        group: None,
        claims: None,
    };
    let rename = Request::Move { source: path(), destination: root(), replace: true };
    vec![
        (
            "list",
            request(
                1,
                Request::List {
                    path: path(),
                    recursive: true,
                    rules: Vec::new(),
                    targets: false,
                    unflushed: false,
                    extras: false,
                },
                0,
            ),
        ),
        ("stat", request(2, Request::Stat { path: path() }, 0)),
        ("create file", request(3, Request::CreateFile { path: path(), update: true }, 0)),
        ("make directory", request(4, Request::MakeDirectory { path: path(), update: false, parents: true }, 0)),
        ("upload, waiting", request(5, upload, 5000)),
        ("download", request(6, download, 0)),
        ("remove", request(7, Request::Remove { path: path(), recursive: true }, 0)),
        ("move, waiting for ever", request(8, rename, WAIT_FOREVER)),
        ("status", request(9, Request::Status, 0)),
    ]
}

fn items() -> Vec<Item> {
    let modified = Some(Timestamp::new(1_700_000_000, 5));
    vec![
        Item::Directory { path: "d".into(), mode: Some(0o755) },
        Item::Begin { path: "d/f".into(), size: Some(3), modified, mode: None, rule: None, offset: 0, replaces: None },
        Item::Data { length: 3 },
        Item::End { digest: digest(b"abc") },
        Item::Begin { path: "s".into(), size: None, modified: None, mode: None, rule: None, offset: 0, replaces: None },
        Item::Abort { failure: ErrorCode::SourceChanged.into() },
        Item::Failed { failure: Failure::new(ErrorCode::InvalidName).at("x") },
    ]
}

fn signals() -> Vec<(&'static str, Header)> {
    let status = StatusReport {
        agent: "remofile/1".into(),
        uptime_milliseconds: 7,
        holders: vec![holder()],
        waiting: 2,
        token: None,
        used: None,
        quota: None,
        hides_others: false,
    };
    let done = Done {
        files: 1,
        directories: 2,
        bytes: 3,
        entry: Some(entry()),
        status: Some(Box::new(status)),
        version: None,
        target: None,
        space: None,
        identity: None,
        attributes: 0,
    };
    vec![
        ("data", signal(5, Signal::Data { items: items() })),
        ("credit", signal(5, Signal::Credit { bytes: 15 << 20 })),
        ("cancel", signal(5, Signal::Cancel)),
        ("ping", signal(0, Signal::Ping)),
        ("pong", signal(0, Signal::Pong)),
        ("finish", signal(5, Signal::Finish)),
        ("goodbye", signal(0, Signal::Goodbye { reason: None })),
        ("done", signal(9, Signal::Done { done })),
        ("failed", signal(5, Signal::Failed { failure: failure() })),
        ("entries", signal(1, Signal::Entries)),
        ("item failed", signal(5, Signal::ItemFailed { failure: ErrorCode::NoSpace.into() })),
        ("total", signal(6, Signal::Total { files: 10_000, bytes: 40_960_000 })),
        ("waiting", signal(5, Signal::Waiting { holders: vec![holder()] })),
    ]
}

fn mark() -> Mark {
    Mark { offset: 8 << 20, digest: digest(b"abc") }
}

fn selection(one_by_one: bool) -> Selection {
    let rules = vec!["*.o".into(), "!keep.o".into()];
    Selection {
        patterns: true,
        rules,
        min_size: Some(1),
        max_size: Some(2),
        links: Links::Copy,
        one_by_one,
        contents: false,
        devices: false,
    }
}

/// Messages of whole transfers.
fn transfers() -> Vec<(&'static str, Header)> {
    let path = || "/a/b".parse().unwrap();
    let modified = Timestamp::new(1_700_000_000, 5);
    let send_options = SendOptions {
        preserve_mode: true,
        sparse: true,
        compress_level: Some(3),
        bytes_per_second: Some(1 << 20),
        chunk_bytes: Some(512),
        strict: false,
        attributes: AttributeSet::NONE,
        hard_links: false,
    };
    let download = Request::Download {
        sources: Vec::new(),
        recursive: true,
        total: false,
        credit: 1 << 24,
        selection: Some(selection(true)),
        send_options: Some(send_options),
    };
    let find = Request::Find {
        sources: vec!["/a/*.txt".parse().unwrap()],
        recursive: true,
        selection: Some(selection(false)),
        digests: false,
        attributes: AttributeSet::NONE,
    };
    let upload = Request::Upload {
        destination: path(),
        on_conflict: OnConflict::Abort,
        names: Some(vec!["x".into(), "y".into()]),
        group: Some(7),
        claims: None,
    };
    let known = Some(Known { size: 9 << 20, modified, marks: vec![mark()] });
    let files = vec![
        Selected { path: path(), name: "n".into(), known, as_link: false, parts: Vec::new() },
        Selected { path: path(), name: "m".into(), known: None, as_link: true, parts: Vec::new() },
    ];
    let items = vec![
        Item::Begin {
            path: "f".into(),
            size: Some(9 << 20),
            modified: Some(modified),
            mode: Some(0o755),
            rule: Some(OnConflict::Rename),
            offset: 8 << 20,
            replaces: None,
        },
        Item::Hole { length: 1 << 20 },
        Item::Compressed { length: 20, size: 262_144 },
        Item::Link { path: "l".into(), target: "f".into(), rule: None },
        Item::Link { path: "l".into(), target: "../f".into(), rule: Some(OnConflict::Replace) },
    ];
    vec![
        ("upload of new names", request(10, upload, 0)),
        ("download one by one", request(11, download, 0)),
        ("find", request(12, find, 0)),
        ("survey", request(13, Request::Survey { destination: path(), names: vec!["x".into()], unflushed: false }, 0)),
        ("partials", request(14, Request::Partials, 0)),
        ("clear partials", request(15, Request::ClearPartials { paths: vec![path()] }, 0)),
        ("unwanted", signal(11, Signal::Unwanted { path: "n".into() })),
        ("select", signal(11, Signal::Select { files })),
        ("data of other kinds", signal(10, Signal::Data { items })),
    ]
}

fn syncs() -> Vec<(&'static str, Header)> {
    let path = || "/a/b".parse().unwrap();
    let modified = Some(Timestamp::new(-1, 5));
    let parts = || vec![Part { offset: 0, length: 4096 }, Part { offset: 1 << 33, length: 7 }];
    let list = Request::List {
        path: path(),
        recursive: true,
        rules: vec!["*.o".into()],
        targets: true,
        unflushed: false,
        extras: false,
    };
    let attributes = AttributeSet::NONE;
    let find = Request::Find { sources: vec![path()], recursive: false, selection: None, digests: true, attributes };
    let files = vec![
        ToSign { path: path(), block_bytes: 65_536, seed: u64::MAX, parts: Vec::new(), undigested: false },
        ToSign { path: path(), block_bytes: 4096, seed: 7, parts: parts(), undigested: false },
    ];
    let undigested = vec![ToSign { path: path(), block_bytes: 131_072, seed: 9, parts: Vec::new(), undigested: true }];
    let selected = vec![Selected { path: path(), name: "n".into(), known: None, as_link: false, parts: parts() }];
    let items = vec![
        Item::Base { path: "b".into() },
        Item::Copy { offset: 1 << 33, length: 4096 },
        Item::Move { from: "a".into(), path: "d/a".into() },
        Item::Remove { path: "x".into() },
        Item::Touch { path: "t".into(), modified, mode: Some(0o600) },
        Item::Touch { path: "t".into(), modified: None, mode: None },
        Item::Keep { path: "k".into(), to: "/old/k".into() },
    ];
    vec![
        ("list by rules", request(16, list, 0)),
        ("find digests", request(17, find, 0)),
        ("hold", request(18, Request::Hold { write: true, paths: Vec::new() }, 0)),
        ("sign", request(19, Request::Sign { files }, 0)),
        ("select parts", signal(11, Signal::Select { files: selected })),
        ("data of changes", signal(10, Signal::Data { items })),
        ("sign without a digest", request(20, Request::Sign { files: undigested }, 0)),
    ]
}

fn files() -> Vec<(&'static str, Header)> {
    let path = || "/a/b".parse().unwrap();
    let version = Some(Version(digest(b"abc")));
    let read = Request::Read { path: path(), offset: 1 << 33, length: 65_536, version, credit: 65_536, growing: None };
    let first = Request::Read { path: path(), offset: 0, length: 65_536, version: None, credit: 65_536, growing: None };
    let write = Request::Write { path: path(), version, length: Some(7), append: false, create: true };
    let append = Request::Write { path: path(), version: None, length: None, append: true, create: false };
    let items = vec![Item::Place { offset: 1 << 33, length: 3 }, Item::Place { offset: 0, length: 4 }];
    let done = Done { bytes: 7, entry: Some(entry()), version, ..Done::default() };
    vec![
        ("read", request(21, read, 0)),
        ("read of any version", request(22, first, 0)),
        ("write", request(23, write, 0)),
        ("append", request(24, append, 0)),
        ("bytes", signal(21, Signal::Bytes)),
        ("data in places", signal(23, Signal::Data { items })),
        ("done with a version", signal(23, Signal::Done { done })),
    ]
}

#[test]
fn headers_are_as_frozen_and_come_back() {
    let mut found = Vec::new();
    for (name, header) in requests().into_iter().chain(signals()).chain(transfers()).chain(syncs()).chain(files()) {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        assert_eq!(Header::decode(&bytes).unwrap(), header, "{name}");
        found.push((name, bytes));
    }
    check(HEADERS, &found);
}

#[test]
fn elements_of_a_listing_are_as_frozen_and_come_back() {
    let mut found = Vec::new();
    let partial = PartialEntry {
        path: "/a/b".parse().unwrap(),
        size: 9 << 20,
        modified: Timestamp::new(1_700_000_000, 5),
        received: 8 << 20,
        touched: Timestamp::new(1_700_000_009, 0),
        marks: vec![mark()],
    };
    let elements = [
        ("entry", Element::Listed(Listed::Entry(entry()))),
        ("failed", Element::Listed(Listed::Failed(failure()))),
        ("found", Element::Found(Found { name: "b".into(), entry: entry() })),
        ("partial", Element::Partial(partial)),
        ("link", Element::Link(entry(), "../t".into())),
        ("digest", Element::Digest { name: "d/f".into(), digest: digest(b"x") }),
        ("signatures", Element::Signatures(vec![7; 24])),
        ("signed", Element::Signed { entry: entry(), digest: Some(digest(b"x")) }),
        ("signed in parts", Element::Signed { entry: entry(), digest: None }),
    ];
    for (name, element) in elements {
        let bytes = minicbor::to_vec(&element).unwrap();
        assert_eq!(minicbor::decode::<Element>(&bytes).unwrap(), element);
        if let Element::Listed(listed) = element {
            assert_eq!(minicbor::decode::<Listed>(&bytes).unwrap(), listed);
        }
        found.push((name, bytes));
    }
    check(LISTED, &found);
}

#[test]
fn records_are_as_frozen_and_open() {
    let ciphers = [
        ("aes", Cipher::Aes256Gcm),
        ("chacha", Cipher::ChaCha20Poly1305),
        ("aes plain", Cipher::Aes256GcmPlain),
        ("chacha plain", Cipher::ChaCha20Poly1305Plain),
    ];
    let mut found = Vec::new();
    for (name, cipher) in ciphers {
        let (mut sealer, mut opener) = (Sealer::new(cipher, [7; 32]), Opener::new(cipher, [7; 32]));
        for body in [&b"first"[..], b"second"] {
            let mut record = [&[0; LENGTH_BYTES][..], body, &[0; TAG_BYTES]].concat();
            sealer.seal(&mut record);
            found.push((name, record.clone()));
            assert_eq!(opener.open(&mut record).unwrap(), body);
        }
    }
    check(RECORDS, &found);
}

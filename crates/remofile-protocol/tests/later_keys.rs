//! Keys that came later: their bytes are frozen, and who does not send them means what it always meant.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use remofile_protocol::handshake::{ChunkSizes, ClientIdentity, Right, Rights, ZeroMqHello};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{
    Body, Done, Entry, ErrorCode, Failure, Growing, Header, Holder, Item, Kind, OnConflict, OperationId, Request,
    SendOptions, StatusReport, Timestamp, Version,
};

fn request(request: Request) -> Header {
    Header { operation: OperationId(1), body: Body::Request(request), wait_milliseconds: 0 }
}

fn list(unflushed: bool) -> Header {
    request(Request::List {
        path: "/a".parse().unwrap(),
        recursive: false,
        rules: vec![],
        targets: false,
        unflushed,
        extras: false,
    })
}

fn survey(unflushed: bool) -> Header {
    request(Request::Survey { destination: "/a".parse().unwrap(), names: vec!["x".into()], unflushed })
}

#[test]
fn requests_that_ask_for_what_may_not_be_on_the_disk() {
    for (header, bytes) in [
        (list(false), &b"\xa2\x00\x01\x01\x82\x01\xa2\x00\x62/a\x01\xf4"[..]),
        (list(true), b"\xa2\x00\x01\x01\x82\x01\xa3\x00\x62/a\x01\xf4\x04\xf5"),
        (survey(false), b"\xa2\x00\x01\x01\x82\x0b\xa2\x00\x62/a\x01\x81\x61x"),
        (survey(true), b"\xa2\x00\x01\x01\x82\x0b\xa3\x00\x62/a\x01\x81\x61x\x02\xf5"),
    ] {
        let mut encoded = Vec::new();
        header.encode(&mut encoded);
        assert_eq!(encoded, bytes);
        assert_eq!(Header::decode(bytes).unwrap(), header);
    }
}

#[test]
fn an_entry_says_only_of_what_may_not_be_on_the_disk_that_it_may_not() {
    let entry = |unflushed| Entry {
        path: "/a".parse().unwrap(),
        kind: Kind::File,
        size: 3,
        modified: Timestamp::new(5, 7),
        mode: None,
        unflushed,
    };
    for (entry, bytes) in [
        (entry(false), &b"\xa4\x00\x62/a\x01\x00\x02\x03\x03\x82\x05\x07"[..]),
        (entry(true), b"\xa5\x00\x62/a\x01\x00\x02\x03\x03\x82\x05\x07\x05\xf5"),
    ] {
        assert_eq!(minicbor::to_vec(&entry).unwrap(), bytes);
        assert_eq!(minicbor::decode::<Entry>(bytes).unwrap(), entry);
    }
}

#[test]
fn a_file_begins_in_place_of_any_version_or_of_one() {
    let begin = |replaces| Item::Begin {
        path: "f".into(),
        size: Some(3),
        modified: None,
        mode: None,
        rule: None,
        offset: 0,
        replaces,
    };
    let version = b"\x88\x01\x61f\x03\xf6\xf6\xf6\x00\x50version of bytes";
    for (item, bytes) in
        [(begin(None), &b"\x85\x01\x61f\x03\xf6\xf6"[..]), (begin(Some(Version(*b"version of bytes"))), version)]
    {
        assert_eq!(minicbor::to_vec(&item).unwrap(), bytes);
        assert_eq!(minicbor::decode::<Item>(bytes).unwrap(), item);
    }
    let null = b"\x88\x01\x61f\x03\xf6\xf6\xf6\x00\xf6";
    assert_eq!(minicbor::decode::<Item>(null).unwrap(), begin(None));
    let longer = [b"\x89", &version[1..], b"\x07"].concat();
    assert_eq!(minicbor::decode::<Item>(&longer).unwrap(), begin(Some(Version(*b"version of bytes"))));
    assert!(minicbor::decode::<Item>(b"\x88\x01\x61f\x03\xf6\xf6\xf6\x00\x43abc").is_err(), "no version");
}

#[test]
fn a_hold_of_paths_and_a_holder_at_a_path() {
    let hold = |paths: Vec<RemotePath>| request(Request::Hold { write: true, paths });
    for (header, bytes) in [
        (hold(vec![]), &b"\xa2\x00\x01\x01\x82\x0e\xa1\x00\xf5"[..]),
        (hold(vec!["/a".parse().unwrap()]), b"\xa2\x00\x01\x01\x82\x0e\xa2\x00\xf5\x01\x81\x62/a"),
    ] {
        let mut encoded = Vec::new();
        header.encode(&mut encoded);
        assert_eq!(encoded, bytes);
        assert_eq!(Header::decode(bytes).unwrap(), header);
    }
    let holder =
        |path| Holder { client: "c".into(), address: "d".into(), activity: "e".into(), held_milliseconds: 1, path };
    for (holder, bytes) in [
        (holder(None), &b"\xa4\x00\x61c\x01\x61d\x02\x61e\x03\x01"[..]),
        (holder(Some("/a".into())), b"\xa5\x00\x61c\x01\x61d\x02\x61e\x03\x01\x04\x62/a"),
    ] {
        assert_eq!(minicbor::to_vec(&holder).unwrap(), bytes);
        assert_eq!(minicbor::decode::<Holder>(bytes).unwrap(), holder);
    }
}

#[test]
fn a_failure_for_want_of_a_right_and_a_status_with_a_quota() {
    let failure = Failure { rights: Some(Rights::of(&[Right::Create])), ..ErrorCode::PermissionDenied.into() };
    assert_eq!(minicbor::to_vec(&failure).unwrap(), b"\xa2\x00\x08\x04\x0d");
    assert_eq!(minicbor::decode::<Failure>(b"\xa2\x00\x08\x04\x0d").unwrap(), failure);
    let status = StatusReport {
        agent: "a".into(),
        uptime_milliseconds: 1,
        holders: vec![],
        waiting: 2,
        token: Some("t".into()),
        used: Some(3),
        quota: Some(4),
        hides_others: false,
    };
    let bytes = b"\xa7\x00\x61a\x01\x01\x02\x80\x03\x02\x04\x61t\x05\x03\x06\x04";
    assert_eq!(minicbor::to_vec(&status).unwrap(), bytes);
    assert_eq!(minicbor::decode::<StatusReport>(bytes).unwrap(), status);
    let hiding = StatusReport { hides_others: true, ..status };
    let bytes = b"\xa8\x00\x61a\x01\x01\x02\x80\x03\x02\x04\x61t\x05\x03\x06\x04\x07\xf5";
    assert_eq!(minicbor::to_vec(&hiding).unwrap(), bytes);
    assert_eq!(minicbor::decode::<StatusReport>(bytes).unwrap(), hiding);
}

#[test]
fn an_identity_in_a_hello() {
    let identity = ClientIdentity { client: *b"sixteen bytes of", incarnation: 5, connection: 1 };
    assert_eq!(minicbor::to_vec(identity).unwrap(), b"\x83\x50sixteen bytes of\x05\x01");
    let hello = ZeroMqHello { identity: Some(identity), ..ZeroMqHello::new("a", "b", None) };
    assert_eq!(ZeroMqHello::decode(&hello.encode()), Some(hello));
    assert!(!format!("{identity:?}").contains("115"), "the bytes are not shown");
}

#[test]
fn an_upload_that_claims_names() {
    let upload = |claims: Option<Vec<String>>| {
        let (destination, on_conflict) = ("/a".parse().unwrap(), OnConflict::Abort);
        request(Request::Upload { destination, on_conflict, names: None, group: None, claims })
    };
    for (header, bytes) in [
        (upload(None), &b"\xa2\x00\x01\x01\x82\x05\xa2\x00\x62/a\x01\x00"[..]),
        (upload(Some(vec!["x".to_owned()])), b"\xa2\x00\x01\x01\x82\x05\xa3\x00\x62/a\x01\x00\x04\x81\x61x"),
    ] {
        let mut encoded = Vec::new();
        header.encode(&mut encoded);
        assert_eq!(encoded, bytes);
        assert_eq!(Header::decode(bytes).unwrap(), header);
    }
}

#[test]
fn a_read_of_a_file_that_may_grow() {
    let read = |growing| {
        request(Request::Read { path: "/a".parse().unwrap(), offset: 0, length: 7, version: None, credit: 7, growing })
    };
    let known = Growing { size: 3, identity: Some(9), follow: true };
    for (header, bytes) in [
        (read(None), &b"\xa2\x00\x01\x01\x82\x18\x30\xa4\x00\x62/a\x01\x00\x02\x07\x04\x07"[..]),
        (
            read(Some(Growing::default())),
            b"\xa2\x00\x01\x01\x82\x18\x30\xa5\x00\x62/a\x01\x00\x02\x07\x04\x07\x05\xa1\x00\x00",
        ),
        (
            read(Some(known)),
            b"\xa2\x00\x01\x01\x82\x18\x30\xa5\x00\x62/a\x01\x00\x02\x07\x04\x07\x05\xa3\x00\x03\x01\x09\x02\xf5",
        ),
    ] {
        let mut encoded = Vec::new();
        header.encode(&mut encoded);
        assert_eq!(encoded, bytes);
        assert_eq!(Header::decode(bytes).unwrap(), header);
    }
    let done = Done { identity: Some(9), ..Done::default() };
    let bytes = minicbor::to_vec(&done).unwrap();
    assert!(bytes.ends_with(b"\x06\x09"), "{bytes:?}");
    assert_eq!(minicbor::decode::<Done>(&bytes).unwrap(), done);
}

#[test]
fn files_that_are_sent_strictly() {
    let plain = minicbor::to_vec(SendOptions::default()).unwrap();
    assert_eq!(minicbor::decode::<SendOptions>(&plain).unwrap(), SendOptions::default());
    let strict = SendOptions { strict: true, ..SendOptions::default() };
    let bytes = minicbor::to_vec(strict).unwrap();
    assert_eq!(bytes[1..], [&plain[1..], &b"\x05\xf5"[..]].concat());
    assert_eq!(minicbor::decode::<SendOptions>(&bytes).unwrap(), strict);
}

#[test]
fn the_sizes_of_chunks_that_a_server_admits() {
    let sizes = ChunkSizes { least: 512, most: 8192 };
    let bytes = b"\x82\x19\x02\x00\x19\x20\x00";
    assert_eq!(minicbor::to_vec(sizes).unwrap(), bytes);
    assert_eq!(minicbor::decode::<ChunkSizes>(bytes).unwrap(), sizes);
    assert!(sizes.admit(512) && sizes.admit(8192) && !sizes.admit(511) && !sizes.admit(8193));
    for (code, number) in [(ErrorCode::IncorrectChunkSize, 40), (ErrorCode::CorruptedResponse, 41)] {
        assert_eq!(minicbor::to_vec(code).unwrap(), [0x18, number]);
    }
}

//! Keys that came later: their bytes are frozen, and who does not send them means what it always meant.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use remofile_protocol::wire::{Body, Entry, Header, Item, Kind, OperationId, Request, Timestamp, Version};

fn request(request: Request) -> Header {
    Header { operation: OperationId(1), body: Body::Request(request), wait_milliseconds: 0 }
}

fn list(unflushed: bool) -> Header {
    request(Request::List { path: "/a".parse().unwrap(), recursive: false, rules: vec![], targets: false, unflushed })
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

//! The frozen examples of copies, links and attributes in `testdata/copies.txt`: as in `frozen`, what was ever sent must stay
//! readable, byte for byte.

#![allow(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

use remofile_protocol::wire::{AttributeSet, Body, Done, Header, OnConflict, OperationId, Request, Signal, Timestamp};

const COPIES: &str = include_str!("../../../testdata/copies.txt");

fn examples() -> Vec<(&'static str, Header)> {
    let (source, destination) = ("/a/b".parse().unwrap(), "/c".parse().unwrap());
    let (recursive, on_conflict, parents) = (true, OnConflict::Replace, true);
    let (attributes, as_they_are, devices) = (AttributeSet::NONE, false, false);
    let copy = Request::Copy { source, destination, recursive, on_conflict, parents, attributes, as_they_are, devices };
    let path = || "/a/b".parse().unwrap();
    let target = "../c".to_owned();
    let modified = Some(Timestamp::new(-1, 999_999_999));
    let request = |operation, request| Header {
        operation: OperationId(operation),
        body: Body::Request(request),
        wait_milliseconds: 0,
    };
    let done = Done { target: Some(target.clone()), ..Done::default() };
    vec![
        ("copy", request(1, copy)),
        ("make link", request(2, Request::MakeLink { path: path(), target, replace: true })),
        ("set attributes", request(3, Request::SetAttributes { path: path(), mode: Some(0o640), modified })),
        ("set nothing", request(4, Request::SetAttributes { path: path(), mode: None, modified: None })),
        ("look", request(5, Request::Look { path: path() })),
        ("done with a target", Header::signal(OperationId(5), Signal::Done { done })),
    ]
}

/// Copies that keep more than times and permission bits, in `testdata/whole_copies.txt`.
const WHOLE: &str = include_str!("../../../testdata/whole_copies.txt");

fn whole_copies() -> Vec<(&'static str, Header)> {
    let copy = |attributes, as_they_are, devices| {
        let (source, destination) = ("/a/b".parse().unwrap(), "/c".parse().unwrap());
        let (recursive, on_conflict, parents) = (true, OnConflict::Abort, false);
        let request =
            Request::Copy { source, destination, recursive, on_conflict, parents, attributes, as_they_are, devices };
        Header { operation: OperationId(1), body: Body::Request(request), wait_milliseconds: 0 }
    };
    vec![
        ("with attributes", copy(AttributeSet::TIMES_AND_MODES.and(AttributeSet::OWNER), false, false)),
        ("as it is", copy(AttributeSet::NONE, true, false)),
        ("with everything", copy(AttributeSet::ALL.and(AttributeSet::NUMERIC), true, true)),
    ]
}

#[test]
fn whole_copies_are_as_frozen_and_come_back() {
    assert_eq!(told(whole_copies()), WHOLE, "not as frozen");
}

#[test]
fn copies_are_as_frozen_and_come_back() {
    assert_eq!(told(examples()), COPIES, "not as frozen");
}

fn told(examples: Vec<(&'static str, Header)>) -> String {
    let mut found = String::new();
    for (name, header) in examples {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        assert_eq!(Header::decode(&bytes).unwrap(), header, "{name}");
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        found += &format!("{name}: {hex}\n");
    }
    found
}

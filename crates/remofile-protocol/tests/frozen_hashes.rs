//! The frozen examples of hashes and of the room of disks in `testdata/hashes.txt`: as in `frozen`, what was ever sent must
//! stay readable, byte for byte.

#![allow(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

use remofile_protocol::hash::HashAlgorithm;
use remofile_protocol::wire::{
    Body, DiskSpace, Done, Element, Entry, Header, Kind, OperationId, Request, Selection, Signal, Timestamp,
};

const HASHES: &str = include_str!("../../../testdata/hashes.txt");

fn headers() -> Vec<(&'static str, Header)> {
    let request = |operation, request| Header {
        operation: OperationId(operation),
        body: Body::Request(request),
        wait_milliseconds: 0,
    };
    let hash = |sources: &[&str], selection, algorithm| Request::Hash {
        sources: sources.iter().map(|source| source.parse().unwrap()).collect(),
        recursive: true,
        selection,
        algorithm,
    };
    let one_by_one = Selection { one_by_one: true, ..Selection::default() };
    let done = |space| {
        Header::signal(OperationId(3), Signal::Done { done: Done { space: Some(Box::new(space)), ..Done::default() } })
    };
    let space = DiskSpace { size: 1 << 40, used: 5, free: 1 << 30, files: None, free_files: None };
    vec![
        ("hash", request(1, hash(&["/a", "/b/c"], None, HashAlgorithm::Xxh3))),
        ("hash of sources that come", request(2, hash(&[], Some(one_by_one), HashAlgorithm::Sha256))),
        ("space", request(3, Request::Space { path: "/a".parse().unwrap() })),
        ("done with space", done(space)),
        ("done with space and files", done(DiskSpace { files: Some(1000), free_files: Some(7), ..space })),
    ]
}

fn hashed() -> Element {
    let path = "/a/b".parse().unwrap();
    let entry =
        Entry { path, kind: Kind::File, size: 3, modified: Timestamp::new(5, 7), mode: Some(0o644), unflushed: false };
    Element::Hash { name: "0/b".to_owned(), entry, hash: vec![0xab; 20] }
}

#[test]
fn hashes_are_as_frozen_and_come_back() {
    let mut found = String::new();
    let mut add = |name: &str, bytes: &[u8]| {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        found += &format!("{name}: {hex}\n");
    };
    for (name, header) in headers() {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        assert_eq!(Header::decode(&bytes).unwrap(), header, "{name}");
        add(name, &bytes);
    }
    let bytes = minicbor::to_vec(hashed()).unwrap();
    assert_eq!(minicbor::decode::<Element>(&bytes).unwrap(), hashed());
    add("hashed", &bytes);
    assert_eq!(found, HASHES, "not as frozen");
}

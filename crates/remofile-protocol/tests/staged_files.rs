//! The requests of staged files: their bytes are frozen.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use remofile_protocol::wire::{Body, Header, OperationId, Request, StagedFileId, Version};

fn check(request: Request, bytes: &[u8]) {
    let header = Header { operation: OperationId(1), body: Body::Request(request), wait_milliseconds: 0 };
    let mut encoded = Vec::new();
    header.encode(&mut encoded);
    assert_eq!(encoded, bytes);
    assert_eq!(Header::decode(bytes).unwrap(), header);
}

fn stage() -> Request {
    Request::Stage {
        path: "/a".parse().unwrap(),
        file: StagedFileId(*b"name of the file"),
        begin: false,
        replace: false,
        create: false,
        length: None,
        commit: None,
        version: None,
        discard: false,
    }
}

#[test]
fn a_stage_says_only_what_is_to_be_done() {
    let more = b"\xa2\x00\x01\x01\x82\x18\x38\xa2\x00\x62/a\x01\x50name of the file";
    check(stage(), more);
    let Request::Stage { path, file, .. } = stage() else { return };
    let whole = Request::Stage {
        path,
        file,
        begin: true,
        replace: true,
        create: true,
        length: Some(7),
        commit: Some(9),
        version: Some(Version(*b"version of bytes")),
        discard: true,
    };
    let bytes = b"\xa2\x00\x01\x01\x82\x18\x38\xa9\x00\x62/a\x01\x50name of the file\
        \x02\xf5\x03\xf5\x04\xf5\x05\x07\x06\x09\x07\x50version of bytes\x08\xf5";
    check(whole, bytes);
}

#[test]
fn a_read_of_a_staged_file_names_a_part() {
    let read = Request::ReadStaged {
        path: "/a".parse().unwrap(),
        file: StagedFileId(*b"name of the file"),
        offset: 1,
        length: 2,
        credit: 3,
    };
    check(read, b"\xa2\x00\x01\x01\x82\x18\x39\xa5\x00\x62/a\x01\x50name of the file\x02\x01\x03\x02\x04\x03");
}

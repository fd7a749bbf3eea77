//! The frozen examples of sessions with several connections in `testdata/lanes.txt`: as in `frozen`, what was ever sent must
//! stay readable, byte for byte.

#![allow(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

use remofile_protocol::wire::{Header, OperationId, Signal, split_number, write_number};

const LANES: &str = include_str!("../../../testdata/lanes.txt");

#[test]
fn numbered_headers_are_as_frozen_and_come_back() {
    let mut found = String::new();
    for number in [0, 1, 24, 300, 70_000, u64::MAX] {
        let header = Header::signal(OperationId(1), Signal::Credit { bytes: 5 });
        let mut bytes = Vec::new();
        write_number(number, &mut bytes);
        header.encode(&mut bytes);
        let (read, rest) = split_number(&bytes).unwrap();
        assert_eq!((read, Header::decode(rest).unwrap()), (Some(number), header));
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        found += &format!("message {number}: {hex}\n");
    }
    assert_eq!(found, LANES);
}

//! Peers that are there and say nothing: what they hold is given back. Each of these tests waits for
//! the protocol's own patience to end, 10 s.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::raw::Raw;
use common::{Fixture, noise, remote};
use remofile::protocol::wire::Request;
use remofile::{Client, ClientOptions, Wait};

fn waits_and_creates(fixture: &Fixture) {
    let mut client = Client::new(ClientOptions { wait: Wait::Forever, ..fixture.options() });
    client.create_file(&remote("/large"), true).unwrap();
    assert!(client.status().unwrap().report.holders.is_empty());
}

#[test]
fn a_holder_that_does_not_answer_pings_loses_its_lease() {
    let fixture = Fixture::new();
    let mut silent = Raw::connect(&fixture);
    silent.hold_write();
    waits_and_creates(&fixture);
    assert!(silent.was_ended());
}

#[test]
fn a_holder_that_stops_reading_loses_its_lease() {
    let fixture = Fixture::new();
    fixture.write("large", noise(24 * 1024 * 1024));
    let mut deaf = Raw::connect(&fixture);
    let sources = vec![remote("/large")];
    deaf.request(Request::Download {
        sources,
        recursive: true,
        total: false,
        credit: u64::MAX,
        selection: None,
        send_options: None,
    });
    let mut client = fixture.client();
    while client.status().unwrap().report.holders.is_empty() {
        std::thread::yield_now();
    }
    waits_and_creates(&fixture);
    drop(deaf);
}

//! Clients that misuse further connections of sessions: to keep threads, and to reach sessions that are over.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

use crate::common;

use common::raw::{Raw, identified};
use common::{Fixture, assert_serves};
use remofile::protocol::handshake::{ClientHello, ClientIdentity};
use remofile::protocol::wire::{OperationId, Signal};
use std::io::{ErrorKind, Read};
use std::time::Duration;

fn own(connection: u64) -> ClientIdentity {
    ClientIdentity { client: [1; 16], incarnation: 7, connection }
}

/// A further connection of the session with this number.
fn lane(fixture: &Fixture, connection: u64, joins: u64) -> Raw {
    let hello = ClientHello { joins: Some(joins), ..identified(own(connection)) };
    let mut lane = Raw::connect_with(fixture.address, &fixture.token, hello);
    lane.signal(OperationId::SESSION, Signal::Ping);
    lane
}

/// Waits until the server closes a connection, whatever it says before.
fn await_end(mut raw: Raw) {
    if let Err(error) = raw.stream.read_to_end(&mut Vec::new()) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "the server keeps it open");
    }
}

#[test]
fn a_session_with_several_connections_that_does_nothing_is_ended_since_it_keeps_a_thread() {
    let fixture = Fixture::with(|options| options.idle_timeout = Duration::from_millis(200));
    let mut alone = Raw::connect(&fixture);
    let mut session = Raw::connect_identified(fixture.address, &fixture.token, own(0));
    assert!(session.pings());
    let mut further = lane(&fixture, 1, 0);
    assert!(further.receive().is_some(), "it was taken");
    await_end(further);
    await_end(session);
    assert!(alone.pings(), "a session with one connection costs no thread, and stays");
    assert_serves(&fixture);
}

#[test]
fn nobody_joins_a_session_that_is_over() {
    let fixture = Fixture::new();
    for connection in 0..10 {
        let mut session = Raw::connect_identified(fixture.address, &fixture.token, own(2 * connection));
        assert!(session.pings());
        drop(session);
        // The server may notice the end before or after this.
        await_end(lane(&fixture, 2 * connection + 1, 2 * connection));
    }
    assert_serves(&fixture);
}

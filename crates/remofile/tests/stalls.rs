//! Lines that stall: a transfer ends when nothing moves for as long as its caller allows, and what came is of use.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::proxy::{Harm, proxy};
use common::{Fixture, noise, remote, write};
use remofile::{Client, ClientOptions, Error, RetryOptions, Silent, TransferOptions, Wait};
use std::time::Duration;

const LIMIT: Duration = Duration::from_millis(400);

/// Longer than any test may take.
const NEVER: Duration = Duration::from_secs(3600);

fn options() -> TransferOptions {
    TransferOptions { retry: RetryOptions::NEVER, ..TransferOptions::default() }
}

#[test]
fn a_stalled_transfer_ends_after_its_limit_and_the_next_goes_on_with_it() {
    let fixture = Fixture::new();
    let local = tempfile::tempdir().unwrap();
    let content = noise(6_000_000);
    let source = write(local.path(), "up", &content);
    fixture.write("down", &content);
    for (up, down) in [(Harm::Stall(2_000_000), Harm::None), (Harm::None, Harm::Stall(2_000_000))] {
        let (address, line) = proxy(fixture.address, up, down);
        let limits = ClientOptions { timeout: Some(NEVER), stall_timeout: Some(LIMIT), ..fixture.options() };
        let mut client = Client::new(ClientOptions { port: address.port(), ..limits });
        let result = match up {
            Harm::None => client.download(&[remote("/down")], local.path(), &options(), &mut Silent),
            _ => client.upload(std::slice::from_ref(&source), &remote("/"), &options(), &mut Silent),
        };
        assert!(matches!(result, Err(Error::Stalled(LIMIT))), "{result:?}");
        drop(client);
        line.join().unwrap();
    }
    let mut client =
        Client::new(ClientOptions { wait: Wait::Forever, stall_timeout: Some(NEVER), ..fixture.options() });
    let report = client.upload(&[source], &remote("/"), &options(), &mut Silent).unwrap();
    assert!(report.resumed_bytes > 0, "{report:?}");
    assert!(std::fs::read(fixture.path("up")).unwrap() == content);
    let report = client.download(&[remote("/down")], local.path(), &options(), &mut Silent).unwrap();
    assert!(report.resumed_bytes > 0, "{report:?}");
    assert!(std::fs::read(local.path().join("down")).unwrap() == content);
}

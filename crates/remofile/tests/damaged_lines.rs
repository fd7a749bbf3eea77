//! Lines that change what they carry, in the handshake and in records: over each carrier a damaged connection is made good by
//! another one, and is told as neither a wrong token nor a broken protocol.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::proxy::{CuttingLine, Harm, proxy};
use common::{Fixture, noise, remote, write};
use remofile::protocol::handshake::Refusal;
use remofile::protocol::key::PrivateKey;
use remofile::protocol::token::Token;
use remofile::{Client, ClientOptions, Error, Protocol, RetryOptions, Silent, TransferOptions, Wait};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The bytes of the lengths of the handshake's messages, on the way up and down. One that became too large has the other side
/// wait for 10 s.
const LENGTHS: [std::ops::Range<u64>; 2] = [28..30, 10..12];

/// A way to connect, and a server for it.
#[derive(Debug, Clone, Copy)]
enum Way {
    Native,
    NativeWithKey,
    Null,
    Curve,
}

impl Way {
    fn fixture(self) -> (Fixture, ClientOptions) {
        let key = matches!(self, Self::NativeWithKey | Self::Curve).then(PrivateKey::generate);
        let fixture = Fixture::with(|options| options.private_key = key.clone());
        let protocol = if matches!(self, Self::Null | Self::Curve) { Protocol::One } else { Protocol::Two };
        let public_key = key.as_ref().map(PrivateKey::public);
        let options = ClientOptions { protocol, public_key, wait: Wait::Forever, ..fixture.options() };
        (fixture, options)
    }

    /// The number of bytes that go up and down until a session is open, its first call included.
    fn bytes_to_open(self) -> (u64, u64) {
        let (fixture, options) = self.fixture();
        let (address, line) = proxy(fixture.address, Harm::None, Harm::None);
        drop(Client::connect(ClientOptions { port: address.port(), ..options }).unwrap());
        line.join().unwrap()
    }
}

/// Connects over a line whose first connection comes to harm; also tells how many connections there were.
fn connect(way: Way, up: Harm, down: Harm) -> (Result<(), Error>, usize) {
    let (fixture, options) = way.fixture();
    let line = CuttingLine::new(fixture.address, vec![(up, down)]);
    let result = Client::connect(ClientOptions { port: line.address.port(), ..options }).map(drop);
    (result, line.end().2)
}

/// Calls a function with every number, on some threads: each call waits for a server that slows guesses down.
fn for_each(numbers: &[u64], call: impl Fn(u64) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(&number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    call(number);
                }
            });
        }
    });
}

#[test]
fn a_handshake_that_is_damaged_at_any_byte_is_made_again() {
    for way in [Way::Native, Way::NativeWithKey] {
        let (up, down) = way.bytes_to_open();
        let upwards: Vec<u64> = (0..up).filter(|at| !LENGTHS[0].contains(at)).step_by(3).collect();
        for_each(&upwards, |at| {
            let (result, _) = connect(way, Harm::Flip(at), Harm::None);
            assert!(result.is_ok(), "{way:?}, byte {at} on the way up: {result:?}");
        });
        let downwards: Vec<u64> = (0..down).filter(|at| !LENGTHS[1].contains(at)).step_by(3).collect();
        for_each(&downwards, |at| {
            let (result, _) = connect(way, Harm::None, Harm::Flip(at));
            assert!(result.is_ok(), "{way:?}, byte {at} on the way down: {result:?}");
        });
    }
}

#[test]
fn a_handshake_of_protocol_1_that_is_damaged_is_no_wrong_token() {
    for way in [Way::Null, Way::Curve] {
        let (up, down) = way.bytes_to_open();
        let harms = |bytes: u64| (0..bytes).step_by(11).collect::<Vec<_>>();
        // Some bytes have the other side wait for more. The call ends before that.
        let is_honest = |result: Result<(), Error>| matches!(result, Ok(()) | Err(Error::Timeout(_)));
        let connect = |up, down| {
            let (fixture, options) = way.fixture();
            let line = CuttingLine::new(fixture.address, vec![(up, down)]);
            let timeout = Some(Duration::from_secs(3));
            let result = Client::connect(ClientOptions { port: line.address.port(), timeout, ..options }).map(drop);
            drop(fixture);
            line.end();
            result
        };
        for_each(&harms(up), |at| {
            let result = connect(Harm::Flip(at), Harm::None);
            assert!(is_honest(result), "{way:?}, byte {at} on the way up");
        });
        for_each(&harms(down), |at| {
            let result = connect(Harm::None, Harm::Flip(at));
            assert!(is_honest(result), "{way:?}, byte {at} on the way down");
        });
    }
}

#[test]
fn a_token_that_is_wrong_costs_two_connections() {
    for way in [Way::Native, Way::NativeWithKey, Way::Null, Way::Curve] {
        let (fixture, options) = way.fixture();
        let line = CuttingLine::new(fixture.address, Vec::new());
        let options = ClientOptions { port: line.address.port(), token: Token::generate(), ..options };
        let error = Client::connect(options).unwrap_err();
        assert!(matches!(error, Error::Refused(Refusal::Token)), "{way:?}: {error:?}");
        assert_eq!(line.end().2, 2, "{way:?}");
    }
}

#[test]
fn a_record_that_is_changed_on_the_way_down_is_made_good_by_another_attempt() {
    let content = noise(300_000);
    for way in [Way::Native, Way::NativeWithKey, Way::Curve] {
        let (_, opened) = way.bytes_to_open();
        for at in [opened + 40, opened + 2_000, 150_000, 290_000] {
            let (fixture, options) = way.fixture();
            fixture.write("file", &content);
            let local = tempfile::tempdir().unwrap();
            let line = CuttingLine::new(fixture.address, vec![(Harm::None, Harm::Flip(at))]);
            let mut client = Client::new(ClientOptions { port: line.address.port(), ..options });
            let retry = RetryOptions { pause: Duration::from_millis(1), ..RetryOptions::default() };
            let options = TransferOptions { retry, ..TransferOptions::default() };
            let report = client.download(&[remote("/file")], local.path(), &options, &mut Silent).unwrap();
            assert_eq!((report.files, report.retries), (1, 1), "{way:?}, byte {at}");
            assert!(std::fs::read(local.path().join("file")).unwrap() == content, "{way:?}, byte {at}");
            drop(client);
            line.end();
        }
    }
}

#[test]
fn a_record_that_is_changed_on_the_way_up_is_made_good_by_another_attempt() {
    let (content, local) = (noise(300_000), tempfile::tempdir().unwrap());
    let source = write(local.path(), "file", &content);
    for way in [Way::Native, Way::NativeWithKey] {
        let (opened, _) = way.bytes_to_open();
        for at in [opened + 40, opened + 2_000, 150_000, 290_000] {
            let (fixture, options) = way.fixture();
            let line = CuttingLine::new(fixture.address, vec![(Harm::Flip(at), Harm::None)]);
            let mut client = Client::new(ClientOptions { port: line.address.port(), ..options });
            let retry = RetryOptions { pause: Duration::from_millis(1), ..RetryOptions::default() };
            let options = TransferOptions { retry, ..TransferOptions::default() };
            let report = client.upload(std::slice::from_ref(&source), &remote("/"), &options, &mut Silent).unwrap();
            assert_eq!((report.files, report.retries), (1, 1), "{way:?}, byte {at}");
            assert!(std::fs::read(fixture.path("file")).unwrap() == content, "{way:?}, byte {at}");
            drop(client);
            line.end();
        }
    }
}

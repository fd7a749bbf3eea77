//! Sessions that have nothing to do are parked: they cost no thread, and whatever comes for them is done.

#![cfg(target_os = "linux")]
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk and at their threads themselves, and fail by panicking"
)]

use crate::common;
use crate::zeromq::peer;

use common::Fixture;
use common::raw::Raw;
use peer::ZeroMq;
use remofile::protocol::handshake::{ZeroMqAnswer, ZeroMqHello};
use remofile::protocol::protocol1::{Directory, Request as Request1, Response};
use remofile::protocol::wire::{Body, ErrorCode, Header, OperationId, Request, Signal};
use std::time::Duration;
use zeroize::Zeroizing;

/// Threads that run sessions, or have run one a moment ago, in all tests of this file.
fn workers() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let name = |task: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(task.unwrap().path().join("comm"));
    // One may end while it is looked at.
    tasks.filter_map(|task| name(task).ok()).filter(|name| name.trim() == "session").count()
}

/// Waits until every session there is was parked.
fn wait_until_parked() {
    while workers() > 0 {
        std::thread::yield_now();
    }
}

fn is_served(client: &mut Raw) -> bool {
    let status = client.request(Request::Status);
    client.outcome(status).is_some_and(|outcome| outcome.is_ok())
}

/// So many sessions that were served once.
fn served(fixture: &Fixture, count: usize) -> Vec<Raw> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = Raw::connect(fixture);
        assert!(is_served(&mut client));
        clients.push(client);
    }
    clients
}

/// A session of protocol 2 over ZeroMQ.
fn dealer(fixture: &Fixture) -> ZeroMq {
    let mut client = ZeroMq::dealer(fixture.address, "somebody");
    client
        .send(&[&ZeroMqHello::new("test/1", "tester@here", Some(Zeroizing::new(fixture.token.reveal().to_owned())))
            .encode()]);
    let answer = client.receive().unwrap();
    assert!(matches!(ZeroMqAnswer::decode(&answer[0]).unwrap(), ZeroMqAnswer::Accepted(_)));
    client
}

fn is_served_over_zeromq(client: &mut ZeroMq, number: u64) -> bool {
    let (operation, body) = (OperationId(number), Body::Request(Request::Status));
    client.send_header(&Header { operation, body, wait_milliseconds: 0 }, &[]);
    matches!(client.next(), Some((id, Signal::Done { .. }, _)) if id == operation)
}

fn list() -> Request1<'static> {
    Request1::ListFiles { directory: Directory::new("/") }
}

#[test]
fn hundreds_of_idle_sessions_cost_no_thread_and_all_of_them_answer_later() {
    let fixture = Fixture::new();
    let mut clients = served(&fixture, 200);
    wait_until_parked();
    // One after the other, and then all at once.
    assert!(clients.iter_mut().all(is_served));
    let asked: Vec<OperationId> = clients.iter_mut().map(|client| client.request(Request::Status)).collect();
    let mut answers = clients.iter_mut().zip(asked).map(|(client, operation)| client.outcome(operation));
    assert!(answers.all(|outcome| outcome.unwrap().is_ok()));
    wait_until_parked();
}

#[test]
fn a_parked_session_of_every_kind_is_woken_by_a_request() {
    let fixture = Fixture::new();
    let (mut native, mut dealer) = (Raw::connect(&fixture), dealer(&fixture));
    let mut documented = ZeroMq::req(fixture.address, fixture.token.reveal());
    for number in 1..4 {
        assert!(is_served(&mut native));
        assert!(is_served_over_zeromq(&mut dealer, number));
        assert!(matches!(documented.ask(&list()), Response::FilesListed(_)));
        wait_until_parked();
    }
}

#[test]
fn a_parked_session_answers_pings() {
    let fixture = Fixture::new();
    let mut native = Raw::connect(&fixture);
    let mut dealer = dealer(&fixture);
    assert!(is_served(&mut native));
    for _ in 0..2 {
        wait_until_parked();
        native.signal(OperationId::SESSION, Signal::Ping);
        assert_eq!(native.receive().unwrap().0.body, Body::Signal(Signal::Pong));
        dealer.send_header(&Header::signal(OperationId::SESSION, Signal::Ping), &[]);
        let pong = Header::decode(&dealer.receive().unwrap()[0]).unwrap();
        assert_eq!(pong.body, Body::Signal(Signal::Pong));
        dealer.ping();
        assert!(dealer.has_pong(), "ZeroMQ's own heartbeat");
    }
}

#[test]
fn a_record_that_comes_in_two_halves_around_the_parking_is_whole() {
    let fixture = Fixture::new();
    let mut client = Raw::connect(&fixture);
    assert!(is_served(&mut client));
    let mut header = Vec::new();
    let operation = OperationId(9);
    Header { operation, body: Body::Request(Request::Status), wait_milliseconds: 0 }.encode(&mut header);
    let length = u32::try_from(header.len()).unwrap().to_be_bytes();
    let record = client.seal(&[&header[..], &length].concat());
    let (first, second) = record.split_at(record.len() / 2);
    client.bytes(first);
    wait_until_parked();
    client.bytes(second);
    assert!(client.outcome(operation).unwrap().is_ok());
}

#[test]
fn parked_sessions_are_told_when_the_server_ends() {
    let mut fixture = Fixture::new();
    let mut clients = served(&fixture, 20);
    let (mut dealer, mut documented) = (dealer(&fixture), ZeroMq::req(fixture.address, fixture.token.reveal()));
    assert!(matches!(documented.ask(&list()), Response::FilesListed(_)));
    wait_until_parked();
    fixture.stop().unwrap();
    let reason = Some(ErrorCode::ShuttingDown);
    for client in &mut clients {
        assert_eq!(client.receive().unwrap().0.body, Body::Signal(Signal::Goodbye { reason }));
        assert!(client.receive().is_none());
    }
    assert_eq!(dealer.next().unwrap().1, Signal::Goodbye { reason });
    assert!(dealer.receive().is_none() && documented.receive().is_none());
}

#[test]
fn a_parked_session_makes_room_for_others() {
    let fixture = Fixture::with(|options| {
        (options.max_sessions, options.sessions_per_address) = (2, Some(2));
        options.idle_timeout = Duration::ZERO;
    });
    let mut first = Raw::connect(&fixture);
    assert!(is_served(&mut first));
    wait_until_parked();
    let mut second = dealer(&fixture);
    wait_until_parked();
    let (mut third, mut fourth) = (Raw::connect(&fixture), Raw::connect(&fixture));
    assert!(is_served(&mut third) && is_served(&mut fourth));
    assert_eq!(first.receive().unwrap().0.body, Body::Signal(Signal::Goodbye { reason: None }));
    assert_eq!(second.next().unwrap().1, Signal::Goodbye { reason: None });
}

#[test]
fn a_parked_session_whose_client_leaves_ends() {
    let fixture = Fixture::with(|options| {
        (options.max_sessions, options.sessions_per_address) = (1, Some(1));
        options.idle_timeout = Duration::from_secs(3600);
    });
    let mut client = Raw::connect(&fixture);
    assert!(is_served(&mut client));
    wait_until_parked();
    drop(client);
    // Its place is free as soon as the server has seen it go.
    while remofile::Client::connect(fixture.options()).is_err() {}
}

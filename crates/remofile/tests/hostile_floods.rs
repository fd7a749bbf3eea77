//! Servers that say far too much: a client holds a bounded part of it, says how much there was, and still hears the answer.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::raw::{Raw, listen};
use common::remote;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{
    Body, Done, Element, ErrorCode, Failure, Header, Holder, Item, Listed, OperationId, Request, Signal,
};
use remofile::sync::{SyncOptions, SyncReport, synchronize_upload};
use remofile::{Client, ClientOptions, Error, Event, Monitor, OnWaiting, RetryOptions, Silent, TransferOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// Payload of one message at most, in bytes.
const PAYLOAD_BYTES: usize = 256 * 1024;

/// A client of a server that answers requests, one after the other, with this.
fn lied_to(mut answer: impl FnMut(&mut Raw, OperationId, Request) + Send + 'static) -> (Client, JoinHandle<()>) {
    let token = Token::generate();
    let own = token.clone();
    let (address, server) = listen(move |stream| {
        let mut raw = Raw::accept(stream, &own);
        while let Some((operation, request)) = raw.next_request() {
            answer(&mut raw, operation, request);
        }
    });
    (Client::new(ClientOptions::new("127.0.0.1", address.port(), token)), server)
}

fn done(raw: &mut Raw, operation: OperationId) {
    raw.signal(operation, Signal::Done { done: Done::default() });
}

/// Waits for the next credit of an operation, in bytes.
fn granted(raw: &mut Raw, operation: OperationId) -> u64 {
    let is_credit =
        |header: &Header| header.operation == operation && matches!(header.body, Body::Signal(Signal::Credit { .. }));
    let Body::Signal(Signal::Credit { bytes }) = raw.until(is_credit).0.body else { panic!("no credit") };
    bytes
}

/// Synchronises an empty directory with one that a server lists as these bytes; it ends the listing only when it is
/// asked to. Gives the result, and whether the next call went over the same session.
fn synchronize(listing: Vec<Vec<u8>>) -> (remofile::Result<SyncReport>, bool) {
    let (mut client, server) = lied_to(move |raw, operation, request| match request {
        Request::Hold { .. } => {
            raw.signal(operation, Signal::Credit { bytes: 1 });
        }
        Request::List { .. } => {
            for payload in &listing {
                raw.send(&Header::signal(operation, Signal::Entries), payload);
            }
            raw.until(|header| header.operation == operation && header.body == Body::Signal(Signal::Cancel));
            raw.signal(operation, Signal::Failed { failure: ErrorCode::Cancelled.into() });
        }
        _ => done(raw, operation),
    });
    let local = tempfile::tempdir().unwrap();
    let options = SyncOptions { retry: RetryOptions::NEVER, ..SyncOptions::default() };
    let result = synchronize_upload(&mut client, local.path(), &remote("/"), &options, &mut Silent);
    let is_usable = client.remove(&remote("/any"), false).is_ok();
    drop(client);
    server.join().unwrap();
    (result, is_usable)
}

#[test]
fn a_sync_that_cannot_go_on_asks_the_server_to_list_no_more_and_says_why() {
    let failure = Failure::new(ErrorCode::InvalidName);
    let element = minicbor::to_vec(Element::Listed(Listed::Failed(failure))).unwrap();
    let payload = element.repeat(PAYLOAD_BYTES / element.len());
    let messages = 100_001_usize.div_ceil(PAYLOAD_BYTES / element.len());
    let (result, is_usable) = synchronize(vec![payload; messages]);
    let Err(Error::Local(failure)) = result else { panic!("{result:?}") };
    assert_eq!(failure.code, ErrorCode::OutOfResources);
    assert!(failure.to_string().contains("the server cannot list more than 100000 files"), "{failure}");
    assert!(is_usable, "the session is as it was");
}

#[test]
fn elements_that_make_no_sense_end_a_sync_at_once_however_many_messages_they_come_in() {
    let messages = std::iter::repeat_n(Vec::new(), 10_000).chain([vec![0xff]]).collect();
    let (result, _) = synchronize(messages);
    assert!(matches!(result, Err(Error::Protocol(_))), "{result:?}");
}

/// Failures that a report keeps at most, and those that are told.
const KEPT: u64 = 10_000;
const TOLD: u64 = 120_000;

/// Counts what it is told.
#[derive(Default)]
struct Counting {
    failed: u64,
    waits: u64,
    most_holders: usize,
}

impl Monitor for Counting {
    fn report(&mut self, event: Event<'_>) {
        match event {
            Event::FileFailed { .. } => self.failed += 1,
            Event::Waiting { holders } => {
                self.waits += 1;
                self.most_holders = self.most_holders.max(holders.len());
            }
            _ => {}
        }
    }
}

fn once() -> TransferOptions {
    TransferOptions { recursive: true, resume: false, retry: RetryOptions::NEVER, ..TransferOptions::default() }
}

#[test]
fn of_failures_without_end_a_client_keeps_so_many_and_tells_how_many_there_were() {
    let (mut client, server) = lied_to(|raw, operation, _| {
        for first in (0..TOLD).step_by(1000) {
            let failed = |number: u64| Item::Failed { failure: Failure::new(ErrorCode::NotFound).at(number) };
            raw.data(operation, (first..first + 1000).map(failed).collect(), &[]);
        }
        done(raw, operation);
    });
    let (into, mut monitor) = (tempfile::tempdir().unwrap(), Counting::default());
    let report = client.download(&[remote("/tree")], into.path(), &once(), &mut monitor).unwrap();
    assert_eq!((report.failures.len() as u64, report.failures_left_out), (KEPT, TOLD - KEPT));
    assert_eq!((report.failure_count(), monitor.failed), (TOLD, TOLD));
    drop(client);
    server.join().unwrap();
}

#[test]
fn of_failures_with_long_texts_without_end_a_client_keeps_so_many_bytes() {
    let (mut client, server) = lied_to(|raw, operation, request| {
        let failure = Failure::new(ErrorCode::NotFound).at("x".repeat(100_000));
        let Request::Download { mut credit, .. } = request else { panic!("{request:?}") };
        for _ in 0..120 {
            // More than one costs. Who goes beyond the credit is no flood, but an error.
            while credit < 110_000 {
                credit += granted(raw, operation);
            }
            credit -= 110_000;
            raw.data(operation, vec![Item::Failed { failure: failure.clone() }], &[]);
        }
        done(raw, operation);
    });
    let into = tempfile::tempdir().unwrap();
    let report = client.download(&[remote("/tree")], into.path(), &once(), &mut Silent).unwrap();
    assert_eq!(report.failure_count(), 120);
    assert!(report.failures.len() < 100, "{} of 100 kB each", report.failures.len());
    drop(client);
    server.join().unwrap();
}

/// Says again and again whom an operation waits for, far more than a server has holders.
fn flood_with_holders(raw: &mut Raw, operation: OperationId) {
    let holder = Holder {
        client: "x@y".to_owned(),
        address: "z".to_owned(),
        activity: "upload".to_owned(),
        held_milliseconds: u64::MAX,
        path: None,
    };
    for _ in 0..50 {
        raw.signal(operation, Signal::Waiting { holders: vec![holder.clone(); 1000] });
    }
}

#[test]
fn a_flood_before_the_answer_costs_no_memory_and_the_answer_is_heard() {
    let (mut client, server) = lied_to(|raw, operation, request| {
        flood_with_holders(raw, operation);
        for _ in 0..2000 {
            raw.signal(operation, Signal::Credit { bytes: u64::MAX });
            if matches!(request, Request::List { .. }) {
                // Without any element it takes no credit.
                raw.signal(operation, Signal::Entries);
            } else {
                raw.signal(operation, Signal::Total { files: u64::MAX, bytes: u64::MAX });
            }
        }
        done(raw, operation);
    });
    let most_holders = Arc::new(AtomicUsize::new(0));
    let most = Arc::clone(&most_holders);
    client.set_on_waiting(OnWaiting::new(move |holders| {
        most.fetch_max(holders.len(), Ordering::Relaxed);
    }));
    client.list(&remote("/"), true, &mut |listed| panic!("{listed:?}")).unwrap();
    assert_eq!(most_holders.load(Ordering::Relaxed), 16);
    let (into, mut monitor) = (tempfile::tempdir().unwrap(), Counting::default());
    let report = client.download(&[remote("/tree")], into.path(), &once(), &mut monitor).unwrap();
    assert_eq!((report.files, report.failure_count()), (0, 0));
    assert_eq!((monitor.waits, monitor.most_holders), (50, 16));
    drop(client);
    server.join().unwrap();
}

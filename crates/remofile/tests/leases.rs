//! Leases: writers of different paths beside each other, one writer of a path, and nobody hangs on the others.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::raw::{self, Raw};
use common::{Fixture, assert_serves, noise, remote, tree, visible, write};
use remofile::protocol::wire::{Body, ErrorCode, Holder, OperationId, Request, Signal};
use remofile::{
    Client, ClientOptions, Error, Event, Interrupt, Monitor, OnWaiting, OpenOptions, Silent, SyncOptions,
    TransferOptions, Wait, synchronize_upload,
};
use std::io::Write;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

fn client(fixture: &Fixture, wait: Wait) -> Client {
    Client::new(ClientOptions { wait, ..fixture.options() })
}

fn holders(error: Error) -> Vec<Holder> {
    match error {
        Error::Busy(holders) => holders,
        other => panic!("{other:?}"),
    }
}

fn recursive() -> TransferOptions {
    TransferOptions { recursive: true, ..TransferOptions::default() }
}

/// Returns when so many operations wait for a lease.
fn until_waiting(fixture: &Fixture, count: u64) {
    let mut client = fixture.client();
    while client.status().unwrap().report.waiting != count {
        std::thread::yield_now();
    }
}

#[test]
fn a_refusal_names_who_is_in_the_way_what_they_do_and_since_when() {
    let fixture = Fixture::new();
    fixture.write("file", "old");
    let mut other = Raw::connect(&fixture);
    other.hold_write();
    let (mut client, local) = (fixture.client(), tempfile::tempdir().unwrap());
    for refused in [
        client.create_file(&remote("/new"), false),
        client.make_directory(&remote("/new"), false, false),
        client.remove(&remote("/file"), true).map(drop),
        client.rename(&remote("/file"), &remote("/new"), false),
        client.upload(&[fixture.path("file")], &remote("/"), &TransferOptions::default(), &mut Silent).map(drop),
        client.upload_stream(Box::new(&b"x"[..]), &remote("/new"), &TransferOptions::default(), &mut Silent).map(drop),
        client.download(&[remote("/file")], local.path(), &recursive(), &mut Silent).map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(error.to_string().contains("raw@test"), "{error}");
        assert_eq!(error.kind(), "busy");
        let holders = holders(error);
        assert_eq!(holders.len(), 1);
        assert_eq!((holders[0].client.as_str(), holders[0].activity.as_str()), ("raw@test", "upload"));
        assert_eq!(holders[0].address, other.stream.local_addr().unwrap().to_string());
        assert_eq!(holders[0].path.as_deref(), Some("/"));
    }
    assert_eq!(visible(fixture.root()), ["file"]);
}

#[test]
fn the_status_answers_whoever_holds_the_lease_and_names_them() {
    let fixture = Fixture::new();
    let mut other = Raw::connect(&fixture);
    let operation = other.hold_write();
    let mut client = fixture.client();
    let first = client.status().unwrap().report;
    let second = client.status().unwrap().report;
    assert_eq!((first.holders[0].client.as_str(), first.holders[0].activity.as_str()), ("raw@test", "upload"));
    assert!(second.holders[0].held_milliseconds >= first.holders[0].held_milliseconds);
    assert_eq!((first.holders.len(), first.waiting), (1, 0));
    other.signal(operation, Signal::Finish);
    assert!(other.outcome(operation).unwrap().is_ok());
    assert!(client.status().unwrap().report.holders.is_empty());
}

#[test]
fn readers_share_and_keep_writers_out() {
    let fixture = Fixture::new();
    fixture.write("file", "content");
    let (mut one, mut two) = (Raw::connect(&fixture), Raw::connect(&fixture));
    one.hold_read("/file", 0);
    two.hold_read("/file", 3);
    let mut client = fixture.client();
    assert_eq!(client.stat(&remote("/file")).unwrap().size, 7);
    assert!(client.list(&remote("/"), true, &mut |_| Ok(())).is_ok());
    client.create_file(&remote("/new"), false).unwrap();
    let holders = holders(client.create_file(&remote("/file"), true).unwrap_err());
    assert_eq!(holders[0].path.as_deref(), Some("/file"));
    let who: Vec<&str> = holders.iter().map(|holder| holder.activity.as_str()).collect();
    assert_eq!(who, ["download", "download"]);
    drop((one, two));
    assert_serves(&fixture);
}

#[test]
fn a_session_is_not_in_its_own_way() {
    let fixture = Fixture::new();
    let mut other = Raw::connect(&fixture);
    let upload = other.hold_write();
    let create = other.request(Request::CreateFile { path: remote("/made"), update: false });
    assert!(other.outcome(create).unwrap().is_ok());
    other.data(upload, raw::file("sent", b"x"), b"x");
    other.signal(upload, Signal::Finish);
    assert_eq!(other.outcome(upload).unwrap().unwrap().files, 1);
    assert_eq!(visible(fixture.root()), ["made", "sent"]);
}

#[test]
fn who_waits_gets_the_lease_when_it_is_free() {
    for wait in [
        Wait::Forever,
        Wait::For(Duration::from_secs(3600)),
        Wait::For(Duration::MAX),
        Wait::For(Duration::from_millis(u64::MAX - 1)),
    ] {
        let fixture = Fixture::new();
        let mut other = Raw::connect(&fixture);
        let operation = other.hold_write();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| client(&fixture, wait).create_file(&remote("/waited"), false));
            until_waiting(&fixture, 1);
            assert!(!fixture.path("waited").exists());
            other.signal(operation, Signal::Finish);
            waiting.join().unwrap().unwrap();
        });
        assert!(fixture.path("waited").exists());
    }
}

#[test]
fn a_wait_ends_with_a_refusal_that_names_the_holder() {
    let fixture = Fixture::new();
    let mut other = Raw::connect(&fixture);
    other.hold_write();
    let mut client = client(&fixture, Wait::For(Duration::from_millis(20)));
    let refused = holders(client.create_file(&remote("/new"), false).unwrap_err());
    assert_eq!(refused[0].client, "raw@test");
    assert_eq!(client.status().unwrap().report.waiting, 0, "it still has a place in the queue");
}

#[test]
fn who_waits_first_is_served_first_and_one_after_the_other() {
    let fixture = Fixture::new();
    let mut holder = Raw::connect(&fixture);
    let held = holder.hold_write();
    let mut waiting: Vec<(Raw, OperationId)> = Vec::new();
    for count in 1..=5 {
        let mut raw = Raw::connect(&fixture);
        let operation = raw.request_waiting(raw::upload_to("/"), u64::MAX);
        waiting.push((raw, operation));
        until_waiting(&fixture, count);
    }
    holder.signal(held, Signal::Finish);
    for (left, (mut raw, operation)) in (0..5).rev().zip(waiting) {
        raw.until(|header| matches!(header.body, Body::Signal(Signal::Credit { .. })));
        until_waiting(&fixture, left);
        raw.signal(operation, Signal::Finish);
        assert!(raw.outcome(operation).unwrap().is_ok());
    }
}

/// Tells a test when an operation begins to wait.
struct Watch(Sender<Vec<Holder>>);

impl Monitor for Watch {
    fn report(&mut self, event: Event<'_>) {
        if let Event::Waiting { holders } = event {
            self.0.send(holders.to_vec()).unwrap();
        }
    }
}

#[test]
fn small_calls_and_open_files_tell_whom_they_wait_for() {
    let calls: &[fn(&mut Client)] = &[
        |client| client.create_file(&remote("/file"), true).unwrap(),
        |client| {
            let mut file = client.open(&remote("/file"), OpenOptions::new().append(true)).unwrap();
            file.write_all(b"more").unwrap();
            file.close().unwrap();
        },
        |client| assert_eq!(client.remove(&remote("/file"), false).unwrap().files, 1),
    ];
    let fixture = Fixture::new();
    fixture.write("file", "content");
    for call in calls {
        let mut other = Raw::connect(&fixture);
        let operation = other.hold_write();
        let (sender, receiver) = channel();
        let on_waiting = OnWaiting::new(move |holders| sender.send(holders.to_vec()).unwrap());
        let options = ClientOptions { wait: Wait::Forever, on_waiting, ..fixture.options() };
        std::thread::scope(|scope| {
            let calling = scope.spawn(move || call(&mut Client::new(options)));
            assert_eq!(receiver.recv().unwrap()[0].client, "raw@test");
            other.signal(operation, Signal::Finish);
            calling.join().unwrap();
        });
    }
}

#[test]
fn an_upload_that_waited_arrives_whole_with_what_was_sent_meanwhile() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    write(local.path(), "tree/large", noise(3 * 1024 * 1024));
    write(local.path(), "tree/small", "small");
    let mut other = Raw::connect(&fixture);
    let operation = other.hold_write();
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        let uploading = scope.spawn(|| {
            let options = TransferOptions { recursive: true, ..TransferOptions::default() };
            client(&fixture, Wait::Forever).upload(
                &[local.path().join("tree")],
                &remote("/"),
                &options,
                &mut Watch(sender),
            )
        });
        assert_eq!(receiver.recv().unwrap()[0].client, "raw@test");
        other.signal(operation, Signal::Finish);
        let report = uploading.join().unwrap().unwrap();
        assert_eq!((report.files, report.failures.len()), (2, 0), "{report:?}");
    });
    assert_eq!(tree(fixture.root()), tree(local.path()));
}

#[test]
fn a_holder_that_is_gone_holds_nothing() {
    let fixture = Fixture::new();
    for write in [true, false] {
        let mut other = Raw::connect(&fixture);
        if write {
            let operation = other.hold_write();
            other.data(operation, vec![raw::begin("half", Some(10)), raw::piece(3)], b"abc");
        } else {
            fixture.write("file", "content");
            other.hold_read("/file", 0);
        }
        let taken = remote(if write { "/new" } else { "/file" });
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| client(&fixture, Wait::Forever).create_file(&taken, true));
            until_waiting(&fixture, 1);
            drop(other);
            waiting.join().unwrap().unwrap();
        });
    }
    assert_eq!(visible(fixture.root()), ["file", "new"]);
}

#[test]
fn who_waited_and_left_does_not_get_the_lease() {
    let fixture = Fixture::new();
    let mut holder = Raw::connect(&fixture);
    let held = holder.hold_write();
    let mut leaving = Raw::connect(&fixture);
    let cancelled = leaving.request_waiting(raw::upload_to("/"), u64::MAX);
    leaving.request_waiting(raw::upload_to("/"), u64::MAX);
    until_waiting(&fixture, 2);
    leaving.signal(cancelled, Signal::Cancel);
    assert_eq!(leaving.outcome(cancelled).unwrap().unwrap_err().code, ErrorCode::Cancelled);
    until_waiting(&fixture, 1);
    drop(leaving);
    until_waiting(&fixture, 0);
    holder.signal(held, Signal::Finish);
    assert_serves(&fixture);
}

#[test]
fn a_timeout_ends_a_wait_without_end() {
    let fixture = Fixture::new();
    let mut other = Raw::connect(&fixture);
    other.hold_write();
    let options = ClientOptions { timeout: Some(Duration::from_millis(300)), wait: Wait::Forever, ..fixture.options() };
    let mut client = Client::new(options);
    let error = client.create_file(&remote("/new"), false).unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    drop(other);
    assert_serves(&fixture);
}

#[test]
fn one_interrupt_ends_the_waits_of_all_clients_that_share_it() {
    let fixture = Fixture::new();
    let interrupt = Interrupt::default();
    let mut holder = Raw::connect(&fixture);
    holder.hold_write();
    let options = ClientOptions { interrupt: interrupt.clone(), wait: Wait::Forever, ..fixture.options() };
    std::thread::scope(|scope| {
        let waiting: Vec<_> =
            (0..8).map(|_| scope.spawn(|| Client::new(options.clone()).create_file(&remote("/new"), false))).collect();
        until_waiting(&fixture, 8);
        interrupt.trigger();
        for client in waiting {
            assert!(matches!(client.join().unwrap(), Err(Error::Interrupted)));
        }
    });
    until_waiting(&fixture, 0);
    drop(holder);
    assert_serves(&fixture);
}

#[test]
fn a_session_that_holds_the_lease_works_under_it_and_keeps_others_out_until_it_gives_it_back() {
    let fixture = Fixture::new();
    fixture.write("file", "content");
    for write in [true, false] {
        let mut holder = Raw::connect(&fixture);
        let held = holder.request(Request::Hold { write, paths: vec![remote("/file")] });
        holder.until(|header| matches!(header.body, Body::Signal(Signal::Credit { .. })));
        let own = holder.request(Request::Stat { path: remote("/file") });
        assert!(holder.outcome(own).unwrap().is_ok());
        let mut other = client(&fixture, Wait::No);
        other.stat(&remote("/file")).unwrap();
        other.create_file(&remote("/new"), true).unwrap();
        let holders = holders(other.create_file(&remote("/file"), true).unwrap_err());
        assert_eq!((holders[0].activity.as_str(), holders[0].path.as_deref()), ("sync", Some("/file")));
        holder.signal(held, Signal::Finish);
        assert!(holder.outcome(held).unwrap().is_ok());
        other.create_file(&remote("/file"), true).unwrap();
    }
    assert_serves(&fixture);
}

#[test]
fn a_sync_that_has_returned_is_in_nobodys_way() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let (mut own, mut other) = (fixture.client(), client(&fixture, Wait::No));
    other.status().unwrap();
    let options = SyncOptions::default();
    // Over and over: what is wrong would show only where the other one is quicker than the server.
    for round in 0..100 {
        if round % 2 == 0 {
            write(local.path(), "file", noise(round));
        }
        synchronize_upload(&mut own, local.path(), &remote("/tree"), &options, &mut Silent).unwrap();
        other.create_file(&remote("/tree/other"), true).unwrap();
    }
}

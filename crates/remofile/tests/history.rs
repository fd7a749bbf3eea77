//! Histories: many clients at one server, whose paths overlap. Afterwards what each has seen is checked: operations that
//! conflict were never at work at the same time, and each read saw one committed version.
//!
//! `REMOFILE_HISTORY_OPERATIONS` says how many operations each of the clients does.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::raw::{self, Raw};
use common::{Fixture, remote};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Body, Header, OnConflict, OperationId, Request, Signal, WAIT_FOREVER};
use remofile::{Client, ClientOptions, OpenOptions, RetryOptions, Silent, TransferOptions, Wait};
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const CLIENTS: u64 = 64;
const OPERATIONS: u64 = 6;
const DIRECTORIES: [&str; 3] = ["/a", "/a/b", "/c"];
const FILES: [&str; 5] = ["/a/f", "/a/g", "/a/b/f", "/c/f", "/c/g"];
/// Numbers in a file: it takes several messages, and several reads.
const NUMBERS: usize = 20_000;

/// A write or a read of one file.
#[derive(Debug, Clone, Copy)]
struct Event {
    file: &'static str,
    value: u64,
    begun: Instant,
    ended: Instant,
}

#[derive(Default)]
struct History {
    writes: Mutex<Vec<Event>>,
    reads: Mutex<Vec<Event>>,
    counted: [AtomicU64; DIRECTORIES.len()],
    next: AtomicU64,
}

fn content(value: u64) -> Vec<u8> {
    value.to_be_bytes().repeat(NUMBERS)
}

/// The number that a file is full of. There must be no other in it.
fn value_of(content: &[u8]) -> u64 {
    let first = u64::from_be_bytes(*content.first_chunk().unwrap());
    assert_eq!(content.len(), 8 * NUMBERS);
    assert!(content.chunks_exact(8).all(|number| number == first.to_be_bytes()), "a mixture of two versions");
    first
}

/// One of the clients, with a random generator of its own.
struct Worker<'a> {
    fixture: &'a Fixture,
    history: &'a History,
    tree: &'a Path,
    client: Client,
    raw: Option<Raw>,
    random: u64,
}

impl Worker<'_> {
    fn pick(&mut self, count: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % count
    }

    fn work(&mut self) {
        match self.pick(8) {
            0 | 1 => self.write(),
            2..=4 => self.read(),
            5 => self.count(),
            6 => self.look_twice(),
            _ => self.plant_or_fell(),
        }
    }

    fn write(&mut self) {
        let file = FILES[self.pick(FILES.len())];
        let value = 1 + self.history.next.fetch_add(1, Ordering::Relaxed);
        let options = TransferOptions { on_conflict: OnConflict::Replace, ..TransferOptions::default() };
        let begun = Instant::now();
        let source = Box::new(std::io::Cursor::new(content(value)));
        let report = self.client.upload_stream(source, &remote(file), &options, &mut Silent).unwrap();
        assert_eq!((report.files, report.failures.len()), (1, 0), "{report:?}");
        self.history.writes.lock().unwrap().push(Event { file, value, begun, ended: Instant::now() });
    }

    fn read(&mut self) {
        let file = FILES[self.pick(FILES.len())];
        let begun = Instant::now();
        let read = if self.pick(2) == 0 { self.open(file) } else { Some(self.download(file)) };
        // Another version came between two requests for parts of an open file: that is told.
        let Some(read) = read else { return };
        let event = Event { file, value: value_of(&read), begun, ended: Instant::now() };
        self.history.reads.lock().unwrap().push(event);
    }

    fn open(&mut self, file: &str) -> Option<Vec<u8>> {
        let mut read = Vec::new();
        let mut opened = self.client.open(&remote(file), OpenOptions::new().read(true)).unwrap();
        opened.read_to_end(&mut read).ok().map(|_| read)
    }

    fn download(&mut self, file: &str) -> Vec<u8> {
        let here = tempfile::tempdir().unwrap();
        let options = TransferOptions { retry: RetryOptions::NEVER, ..TransferOptions::default() };
        let report = self.client.download(&[remote(file)], here.path(), &options, &mut Silent).unwrap();
        assert_eq!((report.files, report.failures.len()), (1, 0), "{report:?}");
        std::fs::read(here.path().join(Path::new(file).file_name().unwrap())).unwrap()
    }

    /// Reads a number and writes the next one, while it has the directory for itself.
    fn count(&mut self) {
        let at = self.pick(DIRECTORIES.len());
        let directory = remote(DIRECTORIES[at]);
        let raw = self.raw.get_or_insert_with(|| Raw::connect(self.fixture));
        let held = hold(raw, true, &directory);
        let read = Request::Read {
            path: directory.join("counter").unwrap(),
            offset: 0,
            length: 64,
            version: None,
            credit: 1024 * 1024,
            growing: None,
        };
        let number: u64 = String::from_utf8(payloads(raw, read)).unwrap().parse().unwrap();
        let next = (number + 1).to_string();
        let operation = raw.request(raw::upload_to(directory.as_str()));
        raw.data(operation, raw::file("counter", next.as_bytes()), next.as_bytes());
        raw.signal(operation, Signal::Finish);
        assert_eq!(raw.outcome(operation).unwrap().unwrap().files, 1);
        release(raw, held);
        self.history.counted[at].fetch_add(1, Ordering::Relaxed);
    }

    /// Lists a directory twice while nobody may change it.
    fn look_twice(&mut self) {
        let directory = remote(DIRECTORIES[self.pick(DIRECTORIES.len())]);
        let raw = self.raw.get_or_insert_with(|| Raw::connect(self.fixture));
        let held = hold(raw, false, &directory);
        let mut listed = || {
            let (path, rules) = (directory.clone(), Vec::new());
            payloads(
                raw,
                Request::List { path, recursive: true, rules, targets: false, unflushed: true, extras: false },
            )
        };
        let (before, after) = (listed(), listed());
        assert!(before == after, "somebody changed what is held");
        let leaves = before.windows(5).filter(|window| window == b"/leaf").count();
        assert!(leaves % 3 == 0, "{leaves} files of trees of three");
        release(raw, held);
    }

    /// Uploads a tree of three files, or removes it.
    fn plant_or_fell(&mut self) {
        let directory = remote(DIRECTORIES[self.pick(DIRECTORIES.len())]);
        let options =
            TransferOptions { on_conflict: OnConflict::Replace, recursive: true, ..TransferOptions::default() };
        match self.pick(2) {
            0 => drop(self.client.remove(&directory.join("tree").unwrap(), true)),
            _ => drop(self.client.upload(&[self.tree], &directory, &options, &mut Silent).unwrap()),
        }
    }
}

fn hold(raw: &mut Raw, write: bool, directory: &RemotePath) -> OperationId {
    let held = raw.request_waiting(Request::Hold { write, paths: vec![directory.clone()] }, WAIT_FOREVER);
    let is_granted =
        |header: &Header| header.operation == held && matches!(header.body, Body::Signal(Signal::Credit { .. }));
    raw.until(is_granted);
    held
}

fn release(raw: &mut Raw, held: OperationId) {
    raw.signal(held, Signal::Finish);
    assert!(raw.outcome(held).unwrap().is_ok());
}

/// The payloads of all answers to a request.
fn payloads(raw: &mut Raw, request: Request) -> Vec<u8> {
    let operation = raw.request(request);
    let mut all = Vec::new();
    loop {
        let (header, payload) = raw.until(|header| header.operation == operation);
        all.extend_from_slice(&payload);
        match header.body {
            Body::Signal(Signal::Done { .. }) => return all,
            Body::Signal(Signal::Failed { failure }) => panic!("{failure:?}"),
            _ => {}
        }
    }
}

/// Checks that each read saw the content of a write that may have been the last one by then.
fn check_reads(reads: &[Event], writes: &[Event]) {
    let mut of_file: HashMap<&str, Vec<&Event>> = HashMap::new();
    writes.iter().for_each(|write| of_file.entry(write.file).or_default().push(write));
    for read in reads {
        let writes = of_file.get(read.file).map(Vec::as_slice).unwrap_or_default();
        let seen = writes.iter().find(|write| write.value == read.value);
        assert!(seen.is_some() || read.value == 0, "{read:?}: nobody wrote that there");
        assert!(seen.is_none_or(|write| write.begun < read.ended), "{read:?}: before it was written");
        let after_it = |write: &&&Event| seen.is_none_or(|seen| seen.ended < write.begun);
        let replaced = writes.iter().filter(after_it).find(|write| write.ended < read.begun);
        assert!(replaced.is_none(), "{read:?}: {replaced:?} had replaced it");
    }
}

#[test]
fn many_clients_on_overlapping_paths_see_whole_versions_and_are_never_at_work_on_one_path_at_once() {
    let operations = std::env::var("REMOFILE_HISTORY_OPERATIONS").ok().and_then(|text| text.parse().ok());
    let operations: u64 = operations.unwrap_or(OPERATIONS);
    let (fixture, history) = (Fixture::new(), History::default());
    for file in FILES {
        fixture.write(&file[1..], content(0));
    }
    for directory in DIRECTORIES {
        fixture.write(&format!("{}/counter", &directory[1..]), "0");
    }
    let local = tempfile::tempdir().unwrap();
    for name in ["leaf1", "leaf2", "deep/leaf3"] {
        common::write(local.path(), &format!("tree/{name}"), name);
    }
    let tree = local.path().join("tree");
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let client = Client::new(ClientOptions { wait: Wait::Forever, ..fixture.options() });
            let (fixture, history, tree) = (&fixture, &history, tree.as_path());
            let mut worker = Worker { fixture, history, tree, client, raw: None, random: number };
            scope.spawn(move || (0..operations).for_each(|_| worker.work()));
        }
    });
    check_reads(&history.reads.lock().unwrap(), &history.writes.lock().unwrap());
    for (directory, counted) in DIRECTORIES.iter().zip(&history.counted) {
        let number = std::fs::read_to_string(fixture.path(&directory[1..]).join("counter")).unwrap();
        assert_eq!(number, counted.load(Ordering::Relaxed).to_string(), "{directory}: two counted at once");
    }
    let report = fixture.client().status().unwrap().report;
    assert_eq!((report.holders.len(), report.waiting), (0, 0));
}

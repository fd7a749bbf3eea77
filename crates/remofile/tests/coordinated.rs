//! Several servers of one directory, with a coordinator: they know each other's clients, and change nothing without it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::raw::{self, Raw};
use common::{Fixture, LOCALHOST, remote, visible};
use remofile::protocol::handshake::ClientIdentity;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{Body, ErrorCode, Request, Signal};
use remofile::server::coordination::{Change, Condition, Coordinator, CoordinatorResult, Event, Snapshot, Term, Watch};
use remofile::server::{Coordinated, MemoryCoordinator, Standing};
use remofile::{Client, ClientOptions, Error, Server, ServerOptions, Wait};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Shorter than in earnest, so that tests need not wait for long.
const TERM: Duration = Duration::from_millis(3600);

fn coordinated(link: &MemoryCoordinator) -> impl FnOnce(&mut ServerOptions) {
    let coordinated = Coordinated::new(link.clone()).with_term(TERM);
    move |options| options.coordinator = Some(coordinated)
}

/// Two servers of one directory, each with its link to the coordinator.
struct Two {
    second: Fixture,
    first: Fixture,
    links: [MemoryCoordinator; 2],
}

impl Two {
    fn new() -> Self {
        let coordinator = MemoryCoordinator::new();
        let links = [coordinator.link(), coordinator.link()];
        let first = Fixture::with(coordinated(&links[0]));
        let second = first.beside(coordinated(&links[1]));
        Self { second, first, links }
    }
}

fn waiting(fixture: &Fixture, wait: Wait) -> Client {
    Client::new(ClientOptions { wait, ..fixture.options() })
}

fn until(what: impl Fn() -> bool) {
    while !what() {
        std::thread::yield_now();
    }
}

/// Asserts that a server refuses a change, and says that nothing was done.
fn refuse_changes(fixture: &Fixture) {
    let mut raw = Raw::connect(fixture);
    let operation = raw.request(Request::CreateFile { path: remote("/refused"), update: false });
    let failure = raw.outcome(operation).unwrap().unwrap_err();
    assert_eq!(failure.code, ErrorCode::CoordinatorLost, "{failure}");
    assert!(failure.to_string().contains("coordinator"), "{failure}");
}

fn is_lost(fixture: &Fixture) -> bool {
    matches!(fixture.server.options().coordinator.unwrap().standing(), Standing::Lost(_))
}

#[test]
fn a_conflict_with_a_client_of_another_server_is_told_and_ends_with_its_lease() {
    let two = Two::new();
    let mut other = Raw::connect(&two.first);
    let operation = other.hold_write();
    let refused = two.second.client().create_file(&remote("/new"), false).unwrap_err();
    let Error::Busy(holders) = &refused else { panic!("{refused}") };
    assert_eq!((holders[0].client.as_str(), holders[0].activity.as_str()), ("raw@test", "upload"));
    assert_eq!(holders[0].address, other.stream.local_addr().unwrap().to_string());
    let status = two.second.client().status().unwrap().report;
    assert_eq!((status.holders.len(), status.waiting), (1, 0), "its own server tells of it, too");
    let mut patient = waiting(&two.second, Wait::Forever);
    let waits = std::thread::spawn(move || patient.create_file(&remote("/new"), false));
    until(|| two.first.client().status().unwrap().report.waiting == 1);
    assert!(visible(two.first.root()).is_empty());
    other.signal(operation, Signal::Finish);
    assert!(other.outcome(operation).unwrap().is_ok());
    waits.join().unwrap().unwrap();
    assert_eq!(visible(two.first.root()), ["new"]);
}

#[test]
fn paths_that_do_not_meet_are_changed_at_both_servers_at_once() {
    let two = Two::new();
    for directory in ["/a", "/b"] {
        two.first.client().make_directory(&remote(directory), false, false).unwrap();
    }
    let (mut one, mut other) = (Raw::connect(&two.first), Raw::connect(&two.second));
    let held = [(&mut one, "/a"), (&mut other, "/b")].map(|(raw, path)| {
        let operation = raw.request(raw::upload_to(path));
        raw.until(|header| matches!(header.body, Body::Signal(Signal::Credit { .. })));
        operation
    });
    for (raw, operation) in [&mut one, &mut other].into_iter().zip(held) {
        raw.signal(operation, Signal::Finish);
        assert!(raw.outcome(operation).unwrap().is_ok());
    }
}

#[test]
fn a_server_that_ends_gives_its_paths_to_others_at_once() {
    let mut two = Two::new();
    let mut other = Raw::connect(&two.first);
    other.hold_write();
    let mut patient = waiting(&two.second, Wait::Forever);
    let waits = std::thread::spawn(move || patient.create_file(&remote("/new"), false));
    until(|| two.second.client().status().unwrap().report.waiting == 1);
    two.first.stop().unwrap();
    waits.join().unwrap().unwrap();
}

#[test]
fn a_server_that_loses_the_coordinator_interrupts_its_writes_reads_on_and_goes_on_when_it_is_back() {
    let two = Two::new();
    two.first.write("old", "content");
    let mut working = Raw::connect(&two.first);
    let operation = working.hold_write();
    let mut patient = waiting(&two.second, Wait::Forever);
    let waits = std::thread::spawn(move || patient.create_file(&remote("/new"), false));
    until(|| two.second.client().status().unwrap().report.waiting == 1);
    two.links[0].cut(true);
    let failure = working.outcome(operation).unwrap().unwrap_err();
    // What was stored of an upload is found by the next attempt, here or elsewhere.
    assert_eq!(failure.code, ErrorCode::CoordinatorLost, "{failure}");
    assert!(failure.to_string().contains("coordinator"), "{failure}");
    // The other one is granted what it waits for after that.
    waits.join().unwrap().unwrap();
    assert!(is_lost(&two.first) && !is_lost(&two.second));
    let mut client = two.first.client();
    assert_eq!(client.stat(&remote("/old")).unwrap().size, 7);
    refuse_changes(&two.first);
    let more = std::thread::spawn(move || client.create_file(&remote("/more"), false));
    two.links[0].cut(false);
    until(|| !is_lost(&two.first));
    more.join().unwrap().unwrap();
    assert_eq!(visible(two.first.root()), ["more", "new", "old"]);
}

#[test]
fn a_coordinator_that_is_away_for_a_moment_interrupts_nothing() {
    let two = Two::new();
    let mut working = Raw::connect(&two.first);
    let operation = working.hold_write();
    let coordinator = two.first.server.options().coordinator.unwrap();
    two.links[0].cut(true);
    until(|| matches!(coordinator.standing(), Standing::Silent(_)));
    two.links[0].cut(false);
    until(|| coordinator.standing() == Standing::Joined);
    working.signal(operation, Signal::Finish);
    assert!(working.outcome(operation).unwrap().is_ok());
}

#[test]
fn a_server_without_its_coordinator_at_the_start_lets_clients_read_and_joins_by_itself() {
    let link = MemoryCoordinator::new();
    link.cut(true);
    let fixture = Fixture::with(coordinated(&link));
    fixture.write("old", "content");
    let mut client = fixture.client();
    assert_eq!(client.stat(&remote("/old")).unwrap().size, 7);
    refuse_changes(&fixture);
    link.cut(false);
    until(|| !is_lost(&fixture));
    client.create_file(&remote("/new"), false).unwrap();
}

#[test]
fn the_next_session_of_a_client_at_another_server_ends_what_is_left_of_it_at_the_first() {
    let two = Two::new();
    let identity = |incarnation| ClientIdentity { client: [1; 16], incarnation, connection: 0 };
    let mut ghost = Raw::connect_identified(two.first.address, &two.first.token, identity(1));
    ghost.hold_write();
    let mut next = Raw::connect_identified(two.second.address, &two.first.token, identity(2));
    next.hold_write();
    let (goodbye, _) = ghost.until(|header| matches!(header.body, Body::Signal(Signal::Goodbye { .. })));
    assert_eq!(goodbye.body, Body::Signal(Signal::Goodbye { reason: Some(ErrorCode::SessionReplaced) }));
}

#[test]
fn servers_that_do_not_fit_together_are_refused_and_told_why() {
    let coordinator = MemoryCoordinator::new();
    let first = Fixture::with(coordinated(&coordinator.link()));
    let refused = |root: &std::path::Path, token: &Token, change: &dyn Fn(&mut ServerOptions)| {
        let server = Server::new(root, token.clone()).unwrap();
        let mut options = server.options();
        coordinated(&coordinator.link())(&mut options);
        change(&mut options);
        server.set_options(options).unwrap();
        server.bind(0, Some(LOCALHOST)).unwrap_err().to_string()
    };
    let elsewhere = tempfile::tempdir().unwrap();
    let told = refused(elsewhere.path(), &first.token, &|_| {});
    assert!(told.contains("another directory"), "{told}");
    let told = refused(first.root(), &Token::generate(), &|_| {});
    assert!(told.contains("another token"), "{told}");
    let told = refused(first.root(), &first.token, &|options| options.exclusive = true);
    assert!(told.contains("another --exclusive"), "{told}");
    let told = refused(first.root(), &first.token, &|options| {
        options.coordinator = Some(Coordinated::new(MemoryCoordinator::new()));
    });
    assert!(told.contains("another coordinator"), "{told}");
    let told = refused(first.root(), &first.token, &|options| options.coordinator = None);
    assert!(told.contains("another server"), "{told}");
    drop(first.beside(coordinated(&coordinator.link())));
}

#[test]
fn a_server_that_changes_nothing_is_among_those_that_do_whoever_comes_first() {
    let coordinator = MemoryCoordinator::new();
    let reading = |options: &mut ServerOptions| {
        coordinated(&coordinator.link())(options);
        options.read_only = true;
    };
    let first = Fixture::with(reading);
    let second = first.beside(coordinated(&coordinator.link()));
    let third = first.beside(reading);
    let mut working = Raw::connect(&second);
    working.hold_write();
    for reader in [&first, &third] {
        until(|| reader.client().status().unwrap().report.holders.len() == 1);
        let mut raw = Raw::connect(reader);
        let sources = vec![remote("/")];
        let (credit, selection, send_options) = (1 << 20, None, None);
        let tree = Request::Download { sources, recursive: true, total: false, credit, selection, send_options };
        let operation = raw.request(tree);
        assert_eq!(raw.outcome(operation).unwrap().unwrap_err().code, ErrorCode::Busy);
    }
}

#[test]
fn a_coordinator_that_has_lost_everything_is_followed_once_all_servers_were_stopped() {
    let mut two = Two::new();
    let server = Server::new(two.first.root(), two.first.token.clone()).unwrap();
    let mut options = server.options();
    coordinated(&MemoryCoordinator::new())(&mut options);
    server.set_options(options).unwrap();
    two.first.stop().unwrap();
    let told = server.bind(0, Some(LOCALHOST)).unwrap_err().to_string();
    assert!(told.contains("stop all of them"), "{told}");
    two.second.stop().unwrap();
    drop(server.bind(0, Some(LOCALHOST)).unwrap());
}

/// A coordinator that says nothing to some questions until it is let go, and tells when it has been asked.
struct Mute {
    inner: MemoryCoordinator,
    says_nothing_to: Question,
    /// Whoever has its other end lets go.
    gate: Arc<Mutex<Receiver<()>>>,
    asked: Sender<()>,
}

#[derive(PartialEq)]
enum Question {
    Watch,
    KeepTerm,
}

impl Mute {
    /// Makes one; who drops the sender lets it go.
    fn new(says_nothing_to: Question) -> (Self, Sender<()>, Receiver<()>) {
        let ((gate, waits), (asked, is_asked)) = (channel(), channel());
        (
            Self { inner: MemoryCoordinator::new(), says_nothing_to, gate: Arc::new(Mutex::new(waits)), asked },
            gate,
            is_asked,
        )
    }
}

impl Coordinator for Mute {
    fn address(&self) -> String {
        self.inner.address()
    }

    fn begin_term(&self, time: Duration) -> CoordinatorResult<Term> {
        self.inner.begin_term(time)
    }

    fn keep_term(&self, term: Term) -> CoordinatorResult<()> {
        let answer = self.inner.keep_term(term);
        if self.says_nothing_to == Question::KeepTerm {
            let _test_is_over = self.asked.send(());
            let _let_go = self.gate.lock().unwrap().recv();
        }
        answer
    }

    fn end_term(&self, term: Term) -> CoordinatorResult<()> {
        self.inner.end_term(term)
    }

    fn read(&self, prefix: &str) -> CoordinatorResult<Snapshot> {
        self.inner.read(prefix)
    }

    fn write(&self, conditions: &[Condition], changes: &[Change]) -> CoordinatorResult<Option<u64>> {
        self.inner.write(conditions, changes)
    }

    fn watch(&self, from: u64) -> CoordinatorResult<Box<dyn Watch>> {
        if self.says_nothing_to != Question::Watch {
            return self.inner.watch(from);
        }
        let _test_is_over = self.asked.send(());
        Ok(Box::new(MuteWatch(Arc::clone(&self.gate))))
    }
}

struct MuteWatch(Arc<Mutex<Receiver<()>>>);

impl Watch for MuteWatch {
    fn next(&mut self) -> CoordinatorResult<Vec<Event>> {
        let _let_go = self.0.lock().unwrap().recv();
        Ok(Vec::new())
    }
}

#[test]
fn a_server_that_has_ended_leaves_its_directory_though_the_coordinator_says_nothing() {
    let (mute, _gate, is_watched) = Mute::new(Question::Watch);
    let mut fixture = Fixture::with(|options| options.coordinator = Some(Coordinated::new(mute).with_term(TERM)));
    is_watched.recv().unwrap();
    fixture.stop().unwrap();
    let next = Server::new(fixture.root(), Token::generate()).unwrap();
    drop(next.bind(0, Some(LOCALHOST)).unwrap());
}

#[test]
fn a_server_that_hears_from_its_coordinator_when_it_is_too_late_joins_again() {
    let (mute, gate, is_asked) = Mute::new(Question::KeepTerm);
    let fixture = Fixture::with(|options| options.coordinator = Some(Coordinated::new(mute).with_term(TERM)));
    is_asked.recv().unwrap();
    until(|| is_lost(&fixture));
    drop(gate);
    until(|| !is_lost(&fixture));
    waiting(&fixture, Wait::Forever).create_file(&remote("/new"), false).unwrap();
    assert_eq!(visible(fixture.root()), ["new"]);
}

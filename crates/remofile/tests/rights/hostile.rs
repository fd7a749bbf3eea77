//! Clients that use a token for what no client of ours does.

use crate::common::raw::{Raw, begin, end, piece};
use crate::common::{noise, remote};
use crate::rights::carriers::{Answer, Carrier};
use crate::rights::cases::Case;
use crate::rights::world::{BOX, DEEPER, OUTER, World};
use remofile::protocol::handshake::{ClientHello, ClientIdentity, Right};
use remofile::protocol::transport::Cipher;
use remofile::protocol::wire::{
    Body, Done, ErrorCode, Failure, Header, Holder, Item, OnConflict, OperationId, Request, Signal, StatusReport,
    Timestamp, Version,
};

const MIB: usize = 1024 * 1024;
const READ: usize = 0;
const UPLOAD: usize = 1;
const WRITE: usize = 2;

/// A client by the name of its token, and the number of its next request.
struct Peer {
    raw: Raw,
    asked: u64,
}

impl Peer {
    fn new(world: &World, token: usize) -> Self {
        let hello = ClientHello::new(Cipher::offer(false), "raw/1", "zz-name@zz-host");
        Self { raw: Raw::connect_with(world.address(), &world.tokens[token], hello), asked: 0 }
    }

    /// Begins an operation that is to go on, and waits for its lease.
    fn begin(&mut self, request: Request) -> OperationId {
        self.asked += 1;
        let operation = OperationId(self.asked);
        self.raw.send(&Header { operation, body: Body::Request(request), wait_milliseconds: 60_000 }, &[]);
        self.raw.until(|header| {
            header.operation == operation && matches!(header.body, Body::Signal(Signal::Credit { .. }))
        });
        operation
    }

    fn ask(&mut self, request: Request) -> Answer {
        self.send(request, Vec::new(), b"")
    }

    fn send(&mut self, request: Request, items: Vec<Item>, payload: &'static [u8]) -> Answer {
        self.asked += 1;
        self.raw.ask(self.asked, &Case { request, items, payload, needed: Vec::new() })
    }
}

fn upload(destination: &str, claims: Option<&[&str]>) -> Request {
    let claims = claims.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let on_conflict = OnConflict::Abort;
    Request::Upload { destination: remote(destination), on_conflict, names: None, group: None, claims }
}

fn read(path: &str, version: Option<Version>) -> Request {
    Request::Read { path: remote(path), offset: 0, length: 100, version, credit: 1 << 20, growing: None }
}

/// Returns the refusals of an answer, as they are told, but for the paths that the client itself named.
fn said(answer: &Answer) -> Vec<String> {
    answer.all().map(|failure| format!("{:?}", Failure { path: None, ..failure.clone() })).collect()
}

fn denies(answer: &Answer, right: Right) {
    let detail = format!("has no right to {}", right.name());
    let denies = |failure: &Failure| failure.detail.as_ref().is_some_and(|said| said.ends_with(&detail));
    assert!(answer.all().any(denies), "{answer:?}");
}

/// Leaves the partial of a file of 4 MiB whose time is 1.
fn leave_partial(world: &World, path: &str) {
    let mut outer = Raw::connect_to(world.address(), &world.tokens[OUTER]);
    let operation = outer.request(upload("/", Some(&["zz-inner"])));
    outer.until(|header| matches!(header.body, Body::Signal(Signal::Credit { .. })));
    outer.data(operation, vec![begin_sized(path, 0)], b"");
    let content = noise(512 * 1024);
    for _ in 0..6 {
        outer.data(operation, vec![piece(content.len())], &content);
    }
    assert!(outer.pings());
    drop(outer);
    let mut observer = Peer::new(world, OUTER);
    while !observer.ask(Request::Partials).words.contains(path) {
        std::thread::yield_now();
    }
}

fn begin_sized(path: &str, offset: u64) -> Item {
    let Item::Begin { path, mode, rule, replaces, .. } = begin(path, None) else { panic!() };
    let (size, modified) = (Some(4 * MIB as u64), Some(Timestamp::new(1, 0)));
    Item::Begin { path, size, modified, mode, rule, offset, replaces }
}

#[test]
fn nobody_learns_of_the_partials_of_another_nor_goes_on_with_or_removes_them() {
    let world = World::scoped(true);
    leave_partial(&world, "zz-inner/part");
    for token in [READ, UPLOAD, WRITE, BOX] {
        let mut peer = Peer::new(&world, token);
        let survey =
            |name: &str| Request::Survey { destination: remote("/"), names: vec![name.to_owned()], unflushed: true };
        let (there, absent) = (peer.ask(survey("part")), peer.ask(survey("none")));
        assert_eq!(there.words, absent.words, "{token}");
        assert!(!peer.ask(Request::Partials).words.contains("part"), "{token}");
        let clear = |name: &str| Request::ClearPartials { paths: vec![remote(name)] };
        assert_eq!(said(&peer.ask(clear("/part"))), said(&peer.ask(clear("/none"))), "{token}");
        peer.ask(Request::ClearPartials { paths: Vec::new() });
        let announce = |name: &str| {
            let Request::Upload { destination, on_conflict, group, claims, .. } = upload("/", None) else { panic!() };
            Request::Upload { destination, on_conflict, group, claims, names: Some(vec![name.to_owned()]) }
        };
        assert_eq!(said(&peer.ask(announce("part"))), said(&peer.ask(announce("none"))), "{token}");
        let go_on = |name: &str| vec![begin_sized(name, 1 << 20), Item::Abort { failure: ErrorCode::Other.into() }];
        let there = peer.send(upload("/", None), go_on("part"), b"");
        let absent = peer.send(upload("/", None), go_on("none"), b"");
        assert!(!said(&there).is_empty());
        assert_eq!(said(&there), said(&absent), "{token}");
    }
    let whole = vec![begin("part", None), piece(3), end(b"new")];
    assert_eq!(said(&Peer::new(&world, BOX).send(upload("/", None), whole, b"new")), [""; 0]);
    assert!(Peer::new(&world, OUTER).ask(Request::Partials).words.contains("part"), "it is kept for its owner");
}

#[test]
fn a_hold_gives_no_right_that_the_token_does_not_give() {
    let world = World::scoped(true);
    let before = world.inside();
    let mut reader = Peer::new(&world, READ);
    denies(&reader.ask(Request::Hold { write: true, paths: vec![remote("/f")] }), Right::Create);
    reader.begin(Request::Hold { write: false, paths: Vec::new() });
    denies(&reader.ask(Request::CreateFile { path: remote("/new"), update: false }), Right::Create);
    denies(&reader.ask(Request::Remove { path: remote("/f"), recursive: true }), Right::Remove);
    drop(reader);
    let mut uploader = Peer::new(&world, UPLOAD);
    denies(&uploader.ask(Request::Hold { write: false, paths: Vec::new() }), Right::Read);
    uploader.begin(Request::Hold { write: true, paths: Vec::new() });
    denies(&uploader.ask(read("/f", None)), Right::Read);
    denies(&uploader.ask(Request::Remove { path: remote("/f"), recursive: false }), Right::Remove);
    let over =
        vec![Item::Move { from: "f".to_owned(), path: "moved".to_owned() }, Item::Remove { path: "f".to_owned() }];
    let answer = uploader.send(upload("/", None), over, b"");
    assert_eq!(answer.failures.len(), 2, "{answer:?}");
    denies(&answer, Right::Remove);
    assert_eq!(world.inside(), before);
}

/// Returns the version of a file, as somebody learns who may read it.
fn version_of(world: &World, path: &str) -> Version {
    let operation = OperationId(1);
    let mut raw = Raw::connect_to(world.address(), &world.tokens[WRITE]);
    raw.send(&Header { operation, body: Body::Request(read(path, None)), wait_milliseconds: 0 }, &[]);
    match raw.outcome(operation) {
        Some(Ok(Done { version: Some(version), .. })) => version,
        other => panic!("{other:?}"),
    }
}

#[test]
fn versions_tell_a_drop_box_nothing_of_contents() {
    let world = World::scoped(true);
    let right = version_of(&world, "/f");
    let mut uploader = Peer::new(&world, UPLOAD);
    let replacing = |path: &str, version| {
        let Item::Begin { path, size, modified, mode, rule, offset, .. } = begin(path, None) else { panic!() };
        vec![Item::Begin { path, size, modified, mode, rule, offset, replaces: Some(version) }, piece(3), end(b"new")]
    };
    let mut answers = Vec::new();
    for (path, version) in [("f", right), ("f", Version([1; 16])), ("none", right), ("d", right)] {
        answers.push(said(&uploader.send(upload("/", None), replacing(path, version), b"new")));
        let path = format!("/{path}");
        denies(&uploader.ask(read(&path, Some(version))), Right::Read);
        let write =
            Request::Write { path: remote(&path), version: Some(version), length: None, append: true, create: true };
        denies(&uploader.ask(write), Right::Replace);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(std::fs::read(world.inner.join("f")).unwrap(), b"old");
}

#[test]
fn a_name_that_is_taken_in_mid_upload_is_refused_to_a_drop_box_as_one_taken_before() {
    let world = World::scoped(true);
    let before =
        Peer::new(&world, UPLOAD).send(upload("/", None), vec![begin("f", None), piece(3), end(b"new")], b"new");
    let mut raw = Raw::connect_to(world.address(), &world.tokens[UPLOAD]);
    let operation = raw.request(upload("/", Some(&["late"])));
    raw.until(|header| matches!(header.body, Body::Signal(Signal::Credit { .. })));
    raw.data(operation, vec![begin("late", None), piece(3)], b"new");
    assert!(raw.pings());
    std::fs::write(world.inner.join("late"), "zz").unwrap();
    raw.data(operation, vec![end(b"new")], b"");
    let (header, _) = raw.until(|header| matches!(header.body, Body::Signal(Signal::ItemFailed { .. })));
    let Body::Signal(Signal::ItemFailed { failure }) = header.body else { panic!() };
    assert_eq!(vec![format!("{:?}", Failure { path: None, ..failure })], said(&before));
    assert_eq!(std::fs::read(world.inner.join("late")).unwrap(), b"zz");
}

/// Returns those who are told to be in the way of an upload to anywhere, at once and to who waits.
fn in_the_way(world: &World, token: usize) -> Vec<Holder> {
    let mut told = Vec::new();
    for wait in [0, 60_000] {
        let mut raw = Raw::connect_to(world.address(), &world.tokens[token]);
        raw.request_waiting(upload("/", None), wait);
        let (header, _) =
            raw.until(|header| matches!(header.body, Body::Signal(Signal::Failed { .. } | Signal::Waiting { .. })));
        match header.body {
            Body::Signal(Signal::Failed { failure }) => told.extend(failure.holders.unwrap()),
            Body::Signal(Signal::Waiting { holders }) => told.extend(holders),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told.len(), 2, "{told:?}");
    told
}

#[test]
fn a_drop_box_is_not_told_who_is_in_its_way_nor_where() {
    let world = World::scoped(true);
    let mut outer = Peer::new(&world, OUTER);
    outer.begin(upload("/zz-inner/d", Some(&["report"])));
    for holder in in_the_way(&world, UPLOAD) {
        assert_eq!((holder.client.as_str(), holder.address.as_str()), ("another client", ""));
        assert_eq!(holder.path.as_deref(), Some("/"));
    }
    for holder in in_the_way(&world, WRITE) {
        // Who may look is told, as it sees it.
        assert_eq!((holder.client.as_str(), holder.path.as_deref()), ("zz-name@zz-host", Some("/d/report")));
    }
}

#[test]
fn who_works_around_a_directory_is_not_told_to_its_clients() {
    let world = World::scoped(true);
    let mut outer = Peer::new(&world, OUTER);
    let hold = |path: &str| Request::Hold { write: true, paths: vec![remote(path)] };
    let beside = outer.begin(hold("/zz-secret/f"));
    for token in [UPLOAD, WRITE, DEEPER] {
        let mut peer = Peer::new(&world, token);
        let name = format!("by-{token}");
        let items = vec![begin(&name, None), piece(3), end(b"new")];
        assert_eq!(said(&peer.send(upload("/", None), items, b"new")), [""; 0], "{token}");
    }
    outer.raw.signal(beside, Signal::Finish);
    outer.raw.outcome(beside).unwrap().unwrap();
    outer.begin(hold("/zz-inner"));
    for holder in in_the_way(&world, DEEPER) {
        assert_eq!((holder.client.as_str(), holder.address.as_str()), ("another client", ""));
        assert_eq!(holder.path.as_deref(), Some("/"));
    }
    for token in [READ, UPLOAD, WRITE, DEEPER] {
        let mut raw = Raw::connect_to(world.address(), &world.tokens[token]);
        let operation = raw.request(Request::Status);
        let Some(Ok(Done { status: Some(status), .. })) = raw.outcome(operation) else { panic!() };
        let StatusReport { holders, waiting, used, quota, hides_others, .. } = *status;
        assert_eq!((holders, waiting, used, quota, hides_others), (Vec::new(), 0, None, None, true), "{token}");
    }
}

#[test]
fn who_uses_the_same_token_is_told_but_for_a_drop_box() {
    let world = World::scoped(true);
    let mut outer = Peer::new(&world, OUTER);
    outer.begin(upload("/zz-inner/d", Some(&["of-others"])));
    for (token, path) in [(WRITE, Some("/d/own")), (UPLOAD, None)] {
        let mut peer = Peer::new(&world, token);
        peer.begin(upload("/d", Some(&["own"])));
        let mut raw = Raw::connect_to(world.address(), &world.tokens[token]);
        let operation = raw.request(Request::Status);
        let Some(Ok(Done { status: Some(status), .. })) = raw.outcome(operation) else { panic!() };
        let paths: Vec<_> = status.holders.iter().map(|holder| holder.path.as_deref()).collect();
        assert_eq!((paths, status.hides_others), (path.map(Some).into_iter().collect(), true));
    }
}

#[test]
fn the_identity_of_another_tokens_client_ends_no_session_of_it() {
    let world = World::scoped(true);
    let identity = |incarnation| ClientIdentity { client: [1; 16], incarnation, connection: 1 };
    let mut writer = Raw::connect_identified(world.address(), &world.tokens[WRITE], identity(1));
    let mut thief = Raw::connect_identified(world.address(), &world.tokens[UPLOAD], identity(2));
    assert!(thief.pings() && writer.pings());
}

#[test]
fn of_two_directories_one_in_the_other_each_is_served_and_the_inner_one_is_not_left() {
    let world = World::scoped(true);
    let (mut around, mut deeper) = (Peer::new(&world, WRITE), Peer::new(&world, DEEPER));
    let items = vec![begin("x", None), piece(3), end(b"new")];
    assert_eq!(said(&deeper.send(upload("/", None), items, b"new")), [""; 0]);
    assert!(around.ask(read("/d/x", None)).words.contains("new"));
    // A link that is good where it is made, and leads out for who sees less.
    let link = vec![Item::Link { path: "d/leak".to_owned(), target: "../f".to_owned(), rule: None }];
    assert_eq!(said(&around.send(upload("/", None), link, b"")), [""; 0]);
    assert!(around.ask(read("/d/leak", None)).words.contains("old"));
    assert_eq!(deeper.ask(read("/leak", None)).failed.unwrap().code, ErrorCode::OutsideRoot);
    let (rules, recursive) = (Vec::new(), true);
    let listed = deeper.ask(Request::List {
        path: remote("/"),
        recursive,
        rules,
        targets: true,
        unflushed: true,
        extras: false,
    });
    assert!(listed.words.contains("leak") && !listed.words.contains("../f"), "{listed:?}");
    let moved = around.ask(Request::Move { source: remote("/d"), destination: remote("/zz-gone"), replace: false });
    assert_eq!(said(&moved), [""; 0]);
    let lost = deeper.ask(read("/x", None));
    assert!(lost.failed.is_some() && !lost.words.contains("zz-"), "{lost:?}");
}

#[test]
fn a_link_in_the_place_of_a_tokens_directory_gives_the_token_no_other_one() {
    let world = World::scoped(true);
    let (mut around, mut deeper) = (Peer::new(&world, WRITE), Peer::new(&world, DEEPER));
    let mut rename = |source, destination| {
        let (source, destination) = (remote(source), remote(destination));
        said(&around.ask(Request::Move { source, destination, replace: false }))
    };
    assert_eq!(rename("/d", "/old"), [""; 0]);
    assert!(deeper.ask(read("/g", None)).failed.is_some());
    // A link that is there, and leads out of what may be written to, into what neither of them may see.
    assert_eq!(rename("/out-directory", "/d"), [""; 0]);
    let lost = deeper.ask(read("/f", None));
    assert_eq!(lost.failed.as_ref().map(|failure| failure.code), Some(ErrorCode::NotFound), "{lost:?}");
    assert!(!lost.words.contains("zz-"), "{lost:?}");
    let (rules, recursive) = (Vec::new(), true);
    let list = Request::List { path: remote("/"), recursive, rules, targets: true, unflushed: true, extras: false };
    assert_eq!(deeper.ask(list).failed.map(|failure| failure.code), Some(ErrorCode::NotFound));
    let items = vec![begin("new", None), piece(3), end(b"new")];
    assert!(!said(&deeper.send(upload("/", None), items, b"new")).is_empty());
    assert!(!world.root.path().join("zz-secret/new").exists());
}

//! Requests of protocol 2, over a session.

use super::*;
use crate::carrier::{MessageWriter, Waker};
use crate::server::session::{Session, Turn};
use Right::{Create, Read, Remove, Replace};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::hash::HashAlgorithm;
use remofile_protocol::limits::DEFAULT_PAYLOAD_BYTES;
use remofile_protocol::wire::{
    AttributeSet, Body, Done, Header, Item, OnConflict, OperationId, Selected, Signal, StagedFileId, ToSign, Version,
};
use std::collections::BTreeSet;
use std::time::Duration;

const NOW: Duration = Duration::ZERO;

/// The number of kinds of requests.
const REQUESTS: usize = 25;

/// A number for each request below [`REQUESTS`]. A new one does not compile until it is here, and the test fails until it
/// is in [`requests`].
fn number(request: &Request) -> usize {
    match request {
        Request::List { .. } => 0,
        Request::Stat { .. } => 1,
        Request::CreateFile { .. } => 2,
        Request::MakeDirectory { .. } => 3,
        Request::Upload { .. } => 4,
        Request::Download { .. } => 5,
        Request::Remove { .. } => 6,
        Request::Move { .. } => 7,
        Request::Status => 8,
        Request::Find { .. } => 9,
        Request::Survey { .. } => 10,
        Request::Partials => 11,
        Request::ClearPartials { .. } => 12,
        Request::Hold { .. } => 13,
        Request::Sign { .. } => 14,
        Request::Read { .. } => 15,
        Request::Write { .. } => 16,
        Request::Stage { .. } => 17,
        Request::ReadStaged { .. } => 18,
        Request::Copy { .. } => 19,
        Request::MakeLink { .. } => 20,
        Request::SetAttributes { .. } => 21,
        Request::Look { .. } => 22,
        Request::Hash { .. } => 23,
        Request::Space { .. } => 24,
    }
}

/// A request, and the rights that it takes, in the order in which they are looked for.
struct Case {
    request: Request,
    needed: Vec<Right>,
}

fn case(request: Request, needed: &[Right]) -> Case {
    Case { request, needed: needed.to_vec() }
}

fn path() -> RemotePath {
    "/f".parse().unwrap()
}

/// Every request there is, with every field that matters in all its ways.
fn requests() -> Vec<Case> {
    let (root, free) = (RemotePath::root, || "/g".parse().unwrap());
    let list = Request::List {
        path: root(),
        recursive: true,
        rules: Vec::new(),
        targets: true,
        unflushed: true,
        extras: false,
    };
    let (recursive, algorithm) = (true, HashAlgorithm::Sha256);
    let hash = Request::Hash { sources: vec![path()], recursive, selection: None, algorithm };
    let download = Request::Download {
        sources: vec![path()],
        recursive: false,
        total: true,
        credit: 0,
        selection: None,
        send_options: None,
    };
    let to_sign = ToSign { path: path(), block_bytes: 4096, seed: 0, parts: Vec::new(), undigested: false };
    let read = Request::Read { path: path(), offset: 0, length: 1, version: None, credit: 1, growing: None };
    let names = || vec!["g".to_owned()];
    let mut cases = vec![
        case(Request::Status, &[]),
        case(list, &[Read]),
        case(Request::Stat { path: path() }, &[Read]),
        case(download, &[Read]),
        case(
            Request::Find {
                sources: vec![path()],
                recursive: true,
                selection: None,
                digests: true,
                attributes: AttributeSet::NONE,
            },
            &[Read],
        ),
        case(Request::Survey { destination: root(), names: names(), unflushed: true }, &[Read]),
        case(Request::Partials, &[Read]),
        case(Request::Sign { files: vec![to_sign] }, &[Read]),
        case(read, &[Read]),
        case(Request::Look { path: path() }, &[Read]),
        case(hash, &[Read]),
        case(Request::Space { path: path() }, &[Read]),
        case(Request::SetAttributes { path: path(), mode: Some(0o600), modified: None }, &[Replace]),
        case(Request::SetAttributes { path: path(), mode: None, modified: None }, &[Replace]),
        case(Request::Hold { write: false, paths: Vec::new() }, &[Read]),
        case(Request::Hold { write: true, paths: Vec::new() }, &[Create]),
        case(Request::MakeDirectory { path: free(), update: true, parents: true }, &[Create]),
        case(Request::Remove { path: path(), recursive: true }, &[Remove]),
        case(Request::Remove { path: path(), recursive: false }, &[Remove]),
        case(Request::ClearPartials { paths: Vec::new() }, &[Remove]),
        case(Request::ClearPartials { paths: vec![path()] }, &[Remove]),
    ];
    for (replaces, needed) in [(false, &[Create][..]), (true, &[Create, Replace])] {
        let needed_to_move = [&[Remove], needed].concat();
        cases.push(case(Request::CreateFile { path: free(), update: replaces }, needed));
        let (target, replace) = ("f".to_owned(), replaces);
        cases.push(case(Request::MakeLink { path: free(), target, replace }, needed));
        cases.push(case(Request::Move { source: path(), destination: free(), replace: replaces }, &needed_to_move));
        let rules = match replaces {
            false => &[OnConflict::Abort, OnConflict::Skip, OnConflict::Rename][..],
            true => &[OnConflict::Replace, OnConflict::Newer],
        };
        for &on_conflict in rules {
            let upload =
                Request::Upload { destination: root(), on_conflict, names: Some(names()), group: None, claims: None };
            cases.push(case(upload, needed));
            for recursive in [false, true] {
                let (source, destination, parents) = (path(), free(), recursive);
                let copy = Request::Copy {
                    source,
                    destination,
                    recursive,
                    on_conflict,
                    parents,
                    attributes: AttributeSet::ALL,
                    as_they_are: recursive,
                    devices: recursive,
                };
                cases.push(case(copy, &[&[Read], needed].concat()));
            }
        }
    }
    let file = StagedFileId([1; 16]);
    cases.push(case(Request::ReadStaged { path: free(), file, offset: 0, length: 1, credit: 1 }, &[Create]));
    for (replace, version) in [(false, None), (false, Some(Version([1; 16]))), (true, None)] {
        for (begin, commit, discard) in [(true, None, false), (false, Some(1), false), (false, None, true)] {
            let needed = if replace || version.is_some() { &[Create, Replace][..] } else { &[Create] };
            let (path, length, create) = (free(), None, true);
            let stage = Request::Stage { path, file, begin, replace, create, length, commit, version, discard };
            cases.push(case(stage, needed));
        }
    }
    for (create, needed) in [(false, &[Replace][..]), (true, &[Create, Replace])] {
        let write = Request::Write { path: path(), version: None, length: Some(1), append: false, create };
        cases.push(case(write, needed));
    }
    cases
}

/// A client of a session.
struct Client {
    session: Session,
}

impl Client {
    fn of(scene: &Scene) -> Self {
        let shared = Arc::clone(&scene.shared);
        Self { session: Session::new(shared, scene.peer(), Waker::new().unwrap(), DigestKind::Xxh3) }
    }

    fn ask(&mut self, request: Request) {
        let header = Header { operation: OperationId(1), body: Body::Request(request), wait_milliseconds: 0 };
        self.session.receive(NOW, header, &[][..]).unwrap();
    }

    fn tell(&mut self, signal: Signal, payload: &[u8]) {
        self.session.receive(NOW, Header::signal(OperationId(1), signal), payload).unwrap();
    }

    /// Returns the outcome of the request and the failures before it, from what the session has to say now.
    fn listen(&mut self) -> (Option<Result<Done, Failure>>, Vec<Failure>) {
        let (mut ended, mut failures) = (None, Vec::new());
        let mut payload = Vec::new();
        loop {
            let mut message = MessageWriter::new(&mut payload, 0, DEFAULT_PAYLOAD_BYTES as usize);
            match self.session.produce(NOW, &mut message).unwrap() {
                Turn::Nothing if self.session.await_work() => {}
                Turn::Nothing => return (ended, failures),
                Turn::Work => {}
                Turn::Message(header) => match header.body {
                    Body::Signal(Signal::Done { done }) => ended = Some(Ok(done)),
                    Body::Signal(Signal::Failed { failure }) => ended = Some(Err(failure)),
                    Body::Signal(Signal::ItemFailed { failure }) => failures.push(failure),
                    _ => {}
                },
            }
        }
    }
}

#[test]
fn every_request_is_refused_without_its_rights_before_the_store_is_asked() {
    let covered: BTreeSet<usize> = requests().iter().map(|case| number(&case.request)).collect();
    assert_eq!(covered, (0..REQUESTS).collect());
    for rights in every_set() {
        let scene = Scene::new(&rights);
        // Whoever asked the store would learn that its root is gone.
        scene.remove_root();
        for Case { request, needed } in requests() {
            let told = format!("{request:?} with {rights:?}");
            let needed = match request {
                // Whoever may not look is told of its own partials, to go on with them.
                Request::Survey { .. } if !rights.contains(&Read) => vec![Create],
                _ => needed,
            };
            let mut client = Client::of(&scene);
            client.ask(request);
            let (ended, _) = client.listen();
            let denied = match ended {
                Some(Err(failure)) if failure.code == ErrorCode::PermissionDenied => failure.detail,
                _ => None,
            };
            assert_eq!(denied, missing(&rights, &needed).map(denial), "{told}");
        }
    }
}

#[test]
fn who_may_only_create_neither_replaces_nor_removes_by_an_item() {
    let scene = Scene::new(&[Create]);
    let before = scene.tree();
    let mut client = Client::of(&scene);
    let destination = RemotePath::root();
    client.ask(Request::Upload { destination, on_conflict: OnConflict::Abort, names: None, group: None, claims: None });
    let (path, rule, mode) = ("f".to_owned(), Some(OnConflict::Replace), None);
    let begin = Item::Begin { path, size: Some(3), modified: None, mode, rule, offset: 0, replaces: None };
    let end = Item::End { digest: remofile_protocol::digest::digest(b"new") };
    let items = vec![Item::Remove { path: "f".to_owned() }, begin, Item::Data { length: 3 }, end];
    client.tell(Signal::Data { items }, b"new");
    let (ended, failures) = client.listen();
    assert!(ended.is_none());
    let denied: Vec<_> = failures.into_iter().map(|failure| failure.detail.unwrap()).collect();
    assert_eq!(denied, [Remove, Replace].map(denial));
    assert_eq!(scene.tree(), before);
}

#[test]
fn sources_that_are_named_one_by_one_take_the_right_to_read() {
    let selected = Selected { path: path(), name: "f".to_owned(), known: None, as_link: false, parts: Vec::new() };
    for rights in every_set() {
        let decided = Scene::new(&rights).grant.authorise_sources(std::slice::from_ref(&selected));
        assert_eq!(decided.err().and_then(|failure| failure.detail), missing(&rights, &[Read]).map(denial));
    }
}

//! Every request and every item about a path, and the rights that each takes.

use crate::common::raw::{end, piece};
use Right::{Create, Read, Remove, Replace};
use remofile::protocol::handshake::Right;
use remofile::protocol::hash::HashAlgorithm;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{
    AttributeSet, Attributes, ErrorCode, Item, Kind, OnConflict, Request, Selection, Special, StagedFileId, ToSign,
    Version,
};
use std::sync::atomic::{AtomicU64, Ordering};

/// A request with the items that follow it, and the rights that they take.
#[derive(Debug, Clone)]
pub struct Case {
    pub request: Request,
    pub items: Vec<Item>,
    pub payload: &'static [u8],
    pub needed: Vec<Right>,
}

impl Case {
    /// Reports whether it makes a link that is there, and leads out.
    pub fn repeats_link_out(&self) -> bool {
        let is_there = |path: &str, target: &str| {
            matches!((path, target), ("out", "../zz-secret/f") | ("out-absolute", "/zz-secret/f"))
        };
        self.items.iter().any(|item| matches!(item, Item::Link { path, target, .. } if is_there(path, target)))
    }
}

/// The numbers of kinds of requests and items.
pub const REQUESTS: usize = 25;
pub const ITEMS: usize = 20;

/// A number for each request. A new one does not compile until it is here, and the test fails until it is in [`cases`].
pub fn number_of_request(request: &Request) -> usize {
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

/// The same for items.
pub fn number_of_item(item: &Item) -> usize {
    match item {
        Item::Directory { .. } => 0,
        Item::Begin { .. } => 1,
        Item::Data { .. } => 2,
        Item::End { .. } => 3,
        Item::Abort { .. } => 4,
        Item::Failed { .. } => 5,
        Item::Hole { .. } => 6,
        Item::Compressed { .. } => 7,
        Item::Link { .. } => 8,
        Item::Base { .. } => 9,
        Item::Copy { .. } => 10,
        Item::Move { .. } => 11,
        Item::Remove { .. } => 12,
        Item::Touch { .. } => 13,
        Item::Keep { .. } => 14,
        Item::Place { .. } => 15,
        Item::KeptLink { .. } => 16,
        Item::HardLink { .. } => 17,
        Item::Special { .. } => 18,
        Item::Attributes { .. } => 19,
    }
}

/// Every request and item about a path, in all ways that matter.
pub fn cases(at: &RemotePath) -> Vec<Case> {
    let mut cases = looks(at);
    cases.extend(changes(at));
    cases.extend(uploads(at));
    cases
}

fn case(request: Request, needed: &[Right]) -> Case {
    Case { request, items: Vec::new(), payload: b"", needed: needed.to_vec() }
}

fn remote(path: &str) -> RemotePath {
    path.parse().unwrap()
}

fn looks(at: &RemotePath) -> Vec<Case> {
    let path = || at.clone();
    let credit = 1 << 20;
    let mut cases = vec![
        case(Request::Status, &[]),
        case(Request::Stat { path: path() }, &[Read]),
        case(Request::Look { path: path() }, &[Read]),
        case(Request::Space { path: path() }, &[Read]),
        case(Request::Partials, &[Read]),
        case(Request::Read { path: path(), offset: 0, length: 100, version: None, credit, growing: None }, &[Read]),
        case(Request::Hold { write: false, paths: vec![path()] }, &[Read]),
        case(Request::Hold { write: true, paths: vec![path()] }, &[Create]),
    ];
    for recursive in [false, true] {
        let (rules, sources) = (Vec::new(), || vec![path()]);
        cases.push(case(
            Request::List { path: path(), recursive, rules, targets: true, unflushed: true, extras: false },
            &[Read],
        ));
        for links in [None, Some(remofile::protocol::wire::Links::Follow), Some(remofile::protocol::wire::Links::Copy)]
        {
            let selection = links.map(|links| Selection { links, patterns: true, ..Selection::default() });
            let found = |digests, attributes| {
                let selection = selection.clone();
                Request::Find { sources: sources(), recursive, selection, digests, attributes }
            };
            let all = found(false, AttributeSet::ALL);
            let cases_of_find = [found(false, AttributeSet::NONE), found(true, AttributeSet::NONE), all];
            cases.extend(cases_of_find.map(|found| case(found, &[Read])));
            for algorithm in HashAlgorithm::EVERY {
                let (sources, selection) = (sources(), selection.clone());
                cases.push(case(Request::Hash { sources, recursive, selection, algorithm }, &[Read]));
            }
            let (total, send_options, selection) = (true, None, selection.clone());
            let download = Request::Download { sources: sources(), recursive, total, credit, selection, send_options };
            cases.push(case(download, &[Read]));
        }
    }
    for undigested in [false, true] {
        let file = ToSign { path: path(), block_bytes: 4096, seed: 0, parts: Vec::new(), undigested };
        cases.push(case(Request::Sign { files: vec![file] }, &[Read]));
    }
    // Without the right to read it tells of own partials alone.
    for (destination, name) in [(path(), "x".to_owned()), (RemotePath::root(), below_root(at))] {
        if !name.is_empty() {
            let names = vec![name];
            cases.push(case(Request::Survey { destination, names, unflushed: true }, &[]));
        }
    }
    cases
}

/// The path as items have it.
fn below_root(at: &RemotePath) -> String {
    at.as_str().trim_start_matches('/').to_owned()
}

/// A name of a staged file that no other case has.
fn fresh() -> StagedFileId {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    StagedFileId(u128::from(NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes())
}

fn changes(at: &RemotePath) -> Vec<Case> {
    let (path, other) = (|| at.clone(), || remote("/moved"));
    let (version, length) = (None, Some(1));
    let mut cases = Vec::new();
    for flag in [false, true] {
        let putting = if flag { &[Create, Replace][..] } else { &[Create] };
        let moving = [&[Remove], putting].concat();
        cases.extend([
            case(Request::CreateFile { path: path(), update: flag }, putting),
            case(Request::MakeDirectory { path: path(), update: flag, parents: false }, &[Create]),
            case(Request::MakeDirectory { path: path(), update: flag, parents: true }, &[Create]),
            case(Request::Remove { path: path(), recursive: flag }, &[Remove]),
            case(Request::Move { source: path(), destination: other(), replace: flag }, &moving),
            case(Request::Move { source: remote("/f"), destination: path(), replace: flag }, &moving),
        ]);
        let copying = [&[Read], putting].concat();
        for recursive in [false, true] {
            let on_conflict = if flag { OnConflict::Replace } else { OnConflict::Abort };
            let copy = |source, destination| {
                let parents = false;
                case(
                    Request::Copy {
                        source,
                        destination,
                        recursive,
                        on_conflict,
                        parents,
                        attributes: AttributeSet::ALL,
                        as_they_are: recursive,
                        devices: recursive,
                    },
                    &copying,
                )
            };
            cases.extend([copy(path(), other()), copy(remote("/f"), path())]);
        }
        cases.push(case(Request::MakeLink { path: path(), target: "f".to_owned(), replace: flag }, putting));
        let mode = flag.then_some(0o640);
        cases.push(case(Request::SetAttributes { path: path(), mode, modified: None }, &[Replace]));
        let writing = if flag { &[Create, Replace][..] } else { &[Replace] };
        let write = Request::Write { path: path(), version, length, append: false, create: flag };
        let items = vec![Item::Place { offset: 0, length: 1 }];
        cases.push(Case { items: items.clone(), payload: b"w", ..case(write, writing) });
        let stage = Request::Stage {
            path: path(),
            file: fresh(),
            begin: true,
            replace: flag,
            create: true,
            length: None,
            commit: Some(1),
            version,
            discard: false,
        };
        cases.push(Case { items, payload: b"w", ..case(stage, putting) });
    }
    let unknown = Request::ReadStaged { path: path(), file: fresh(), offset: 0, length: 1, credit: 1 };
    cases.push(case(unknown, &[Create]));
    for paths in [Vec::new(), vec![path()]] {
        cases.push(case(Request::ClearPartials { paths }, &[Remove]));
    }
    cases
}

fn upload(destination: RemotePath, on_conflict: OnConflict) -> Request {
    Request::Upload { destination, on_conflict, names: None, group: None, claims: None }
}

/// Targets of links: in the directory, out of it, and by way of links.
const TARGETS: [&str; 7] =
    ["f", "none", "../zz-secret/f", "/zz-secret/f", "d/../../zz-secret/f", "out-directory/f", "../../../../zz-top"];

fn uploads(at: &RemotePath) -> Vec<Case> {
    use OnConflict::{Abort, Newer, Rename, Skip};
    let into = |items, payload, needed: &[Right]| Case {
        items,
        payload,
        ..case(upload(RemotePath::root(), Abort), &[&[Create], needed].concat())
    };
    let file = |path: &str| vec![begin(path, None, None), piece(3), end(b"new")];
    let mut cases = vec![
        Case { items: file("x"), payload: b"new", ..case(upload(at.clone(), Abort), &[Create]) },
        Case { items: file("x"), payload: b"new", ..case(upload(at.clone(), OnConflict::Replace), &[Create, Replace]) },
    ];
    let path = below_root(at);
    if path.is_empty() {
        return cases;
    }
    let text = || path.clone();
    cases.push(into(file(&path), b"new", &[]));
    let Request::Upload { destination, on_conflict, group, .. } = upload(RemotePath::root(), Abort) else { panic!() };
    let announced = Request::Upload { destination, on_conflict, group, names: Some(vec![text()]), claims: None };
    cases.push(Case { items: file(&path), payload: b"new", ..case(announced, &[Create]) });
    for (rule, needed) in [(Skip, &[][..]), (Rename, &[]), (OnConflict::Replace, &[Replace]), (Newer, &[Replace])] {
        let by_rule = vec![begin(&path, Some(rule), None), piece(3), end(b"new")];
        cases.push(into(by_rule, b"new", needed));
        let link = Item::Link { path: text(), target: "f".to_owned(), rule: Some(rule) };
        cases.push(into(vec![link], b"", needed));
    }
    for target in TARGETS {
        cases.push(into(vec![Item::Link { path: text(), target: target.to_owned(), rule: None }], b"", &[]));
    }
    let aborted = |item| vec![item, Item::Abort { failure: ErrorCode::DiskFailure.into() }];
    let made_of = |base: String| {
        vec![begin("made", None, None), Item::Base { path: base }, Item::Copy { offset: 0, length: 3 }, end(b"old")]
    };
    let thin = vec![
        begin(&path, None, None),
        Item::Hole { length: 3 },
        Item::Compressed { length: 1, size: 1 },
        Item::Abort { failure: ErrorCode::DiskFailure.into() },
        Item::Failed { failure: ErrorCode::DiskFailure.into() },
    ];
    cases.extend([
        into(aborted(begin(&path, None, Some(Version([1; 16])))), b"", &[Replace]),
        into(thin, b"z", &[]),
        into(made_of(text()), b"", &[Read]),
        into(vec![Item::Directory { path: text(), mode: None }], b"", &[]),
        into(vec![Item::Directory { path: text(), mode: Some(0o700) }], b"", &[Replace]),
        into(vec![Item::Move { from: text(), path: "moved".to_owned() }], b"", &[Remove]),
        into(vec![Item::Move { from: "f".to_owned(), path: text() }], b"", &[Remove]),
        into(vec![Item::Remove { path: text() }], b"", &[Remove]),
        into(vec![Item::Touch { path: text(), modified: None, mode: Some(0o600) }], b"", &[Replace]),
        into(vec![Item::Attributes { path: text(), attributes: mode_of_file() }], b"", &[Replace]),
        into(vec![Item::Keep { path: text(), to: "/kept".to_owned() }], b"", &[Read, Replace]),
        into(vec![Item::HardLink { path: text(), of: "f".to_owned(), rule: None }], b"", &[Read]),
        into(vec![Item::HardLink { path: "second".to_owned(), of: text(), rule: None }], b"", &[Read]),
        into(vec![Item::HardLink { path: "second".to_owned(), of: at.to_string(), rule: None }], b"", &[Read]),
        into(vec![Item::KeptLink { path: text(), target: "f".to_owned(), rule: None }], b"", &[]),
        into(
            vec![Item::Special { path: text(), special: Special::Pipe, modified: None, mode: None, rule: None }],
            b"",
            &[],
        ),
        into(vec![Item::Keep { path: "f".to_owned(), to: at.to_string() }], b"", &[Read, Replace]),
    ]);
    cases
}

fn mode_of_file() -> Box<Attributes> {
    Box::new(Attributes { mode: Some(0o4600), ..Attributes::of(Kind::File) })
}

fn begin(path: &str, rule: Option<OnConflict>, replaces: Option<Version>) -> Item {
    Item::Begin { path: path.to_owned(), size: None, modified: None, mode: None, rule, offset: 0, replaces }
}

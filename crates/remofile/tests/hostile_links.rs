//! Links as a way out: a hostile server reaches nothing of the destination but what it was asked for, and a hostile
//! client nothing outside the root.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::liar::LyingServer;
use common::raw::{Raw, begin, end, file, piece, upload_to};
use common::{Fixture, assert_serves, remote, write};
use remofile::protocol::wire::{
    Element, Entry, ErrorCode, Failure, Found, Item, Kind, Links, OnConflict, Request, Selection, Signal, Timestamp,
};
use remofile::{Error, RemoteSource, RetryOptions, SendOptions, Silent, TransferOptions, TransferReport};
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

const RULES: [OnConflict; 5] =
    [OnConflict::Abort, OnConflict::Skip, OnConflict::Replace, OnConflict::Rename, OnConflict::Newer];

/// The items that a server sends in one message.
type Items = Vec<Item>;

fn link(path: &str, target: &str) -> Item {
    Item::Link { path: path.to_owned(), target: target.to_owned(), rule: Some(OnConflict::Replace) }
}

fn directory(path: &str) -> Item {
    Item::Directory { path: path.to_owned(), mode: Some(0o777) }
}

fn evil(path: &str) -> Items {
    file(path, b"evil")
}

/// A home directory: a user's keys beside what is downloaded.
fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), ".ssh/known", "mine");
    home
}

/// The keys are as they were, and nothing leads to them.
fn assert_untouched(home: &Path, what: &str) {
    let names: Vec<_> = std::fs::read_dir(home.join(".ssh")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["known"], "{what}");
    assert_eq!(std::fs::read(home.join(".ssh/known")).unwrap(), b"mine", "{what}");
}

fn options(on_conflict: OnConflict) -> TransferOptions {
    TransferOptions {
        recursive: true,
        resume: false,
        on_conflict,
        retry: RetryOptions::NEVER,
        selection: Selection { links: Links::Copy, ..Selection::default() },
        send: SendOptions { preserve_mode: true, ..SendOptions::default() },
        ..TransferOptions::default()
    }
}

fn photos() -> Vec<RemoteSource> {
    vec![remote("/photos").into()]
}

fn failed_at<'a>(report: &'a TransferReport, name: &str) -> Option<&'a Failure> {
    report.failures.iter().find(|failure| failure.path.as_deref().is_some_and(|path| path.ends_with(name)))
}

#[test]
fn a_link_out_of_what_was_asked_for_fails_alone_and_says_what_to_do() {
    for on_conflict in RULES {
        let home = home();
        let items = [
            vec![directory("photos"), link("photos/l", "../.ssh")],
            evil("photos/l/authorized_keys"),
            evil("photos/after"),
        ];
        let report = LyingServer::sending_one_by_one(items.concat())
            .download(&photos(), home.path(), &options(on_conflict))
            .unwrap();
        assert_untouched(home.path(), &format!("{on_conflict:?}"));
        assert!(home.path().join("photos/after").exists(), "the rest of the transfer goes on: {report:?}");
        let failure = failed_at(&report, "photos/l").unwrap_or_else(|| panic!("{report:?}"));
        assert_eq!(failure.code, ErrorCode::OutsideRoot);
        let told = failure.to_string();
        assert!(told.contains("its target is not in what was asked for: ask for a directory"), "{told}");
        assert_eq!(report.failures.len(), 1, "{report:?}");
        // What would have gone through the link is stored where it says that it is.
        assert!(home.path().join("photos/l").symlink_metadata().unwrap().is_dir());
    }
}

#[test]
fn no_target_and_no_chain_of_links_leads_out() {
    let home = home();
    let absolute = home.path().join(".ssh").to_str().unwrap().to_owned();
    let through = |path: &str| evil(&format!("{path}/authorized_keys"));
    let cases: Vec<Items> = vec![
        [vec![link("photos/l", &absolute)], through("photos/l")].concat(),
        [vec![link("photos/l", "a/../../.ssh")], through("photos/l")].concat(),
        [vec![link("photos/l", "./..//.ssh/.")], through("photos/l")].concat(),
        [vec![link("photos/l", "..")], through("photos/l/.ssh")].concat(),
        // A chain: to a name that leads out when it comes.
        [vec![link("photos/a", "b"), link("photos/b", "..")], through("photos/a/.ssh")].concat(),
        [vec![link("photos/a", "b/.ssh"), link("photos/b", "..")], through("photos/a")].concat(),
        // Each alone stays inside, but not one behind the other.
        [
            vec![directory("photos/d"), link("photos/d/up", ".."), link("photos/out", "d/up/../.ssh")],
            through("photos/out"),
        ]
        .concat(),
        // Made where another link leads, from where its target is counted.
        [
            vec![directory("photos/d"), directory("photos/d/e"), link("photos/in", "d/e")],
            vec![link("photos/d/e/top", "../.."), link("photos/d/e/top/l", "../.ssh")],
            through("photos/l"),
        ]
        .concat(),
        // First a file, whose directory is held open, then a link of that name, and a file again.
        [evil("photos/l"), vec![link("photos/l", "../.ssh")], through("photos/l")].concat(),
        [evil("photos/l/1"), vec![link("photos/l", "../.ssh")], through("photos/l")].concat(),
        // A link that stays inside, and then another.
        [vec![link("photos/l", "d"), link("photos/l", "../.ssh")], through("photos/l")].concat(),
        // In the place of what was asked for itself.
        [vec![link("photos", ".ssh")], through("photos")].concat(),
        [vec![link("photos", ".")], through("photos/.ssh")].concat(),
        // Attributes and directories through a link.
        vec![link("photos/l", "../.ssh"), directory("photos/l/known"), directory("photos/l/new/deep")],
        // A link behind a link.
        vec![link("photos/l", "../.ssh"), link("photos/l/authorized_keys", "known")],
    ];
    for (on_conflict, items) in RULES.iter().flat_map(|rule| cases.iter().map(move |items| (*rule, items))) {
        let _gone = std::fs::remove_dir_all(home.path().join("photos"));
        let _gone = std::fs::remove_file(home.path().join("photos"));
        // Whatever becomes of the transfer.
        let _report =
            LyingServer::sending_one_by_one(items.clone()).download(&photos(), home.path(), &options(on_conflict));
        assert_untouched(home.path(), &format!("{on_conflict:?} {items:?}"));
        assert!(!home.path().join("photos").is_symlink(), "{items:?}");
    }
}

#[test]
fn a_link_of_an_earlier_run_leads_nowhere_new() {
    for (target, is_chosen) in [("../.ssh", false), ("../.ssh", true), ("..", false), ("..", true)] {
        let home = home();
        // As a version of this program before this test may have made it.
        std::fs::create_dir(home.path().join("photos")).unwrap();
        symlink(target, home.path().join("photos/l")).unwrap();
        let name = if target == ".." { "photos/l/.ssh/known" } else { "photos/l/known" };
        for on_conflict in RULES {
            let modified = Timestamp::new(5, 0);
            let entry = Entry {
                path: remote(&format!("/{name}")),
                kind: Kind::File,
                size: 4,
                modified,
                mode: None,
                unflushed: false,
            };
            let found = Element::Found(Found { name: name.to_owned(), entry });
            let options = TransferOptions { resume: is_chosen, ..options(on_conflict) };
            let server = LyingServer { found: vec![found], ..LyingServer::sending_one_by_one(evil(name)) };
            let result = server.download(&photos(), home.path(), &options);
            assert_untouched(home.path(), &format!("{target} {on_conflict:?} {result:?}"));
            if let Ok(report) = result {
                assert_eq!((report.files, report.failures.len()), (0, 1), "{report:?}");
                let told = report.failures[0].to_string();
                assert!(told.contains("a symbolic link in the destination leads out of what was asked for"), "{told}");
            }
        }
    }
}

#[test]
fn links_of_patterns_and_of_chosen_names_stay_in_their_source_too() {
    let named = RemoteSource { path: remote("/x/y"), name: Some("deep/er".to_owned()) };
    for (source, top) in [(remote("/photos*").into(), "photos1"), (remote("/**").into(), "photos1"), (named, "deep/er")]
    {
        let home = home();
        let up = "../".repeat(1 + top.matches('/').count());
        let items = [
            vec![directory(top), link(&format!("{top}/l"), &format!("{up}.ssh"))],
            evil(&format!("{top}/l/authorized_keys")),
        ];
        let report = LyingServer::sending_one_by_one(items.concat())
            .download(&[source], home.path(), &options(OnConflict::Replace))
            .unwrap();
        assert_eq!(failed_at(&report, "/l").map(|failure| failure.code), Some(ErrorCode::OutsideRoot), "{report:?}");
        assert_untouched(home.path(), top);
    }
}

#[test]
fn links_that_stay_in_what_was_asked_for_are_made_and_those_of_the_user_are_followed() {
    let home = home();
    // The user keeps the photos elsewhere, and those of a year under another name.
    std::fs::create_dir_all(home.path().join("pictures/2024")).unwrap();
    symlink("pictures", home.path().join("photos")).unwrap();
    symlink("2024", home.path().join("pictures/latest")).unwrap();
    let top = Item::Directory { path: "photos".to_owned(), mode: None };
    let items = [vec![top, link("photos/2024/up", "..")], evil("photos/latest/a"), evil("photos/b")];
    let report = LyingServer::sending_one_by_one(items.concat())
        .download(&photos(), home.path(), &options(OnConflict::Replace))
        .unwrap();
    assert_eq!((report.files, report.failures.len()), (3, 0), "{report:?}");
    assert_eq!(std::fs::read(home.path().join("pictures/2024/a")).unwrap(), b"evil");
    assert_eq!(std::fs::read(home.path().join("pictures/b")).unwrap(), b"evil");
    assert_eq!(std::fs::read_link(home.path().join("pictures/2024/up")).unwrap(), Path::new(".."));
}

#[test]
fn a_client_does_not_leave_the_root_by_links_whatever_it_does_with_them() {
    let outer = tempfile::tempdir().unwrap();
    write(outer.path(), "secret", "theirs");
    let fixture = Fixture::new();
    // As the owner of the server's machine may have made it.
    symlink(outer.path(), fixture.path("out")).unwrap();
    let up = format!("../../{}", outer.path().file_name().unwrap().to_str().unwrap());
    symlink(&up, fixture.path("up")).unwrap();
    fixture.write("inside", "inside");
    let absolute = outer.path().to_str().unwrap();
    let mut raw = Raw::connect(&fixture);
    for items in [
        [vec![link("l", absolute)], evil("l/new")].concat(),
        [vec![link("l", &up)], evil("l/new")].concat(),
        [vec![directory("d"), link("d/l", "../.."), link("m", "d/l")], evil("m/new")].concat(),
        evil("out/secret"),
        evil("up/secret"),
        [vec![begin("new", Some(4)), Item::Base { path: "out/secret".to_owned() }], vec![piece(4), end(b"evil")]]
            .concat(),
        [
            vec![begin("new", Some(6)), Item::Base { path: "up/secret".to_owned() }],
            vec![Item::Copy { offset: 0, length: 6 }, end(b"theirs")],
        ]
        .concat(),
        vec![Item::Move { from: "inside".to_owned(), path: "out/new".to_owned() }],
        vec![Item::Move { from: "up/secret".to_owned(), path: "stolen".to_owned() }],
        vec![Item::Keep { path: "inside".to_owned(), to: "/out/new".to_owned() }],
        vec![Item::Keep { path: "out/secret".to_owned(), to: "/stolen".to_owned() }],
        vec![Item::Touch { path: "up/secret".to_owned(), modified: Some(Timestamp::new(5, 0)), mode: Some(0o600) }],
        vec![Item::Remove { path: "out/secret".to_owned() }],
        vec![directory("out/new")],
        vec![link("up/new", "secret")],
    ] {
        let operation = raw.request(upload_to("/"));
        for item in &items {
            let payload = &b"evil"[..item.payload_bytes() as usize];
            raw.data(operation, vec![item.clone()], payload);
        }
        raw.signal(operation, Signal::Finish);
        let (mut failures, mut done) = (0, None);
        while done.is_none() {
            let (header, _) = raw.receive().unwrap();
            match header.body {
                remofile::protocol::wire::Body::Signal(Signal::ItemFailed { .. }) => failures += 1,
                remofile::protocol::wire::Body::Signal(Signal::Done { done: now }) => done = Some(now),
                remofile::protocol::wire::Body::Signal(Signal::Failed { failure }) => panic!("{items:?} {failure}"),
                _ => {}
            }
        }
        assert!(failures > 0, "{items:?}");
        let left: Vec<_> = std::fs::read_dir(outer.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["secret"], "{items:?}");
        assert_eq!(std::fs::read(outer.path().join("secret")).unwrap(), b"theirs", "{items:?}");
        assert!(!fixture.path("stolen").exists(), "{items:?}");
        for made in ["l", "m", "new"] {
            let _gone = std::fs::remove_file(fixture.path(made));
            let _gone = std::fs::remove_dir_all(fixture.path(made));
        }
    }
    assert_serves(&fixture);
}

#[test]
fn links_that_lead_out_are_neither_read_nor_followed_by_a_server() {
    let outer = tempfile::tempdir().unwrap();
    write(outer.path(), "secret", "theirs");
    let fixture = Fixture::new();
    symlink(outer.path(), fixture.path("out")).unwrap();
    fixture.write("tree/file", "x");
    symlink(outer.path().join("secret"), fixture.path("tree/secret")).unwrap();
    let mut client = fixture.client();
    let into = tempfile::tempdir().unwrap();
    for links in [Links::Skip, Links::Follow, Links::Copy] {
        let options = TransferOptions {
            selection: Selection { links, ..options(OnConflict::Replace).selection },
            ..options(OnConflict::Replace)
        };
        let report = client.download(&[remote("/tree")], into.path(), &options, &mut Silent).unwrap();
        assert_eq!((report.files, report.skipped.len()), (1, 1), "{links:?} {report:?}");
    }
    for source in ["/out", "/out/secret", "/tree/secret", "/out/*"] {
        let result = client.download(&[remote(source)], into.path(), &options(OnConflict::Replace), &mut Silent);
        let is_refused = match &result {
            Ok(report) => report.files == 0 && (report.failures.len() + report.skipped.len()) > 0,
            Err(error) => matches!(error, Error::Remote(_)),
        };
        assert!(is_refused, "{source} {result:?}");
    }
    // Named one by one, as signatures, and by a read.
    let mut raw = Raw::connect(&fixture);
    let path = remote("/out/secret");
    let read = Request::Read { path: path.clone(), offset: 0, length: 6, version: None, credit: 100, growing: None };
    let operation = raw.request(read);
    assert_eq!(raw.outcome(operation).unwrap().unwrap_err().code, ErrorCode::OutsideRoot);
    let operation = raw.request(Request::Download {
        sources: vec![],
        recursive: false,
        total: false,
        credit: 1 << 20,
        selection: Some(Selection { one_by_one: true, ..Selection::default() }),
        send_options: None,
    });
    let files = [false, true].map(|as_link| remofile::protocol::wire::Selected {
        path: path.clone(),
        name: "x".to_owned(),
        known: None,
        as_link,
        parts: vec![],
    });
    raw.signal(operation, Signal::Select { files: files.to_vec() });
    raw.signal(operation, Signal::Finish);
    assert_eq!(raw.outcome(operation).unwrap().unwrap().files, 0);
    let names: Vec<_> = common::visible(into.path()).into_iter().filter(|name| name.contains("secret")).collect();
    assert_eq!(names, [""; 0]);
}

#[test]
fn a_link_is_not_moved_to_where_it_would_lead_out() {
    let fixture = Fixture::new();
    fixture.write("a/b/file", "x");
    symlink("../..", fixture.path("a/b/top")).unwrap();
    symlink("/tmp", fixture.path("out")).unwrap();
    let mut client = fixture.client();
    let moved = client.rename(&remote("/a/b/top"), &remote("/a/top"), false);
    assert!(matches!(&moved, Err(Error::Remote(failure)) if failure.code == ErrorCode::OutsideRoot), "{moved:?}");
    client.rename(&remote("/a/b/top"), &remote("/a/b/other"), false).unwrap();
    client.rename(&remote("/out"), &remote("/a/out"), false).unwrap();
    let mut raw = Raw::connect(&fixture);
    let operation = raw.request(upload_to("/"));
    let items = vec![
        Item::Move { from: "a/b/other".to_owned(), path: "other".to_owned() },
        Item::Keep { path: "a/b/other".to_owned(), to: "/kept".to_owned() },
        Item::Remove { path: "none".to_owned() },
    ];
    raw.data(operation, items, b"");
    raw.signal(operation, Signal::Finish);
    raw.outcome(operation).unwrap().unwrap();
    assert!(!fixture.path("other").is_symlink() && !fixture.path("kept").is_symlink());
}

//! Rules and sizes of a download hold whatever the server makes of them: a hostile one sends nothing that the user has
//! left out.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::liar::LyingServer;
use common::raw::file;
use common::{Fixture, remote, visible};
use remofile::protocol::wire::{Element, Entry, ErrorCode, Found, Item, Kind, Links, OnConflict, Timestamp};
use remofile::{Error, RemoteSource, RetryOptions, Selection, Silent, TransferOptions, TransferReport};
use std::os::unix::fs::symlink;

type Items = Vec<Item>;

const LEFT_OUT: &str = "which the rules and sizes that it was given leave out";

fn rules(rules: &[&str]) -> TransferOptions {
    TransferOptions {
        recursive: true,
        resume: false,
        on_conflict: OnConflict::Replace,
        retry: RetryOptions::NEVER,
        selection: Selection { rules: rules.iter().map(|rule| (*rule).to_owned()).collect(), ..Selection::default() },
        ..TransferOptions::default()
    }
}

fn evil(path: &str) -> Items {
    file(path, b"evil")
}

fn directory(path: &str) -> Item {
    Item::Directory { path: path.to_owned(), mode: None }
}

fn link(path: &str) -> Item {
    Item::Link { path: path.to_owned(), target: "target".to_owned(), rule: None }
}

fn found(name: &str, size: u64) -> Element {
    let path = remote(&format!("/{name}"));
    let entry = Entry { path, kind: Kind::File, size, modified: Timestamp::new(5, 0), mode: None, unflushed: false };
    Element::Found(Found { name: name.to_owned(), entry })
}

fn photos() -> Vec<RemoteSource> {
    vec![remote("/photos").into()]
}

fn assert_left_out(result: &remofile::Result<TransferReport>, what: &str) {
    let Err(error @ Error::Protocol(_)) = result else { panic!("{what}: {result:?}") };
    assert!(error.to_string().contains(LEFT_OUT), "{what}: {error}");
}

#[test]
fn what_the_rules_leave_out_is_not_stored_whatever_a_server_sends() {
    let copying = |given: &[&str]| TransferOptions {
        selection: Selection { links: Links::Copy, ..rules(given).selection },
        ..rules(given)
    };
    let root = || vec![remote("/").into()];
    let named = || vec![RemoteSource { path: remote("/x/y"), name: Some("deep/er".to_owned()) }];
    let cases: Vec<(Vec<RemoteSource>, TransferOptions, Items, &str)> = vec![
        (photos(), rules(&[".ssh"]), evil("photos/.ssh/authorized_keys"), ".ssh"),
        (photos(), rules(&[".ssh/"]), vec![directory("photos/.ssh")], ".ssh"),
        (photos(), rules(&["*.key"]), evil("photos/a/b/c.key"), "c.key"),
        // A rule from the top of the source, and one that is taken back too deep to be of use.
        (photos(), rules(&["/a/b"]), evil("photos/a/b"), "b"),
        (photos(), rules(&["a/", "!a/b"]), evil("photos/a/b"), "a/b"),
        // The source itself.
        (photos(), rules(&["photos"]), evil("photos"), "photos"),
        (photos(), rules(&["photos"]), evil("photos/a"), "photos/a"),
        (photos(), copying(&["l"]), vec![link("photos/l")], "l"),
        (photos(), copying(&["d"]), vec![link("photos/d/l")], "d/l"),
        // Only a link that is followed is judged as one.
        (photos(), copying(&["d/"]), vec![link("photos/d/l")], "d/l"),
        (root(), rules(&["/.ssh"]), evil(".ssh/known"), ".ssh"),
        (vec![remote("/p*").into()], rules(&["/a"]), evil("photos/a"), "photos/a"),
        (named(), rules(&["/a"]), evil("deep/er/a"), "deep/er/a"),
    ];
    for (sources, options, items, what) in cases {
        let into = tempfile::tempdir().unwrap();
        assert_left_out(&LyingServer::sending_at_once(items).download(&sources, into.path(), &options), what);
        assert_eq!(visible(into.path()), [""; 0], "{what}");
    }
}

#[test]
fn no_link_that_came_leads_past_the_rules() {
    let options = TransferOptions {
        selection: Selection { links: Links::Copy, ..rules(&["/.ssh", "/deep/er/.ssh"]).selection },
        ..rules(&["/.ssh", "/deep/er/.ssh"])
    };
    for (source, top) in [("/photos", "photos/"), ("/p*", "photos/"), ("/", "")] {
        let into = tempfile::tempdir().unwrap();
        common::write(into.path(), &format!("{top}.ssh/known"), "mine");
        let at = |path: &str| format!("{top}{path}");
        let link = |path: &str, target: &str| Item::Link { path: at(path), target: target.to_owned(), rule: None };
        let items = [
            vec![link("l", ".ssh"), directory(&at("d/e")), link("m", "d"), link("m/n", "../.ssh")],
            evil(&at("l/authorized_keys")),
            evil(&at("m/n/authorized_keys")),
            evil(&at("d/after")),
        ];
        let report = LyingServer::sending_at_once(items.concat())
            .download(&[remote(source).into()], into.path(), &options)
            .unwrap();
        assert_eq!(visible(&into.path().join(at(".ssh"))), ["known"], "{source}");
        assert!(into.path().join(at("d/after")).exists(), "the rest goes on: {report:?}");
        let told: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.iter().all(|told| told.contains("nothing is received through links")), "{told:?}");
    }
}

#[test]
fn links_and_rules_together_make_the_same_again() {
    let fixture = Fixture::new();
    for name in ["photos/d/e", "photos/x.key"] {
        fixture.write(name, name);
    }
    symlink("d", fixture.path("photos/l")).unwrap();
    let into = tempfile::tempdir().unwrap();
    for (resume, times) in [(true, 2), (false, 2)] {
        for _ in 0..times {
            let options = TransferOptions {
                resume,
                selection: Selection { links: Links::Copy, ..rules(&["*.key"]).selection },
                ..rules(&["*.key"])
            };
            let report = fixture.client().download(&[remote("/photos")], into.path(), &options, &mut Silent).unwrap();
            assert!(report.failures.is_empty(), "{report:?}");
            assert_eq!(visible(into.path()), ["photos", "photos/d", "photos/d/e", "photos/l", "photos/l/e"]);
            assert!(into.path().join("photos/l").is_symlink());
        }
    }
}

#[test]
fn what_the_rules_and_sizes_leave_out_is_not_taken_for_found_either() {
    let look = |options: TransferOptions| TransferOptions { resume: true, ..options };
    let sized =
        look(TransferOptions { selection: Selection { max_size: Some(3), ..rules(&[]).selection }, ..rules(&[]) });
    for (options, element) in
        [(look(rules(&[".ssh"])), found("photos/.ssh/keys", 4)), (sized, found("photos/large", 4))]
    {
        let into = tempfile::tempdir().unwrap();
        std::fs::create_dir(into.path().join("photos")).unwrap();
        let result = LyingServer::finding(vec![element]).download(&photos(), into.path(), &options);
        assert_left_out(&result, "found");
        assert_eq!(visible(into.path()), ["photos"]);
    }
}

#[test]
fn a_file_of_a_size_that_was_not_asked_for_is_left_out_alone() {
    let of_size = |min_size, max_size| TransferOptions {
        selection: Selection { min_size, max_size, ..rules(&[]).selection },
        ..rules(&[])
    };
    let unsized_file = {
        let mut items = evil("photos/a");
        if let Item::Begin { size, .. } = &mut items[0] {
            *size = None;
        }
        items
    };
    for (options, items, told) in [
        (of_size(None, Some(3)), evil("photos/a"), "it came with 4 bytes"),
        (of_size(Some(5), None), evil("photos/a"), "it came with 4 bytes"),
        (of_size(None, Some(9)), unsized_file, "it came with an unknown number of bytes"),
    ] {
        let into = tempfile::tempdir().unwrap();
        let small = [file("photos/b", b"")].concat();
        let small = if options.selection.min_size.is_some() { vec![] } else { small };
        let report =
            LyingServer::sending_at_once([items, small].concat()).download(&photos(), into.path(), &options).unwrap();
        assert!(!into.path().join("photos/a").exists());
        assert_eq!(
            into.path().join("photos/b").exists(),
            options.selection.min_size.is_none(),
            "the rest goes on: {report:?}"
        );
        let failure = &report.skipped[0];
        assert_eq!((report.skipped.len(), failure.code), (1, ErrorCode::Skipped), "{report:?}");
        assert!(failure.to_string().contains(told), "{failure}");
        assert!(failure.to_string().contains("which the bounds for sizes leave out"), "{failure}");
    }
}

#[test]
fn honest_servers_send_nothing_that_a_client_takes_for_left_out() {
    let fixture = Fixture::new();
    for name in ["photos/a", "photos/sub/b.txt", "photos/sub/c.key", "photos/d/e", "photos/x/x.txt", "other"] {
        fixture.write(name, name);
    }
    // A rule for directories does not leave out a link that leads to one, nor what comes through it.
    symlink("d", fixture.path("photos/l")).unwrap();
    symlink("nowhere", fixture.path("photos/m")).unwrap();
    symlink("photos/nowhere", fixture.path("photo-link")).unwrap();
    for (given, links, sources, names) in [
        (&["l/"][..], Links::Follow, &["/photos"][..], &["photos/a", "photos/d/e", "photos/l/e"][..]),
        (&["*", "!*/", "!*.txt"], Links::Skip, &["/photos"], &["photos/sub/b.txt", "photos/x/x.txt"]),
        (&["*", "!*/", "!*.txt"], Links::Follow, &["/"], &["photos/sub/b.txt", "photos/x/x.txt"]),
        (&["/photos/sub"], Links::Copy, &["/"], &["photos/a", "photos/l", "other"]),
        (&["/sub"], Links::Copy, &["/ph*"], &["photos/a", "photos/l", "photos/x/x.txt"]),
        (&["*.key", "photo-link"], Links::Copy, &["/ph*", "/photos/sub"], &["photos/sub/b.txt", "sub/b.txt"]),
        (&["!x", "/sub/*.key"], Links::Skip, &["/photos/sub", "/photos"], &["photos/sub/b.txt", "sub/c.key"]),
    ] {
        for resume in [false, true] {
            let into = tempfile::tempdir().unwrap();
            common::write(into.path(), "there", "");
            let options =
                TransferOptions { resume, selection: Selection { links, ..rules(given).selection }, ..rules(given) };
            let sources: Vec<_> = sources.iter().map(|source| remote(source)).collect();
            let report = fixture.client().download(&sources, into.path(), &options, &mut Silent).unwrap();
            let there = visible(into.path());
            for name in names {
                assert!(there.iter().any(|one| one == name), "{given:?} {links:?} {name} {there:?} {report:?}");
            }
        }
    }
}

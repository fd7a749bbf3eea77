//! Selections: the files that patterns, rules and sizes mean, the same in both directions.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{Fixture, remote, tree, visible, write};
use proptest::prelude::*;
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::ErrorCode;
use remofile::{
    Client, Error, LocalSource, RemoteSource, Result, RetryOptions, Selection, Silent, TransferOptions, TransferReport,
};
use std::path::Path;
use tempfile::TempDir;

const NAMES: [&str; 10] = [
    "a.txt",
    "a1.txt",
    "a[1].txt",
    "b.txt",
    "c.md",
    ".hidden.txt",
    "sub/d.txt",
    "sub/deep/e.txt",
    ".dot/f.txt",
    "é.md",
];

fn recursive() -> TransferOptions {
    TransferOptions { recursive: true, ..TransferOptions::default() }
}

fn plant(root: &Path) {
    for name in NAMES {
        write(root, name, name);
    }
}

fn upload(fixture: &Fixture, local: &Path, sources: &[&str], options: &TransferOptions) -> Result<TransferReport> {
    let sources: Vec<_> = sources.iter().map(|source| local.join(source)).collect();
    Client::new(fixture.options()).upload(&sources, &remote("/"), options, &mut Silent)
}

fn download(fixture: &Fixture, sources: &[&str], into: &Path, options: &TransferOptions) -> Result<TransferReport> {
    let sources: Vec<RemotePath> = sources.iter().map(|source| remote(&format!("/{source}"))).collect();
    Client::new(fixture.options()).download(&sources, into, options, &mut Silent)
}

/// A directory in which there is something, so that a download looks before it asks.
fn used() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "~used", "");
    directory
}

fn codes(report: &TransferReport) -> Vec<ErrorCode> {
    report.failures.iter().map(|failure| failure.code).collect()
}

/// Returns the files that arrive of these sources, by an upload and by downloads into an empty and a used
/// directory.
fn arrivals(plant: &dyn Fn(&Path), sources: &[&str], options: &TransferOptions) -> Vec<(Vec<String>, Vec<ErrorCode>)> {
    let (local, served, target) = (tempfile::tempdir().unwrap(), Fixture::new(), Fixture::new());
    plant(local.path());
    plant(served.root());
    let report = upload(&target, local.path(), sources, options).unwrap();
    let mut arrived = vec![(visible(target.root()), codes(&report))];
    for into in [tempfile::tempdir().unwrap(), used()] {
        let report = download(&served, sources, into.path(), options).unwrap();
        let names = visible(into.path()).into_iter().filter(|name| name != "~used").collect();
        arrived.push((names, codes(&report)));
    }
    arrived
}

#[test]
fn patterns_stand_for_what_they_match() {
    let cases: &[(&str, bool, &[&str], &[ErrorCode])] = &[
        ("*.txt", false, &["a.txt", "a1.txt", "a[1].txt", "b.txt"], &[]),
        ("?.txt", false, &["a.txt", "b.txt"], &[]),
        ("?.md", false, &["c.md", "é.md"], &[]),
        ("[ab].txt", false, &["a.txt", "b.txt"], &[]),
        ("[!a].txt", false, &["b.txt"], &[]),
        ("a[1].txt", false, &["a[1].txt"], &[]),
        (r"a\[1].txt", false, &["a[1].txt"], &[]),
        (".*.txt", false, &[".hidden.txt"], &[]),
        (".d*", true, &[".dot", ".dot/f.txt"], &[]),
        ("**/*.txt", false, &["a.txt", "a1.txt", "a[1].txt", "b.txt", "d.txt", "e.txt"], &[]),
        ("**/e*", false, &["e.txt"], &[]),
        ("su*/d*", true, &["d.txt", "deep", "deep/e.txt"], &[]),
        ("su*/d*", false, &["d.txt"], &[ErrorCode::NotAFile]),
        ("s*", true, &["sub", "sub/d.txt", "sub/deep", "sub/deep/e.txt"], &[]),
        ("s*", false, &[], &[ErrorCode::NotAFile]),
        ("sub/**", true, &["d.txt", "deep", "deep/e.txt"], &[]),
    ];
    for (pattern, recursive, names, failures) in cases {
        let options = TransferOptions { recursive: *recursive, ..TransferOptions::default() };
        for (arrived, codes) in arrivals(&plant, &[pattern], &options) {
            assert_eq!(arrived, *names, "{pattern}");
            assert_eq!(codes, *failures, "{pattern}");
        }
    }
}

#[test]
fn a_pattern_beside_names_changes_nothing_about_them() {
    for (arrived, codes) in arrivals(&plant, &["sub", "c*", "a.txt"], &recursive()) {
        assert_eq!(arrived, ["a.txt", "c.md", "sub", "sub/d.txt", "sub/deep", "sub/deep/e.txt"]);
        assert!(codes.is_empty());
    }
}

#[test]
fn a_pattern_that_matches_nothing_is_named() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let file = write(local.path(), "file", "x");
    let sources = [file, local.path().join("*.png")];
    let report = fixture.client().upload(&sources, &remote("/"), &recursive(), &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (1, 1), "{report:?}");
    assert_eq!(report.failures[0].code, ErrorCode::NoMatch);
    assert!(report.failures[0].path.as_deref().unwrap().ends_with("/*.png"), "{report:?}");
    assert_eq!(visible(fixture.root()), ["file"]);
    for into in [tempfile::tempdir().unwrap(), used()] {
        let report = download(&fixture, &["*.png", "none/*", "fil*"], into.path(), &recursive()).unwrap();
        let failures: Vec<_> = report.failures.iter().map(|failure| (failure.code, failure.path.as_deref())).collect();
        let expected = [(ErrorCode::NoMatch, Some("/*.png")), (ErrorCode::NoMatch, Some("/none/*"))];
        assert_eq!((report.files, &failures[..]), (1, &expected[..]));
    }
}

#[test]
fn what_is_malformed_is_told_before_anything_is_asked() {
    let (mut fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    fixture.stop().unwrap();
    let file = write(local.path(), "file", "x");
    let rules = |rule: &str| TransferOptions {
        selection: Selection { rules: vec![rule.to_owned()], ..recursive().selection },
        ..recursive()
    };
    for (pattern, options) in [("[a", recursive()), ("*/[z-a]", recursive()), ("f*", rules("[a")), ("f*", rules("!/"))]
    {
        for error in [
            upload(&fixture, local.path(), &["file", pattern], &options).unwrap_err(),
            download(&fixture, &["file", pattern], local.path(), &options).unwrap_err(),
        ] {
            assert_eq!(error.kind(), "bad-pattern", "{pattern} {error:?}");
            assert!(error.path().is_some());
        }
    }
    let options = TransferOptions { retry: RetryOptions::NEVER, ..rules("# [a") };
    assert_eq!(upload(&fixture, local.path(), &["file"], &options).unwrap_err().kind(), "cannot-connect");
    assert!(file.exists());
}

#[test]
fn two_matches_of_one_name_are_not_both_transferred() {
    let plant = |root: &Path| {
        write(root, "a/same", "first");
        write(root, "b/same", "second");
        write(root, "c/other", "third");
    };
    let (local, fixture) = (tempfile::tempdir().unwrap(), Fixture::new());
    plant(local.path());
    let error = upload(&fixture, local.path(), &["**/*"], &TransferOptions::default());
    assert!(error.is_ok(), "directories match whole: {error:?}");
    let error = upload(&fixture, local.path(), &["*/*"], &recursive()).unwrap_err();
    assert_eq!(error.kind(), "already-exists");
    assert!(error.path().unwrap().ends_with("b/same"));
    assert_eq!(visible(fixture.root()), [""; 0]);
    plant(fixture.root());
    for into in [tempfile::tempdir().unwrap(), used()] {
        let report = download(&fixture, &["*/*"], into.path(), &recursive()).unwrap();
        assert_eq!((report.files, codes(&report)), (2, vec![ErrorCode::AlreadyExists]));
        assert_eq!(report.failures[0].path.as_deref(), Some("/b/same"));
        assert_eq!(std::fs::read(into.path().join("same")).unwrap(), b"first");
    }
}

#[test]
fn sources_of_one_name_are_refused_and_others_get_theirs() {
    let (local, fixture) = (tempfile::tempdir().unwrap(), Fixture::new());
    for root in [local.path(), fixture.root()] {
        write(root, "a/same", "first");
        write(root, "b/same", "second");
    }
    let into = used();
    for result in [
        upload(&fixture, local.path(), &["a/same", "b/same"], &recursive()),
        download(&fixture, &["a/same", "b/same"], into.path(), &recursive()),
    ] {
        assert_eq!(result.unwrap_err().kind(), "already-exists");
    }
    let sources = [("a/same", "x/y/first"), ("b/same", "x/second")];
    for into in [tempfile::tempdir().unwrap(), used()] {
        let sources =
            sources.map(|(path, name)| RemoteSource { path: remote(&format!("/{path}")), name: Some(name.to_owned()) });
        let report = fixture.client().download(&sources, into.path(), &recursive(), &mut Silent).unwrap();
        assert_eq!((report.files, report.failures.len()), (2, 0), "{report:?}");
        assert_eq!(std::fs::read(into.path().join("x/y/first")).unwrap(), b"first");
        assert_eq!(std::fs::read(into.path().join("x/second")).unwrap(), b"second");
    }
    let sources = sources
        .map(|(path, name)| LocalSource { name: Some(name.to_owned()), ..LocalSource::from(local.path().join(path)) });
    for files in [2, 0] {
        let report = fixture.client().upload(&sources, &remote("/"), &recursive(), &mut Silent).unwrap();
        assert_eq!((report.files, report.present, report.failures.len()), (files, 2 - files, 0), "{report:?}");
    }
    assert_eq!(std::fs::read(fixture.path("x/y/first")).unwrap(), b"first");
    assert_eq!(std::fs::read(fixture.path("x/second")).unwrap(), b"second");
    for name in ["../x", "/x", "", "x/", "a//b", ".", ".remofile/x", "x\n"] {
        let source = LocalSource { name: Some(name.to_owned()), ..LocalSource::from(local.path().join("a/same")) };
        let result = fixture.client().upload(&[source], &remote("/"), &recursive(), &mut Silent);
        assert!(matches!(&result, Err(Error::Local(_))) || result.is_ok_and(|report| report.files == 0), "{name:?}");
    }
}

#[test]
fn rules_leave_out_and_take_back() {
    let plant = |root: &Path| {
        for name in
            ["t/a.log", "t/keep.log", "t/top", "t/sub/top", "t/build/x", "t/sub/build/y", "t/sub/building", "t/sub/.z"]
        {
            write(root, name, name);
        }
    };
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["*.log", "!keep.log", "/top", "build/", "# *", ".z"],
            &["t", "t/keep.log", "t/sub", "t/sub/building", "t/sub/top"],
        ),
        (&["*", "!*/", "!top"], &["t", "t/build", "t/sub", "t/sub/build", "t/sub/top", "t/top"]),
        (&["sub/*", "!sub/top", "/build", "*.log"], &["t", "t/sub", "t/sub/top", "t/top"]),
        (&["**/build/**", "*.log", "top"], &["t", "t/build", "t/sub", "t/sub/.z", "t/sub/build", "t/sub/building"]),
        (&["*"], &[]),
        (&["t"], &[]),
    ];
    for (rules, names) in cases {
        let rules: Vec<String> = rules.iter().map(|&rule| rule.to_owned()).collect();
        let options = TransferOptions { selection: Selection { rules, ..recursive().selection }, ..recursive() };
        for (arrived, failures) in arrivals(&plant, &["t"], &options) {
            assert_eq!(arrived, *names, "{:?}", options.selection.rules);
            assert!(failures.is_empty());
        }
    }
}

#[test]
fn sizes_and_rules_hold_for_the_total_as_well() {
    struct Total(Vec<(u64, u64)>);
    impl remofile::Monitor for Total {
        fn report(&mut self, event: remofile::Event<'_>) {
            if let remofile::Event::Total { files, bytes } = event {
                self.0.push((files, bytes));
            }
        }
    }
    let plant = |root: &Path| {
        for size in 0..5 {
            write(root, &format!("t/{size}"), vec![b'x'; size]);
        }
        write(root, "t/out", "xx");
    };
    let options = TransferOptions {
        total: true,
        selection: Selection {
            min_size: Some(1),
            max_size: Some(3),
            rules: vec!["out".to_owned()],
            ..recursive().selection
        },
        ..recursive()
    };
    for (arrived, _) in arrivals(&plant, &["t"], &options) {
        assert_eq!(arrived, ["t", "t/1", "t/2", "t/3"]);
    }
    for (arrived, _) in arrivals(&plant, &["t/0", "t/1", "t/4", "t/out"], &options) {
        assert_eq!(arrived, ["1"]);
    }
    let (local, served) = (tempfile::tempdir().unwrap(), Fixture::new());
    plant(local.path());
    plant(served.root());
    for into in [tempfile::tempdir().unwrap(), used()] {
        let mut total = Total(Vec::new());
        served.client().download(&[remote("/t")], into.path(), &options, &mut total).unwrap();
        assert_eq!(total.0, [(3, 6)]);
    }
    let (target, mut total) = (Fixture::new(), Total(Vec::new()));
    target.client().upload(&[local.path().join("t")], &remote("/"), &options, &mut total).unwrap();
    assert_eq!(total.0, [(3, 6)]);
    assert_eq!(tree(target.root()).len(), 4);
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "ab", ".d", "x.txt", "y.log", "[a]", "a b"])
}

fn rule() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "b", "*", "*.txt", "**", "?", "[ab]", ".d", "a*", "\\[a\\]", "a b"]);
    let parts = prop::collection::vec(part, 1..4);
    (any::<bool>(), any::<bool>(), parts, any::<bool>()).prop_map(|(takes_back, anchored, parts, directory)| {
        let mark = |is: bool, mark| if is { mark } else { "" };
        format!("{}{}{}{}", mark(takes_back, "!"), mark(anchored, "/"), parts.join("/"), mark(directory, "/"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_files_arrive_in_both_directions(
        paths in prop::collection::vec(prop::collection::vec(name(), 1..4), 1..12),
        rules in prop::collection::vec(rule(), 0..5),
    ) {
        let plant = |root: &Path| {
            for path in &paths {
                let path = root.join("t").join(path.join("/"));
                // What is a directory or below a file already is left as it is.
                if std::fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.exists() {
                    std::fs::write(path, "x").unwrap();
                }
            }
        };
        let arrived = arrivals(&plant, &["t"], &TransferOptions { selection: Selection { rules, ..recursive().selection }, ..recursive() });
        prop_assert_eq!(&arrived[0], &arrived[1]);
        prop_assert_eq!(&arrived[0], &arrived[2]);
    }
}

#[test]
fn patterns_are_taken_from_a_directory_that_is_none_itself() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    for root in [fixture.root(), local.path()] {
        for name in ["[b]/1.txt", "[b]/2.txt", "b/3.txt"] {
            write(root, name, name);
        }
    }
    let into = tempfile::tempdir().unwrap();
    let source = RemoteSource::within(&remote("/[b]"), "*.txt").unwrap();
    fixture.client().download(&[source], into.path(), &TransferOptions::default(), &mut Silent).unwrap();
    assert_eq!(visible(into.path()), ["1.txt", "2.txt"]);
    std::fs::create_dir(fixture.path("to")).unwrap();
    let source = LocalSource::within(local.path().join("[b]"), "*.txt");
    fixture.client().upload(&[source], &remote("/to"), &TransferOptions::default(), &mut Silent).unwrap();
    assert_eq!(visible(&fixture.path("to")), ["1.txt", "2.txt"]);
}

//! Symbolic links below the sources: passed over, followed or copied, and never a way out.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{Fixture, remote, write};
use remofile::protocol::wire::{ErrorCode, Links, OnConflict};
use remofile::{Error, Result, Selection, Silent, TransferOptions, TransferReport};
use std::os::unix::fs::symlink;
use std::path::Path;

const RULES: [OnConflict; 5] =
    [OnConflict::Abort, OnConflict::Skip, OnConflict::Replace, OnConflict::Rename, OnConflict::Newer];

fn options(links: Links) -> TransferOptions {
    TransferOptions {
        recursive: true,
        selection: Selection { links, ..Selection::default() },
        ..TransferOptions::default()
    }
}

/// Everything below a directory; links as what they say.
fn snapshot(root: &Path) -> Vec<(String, String)> {
    let (mut found, mut pending) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let is_own = name.split('/').any(|part| part == ".remofile");
            let what = match std::fs::symlink_metadata(&path).unwrap() {
                metadata if metadata.is_symlink() => format!("-> {}", path.read_link().unwrap().display()),
                metadata if metadata.is_dir() => {
                    pending.push(path);
                    "/".to_owned()
                }
                _ => std::fs::read_to_string(&path).unwrap(),
            };
            found.extend((!is_own).then_some((name, what)));
        }
    }
    found.sort();
    found
}

fn expected(listed: &[(&str, &str)]) -> Vec<(String, String)> {
    listed.iter().map(|&(name, what)| (name.to_owned(), what.to_owned())).collect()
}

/// Moves `t` from one directory that a plan has filled to another, both ways; `check` sees each.
fn both_ways(
    plant: &dyn Fn(&Path),
    meet: &dyn Fn(&Path),
    options: &TransferOptions,
    check: &dyn Fn(&str, &Path, Result<TransferReport>),
) {
    let (local, target) = (tempfile::tempdir().unwrap(), Fixture::new());
    plant(local.path());
    meet(target.root());
    let report = target.client().upload(&[local.path().join("t")], &remote("/"), options, &mut Silent);
    check("upload", target.root(), report);
    let (served, into) = (Fixture::new(), tempfile::tempdir().unwrap());
    plant(served.root());
    meet(into.path());
    let report = served.client().download(&[remote("/t")], into.path(), options, &mut Silent);
    check("download", into.path(), report);
}

fn nothing(_: &Path) {}

fn link(root: &Path, name: &str, target: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    symlink(target, path).unwrap();
}

fn codes(report: &TransferReport) -> (Vec<&str>, Vec<ErrorCode>) {
    let mut failures: Vec<_> = report
        .failures
        .iter()
        .filter_map(|failure| Some((failure.path.as_deref()?.rsplit("/t/").next()?, failure.code)))
        .collect();
    failures.sort_by_key(|(name, _)| *name);
    failures.into_iter().unzip()
}

fn skipped(report: &TransferReport) -> Vec<&str> {
    let mut names: Vec<_> =
        report.skipped.iter().filter_map(|failure| failure.path.as_deref()?.rsplit("/t/").next()).collect();
    names.sort_unstable();
    names
}

fn plant(root: &Path) {
    write(root, "t/file", "content");
    write(root, "t/dir/inner", "inner");
    write(root, "outside", "secret");
    for (name, target) in [
        ("t/to-file", "file"),
        ("t/to-dir", "dir"),
        ("t/nested", "to-dir"),
        ("t/again", "to-file"),
        ("t/self", "."),
        ("t/loop", "loop"),
        ("t/dir/back", ".."),
        ("t/dangling", "nowhere"),
        ("t/absolute", "/etc/passwd"),
        ("t/climbing", "../outside"),
    ] {
        link(root, name, target);
    }
}

#[test]
fn links_are_passed_over_and_named() {
    both_ways(&plant, &nothing, &options(Links::Skip), &|way, at, report| {
        let report = report.unwrap();
        let files = [("t", "/"), ("t/dir", "/"), ("t/dir/inner", "inner"), ("t/file", "content")];
        assert_eq!(snapshot(at), expected(&files), "{way}");
        assert_eq!((report.failures.len(), report.skipped.len(), report.files), (0, 10, 2), "{way} {report:?}");
    });
}

#[test]
fn what_links_lead_to_is_sent_in_their_place() {
    for used in [false, true] {
        let meet = |root: &Path| {
            if used {
                write(root, "t/used", "");
            }
        };
        both_ways(&plant, &meet, &options(Links::Follow), &|way, at, report| {
            let report = report.unwrap();
            let mut files = vec![
                ("t", "/"),
                ("t/again", "content"),
                ("t/dir", "/"),
                ("t/dir/inner", "inner"),
                ("t/file", "content"),
                ("t/nested", "/"),
                ("t/nested/inner", "inner"),
                ("t/to-dir", "/"),
                ("t/to-dir/inner", "inner"),
                ("t/to-file", "content"),
            ];
            files.extend(used.then_some(("t/used", "")));
            assert_eq!(snapshot(at), expected(&files), "{way}");
            assert!(report.failures.is_empty(), "{way} {report:?}");
            let left_out =
                ["absolute", "climbing", "dangling", "dir/back", "loop", "nested/back", "self", "to-dir/back"];
            assert_eq!(skipped(&report), left_out, "{way}");
        });
    }
}

#[test]
fn directories_that_link_to_each_other_have_an_end() {
    let plant = |root: &Path| {
        link(root, "t/a/x", "../b");
        link(root, "t/b/y", "../a");
        write(root, "t/a/1", "1");
        write(root, "t/b/2", "2");
    };
    both_ways(&plant, &nothing, &options(Links::Follow), &|way, at, report| {
        let report = report.unwrap();
        assert_eq!((report.files, report.failures.len()), (4, 0), "{way} {report:?}");
        assert_eq!(skipped(&report), ["a/x/y", "b/y/x"], "{way}");
        assert_eq!(std::fs::read(at.join("t/a/x/2")).unwrap(), b"2");
    });
}

#[test]
fn rules_hold_for_what_links_lead_to() {
    let options = TransferOptions {
        selection: Selection {
            rules: vec!["inner".to_owned(), "again".to_owned()],
            min_size: Some(1),
            ..options(Links::Follow).selection
        },
        ..options(Links::Follow)
    };
    both_ways(&plant, &nothing, &options, &|way, at, report| {
        assert!(report.unwrap().failures.is_empty());
        let files: Vec<_> = snapshot(at).into_iter().filter(|(_, what)| what != "/").collect();
        assert_eq!(files, expected(&[("t/file", "content"), ("t/to-file", "content")]), "{way}");
    });
}

fn plant_copies(root: &Path) {
    write(root, "t/file", "content");
    for (name, target) in [
        ("t/a/to-file", "../file"),
        ("t/a/up", ".."),
        ("t/chain", "a/to-file"),
        ("t/dangling", "nowhere/at/all"),
        ("t/here", "."),
    ] {
        link(root, name, target);
    }
}

const COPIES: [(&str, &str); 8] = [
    ("t", "/"),
    ("t/a", "/"),
    ("t/a/to-file", "-> ../file"),
    ("t/a/up", "-> .."),
    ("t/chain", "-> a/to-file"),
    ("t/dangling", "-> nowhere/at/all"),
    ("t/file", "content"),
    ("t/here", "-> ."),
];

#[test]
fn links_are_copied_and_found_again() {
    for (on_conflict, resume) in RULES.into_iter().flat_map(|rule| [(rule, true), (rule, false)]) {
        let meet = |root: &Path| plant_copies(root);
        let options = TransferOptions { on_conflict, resume, ..options(Links::Copy) };
        both_ways(&plant_copies, &nothing, &options, &|way, at, report| {
            let report = report.unwrap();
            assert_eq!((report.files, report.failures.len(), report.skipped.len()), (6, 0, 0), "{way} {report:?}");
            assert_eq!(snapshot(at), expected(&COPIES), "{way}");
        });
        // Once more: what is the same is no conflict. The file's time differs, so it is left out.
        let options =
            TransferOptions { selection: Selection { rules: vec!["file".to_owned()], ..options.selection }, ..options };
        both_ways(&plant_copies, &meet, &options, &|way, at, report| {
            let report = report.unwrap_or_else(|error| panic!("{way} {on_conflict:?} {resume}: {error:?}"));
            assert_eq!((report.failures.len(), report.skipped.len()), (0, 0), "{way} {on_conflict:?} {report:?}");
            assert_eq!(snapshot(at), expected(&COPIES), "{way} {on_conflict:?}");
        });
    }
}

#[test]
fn links_that_lead_out_are_not_copied() {
    let plant = |root: &Path| {
        write(root, "t/file", "content");
        for (name, target) in [
            ("t/absolute", "/etc/passwd"),
            ("t/climbing", "../../x"),
            ("t/hidden", "a/../../../x"),
            ("t/staging", "../.remofile/x"),
            // Each of these alone stays inside, but not both together, in whatever order they come.
            ("t/a/up", "../.."),
            ("t/a/out", "up/../x"),
            ("t/b/out", "then/../../../x"),
            ("t/b/then", "../.."),
        ] {
            link(root, name, target);
        }
    };
    for used in [false, true] {
        let meet = |root: &Path| {
            if used {
                write(root, "t/used", "");
            }
        };
        both_ways(&plant, &meet, &options(Links::Copy), &|way, at, report| {
            let report = report.unwrap();
            // Most the sender leaves out; what only looks harmless, the receiver refuses.
            let (names, codes) = codes(&report);
            assert_eq!((names, codes), (vec!["a/out"], vec![ErrorCode::OutsideRoot]), "{way} {report:?}");
            assert_eq!(report.skipped.len(), 7, "{way} {report:?}");
            assert!(!snapshot(at).iter().any(|(_, what)| what.starts_with("->")), "{way}");
        });
    }
}

#[test]
fn a_link_where_a_file_is_obeys_the_rule() {
    let plant = |root: &Path| {
        write(root, "t/target", "new");
        link(root, "t/name", "target");
    };
    let meet = |root: &Path| {
        write(root, "t/name", "old");
    };
    for (on_conflict, resume) in RULES.into_iter().flat_map(|rule| [(rule, true), (rule, false)]) {
        let options = TransferOptions { on_conflict, resume, ..options(Links::Copy) };
        both_ways(&plant, &meet, &options, &|way, at, report| {
            let way = format!("{way} {on_conflict:?} {resume}");
            let now = |name: &str| {
                snapshot(at).into_iter().find(|(at, _)| at == name).map(|(_, what)| what).unwrap_or_default()
            };
            match on_conflict {
                OnConflict::Abort => {
                    assert!(matches!(&report, Err(Error::Conflicts(conflicts)) if conflicts.len() == 1), "{way}");
                    assert_eq!(snapshot(at), expected(&[("t", "/"), ("t/name", "old")]), "{way}");
                    return;
                }
                OnConflict::Skip | OnConflict::Newer => {
                    assert_eq!(skipped(report.as_ref().unwrap()), ["name"], "{way}");
                    assert_eq!(now("t/name"), "old", "{way}");
                }
                OnConflict::Replace => assert_eq!(now("t/name"), "-> target", "{way}"),
                OnConflict::Rename => {
                    assert_eq!((now("t/name").as_str(), now("t/name (1)").as_str()), ("old", "-> target"), "{way}");
                }
            }
            assert!(report.unwrap().failures.is_empty(), "{way}");
            assert_eq!(now("t/target"), "new", "{way}");
        });
    }
}

#[test]
fn a_file_is_never_written_through_a_link() {
    let plant = |root: &Path| {
        write(root, "t/name", "new");
        write(root, "t/other", "new");
    };
    let meet = |root: &Path| {
        write(root, "victim", "theirs");
        link(root, "t/name", "../victim");
        link(root, "t/other", "../nowhere");
    };
    for (on_conflict, resume) in RULES.into_iter().flat_map(|rule| [(rule, true), (rule, false)]) {
        let options = TransferOptions { on_conflict, resume, ..options(Links::Skip) };
        both_ways(&plant, &meet, &options, &|way, at, report| {
            let way = format!("{way} {on_conflict:?} {resume} {report:?}");
            let now = snapshot(at);
            assert!(now.contains(&("victim".to_owned(), "theirs".to_owned())), "{way}");
            assert!(!now.iter().any(|(name, _)| name == "nowhere"), "{way}");
            let kept = now.contains(&("t/name".to_owned(), "-> ../victim".to_owned()));
            match on_conflict {
                OnConflict::Abort => assert!(kept && matches!(report, Err(Error::Conflicts(_))), "{way}"),
                OnConflict::Skip => assert!(kept && report.is_ok_and(|report| report.skipped.len() == 2), "{way}"),
                OnConflict::Replace => assert!(!kept && report.is_ok(), "{way}"),
                OnConflict::Newer => assert!(report.is_ok(), "{way}"),
                OnConflict::Rename => {
                    assert!(kept && now.contains(&("t/name (1)".to_owned(), "new".to_owned())), "{way}");
                }
            }
        });
    }
}

#[test]
fn a_link_to_what_looks_the_same_is_in_the_way_all_the_same() {
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let dated = |root: &Path, name: &str, content: &str| {
        let path = write(root, name, content);
        std::fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    };
    for on_conflict in [OnConflict::Abort, OnConflict::Replace] {
        let options = TransferOptions { on_conflict, ..options(Links::Skip) };
        let meet = |root: &Path| {
            dated(root, "victim", "old");
            link(root, "t", "victim");
        };
        both_ways(&|root| dated(root, "t", "new"), &meet, &options, &|way, at, report| {
            let now = match on_conflict {
                OnConflict::Abort => "-> victim",
                _ => "new",
            };
            assert_eq!(
                matches!(report, Err(Error::Conflicts(_))),
                on_conflict == OnConflict::Abort,
                "{way} {report:?}"
            );
            assert_eq!(snapshot(at), expected(&[("t", now), ("victim", "old")]), "{way} {report:?}");
        });
    }
}

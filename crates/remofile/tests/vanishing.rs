//! Files that are removed while a transfer runs: nothing that was counted or listed goes without a word, in either
//! direction, and the numbers add up.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{Fixture, noise, remote, write};
use remofile::protocol::wire::{ErrorCode, Links, Selection};
use remofile::{Event, LocalSource, Monitor, RemoteSource, TransferOptions, TransferReport};
use std::path::{Path, PathBuf};

/// The time at which a tree changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Counted,
    Moving,
}

/// Changes a tree once while it is transferred, and notes the total.
struct Changing<F> {
    when: When,
    action: Option<F>,
    total: u64,
}

impl<F: FnOnce()> Monitor for Changing<F> {
    fn report(&mut self, event: Event<'_>) {
        let now = match event {
            Event::Total { files, .. } => {
                self.total = files;
                When::Counted
            }
            Event::Transferred { .. } => When::Moving,
            _ => return,
        };
        if now == self.when
            && let Some(action) = self.action.take()
        {
            action();
        }
    }
}

const TREES: [&str; 3] = ["tree/a", "tree/b/deep", "tree/c"];

/// Plants 300 files of 200 KiB: more than is under way at any time, so that those of the last directory are listed when
/// the first has begun to move.
fn plant(root: &Path) {
    let content = noise(200 * 1024);
    for (index, directory) in TREES.iter().cycle().take(300).enumerate() {
        write(root, &format!("{directory}/f{index:03}"), &content);
    }
}

/// Removes files of all directories, one directory, and puts a directory in the place of a file.
fn change(root: &Path) -> Vec<String> {
    let mut gone: Vec<PathBuf> =
        (270..297).map(|index| root.join(TREES[index % 3]).join(format!("f{index:03}"))).collect();
    gone.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    let file = root.join("tree/c/f299");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    gone.push(file);
    gone.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Checks that what is not at the destination was named, and that all was counted once.
fn check(report: &TransferReport, total: u64, gone: &[String], moved_to: &Path, what: &str) {
    assert_eq!(
        report.files + report.failure_count() + report.present + report.skipped_count(),
        total,
        "{what} {report:?}"
    );
    let named: Vec<&str> =
        report.failures.iter().map(|failure| failure.path.as_deref().unwrap().rsplit('/').next().unwrap()).collect();
    let missing: Vec<&String> =
        gone.iter().filter(|name| !TREES.iter().any(|tree| moved_to.join(tree).join(name).is_file())).collect();
    assert!(!missing.is_empty(), "{what}: everything moved before it was removed");
    assert_eq!(named.len(), missing.len(), "{what} {report:?}");
    for name in missing {
        assert!(named.contains(&name.as_str()), "{what}: {name} is missing without a word");
    }
    for failure in &report.failures {
        assert!(matches!(failure.code, ErrorCode::NotFound | ErrorCode::NotAFile), "{what} {failure:?}");
    }
}

fn options(transfers: u8) -> TransferOptions {
    TransferOptions { recursive: true, total: true, transfers, ..TransferOptions::default() }
}

#[test]
fn files_that_vanish_while_they_are_uploaded_are_named() {
    for when in [When::Counted, When::Moving] {
        for transfers in [1, 4] {
            let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
            plant(local.path());
            let mut gone = Vec::new();
            let mut monitor = Changing { when, action: Some(|| gone = change(local.path())), total: 0 };
            let tree = [local.path().join("tree")];
            let report = fixture.client().upload(&tree, &remote("/"), &options(transfers), &mut monitor).unwrap();
            let total = monitor.total;
            check(&report, total, &gone, fixture.root(), &format!("{when:?} {transfers}"));
            assert_eq!(total, 300);
        }
    }
}

#[test]
fn files_that_vanish_while_they_are_downloaded_are_named() {
    for when in [When::Counted, When::Moving] {
        for transfers in [1, 4] {
            let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
            plant(fixture.root());
            let mut gone = Vec::new();
            let mut monitor = Changing { when, action: Some(|| gone = change(fixture.root())), total: 0 };
            let tree = [remote("/tree")];
            let report = fixture.client().download(&tree, local.path(), &options(transfers), &mut monitor).unwrap();
            let total = monitor.total;
            check(&report, total, &gone, local.path(), &format!("{when:?} {transfers}"));
            assert_eq!(total, 300);
        }
    }
}

#[test]
fn a_directory_that_vanishes_takes_no_file_with_it_without_a_word() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    plant(local.path());
    let mut monitor = Changing {
        when: When::Counted,
        action: Some(|| std::fs::remove_dir_all(local.path().join("tree/b")).unwrap()),
        total: 0,
    };
    let tree = [local.path().join("tree")];
    let report = fixture.client().upload(&tree, &remote("/"), &options(1), &mut monitor).unwrap();
    assert_eq!((monitor.total, report.files, report.failure_count()), (300, 200, 100));
    assert!(report.failures.iter().all(|failure| failure.path.as_deref().unwrap().contains("/tree/b/deep/f")));
    assert_eq!(report.failures[0].code, ErrorCode::NotFound);
}

#[test]
fn sources_that_were_named_and_vanish_are_counted_once() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let names: Vec<String> = (0..40).map(|index| format!("f{index:02}")).collect();
    let source = |name: &String| LocalSource { name: Some(name.clone()), ..LocalSource::within(local.path(), name) };
    names.iter().for_each(|name| drop(write(local.path(), name, noise(100))));
    write(local.path(), "d/in", noise(5));
    let sources: Vec<LocalSource> = names
        .iter()
        .take(20)
        .map(source)
        .chain([source(&"d".to_owned())])
        .chain(names.iter().skip(20).map(source))
        .collect();
    let remove = || {
        names.iter().skip(10).take(20).for_each(|name| std::fs::remove_file(local.path().join(name)).unwrap());
        std::fs::remove_dir_all(local.path().join("d")).unwrap();
    };
    let mut monitor = Changing { when: When::Counted, action: Some(remove), total: 0 };
    let report = fixture.client().upload(&sources, &remote("/"), &options(1), &mut monitor).unwrap();
    // The directory is told as well as the file that was in it.
    assert_eq!((monitor.total, report.files, report.failure_count()), (41, 20, 22), "{report:?}");
}

#[test]
fn links_that_are_followed_are_counted_where_they_are() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    for name in ["tree/a/one", "tree/b/two", "tree/z"] {
        write(local.path(), name, noise(10));
    }
    std::os::unix::fs::symlink("b", local.path().join("tree/link")).unwrap();
    let selection = Selection { links: Links::Follow, ..Selection::default() };
    let options = TransferOptions { selection, ..options(1) };
    let remove = || std::fs::remove_file(local.path().join("tree/b/two")).unwrap();
    let mut monitor = Changing { when: When::Counted, action: Some(remove), total: 0 };
    let tree = [local.path().join("tree")];
    let report = fixture.client().upload(&tree, &remote("/"), &options, &mut monitor).unwrap();
    assert_eq!((monitor.total, report.files, report.failure_count()), (4, 2, 2), "{report:?}");
    assert!(report.failures[1].path.as_deref().unwrap().ends_with("tree/link/two"), "{report:?}");
}

#[test]
fn a_pattern_whose_matches_vanish_tells_each_of_them() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    plant(fixture.root());
    let remove = || std::fs::remove_dir_all(fixture.path("tree/c")).unwrap();
    let mut monitor = Changing { when: When::Counted, action: Some(remove), total: 0 };
    let source = RemoteSource::from(remote("/tree/*"));
    let report = fixture.client().download(&[source], local.path(), &options(1), &mut monitor).unwrap();
    assert_eq!(report.files + report.failure_count(), monitor.total, "{report:?}");
    assert!(report.failure_count() > 0);
}

//! Names and places that are out of the ordinary, and change while they are used.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{AtFirst, Fixture, noise, remote, visible, write};
use remofile::protocol::wire::{ErrorCode, OnConflict};
use remofile::{LocalSource, RemoteSource, Silent, TransferOptions};
use rustix::fs::{Mode, OFlags, mkdirat, openat};
use std::path::Path;
use std::process::Command;

const MIB: usize = 1024 * 1024;

fn options() -> TransferOptions {
    TransferOptions { recursive: true, ..TransferOptions::default() }
}

/// Makes directories in each other, with a file in the last, and without a path that the system would
/// not take.
fn dig(root: &Path, depth: usize) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut at = openat(rustix::fs::CWD, root, flags, Mode::empty()).unwrap();
    for _ in 0..depth {
        mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = openat(&at, "d", flags, Mode::empty()).unwrap();
    }
    let file = openat(&at, "f", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR | Mode::WUSR).unwrap();
    rustix::io::write(&file, b"deep").unwrap();
}

/// Returns the depth of a tree, and the content of the file at the bottom.
fn sound(root: &Path) -> (usize, Vec<u8>) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut at = openat(rustix::fs::CWD, root, flags, Mode::empty()).unwrap();
    let mut depth = 0;
    while let Ok(next) = openat(&at, "d", flags, Mode::empty()) {
        at = next;
        depth += 1;
    }
    let mut content = vec![0; 10];
    let file = openat(&at, "f", OFlags::RDONLY, Mode::empty()).unwrap();
    let count = rustix::io::read(&file, &mut content).unwrap();
    content.truncate(count);
    (depth, content)
}

#[test]
fn a_file_whose_name_no_server_takes_goes_under_another() {
    use std::os::unix::ffi::OsStrExt;
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    for name in [&b"bad\xff"[..], b"new\nline"] {
        let path = local.path().join(std::ffi::OsStr::from_bytes(name));
        std::fs::write(&path, name).unwrap();
        let source = LocalSource { name: Some("good".to_owned()), ..LocalSource::from(&path) };
        let options = TransferOptions { on_conflict: OnConflict::Replace, ..TransferOptions::default() };
        fixture.client().upload(&[source], &remote("/"), &options, &mut Silent).unwrap();
        assert_eq!(std::fs::read(fixture.path("good")).unwrap(), name);
    }
}

#[test]
fn a_tree_of_thousands_of_levels_arrives_in_both_directions() {
    // More than a path that the system takes has room for; each item tells its whole path, so more levels cost their square.
    let depth = if common::soaks() { 4500 } else { 2500 };
    let (local, fixture) = (tempfile::tempdir().unwrap(), Fixture::new());
    dig(local.path(), depth);
    let report = fixture.client().upload(&[local.path().join("d")], &remote("/"), &options(), &mut Silent).unwrap();
    assert_eq!((report.files, report.directories, report.failures.len()), (1, depth as u64, 0));
    assert_eq!(sound(fixture.root()), (depth, b"deep".to_vec()));
    let into = tempfile::tempdir().unwrap();
    let report = fixture.client().download(&[remote("/d")], into.path(), &options(), &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (1, 0));
    assert_eq!(sound(into.path()), (depth, b"deep".to_vec()));
}

#[test]
fn a_deep_tree_is_found_again() {
    const DEPTH: usize = 1000;
    let (local, fixture) = (tempfile::tempdir().unwrap(), Fixture::new());
    dig(local.path(), DEPTH);
    for (files, present) in [(1, 0), (0, 1)] {
        let sources = [local.path().join("d")];
        let report = fixture.client().upload(&sources, &remote("/"), &options(), &mut Silent).unwrap();
        assert_eq!((report.files, report.present, report.failures.len()), (files, present, 0));
    }
    let into = tempfile::tempdir().unwrap();
    for (files, present) in [(1, 0), (0, 1)] {
        let report = fixture.client().download(&[remote("/d")], into.path(), &options(), &mut Silent).unwrap();
        assert_eq!((report.files, report.present, report.failures.len()), (files, present, 0));
    }
    assert_eq!(sound(into.path()), (DEPTH, b"deep".to_vec()));
}

#[test]
fn names_of_the_greatest_length_arrive_and_longer_ones_are_told() {
    let (local, fixture) = (tempfile::tempdir().unwrap(), Fixture::new());
    let (long, other) = ("n".repeat(255), "é".repeat(127));
    let name = format!("t/{long}/{other}");
    write(local.path(), &name, "content");
    let report = fixture.client().upload(&[local.path().join("t")], &remote("/"), &options(), &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (1, 0), "{report:?}");
    let into = tempfile::tempdir().unwrap();
    let report = fixture.client().download(&[remote("/t")], into.path(), &options(), &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (1, 0), "{report:?}");
    assert_eq!(std::fs::read(into.path().join(&name)).unwrap(), b"content");
    // A number in the name would make it too long.
    let path = local.path().join("t").join(&long).join(&other);
    std::fs::write(&path, "of another size").unwrap();
    let source = LocalSource { name: Some(long.clone()), ..LocalSource::from(path) };
    fixture.write(&long, "mine");
    let rename = TransferOptions { on_conflict: OnConflict::Rename, ..options() };
    let report = fixture.client().upload(&[source], &remote("/"), &rename, &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (0, 1), "{report:?}");
    assert_eq!(std::fs::read(fixture.path(&long)).unwrap(), b"mine");
}

#[test]
fn a_source_takes_the_name_it_is_given() {
    let (local, fixture) = (tempfile::tempdir().unwrap(), Fixture::new());
    write(local.path(), "dir/inner/file", "x");
    let path = local.path().join("dir");
    let named = |name: &str| LocalSource { name: Some(name.to_owned()), ..LocalSource::from(path.clone()) };
    let report =
        fixture.client().upload(&[named("a/b c/d"), named("e")], &remote("/"), &options(), &mut Silent).unwrap();
    assert_eq!((report.files, report.failures.len()), (2, 0), "{report:?}");
    let expected = ["a", "a/b c", "a/b c/d", "a/b c/d/inner", "a/b c/d/inner/file", "e", "e/inner", "e/inner/file"];
    assert_eq!(visible(fixture.root()), expected);
    for used in [false, true] {
        let into = tempfile::tempdir().unwrap();
        if used {
            write(into.path(), "x/y/inner/other", "");
        }
        let source = RemoteSource { path: remote("/a/b c"), name: Some("x/y".to_owned()) };
        let report = fixture.client().download(&[source], into.path(), &options(), &mut Silent).unwrap();
        assert_eq!((report.files, report.failures.len()), (1, 0), "{report:?}");
        assert_eq!(std::fs::read(into.path().join("x/y/d/inner/file")).unwrap(), b"x");
    }
}

fn become_directory(path: &Path) {
    std::fs::remove_file(path).unwrap();
    std::fs::create_dir(path).unwrap();
}

#[test]
fn a_file_that_becomes_a_directory_while_it_is_sent_fails_alone() {
    for up in [true, false] {
        let (from, into) = (Fixture::new(), Fixture::new());
        for name in ["t/a", "t/b", "t/c"] {
            from.write(name, noise(20 * MIB));
        }
        let mut monitor = AtFirst::transferred(|| become_directory(&from.path("t/c")));
        let report = match up {
            true => into.client().upload(&[from.path("t")], &remote("/"), &options(), &mut monitor),
            false => from.client().download(&[remote("/t")], into.root(), &options(), &mut monitor),
        };
        let report = report.unwrap();
        // It was listed as a file, or is listed as a directory now, or was opened already.
        let outcome = (report.files, report.directories, report.failures.len());
        assert!([(3, 1, 0), (2, 1, 1), (2, 2, 0)].contains(&outcome), "{report:?}");
        assert!(report.failures.iter().all(|failure| failure.path.as_deref().unwrap().ends_with("t/c")));
        assert!(std::fs::read(into.path("t/b")).unwrap() == noise(20 * MIB));
    }
}

#[test]
fn a_directory_that_takes_a_files_place_while_it_is_received_stays() {
    for up in [true, false] {
        for on_conflict in [OnConflict::Abort, OnConflict::Replace, OnConflict::Newer, OnConflict::Skip] {
            let (from, into) = (Fixture::new(), Fixture::new());
            from.write("t/a", noise(20 * MIB));
            from.write("t/b", noise(100));
            let options = TransferOptions { on_conflict, ..options() };
            let mut monitor = AtFirst::transferred(|| {
                std::fs::create_dir_all(into.path("t/a/mine")).unwrap();
            });
            let report = match up {
                true => into.client().upload(&[from.path("t")], &remote("/"), &options, &mut monitor),
                false => from.client().download(&[remote("/t")], into.root(), &options, &mut monitor),
            };
            let report = report.unwrap();
            assert_eq!((report.files, report.failures.len() + report.skipped.len()), (1, 1), "{up} {report:?}");
            assert!(into.path("t/a/mine").is_dir());
            assert!(std::fs::read(into.path("t/b")).unwrap() == noise(100));
        }
    }
}

/// A directory in which `A` is `a`, if this system has one: a file system of its own, which ends with it.
struct Folded(tempfile::TempDir);

impl Folded {
    fn new() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let run = |program: &str, arguments: &[&str]| {
            let run = Command::new(program).args(arguments).arg(directory.path()).output();
            run.is_ok_and(|output| output.status.success())
        };
        if run("mount", &["-t", "tmpfs", "-o", "casefold", "tmpfs"]) {
            let below = directory.path().join("folded");
            std::fs::create_dir(&below).unwrap();
            let marked = Command::new("chattr").arg("+F").arg(&below).output();
            if marked.is_ok_and(|output| output.status.success()) {
                return Some(Self(directory));
            }
            run("umount", &[]);
        }
        None
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("folded")
    }
}

impl Drop for Folded {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg(self.0.path()).output();
    }
}

#[test]
fn names_that_differ_by_case_alone_do_not_replace_each_other() {
    let Some(folded) = Folded::new() else {
        println!("there is no file system here in which 'A' is 'a': not looked at");
        return;
    };
    let from = Fixture::new();
    from.write("t/A", "first");
    from.write("t/a", "second");
    for on_conflict in [OnConflict::Replace, OnConflict::Newer] {
        let into = folded.path().join(format!("{on_conflict:?}"));
        std::fs::create_dir(&into).unwrap();
        let options = TransferOptions { on_conflict, ..options() };
        let report = from.client().download(&[remote("/t")], &into, &options, &mut Silent).unwrap();
        assert_eq!((report.files, report.failures.len()), (1, 1), "{report:?}");
        assert_eq!(report.failures[0].code, ErrorCode::AlreadyExists);
        assert_eq!(std::fs::read(into.join("t/A")).unwrap(), b"first");
    }
}

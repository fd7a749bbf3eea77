//! Copies within a server that keep what files have beside their contents.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::archive::{OWN, make_tree, set_mode, tree};
use common::{Fixture, remote};
use remofile::protocol::wire::{ErrorCode, Links, OnConflict};
use remofile::{AttributeSet, CopyOptions, Selection, SendOptions, Silent, TransferOptions, TransferReport};
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::Path;

fn transfer() -> TransferOptions {
    let send = SendOptions { preserve_mode: true, attributes: OWN, ..SendOptions::default() };
    let selection = Selection { links: Links::Keep, ..Selection::default() };
    TransferOptions { recursive: true, send, selection, ..TransferOptions::default() }
}

fn whole() -> CopyOptions {
    CopyOptions { recursive: true, attributes: OWN, as_they_are: true, ..CopyOptions::default() }
}

fn without_failures(report: TransferReport) -> TransferReport {
    assert_eq!((&report.failures, &report.skipped), (&Vec::new(), &Vec::new()));
    report
}

/// Uploads a tree with everything to `/tree`.
fn uploaded(fixture: &Fixture, local: &Path) {
    let source = local.join("tree");
    std::fs::create_dir_all(&source).unwrap();
    make_tree(&source);
    symlink("/etc/passwd", source.join("sticky/out")).unwrap();
    common::archive::set_time(&source.join("sticky/out"), 5);
    common::archive::set_time(&source.join("sticky"), 6);
    without_failures(fixture.client().upload(&[source], &remote("/"), &transfer(), &mut Silent).unwrap());
}

fn download(fixture: &Fixture, path: &str, into: &Path) {
    without_failures(fixture.client().download(&[remote(path)], into, &transfer(), &mut Silent).unwrap());
}

#[test]
fn a_whole_copy_of_a_tree_comes_down_as_its_source_went_up() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    uploaded(&fixture, local.path());
    without_failures(fixture.client().copy(&remote("/tree"), &remote("/copy"), whole()).unwrap());
    download(&fixture, "/copy", local.path());
    assert_eq!(tree(&local.path().join("copy")), tree(&local.path().join("tree")));
}

#[test]
fn what_is_held_for_files_and_directories_is_held_for_every_copy_of_them() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    uploaded(&fixture, local.path());
    let mut client = fixture.client();
    let recursive = CopyOptions { recursive: true, ..CopyOptions::default() };
    let report = client.copy(&remote("/tree"), &remote("/copy"), recursive).unwrap();
    assert_eq!(report.failures.len(), 1, "the link that leads out: {report:?}");
    client.copy(&remote("/tree/set-user"), &remote("/alone"), CopyOptions::default()).unwrap();
    download(&fixture, "/copy", local.path());
    download(&fixture, "/alone", local.path());
    let (copy, source) = (tree(&local.path().join("copy")), tree(&local.path().join("tree")));
    let is_link = |path: &str| source.get(path).is_none_or(|told| told.starts_with("120"));
    for (path, told) in copy.iter().filter(|(path, _)| !is_link(path)) {
        assert_eq!(Some(told), source.get(path), "{path}");
    }
    let mode = local.path().join("alone").metadata().unwrap().mode();
    assert_eq!(mode & 0o7777, 0o4755);
}

#[test]
fn attributes_that_others_gave_files_on_the_servers_disk_are_copied_if_they_are_asked_for() {
    let fixture = Fixture::new();
    set_mode(&fixture.write("f", "content"), 0o4751);
    common::archive::set_extended(&fixture.path("f"), "user.comment", b"own");
    let mut client = fixture.client();
    client.copy(&remote("/f"), &remote("/plain"), CopyOptions::default()).unwrap();
    client.copy(&remote("/f"), &remote("/whole"), CopyOptions { attributes: OWN, ..CopyOptions::default() }).unwrap();
    let back = tempfile::tempdir().unwrap();
    for path in ["/f", "/plain", "/whole"] {
        download(&fixture, path, back.path());
    }
    let told = tree(back.path());
    assert_eq!(told["f"], told["whole"]);
    assert!(told["plain"].starts_with("100751") && !told["plain"].contains("user.comment"), "{}", told["plain"]);
    let on_disk = fixture.path("whole").metadata().unwrap().mode();
    assert_eq!(on_disk & 0o7000, 0, "no copy gets a right on the server");
}

#[test]
fn names_of_one_file_are_names_of_one_copy_and_links_are_kept_only_where_that_is_asked_for() {
    let fixture = Fixture::new();
    let first = fixture.write("d/b/first", "one file");
    std::fs::hard_link(&first, fixture.path("d/a")).unwrap();
    std::fs::hard_link(&first, fixture.path("d/z")).unwrap();
    symlink("/etc/passwd", fixture.path("d/out")).unwrap();
    let mut client = fixture.client();
    let report = without_failures(client.copy(&remote("/d"), &remote("/whole"), whole()).unwrap());
    assert_eq!((report.files, report.bytes), (4, 8), "the content is copied once: {report:?}");
    let inode = |path: &str| fixture.path(path).metadata().unwrap().ino();
    assert_eq!((inode("whole/a"), inode("whole/z")), (inode("whole/b/first"), inode("whole/b/first")));
    assert_ne!(inode("whole/a"), inode("d/a"), "the copy is another file");
    assert_eq!(std::fs::read_link(fixture.path("whole/out")).unwrap().to_str(), Some("/etc/passwd"));
    let plain = CopyOptions { attributes: AttributeSet::NONE, as_they_are: false, ..whole() };
    let report = client.copy(&remote("/d"), &remote("/plain"), plain).unwrap();
    let codes: Vec<_> = report.failures.iter().map(|failure| failure.code).collect();
    assert_eq!(codes, [ErrorCode::OutsideRoot]);
    assert_ne!(inode("plain/a"), inode("plain/z"));
}

#[test]
fn another_name_of_a_file_that_could_not_be_copied_is_told_and_nothing_is_replaced_unasked() {
    let fixture = Fixture::new();
    let first = fixture.write("d/a", "one file");
    std::fs::hard_link(&first, fixture.path("d/b")).unwrap();
    // A directory is where the first name would go, and a file where the second would.
    std::fs::create_dir_all(fixture.path("copy/a")).unwrap();
    fixture.write("copy/b", "another");
    let rule = |on_conflict| CopyOptions { on_conflict, ..whole() };
    let skipping = fixture.client().copy(&remote("/d"), &remote("/copy"), rule(OnConflict::Skip)).unwrap();
    assert_eq!(skipping.skipped.len() + skipping.failures.len(), 2, "{skipping:?}");
    assert_eq!(std::fs::read(fixture.path("copy/b")).unwrap(), b"another");
    let replacing = fixture.client().copy(&remote("/d"), &remote("/copy"), rule(OnConflict::Replace)).unwrap();
    assert_eq!(replacing.failures.len(), 1, "{replacing:?}");
    assert_eq!(std::fs::read(fixture.path("copy/b")).unwrap(), b"one file", "the second name is copied alone");
}

#[test]
fn special_files_are_copied_only_if_they_are_asked_for() {
    let fixture = Fixture::new();
    fixture.write("d/f", "x");
    let pipe = fixture.path("d/pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o640.into(), 0).unwrap();
    let devices = CopyOptions { devices: true, ..whole() };
    without_failures(fixture.client().copy(&remote("/d"), &remote("/whole"), devices).unwrap());
    assert!(fixture.path("whole/pipe").symlink_metadata().unwrap().file_type().is_fifo());
    let report = fixture.client().copy(&remote("/d"), &remote("/plain"), whole()).unwrap();
    assert_eq!((report.skipped.len(), report.files), (1, 1), "{report:?}");
}

#[test]
fn a_link_to_what_is_copied_gives_its_copy_the_attributes_of_that() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    uploaded(&fixture, local.path());
    symlink("tree", fixture.path("to-tree")).unwrap();
    symlink("tree/set-user", fixture.path("to-file")).unwrap();
    let mut client = fixture.client();
    without_failures(client.copy(&remote("/to-tree"), &remote("/copy"), whole()).unwrap());
    without_failures(client.copy(&remote("/to-file"), &remote("/file"), whole()).unwrap());
    download(&fixture, "/copy", local.path());
    download(&fixture, "/file", local.path());
    assert_eq!(tree(&local.path().join("copy")), tree(&local.path().join("tree")));
    assert_eq!(local.path().join("file").metadata().unwrap().mode() & 0o7777, 0o4755);
}

#[test]
fn names_of_one_file_stay_names_of_one_copy_when_an_older_copy_is_brought_up_to_date() {
    let fixture = Fixture::new();
    let path = |path: &str| fixture.path(path);
    std::fs::create_dir_all(path("tree")).unwrap();
    std::fs::write(path("tree/a"), "old").unwrap();
    std::fs::hard_link(path("tree/a"), path("tree/b")).unwrap();
    common::archive::set_time(&path("tree/a"), 5);
    let newer = CopyOptions { on_conflict: OnConflict::Newer, ..whole() };
    fixture.client().copy(&remote("/tree"), &remote("/copy"), newer).unwrap();
    std::fs::write(path("tree/a"), "newer").unwrap();
    fixture.client().copy(&remote("/tree"), &remote("/copy"), newer).unwrap();
    let [a, b] = ["copy/a", "copy/b"].map(|name| std::fs::metadata(path(name)).unwrap());
    assert_eq!(std::fs::read_to_string(path("copy/b")).unwrap(), "newer");
    assert_eq!(a.ino(), b.ino());
}

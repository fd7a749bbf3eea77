//! File systems that are mounted below the root: moves, renames of a sync and second names across file systems. Where
//! this user must not mount anything, nothing is looked at.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::archive::{extended, set_extended, set_mode, set_time};
use common::{Fixture, noise, remote, visible, write};
use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{ErrorCode, OnConflict, SendOptions};
use remofile::{Error, Silent, SyncOptions, TransferOptions, synchronize_upload};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;
use std::process::Command;

/// A served directory in which `disk` is another file system.
struct Mounted(Fixture);

impl Mounted {
    fn new() -> Option<Self> {
        let mounted = Self(Fixture::new());
        let disk = mounted.disk();
        std::fs::create_dir(&disk).unwrap();
        let told = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(disk).output();
        told.is_ok_and(|told| told.status.success()).then_some(mounted)
    }

    fn disk(&self) -> PathBuf {
        self.0.path("disk")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(self.disk()).output();
    }
}

fn code<T: std::fmt::Debug>(result: remofile::Result<T>) -> ErrorCode {
    match result {
        Err(Error::Remote(failure)) => failure.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_moved_to_another_disk_and_back_is_as_it_was() {
    let Some(mounted) = Mounted::new() else { return };
    let fixture = &mounted.0;
    let path = |name: &str| fixture.path(name);
    set_mode(&fixture.write("tree/d/large", noise(40 << 20)), 0o640);
    set_extended(&fixture.write("tree/f", "content"), "user.comment", b"kept");
    std::fs::hard_link(path("tree/f"), path("tree/other-name")).unwrap();
    symlink("/elsewhere", path("tree/link")).unwrap();
    ["tree/d/large", "tree/f", "tree/link", "tree/d", "tree"]
        .iter()
        .for_each(|name| set_time(&path(name), 1_000_000_000));
    let told = |top: &str| {
        let of = |name: &str| {
            let found = path(top).join(name).symlink_metadata().unwrap();
            (found.mode(), found.mtime(), found.mtime_nsec(), found.nlink() > 1 && found.is_file())
        };
        ["d/large", "f", "other-name", "link", "d", ""].map(of)
    };
    let (before, mut client) = (told("tree"), fixture.client());
    client.rename(&remote("/tree"), &remote("/disk/tree"), false).unwrap();
    assert!(!path("tree").exists());
    assert_eq!(told("disk/tree"), before);
    client.rename(&remote("/disk/tree"), &remote("/again"), false).unwrap();
    assert_eq!(told("again"), before);
    assert_eq!(std::fs::read(path("again/d/large")).unwrap(), noise(40 << 20));
    assert_eq!(extended(&path("again/f")), extended(&path("again/other-name")));
    assert_eq!(extended(&path("again/f")).len(), 1);
    assert_eq!((visible(&mounted.disk()).len(), visible(fixture.root()).len()), (0, 7), "nothing else is left");
}

#[test]
fn a_file_on_another_disk_is_replaced_only_if_asked_for() {
    let Some(mounted) = Mounted::new() else { return };
    let (fixture, mut client) = (&mounted.0, mounted.0.client());
    fixture.write("f", "new");
    fixture.write("disk/f", "old");
    fixture.write("disk/d/f", "old");
    let (from, to) = (remote("/f"), remote("/disk/f"));
    assert_eq!(code(client.rename(&from, &to, false)), ErrorCode::AlreadyExists);
    assert_eq!(code(client.rename(&from, &remote("/disk/d"), true)), ErrorCode::AlreadyExists);
    assert_eq!(code(client.rename(&from, &remote("/disk/none/f"), true)), ErrorCode::NotFound);
    assert_eq!(std::fs::read(fixture.path("f")).unwrap(), b"new");
    let told = client.rename(&remote("/disk"), &remote("/other"), false).unwrap_err().to_string();
    assert!(told.contains("something is mounted there"), "{told}");
    client.rename(&from, &to, true).unwrap();
    assert_eq!((std::fs::read(fixture.path("disk/f")).unwrap(), fixture.path("f").exists()), (b"new".to_vec(), false));
}

#[test]
fn a_sync_renames_to_another_disk() {
    let Some(mounted) = Mounted::new() else { return };
    let (fixture, local) = (&mounted.0, tempfile::tempdir().unwrap());
    write(local.path(), "large", noise(3 << 20));
    write(local.path(), "disk/other", "other");
    let options = SyncOptions { delete: true, ..SyncOptions::default() };
    let sync =
        || synchronize_upload(&mut fixture.client(), local.path(), &RemotePath::root(), &options, &mut Silent).unwrap();
    sync();
    std::fs::rename(local.path().join("large"), local.path().join("disk/large")).unwrap();
    let report = sync();
    assert_eq!((report.transfer.failures, report.transfer.bytes), (vec![], 0), "it is not sent again");
    assert_eq!(std::fs::read(fixture.path("disk/large")).unwrap(), noise(3 << 20));
    assert!(!fixture.path("large").exists());
}

#[test]
fn a_snapshot_on_another_disk_has_copies_in_place_of_links() {
    let Some(mounted) = Mounted::new() else { return };
    let (fixture, local) = (&mounted.0, tempfile::tempdir().unwrap());
    let tree = local.path().join("tree");
    set_mode(&write(&tree, "same", noise(20 << 20)), 0o640);
    write(&tree, "d/same", "content");
    write(&tree, "changed", "before");
    let send = SendOptions { preserve_mode: true, ..SendOptions::default() };
    let plain = TransferOptions { recursive: true, send, ..TransferOptions::default() };
    std::fs::create_dir(fixture.path("monday")).unwrap();
    let mut client = fixture.client();
    client.upload(&[&tree], &remote("/monday"), &plain, &mut Silent).unwrap();
    write(&tree, "changed", "changed since");
    let link_dest = Some(remote("/monday"));
    let options = TransferOptions { link_dest, on_conflict: OnConflict::Skip, ..plain };
    let report = client.upload(&[&tree], &remote("/disk"), &options, &mut Silent).unwrap();
    assert_eq!((report.failures, report.skipped), (vec![], vec![]));
    assert!(report.sent_bytes < 1 << 20, "only what changed is sent: {}", report.sent_bytes);
    let link_dest = Some(remote("/monday/tree"));
    let options = SyncOptions { send, link_dest, ..SyncOptions::default() };
    let report = synchronize_upload(&mut client, &tree, &remote("/disk/sync"), &options, &mut Silent).unwrap();
    assert_eq!(report.transfer.failures, vec![]);
    for copy in ["disk/tree", "disk/sync"] {
        for name in ["same", "d/same", "changed"] {
            let [here, there] = [tree.join(name), fixture.path(copy).join(name)];
            assert!(std::fs::read(&here).unwrap() == std::fs::read(&there).unwrap(), "{copy} {name}");
            let [here, there] = [here, there].map(|path| path.metadata().unwrap());
            assert_eq!((here.mtime(), here.mtime_nsec()), (there.mtime(), there.mtime_nsec()), "{copy} {name}");
            assert_eq!(here.mode(), there.mode(), "{copy} {name}");
        }
    }
}

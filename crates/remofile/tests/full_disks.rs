//! Disks without room, on either side: a transfer ends at the first file that has none, says what there is, and pins
//! nothing.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{Fixture, noise, remote, write};
use remofile::protocol::token::Token;
use remofile::protocol::wire::ErrorCode;
use remofile::store::{LocalStore, Store, StoreOptions};
use remofile::{
    Client, ClientOptions, Server, Silent, SyncOptions, TransferOptions, TransferReport, synchronize_download,
    synchronize_upload,
};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, mpsc};
use tempfile::TempDir;

const MIB: usize = 1024 * 1024;

/// A disk of its own, which ends with it.
struct Disk(TempDir);

impl Disk {
    /// Mounts a disk of so many MiB; `None` where this user must not, so that nothing is looked at.
    fn new(mebibytes: u32) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(directory.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(directory));
        }
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the number of bytes that are used.
    fn used(&self) -> u64 {
        let told = rustix::fs::statvfs(self.path()).unwrap();
        (told.f_blocks - told.f_bavail) * told.f_frsize
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

/// Serves a directory while `body` uses a client of it.
fn serving<T>(root: &Path, body: impl FnOnce(&mut Client) -> T) -> T {
    let token = Token::generate();
    let server = Arc::new(Server::new(root, token.clone()).unwrap());
    let (sender, receiver) = mpsc::channel();
    let own = Arc::clone(&server);
    let thread = std::thread::spawn(move || {
        let bound = own.bind(0, Some(common::LOCALHOST))?;
        sender.send(bound.addresses()[0]).unwrap();
        bound.serve()
    });
    let address = receiver.recv().unwrap();
    let result = body(&mut Client::new(ClientOptions::new("127.0.0.1", address.port(), token)));
    server.terminate().unwrap();
    thread.join().unwrap().unwrap();
    result
}

/// Plants one file that is far larger than a disk of 22 MiB, and 60 MiB after it.
fn plant(root: &Path) {
    write(root, "tree/a", "");
    std::fs::File::options().write(true).open(root.join("tree/a")).unwrap().set_len(200 * MIB as u64).unwrap();
    for index in 0..15 {
        write(root, &format!("tree/b{index:02}"), noise(4 * MIB));
    }
}

fn options(transfers: u8, total: bool) -> TransferOptions {
    TransferOptions { recursive: true, total, transfers, ..TransferOptions::default() }
}

/// Checks that the transfer has ended at the first file without room, and said so in few words.
fn ended_early(report: &TransferReport, transfers: u8, is_counted: bool, clear: &str) {
    let what = format!("{transfers} {is_counted}");
    let texts: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(report.failures.iter().all(|failure| failure.code == ErrorCode::NoSpace), "{what} {texts:?}");
    assert_eq!(texts.len(), 2, "{what} {texts:?}");
    let told = format!(" are free; nothing of it was kept, and 'remofile partials --clear{clear}' removes");
    assert!(texts[0].contains(&told), "{what} {texts:?}");
    let rest = if is_counted { "files more were not moved" } else { "the files after it were not moved" };
    assert!(texts[1].contains(rest), "{what} {texts:?}");
    if is_counted {
        assert_eq!(report.files + report.failure_count(), 16, "{what} {texts:?}");
    }
    // What the disk took, and what was under way over each connection.
    let moved = report.sent_bytes.max(report.received_bytes);
    assert!(moved < (22 + 40 * u64::from(transfers)) * MIB as u64, "{what} {moved}");
}

#[test]
fn an_upload_to_a_full_disk_ends_at_the_first_file_and_pins_nothing() {
    for (transfers, total) in [(1, true), (1, false), (3, true)] {
        let Some(disk) = Disk::new(22) else { return };
        let local = tempfile::tempdir().unwrap();
        plant(local.path());
        serving(disk.path(), |client| {
            let tree = [local.path().join("tree")];
            let report = client.upload(&tree, &remote("/"), &options(transfers, total), &mut Silent).unwrap();
            ended_early(&report, transfers, total, "");
            assert_eq!(client.partials().unwrap().len(), 0);
            assert!(disk.used() < report.bytes + MIB as u64, "{} {report:?}", disk.used());
            let small = [write(local.path(), "small", "x")];
            let report = client.upload(&small, &remote("/"), &options(1, total), &mut Silent).unwrap();
            assert_eq!((report.files, report.failure_count()), (1, 0), "{report:?}");
        });
    }
}

#[test]
fn a_download_to_a_full_disk_ends_at_the_first_file_and_pins_nothing() {
    for (transfers, total) in [(1, true), (1, false), (3, true)] {
        let (Some(disk), fixture) = (Disk::new(22), Fixture::new()) else { return };
        plant(fixture.root());
        let mut client = fixture.client();
        let report = client.download(&[remote("/tree")], disk.path(), &options(transfers, total), &mut Silent).unwrap();
        ended_early(&report, transfers, total, &format!(" --local {}", disk.path().display()));
        let store = LocalStore::open(disk.path(), StoreOptions::default()).unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        // Another connection may have been at a file of its own, which is kept only where there is room.
        let kept: u64 = store.partials().unwrap().iter().map(|partial| partial.received).sum();
        assert!(kept == 0 || (transfers > 1 && disk.used() < 20 * MIB as u64), "{kept} {}", disk.used());
        assert!(disk.used() < report.bytes + kept + MIB as u64, "{} {report:?}", disk.used());
        // The session goes on.
        fixture.write("small", "x");
        let report = client.download(&[remote("/small")], disk.path(), &options(1, total), &mut Silent).unwrap();
        assert_eq!((report.files, report.failure_count()), (1, 0), "{report:?}");
    }
}

#[test]
fn a_single_file_without_room_is_told_once() {
    let (Some(disk), fixture) = (Disk::new(22), Fixture::new()) else { return };
    let file = fixture.write("a", noise(30 * MIB));
    let report = fixture.client().download(&[remote("/a")], disk.path(), &options(1, false), &mut Silent).unwrap();
    assert_eq!((report.files, report.failure_count()), (0, 1), "{report:?}");
    let report = serving(disk.path(), |client| client.upload(&[file], &remote("/"), &options(1, false), &mut Silent));
    assert_eq!(report.unwrap().failure_count(), 1);
}

#[test]
fn a_sync_to_a_full_disk_ends_at_the_first_file_and_deletes_nothing() {
    let options = SyncOptions { delete: true, ..SyncOptions::default() };
    let (Some(disk), fixture, local) = (Disk::new(22), Fixture::new(), tempfile::tempdir().unwrap()) else { return };
    plant(local.path());
    write(disk.path(), "tree/old", "mine");
    let report = serving(disk.path(), |client| {
        synchronize_upload(client, &local.path().join("tree"), &remote("/tree"), &options, &mut Silent)
    });
    let failures = report.unwrap().transfer.failures;
    assert!(failures.len() <= 3, "{failures:?}");
    assert_eq!(failures[0].code, ErrorCode::NoSpace);
    assert!(disk.path().join("tree/old").exists());
    let Some(disk) = Disk::new(22) else { return };
    plant(fixture.root());
    write(disk.path(), "tree/old", "mine");
    let mut client = fixture.client();
    let report =
        synchronize_download(&mut client, &remote("/tree"), &disk.path().join("tree"), &options, &mut Silent).unwrap();
    assert!(report.transfer.failures.len() <= 3, "{:?}", report.transfer.failures);
    assert_eq!(report.transfer.failures[0].code, ErrorCode::NoSpace);
    assert!(disk.path().join("tree/old").exists());
}

//! Permission bits that alone have changed, and files that are larger than the server stores.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{Fixture, remote, write};
use remofile::protocol::wire::{OnConflict, SendOptions};
use remofile::{OpenOptions, Silent, TransferOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn permission_bits_come_over_though_the_content_is_there() {
    for up in [true, false] {
        for on_conflict in [OnConflict::Abort, OnConflict::Skip, OnConflict::Replace] {
            let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
            let (from, to) = if up { (local.path(), fixture.root()) } else { (fixture.root(), local.path()) };
            for name in ["tree/a", "tree/d/b", "tree/d/c"] {
                set_mode(&write(from, name, name), 0o640);
            }
            let mut client = fixture.client();
            let mut transfer = |preserve_mode| {
                let send = SendOptions { preserve_mode, ..SendOptions::default() };
                let options = TransferOptions { recursive: true, on_conflict, send, ..TransferOptions::default() };
                let report = match up {
                    true => client.upload(&[from.join("tree")], &remote("/"), &options, &mut Silent),
                    false => client.download(&[remote("/tree")], to, &options, &mut Silent),
                };
                let report = report.unwrap();
                assert_eq!(report.failures, [], "{up} {on_conflict:?}");
                (report.files, report.present)
            };
            assert_eq!(transfer(true), (3, 0));
            set_mode(&from.join("tree/d/b"), 0o751);
            assert_eq!(transfer(false), (0, 3));
            assert_eq!(mode(&to.join("tree/d/b")), 0o640, "it was not asked for");
            assert_eq!(transfer(true), (0, 3));
            assert_eq!(mode(&to.join("tree/d/b")), 0o751, "{up} {on_conflict:?}");
            assert_eq!(mode(&to.join("tree/d/c")), 0o640);
        }
    }
}

#[test]
fn a_file_over_the_limit_can_be_read_and_not_stored() {
    let fixture = Fixture::with(|options| options.file_size_limit = 1000);
    fixture.write("tree/large", "x".repeat(5000));
    let (mut client, local) = (fixture.client(), tempfile::tempdir().unwrap());
    let options = TransferOptions { recursive: true, ..TransferOptions::default() };
    for source in ["/tree", "/tree/large"] {
        let into = tempfile::tempdir().unwrap();
        let report = client.download(&[remote(source)], into.path(), &options, &mut Silent).unwrap();
        assert_eq!((report.files, report.bytes, report.failure_count()), (1, 5000, 0), "{report:?}");
    }
    let mut text = String::new();
    client.open(&remote("/tree/large"), OpenOptions::new().read(true)).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text.len(), 5000);
    let large = write(local.path(), "large", "x".repeat(5000));
    let report = client.upload(&[large], &remote("/"), &options, &mut Silent).unwrap();
    assert_eq!((report.files, report.failure_count()), (0, 1));
}

#[test]
fn a_file_that_is_replaced_keeps_its_permission_bits() {
    for up in [true, false] {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        let (from, to) = if up { (local.path(), fixture.root()) } else { (fixture.root(), local.path()) };
        let mut client = fixture.client();
        for (size, there) in [(10, 0o600), (10, 0o444), (3_000_000, 0o711), (3_000_000, 0o640)] {
            set_mode(&write(from, "f", "n".repeat(size)), 0o644);
            set_mode(&write(to, "f", "old"), there);
            let options = TransferOptions { on_conflict: OnConflict::Replace, ..TransferOptions::default() };
            let report = match up {
                true => client.upload(&[from.join("f")], &remote("/"), &options, &mut Silent),
                false => client.download(&[remote("/f")], to, &options, &mut Silent),
            };
            assert_eq!(report.unwrap().failures, []);
            assert_eq!(std::fs::metadata(to.join("f")).unwrap().len(), size as u64);
            assert_eq!(mode(&to.join("f")), there, "{up} {size}");
            std::fs::remove_file(to.join("f")).unwrap();
        }
    }
}

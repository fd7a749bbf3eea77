//! Names that cannot be sent, which only the disk knows: rules and sizes apply to them as to all others.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{Fixture, remote, write};
use remofile::protocol::wire::{ErrorCode, Links, Selection};
use remofile::{Silent, TransferOptions, TransferReport};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Plants files that cannot be sent, a directory that cannot, and files that can.
fn plant(root: &Path) {
    write(root, "tree/sub/good", "good");
    for name in [b"bad\xff".as_slice(), b"bad\nline", b"bad\x07"] {
        std::fs::write(root.join("tree/sub").join(OsStr::from_bytes(name)), "large").unwrap();
    }
    let directory = root.join("tree").join(OsStr::from_bytes(b"dir\xfe"));
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("in"), "x").unwrap();
}

/// Uploads, or downloads, with rules.
fn moved(up: bool, selection: &Selection) -> TransferReport {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let options = TransferOptions { recursive: true, selection: selection.clone(), ..TransferOptions::default() };
    plant(if up { local.path() } else { fixture.root() });
    let mut client = fixture.client();
    let report = match up {
        true => client.upload(&[local.path().join("tree")], &remote("/"), &options, &mut Silent),
        false => client.download(&[remote("/tree")], local.path(), &options, &mut Silent),
    };
    report.unwrap()
}

#[test]
fn rules_leave_out_names_that_cannot_be_sent_without_a_word() {
    for up in [true, false] {
        for links in [Links::Skip, Links::Follow, Links::Copy] {
            for (rules, failures) in [
                (&[][..], 4),
                (&["bad*"][..], 1),
                (&["/sub/bad*", "dir?/"][..], 0),
                (&["*/bad*"][..], 1),
                (&["sub/"][..], 1),
                // It fits no file, and none of the directories.
                (&["bad*/", "dir"][..], 4),
                (&["*", "!tree/", "!sub/", "!good", "!bad?"][..], 2),
            ] {
                let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
                let report = moved(up, &Selection { rules, links, ..Selection::default() });
                let told: Vec<ErrorCode> = report.failures.iter().map(|failure| failure.code).collect();
                assert_eq!(told, vec![ErrorCode::InvalidName; failures], "{up} {links:?} {:?}", report.failures);
            }
        }
    }
}

#[test]
fn sizes_leave_out_names_that_cannot_be_sent_without_a_word() {
    for up in [true, false] {
        let report = moved(up, &Selection { max_size: Some(4), ..Selection::default() });
        // A directory has no size that counts.
        assert_eq!((report.files, report.failures.len()), (1, 1), "{up} {:?}", report.failures);
    }
}

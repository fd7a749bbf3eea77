#![expect(clippy::disallowed_methods, reason = "a program beside the server writes to the file")]

use super::{CopyOptions, Copying};
use crate::store::{LocalStore, Store, StoreOptions};
use crate::transfer::permit::Permit;
use remofile_protocol::path::NameRule;
use remofile_protocol::wire::{AttributeSet, ErrorCode, OnConflict};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

const BYTES: usize = 40 * 1024 * 1024;

/// Copies a file of [`BYTES`] bytes, to which something is done when a part of it is copied.
fn copied_while(change: impl FnOnce(&Path)) -> (tempfile::TempDir, Result<(), ErrorCode>) {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("source");
    std::fs::write(&source, vec![7; BYTES]).unwrap();
    let store: Arc<dyn Store> = Arc::new(LocalStore::open(directory.path(), StoreOptions::default()).unwrap());
    let options = CopyOptions {
        source: "/source".parse().unwrap(),
        follow: true,
        destination: "/copy".parse().unwrap(),
        recursive: false,
        parents: false,
        on_conflict: OnConflict::Abort,
        file_size_limit: u64::MAX,
        attributes: AttributeSet::NONE,
        as_they_are: false,
        devices: false,
        permit: Arc::new(NameRule::Posix) as Arc<dyn Permit>,
    };
    let mut copying = Copying::new(store, options);
    let mut failed = |failure| panic!("{failure:?}");
    // It is opened, and one piece of it is copied.
    for _ in 0..2 {
        assert!(copying.work(&|| true, &mut failed).unwrap().is_none());
    }
    change(&source);
    let outcome = copying.work(&|| false, &mut failed).map(drop).map_err(|failure| failure.code);
    (directory, outcome)
}

/// Reports whether files are copied at once here, so that nothing can happen to them meanwhile.
fn shares_room(directory: &tempfile::TempDir) -> bool {
    std::fs::metadata(directory.path().join("copy")).is_ok_and(|copy| copy.len() == BYTES as u64)
}

#[test]
fn a_file_that_grows_while_it_is_copied_is_copied_as_far_as_it_went() {
    let append = |source: &Path| OpenOptions::new().append(true).open(source).unwrap().write_all(b"more").unwrap();
    let (directory, outcome) = copied_while(append);
    assert_eq!(outcome, Ok(()));
    assert_eq!(std::fs::read(directory.path().join("copy")).unwrap(), vec![7; BYTES]);
}

#[test]
fn a_file_that_is_touched_while_it_is_copied_is_copied() {
    let touch = |source: &Path| {
        let time = std::time::SystemTime::UNIX_EPOCH;
        OpenOptions::new().write(true).open(source).unwrap().set_modified(time).unwrap();
    };
    assert_eq!(copied_while(touch).1, Ok(()));
}

#[test]
fn a_file_that_is_rewritten_and_grows_while_it_is_copied_is_no_copy_of_two_versions() {
    let rewrite = |source: &Path| {
        let file = OpenOptions::new().write(true).open(source).unwrap();
        file.write_all_at(b"another beginning", 0).unwrap();
        file.write_all_at(b"and another end", BYTES as u64).unwrap();
    };
    let (directory, outcome) = copied_while(rewrite);
    assert!(outcome == Err(ErrorCode::SourceChanged) || shares_room(&directory), "{outcome:?}");
}

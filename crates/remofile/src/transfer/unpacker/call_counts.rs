//! Tests that count the system calls of an unpacker.

#![expect(clippy::disallowed_methods, reason = "tests look at the disk themselves")]

use super::*;
use crate::store::{Fsync, LocalStore, StoreOptions, WriteStore, system_faults};
use crate::transfer::{ItemRules, UnpackerOptions};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::path::NameRule;
use std::collections::BTreeMap;

const FILES: usize = 100;

struct Failing;

impl UnpackerMonitor for Failing {
    fn failed(&mut self, failure: Failure, _by_sender: bool) {
        panic!("{failure}");
    }
}

#[test]
fn a_deletion_is_one_system_call_where_those_before_it_were_in_the_same_directory() {
    let root = tempfile::tempdir().unwrap();
    let options = StoreOptions { fsync: Fsync::End, ..StoreOptions::default() };
    let store = Arc::new(LocalStore::open(root.path(), options).unwrap());
    let paths: Vec<String> =
        (0..FILES).map(|number| format!("{}/{number:03}", if number < FILES / 2 { "a/b" } else { "c" })).collect();
    for path in &paths {
        let path = RemotePath::root().join(path).unwrap();
        store.make_directory(&path.parent().unwrap(), true, true).unwrap();
        store.create_file(&path, false).unwrap();
    }
    let options = UnpackerOptions {
        destination: RemotePath::root(),
        on_conflict: OnConflict::Abort,
        file_size_limit: u64::MAX,
        sizes: 0..=u64::MAX,
        permit: Arc::new(NameRule::Posix),
        preserve_mode: false,
        rules: ItemRules::Theirs,
        changes: true,
        digest: DigestKind::Xxh3,
    };
    let mut unpacker = Unpacker::new(store, options, Checked::default()).unwrap();
    let removed = paths.into_iter().chain(["a/b", "a", "c"].map(str::to_owned));
    let items: Vec<Item> = removed.map(|path| Item::Remove { path }).collect();
    let (taken, calls) = system_faults::count(|| unpacker.take(items, &[], &mut Failing));
    taken.unwrap();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    calls.iter().for_each(|call| *counts.entry(call.name).or_default() += 1);
    // A directory is tried as a file first, and looked at then.
    assert_eq!(counts.remove("unlinkat"), Some(FILES + 6), "{counts:?}");
    let others: usize = counts.values().sum();
    assert!(others < 25, "{counts:?}");
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}

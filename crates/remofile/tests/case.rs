//! A file system that does not tell upper from lower case: no file of a transfer replaces another of the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use remofile::protocol::digest::DigestKind;
use remofile::protocol::digest::digest;
use remofile::protocol::path::{NameRule, RemotePath};
use remofile::protocol::wire::{Entry, ErrorCode, Failure, Item, Kind, OnConflict, Timestamp};
use remofile::store::{
    Directory, DurableStore, LocalStore, Partial, PendingBackup, PosixStore, ReadStore, Removal, ResumeStore, Source,
    StagePlan, Staged, Store, StoreOptions, StoreResult, Walk, WriteStore,
};
use remofile::transfer::{Checked, ItemRules, Unpacker, UnpackerMonitor, UnpackerOptions};
use std::sync::Arc;

/// A store that takes names for the same that differ by case; it keeps them in small letters, which real ones
/// do not, so that the first of two has to have such.
struct Folding(LocalStore);

fn fold(path: &RemotePath) -> RemotePath {
    path.as_str().to_lowercase().parse().unwrap()
}

struct FoldingDirectory(Box<dyn Directory>);

impl Directory for FoldingDirectory {
    fn stage(&self, name: &remofile::protocol::path::FileName, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        let name = remofile::protocol::path::FileName::parse(&name.as_str().to_lowercase(), NameRule::Posix).unwrap();
        self.0.stage(&name, plan)
    }
}

impl ReadStore for Folding {
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry> {
        self.0.stat(&fold(path))
    }

    fn walk(&self, directory: &RemotePath, recursive: bool) -> StoreResult<Box<dyn Walk>> {
        self.0.walk(&fold(directory), recursive)
    }

    fn open(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        self.0.open(&fold(path))
    }

    fn read_link(&self, path: &RemotePath) -> StoreResult<String> {
        self.0.read_link(&fold(path))
    }

    fn identity(&self, path: &RemotePath) -> StoreResult<u128> {
        self.0.identity(&fold(path))
    }
}

impl WriteStore for Folding {
    fn create_file(&self, path: &RemotePath, update: bool) -> StoreResult<()> {
        self.0.create_file(&fold(path), update)
    }

    fn make_directory(&self, path: &RemotePath, update: bool, parents: bool) -> StoreResult<bool> {
        self.0.make_directory(&fold(path), update, parents)
    }

    fn directory(&self, path: &RemotePath) -> StoreResult<Box<dyn Directory>> {
        Ok(Box::new(FoldingDirectory(self.0.directory(&fold(path))?)))
    }

    fn remove(&self, path: &RemotePath) -> StoreResult<Kind> {
        self.0.remove(&fold(path))
    }

    fn remove_tree(&self, path: &RemotePath) -> StoreResult<Box<dyn Removal>> {
        self.0.remove_tree(&fold(path))
    }

    fn rename(&self, source: &RemotePath, destination: &RemotePath, replace: bool) -> StoreResult<()> {
        self.0.rename(&fold(source), &fold(destination), replace)
    }
}

impl ResumeStore for Folding {
    fn partials(&self) -> StoreResult<Vec<Partial>> {
        self.0.partials()
    }

    fn read_partial(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        self.0.read_partial(&fold(path))
    }

    fn remove_partial(&self, path: &RemotePath) -> StoreResult<bool> {
        self.0.remove_partial(&fold(path))
    }

    fn expire_partials(&self, older_than: std::time::Duration) -> StoreResult<u64> {
        self.0.expire_partials(older_than)
    }
}

impl PosixStore for Folding {
    fn edit(&self, path: &RemotePath, create: bool) -> StoreResult<Box<dyn remofile::store::Editing>> {
        self.0.edit(&fold(path), create)
    }

    fn make_link(&self, path: &RemotePath, target: &str, replace: bool) -> StoreResult<()> {
        self.0.make_link(&fold(path), target, replace)
    }

    fn set_mode(&self, path: &RemotePath, mode: u32) -> StoreResult<()> {
        self.0.set_mode(&fold(path), mode)
    }

    fn set_modified(&self, path: &RemotePath, modified: Timestamp) -> StoreResult<()> {
        self.0.set_modified(&fold(path), modified)
    }

    fn prepare_backup(&self, path: &RemotePath, to: &RemotePath) -> StoreResult<Box<dyn PendingBackup>> {
        self.0.prepare_backup(&fold(path), &fold(to))
    }
}

impl DurableStore for Folding {
    fn sync(&self, since: remofile::store::FlushMark) -> StoreResult<()> {
        self.0.sync(since)
    }
}

impl Store for Folding {}

#[derive(Default)]
struct Failures(Vec<(String, ErrorCode)>);

impl UnpackerMonitor for Failures {
    fn failed(&mut self, failure: Failure, _by_sender: bool) {
        self.0.push((failure.path.unwrap(), failure.code));
    }
}

fn file(path: &str, content: &[u8]) -> Vec<Item> {
    let (path, size) = (path.to_owned(), Some(content.len() as u64));
    vec![
        Item::Begin { path, size, modified: None, mode: None, rule: None, offset: 0, replaces: None },
        Item::Data { length: u32::try_from(content.len()).unwrap() },
        Item::End { digest: digest(content) },
    ]
}

#[test]
fn of_two_names_that_are_one_the_second_fails_and_the_first_stays() {
    for on_conflict in [OnConflict::Replace, OnConflict::Newer, OnConflict::Abort] {
        let root = tempfile::tempdir().unwrap();
        let local = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        let store: Arc<dyn Store> = Arc::new(Folding(local));
        let options = UnpackerOptions {
            destination: RemotePath::root(),
            on_conflict,
            file_size_limit: u64::MAX,
            sizes: 0..=u64::MAX,
            permit: Arc::new(NameRule::Posix),
            preserve_mode: false,
            rules: ItemRules::Theirs,
            changes: false,
            digest: DigestKind::Xxh3,
        };
        let mut unpacker = Unpacker::new(Arc::clone(&store), options, Checked::default()).unwrap();
        let mut failures = Failures::default();
        for path in ["readme", "dir/file", "README", "dir/File", "other"] {
            unpacker.take(file(path, path.as_bytes()), path.as_bytes(), &mut failures).unwrap();
        }
        assert_eq!(unpacker.finish(&mut failures).unwrap().files, 3, "{on_conflict:?}");
        let expected = ["README", "dir/File"].map(|path| (path.to_owned(), ErrorCode::AlreadyExists));
        assert_eq!(failures.0, expected, "{on_conflict:?}");
        let mut content = [0; 16];
        let count = store.open(&"/readme".parse().unwrap()).unwrap().read_at(&mut content, 0).unwrap();
        assert_eq!(&content[..count], b"readme", "{on_conflict:?}");
    }
}

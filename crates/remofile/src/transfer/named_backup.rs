//! The backup of a file or link that is replaced or removed.

use super::intake::{Effect, UnpackerMonitor};
use crate::store::{PendingBackup, StoreResult};
use remofile_protocol::path::RemotePath;

/// A backup that is being prepared, with the path it is of.
pub(super) struct NamedBackup {
    /// Path as the sender wrote it.
    path: String,
    to: RemotePath,
    backup: Box<dyn PendingBackup>,
}

impl NamedBackup {
    pub(super) fn new(path: String, to: RemotePath, backup: Box<dyn PendingBackup>) -> Self {
        Self { path, to, backup }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn into_path(self) -> String {
        self.path
    }

    pub(super) fn is_ready(&self) -> bool {
        self.backup.is_ready()
    }

    pub(super) fn step(&mut self) -> StoreResult<()> {
        self.backup.step()
    }

    /// Commits the backup, right before its file is replaced or removed.
    pub(super) fn commit(self, monitor: &mut dyn UnpackerMonitor) -> StoreResult<()> {
        self.backup.commit()?;
        monitor.changed(Effect::BackedUp { path: &self.path, to: &self.to });
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests look at the disk themselves")]
mod tests {
    use super::super::{Checked, ItemRules, Unpacker, UnpackerOptions};
    use super::*;
    use crate::store::{LocalStore, PosixStore, Store, StoreOptions, Wrapper, forward};
    use remofile_protocol::digest::DigestKind;
    use remofile_protocol::path::NameRule;
    use remofile_protocol::wire::{ErrorCode, Failure, Item, OnConflict};
    use std::sync::Arc;

    /// A store on a file system without hard links, where a copy takes some steps.
    struct Copies(Arc<dyn Store>);

    struct Copying {
        backup: Box<dyn PendingBackup>,
        steps_left: u32,
    }

    impl PendingBackup for Copying {
        fn is_ready(&self) -> bool {
            self.steps_left == 0
        }

        fn step(&mut self) -> StoreResult<()> {
            self.steps_left -= 1;
            self.backup.step()
        }

        fn commit(self: Box<Self>) -> StoreResult<()> {
            self.backup.commit()
        }
    }

    impl Wrapper for Copies {
        fn inner(&self) -> &dyn Store {
            &*self.0
        }
    }

    forward!(ReadStore for Copies);
    forward!(WriteStore for Copies);
    forward!(ResumeStore for Copies);
    forward!(DurableStore for Copies);

    impl PosixStore for Copies {
        fn prepare_backup(&self, path: &RemotePath, to: &RemotePath) -> StoreResult<Box<dyn PendingBackup>> {
            Ok(Box::new(Copying { backup: self.0.prepare_backup(path, to)?, steps_left: 3 }))
        }
    }

    impl Store for Copies {}

    #[derive(Default)]
    struct Failures(Vec<Failure>);

    impl UnpackerMonitor for Failures {
        fn failed(&mut self, failure: Failure, _by_sender: bool) {
            self.0.push(failure);
        }
    }

    fn unpacker(store: impl Store + 'static) -> Unpacker {
        let options = UnpackerOptions {
            destination: RemotePath::root(),
            on_conflict: OnConflict::Replace,
            file_size_limit: u64::MAX,
            sizes: 0..=u64::MAX,
            permit: Arc::new(NameRule::Posix),
            preserve_mode: false,
            rules: ItemRules::Theirs,
            changes: true,
            digest: DigestKind::Xxh3,
        };
        Unpacker::new(Arc::new(store), options, Checked::default()).unwrap()
    }

    fn keep(path: &str) -> Item {
        Item::Keep { path: path.to_owned(), to: format!("/backup/{path}") }
    }

    fn file(path: &str, content: &[u8], digest: [u8; 16]) -> Vec<Item> {
        let (path, size) = (path.to_owned(), Some(content.len() as u64));
        vec![
            Item::Begin { path, size, modified: None, mode: None, rule: None, offset: 0, replaces: None },
            Item::Data { length: content.len() as u32 },
            Item::End { digest },
        ]
    }

    #[test]
    fn what_takes_long_to_copy_is_copied_in_steps_before_what_comes_behind_it() {
        let root = tempfile::tempdir().unwrap();
        let there = |name: &str| root.path().join(name).exists();
        std::fs::write(root.path().join("a"), "a").unwrap();
        std::fs::write(root.path().join("b"), "b").unwrap();
        let mut unpacker = unpacker(Copies(Arc::new(LocalStore::open(root.path(), StoreOptions::default()).unwrap())));
        let mut failures = Failures::default();
        let remove = |path: &str| Item::Remove { path: path.to_owned() };
        unpacker.take(vec![keep("a"), remove("a")], b"", &mut failures).unwrap();
        unpacker.take(vec![keep("b"), remove("b")], b"", &mut failures).unwrap();
        let mut steps = 0;
        while unpacker.is_busy() {
            assert!(steps >= 3 || there("a") && !there("backup/a"));
            assert!(there("b"));
            unpacker.work(&|| true, &mut failures).unwrap();
            steps += 1;
        }
        assert_eq!(steps, 3 + 1 + 1 + 3 + 1);
        assert!(!there("a") && !there("b") && there("backup/a") && there("backup/b"));
        unpacker.finish(&mut failures).unwrap();
        assert_eq!(failures.0, []);
    }

    #[test]
    fn a_backup_stays_as_it_is_when_nothing_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let read = |name: &str| std::fs::read_to_string(root.path().join(name)).unwrap();
        std::fs::create_dir(root.path().join("backup")).unwrap();
        std::fs::write(root.path().join("a"), "old").unwrap();
        std::fs::write(root.path().join("backup/a"), "older").unwrap();
        let store = || LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        let mut failures = Failures::default();
        let mut failing = unpacker(store());
        failing.take([vec![keep("a")], file("a", b"new", [0; 16])].concat(), b"new", &mut failures).unwrap();
        failing.finish(&mut failures).unwrap();
        assert_eq!((read("a"), read("backup/a")), ("old".to_owned(), "older".to_owned()));
        assert_eq!(failures.0[0].code, ErrorCode::IntegrityFailure);
        let mut good = unpacker(store());
        let digest = remofile_protocol::digest::digest(b"new");
        good.take([vec![keep("a")], file("a", b"new", digest)].concat(), b"new", &mut failures).unwrap();
        assert_eq!((read("a"), read("backup/a")), ("new".to_owned(), "old".to_owned()));
        good.take(vec![keep("a")], b"", &mut failures).unwrap();
        good.finish(&mut failures).unwrap();
        assert_eq!(read("backup/a"), "new");
        assert_eq!(failures.0.len(), 1);
    }
}

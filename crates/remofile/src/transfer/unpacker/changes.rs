//! The changes of a distant store, which wait for their answers side by side.
//!
//! Removals, moves and new times come one after the other, and each takes some answers of the service. Those whose paths do not
//! meet are made at once; those that do stay in their order.

use super::Unpacker;
use super::side_by_side::Waiting;
use crate::transfer::change::Change;
use crate::transfer::intake::UnpackerMonitor;
use remofile_protocol::wire::ErrorCode;

/// Changes that wait at most, before they are made.
const MOST_CHANGES: usize = 128;

impl Unpacker {
    /// Has a change made beside others: by [`Unpacker::make_changes`] at the latest.
    pub(super) fn change_beside(&mut self, path: String, change: Change, monitor: &mut dyn UnpackerMonitor) {
        if let Change::Remove { path } = &change {
            self.open.forget(path);
        }
        if let Err((path, change)) = self.changes.add(path, change) {
            self.make_changes(monitor);
            let _added = self.changes.add(path, change);
        }
        if self.changes.count >= MOST_CHANGES {
            self.make_changes(monitor);
        }
    }

    /// Makes the changes that wait.
    pub(super) fn make_changes(&mut self, monitor: &mut dyn UnpackerMonitor) {
        if self.changes.count == 0 {
            return;
        }
        for (waiting, outcome) in std::mem::take(&mut self.changes).make(&*self.store) {
            let Waiting { path, change, .. } = waiting;
            let outcome = match (outcome, &change) {
                (Err(failure), Change::Move { from, to }) if failure.code == ErrorCode::CrossDevice => {
                    match self.move_instead(path.clone(), from.clone(), to.clone()) {
                        Ok(()) => {
                            while self.go_across(&|| false, monitor) {}
                            continue;
                        }
                        Err(failure) => Err(failure),
                    }
                }
                (outcome, _) => outcome,
            };
            match outcome {
                Ok(()) => monitor.changed(change.effect(&path, &self.options.destination)),
                Err(failure) => monitor.failed(failure.at(path), false),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Faulty, MemoryStore, Store, WriteStore};
    use crate::transfer::intake::{Effect, ItemRules, UnpackerOptions};
    use crate::transfer::resume::Checked;
    use remofile_protocol::digest::DigestKind;
    use remofile_protocol::path::{NameRule, RemotePath};
    use remofile_protocol::wire::{Failure, Item, OnConflict, Timestamp};
    use std::sync::Arc;

    #[derive(Default)]
    struct Told(Vec<String>);

    impl UnpackerMonitor for Told {
        fn changed(&mut self, effect: Effect<'_>) {
            self.0.push(format!("{effect:?}"));
        }

        fn failed(&mut self, failure: Failure, _by_sender: bool) {
            self.0.push(format!("{:?} {}", failure.code, failure.path.unwrap_or_default()));
        }
    }

    fn remove(path: &str) -> Item {
        Item::Remove { path: path.to_owned() }
    }

    /// Takes items in, and returns what was told of them, in its order.
    fn told(store: Arc<dyn Store>, items: Vec<Item>) -> Vec<String> {
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
        let (mut told, mut unpacker) = (Told::default(), Unpacker::new(store, options, Checked::default()).unwrap());
        unpacker.take(items, b"", &mut told).unwrap();
        unpacker.finish(&mut told).unwrap();
        told.0
    }

    #[test]
    fn changes_come_to_the_same_side_by_side_as_one_after_the_other() {
        let path = |text: &str| text.parse::<RemotePath>().unwrap();
        let store = || {
            let store = MemoryStore::new();
            for directory in ["/a", "/a/b", "/c"] {
                store.make_directory(&path(directory), false, false).unwrap();
            }
            (0..300).for_each(|number| store.create_file(&path(&format!("/a/b/{number}")), false).unwrap());
            store.create_file(&path("/c/d"), false).unwrap();
            Faulty::new(Arc::new(store))
        };
        let mut items: Vec<Item> = (0..300).map(|number| remove(&format!("a/b/{number}"))).collect();
        let touch =
            |path: &str| Item::Touch { path: path.to_owned(), modified: Some(Timestamp::new(5, 0)), mode: None };
        // Each depends on what is before it: a directory has to be empty, and a name to be free or there.
        items.extend([touch("a/b"), remove("a/b"), remove("a/b"), remove("c"), touch("c/d")]);
        items.push(Item::Move { from: "c/d".to_owned(), path: "a/e".to_owned() });
        items.extend([remove("c"), touch("a/e"), remove("a"), remove("a/e"), remove("a"), touch("none")]);
        let (one_by_one, together) = (store(), store().distant());
        let (expected, found) = (told(Arc::new(one_by_one), items.clone()), told(Arc::new(together), items));
        assert_eq!(expected.len(), 312);
        assert_eq!(found, expected);
    }
}

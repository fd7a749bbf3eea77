//! Changes of a distant store that wait for their answers side by side.
//!
//! Removals, moves and new times come one after the other, and each takes some answers of the service. Those whose paths do not
//! meet are made at once; those that do stay in their order.

use super::Unpacker;
use crate::blocking::side_by_side;
use crate::store::{Store, StoreResult};
use crate::transfer::change::Change;
use crate::transfer::intake::UnpackerMonitor;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::ErrorCode;

/// Changes that wait at most, before they are made.
const MOST_CHANGES: usize = 128;

/// Changes that are to be made.
#[derive(Default)]
pub(super) struct SideBySide {
    /// Those of one are made in their order.
    chains: Vec<Vec<Waiting>>,
    count: usize,
}

/// A change that is to be made.
struct Waiting {
    /// Its place among all.
    number: usize,
    /// The path as the sender named it.
    path: String,
    change: Change,
}

impl SideBySide {
    /// Adds a change behind all that it meets; gives it back if it meets changes that go on beside each other.
    fn add(&mut self, waiting: Waiting) -> Result<(), Waiting> {
        let meets = |chain: &Vec<Waiting>| chain.iter().any(|other| meet(&other.change, &waiting.change));
        let mut meeting = self.chains.iter_mut().filter(|chain| meets(chain));
        match (meeting.next(), meeting.next()) {
            (None, _) => self.chains.push(vec![waiting]),
            (Some(chain), None) => chain.push(waiting),
            (Some(_), Some(_)) => return Err(waiting),
        }
        self.count += 1;
        Ok(())
    }

    /// Makes all changes, and returns them in the order in which they were added, with what came of each.
    fn make(self, store: &dyn Store) -> Vec<(Waiting, StoreResult<()>)> {
        let make =
            |chain: &Vec<Waiting>| -> Vec<_> { chain.iter().map(|waiting| waiting.change.apply(store)).collect() };
        let outcomes = side_by_side(&self.chains, make);
        let changes = self.chains.into_iter().flatten();
        let mut made: Vec<_> = changes.zip(outcomes.into_iter().flatten()).collect();
        made.sort_unstable_by_key(|(waiting, _)| waiting.number);
        made
    }
}

/// Reports whether one change is at, above or below a path of the other.
fn meet(one: &Change, other: &Change) -> bool {
    let nested = |one: &RemotePath, other: &RemotePath| one.is_within(other) || other.is_within(one);
    paths(one).any(|path| paths(other).any(|others| nested(path, others)))
}

fn paths(change: &Change) -> impl Iterator<Item = &RemotePath> {
    let (first, second) = match change {
        Change::Move { from, to } => (from, Some(to)),
        Change::Remove { path } | Change::Touch { path, .. } => (path, None),
    };
    std::iter::once(first).chain(second)
}

impl Unpacker {
    /// Has a change made beside others: by [`Unpacker::make_changes`] at the latest.
    pub(super) fn change_beside(&mut self, path: String, change: Change, monitor: &mut dyn UnpackerMonitor) {
        if let Change::Remove { path } = &change {
            self.open.forget(path);
        }
        let waiting = Waiting { number: self.changes.count, path, change };
        if let Err(waiting) = self.changes.add(waiting) {
            self.make_changes(monitor);
            self.changes = SideBySide { count: 1, chains: vec![vec![Waiting { number: 0, ..waiting }]] };
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
    use crate::store::{Faulty, MemoryStore, WriteStore};
    use crate::transfer::intake::{Effect, ItemRules, UnpackerOptions};
    use crate::transfer::resume::Checked;
    use remofile_protocol::digest::DigestKind;
    use remofile_protocol::path::NameRule;
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

    #[test]
    fn only_changes_whose_paths_meet_wait_for_each_other() {
        let waiting = |text: &str| {
            let path: RemotePath = text.parse().unwrap();
            Waiting { number: 0, path: text.to_owned(), change: Change::Remove { path } }
        };
        let mut changes = SideBySide::default();
        for path in ["/a/x", "/a/y", "/ab", "/a/x/z", "/b/x", "/b", "/a/x"] {
            assert!(changes.add(waiting(path)).is_ok(), "{path}");
        }
        assert_eq!(changes.chains.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1, 1, 2]);
        assert!(changes.add(waiting("/a")).is_err(), "it waits for two that are made at once");
    }
}

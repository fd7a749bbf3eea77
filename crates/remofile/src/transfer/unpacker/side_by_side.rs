//! Changes that wait to be made side by side.

use crate::blocking::side_by_side;
use crate::store::{Store, StoreResult};
use crate::transfer::change::Change;
use remofile_protocol::path::RemotePath;

/// Changes that are to be made.
#[derive(Default)]
pub(super) struct SideBySide {
    /// Those of one are made in their order.
    chains: Vec<Vec<Waiting>>,
    pub(super) count: usize,
}

/// A change that is to be made.
pub(super) struct Waiting {
    /// Its place among all.
    number: usize,
    /// The path as the sender named it.
    pub(super) path: String,
    pub(super) change: Change,
}

impl SideBySide {
    /// Adds a change behind all that it meets; gives it back if it meets changes that go on beside each other. The first one meets
    /// none.
    pub(super) fn add(&mut self, path: String, change: Change) -> Result<(), (String, Change)> {
        let waiting = Waiting { number: self.count, path, change };
        let meets = |chain: &Vec<Waiting>| chain.iter().any(|other| meet(&other.change, &waiting.change));
        let mut meeting = self.chains.iter_mut().filter(|chain| meets(chain));
        match (meeting.next(), meeting.next()) {
            (None, _) => self.chains.push(vec![waiting]),
            (Some(chain), None) => chain.push(waiting),
            (Some(_), Some(_)) => return Err((waiting.path, waiting.change)),
        }
        self.count += 1;
        Ok(())
    }

    /// Makes all changes, and returns them in the order in which they were added, with what came of each.
    pub(super) fn make(self, store: &dyn Store) -> Vec<(Waiting, StoreResult<()>)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_whose_paths_meet_wait_for_each_other() {
        let mut changes = SideBySide::default();
        let mut remove = |text: &str| changes.add(text.to_owned(), Change::Remove { path: text.parse().unwrap() });
        for path in ["/a/x", "/a/y", "/ab", "/a/x/z", "/b/x", "/b", "/a/x"] {
            assert!(remove(path).is_ok(), "{path}");
        }
        assert!(remove("/a").is_err(), "it waits for two that are made at once");
        assert_eq!(changes.chains.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1, 1, 2]);
    }
}

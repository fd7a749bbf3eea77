//! The temporary paths of what has a directory in its way.

use crate::plan::{Action, Plan, Step};
use remofile_protocol::wire::Kind;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

/// Temporary paths of files and links while directories are in their way, by the indices of their steps.
#[derive(Debug, Default)]
pub(super) struct TemporaryTargets(HashMap<usize, String>);

impl TemporaryTargets {
    pub(super) fn of(plan: &Plan, steps: Range<usize>) -> Self {
        let is_clear = |step: &Step| matches!(step.action, Action::Clear { kind: Kind::Directory });
        let first = steps.start;
        let cleared = plan.steps.range(steps).enumerate().filter(|(_, step)| is_clear(step));
        let cleared: Vec<usize> = cleared.map(|(at, _)| first + at + 1).collect();
        Self(cleared.into_iter().filter_map(|index| Some((index, beside(&plan.steps.get(index)?.path)))).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub(super) fn paths(&self) -> impl Iterator<Item = &String> {
        self.0.values()
    }

    /// Returns the temporary path of a step's content; `None` if it comes to its own path at once.
    pub(super) fn of_step(&self, index: usize) -> Option<&str> {
        self.0.get(&index).map(String::as_str)
    }
}

/// Returns a path in the same directory that nothing else has.
fn beside(path: &str) -> String {
    // Its keys come from the operating system.
    let number = RandomState::new().hash_one(path);
    let directory = path.rfind('/').map_or("", |end| &path[..=end]);
    format!("{directory}.arriving-{number:016x}")
}

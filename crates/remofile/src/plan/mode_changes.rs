//! Permission bits of directories: set when everything is in place, as they may keep the owner out.

use super::node::parent;
use super::step::{Action, Step, Touch};
use std::collections::HashSet;

/// Permission bits that the owner needs to change the contents of a directory.
const CHANGE: u32 = 0o300;
/// Permission bits that the owner has while a plan is carried out.
const OWNER: u32 = 0o700;

/// A directory whose permission bits differ, or keep the owner from changing what is in it.
#[derive(Debug)]
pub(super) struct WritableDirectoryGuard {
    path: Box<str>,
    from: u32,
    to: u32,
}

impl WritableDirectoryGuard {
    /// Guards a directory that both sides have. Returns `None` if nothing has to be done to it, whatever becomes of
    /// its contents.
    pub(super) fn between(path: Box<str>, from: Option<u32>, to: Option<u32>) -> Option<Self> {
        let (from, to) = (from?, to?);
        (from != to || is_closed(from)).then_some(Self { path, from, to })
    }

    /// Guards a directory that is made. Returns the permission bits that it gets at first, and the guard if they have
    /// to be changed later.
    pub(super) fn of_new(path: &str, mode: Option<u32>) -> (Option<u32>, Option<Self>) {
        let from = mode.map(|mode| if is_closed(mode) { mode | OWNER } else { mode });
        let guard = from.zip(mode).filter(|(from, to)| from != to);
        (from, guard.map(|(from, to)| Self { path: path.into(), from, to }))
    }
}

/// The changes of directories' permission bits around the other steps of a plan.
#[derive(Debug, Default)]
pub(super) struct ModeChanges {
    /// Done before all other steps, in path order.
    pub(super) before: Vec<Step>,
    /// Done after all other steps, contents before their directories.
    pub(super) after: Vec<Step>,
}

/// Plans the changes of permission bits that `steps` need; those are all steps that are done in between.
pub(super) fn plan_mode_changes(guards: Vec<WritableDirectoryGuard>, steps: impl Iterator<Item = Step>) -> ModeChanges {
    let mut changes = ModeChanges::default();
    if guards.is_empty() {
        return changes;
    }
    let entered = entered(steps);
    for WritableDirectoryGuard { path, from, to } in guards {
        if from == to && !entered.contains(&*path) {
            continue;
        }
        let during = if is_closed(from) { to | OWNER } else { from };
        if during != from {
            changes.before.push(touch(path.clone(), during));
        }
        if during != to {
            changes.after.push(touch(path, to));
        }
    }
    // Contents before their directories, whose new bits may shut the owner out.
    changes.after.reverse();
    changes
}

fn is_closed(mode: u32) -> bool {
    mode & CHANGE != CHANGE
}

/// Returns the directories in which names come or go.
fn entered(steps: impl Iterator<Item = Step>) -> HashSet<Box<str>> {
    let mut entered: HashSet<Box<str>> = HashSet::new();
    let mut enter = |directory: &str| {
        if !entered.contains(directory) {
            entered.insert(directory.into());
        }
    };
    for step in steps {
        match &step.action {
            Action::Touch(_) | Action::Attributes(_) | Action::Skip { .. } => continue,
            Action::Rename(rename) => enter(parent(&rename.from)),
            _ => {}
        }
        enter(parent(&step.path));
    }
    entered
}

fn touch(path: Box<str>, mode: u32) -> Step {
    Step { path, action: Action::Touch(Box::new(Touch { modified: None, mode: Some(mode), directory: true })) }
}

//! Permission bits of directories: set when everything is in place, as they may keep the owner out.

use super::node::parent;
use super::step::{Action, Step, Touch};
use std::collections::HashSet;

/// What the owner needs to change what is in a directory.
const CHANGE: u32 = 0o300;
/// What the owner has while a plan is carried out.
const OWNER: u32 = 0o700;

/// A directory whose permission bits differ, or keep the owner from changing what is in it.
#[derive(Debug)]
pub(super) struct Door {
    path: Box<str>,
    from: u32,
    to: u32,
}

impl Door {
    /// A directory that both have; `None` if nothing has to be done to it, whatever becomes of its contents.
    pub(super) fn between(path: Box<str>, from: Option<u32>, to: Option<u32>) -> Option<Self> {
        let (from, to) = (from?, to?);
        (from != to || is_closed(from)).then_some(Self { path, from, to })
    }

    /// A directory that is made: the permission bits that it gets at first, and what is to be done later.
    pub(super) fn of_new(path: &str, mode: Option<u32>) -> (Option<u32>, Option<Self>) {
        let from = mode.map(|mode| if is_closed(mode) { mode | OWNER } else { mode });
        let door = from.zip(mode).filter(|(from, to)| from != to);
        (from, door.map(|(from, to)| Self { path: path.into(), from, to }))
    }
}

/// What is done to directories before all other steps, in path order, and after them, contents before their
/// directories.
#[derive(Debug, Default)]
pub(super) struct Doors {
    pub(super) opening: Vec<Step>,
    pub(super) closing: Vec<Step>,
}

impl Doors {
    /// `steps` are all that is done between.
    pub(super) fn around<'a>(doors: Vec<Door>, steps: impl Iterator<Item = &'a Step>) -> Self {
        let mut this = Self::default();
        if doors.is_empty() {
            return this;
        }
        let entered = entered(steps);
        for Door { path, from, to } in doors {
            if from == to && !entered.contains(&*path) {
                continue;
            }
            let during = if is_closed(from) { to | OWNER } else { from };
            if during != from {
                this.opening.push(touch(path.clone(), during));
            }
            if during != to {
                this.closing.push(touch(path, to));
            }
        }
        this.closing.reverse();
        this
    }
}

fn is_closed(mode: u32) -> bool {
    mode & CHANGE != CHANGE
}

/// The directories in which names come or go.
fn entered<'a>(steps: impl Iterator<Item = &'a Step>) -> HashSet<&'a str> {
    let mut entered = HashSet::new();
    for step in steps {
        match &step.action {
            Action::Touch(_) | Action::Skip { .. } => continue,
            Action::Rename(rename) => entered.insert(parent(&rename.from)),
            _ => false,
        };
        entered.insert(parent(&step.path));
    }
    entered
}

fn touch(path: Box<str>, mode: u32) -> Step {
    Step { path, action: Action::Touch(Box::new(Touch { modified: None, mode: Some(mode), directory: true })) }
}

//! The steps of a plan that tell which attributes are given.

use super::{Action, AttributeChange, Plan, Step};
use std::collections::HashSet;

/// Adds to a plan the attributes that are given to what it leaves as it is, or only touches.
pub struct AttributeSteps<'a> {
    plan: &'a mut Plan,
    /// Paths of what comes, or makes way.
    coming: HashSet<Box<str>>,
    /// Paths of what gets a time or permission bits by a step of its own.
    touched: HashSet<Box<str>>,
}

impl<'a> AttributeSteps<'a> {
    /// Begins to add to a plan.
    pub fn new(plan: &'a mut Plan) -> Self {
        let (mut coming, mut touched) = (HashSet::new(), HashSet::new());
        for step in &plan.steps {
            let is_touched = matches!(step.action, Action::Touch(_));
            let paths = if is_touched { &mut touched } else { &mut coming };
            paths.insert(step.path.clone());
        }
        Self { plan, coming, touched }
    }

    /// Adds what differs of something.
    pub fn add(&mut self, path: &str, change: Option<AttributeChange>) {
        let Some(mut change) = change.filter(|_| !self.coming.contains(path)) else { return };
        if self.touched.contains(path) {
            // That is told already.
            (change.time, change.mode) = (false, false);
        }
        if !change.is_any() {
            return;
        }
        let path: Box<str> = if path.is_empty() { ".".into() } else { path.into() };
        self.plan.steps.push(Step { path, action: Action::Attributes(change) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Touch;
    use remofile_protocol::wire::{Kind, Timestamp};

    #[test]
    fn each_path_is_told_once_and_what_comes_not_at_all() {
        let step = |path: &str, action| Step { path: path.into(), action };
        let touch = Touch { modified: Some(Timestamp::new(1, 0)), mode: None, directory: false };
        let steps = vec![step("new", Action::Create { size: 1 }), step("touched", Action::Touch(Box::new(touch)))];
        let mut plan = Plan { steps: steps.into(), ..Plan::default() };
        let change = |mode| AttributeChange {
            kind: Kind::Directory,
            time: false,
            mode,
            owner: false,
            group: false,
            acl: false,
            extended: false,
        };
        let mut adding = AttributeSteps::new(&mut plan);
        for path in ["new", "touched", "old", ""] {
            adding.add(path, Some(change(true)));
        }
        adding.add("same", Some(change(false)));
        adding.add("of-another-version", None);
        let told: Vec<_> = plan.steps.range(2..4).map(|step| step.path.to_string()).collect();
        assert_eq!(told, ["old", "."]);
    }
}

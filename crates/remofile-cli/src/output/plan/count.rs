//! The numbers of steps of each sort in plans.

use remofile::protocol::digest::digest;
use remofile::sync::plan::{Action, Plan, Reason, Step, Tally, Withheld};

/// Plans, as they come: a synchronisation that is tried again is planned again, and what is still to be done
/// then counts no second time.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub(crate) counts: Counts,
    /// Digests of the steps that were counted, in order: there may be a million.
    counted: Vec<u64>,
}

/// The number of steps of each sort.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) renamed: u64,
    pub(crate) touched: u64,
    pub(crate) linked: u64,
    pub(crate) directories: u64,
    pub(crate) cleared: u64,
    pub(crate) deleted: u64,
    pub(crate) skipped: u64,
    /// Entries that only get attributes: in the plan of a dry run alone, as a run counts them while it gives them.
    pub(crate) attributes: u64,
    /// Those skipped that are links and special files.
    pub(crate) left_out: u64,
    /// The files that the first plan left as they were: later plans find there what was done.
    pub(crate) unchanged: Option<Tally>,
    /// The reason deletions are no part of the last plan.
    pub(crate) withheld: Option<Withheld>,
}

impl Counts {
    /// Returns the number of changes.
    pub(crate) fn changes(&self) -> u64 {
        let Self { created, updated, renamed, touched, linked, directories, cleared, deleted, attributes, .. } = self;
        created + updated + renamed + touched + linked + directories + cleared + deleted + attributes
    }
}

impl Planned {
    /// Counts a plan, and gives the steps that are new, one after the other.
    pub(crate) fn add(&mut self, plan: &Plan, each: &mut dyn FnMut(&Step)) {
        self.counts.unchanged.get_or_insert(plan.unchanged);
        self.counts.withheld = plan.withheld;
        let mut counted = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            let key = key(&step);
            if self.counted.binary_search(&key).is_err() {
                *self.counts.of(&step.action) += 1;
                self.counts.left_out += u64::from(is_left_out(&step.action));
                each(&step);
                counted.push(key);
            }
        }
        self.counted.append(&mut counted);
        self.counted.sort_unstable();
    }
}

fn is_left_out(action: &Action) -> bool {
    matches!(action, Action::Skip { reason: Reason::Special | Reason::Link | Reason::LinkOut })
}

impl Counts {
    fn of(&mut self, action: &Action) -> &mut u64 {
        match action {
            Action::MakeDirectory { .. } => &mut self.directories,
            Action::Create { .. } => &mut self.created,
            Action::Update { .. } => &mut self.updated,
            Action::Link { .. } | Action::HardLink { .. } | Action::Special { .. } => &mut self.linked,
            Action::Rename(_) => &mut self.renamed,
            Action::Touch(_) => &mut self.touched,
            Action::Attributes(_) => &mut self.attributes,
            Action::Clear { .. } => &mut self.cleared,
            Action::Delete { .. } => &mut self.deleted,
            Action::Skip { .. } => &mut self.skipped,
        }
    }
}

/// Returns the key of a step, in which a deletion differs from the step that comes to the same path.
fn key(step: &Step) -> u64 {
    let makes_way = matches!(step.action, Action::Clear { .. } | Action::Delete { .. });
    u128::from_be_bytes(digest(step.path.as_bytes())) as u64 ^ u64::from(makes_way)
}

/// The files whose content is sent, and their bytes.
pub(crate) fn to_send(plan: &Plan) -> Tally {
    let size = |step: Step| match step.action {
        Action::Create { size } | Action::Update { size, .. } => Some(size),
        _ => None,
    };
    let mut tally = Tally::default();
    for size in plan.steps.iter().filter_map(size) {
        tally.files += 1;
        // A listing may claim any sizes.
        tally.bytes = tally.bytes.saturating_add(size);
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile::protocol::wire::Kind;
    use remofile::sync::plan::Touch;

    fn plan(steps: Vec<(&str, Action)>, unchanged: u64) -> Plan {
        let steps = steps.into_iter().map(|(path, action)| Step { path: path.into(), action }).collect();
        Plan { steps, unchanged: Tally { files: unchanged, bytes: 0 }, ..Plan::default() }
    }

    #[test]
    fn what_is_planned_again_counts_once() {
        let mut planned = Planned::default();
        let first = plan(
            vec![
                ("d", Action::MakeDirectory { mode: None }),
                ("d", Action::Touch(Box::new(Touch { modified: None, mode: Some(0o500), directory: true }))),
                ("way", Action::Clear { kind: Kind::Link }),
                ("way", Action::Create { size: 5 }),
                ("gone", Action::Delete { kind: Kind::File, size: 9 }),
            ],
            1,
        );
        let mut new = Vec::new();
        planned.add(&first, &mut |step| new.push(step.path.to_string()));
        assert_eq!(new, ["d", "d", "way", "way", "gone"]);
        new.clear();
        let again = plan(vec![("way", Action::Create { size: 5 }), ("late", Action::Create { size: 6 })], 3);
        planned.add(&again, &mut |step| new.push(step.path.to_string()));
        assert_eq!(new, ["late"]);
        let Counts { created, directories, cleared, deleted, unchanged, .. } = planned.counts;
        assert_eq!((created, directories, cleared, deleted), (2, 1, 1, 1));
        assert_eq!(unchanged.map(|tally| tally.files), Some(1));
    }

    #[test]
    fn only_content_is_sent() {
        let plan =
            plan(vec![("a", Action::Create { size: 5 }), ("b", Action::Delete { kind: Kind::File, size: 9 })], 0);
        let Tally { files, bytes } = to_send(&plan);
        assert_eq!((files, bytes), (1, 5));
    }
}

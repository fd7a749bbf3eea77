//! Second names in a sync: files of the source that are one file become one at the destination.

use crate::plan::{Action, Plan, Step, path_order};
use remofile_protocol::digest::Digest;
use std::collections::{BTreeMap, HashMap, HashSet};

/// The files of a tree that have several names: the number that the names of each share, by path.
#[derive(Debug, Default)]
pub(super) struct SharedNames {
    numbers: HashMap<Box<str>, Digest>,
    bytes: usize,
}

/// The files of both trees that have several names.
#[derive(Debug, Default)]
pub(super) struct NamesOfBoth {
    pub(super) source: SharedNames,
    pub(super) destination: SharedNames,
}

/// Memory that the names of each side take at most, in bytes: a server may list without end.
const MOST_BYTES: usize = 1 << 30;

impl SharedNames {
    /// Adds a name, as far as there is room: of a name that is left out only the link is lost.
    pub(super) fn add(&mut self, path: &str, number: Digest) {
        let bytes = path.len() + 2 * size_of::<(Box<str>, Digest)>();
        if self.bytes + bytes <= MOST_BYTES {
            self.bytes += bytes;
            self.numbers.insert(path.into(), number);
        }
    }
}

/// Makes a plan link what is one file at the source: the first name of each is sent as it would be, the others become names
/// of it. Those that are one file at the destination already, and need no other change, are left.
pub(super) fn link_names(plan: &mut Plan, names: &NamesOfBoth, may_replace: bool) {
    let NamesOfBoth { source, destination } = names;
    if source.numbers.is_empty() {
        return;
    }
    let mut groups: BTreeMap<Digest, Vec<&str>> = BTreeMap::new();
    for (path, number) in &source.numbers {
        groups.entry(*number).or_default().push(path);
    }
    // Only those that have several names matter.
    let is_one = |step: &Step| source.numbers.contains_key(&*step.path);
    let steps = plan.steps.iter().enumerate().filter(|(_, step)| is_one(step));
    let steps: HashMap<Box<str>, (usize, bool)> = steps
        .filter(|(_, step)| is_planned(step))
        .map(|(at, step)| (step.path.clone(), (at, is_update(&step))))
        .collect();
    let left = left_alone(plan);
    let (mut changed, mut added) = (Vec::new(), Vec::new());
    for names in groups.values_mut() {
        names.sort_by(|one, other| path_order(one, other));
        let Some((first, others)) = names.split_first() else { continue };
        if left.contains(*first) {
            continue;
        }
        for other in others.iter().filter(|other| !left.contains(**other)) {
            let link = |replaces| Action::HardLink { of: (*first).into(), replaces };
            match steps.get(*other) {
                Some(&(at, replaces)) => changed.push((at, link(replaces))),
                None => {
                    let number = destination.numbers.get(*other);
                    let is_one = number.is_some() && number == destination.numbers.get(*first);
                    if may_replace && (!is_one || steps.contains_key(*first)) {
                        added.push(Step { path: (*other).into(), action: link(true) });
                    }
                }
            }
        }
    }
    plan.unchanged.files = plan.unchanged.files.saturating_sub(added.len() as u64);
    plan.steps.set_actions(changed);
    insert(plan, added);
}

/// Reports whether a step sends a file.
fn is_planned(step: &Step) -> bool {
    matches!(step.action, Action::Create { .. }) || is_update(step)
}

fn is_update(step: &Step) -> bool {
    matches!(step.action, Action::Update { .. })
}

/// Returns the paths that stay as they are, or get what they have by another way than being sent.
fn left_alone(plan: &Plan) -> HashSet<Box<str>> {
    let is_other = |step: &Step| matches!(step.action, Action::Skip { .. } | Action::Rename(_) | Action::Clear { .. });
    plan.steps.iter().filter(is_other).map(|step| step.path).collect()
}

/// Inserts steps behind all that send something, so that what they link is there, and before anything is deleted.
fn insert(plan: &mut Plan, mut added: Vec<Step>) {
    if added.is_empty() {
        return;
    }
    added.sort_by(|one, other| path_order(&one.path, &other.path));
    let is_later = |step: &Step| match &step.action {
        Action::Delete { .. } | Action::Clear { .. } => true,
        Action::Touch(touch) => touch.directory,
        _ => false,
    };
    let at = plan.steps.iter().position(|step| is_later(&step)).map_or(plan.steps.len(), |first| {
        // Directories may also be cleared, or made writable, at the beginning.
        let sent = plan.steps.iter().rposition(|step| is_planned(&step)).map_or(0, |last| last + 1);
        let deleted = plan.steps.iter().position(|step| matches!(step.action, Action::Delete { .. }));
        sent.max(first).min(deleted.unwrap_or(usize::MAX)).min(plan.steps.len())
    });
    let behind = plan.steps.split_off(at);
    plan.steps.extend(added);
    plan.steps.append(behind);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(listed: &[(&str, u8)]) -> SharedNames {
        let mut names = SharedNames::default();
        listed.iter().for_each(|(path, number)| names.add(path, [*number; 16]));
        names
    }

    fn linked(steps: &[(&str, Action)], source: &[(&str, u8)], destination: &[(&str, u8)]) -> Vec<(String, String)> {
        let step = |(path, action): &(&str, Action)| Step { path: (*path).into(), action: action.clone() };
        let mut plan = Plan { steps: steps.iter().map(step).collect(), ..Plan::default() };
        let names = NamesOfBoth { source: names(source), destination: names(destination) };
        link_names(&mut plan, &names, true);
        let told = |step: Step| match &step.action {
            Action::HardLink { of, replaces } => (step.path.to_string(), format!("{of} {replaces}")),
            _ => (step.path.to_string(), "sent".to_owned()),
        };
        plan.steps.iter().map(told).collect()
    }

    fn told(listed: &[(&str, &str)]) -> Vec<(String, String)> {
        listed.iter().map(|(path, what)| ((*path).to_owned(), (*what).to_owned())).collect()
    }

    #[test]
    fn the_first_name_is_sent_and_the_others_are_linked() {
        let sent = Action::Create { size: 1 };
        let steps = [("a", sent.clone()), ("b/c", sent.clone()), ("d", sent)];
        let found = linked(&steps, &[("d", 1), ("a", 1), ("b/c", 2)], &[]);
        assert_eq!(found, told(&[("a", "sent"), ("b/c", "sent"), ("d", "a false")]));
    }

    #[test]
    fn what_is_one_file_already_needs_nothing_and_what_is_not_is_linked() {
        let source = [("a", 1), ("b", 1), ("c", 1)];
        assert_eq!(linked(&[], &source, &[("a", 7), ("b", 7), ("c", 7)]), []);
        assert_eq!(linked(&[], &source, &[("a", 7), ("b", 7)]), told(&[("c", "a true")]));
        assert_eq!(linked(&[], &source, &[]), told(&[("b", "a true"), ("c", "a true")]));
    }

    #[test]
    fn links_come_behind_what_is_sent_and_before_what_is_deleted() {
        let gone = Action::Delete { kind: remofile_protocol::wire::Kind::File, size: 1 };
        let steps = [("a", Action::Create { size: 1 }), ("z", gone)];
        let found = linked(&steps, &[("a", 1), ("b", 1)], &[]);
        assert_eq!(found, told(&[("a", "sent"), ("b", "a true"), ("z", "sent")]));
    }
}

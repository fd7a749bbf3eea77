//! The division of steps among connections that execute them at once.

use crate::plan::{Action, Plan, Step};
use std::ops::Range;

/// Bytes that a file costs besides its content, about: names, digests, and what the disk does for it.
const FILE_BYTES: u64 = 64 * 1024;

/// Steps as they are divided.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sections {
    /// Steps that come before all others: directories, and what is renamed.
    pub(super) first: Range<usize>,
    /// Steps that do not depend on each other, in as many parts as there are connections, or fewer.
    pub(super) parts: Vec<Range<usize>>,
}

impl Sections {
    /// Divides steps among so many connections, by the bytes that they have to move. `None` if that cannot be done, or helps
    /// nobody: see [`Plan`] for what depends on what.
    pub(super) fn of(plan: &Plan, steps: Range<usize>, connections: usize) -> Option<Self> {
        let is_deletion = |action: &Action| matches!(action, Action::Delete { .. });
        if connections < 2 || plan.steps.range(steps.clone()).any(|step| is_deletion(&step.action)) {
            return None;
        }
        let comes_first = |action: &Action| match action {
            Action::MakeDirectory { .. } | Action::Rename(_) => true,
            Action::Touch(touch) => touch.directory,
            _ => false,
        };
        let last = plan.steps.range(steps.clone()).rposition(|step| comes_first(&step.action));
        let begin = steps.start + last.map_or(0, |last| last + 1);
        let parts = divide(plan, begin..steps.end, connections);
        (parts.len() > 1).then_some(Self { first: steps.start..begin, parts })
    }
}

fn divide(plan: &Plan, steps: Range<usize>, most: usize) -> Vec<Range<usize>> {
    let total: u64 = plan.steps.range(steps.clone()).map(|step| weight(&step)).fold(0, u64::saturating_add);
    if total == 0 {
        return Vec::new();
    }
    let (mut parts, mut begin, mut sum) = (Vec::new(), steps.start, 0_u64);
    let mut with_next = plan.steps.range(steps.clone()).peekable();
    let mut index = steps.start;
    while let Some(step) = with_next.next() {
        sum = sum.saturating_add(weight(&step));
        let end = index + 1;
        // Compared in a type in which nothing overflows.
        let is_due = u128::from(sum) * most as u128 >= u128::from(total) * (parts.len() as u128 + 1);
        let makes_way = with_next.peek().is_some_and(|next| makes_way(&step, next));
        if is_due && sum > 0 && end < steps.end && !makes_way && parts.len() + 1 < most {
            parts.push(begin..end);
            begin = end;
        }
        index = end;
    }
    parts.push(begin..steps.end);
    parts
}

fn weight(step: &Step) -> u64 {
    match step.action {
        Action::Create { size } | Action::Update { size, .. } => size.saturating_add(FILE_BYTES),
        _ => 0,
    }
}

/// Reports whether a step clears the way for the next one, from which it is not parted.
fn makes_way(step: &Step, next: &Step) -> bool {
    matches!(step.action, Action::Clear { .. }) && step.path == next.path
}

#[cfg(test)]
mod tests {
    use super::*;
    use remofile_protocol::wire::Kind;

    fn plan(steps: &[(&str, Action)]) -> Plan {
        let steps = steps.iter().map(|(path, action)| Step { path: (*path).into(), action: action.clone() });
        Plan { steps: steps.collect(), ..Plan::default() }
    }

    fn file(size: u64) -> Action {
        Action::Create { size }
    }

    #[test]
    fn directories_come_first_and_files_are_divided_by_their_bytes() {
        let made = Action::MakeDirectory { mode: None };
        let plan = plan(&[("d", made), ("a", file(9 << 20)), ("b", file(1)), ("c", file(1)), ("d/e", file(8 << 20))]);
        let sections = Sections::of(&plan, 0..5, 2).unwrap();
        assert_eq!(sections, Sections { first: 0..1, parts: vec![1..2, 2..5] });
        assert_eq!(Sections::of(&plan, 0..5, 1), None);
        assert_eq!(Sections::of(&plan, 0..2, 4), None, "one file is not divided");
        let parts = Sections::of(&plan, 0..5, 16).unwrap().parts;
        assert_eq!((parts.first().unwrap().start, parts.last().unwrap().end), (1, 5));
        assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start && !pair[0].is_empty()), "{parts:?}");
    }

    #[test]
    fn what_makes_way_stays_with_what_it_makes_way_for() {
        let clear = Action::Clear { kind: Kind::Special };
        let plan = plan(&[("a", file(1)), ("b", clear.clone()), ("b", file(1)), ("c", clear), ("c", file(1))]);
        for connections in 2..6 {
            let parts = Sections::of(&plan, 0..5, connections).unwrap().parts;
            assert!(parts.iter().all(|part| ![2, 4].contains(&part.start)), "{parts:?}");
        }
    }

    #[test]
    fn deletions_are_not_divided() {
        let plan = plan(&[("a", file(1)), ("b", file(1)), ("c", Action::Delete { kind: Kind::File, size: 1 })]);
        assert_eq!(Sections::of(&plan, 0..3, 4), None);
        assert!(Sections::of(&plan, 0..2, 4).is_some());
    }
}

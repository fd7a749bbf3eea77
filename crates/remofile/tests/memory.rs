//! Memory that very many files take, as the allocator is asked for it.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use peak_alloc::PeakAlloc;
use remofile::protocol::wire::Timestamp;
use remofile::sync::plan::{Answers, Node, NodeKind, Plan, Planner, Rules};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Files of a tree. Each has a path of 34 bytes.
const FILES: usize = 100_000;

fn nodes() -> impl Iterator<Item = Node> {
    (0..FILES).map(|number| {
        let path = format!("directory-{:04}/file-{number:09}.txt", number / 100).into();
        let modified = Timestamp::new(1_700_000_000 + number as i64, number as u32 * 7_919 % 1_000_000_000);
        Node { path, what: NodeKind::File { size: number as u64, modified, mode: Some(0o644), unflushed: false } }
    })
}

/// Compares trees that have all files, or none, and returns the plan and the most bytes a file that were held at a time.
fn planned(rules: Rules, source: bool, destination: bool) -> (Plan, usize) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let mut planner = Planner::new(rules);
    for node in nodes() {
        planner.meet(source.then(|| node.clone()), destination.then_some(node));
    }
    let plan = planner.finish().settle(&Answers::default());
    (plan, (MEMORY.peak_usage() - before) / FILES)
}

// One test, as what another one holds at the same time would count.
#[test]
fn a_plan_takes_few_bytes_a_step_and_none_for_what_is_the_same() {
    let deleting = Rules { delete: true, ..Rules::default() };
    for (what, rules, source, destination, most_bytes) in [
        ("new", Rules::default(), true, false, 24),
        ("new, where something may have moved", deleting, true, false, 48),
        ("deleted", deleting, false, true, 40),
        ("the same", deleting, true, true, 0),
    ] {
        let (plan, bytes) = planned(rules, source, destination);
        assert_eq!(plan.steps.len(), if source == destination { 0 } else { FILES }, "{what}");
        assert!(bytes <= most_bytes, "{what}: {bytes} bytes a file");
    }
}

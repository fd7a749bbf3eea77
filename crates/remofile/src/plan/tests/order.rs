//! In which order listings are read, and steps are taken.

use super::super::{Action, Draft, Join, Plan, Planner, Rules, Side, Step, Touch, TreeElement, Withheld};
use super::super::{Node, NodeKind};
use super::examples::step;
use super::model::{Execution, PLAIN, Thing, Tree, answers, failed, file, plan, tree};
use proptest::prelude::*;
use remofile_protocol::wire::{Kind, Timestamp};

const MODES: Rules = Rules { delete: true, preserve_mode: true, ..PLAIN };

fn chmod(path: &str, mode: u32) -> Step {
    step(path, Action::Touch(Box::new(Touch { modified: None, mode: Some(mode), directory: true })))
}

fn steps(source: &Tree, destination: &Tree) -> Vec<Step> {
    let steps = plan(source, destination, MODES).steps.to_vec();
    Execution { source, rules: MODES }.run(&mut destination.clone(), &steps);
    steps
}

/// Directories `a` and `a/b` with these permission bits, and a file in the inner one.
fn nested(outer: u32, inner: u32, name: &str) -> Tree {
    let path = format!("a/b/{name}");
    tree([("a", Thing::Directory(outer)), ("a/b", Thing::Directory(inner)), (&path, file(name, 5))])
}

#[test]
fn a_new_directory_is_closed_when_everything_is_in_it() {
    let made = |path, mode| step(path, Action::MakeDirectory { mode: Some(mode) });
    let expected = [
        made("a", 0o755),
        made("a/b", 0o755),
        step("a/b/f", Action::Create { size: 1 }),
        chmod("a/b", 0o555),
        chmod("a", 0o555),
    ];
    assert_eq!(steps(&nested(0o555, 0o555, "f"), &Tree::default()), expected);
}

#[test]
fn a_closed_directory_is_opened_while_something_changes_in_it() {
    let deleted = step("a/b/old", Action::Delete { kind: Kind::File, size: 3 });
    let expected =
        [chmod("a/b", 0o755), step("a/b/f", Action::Create { size: 1 }), deleted.clone(), chmod("a/b", 0o555)];
    assert_eq!(steps(&nested(0o555, 0o555, "f"), &nested(0o555, 0o555, "old")), expected);
    assert_eq!(steps(&nested(0o555, 0o555, "f"), &nested(0o555, 0o555, "f")), [], "but not if nothing does");
    let expected = [step("a/b/f", Action::Create { size: 1 }), deleted, chmod("a/b", 0o555)];
    assert_eq!(
        steps(&nested(0o755, 0o555, "f"), &nested(0o755, 0o755, "old")),
        expected,
        "what is open is closed last"
    );
}

#[test]
fn a_closed_directory_is_opened_while_a_file_is_moved_out_of_it() {
    let mut source = nested(0o755, 0o555, "f");
    let destination = source.clone();
    source.remove("a/b/f");
    source.put("new", file("f", 5));
    let steps = steps(&source, &destination);
    assert_eq!((&steps[0], &steps[2..]), (&chmod("a/b", 0o755), &[chmod("a/b", 0o555)][..]));
    assert!(matches!(steps[1].action, Action::Rename(_)));
}

#[test]
fn a_directory_that_is_to_be_open_is_opened_first() {
    let expected = [chmod("a/b", 0o750), step("a/b/f", Action::Create { size: 1 })];
    let mut destination = nested(0o755, 0o555, "f");
    destination.remove("a/b/f");
    assert_eq!(steps(&nested(0o755, 0o750, "f"), &destination), expected);
}

#[test]
fn without_preserved_modes_directories_keep_theirs() {
    let rules = Rules { preserve_mode: false, ..MODES };
    assert_eq!(plan(&nested(0o700, 0o755, "f"), &nested(0o755, 0o555, "f"), rules).steps.to_vec(), []);
}

/// Returns the draft from one listing that is pulled, and another that is pushed.
fn joined(pulled_side: Side, pulled: Vec<TreeElement>, pushed: Vec<TreeElement>, rules: Rules) -> Draft {
    let mut pulled = pulled.into_iter();
    let mut join = Join::new(Planner::new(rules), pulled_side, move || pulled.next());
    pushed.into_iter().for_each(|told| join.push(told));
    join.finish()
}

/// Returns the plans of both directions.
fn both_ways(source: &Tree, destination: &Tree, listings: [Vec<TreeElement>; 2]) -> [Plan; 2] {
    let [told, there] = listings;
    let rules = Rules { preserve_mode: false, ..MODES };
    let drafts =
        [joined(Side::Source, told.clone(), there.clone(), rules), joined(Side::Destination, there, told, rules)];
    drafts.map(|draft| {
        let answers = answers(&draft, source, destination);
        draft.settle(&answers)
    })
}

#[test]
fn a_slash_sorts_below_all_that_may_follow_a_name() {
    let source = tree([("a/b", file("1", 5)), ("a b", file("2", 5)), ("a!", file("3", 5)), ("a.txt", file("4", 5))]);
    let destination = tree([("a", file("1", 5)), ("a.txt", file("4", 5)), ("a b", file("2", 5))]);
    let [one, other] = both_ways(&source, &destination, [source.told(), destination.told()]);
    assert_eq!(one, other);
    let expected = [
        step("a", Action::Clear { kind: Kind::File }),
        step("a", Action::MakeDirectory { mode: None }),
        step("a/b", Action::Create { size: 1 }),
        step("a!", Action::Create { size: 1 }),
    ];
    assert_eq!(one.steps.to_vec(), expected);
    assert_eq!(one.unchanged.files, 2);
}

#[test]
fn a_listing_out_of_order_deletes_nothing() {
    let both = tree([("a", file("1", 5)), ("b", file("2", 5)), ("c", file("3", 5))]);
    for side in [0, 1] {
        let mut listings = [both.told(), both.told()];
        listings[side].swap(0, 2);
        for plan in both_ways(&both, &both, listings) {
            assert_eq!(plan.counts().deleted, 0);
            assert_eq!(plan.failures.len(), 1, "told once");
            assert!(plan.failures[0].to_string().contains("not in order"), "{}", plan.failures[0]);
        }
    }
}

#[test]
fn a_name_that_is_told_twice_deletes_nothing() {
    let mut told = tree([("a", file("1", 5))]).told();
    told.push(told[0].clone());
    let destination = tree([("a", file("1", 5)), ("b", file("2", 5))]);
    let [plan, _] = both_ways(&destination, &destination, [told, destination.told()]);
    assert_eq!((plan.steps.to_vec(), plan.withheld), (vec![], Some(Withheld::Unreadable { planned: 1 })));
}

#[test]
fn a_million_files_that_are_the_same_leave_nothing_behind() {
    let node = |at: u32| Node {
        path: format!("{:03}/{:04}", at / 1000, at % 1000).into(),
        what: NodeKind::File { size: 10, modified: Timestamp::new(at.into(), at), mode: Some(0o644), unflushed: false },
    };
    let mut planner = Planner::new(Rules { delta_from: Some(0), ..MODES });
    (0..1_000_000).for_each(|at| planner.meet(Some(node(at)), Some(node(at))));
    assert!(planner.draft.holds_no_memory());
    assert_eq!(planner.finish().settle(&super::super::Answers::default()).unchanged.files, 1_000_000);
}

fn listing() -> impl Strategy<Value = Tree> {
    let path = prop::collection::vec(prop::sample::select(vec!["a", "a b", "a.txt", "b"]), 1..4);
    let content = prop::sample::select(vec!["1", "2", "22"]);
    prop::collection::vec((path, content, 5_i64..7), 0..12).prop_map(|files| {
        let mut tree = Tree::default();
        for (path, content, seconds) in files {
            tree.put(&path.join("/"), file(content, seconds));
        }
        tree
    })
}

proptest! {
    #[test]
    fn it_does_not_matter_which_listing_is_pulled(
        source in listing(), destination in listing(), failures in prop::collection::vec(any::<(bool, prop::sample::Index)>(), 0..2),
    ) {
        let mut listings = [source.told(), destination.told()];
        for (is_source, at) in failures {
            let listing = &mut listings[usize::from(is_source)];
            listing.insert(at.index(listing.len() + 1), failed("x"));
        }
        let [mut one, mut other] = both_ways(&source, &destination, listings.clone());
        prop_assert_eq!(one.failures.len(), other.failures.len());
        // Listings proceed by turns.
        one.failures.clear();
        other.failures.clear();
        prop_assert_eq!(one, other);
    }
}

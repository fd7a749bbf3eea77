//! Random trees: a plan makes any tree like any other one.

use super::super::{Action, Plan, Rules, Step, TreeElement, Withheld};
use super::model::{Execution, Place, Thing, Tree, answers, draft, failed, plan, plan_unread};
use proptest::prelude::*;
use remofile_protocol::wire::{Kind, Timestamp};

/// A random change of a tree.
#[derive(Debug, Clone)]
enum Edit {
    Put(String, Thing),
    Remove(String),
    Move(String, String),
    Time(String, Timestamp),
    Mode(String, u32),
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "a.txt", "a b"]), 1..4).prop_map(|names| names.join("/"))
}

fn time() -> impl Strategy<Value = Timestamp> {
    let times = [(-3, 5), (4, 0), (4, 9), (5, 9), (i64::MAX, 0)];
    prop::sample::select(times.map(|(seconds, nanoseconds)| Timestamp::new(seconds, nanoseconds)).to_vec())
}

fn mode() -> impl Strategy<Value = u32> {
    prop::sample::select(vec![0o755, 0o700, 0o555, 0o500])
}

fn thing() -> impl Strategy<Value = Thing> {
    let content = prop::sample::select(vec!["", "1", "2", "11", "22", "333"]);
    let file = (content, time(), mode()).prop_map(|(content, modified, mode)| Thing::File {
        content: content.to_owned(),
        modified,
        mode,
    });
    let target = prop::sample::select(vec!["a", "../b"]);
    prop_oneof![
        6 => file,
        2 => mode().prop_map(Thing::Directory),
        2 => target.prop_map(|target| Thing::Link(target.to_owned())),
        1 => Just(Thing::Special),
    ]
}

fn edits(most: usize) -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        4 => (path(), thing()).prop_map(|(path, thing)| Edit::Put(path, thing)),
        1 => path().prop_map(Edit::Remove),
        2 => (path(), path()).prop_map(|(from, to)| Edit::Move(from, to)),
        1 => (path(), time()).prop_map(|(path, time)| Edit::Time(path, time)),
        1 => (path(), mode()).prop_map(|(path, mode)| Edit::Mode(path, mode)),
    ];
    prop::collection::vec(edit, 0..most)
}

fn edited(mut tree: Tree, edits: Vec<Edit>) -> Tree {
    for edit in edits {
        match edit {
            Edit::Put(path, thing) => tree.put(&path, thing),
            Edit::Remove(path) => drop(tree.remove(&path)),
            Edit::Move(from, to) => {
                let moved = if to.starts_with(&from) { Vec::new() } else { tree.remove(&from) };
                for (below, thing) in moved {
                    tree.put(&format!("{to}{below}"), thing);
                }
            }
            Edit::Time(path, time) => {
                if let Some(Thing::File { modified, .. }) = tree.0.get_mut(&Place(path)) {
                    *modified = time;
                }
            }
            Edit::Mode(path, bits) => {
                if let Some(Thing::File { mode, .. } | Thing::Directory(mode)) = tree.0.get_mut(&Place(path)) {
                    *mode = bits;
                }
            }
        }
    }
    tree
}

/// Makes two trees that were one once.
pub(super) fn trees() -> impl Strategy<Value = (Tree, Tree)> {
    (edits(14), edits(8), edits(8)).prop_map(|(before, at_source, at_destination)| {
        let common = edited(Tree::default(), before);
        (edited(common.clone(), at_source), edited(common, at_destination))
    })
}

fn without_special(mut tree: Tree) -> Tree {
    tree.0.retain(|_, thing| *thing != Thing::Special);
    tree
}

pub(super) fn rules() -> impl Strategy<Value = Rules> {
    (any::<bool>(), any::<bool>(), prop::sample::select(vec![None, Some(0), Some(2)])).prop_map(
        |(checksum, preserve_mode, delta_from)| Rules {
            delete: true,
            checksum,
            preserve_mode,
            delta_from,
            ..Rules::default()
        },
    )
}

/// Reports whether an entry is as it should be after a plan was carried out, given the entry before.
fn is_copied(after: &Thing, source: &Thing, before: Option<&Thing>, rules: Rules) -> bool {
    let has_mode = |mode, wanted| !rules.preserve_mode || mode == wanted;
    match (after, source) {
        (Thing::Directory(mode), Thing::Directory(wanted)) => has_mode(mode, wanted),
        (Thing::Link(target), Thing::Link(wanted)) => target == wanted,
        (
            Thing::File { content, modified, mode },
            Thing::File { content: wanted, modified: wanted_time, mode: wanted_mode },
        ) => {
            let passes_for_it = |before: &Thing| match before {
                Thing::File { content, modified, .. } => {
                    content.len() == wanted.len() && rules.is_same_time(*wanted_time, *modified)
                }
                _ => false,
            };
            let is_content = content == wanted || (!rules.checksum && before.is_some_and(passes_for_it));
            is_content && rules.is_same_time(*wanted_time, *modified) && has_mode(mode, wanted_mode)
        }
        _ => false,
    }
}

fn assert_copied(after: &Tree, source: &Tree, before: &Tree, rules: Rules) {
    assert_eq!(after.paths().collect::<Vec<_>>(), source.paths().collect::<Vec<_>>());
    for path in source.paths() {
        let (now, wanted) = (after.get(path).unwrap(), source.get(path).unwrap());
        assert!(is_copied(now, wanted, before.get(path), rules), "{path}: {now:?} instead of {wanted:?}");
    }
}

fn deletions(plan: &Plan) -> u64 {
    plan.steps.to_vec().iter().filter(|step| matches!(step.action, Action::Delete { .. })).count() as u64
}

/// Reports whether a step takes something away for good, and does not replace it.
fn is_removal(step: &Step) -> bool {
    matches!(step.action, Action::Delete { .. } | Action::Rename(_))
}

/// Checks that everything that only the destination has is still there.
fn assert_kept(after: &Tree, source: &Tree, before: &Tree) {
    for path in before.paths().filter(|path| source.get(path).is_none()) {
        assert_eq!(after.get(path), before.get(path), "{path}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases * 2))]

    #[test]
    fn with_deletion_the_trees_are_equal_afterwards((source, before) in trees(), rules in rules()) {
        let source = without_special(source);
        let mut after = before.clone();
        let first = plan(&source, &before, rules);
        Execution { source: &source, rules }.run(&mut after, &first.steps.to_vec());
        assert_copied(&after, &source, &before, rules);
        prop_assert_eq!(plan(&source, &after, rules).steps.to_vec(), []);
        prop_assert_eq!(first.withheld, None);
    }

    #[test]
    fn special_files_of_the_source_stay_what_they_are_at_the_destination((source, before) in trees(), rules in rules()) {
        let mut after = before.clone();
        Execution { source: &source, rules }.run(&mut after, &plan(&source, &before, rules).steps.to_vec());
        for path in source.paths().filter(|path| source.get(path) == Some(&Thing::Special)) {
            prop_assert_eq!(after.get(path), before.get(path));
        }
        let again = plan(&source, &after, rules).steps.to_vec();
        prop_assert!(again.iter().all(|step| matches!(step.action, Action::Skip { .. })), "{again:?}");
    }

    #[test]
    fn a_plan_that_is_broken_off_is_made_anew_and_leads_to_the_same(
        (source, before) in trees(), rules in rules(), ends in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let source = without_special(source);
        let execution = Execution { source: &source, rules };
        let mut after = before.clone();
        for end in ends {
            let steps = plan(&source, &after, rules).steps.to_vec();
            execution.run(&mut after, &steps[..end.index(steps.len() + 1)]);
        }
        let steps = plan(&source, &after, rules).steps.to_vec();
        execution.run(&mut after, &steps);
        assert_copied(&after, &source, &before, rules);
    }

    #[test]
    fn digests_that_are_missing_cost_only_bytes((source, before) in trees(), rules in rules(), kept in any::<u32>()) {
        let source = without_special(source);
        let draft = draft(source.told(), before.told(), rules);
        let mut answers = answers(&draft, &source, &before);
        let keep = |path: &str| kept >> (path.bytes().map(u32::from).sum::<u32>() % 32) & 1 == 1;
        answers.source.retain(|path, _| keep(path));
        answers.destination.retain(|path, _| keep(path));
        let mut after = before.clone();
        Execution { source: &source, rules }.run(&mut after, &draft.settle(&answers).steps.to_vec());
        assert_copied(&after, &source, &before, rules);
    }

    #[test]
    fn without_deletion_what_only_the_destination_has_is_kept((source, before) in trees(), rules in rules()) {
        let rules = Rules { delete: false, ..rules };
        let mut after = before.clone();
        let plan = plan(&source, &before, rules);
        prop_assert!(!plan.steps.to_vec().iter().any(is_removal));
        prop_assert_eq!(plan.withheld, None);
        Execution { source: &source, rules }.run(&mut after, &plan.steps.to_vec());
        assert_kept(&after, &source, &before);
        for step in plan.steps.to_vec() {
            if !matches!(step.action, Action::Skip { .. }) {
                let (now, wanted) = (after.get(&step.path).unwrap(), source.get(&step.path).unwrap());
                prop_assert!(is_copied(now, wanted, before.get(&step.path), rules));
            }
        }
    }

    #[test]
    fn rules_that_leave_things_leave_trees_that_can_be_planned_with(
        (source, before) in trees(), rules in rules(), flags in any::<[bool; 5]>(), most in 0_u64..4,
    ) {
        let [update, existing, ignore_existing, size_only, delete] = flags;
        let rules = Rules { update, existing, ignore_existing, size_only, delete, max_delete: Some(most), ..rules };
        let execution = Execution { source: &source, rules };
        let mut after = before.clone();
        execution.run(&mut after, &plan(&source, &before, rules).steps.to_vec());
        if existing {
            prop_assert!(after.paths().all(|path| before.get(path).is_some()));
        }
        if ignore_existing {
            for path in source.paths().filter(|path| matches!(before.get(path), Some(Thing::File { .. } | Thing::Link(_)))) {
                prop_assert_eq!(after.get(path), before.get(path));
            }
        }
        let again = plan(&source, &after, rules);
        execution.run(&mut after, &again.steps.to_vec());
        let done = again.steps.to_vec().iter().filter(|step| !matches!(step.action, Action::Skip { .. })).count();
        prop_assert!(done == 0 || again.counts().deleted > 0, "{:?}", again.steps.to_vec());
    }

    #[test]
    fn no_more_than_so_many_are_deleted((source, before) in trees(), rules in rules(), most in 0_u64..6) {
        let source = without_special(source);
        let free = plan(&source, &before, rules);
        let bound = plan(&source, &before, Rules { max_delete: Some(most), ..rules });
        let planned = deletions(&free);
        if planned <= most {
            prop_assert_eq!(bound, free);
        } else {
            prop_assert_eq!(deletions(&bound), 0);
            prop_assert_eq!(bound.withheld, Some(Withheld::TooMany { planned, most }));
            prop_assert_eq!(bound.counts().renamed, free.counts().renamed);
        }
    }

    #[test]
    fn nothing_is_lost_to_a_source_that_cannot_be_read(
        (full, before) in trees(), rules in rules(), unread in any::<prop::sample::Index>(),
    ) {
        let mut told = full.told();
        let unread = if told.is_empty() { String::new() } else { unread.get(&full.nodes()).path.to_string() };
        let is_below = |told: &TreeElement| matches!(told, TreeElement::Node(node) if node.path.starts_with(&format!("{unread}/")));
        told.retain(|told| !is_below(told));
        let is_unread = |told: &TreeElement| matches!(told, TreeElement::Node(node) if *node.path == *unread);
        let end = told.iter().position(is_unread).map_or(0, |at| at + 1);
        told.insert(end, failed(&unread));
        let mut source = Tree::default();
        for told in &told {
            if let TreeElement::Node(node) = told {
                source.put(&node.path, full.get(&node.path).unwrap().clone());
            }
        }
        let plan = plan_unread(told, before.told(), [&full, &before], rules);
        prop_assert!(!plan.steps.to_vec().iter().any(is_removal));
        prop_assert_eq!(plan.failures.len(), 1);
        let mut after = before.clone();
        Execution { source: &source, rules }.run(&mut after, &plan.steps.to_vec());
        assert_kept(&after, &source, &before);
    }

    #[test]
    fn nothing_is_lost_in_a_destination_that_cannot_be_read(
        (source, before) in trees(), rules in rules(), delete in any::<bool>(),
    ) {
        // Which directory it is does not matter: all of them may be it.
        let mut told = before.told();
        told.push(failed("somewhere"));
        let plan = plan_unread(source.told(), told, [&source, &before], Rules { delete, ..rules });
        let loses = |step: &Step| is_removal(step) || step.action == Action::Clear { kind: Kind::Directory };
        prop_assert!(!plan.steps.to_vec().iter().any(loses));
        let mut after = before.clone();
        Execution { source: &source, rules }.run(&mut after, &plan.steps.to_vec());
        assert_kept(&after, &source, &before);
    }
}

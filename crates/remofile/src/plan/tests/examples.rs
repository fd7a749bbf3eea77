//! Examples of the meaning of each rule.

use super::super::{
    Action, Changed, Node, NodeKind, Plan, Reason, Rename, Rules, Step, Tally, Touch, TreeElement, Withheld,
};
use super::model::{DIRECTORY, PLAIN, Thing, Tree, at, draft, failed, file, link, plan, plan_unread, tree};
use proptest::prelude::*;
use remofile_protocol::wire::{Kind, Timestamp};
use std::time::Duration;

const DELETE: Rules = Rules { delete: true, ..PLAIN };

pub(super) fn step(path: &str, action: Action) -> Step {
    Step { path: path.into(), action }
}

pub(super) fn skip(path: &str, reason: Reason) -> Step {
    step(path, Action::Skip { reason })
}

fn touch(path: &str, modified: Option<Timestamp>, mode: Option<u32>) -> Step {
    step(path, Action::Touch(Box::new(Touch { modified, mode, directory: false })))
}

fn update(path: &str, bytes: [u64; 2], delta: bool, why: Changed) -> Step {
    step(path, Action::Update { size: bytes[0], old_size: bytes[1], delta, why })
}

const NOTHING: Changed = Changed { content: false, size: false, time: false, mode: false };
const CONTENT: Changed = Changed { content: true, ..NOTHING };
const TIME: Changed = Changed { time: true, ..NOTHING };
const CONTENT_AND_TIME: Changed = Changed { content: true, time: true, ..NOTHING };

/// Returns the plan for one file of both sides.
fn one(new: Thing, old: Thing, rules: Rules) -> Plan {
    plan(&tree([("f", new)]), &tree([("f", old)]), rules)
}

fn mode(mode: u32) -> Thing {
    Thing::File { content: "same".to_owned(), modified: at(5), mode }
}

#[test]
fn what_is_the_same_is_counted_only() {
    let both = tree([("d/f", file("abc", 5)), ("d/g", file("de", 6)), ("l", link("d"))]);
    let plan = plan(&both, &both, DELETE);
    assert_eq!(plan, Plan { unchanged: Tally { files: 3, bytes: 5 }, ..Plan::default() });
}

#[test]
fn files_of_other_sizes_are_sent_without_a_question() {
    let [source, destination] = [tree([("f", file("abc", 5))]), tree([("f", file("ab", 5))])];
    let draft = draft(source.told(), destination.told(), PLAIN);
    assert_eq!(draft.questions(), super::super::Questions::default());
    let why = Changed { size: true, ..NOTHING };
    assert_eq!(draft.settle(&super::super::Answers::default()).steps.to_vec(), [update("f", [3, 2], false, why)]);
}

#[test]
fn files_of_other_times_are_compared_by_content() {
    assert_eq!(one(file("abc", 5), file("abc", 6), PLAIN).steps.to_vec(), [touch("f", Some(at(5)), None)]);
    assert_eq!(
        one(file("abd", 5), file("abc", 6), PLAIN).steps.to_vec(),
        [update("f", [3, 3], false, CONTENT_AND_TIME)]
    );
}

/// Returns the steps for one file of both sides, of which the destination's may not be on the disk.
fn one_unflushed(new: &Thing, old: &Thing, rules: Rules) -> Vec<Step> {
    let told = |thing: &Thing, is_unflushed: bool| match thing.what() {
        NodeKind::File { size, modified, mode, .. } => NodeKind::File { size, modified, mode, unflushed: is_unflushed },
        what => what,
    };
    let node = |what| TreeElement::Node(Node { path: "f".into(), what });
    let draft = draft(vec![node(told(new, true))], vec![node(told(old, true))], rules);
    assert_eq!(draft.questions(), super::super::Questions::default(), "no content tells anything");
    draft.settle(&super::super::Answers::default()).steps.to_vec()
}

#[test]
fn what_may_not_be_on_the_disk_is_sent_again_whatever_else_is_asked_for() {
    let (new, later) = (file("abc", 5), file("abc", 6));
    let ways = [
        PLAIN,
        DELETE,
        Rules { size_only: true, ..PLAIN },
        Rules { checksum: true, ..PLAIN },
        Rules { existing: true, ..PLAIN },
        Rules { ignore_existing: true, ..PLAIN },
        Rules { update: true, ..PLAIN },
    ];
    for rules in ways {
        assert_eq!(one_unflushed(&new, &new, rules), [update("f", [3, 3], false, CONTENT)], "{rules:?}");
    }
    let delta = Rules { delta_from: Some(3), ..PLAIN };
    assert_eq!(one_unflushed(&new, &new, delta), [update("f", [3, 3], true, CONTENT)]);
    assert_eq!(one_unflushed(&new, &later, PLAIN), [update("f", [3, 3], false, CONTENT_AND_TIME)]);
    let why = [Reason::Exists, Reason::Newer];
    let rules = [Rules { ignore_existing: true, ..PLAIN }, Rules { update: true, ..PLAIN }];
    for (rules, why) in rules.into_iter().zip(why) {
        assert_eq!(one_unflushed(&new, &later, rules), [skip("f", why)], "of another time it is somebody else's");
    }
}

#[test]
fn empty_files_need_no_comparison() {
    let [source, destination] = [tree([("f", file("", 5))]), tree([("f", file("", 6))])];
    let draft = draft(source.told(), destination.told(), Rules { checksum: true, delta_from: Some(0), ..PLAIN });
    assert_eq!(draft.questions(), super::super::Questions::default());
    assert_eq!(draft.settle(&super::super::Answers::default()).steps.to_vec(), [touch("f", Some(at(5)), None)]);
}

#[test]
fn large_files_of_other_times_travel_as_what_changed() {
    let rules = Rules { delta_from: Some(3), ..PLAIN };
    assert_eq!(one(file("abc", 5), file("abc", 6), rules).steps.to_vec(), [update("f", [3, 3], true, TIME)]);
    assert_eq!(one(file("ab", 5), file("ab", 6), rules).steps.to_vec(), [touch("f", Some(at(5)), None)]);
    let why = Changed { size: true, time: true, ..NOTHING };
    assert_eq!(one(file("abc", 5), file("abcd", 6), rules).steps.to_vec(), [update("f", [3, 4], true, why)]);
    assert_eq!(one(file("abc", 5), file("ab", 6), rules).steps.to_vec(), [update("f", [3, 2], false, why)]);
}

#[test]
fn with_checksum_contents_decide_whatever_the_times_are() {
    let rules = Rules { checksum: true, delta_from: Some(3), size_only: true, ..PLAIN };
    assert_eq!(one(file("abc", 5), file("abd", 5), rules).steps.to_vec(), [update("f", [3, 3], true, CONTENT)]);
    assert_eq!(one(file("abc", 5), file("abc", 6), rules).steps.to_vec(), [touch("f", Some(at(5)), None)]);
    let same = one(file("abc", 5), file("abc", 5), rules);
    assert_eq!((same.steps.to_vec(), same.unchanged), (vec![], Tally { files: 1, bytes: 3 }));
    assert_eq!(one(file("abc", 5), file("abd", 5), PLAIN).steps.to_vec(), [], "without it they pass for the same");
}

#[test]
fn with_size_only_the_time_is_set_and_nothing_is_sent() {
    let rules = Rules { size_only: true, delta_from: Some(0), ..PLAIN };
    assert_eq!(one(file("abc", 5), file("abd", 6), rules).steps.to_vec(), [touch("f", Some(at(5)), None)]);
    assert_eq!(one(file("abc", 5), file("ab", 5), rules).counts().updated, Tally { files: 1, bytes: 3 });
}

#[test]
fn with_update_what_is_newer_is_left() {
    let rules = Rules { update: true, checksum: true, modify_window: Duration::from_secs(1), ..PLAIN };
    assert_eq!(one(file("abc", 5), file("a", 7), rules).steps.to_vec(), [skip("f", Reason::Newer)]);
    assert_eq!(one(file("abc", 5), file("a", 6), rules).counts().updated.files, 1, "within the window");
    assert_eq!(one(file("abc", 5), file("a", 4), rules).counts().updated.files, 1);
    assert_eq!(one(link("x"), file("a", 7), rules).counts().links, 1, "only files are compared by time");
}

#[test]
fn with_existing_nothing_new_comes() {
    let rules = Rules { existing: true, delete: true, ..PLAIN };
    let source = tree([
        ("d/e/f", file("new", 5)),
        ("d/f", file("abc", 5)),
        ("g", file("gone", 5)),
        ("l", link("x")),
        ("n/f", DIRECTORY),
    ]);
    let destination = tree([("d/f", file("a", 5)), ("n", file("n", 5)), ("old", file("gone", 5))]);
    let plan = plan(&source, &destination, rules);
    let why = Changed { size: true, ..NOTHING };
    let expected = [
        skip("d/e", Reason::NotExisting),
        update("d/f", [3, 1], false, why),
        skip("g", Reason::NotExisting),
        skip("l", Reason::NotExisting),
        skip("n", Reason::NotExisting),
        step("old", Action::Delete { kind: Kind::File, size: 4 }),
    ];
    assert_eq!(plan.steps.to_vec(), expected);
    assert_eq!(one(link("x"), file("a", 5), rules).counts().links, 1, "what is there may become something else");
    assert_eq!(one(file("a", 5), link("x"), rules).counts().updated.files, 1);
}

#[test]
fn with_ignore_existing_what_is_there_is_left_with_its_time_and_mode() {
    let rules = Rules { ignore_existing: true, preserve_mode: true, ..DELETE };
    for (new, old) in [
        (file("abc", 5), file("a", 5)),
        (file("abc", 5), file("abc", 6)),
        (mode(0o600), mode(0o644)),
        (link("x"), link("y")),
        (link("x"), file("a", 5)),
        (file("a", 5), link("x")),
        (file("a", 5), DIRECTORY),
        (DIRECTORY, file("a", 5)),
        (file("a", 5), Thing::Special),
    ] {
        assert_eq!(one(new, old, rules).steps.to_vec(), [skip("f", Reason::Exists)]);
    }
    assert_eq!(
        one(file("abc", 5), file("abc", 5), Rules { checksum: true, ..rules }).steps.to_vec(),
        [],
        "as far as it looks"
    );
    assert_eq!(plan(&tree([("n", file("n", 5))]), &Tree::default(), rules).counts().created.files, 1);
    let below = plan(&tree([("f", file("a", 5))]), &tree([("f/x", file("x", 5))]), rules);
    assert_eq!(below.steps.to_vec(), [skip("f", Reason::Exists)], "what is in a directory that is left is left, too");
}

#[test]
fn with_preserve_mode_permission_bits_are_set() {
    let rules = Rules { preserve_mode: true, ..PLAIN };
    assert_eq!(one(mode(0o600), mode(0o644), rules).steps.to_vec(), [touch("f", None, Some(0o600))]);
    assert_eq!(one(mode(0o600), mode(0o644), PLAIN).steps.to_vec(), []);
    let why = Changed { size: true, mode: true, ..NOTHING };
    let other = Thing::File { content: "x".to_owned(), modified: at(5), mode: 0o644 };
    assert_eq!(one(mode(0o600), other, rules).steps.to_vec(), [update("f", [4, 1], false, why)]);
    let made = plan(&tree([("d", Thing::Directory(0o750))]), &Tree::default(), rules).steps.to_vec();
    assert_eq!(made, [step("d", Action::MakeDirectory { mode: Some(0o750) })]);
    let made = plan(&tree([("d", Thing::Directory(0o750))]), &Tree::default(), PLAIN).steps.to_vec();
    assert_eq!(made, [step("d", Action::MakeDirectory { mode: None })]);
}

#[test]
fn times_within_the_window_are_equal() {
    let rules = Rules { modify_window: Duration::from_secs(1), ..PLAIN };
    assert_eq!(one(file("abc", 5), file("abd", 6), rules).steps.to_vec(), []);
    assert_eq!(one(file("abc", 5), file("abd", 7), rules).steps.to_vec().len(), 1);
}

#[test]
fn with_delete_what_only_the_destination_has_goes_contents_first() {
    let destination = tree([("d/e/f", file("abc", 5)), ("d/l", link("x")), ("s", Thing::Special)]);
    let deleted = |path, kind, size| step(path, Action::Delete { kind, size });
    let expected = [
        deleted("s", Kind::Special, 0),
        deleted("d/l", Kind::Link, 0),
        deleted("d/e/f", Kind::File, 3),
        deleted("d/e", Kind::Directory, 0),
        deleted("d", Kind::Directory, 0),
    ];
    assert_eq!(plan(&Tree::default(), &destination, DELETE).steps.to_vec(), expected);
    assert_eq!(plan(&Tree::default(), &destination, PLAIN), Plan::default());
}

#[test]
fn more_than_may_be_deleted_are_not() {
    let destination = tree([("a", file("abc", 5)), ("b", file("d", 5))]);
    let with = |most| plan(&Tree::default(), &destination, Rules { max_delete: Some(most), ..DELETE });
    assert_eq!((with(2).counts().deleted, with(2).withheld), (2, None));
    assert_eq!((with(1).steps.to_vec(), with(1).withheld), (vec![], Some(Withheld::TooMany { planned: 2, most: 1 })));
}

#[test]
fn what_is_renamed_is_not_deleted_and_is_renamed_though_deletions_are_too_many() {
    let source = tree([("new", file("content", 5))]);
    let destination = tree([("old", file("content", 5)), ("x", file("y", 5))]);
    let with = |most| plan(&source, &destination, Rules { max_delete: Some(most), ..DELETE });
    let rename = Rename { from: "old".into(), size: 7, modified: at(5), mode: None };
    let rename = step("new", Action::Rename(Box::new(rename)));
    assert_eq!(with(1).steps.to_vec(), [rename.clone(), step("x", Action::Delete { kind: Kind::File, size: 1 })]);
    assert_eq!(with(0).steps.to_vec(), [rename]);
    assert_eq!(with(0).withheld, Some(Withheld::TooMany { planned: 1, most: 0 }));
}

#[test]
fn nothing_is_deleted_or_renamed_where_something_could_not_be_listed() {
    let source = tree([("d/f", file("abc", 5)), ("new", file("content", 5))]);
    let destination = tree([("d", DIRECTORY), ("old", file("content", 5))]);
    for is_source in [true, false] {
        let (mut told, mut there) = (source.told(), destination.told());
        if is_source { &mut told } else { &mut there }.insert(1, failed("d"));
        let plan = plan_unread(told, there, [&source, &destination], DELETE);
        let expected = [step("d/f", Action::Create { size: 3 }), step("new", Action::Create { size: 7 })];
        assert_eq!(plan.steps.to_vec(), expected);
        assert_eq!(plan.withheld, Some(Withheld::Unreadable { planned: 1 }));
        assert_eq!(plan.failures.len(), 1);
    }
}

proptest! {
    #[test]
    fn times_of_any_age_make_a_plan(
        new in any::<(i64, u32)>(), old in any::<(i64, u32)>(), window in any::<u64>(), update in any::<bool>(),
    ) {
        let file = |(seconds, nanoseconds)| Thing::File {
            content: "x".to_owned(), modified: Timestamp::new(seconds, nanoseconds), mode: 0,
        };
        let rules = Rules { update, modify_window: Duration::from_nanos(window), ..PLAIN };
        let counts = one(file(new), file(old), rules).counts();
        prop_assert_eq!(counts.touched + counts.skipped, u64::from(!rules.is_same_time(
            Timestamp::new(new.0, new.1), Timestamp::new(old.0, old.1),
        )));
    }
}

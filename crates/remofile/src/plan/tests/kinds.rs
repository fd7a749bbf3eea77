//! Pairs of nodes of different kinds.

use super::super::{Action, Reason, Rules, Step, TreeElement, Withheld};
use super::examples::{skip, step};
use super::model::{DIRECTORY, Execution, Thing, Tree, draft, failed, file, link, plan, plan_unread, tree};
use remofile_protocol::wire::Kind;

fn rules(delete: bool) -> Rules {
    Rules { delete, ..Rules::default() }
}

fn clear(path: &str, kind: Kind) -> Step {
    step(path, Action::Clear { kind })
}

fn deleted(path: &str) -> Step {
    step(path, Action::Delete { kind: Kind::File, size: 1 })
}

fn linked(path: &str, replaces: bool) -> Step {
    step(path, Action::Link { target: "t".into(), replaces })
}

/// Returns the steps for `d`, and for its contents.
fn steps(new: &Tree, old: &Tree, rules: Rules) -> Vec<Step> {
    let steps = plan(new, old, rules).steps.to_vec();
    Execution { source: new, rules }.run(&mut old.clone(), &steps);
    steps
}

#[test]
fn a_directory_takes_the_place_of_a_file_or_link() {
    let source = tree([("d/f", file("1", 5))]);
    for (old, kind) in [(file("22", 5), Kind::File), (link("t"), Kind::Link)] {
        let destination = tree([("d", old)]);
        let made = step("d", Action::MakeDirectory { mode: None });
        let expected = [clear("d", kind), made, step("d/f", Action::Create { size: 1 })];
        assert_eq!(steps(&source, &destination, rules(false)), expected);
    }
}

#[test]
fn files_and_links_replace_each_other_at_once() {
    let (a_file, a_link) = (tree([("d", file("1", 5))]), tree([("d", link("t"))]));
    let other_link = tree([("d", link("u"))]);
    assert_eq!(steps(&a_link, &a_file, rules(false)), [linked("d", true)]);
    assert_eq!(steps(&a_link, &other_link, rules(false)), [linked("d", true)]);
    assert_eq!(steps(&a_link, &Tree::default(), rules(false)), [linked("d", false)]);
    let [Step { action: Action::Update { size: 1, old_size: 0, delta: false, .. }, .. }] =
        &steps(&a_file, &a_link, Rules { delta_from: Some(0), ..rules(false) })[..]
    else {
        panic!("a file goes over a link");
    };
}

#[test]
fn a_directory_with_contents_makes_way_only_if_they_may_be_deleted() {
    let destination = tree([("d/e/f", file("1", 5)), ("d/g", file("2", 5)), ("d.txt", file("3", 5))]);
    for (new, come) in [(file("22", 5), step("d", Action::Create { size: 2 })), (link("t"), linked("d", false))] {
        let source = tree([("d", new), ("d.txt", file("3", 5))]);
        assert_eq!(steps(&source, &destination, rules(false)), [skip("d", Reason::DirectoryInTheWay)]);
        let e = step("d/e", Action::Delete { kind: Kind::Directory, size: 0 });
        let expected = [deleted("d/g"), deleted("d/e/f"), e, clear("d", Kind::Directory), come];
        assert_eq!(steps(&source, &destination, rules(true)), expected);
        let few = plan(&source, &destination, Rules { max_delete: Some(2), ..rules(true) });
        assert_eq!(few.steps.to_vec(), [skip("d", Reason::DirectoryInTheWay)]);
        assert_eq!(few.withheld, Some(Withheld::TooMany { planned: 3, most: 2 }));
    }
}

#[test]
fn an_empty_directory_makes_way() {
    let [source, destination] = [tree([("d", file("1", 5))]), tree([("d", DIRECTORY)])];
    let expected = [clear("d", Kind::Directory), step("d", Action::Create { size: 1 })];
    for rules in [rules(false), rules(true), Rules { max_delete: Some(0), ..rules(true) }] {
        assert_eq!(steps(&source, &destination, rules), expected);
    }
    let existing = Rules { existing: true, ..rules(true) };
    assert_eq!(steps(&source, &destination, existing), [skip("d", Reason::NotExisting)]);
}

#[test]
fn a_directory_that_cannot_be_listed_is_not_taken_for_empty() {
    let [source, destination] = [tree([("d", file("1", 5))]), tree([("d", DIRECTORY)])];
    let mut told = destination.told();
    told.push(failed("d"));
    let plan = plan_unread(source.told(), told, [&source, &destination], rules(false));
    assert_eq!(plan.steps.to_vec(), [skip("d", Reason::DirectoryInTheWay)]);
}

#[test]
fn contents_of_a_directory_stay_where_the_source_cannot_be_read() {
    let [source, destination] = [tree([("d", file("1", 5))]), tree([("d/f", file("2", 5))])];
    let mut told = source.told();
    told.push(failed("x"));
    let plan = plan_unread(told, destination.told(), [&source, &destination], rules(true));
    assert_eq!(plan.steps.to_vec(), [skip("d", Reason::DirectoryInTheWay)]);
    assert_eq!(plan.withheld, Some(Withheld::Unreadable { planned: 1 }));
}

#[test]
fn special_files_make_way_only_where_deletion_was_asked_for() {
    let destination = tree([("d", Thing::Special)]);
    for (new, come) in [
        (("d", file("1", 5)), vec![step("d", Action::Create { size: 1 })]),
        (("d", link("t")), vec![linked("d", false)]),
        (
            ("d/f", file("1", 5)),
            vec![step("d", Action::MakeDirectory { mode: None }), step("d/f", Action::Create { size: 1 })],
        ),
    ] {
        let source = tree([new]);
        assert_eq!(steps(&source, &destination, rules(false)), [skip("d", Reason::SpecialInTheWay)]);
        assert_eq!(steps(&source, &destination, rules(true)), [vec![clear("d", Kind::Special)], come].concat());
    }
}

#[test]
fn what_a_special_file_of_the_source_meets_is_left_with_all_that_is_in_it() {
    let source = tree([("d", Thing::Special)]);
    for there in [("d", file("1", 5)), ("d", link("t")), ("d/f", file("1", 5)), ("d", Thing::Special)] {
        assert_eq!(steps(&source, &tree([there]), rules(true)), [skip("d", Reason::Special)]);
    }
    assert_eq!(steps(&source, &Tree::default(), rules(true)), [skip("d", Reason::Special)]);
}

#[test]
fn what_is_beside_a_directory_that_is_skipped_is_not_skipped_with_it() {
    let source = tree([("d", Thing::Special), ("d.txt", file("1", 5))]);
    let destination = tree([("d/f", file("1", 5)), ("d2", file("1", 6))]);
    let kept = steps(&source, &destination, Rules { max_delete: Some(0), ..rules(true) });
    assert_eq!(kept.len(), 2, "{kept:?}");
    let Action::Rename(rename) = &kept[0].action else { panic!("{kept:?}") };
    assert_eq!((&*rename.from, &*kept[0].path), ("d2", "d.txt"));
    assert_eq!(kept[1], skip("d", Reason::Special));
}

#[test]
fn what_is_in_a_directory_that_is_skipped_is_not_asked_for() {
    let source = tree([("a", file("1", 5)), ("d", Thing::Special)]);
    let destination = tree([("d/f", file("1", 5))]);
    let draft = draft(source.told(), destination.told(), rules(true));
    assert_eq!(draft.questions(), super::super::Questions::default());
}

#[test]
fn a_directory_with_something_that_is_left_out_stays() {
    let source = tree([("way", file("1", 5))]);
    let destination = tree([("gone/a", file("1", 5)), ("gone/deep/b", file("2", 5)), ("way/c", file("3", 5))]);
    let mut told = destination.told();
    told.insert(3, TreeElement::LeftOut("gone/deep/a.o".into()));
    told.push(TreeElement::LeftOut("way/c.o".into()));
    let order = ["gone", "gone/a", "gone/deep", "gone/deep/b", "way", "way/c"];
    assert_eq!(destination.paths().collect::<Vec<_>>(), order);
    let plan = plan_unread(source.told(), told, [&source, &destination], rules(true));
    assert_eq!(
        plan.steps.to_vec(),
        [skip("way", Reason::DirectoryInTheWay), deleted("gone/deep/b"), deleted("gone/a")]
    );
    let few = Rules { max_delete: Some(2), ..rules(true) };
    let mut told = destination.told();
    told.insert(3, TreeElement::LeftOut("gone/deep/a.o".into()));
    told.push(TreeElement::LeftOut("way/c.o".into()));
    assert_eq!(plan_unread(source.told(), told, [&source, &destination], few).withheld, None);
}

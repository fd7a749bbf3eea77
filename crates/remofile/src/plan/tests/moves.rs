//! Renames: the files that are renamed, and those that are not.

use super::super::{Action, Answers, Reason, Rules};
use super::examples::{skip, step};
use super::model::{DIRECTORY, Execution, PLAIN, Thing, Tree, answers, at, draft, file, link, plan, tree};
use remofile_protocol::wire::Kind;

const RULES: Rules = Rules { delete: true, ..PLAIN };

/// Returns the pairs of old and new paths, in the order of the plan.
fn renamed(source: &Tree, destination: &Tree, rules: Rules) -> Vec<(String, String)> {
    let steps = plan(source, destination, rules).steps.to_vec();
    Execution { source, rules }.run(&mut destination.clone(), &steps);
    let pair = |step: super::super::Step| match step.action {
        Action::Rename(rename) => Some((rename.from.to_string(), step.path.to_string())),
        _ => None,
    };
    steps.into_iter().filter_map(pair).collect()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(from, to)| (from.to_owned(), to.to_owned())).to_vec()
}

#[test]
fn a_directory_that_is_renamed_costs_no_bytes() {
    let source = tree([("new/a", file("1", 5)), ("new/b/c", file("22", 6)), ("new/l", link("a"))]);
    let destination = tree([("old/a", file("1", 5)), ("old/b/c", file("22", 6)), ("old/l", link("a"))]);
    let plan = plan(&source, &destination, RULES);
    assert_eq!(renamed(&source, &destination, RULES), pairs([("old/a", "new/a"), ("old/b/c", "new/b/c")]));
    let counts = plan.counts();
    assert_eq!((counts.directories, counts.links, counts.deleted, counts.created.files), (2, 1, 3, 0));
}

#[test]
fn without_deletion_or_with_existing_nothing_is_renamed() {
    let (source, destination) = (tree([("new", file("1", 5))]), tree([("old", file("1", 5))]));
    for rules in [Rules { delete: false, ..RULES }, Rules { existing: true, ..RULES }] {
        assert_eq!(draft(source.told(), destination.told(), rules).questions(), super::super::Questions::default());
        assert_eq!(renamed(&source, &destination, rules), []);
    }
}

#[test]
fn only_files_of_one_size_are_asked_for() {
    let source = tree([("a", file("1", 5)), ("b", file("22", 5)), ("c", file("", 5)), ("d", file("333", 5))]);
    let destination = tree([("x", file("2", 5)), ("y", file("4444", 5)), ("z", file("", 5)), ("zz", file("333", 5))]);
    let draft = draft(source.told(), destination.told(), RULES);
    let questions = draft.questions();
    assert_eq!((questions.source, questions.destination), (paths(&["a", "d"]), paths(&["x", "zz"])));
    let answers = answers(&draft, &source, &destination);
    let steps = draft.settle(&answers).steps.to_vec();
    let renames = steps.iter().filter(|step| matches!(step.action, Action::Rename(_))).count();
    assert_eq!(renames, 1, "contents prove it");
}

#[test]
fn what_could_not_be_read_is_sent_and_deleted() {
    let (source, destination) = (tree([("new", file("1", 5))]), tree([("old", file("1", 5))]));
    let steps = draft(source.told(), destination.told(), RULES).settle(&Answers::default()).steps.to_vec();
    let expected = [step("new", Action::Create { size: 1 }), step("old", Action::Delete { kind: Kind::File, size: 1 })];
    assert_eq!(steps, expected);
}

#[test]
fn of_several_the_one_with_the_time_is_taken_then_that_with_the_name() {
    let source = tree([("n/a", file("1", 5)), ("n/b", file("1", 6)), ("n/c", file("1", 7))]);
    let destination = tree([("o/b", file("1", 9)), ("o/x", file("1", 8)), ("o/y", file("1", 7))]);
    let expected = pairs([("o/x", "n/a"), ("o/b", "n/b"), ("o/y", "n/c")]);
    assert_eq!(renamed(&source, &destination, RULES), expected);
}

#[test]
fn each_file_is_renamed_once() {
    let source = tree([("a", file("1", 5)), ("b", file("1", 5)), ("c", file("1", 5))]);
    let destination = tree([("y", file("1", 5)), ("z", file("1", 5))]);
    assert_eq!(renamed(&source, &destination, RULES), pairs([("y", "a"), ("z", "b")]));
    assert_eq!(plan(&source, &destination, RULES).counts().created.files, 1);
    assert_eq!(plan(&destination, &source, RULES).counts().deleted, 1);
}

#[test]
fn files_that_swap_names_are_sent() {
    let source = tree([("a", file("1", 5)), ("b", file("22", 5))]);
    let destination = tree([("a", file("22", 5)), ("b", file("1", 5))]);
    assert_eq!(renamed(&source, &destination, RULES), []);
    assert_eq!(plan(&source, &destination, RULES).counts().updated.files, 2);
}

#[test]
fn a_file_gets_the_time_and_mode_of_the_source_when_it_is_renamed() {
    let thing = |seconds, mode| Thing::File { content: "1".to_owned(), modified: at(seconds), mode };
    let (source, destination) = (tree([("new", thing(5, 0o600))]), tree([("old", thing(6, 0o644))]));
    for (preserve_mode, mode) in [(false, None), (true, Some(0o600))] {
        let steps = plan(&source, &destination, Rules { preserve_mode, ..RULES }).steps.to_vec();
        let [super::super::Step { action: Action::Rename(rename), .. }] = &steps[..] else { panic!("{steps:?}") };
        assert_eq!((rename.modified, rename.mode), (at(5), mode));
    }
}

#[test]
fn a_file_leaves_a_directory_before_that_makes_way() {
    let source = tree([("d", file("22", 5)), ("e/new", file("1", 5))]);
    let destination = tree([("d/old", file("1", 5))]);
    assert_eq!(renamed(&source, &destination, RULES), pairs([("d/old", "e/new")]));
    let rules = Rules { max_delete: Some(0), ..RULES };
    assert_eq!(plan(&source, &destination, rules).withheld, None, "the directory is empty by then");
    assert_eq!(plan(&source, &destination, rules).counts().cleared, 1);
}

#[test]
fn a_directory_that_renames_have_emptied_makes_way_though_deletions_are_too_many() {
    let source = tree([("d", file("22", 5)), ("e/new", file("1", 5))]);
    let destination = tree([("d/old", file("1", 5)), ("x", file("333", 5))]);
    let rules = Rules { max_delete: Some(0), ..RULES };
    assert_eq!(renamed(&source, &destination, rules), pairs([("d/old", "e/new")]));
    let counts = plan(&source, &destination, rules).counts();
    assert_eq!((counts.cleared, counts.skipped, counts.deleted), (1, 0, 0));
}

#[test]
fn a_file_does_not_take_the_place_of_the_directory_it_is_in() {
    let (source, destination) = (tree([("d", file("1", 5))]), tree([("d/f", file("1", 5))]));
    assert_eq!(renamed(&source, &destination, RULES), []);
    assert_eq!(plan(&source, &destination, RULES).counts().created.files, 1);
}

#[test]
fn a_file_goes_into_a_directory_that_takes_the_place_of_another_file() {
    let source = tree([("d/f", file("1", 5))]);
    let destination = tree([("d", file("333", 5)), ("old", file("1", 5))]);
    assert_eq!(renamed(&source, &destination, RULES), pairs([("old", "d/f")]));
    let inward = tree([("d", file("1", 5))]);
    assert_eq!(renamed(&source, &inward, RULES), [], "what makes way is replaced, and not extraneous");
}

#[test]
fn links_and_directories_are_not_renamed() {
    let source = tree([("a", link("t")), ("d", DIRECTORY)]);
    let destination = tree([("b", link("t")), ("e", DIRECTORY)]);
    assert_eq!(renamed(&source, &destination, RULES), []);
    assert_eq!(plan(&source, &destination, RULES).counts().deleted, 2);
}

#[test]
fn what_is_in_a_directory_that_is_left_is_not_taken_out_of_it() {
    let source = tree([("d", Thing::Special), ("new", file("1", 5))]);
    let destination = tree([("d/old", file("1", 5))]);
    assert_eq!(renamed(&source, &destination, RULES), []);
    assert_eq!(plan(&source, &destination, RULES).steps.to_vec()[0], skip("d", Reason::Special));
}

fn paths(paths: &[&str]) -> Vec<Box<str>> {
    paths.iter().map(|path| (*path).into()).collect()
}

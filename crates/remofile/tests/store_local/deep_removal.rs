//! Removals of deep trees that end early: what stays is where it was. On the way, directories that lie deep are moved
//! to the top of the tree.

use super::support::{Tree, names_in, path};
use remofile::store::{Removal, RemovalProgress, WriteStore};
use remofile_protocol::wire::ErrorCode;

/// Enough for directories to be moved twice.
const LEVELS: usize = 600;

/// A tree with a file at its bottom, and a removal of it that has gone about half of the way down, to a directory that
/// was moved to the name that is returned.
fn half_way() -> (Tree, Box<dyn Removal>, String) {
    let tree = Tree::new();
    std::fs::create_dir_all(tree.local(&"d/".repeat(LEVELS))).expect("a deep tree");
    std::fs::write(tree.local(&format!("{}file", "d/".repeat(LEVELS))), "").expect("a file");
    let mut removal = tree.store.remove_tree(&path("/d")).expect("a removal");
    let moved = loop {
        assert_eq!(removal.step().expect("a step"), RemovalProgress::More);
        let moved = names_in(&tree.local("d")).into_iter().find(|name| name != "d");
        if let Some(moved) = moved {
            break moved;
        }
    };
    (tree, removal, moved)
}

fn go_on(mut removal: Box<dyn Removal>) -> remofile_protocol::wire::Failure {
    loop {
        if let Err(failure) = removal.step() {
            return failure;
        }
    }
}

#[test]
fn a_removal_that_is_broken_off_leaves_the_rest_in_its_place() {
    let (tree, removal, _) = half_way();
    drop(removal);
    let listed = tree.list("/d");
    assert_eq!(listed.len(), LEVELS);
    assert_eq!(listed.last(), Some(&format!("{}/file", "/d".repeat(LEVELS))));
    assert_eq!(tree.remove("/d").unwrap(), (1, LEVELS as u64));
}

#[test]
fn a_removal_that_fails_names_the_path_that_users_know_and_leaves_the_rest_in_its_place() {
    let (tree, removal, moved) = half_way();
    // Its names were read before.
    std::fs::write(tree.local(&format!("d/{moved}/late")), "late").unwrap();
    let failure = go_on(removal);
    let held = "/d".repeat(258);
    assert_eq!((failure.code, failure.path.as_deref()), (ErrorCode::NotEmpty, Some(held.as_str())));
    assert_eq!(failure.detail.as_deref(), Some("of the tree, 1 file and 342 directories are gone"));
    assert_eq!(tree.list("/d").last(), Some(&format!("{held}/late")));
    assert_eq!(names_in(&tree.local("d")), ["d"]);
}

#[test]
fn what_cannot_be_put_back_is_visible_removable_and_named() {
    let (tree, removal, moved) = half_way();
    // Two directories fail: the place that it was in is gone, so it can only stay where it is.
    std::fs::write(tree.local(&format!("d/{moved}/late")), "late").unwrap();
    std::fs::remove_dir_all(tree.local("d/d")).unwrap();
    let failure = go_on(removal);
    assert_eq!(failure.code, ErrorCode::NotEmpty);
    let told =
        format!("of the tree, 1 file and 342 directories are gone; the rest of it is in its subdirectory {moved} now");
    assert_eq!(failure.detail, Some(told));
    assert_eq!(tree.list("/d"), [format!("/d/{moved}"), format!("/d/{moved}/late")]);
    assert_eq!(tree.remove(&format!("/d/{moved}")).unwrap(), (1, 1));
}

#[test]
fn a_tree_that_is_half_removed_can_be_listed() {
    let (tree, mut removal, _) = half_way();
    let mut progress = RemovalProgress::More;
    while progress == RemovalProgress::More {
        let listed = tree.list("/");
        assert!(listed.iter().all(|path| path.starts_with("/d")), "{listed:?}");
        for _ in 0..8 {
            progress = removal.step().unwrap();
        }
    }
    assert_eq!(progress, RemovalProgress::Done { files: 1, directories: LEVELS as u64 });
    assert!(tree.list("/").is_empty());
}

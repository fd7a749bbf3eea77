//! Trees of thousands of levels, with few descriptors. In a process of its own, since such a
//! limit is the process's.

use super::support::{LARGE, Tree, code, create, names_in, path, run_limited};
use remofile::store::{ReadStore, WriteStore};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Kind};

const LEVELS: usize = 4000;

#[test]
fn trees_of_thousands_of_levels_need_few_descriptors_and_little_stack() {
    run_limited("ulimit -n 64", "deep::under_a_limit");
}

#[test]
#[ignore = "needs the limit that the test above sets"]
fn under_a_limit() {
    let everything = || {
        let tree = Tree::new();
        let deepest = "/abc".repeat(LEVELS);
        assert!(tree.store.make_directory(&path(&deepest), false, true).unwrap());
        files_live_at_the_bottom(&tree, &deepest);
        walks_reach_the_bottom(&tree);
        links_work_at_the_bottom(&tree, &deepest);
        removal_reaches_the_bottom(&tree);
    };
    let small_stack = std::thread::Builder::new().stack_size(256 * 1024);
    small_stack.spawn(everything).unwrap().join().unwrap();
}

fn files_live_at_the_bottom(tree: &Tree, deepest: &str) {
    for size in [5, LARGE] {
        let file = format!("{deepest}/file {size}");
        tree.write(&file, b"depth", create(size)).expect("a file");
        assert_eq!(tree.read(&file).expect("its bytes"), b"depth");
        assert_eq!(code(tree.write(&file, b"depth", create(size))), Some(ErrorCode::AlreadyExists));
    }
    let (old, new) = (path(&format!("{deepest}/file 5")), path(&format!("{deepest}/g")));
    tree.store.rename(&old, &new, false).expect("a rename");
    assert_eq!(tree.store.stat(&new).expect("an entry").size, 5);
    assert_eq!(tree.store.remove(&new).expect("a removal"), Kind::File);
}

fn walks_reach_the_bottom(tree: &Tree) {
    let mut walk = tree.store.walk(&RemotePath::root(), true).expect("a walk");
    let mut count = 0;
    while let Some(listed) = walk.next() {
        assert!(matches!(listed, remofile_protocol::wire::Listed::Entry(_)), "{listed:?}");
        count += 1;
    }
    assert_eq!(count, LEVELS + 1);
}

fn links_work_at_the_bottom(tree: &Tree, deepest: &str) {
    let place = tree.store.directory(&path(deepest)).expect("a directory");
    drop(place);
    std::os::unix::fs::symlink("abc/../abc/abc", tree.local("link")).expect("a link");
    let through = format!("/link{}/file {LARGE}", &deepest[8..]);
    assert_eq!(tree.read(&through).expect("its bytes"), b"depth");
    assert_eq!(tree.store.stat(&path(&through)).expect("an entry").kind, Kind::File);
}

fn removal_reaches_the_bottom(tree: &Tree) {
    assert_eq!(tree.remove("/abc").expect("a removal"), (1, LEVELS as u64));
    assert_eq!(names_in(tree.root.path()), ["link"]);
}

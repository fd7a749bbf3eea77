//! A write that fails half-way. A limit on the size of files stands for a full disk, since it needs no
//! privileges: the test runs itself again in a shell that sets the limit and ignores its signal.

use super::support::{LARGE, Tree, code, create, names_in, path, replace, run_limited};
use remofile::store::PosixStore;
use remofile_protocol::wire::ErrorCode;

#[test]
fn a_write_that_fails_half_way_keeps_the_old_file_and_leaves_nothing() {
    run_limited("trap '' XFSZ; ulimit -f 64", "full::under_a_limit");
}

#[test]
fn a_write_in_place_that_fails_half_way_says_so() {
    run_limited("trap '' XFSZ; ulimit -f 64", "full::in_place_under_a_limit");
}

#[test]
#[ignore = "needs the limit that the test above sets"]
fn in_place_under_a_limit() {
    let tree = Tree::new();
    tree.write("/file", b"old", create(3)).unwrap();
    let mut file = tree.store.edit(&path("/file"), false).unwrap();
    assert_eq!(code(file.write_at(&[0; 1024 * 1024], 1)), Some(ErrorCode::FileTooLarge));
    assert_eq!(code(file.set_length(1024 * 1024)), Some(ErrorCode::FileTooLarge));
    file.write_at(b"new", 0).unwrap();
    file.finish().unwrap();
    assert!(tree.read("/file").unwrap().starts_with(b"new"));
}

#[test]
#[ignore = "needs the limit that the test above sets"]
fn under_a_limit() {
    let tree = Tree::new();
    tree.write("/file", b"old", create(3)).unwrap();
    for size in [3, LARGE] {
        let mut staged = tree.stage("/file", replace(size)).unwrap();
        staged.write(b"the beginning").unwrap();
        assert_eq!(code(staged.write(&[0; 1024 * 1024])), Some(ErrorCode::FileTooLarge));
        drop(staged);
        assert_eq!(tree.read("/file").unwrap(), b"old");
        assert_eq!(names_in(tree.root.path()), ["file"]);
    }
}

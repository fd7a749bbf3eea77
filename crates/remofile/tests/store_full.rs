//! A write that fails half-way. A limit on the size of files stands for a full disk, since it needs no
//! privileges: the test runs itself again in a shell that sets the limit and ignores its signal.
#![cfg(unix)]

mod store_support;

use remofile_protocol::wire::ErrorCode;
use store_support::{LARGE, Tree, code, create, names_in, replace};

#[test]
fn a_write_that_fails_half_way_keeps_the_old_file_and_leaves_nothing() {
    let this = std::env::current_exe().unwrap();
    let limited = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" --ignored --exact under_a_limit"])
        .arg(this)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&limited.stdout);
    assert!(limited.status.success() && said.contains("1 passed"), "{said}");
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

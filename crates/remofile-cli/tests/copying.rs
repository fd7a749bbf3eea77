//! Copies within the server.

use crate::support;

use serde_json::Value;
use support::{Server, directory, mkdir, read, write};

fn served() -> (tempfile::TempDir, Server) {
    let root = directory();
    mkdir(root.path().join("d/inner"));
    write(root.path().join("a.txt"), "hello");
    write(root.path().join("d/file"), "f");
    let server = Server::start(root.path(), &[]);
    (root, server)
}

#[test]
fn a_destination_names_the_copy_or_holds_it() {
    let (root, server) = served();
    assert_eq!(server.run("copy a.txt /b.txt").ok(), "");
    server.run("copy a.txt /d").ok();
    server.run("copy /a.txt new/ --parents").ok();
    server.run("copy -r d e").ok();
    server.run("copy -r d e").ok();
    for name in ["a.txt", "b.txt", "d/a.txt", "new/a.txt", "e/a.txt", "e/d/a.txt"] {
        assert_eq!(read(root.path().join(name)), b"hello", "{name}");
    }
    assert!(root.path().join("e/inner").is_dir());
}

#[test]
fn what_is_in_the_way_is_an_error_unless_a_rule_says_otherwise() {
    let (root, server) = served();
    write(root.path().join("old"), "old");
    let refused = server.run("copy a.txt old").fails(1);
    assert!(refused.contains("/old"), "{refused}");
    server.run("copy a.txt old --on-conflict skip").ok();
    assert_eq!(read(root.path().join("old")), b"old");
    server.run("copy a.txt old -f").ok();
    assert_eq!(read(root.path().join("old")), b"hello");
    server.run("copy d /x").fails(1);
    server.run("copy -r d d/y").fails(1);
    server.run("copy none /x").fails(1);
    server.run("copy a.txt old -f --on-conflict skip").fails(2);
    server.run("copy a.txt old --on-conflict ask").fails(2);
}

#[test]
fn what_cannot_be_copied_is_named_and_the_rest_is_copied() {
    let (root, server) = served();
    std::os::unix::fs::symlink("/etc/passwd", root.path().join("d/out")).unwrap();
    let told = server.run("copy -r d e --json");
    let object: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((object["path"].as_str(), object["files"].as_u64()), (Some("/e"), Some(1)));
    assert_eq!(object["failures"][0]["path"], "/e/out");
    assert!(told.fails(23).contains("outside-root"));
    assert_eq!(read(root.path().join("e/file")), b"f");
}

#[test]
fn a_dry_run_tells_the_path_and_changes_nothing() {
    let (root, server) = served();
    assert_eq!(server.run("copy -n a.txt d").ok(), "/a.txt -> /d/a.txt\n");
    let object: Value = serde_json::from_str(&server.run("copy -n --json a.txt b").ok()).unwrap();
    assert_eq!((object["source"].as_str(), object["path"].as_str()), (Some("/a.txt"), Some("/b")));
    server.run("copy -n a.txt none/b").fails(1);
    server.run("copy -n d b").fails(1);
    server.run("copy -n a.txt d/file").fails(1);
    assert!(!root.path().join("d/a.txt").exists() && !root.path().join("b").exists());
}

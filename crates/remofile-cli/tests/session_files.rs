//! Listing, creating, removing and moving on a real server.

use crate::support;

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use support::{Server, directory, mkdir, say, write};

fn served_tree() -> (tempfile::TempDir, Server) {
    let root = directory();
    mkdir(root.path().join("b/c"));
    write(root.path().join("a.txt"), "hello");
    write(root.path().join("b/c/deep file.txt"), "x");
    write(root.path().join("été"), "");
    let server = Server::start(root.path(), &[]);
    (root, server)
}

#[test]
fn list_prints_sorted_names_one_a_line() {
    let (_root, server) = served_tree();
    assert_eq!(server.run("list").ok(), "a.txt\nb\nété\n");
    assert_eq!(server.run("list /b").ok(), "c\n");
    assert_eq!(server.run("list b/c/").ok(), "deep file.txt\n");
}

#[test]
fn a_recursive_list_has_names_relative_to_its_directory() {
    let (_root, server) = served_tree();
    assert_eq!(server.run("list -r").ok(), "a.txt\nb\nb/c\nb/c/deep file.txt\nété\n");
    assert_eq!(server.run("list /b -r").ok(), "c\nc/deep file.txt\n");
}

#[test]
fn a_long_list_has_aligned_columns() {
    let (_root, server) = served_tree();
    for flag in ["-l", "-a", "--all"] {
        let listed = server.run(&format!("list / {flag}")).ok();
        let lines: Vec<&str> = listed.lines().collect();
        assert!(lines[0].starts_with("[F]  5  20") && lines[0].ends_with("  a.txt"), "{listed}");
        assert!(lines[1].starts_with("[D]  0  20") && lines[1].ends_with("  b"), "{listed}");
    }
}

#[test]
fn a_list_for_scripts_has_one_object_a_line() {
    let (_root, server) = served_tree();
    let listed = server.run("list -r --json").ok();
    let objects: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 5);
    assert_eq!(objects[3]["path"], "/b/c/deep file.txt");
    assert_eq!(objects[3]["name"], "deep file.txt");
    assert_eq!(objects[3]["type"], "file");
    assert_eq!(objects[3]["size"], 1);
    assert!(objects[3]["mtime"].is_f64());
    assert_eq!(objects[1]["type"], "directory");
}

#[test]
fn port_and_token_can_follow_the_directory() {
    let (_root, server) = served_tree();
    let mut command = support::remofile();
    command.env("REMOFILE_HOSTNAME", "127.0.0.1").args(["list", "/b", &server.port.to_string(), &server.token]);
    assert_eq!(say(&mut command).ok(), "c\n");
}

#[test]
fn what_cannot_be_listed_is_named_and_the_rest_is_listed() {
    use std::os::unix::ffi::OsStrExt;
    let (root, server) = served_tree();
    write(root.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "");
    let said = server.run("list");
    assert_eq!(said.stdout, "a.txt\nb\nété\n");
    assert!(said.fails(23).contains("caf"));
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_list_quietly() {
    let root = directory();
    for number in 0..20_000 {
        write(root.path().join(format!("file-with-a-long-name-{number:05}")), "");
    }
    let server = Server::start(root.path(), &[]);
    let mut child = server.client().arg("list").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "file-with-a-long-name-00000\n");
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn files_and_directories_are_created_where_they_are_told() {
    let (root, server) = served_tree();
    for line in ["file one", "file two /b", "file /b/three", "directory d /", "folder e/f /d --parents"] {
        assert_eq!(server.run(line).ok(), "", "{line}");
    }
    for path in ["one", "b/two", "b/three", "d", "d/e/f"] {
        assert!(root.path().join(path).exists(), "{path}");
    }
}

#[test]
fn creating_what_exists_fails_unless_it_is_an_update() {
    let (_root, server) = served_tree();
    for line in ["file a.txt", "directory b"] {
        let error = server.run(&format!("{line} --json")).error_object(1);
        assert_eq!(error["kind"], "already-exists", "{line}");
        server.run(&format!("{line} -u")).ok();
    }
    assert!(server.run("directory x/y").fails(1).contains("no such file"));
}

#[test]
fn both_forms_of_remove_remove() {
    let (root, server) = served_tree();
    server.run("remove a.txt /").ok();
    assert!(!root.path().join("a.txt").exists());
    assert!(server.run("remove /b").fails(1).contains("-r"));
    server.run("remove -r /b").ok();
    assert!(!root.path().join("b").exists());
    let error = server.run("remove /b --json").error_object(1);
    assert_eq!((&error["kind"], &error["path"]), (&"not-found".into(), &"/b".into()));
}

#[test]
fn of_several_paths_those_that_cannot_be_removed_are_named() {
    let (root, server) = served_tree();
    assert!(server.run("remove /a.txt /missing /été").fails(23).contains("/missing"));
    assert!(!root.path().join("a.txt").exists() && !root.path().join("été").exists());
}

#[test]
fn of_several_paths_those_that_another_client_has_keep_no_others() {
    let root = directory();
    (0..200).for_each(|number| write(root.path().join(format!("f{number}")), ""));
    let server = Server::start(root.path(), &[]);
    server.run("directory /to").ok();
    let mut holder = server.client();
    holder.args(["upload", "-", "--name", "f7", "--on-conflict", "replace"]).stdin(Stdio::piped());
    let mut holder = holder.spawn().unwrap();
    while !server.run("status").ok().contains("upload") {}
    let names = |numbers: std::ops::Range<usize>| -> Vec<_> { numbers.map(|number| format!("/f{number}")).collect() };
    let moved = say(server.client().arg("move").args(names(0..100)).args(["/to", "--wait=0"]));
    assert!(moved.fails(4).contains("upload at /f7"));
    assert_eq!(server.run("list /to").ok().lines().count(), 99);
    let removed = say(server.client().arg("remove").args(names(7..8)).args(names(100..200)).arg("--wait=0"));
    assert!(removed.fails(4).contains("upload at /f7"));
    assert_eq!(server.run("list /").ok(), "f7\nto\n");
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
}

#[test]
fn moving_renames_or_moves_into_a_directory() {
    let (root, server) = served_tree();
    server.run("move /a.txt /z.txt").ok();
    server.run("move /z.txt /b").ok();
    assert!(root.path().join("b/z.txt").exists());
    write(root.path().join("z.txt"), "new");
    assert!(server.run("move /z.txt /b").fails(1).contains("exists"));
    server.run("move /z.txt /b --replace").ok();
    assert_eq!(support::read(root.path().join("b/z.txt")), b"new");
    assert_eq!(server.run("move /b /b/c --json").error_object(1)["kind"], "into-itself");
}

#[test]
fn status_tells_about_the_server() {
    let (_root, server) = served_tree();
    let said = server.run("status").ok();
    assert!(said.contains(&format!("127.0.0.1:{}", server.port)) && said.contains("nobody"), "{said}");
    let object: Value = serde_json::from_str(&server.run("status --json").ok()).unwrap();
    assert!(object["round_trip_ms"].is_f64() && object["version"].is_string());
    assert_eq!(object["holders"], serde_json::json!([]));
    assert_eq!(object["waiting"], 0);
}

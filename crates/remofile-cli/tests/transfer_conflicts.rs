//! Tests of files in the way, and of transfers that are run again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use serde_json::Value;
use support::{Pair, files_below, mkdir, objects, plant, read, write};

/// The summary of a command that must have succeeded.
#[track_caller]
fn summary(said: support::CommandOutput) -> Value {
    objects(&said.ok()).pop().unwrap()
}

/// A time of last modification, in seconds since 1970.
fn set_time(path: impl AsRef<std::path::Path>, seconds: u64) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    support::set_modified(path, time);
}

#[test]
fn the_same_upload_again_moves_nothing_and_succeeds() {
    let pair = Pair::new();
    plant(&pair.local(""), &["tree/a", "tree/sub/b", "c"]);
    let upload = || summary(pair.run("upload -r --json tree c /"));
    let first = upload();
    assert_eq!((&first["files"], &first["present"]), (&3.into(), &0.into()));
    let again = upload();
    assert_eq!((&again["files"], &again["present"], &again["bytes"]), (&0.into(), &3.into(), &0.into()));
    assert_eq!(pair.run("upload -r tree c /").ok(), "");
}

#[test]
fn the_same_download_again_moves_nothing_and_succeeds() {
    let pair = Pair::new();
    plant(&pair.remote(""), &["tree/a", "tree/sub/b", "c"]);
    let download = || summary(pair.run("download -r --json /tree /c ."));
    assert_eq!(download()["files"], 3);
    let again = download();
    assert_eq!((&again["files"], &again["present"]), (&0.into(), &3.into()));
    assert_eq!(pair.run("download -r /tree /c .").ok(), "");
}

#[test]
fn without_resuming_everything_is_moved_anew() {
    let pair = Pair::new();
    plant(&pair.local(""), &["a"]);
    pair.run("upload a").ok();
    let again = summary(pair.run("upload a --no-resume --on-conflict replace --json"));
    assert_eq!((&again["files"], &again["present"]), (&1.into(), &0.into()));
    assert!(pair.run("upload a --no-resume").fails(1).contains("/a: it exists already"));
}

#[test]
fn if_one_file_is_in_the_way_nothing_is_changed_and_each_is_named() {
    let pair = Pair::new();
    plant(&pair.local(""), &["tree/a", "tree/b", "tree/new"]);
    mkdir(pair.remote("tree"));
    write(pair.remote("tree/a"), "old a");
    write(pair.remote("tree/b"), "old b");
    let stderr = pair.run("upload -r tree /").fails(1);
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines[..2], ["remofile: /tree/a: it exists already", "remofile: /tree/b: it exists already"]);
    assert_eq!(lines.len(), 3, "{stderr}");
    assert!(lines[2].contains("2 files are in the way; nothing was changed"), "{stderr}");
    assert_eq!(files_below(pair.root.path()), ["tree/a", "tree/b"]);
    assert_eq!(read(pair.remote("tree/a")), b"old a");

    let stderr = pair.run("download -r /tree .").fails(1);
    assert!(stderr.contains("tree/a: it exists already") && stderr.contains("tree/b: it exists"), "{stderr}");
    assert_eq!(read(pair.local("tree/a")), b"tree/a");
    let error = pair.run("download -r /tree . --json").error_object(1);
    assert_eq!((&error["kind"], error["conflicts"].as_array().unwrap().len()), (&"conflicts".into(), 2));
}

/// Runs a transfer with a rule, where `here` is the side of the destination.
fn with_rule(command: &str, rule: &str) -> (Value, Vec<String>, Vec<u8>) {
    let pair = Pair::new();
    let (from, to) = if command == "upload" { (&pair.local, &pair.root) } else { (&pair.root, &pair.local) };
    write(from.path().join("a.txt"), "the new one");
    set_time(from.path().join("a.txt"), 2000);
    write(to.path().join("a.txt"), "old");
    set_time(to.path().join("a.txt"), 1000);
    let said = pair.run(&format!("{command} a.txt --json --on-conflict {rule}"));
    (summary(said), files_below(to.path()), read(to.path().join("a.txt")))
}

#[test]
fn each_rule_does_what_it_says() {
    for command in ["upload", "download"] {
        let (done, files, content) = with_rule(command, "replace");
        assert_eq!((&done["files"], files.len(), &content[..]), (&1.into(), 1, &b"the new one"[..]), "{command}");
        let (done, files, content) = with_rule(command, "newer");
        assert_eq!((&done["files"], files.len(), &content[..]), (&1.into(), 1, &b"the new one"[..]), "{command}");
        let (done, files, content) = with_rule(command, "skip");
        assert_eq!((&done["files"], files.len(), &content[..]), (&0.into(), 1, &b"old"[..]), "{command}");
        assert!(done["skipped"][0]["path"].as_str().unwrap().ends_with("a.txt"), "{done}");
        let (done, files, content) = with_rule(command, "rename");
        assert_eq!((&done["files"], &content[..]), (&1.into(), &b"old"[..]), "{command}");
        assert_eq!(files, ["a (1).txt", "a.txt"], "{command}");
    }
}

#[test]
fn an_older_file_does_not_replace_a_newer_one_and_is_named() {
    let pair = Pair::new();
    write(pair.local("a"), "older");
    set_time(pair.local("a"), 1000);
    write(pair.remote("a"), "new");
    let said = pair.run("upload a --on-conflict newer");
    assert!(said.stderr.contains("/a: skipped") || said.stderr.contains("a: skipped"), "{said:?}");
    said.ok();
    assert_eq!(read(pair.remote("a")), b"new");
}

#[test]
fn a_question_needs_somebody_who_answers() {
    let pair = Pair::new();
    plant(&pair.local(""), &["a"]);
    assert!(pair.run("upload a --on-conflict ask").fails(2).contains("terminal"));
}

#[test]
fn two_sources_of_one_name_are_refused_before_anything_is_moved() {
    let pair = Pair::new();
    plant(&pair.local(""), &["x/a", "y/a", "b"]);
    plant(&pair.remote(""), &["x/a", "y/a"]);
    assert!(pair.run("upload b x/a y/a /").fails(1).contains("another source"));
    assert!(!pair.remote("b").exists());
    assert!(pair.run("download x/a y/a .").fails(1).contains("another source"));
    assert!(!pair.local("a").exists());
}

//! Uploads and downloads with a real server.

use crate::support;

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use support::{Server, directory, feed, mkdir, read, say, write};

fn pair() -> (tempfile::TempDir, tempfile::TempDir, Server) {
    let (root, local) = (directory(), directory());
    let server = Server::start(root.path(), &[]);
    (root, local, server)
}

#[test]
fn what_is_uploaded_can_be_downloaded_again() {
    let (root, local, server) = pair();
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    write(local.path().join("disk image.iso"), &content);
    let upload = say(server.client().current_dir(local.path()).args(["upload", "disk image.iso"]));
    assert_eq!(upload.stderr, "");
    assert_eq!(upload.ok(), "");
    assert_eq!(read(root.path().join("disk image.iso")), content);
    mkdir(local.path().join("back"));
    say(server.client().current_dir(local.path()).args(["download", "disk image.iso", "back"])).ok();
    assert_eq!(read(local.path().join("back/disk image.iso")), content);
}

#[test]
fn a_directory_needs_to_be_asked_for_and_is_named_otherwise() {
    let (root, local, server) = pair();
    mkdir(local.path().join("tree/inner"));
    write(local.path().join("tree/inner/file"), "x");
    write(local.path().join("single"), "y");
    mkdir(root.path().join("dst"));
    let upload = |flags: &[&str]| {
        say(server.client().current_dir(local.path()).arg("upload").args(flags).args(["single", "tree", "/dst"]))
    };
    assert!(upload(&[]).fails(23).contains("tree"));
    assert!(root.path().join("dst/single").exists() && !root.path().join("dst/tree").exists());
    upload(&["-r", "--on-conflict", "replace"]).ok();
    assert_eq!(read(root.path().join("dst/tree/inner/file")), b"x");

    let back = directory();
    let download = |flags: &[&str]| {
        say(server.client().current_dir(back.path()).arg("download").args(flags).args([
            "/dst/single",
            "/dst/tree",
            ".",
        ]))
    };
    assert!(download(&[]).fails(23).contains("tree"));
    download(&["-r", "--on-conflict=replace"]).ok();
    assert_eq!(read(back.path().join("tree/inner/file")), b"x");
}

#[test]
fn files_in_the_way_stay_unless_they_are_to_be_replaced() {
    let (root, local, server) = pair();
    // Of another size: two files of one size that are written in the same instant look the same.
    write(local.path().join("a"), "newer");
    write(root.path().join("a"), "old");
    let upload = |flags: &[&str]| say(server.client().current_dir(local.path()).args(["upload", "a", "/"]).args(flags));
    let error = upload(&["--json"]).error_object(1);
    assert_eq!((&error["kind"], &error["conflicts"][0]["path"]), (&"conflicts".into(), &"/a".into()));
    assert_eq!(error["conflicts"][0]["kind"], "already-exists");
    let stderr = upload(&[]).fails(1);
    assert!(stderr.starts_with("remofile: /a: it exists already\n"), "{stderr}");
    assert!(stderr.contains("nothing was changed") && stderr.contains("--on-conflict"), "{stderr}");
    assert_eq!(read(root.path().join("a")), b"old");
    upload(&["--on-conflict", "replace"]).ok();
    assert_eq!(read(root.path().join("a")), b"newer");
}

#[test]
fn a_missing_source_is_named_and_the_others_are_sent() {
    let (root, local, server) = pair();
    write(local.path().join("a"), "x");
    let said = say(server.client().current_dir(local.path()).args(["upload", "missing", "a", "/"]));
    assert!(said.fails(23).contains("missing"));
    assert!(root.path().join("a").exists());
}

#[test]
fn the_destination_of_several_files_or_with_a_slash_must_be_an_existing_directory() {
    let (_root, local, server) = pair();
    write(local.path().join("a"), "x");
    write(local.path().join("b"), "x");
    for sources in [&["a", "b", "/missing"][..], &["a", "/missing/"], &["a", "/missing/a"]] {
        let upload = say(server.client().current_dir(local.path()).arg("upload").args(sources));
        assert!(upload.fails(1).contains("/missing"), "{sources:?}");
    }
    say(server.client().current_dir(local.path()).args(["upload", "a", "b", "/"])).ok();
    for sources in [&["/a", "/b", "missing"][..], &["/a", "missing/"], &["/a", "missing/a"]] {
        let download = say(server.client().current_dir(local.path()).arg("download").args(sources));
        assert!(download.fails(1).contains("missing"), "{sources:?}");
    }
}

#[test]
fn standard_input_and_output_are_streams() {
    let (root, _local, server) = pair();
    feed(server.client().args(["upload", "-", "--name", "stream"]), b"one\ntwo").ok();
    assert_eq!(read(root.path().join("stream")), b"one\ntwo");
    assert_eq!(server.run("download /stream -").ok(), "one\ntwo");
    let said = server.run("download /stream - --json");
    assert!(said.stderr.contains("\"bytes\":7"), "{said:?}");
    assert_eq!(said.ok(), "one\ntwo");
    assert!(server.run("download /missing -").stderr.contains("/missing"));
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_download_quietly() {
    let (root, _local, server) = pair();
    write(root.path().join("big"), vec![7; 8 << 20]);
    let mut child =
        server.client().args(["download", "/big", "-"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn progress_is_silent_where_nobody_watches() {
    let (_root, local, server) = pair();
    write(local.path().join("a"), "x");
    let said = say(server.client().current_dir(local.path()).args(["upload", "-p", "a"]));
    assert_eq!(said.stderr, "");
    assert_eq!(said.ok(), "");
}

#[test]
fn a_transfer_sums_up_for_scripts() {
    let (_root, local, server) = pair();
    mkdir(local.path().join("tree"));
    write(local.path().join("tree/a"), "12345");
    let said = say(server.client().current_dir(local.path()).args(["upload", "-r", "--json", "tree", "/"])).ok();
    let summary: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(summary["event"], "summary");
    for (key, value) in [("files", 1), ("directories", 1), ("bytes", 5), ("present", 0), ("retries", 0)] {
        assert_eq!(summary[key], value, "{key}");
    }
    assert_eq!((&summary["failures"], &summary["skipped"]), (&serde_json::json!([]), &serde_json::json!([])));
}

#[test]
fn an_interrupted_upload_ends_with_status_130_and_leaves_no_file() {
    let (root, _local, server) = pair();
    let mut child = server
        .client()
        .args(["upload", "-", "--name", "endless"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The server is asked who holds it until the upload does: then the signal meets it at work.
    while !server.run("status").ok().contains("upload") {}
    // Waiting for the child would close its input, and so end the upload well.
    let _input = child.stdin.take();
    support::signal(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!root.path().join("endless").exists());
}

#[test]
fn a_server_in_use_is_reported_with_who_uses_it_or_waited_for() {
    let (root, local, server) = pair();
    write(local.path().join("a"), "x");
    let mut holder = server.client().args(["upload", "-", "--name", "a"]).stdin(Stdio::piped()).spawn().unwrap();
    while !server.run("status").ok().contains("upload") {}
    let replace = ["upload", "a", "--on-conflict", "replace"];
    let upload = |flags: &[&str]| say(server.client().current_dir(local.path()).args(replace).args(flags));
    let refused = upload(&["--wait=0"]).fails(4);
    assert!(
        refused.contains("upload at /a for") && !refused.contains("--wait") && !refused.contains("waiting for"),
        "{refused}"
    );
    let refused = upload(&["--wait=0", "--json"]).error_object(4);
    assert_eq!((&refused["kind"], &refused["holders"][0]["activity"]), (&"busy".into(), &"upload".into()));
    let set = |wait: &str| say(server.client().env("REMOFILE_WAIT", wait).current_dir(local.path()).args(replace));
    assert!(!set("0").fails(4).contains("waiting for"));
    assert!(set("soon").fails(1).contains("REMOFILE_WAIT"));
    let waited = upload(&["--wait=1s"]).fails(4);
    assert!(waited.contains("remofile: waiting for ") && !waited.contains("--wait"), "{waited}");
    assert_eq!(upload(&["--wait", "-t", "300"]).status, Some(30));
    let remove = |flags: &[&str]| say(server.client().args(["remove", "/a", "--wait=1"]).args(flags));
    assert!(remove(&[]).fails(4).contains("remofile: waiting for ") && remove(&[]).stderr.contains("upload at /a for"));
    let told = remove(&["--json"]).stderr;
    let waiting: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert_eq!((&waiting["event"], &waiting["holders"][0]["activity"]), (&"waiting".into(), &"upload".into()));
    assert_eq!(waiting["holders"][0]["path"], "/a");
    // Whoever looks, or works somewhere else, waits for nobody.
    assert_eq!(server.run("list /").ok(), "");
    server.run("file /b").ok();
    // Without a word about it a command waits, and tells for whom at once.
    let mut patient = server.client();
    patient.current_dir(local.path()).args(replace).stderr(Stdio::piped());
    let mut patient = patient.spawn().unwrap();
    let mut told = String::new();
    BufReader::new(patient.stderr.as_mut().unwrap()).read_line(&mut told).unwrap();
    assert!(told.contains("waiting for "), "{told}");
    drop(holder.stdin.take());
    assert!(patient.wait().unwrap().success());
    assert!(holder.wait().unwrap().success());
    assert_eq!(root.path().join("a").metadata().unwrap().len(), 1);
}

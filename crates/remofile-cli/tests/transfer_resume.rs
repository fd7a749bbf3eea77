//! Transfers that were cut, and what is kept of them.

#![expect(clippy::disallowed_methods, reason = "tests prepare and look at files directly")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Pair, objects, read, write};

const SIZE: usize = 8 << 20;

fn content() -> Vec<u8> {
    (0..SIZE).map(|number| (number * 7 % 251) as u8).collect()
}

/// Waits until something holds; the deadline only keeps a failure from lasting forever.
#[track_caller]
fn wait_until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "it did not come about");
        std::thread::yield_now();
    }
}

/// Bytes of the file that is kept of an interrupted transfer into a directory.
fn kept_bytes(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory.join(".remofile")) else { return 0 };
    let is_partial = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().ends_with(".partial");
    let sizes = entries.flatten().filter(is_partial).filter_map(|entry| entry.metadata().ok());
    sizes.map(|metadata| metadata.len()).max().unwrap_or(0)
}

/// Runs a slow transfer, kills it when much of the file is kept, and waits until the server has noticed.
fn cut(pair: &Pair, line: &str, destination: &Path) {
    let mut child = pair.command(line).stderr(Stdio::null()).spawn().unwrap();
    wait_until(|| kept_bytes(destination) > 2 << 20);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until(|| pair.server.run("status --json").ok().contains("\"holders\":[]"));
}

fn summary(said: support::CommandOutput) -> Value {
    objects(&said.ok()).pop().unwrap()
}

#[test]
fn an_upload_that_was_cut_is_listed_and_goes_on() {
    let pair = Pair::new();
    write(pair.local("big file"), content());
    let upload = |options: &str| {
        let mut command = pair.command(&format!("upload --json {options}"));
        command.arg("big file");
        command
    };
    let mut child = upload("--bwlimit 2M").stdout(Stdio::null()).spawn().unwrap();
    wait_until(|| kept_bytes(pair.root.path()) > 2 << 20);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until(|| pair.server.run("status --json").ok().contains("\"holders\":[]"));
    assert!(!pair.remote("big file").exists());

    let listed = pair.server.run("partials").ok();
    assert!(listed.contains(" of 8.00 MiB") && listed.ends_with(" ago  /big file\n"), "{listed}");
    let long = pair.server.run("partials -l").ok();
    assert!(long.contains("/8388608  20"), "{long}");
    let object = objects(&pair.server.run("partials --json").ok()).pop().unwrap();
    assert_eq!((&object["path"], &object["size"]), (&"/big file".into(), &SIZE.into()));
    let received = object["received"].as_u64().unwrap();
    assert!(received > 0 && object["mtime"].is_f64() && object["touched"].is_f64(), "{object}");

    let done = summary(support::say(&mut upload("")));
    assert_eq!((&done["files"], &done["failures"]), (&1.into(), &serde_json::json!([])));
    assert!(done["resumed_bytes"].as_u64().unwrap() > 0, "{done}");
    assert!(done["sent_bytes"].as_u64().unwrap() < SIZE as u64, "{done}");
    assert!(read(pair.remote("big file")) == content());
    assert_eq!(pair.server.run("partials").ok(), "");
}

#[test]
fn a_download_that_was_cut_is_listed_and_goes_on() {
    let pair = Pair::new();
    write(pair.remote("big"), content());
    cut(&pair, "download --bwlimit 0:2M big", pair.local.path());
    assert!(!pair.local("big").exists());
    let mut partials = support::remofile();
    let listed = support::say(partials.current_dir(pair.local.path()).args(["partials", "--local", "."])).ok();
    assert!(listed.contains(" of 8.00 MiB") && listed.ends_with(" ago  big\n"), "{listed}");
    let done = summary(pair.run("download --json big"));
    assert!(done["resumed_bytes"].as_u64().unwrap() > 0, "{done}");
    assert!(read(pair.local("big")) == content());
}

#[test]
fn what_is_kept_can_be_cleared() {
    let pair = Pair::new();
    write(pair.local("big"), content());
    cut(&pair, "upload --bwlimit 2M big", pair.root.path());
    let error = pair.server.run("partials /other --clear --json").error_object(1);
    assert_eq!((&error["kind"], &error["path"]), (&"not-found".into(), &"/other".into()));
    assert_eq!(pair.server.run("partials /big --clear --json").ok(), "{\"cleared\":1}\n");
    assert_eq!(pair.server.run("partials").ok(), "");

    write(pair.remote("big2"), content());
    cut(&pair, "download --bwlimit 2M /big2", pair.local.path());
    assert_eq!(pair.run("partials --local . --clear").ok(), "");
    assert_eq!(pair.run("partials --local .").ok(), "");
    assert_eq!(kept_bytes(pair.local.path()), 0);
}

#[test]
fn an_interrupted_upload_goes_on_too() {
    let pair = Pair::new();
    write(pair.local("big"), content());
    let mut child = pair.command("upload --bwlimit 2M big").stderr(Stdio::null()).spawn().unwrap();
    wait_until(|| kept_bytes(pair.root.path()) > 2 << 20);
    support::signal(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let done = summary(pair.run("upload --json --wait big"));
    assert!(done["resumed_bytes"].as_u64().unwrap() > 0, "{done}");
    assert!(read(pair.remote("big")) == content());
}

#[test]
fn what_is_kept_goes_when_its_time_is_over() {
    let pair = Pair::new();
    write(pair.remote("big"), content());
    write(pair.remote("small"), "x");
    cut(&pair, "download --bwlimit 2M big", pair.local.path());
    pair.run("download small --partial-expiry 1d").ok();
    assert!(kept_bytes(pair.local.path()) > 0);
    pair.run("download small --partial-expiry 0s").ok();
    assert_eq!(kept_bytes(pair.local.path()), 0);
}

#[test]
fn without_resuming_a_file_is_sent_from_its_start() {
    let pair = Pair::new();
    write(pair.local("big"), content());
    cut(&pair, "upload --bwlimit 2M big", pair.root.path());
    let done = summary(pair.run("upload --json --no-resume big"));
    assert_eq!(done["resumed_bytes"], 0);
    assert!(done["sent_bytes"].as_u64().unwrap() >= SIZE as u64, "{done}");
    assert!(read(pair.remote("big")) == content());
}

#[test]
fn where_nothing_is_kept_nothing_is_listed() {
    let pair = Pair::new();
    assert_eq!(pair.server.run("partials").ok(), "");
    assert_eq!(pair.server.run("partials --clear --json").ok(), "{\"cleared\":0}\n");
    assert_eq!(pair.run("partials --local . --json").ok(), "");
    assert!(pair.run("partials --local missing").fails(1).contains("missing"));
}

#[test]
fn a_lost_connection_is_told_and_tried_again_as_often_as_was_asked_for() {
    for (retries, attempts) in [(0, 0), (1, 1)] {
        let mut pair = Pair::new();
        write(pair.local("big"), content());
        let line = format!("upload --json --bwlimit 2M --retries {retries} big");
        let child = pair.command(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until(|| kept_bytes(pair.root.path()) > 1 << 20);
        pair.server.child.kill().unwrap();
        pair.server.wait();
        let said = support::CommandOutput::from(child.wait_with_output().unwrap());
        let told: Vec<Value> = objects(&said.stdout).into_iter().filter(|event| event["event"] == "retrying").collect();
        assert_eq!(told.len(), attempts, "{said:?}");
        for event in told {
            assert_eq!((&event["attempt"], &event["of"], &event["pause_ms"]), (&1.into(), &1.into(), &500.into()));
            assert_eq!(event["kind"], "connection-lost");
        }
        let kind = said.error_object(1)["kind"].clone();
        assert_eq!(kind, "connection-lost");
    }
}

//! Tests of the output of transfers.

#![expect(clippy::disallowed_methods, reason = "tests prepare and look at files directly")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use serde_json::Value;
use std::os::unix::fs::{PermissionsExt, symlink};
use support::{Pair, files_below, mkdir, objects, plant, read, write};

/// The keys of each event, as documented.
const SCHEMA: &[(&str, &[&str])] = &[
    ("waiting", &["holders"]),
    ("retrying", &["attempt", "kind", "message", "of", "pause_ms"]),
    ("total", &["bytes", "files"]),
    ("present", &["path", "size"]),
    ("start", &["offset", "path", "size"]),
    ("progress", &["bytes", "path", "total"]),
    ("finish", &["path"]),
    ("skipped", &["kind", "message", "path"]),
    ("failed", &["kind", "message", "path"]),
    (
        "summary",
        &[
            "attributes",
            "bytes",
            "directories",
            "failed",
            "failed_by_kind",
            "failures",
            "failures_left_out",
            "files",
            "present",
            "received_bytes",
            "resumed_bytes",
            "retries",
            "seconds",
            "sent_bytes",
            "skipped",
            "skipped_left_out",
        ],
    ),
];

/// Every line is an event with exactly its keys, the summary comes last, and progress goes forward.
#[track_caller]
fn follows_the_schema(events: &[Value]) {
    let mut progress = 0;
    for event in events {
        let name = event["event"].as_str().unwrap();
        let (_, expected) = SCHEMA.iter().find(|(known, _)| *known == name).unwrap();
        let keys: Vec<&str> =
            event.as_object().unwrap().keys().map(String::as_str).filter(|key| *key != "event").collect();
        assert_eq!(&keys, expected, "{event}");
        if name == "progress" {
            let bytes = event["bytes"].as_u64().unwrap();
            assert!(bytes >= progress, "{events:?}");
            progress = bytes;
        }
    }
    assert!(!events.windows(2).any(|pair| pair[0] == pair[1]), "{events:?}");
    let summaries: Vec<bool> = events.iter().map(|event| event["event"] == "summary").collect();
    assert_eq!(summaries.iter().position(|is| *is), Some(events.len() - 1), "{events:?}");
}

/// The values of a key in events of one name.
fn values(events: &[Value], name: &str, key: &str) -> Vec<Value> {
    events.iter().filter(|event| event["event"] == name).map(|event| event[key].clone()).collect()
}

fn pair_with_a_tree() -> Pair {
    let pair = Pair::new();
    for side in [pair.local.path(), pair.root.path()] {
        let tree = if side == pair.local.path() { "up" } else { "down" };
        plant(side, &[&format!("{tree}/a"), &format!("{tree}/sub/b")]);
        write(side.join(tree).join("big"), vec![7; 3 << 20]);
        symlink("a", side.join(tree).join("link")).unwrap();
    }
    pair
}

#[test]
fn events_follow_the_documented_schema() {
    let pair = pair_with_a_tree();
    for line in ["upload -r --json up", "download -r --json down"] {
        let said = pair.run(line);
        assert_eq!(said.stderr, "", "{line}");
        let events = objects(&said.ok());
        follows_the_schema(&events);
        assert_eq!(values(&events, "total", "files"), [3], "{line}");
        assert_eq!(values(&events, "start", "path").len(), 3, "{line}");
        assert_eq!(values(&events, "finish", "path").len(), 3, "{line}");
        assert_eq!(values(&events, "skipped", "kind"), ["skipped"], "{line}");
        let total = values(&events, "total", "bytes");
        assert_eq!(values(&events, "progress", "bytes").last(), total.last(), "{line}");
        assert_eq!(values(&events, "summary", "bytes"), total, "{line}");

        let again = objects(&pair.run(line).ok());
        follows_the_schema(&again);
        assert_eq!(values(&again, "present", "path").len(), 3, "{line}");
        assert_eq!(values(&again, "progress", "bytes").last(), total.last(), "{line}");
    }
}

#[test]
fn files_that_fail_are_events_and_errors() {
    let pair = Pair::new();
    plant(pair.local.path(), &["a", "d/x"]);
    let said = pair.run("upload --json missing d a /");
    let events = objects(&said.stdout);
    follows_the_schema(&events);
    assert_eq!(values(&events, "failed", "kind").len(), 2, "{said:?}");
    let errors = objects(&said.stderr);
    assert_eq!(errors.len(), 2);
    assert!(errors.iter().all(|error| error["error"]["status"] == 23), "{errors:?}");
    assert_eq!(events.last().unwrap()["failures"].as_array().unwrap().len(), 2);
    said.fails(23);
}

#[test]
fn events_of_a_download_to_standard_output_go_to_standard_error() {
    let pair = Pair::new();
    plant(pair.root.path(), &["a"]);
    let said = pair.run("download --json /a -");
    follows_the_schema(&objects(&said.stderr));
    assert_eq!(said.ok(), "a");
}

#[test]
fn quiet_is_silent_but_for_errors() {
    let pair = pair_with_a_tree();
    for line in ["upload -rq up", "download -rq down", "upload -rq up", "upload -rq --json --on-conflict skip up"] {
        let said = pair.run(line);
        assert_eq!((said.status, &*said.stdout, &*said.stderr), (Some(0), "", ""), "{line}");
    }
    let said = pair.run("upload -q missing");
    assert_eq!(said.stderr.lines().count(), 1);
    assert!(said.fails(1).contains("missing"));
    let said = pair.run("upload -q --json missing");
    assert_eq!((said.status, objects(&said.stderr)[0]["error"]["kind"].as_str()), (Some(1), Some("not-found")));
}

#[test]
fn each_file_is_named_as_it_is_finished() {
    let pair = pair_with_a_tree();
    for (line, tree) in [("upload -rv up", "up"), ("download -rv down", "down")] {
        let named = |remark: &str| {
            let said = pair.run(line);
            let mut lines: Vec<String> =
                said.stderr.lines().filter(|line| !line.contains("link")).map(str::to_owned).collect();
            lines.sort();
            assert_eq!(lines, ["a", "big", "sub/b"].map(|name| format!("{tree}/{name}{remark}")), "{line}");
            assert_eq!(said.ok(), "");
        };
        named("");
        named(" (there already)");
    }
}

#[test]
fn more_than_one_v_logs_too() {
    let pair = Pair::new();
    plant(pair.local.path(), &["a"]);
    let stderr = pair.run("upload -vvv a").stderr;
    assert!(stderr.lines().any(|line| line == "a"), "{stderr}");
}

#[test]
fn statistics_tell_what_was_done() {
    let pair = Pair::new();
    write(pair.local("zeros"), vec![0; 1 << 20]);
    write(pair.local("other"), "x");
    pair.run("upload other").ok();
    let said = pair.run("upload -z --stats zeros other /");
    assert_eq!(said.stdout, "");
    let value = |name: &str| {
        let line = said.stderr.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{said:?}"));
        line[name.len()..].trim().to_owned()
    };
    for (name, expected) in
        [("files", "1"), ("there already", "1"), ("bytes", "1048576 (1.00 MiB)"), ("failed", "0"), ("retries", "0")]
    {
        assert_eq!(value(name), expected, "{said:?}");
    }
    let ratio: f64 = value("compression").strip_suffix(" : 1").unwrap().parse().unwrap();
    assert!(ratio > 10.0, "{said:?}");
    assert!(!pair.run("upload --stats other").stderr.contains("compression"));
    assert_eq!(read(pair.remote("zeros")), vec![0; 1 << 20]);
}

#[test]
fn compressed_transfers_move_fewer_bytes_both_ways() {
    let pair = Pair::new();
    write(pair.local("zeros"), vec![0; 1 << 20]);
    let sent = objects(&pair.run("upload --compress-level 1 --json zeros").ok()).pop().unwrap();
    assert!(sent["sent_bytes"].as_u64().unwrap() < 100_000, "{sent}");
    mkdir(pair.local("back"));
    let received = objects(&pair.run("download -z --json zeros back").ok()).pop().unwrap();
    assert!(received["received_bytes"].as_u64().unwrap() < 100_000, "{received}");
    assert_eq!(read(pair.local("back/zeros")), vec![0; 1 << 20]);
    assert_eq!(pair.run("download -z zeros -").ok().len(), 1 << 20);
}

#[test]
fn permissions_are_kept_if_they_are_to_be() {
    let pair = Pair::new();
    plant(pair.local.path(), &["script"]);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    std::fs::set_permissions(pair.local("script"), PermissionsExt::from_mode(0o750)).unwrap();
    pair.run("upload script").ok();
    assert_eq!(mode(&pair.remote("script")) & 0o111, 0);
    mkdir(pair.remote("kept"));
    pair.run("upload --preserve-mode script /kept").ok();
    assert_eq!(mode(&pair.remote("kept/script")), 0o750);
    mkdir(pair.local("back"));
    pair.run("download --preserve-mode /kept/script back").ok();
    assert_eq!(mode(&pair.local("back/script")), 0o750);
}

#[test]
fn small_chunks_and_holes_make_no_difference_to_content() {
    let pair = Pair::serving(&["--max-chunk-size", "64K"]);
    let file = std::fs::File::create(pair.local("holes")).unwrap();
    file.set_len(5 << 20).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"data", 3 << 20).unwrap();
    pair.run("upload --sparse --chunk-size 512 holes").ok();
    mkdir(pair.local("back"));
    pair.run("download --sparse --chunk-size 64K holes back").ok();
    assert!(read(pair.local("holes")) == read(pair.local("back/holes")));
}

#[test]
fn a_chunk_that_the_server_does_not_take_is_a_usage_error_and_nothing_is_transferred() {
    let pair = Pair::serving(&["--min-chunk-size", "1K", "--max-chunk-size", "4K"]);
    write(pair.local("file"), "content");
    write(pair.local("other"), "content");
    mkdir(pair.local("back"));
    pair.run("upload file").ok();
    for protocol in ["2", "1"] {
        for (line, size) in [("upload other", 512), ("upload other", 8192), ("download file back", 512)] {
            let said = pair.run(&format!("{line} --chunk-size {size} --protocol {protocol}")).fails(2);
            assert!(said.contains("chunks of that size"), "{said}");
        }
        assert_eq!(files_below(pair.root.path()), ["file"]);
        assert!(files_below(&pair.local("back")).is_empty());
    }
    pair.run("upload --chunk-size 4K --on-conflict replace file").ok();
    pair.run("download --chunk-size 1K --protocol 1 file back").ok();
}

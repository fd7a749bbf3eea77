//! Tests of what commands would do: told, and not done.

#![expect(clippy::disallowed_methods, reason = "tests prepare and look at files directly")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use support::{Pair, directory, feed, objects, plant, read, run, set_modified, write};

/// Everything in a directory, hidden or not: paths, kinds, times and permission bits.
fn look(root: &Path) -> Vec<(String, u64, u32, i64, i64, i64, i64)> {
    let (mut seen, mut rest) = (Vec::new(), vec![root.to_owned()]);
    while let Some(path) = rest.pop() {
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            rest.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let (size, mode) = (if metadata.is_dir() { 0 } else { metadata.len() }, metadata.mode());
        let times = (metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec());
        // In a bucket the server writes it each ten seconds, whatever clients do.
        if path.ends_with(".remofile/owner") {
            continue;
        }
        seen.push((path.display().to_string(), size, mode, times.0, times.1, times.2, times.3));
    }
    seen.sort();
    seen
}

/// A pair with a tree on either side that differs, and files in the way.
fn pair() -> Pair {
    let pair = Pair::new();
    plant(pair.local.path(), &["tree/new", "tree/sub/deep", "tree/changed", "alone"]);
    plant(pair.root.path(), &["there/new", "there/sub/deep", "there/changed", "tree/changed", "free"]);
    write(pair.remote("tree/changed"), "another version");
    pair
}

/// Runs a command that must change nothing on either side.
#[track_caller]
fn said(pair: &Pair, line: &str, input: &[u8]) -> support::CommandOutput {
    let before = [look(pair.root.path()), look(pair.local.path())];
    let said = feed(&mut pair.command(line), input);
    assert_eq!([look(pair.root.path()), look(pair.local.path())], before, "{line}");
    said
}

#[test]
fn directories_that_a_destination_lacks_are_not_made() {
    let pair = pair();
    for (line, told) in [
        ("upload -n --parents alone /no/where/", "<f+++++++++ alone\n"),
        ("upload -n --parents alone /no/named", "<f+++++++++ named\n"),
        ("upload -rn --parents tree /no/where", "cd+++++++++ where/\n"),
        ("download -n --parents /free no/where/", ">f+++++++++ free\n"),
        ("sync local -n --parents tree /no/where", "<f+++++++++ changed\n"),
        ("sync remote -n --parents /there no/where", ">f+++++++++ changed\n"),
    ] {
        let said = said(&pair, line, b"").ok();
        assert!(said.contains(told), "{line}: {said}");
    }
    for line in ["sync local -n tree /no/where", "sync remote -n /there no/where"] {
        said(&pair, line, b"").fails(1);
    }
}

#[test]
fn edits_and_stops_tell_what_they_would_do() {
    let pair = pair();
    assert_eq!(said(&pair, "edit -n /free", b"").ok(), "/free\n");
    assert_eq!(said(&pair, "edit -n /new.txt", b"").ok(), "/new.txt\n");
    let object = &objects(&said(&pair, "edit -n --json /free", b"").ok())[0];
    assert_eq!((&object["action"], &object["path"]), (&"edit".into(), &"/free".into()));
    said(&pair, "edit -n /there", b"").fails(1);
    said(&pair, "edit -n /nowhere/x", b"").fails(1);
    said(&pair, "stop -n --pidfile none", b"").fails(1);
    let reader = Pair::serving(&["--read-only"]);
    // Through a mount an empty one would be made when nobody waits for it, and have another time then.
    write(reader.remote("free"), "content");
    assert!(said(&reader, "edit -n /free", b"").fails(1).contains("read-only"));
}

#[test]
fn nothing_is_changed_and_the_status_is_that_of_the_command() {
    let pair = pair();
    for (line, status) in [
        ("upload -n alone /", 0),
        ("upload -rn tree /", 1),
        ("upload -rnf tree /", 0),
        ("upload -rn --on-conflict skip tree /", 0),
        ("upload -rn --on-conflict rename --preserve-mode tree /", 0),
        ("upload -n tree /", 1),
        ("upload -n missing alone /", 23),
        ("upload -n alone /nowhere/", 1),
        ("upload -n alone /named", 0),
        ("upload -n - --name x /", 0),
        ("upload -n - --name free /", 1),
        ("upload -n - --name free -f /", 0),
        ("upload -an --transfers 4 tree /free2", 0),
        ("download -n /free .", 0),
        ("download -rn /tree .", 1),
        ("download -rnf /tree .", 0),
        ("download -rn --on-conflict newer --preserve-mode /tree .", 0),
        ("download -rn --transfers 4 /there .", 0),
        ("download -n /there .", 1),
        ("download -n /missing /free .", 23),
        ("download -n /free -", 0),
        ("download -n /there -", 1),
        ("download -n /*.none .", 1),
        ("sync local -n --delete tree /tree", 0),
        ("sync remote -n --delete --transfers 4 /there tree", 0),
        ("sync local -n tree /new", 0),
        ("sync remote -n /there new", 0),
        ("remove -n /free", 0),
        ("remove -n /there", 1),
        ("remove -rn /there /free", 0),
        ("remove -rn /there /missing", 23),
        ("remove -rfn /there /missing", 0),
        ("move -n /free /other", 0),
        ("move -n /free /tree", 0),
        ("move -n /free /tree/changed", 1),
        ("move -nf /free /tree/changed", 0),
        ("move -n /missing /x", 1),
        ("move -n /free /nowhere/x", 1),
        ("move -n /there /there/sub", 1),
        ("move -n /free /missing /tree", 23),
        ("directory -n /a", 0),
        ("directory -n /a/b", 1),
        ("directory -np /a/b", 0),
        ("directory -n /tree", 1),
        ("directory -nu /tree", 0),
        ("file -n /a", 0),
        ("file -n /free", 1),
        ("file -nu /free", 0),
        ("file -n /a/b", 1),
        ("partials -n --clear", 0),
    ] {
        let told = said(&pair, line, b"input");
        assert_eq!(told.status, Some(status), "{line}: {told:?}");
    }
}

#[test]
fn the_same_commands_end_alike_when_they_do_it() {
    for (line, dry) in [
        ("upload -r tree /", "upload -rn tree /"),
        ("upload alone /nowhere/", "upload -n alone /nowhere/"),
        ("upload - --name free /", "upload -n - --name free /"),
        ("upload missing alone /", "upload -n missing alone /"),
        ("download -r /tree .", "download -rn /tree ."),
        ("download /there .", "download -n /there ."),
        ("download /there -", "download -n /there -"),
        ("remove /there", "remove -n /there"),
        ("remove -r /there /missing", "remove -rn /there /missing"),
        ("move /free /tree/changed", "move -n /free /tree/changed"),
        ("move /missing /x", "move -n /missing /x"),
        ("move /free /nowhere/x", "move -n /free /nowhere/x"),
        ("move /there /there/sub", "move -n /there /there/sub"),
        ("move /free /missing /tree", "move -n /free /missing /tree"),
        ("directory /a/b", "directory -n /a/b"),
        ("file /free", "file -n /free"),
    ] {
        let (told, done) = (said(&pair(), dry, b"input"), feed(&mut pair().command(line), b"input"));
        assert_eq!(told.status, done.status, "{line}: {told:?} {done:?}");
    }
}

#[test]
fn plans_of_transfers_are_lines_like_those_of_a_sync() {
    let pair = pair();
    let told = said(&pair, "upload -rnf tree /", b"").ok();
    assert_eq!(
        told,
        "<f.st...... tree/changed\n<f+++++++++ tree/new\ncd+++++++++ tree/sub/\n<f+++++++++ tree/sub/deep\n"
    );
    let told = said(&pair, "upload -rn --on-conflict rename tree /", b"").ok();
    assert!(told.contains("<f+++++++++ tree/changed (1)\n"), "{told}");
    let told = said(&pair, "download -rn /there .", b"").ok();
    assert!(told.contains("cd+++++++++ there/\n") && told.contains(">f+++++++++ there/sub/deep\n"), "{told}");
    let told = said(&pair, "upload -rn tree /", b"").fails(1);
    assert!(told.contains("/tree/changed: it exists already") && told.contains("nothing was changed"), "{told}");
}

#[test]
fn objects_say_that_nothing_was_done() {
    let pair = pair();
    for line in [
        "upload -rnf --json tree /",
        "download -rn --json /there .",
        "sync local -n --json tree /tree",
        "remove -rn --json /there",
        "move -n --json /free /other",
        "directory -n --json /a",
        "file -n --json /a",
        "copy -n --json /free /other",
        "partials -n --clear --json",
    ] {
        let told = objects(&said(&pair, line, b"").ok());
        assert_eq!(told.last().unwrap()["dry_run"], true, "{line}: {told:?}");
    }
    let told = objects(&said(&pair, "remove -rn --json /there /free", b"").ok());
    let total = told.last().unwrap();
    assert_eq!((&total["files"], &total["directories"], &total["bytes"]), (&4.into(), &2.into(), &40.into()));
    assert!(told.iter().any(|object| object["path"] == "/there/sub/deep" && object["type"] == "file"));
}

#[test]
fn times_of_directories_count_in_a_dry_run_as_in_the_run() {
    let pair = pair();
    pair.run("sync local -a --parents tree /timed").ok();
    set_modified(pair.local("tree/sub"), std::time::SystemTime::UNIX_EPOCH);
    let summary = |line: &str| {
        let told = objects(&pair.run(line).ok());
        let last = told.last().unwrap();
        [last["attributes"].clone(), last["plan"]["touched"].clone()]
    };
    let foretold = summary("sync local -an --json tree /timed");
    assert_eq!(foretold, [serde_json::json!(1), serde_json::json!(0)]);
    assert_eq!(summary("sync local -a --json tree /timed"), foretold);
}

#[test]
fn a_server_that_would_refuse_refuses() {
    let reading = Pair::serving(&["--read-only"]);
    plant(reading.local.path(), &["a"]);
    plant(reading.root.path(), &["b"]);
    for line in ["upload -n a /", "directory -n /d", "file -n /f", "remove -n /b", "move -n /b /c"] {
        assert!(said(&reading, line, b"").fails(1).contains("it is read-only"), "{line}");
    }
    let narrow = Pair::serving(&["--file-size-limit", "4"]);
    plant(narrow.local.path(), &["large", "ok", "ba:d"]);
    let told = said(&narrow, "upload -n large ok ba:d /", b"");
    assert_eq!((told.status, &*told.stdout), (Some(23), "<f+++++++++ ok\n"), "{told:?}");
    assert!(told.stderr.contains("large: the file is larger than the server allows"), "{told:?}");
}

#[test]
fn tokens_are_neither_added_nor_removed_nor_printed() {
    let place = directory();
    let file = place.path().join("tokens.toml");
    let with = |line: &str| {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        words.extend(["--tokens".to_owned(), file.display().to_string()]);
        run(&words)
    };
    assert_eq!(with("token add alice -n").ok(), "");
    assert!(!file.exists());
    let token = with("token add alice").ok();
    let before = read(&file);
    assert!(with("token add alice -n").fails(1).contains("there is a token 'alice' already"));
    for line in ["token add bob -n", "token rotate alice -n", "token remove alice -n"] {
        let told = with(line);
        assert_eq!((told.status, &*told.stdout), (Some(0), ""), "{told:?}");
    }
    for line in ["token rotate bob -n", "token remove bob -n"] {
        assert!(with(line).fails(1).contains("there is no token 'bob'"));
    }
    let told = objects(&with("token remove alice -n --json").ok());
    assert_eq!((&told[0]["name"], &told[0]["dry_run"]), (&"alice".into(), &true.into()));
    assert_eq!(read(&file), before);
    assert!(!token.is_empty());
}

//! The command that makes a directory like another one.

#![expect(clippy::disallowed_methods, reason = "tests prepare and look at files directly")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};
use support::{Pair, files_below, mkdir, objects, plant, read, set_modified, write};

/// Gives a file a time, so that times differ where a test means them to.
fn set_time(path: impl AsRef<Path>, seconds: u64) {
    set_modified(path, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
}

fn time(path: impl AsRef<Path>) -> u64 {
    let time = path.as_ref().metadata().unwrap().modified().unwrap();
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// A local `tree`, and a remote one with another version of it.
fn pair_of_trees() -> Pair {
    let pair = Pair::new();
    plant(&pair.local("tree"), &["new", "sub/deep", "changed", "touched", "same"]);
    plant(&pair.remote("tree"), &["extra", "gone/file", "changed", "touched", "same"]);
    write(pair.local("tree/changed"), "changed and longer");
    for side in [pair.local("tree"), pair.remote("tree")] {
        set_time(side.join("same"), 1_000_000);
        for name in ["changed", "touched"] {
            set_time(side.join(name), if side == pair.local("tree") { 3_000_000 } else { 2_000_000 });
        }
    }
    pair
}

/// The lines of a plan, sorted.
fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Both directories hold the same files.
#[track_caller]
fn are_alike(one: &Path, other: &Path) {
    let files = files_below(one);
    assert_eq!(files, files_below(other));
    for file in files {
        assert_eq!(read(one.join(&file)), read(other.join(&file)), "{file}");
        assert_eq!(time(one.join(&file)), time(other.join(&file)), "{file}");
    }
}

fn events(objects: &[Value], name: &str) -> Vec<Value> {
    objects.iter().filter(|object| object["event"] == name).cloned().collect()
}

#[test]
fn a_remote_directory_is_made_like_a_local_one_in_silence_and_extra_files_stay() {
    let pair = pair_of_trees();
    let said = pair.run("sync local tree /tree");
    assert_eq!((&*said.stdout, &*said.stderr), ("", ""));
    said.ok();
    let files = ["changed", "extra", "gone/file", "new", "same", "sub/deep", "touched"];
    assert_eq!(files_below(&pair.remote("tree")), files);
    assert_eq!(read(pair.remote("tree/changed")), b"changed and longer");
    assert_eq!(time(pair.remote("tree/touched")), 3_000_000);
}

#[test]
fn a_local_directory_is_made_like_a_remote_one_and_extra_files_go_with_delete() {
    let pair = pair_of_trees();
    assert_eq!(pair.run("sync remote --delete /tree tree").ok(), "");
    assert_eq!(files_below(&pair.local("tree")), ["changed", "extra", "gone/file", "same", "touched"]);
    are_alike(&pair.local("tree"), &pair.remote("tree"));
}

#[test]
fn a_destination_that_is_missing_is_made_and_relative_remote_paths_are_taken_from_the_root() {
    let pair = pair_of_trees();
    pair.run("sync local tree copy").ok();
    are_alike(&pair.local("tree"), &pair.remote("copy"));
    pair.run("sync remote copy back").ok();
    are_alike(&pair.local("tree"), &pair.local("back"));
    assert!(pair.run("sync local tree /missing/copy").fails(1).contains("/missing"));
    assert!(pair.run("sync local missing /copy").fails(1).contains("missing"));
}

#[test]
fn a_second_run_has_nothing_to_do() {
    let pair = pair_of_trees();
    for line in ["sync local --delete -i tree /tree", "sync remote --delete -i /tree other"] {
        assert_ne!(pair.run(line).ok(), "", "{line}");
        let again = pair.run(line);
        assert_eq!((&*again.stdout, &*again.stderr), ("", ""), "{line}");
        assert_eq!(pair.run(&format!("{line} -c")).ok(), "", "{line}");
    }
}

#[test]
fn changes_are_itemized_as_rsync_does() {
    let pair = pair_of_trees();
    let lines = sorted(&pair.run("sync local --delete -i tree /tree").ok());
    let expected = [
        "*deleting   extra",
        "*deleting   gone/",
        "*deleting   gone/file",
        ".f..t...... touched",
        "<f+++++++++ new",
        "<f+++++++++ sub/deep",
        "<f.st...... changed",
        "cd+++++++++ sub/",
    ];
    assert_eq!(lines, expected);
    write(pair.remote("tree/new"), "NEW");
    set_time(pair.remote("tree/new"), 4_000_000);
    assert_eq!(pair.run("sync remote -i /tree tree").ok(), ">fc.t...... new\n");
}

#[test]
fn a_dry_run_prints_what_a_run_would_and_changes_nothing() {
    let pair = pair_of_trees();
    let before = files_below(&pair.remote("tree"));
    let dry = pair.run("sync local --delete -n tree /tree");
    assert_eq!(dry.stderr, "");
    assert_eq!((files_below(&pair.remote("tree")), time(pair.remote("tree/touched"))), (before, 2_000_000));
    assert_eq!(dry.ok(), pair.run("sync local --delete -i tree /tree").ok());
    assert_eq!(pair.run("sync remote -n /tree elsewhere").ok().lines().count(), 6);
    assert!(!pair.local("elsewhere").exists());
}

#[test]
fn changes_are_named_on_standard_error_and_what_is_left_with_its_reason() {
    let pair = pair_of_trees();
    set_time(pair.remote("tree/changed"), 4_000_000);
    let said = pair.run("sync local --delete -uv tree /tree");
    let expected = ["deleting extra", "deleting gone/", "deleting gone/file", "new", "sub/", "sub/deep", "touched"];
    assert_eq!(sorted(&said.stderr), expected);
    assert_eq!(said.ok(), "");
    let said = pair.run("sync local -uvv tree /tree");
    assert!(said.stderr.lines().any(|line| line.starts_with("remofile: leaving changed: ")), "{said:?}");
    assert_eq!(read(pair.remote("tree/changed")), b"changed");
}

#[test]
fn a_renamed_file_is_moved_and_not_sent() {
    let pair = Pair::new();
    mkdir(pair.local("tree"));
    write(pair.local("tree/old"), vec![7; 1 << 20]);
    pair.run("sync local tree /tree").ok();
    std::fs::rename(pair.local("tree/old"), pair.local("tree/new")).unwrap();
    assert_eq!(pair.run("sync local --delete -n tree /tree").ok(), "*moving     old -> new\n");
    let told = objects(&pair.run("sync local --delete --json tree /tree").ok());
    let plan = &events(&told, "plan")[0];
    assert_eq!((&plan["action"], &plan["from"], &plan["path"]), (&json!("rename"), &json!("old"), &json!("new")));
    assert!(told.last().unwrap()["sent_bytes"].as_u64().unwrap() < 100_000, "{told:?}");
    are_alike(&pair.local("tree"), &pair.remote("tree"));
}

#[test]
fn what_is_excluded_is_neither_sent_nor_deleted() {
    let pair = pair_of_trees();
    pair.run("sync local --delete --exclude /gone/ --exclude new tree /tree").ok();
    assert_eq!(files_below(&pair.remote("tree")), ["changed", "gone/file", "same", "sub/deep", "touched"]);
}

#[test]
fn what_is_replaced_or_deleted_is_kept_in_the_backup_directory() {
    let pair = pair_of_trees();
    pair.run("sync local --delete --backup-dir old tree /tree").ok();
    let kept: Vec<String> =
        files_below(&pair.remote("tree")).into_iter().filter(|path| path.starts_with("old/")).collect();
    assert_eq!(kept, ["old/changed", "old/extra", "old/gone/file"]);
    assert_eq!(read(pair.remote("tree/old/changed")), b"changed");
    assert_eq!(pair.run("sync local --delete -i --backup-dir old tree /tree").ok(), "");
    plant(&pair.local("other"), &["mine"]);
    pair.run("sync remote --delete --backup-dir kept --exclude old/ /tree other").ok();
    assert_eq!(read(pair.local("other/kept/mine")), b"mine");
    assert!(!pair.local("other/mine").exists());
}

#[test]
fn more_deletions_than_are_allowed_end_with_status_25_and_none_is_done() {
    let pair = pair_of_trees();
    let stderr = pair.run("sync local --delete --max-delete 2 tree /tree").fails(25);
    assert!(stderr.starts_with("remofile: 3 deletions were planned, and at most 2 allowed: nothing"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1);
    assert!(pair.remote("tree/extra").exists() && pair.remote("tree/new").exists());
    let said = pair.run("sync local --delete --max-delete 2 --json tree /tree");
    let withheld = &objects(&said.stdout).pop().unwrap()["plan"]["withheld"];
    assert_eq!(*withheld, json!({"reason": "too-many", "planned": 3, "most": 2}));
    assert_eq!(said.error_object(25)["kind"], "too-many-deletions");
    pair.run("sync local --delete --max-delete 3 tree /tree").ok();
    are_alike(&pair.local("tree"), &pair.remote("tree"));
}

#[test]
fn what_cannot_be_read_is_named_and_nothing_is_deleted() {
    let pair = pair_of_trees();
    let closed = pair.local("tree/sub");
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o000)).unwrap();
    if std::fs::read_dir(&closed).is_ok() {
        // Nothing is closed to root.
        return;
    }
    let stderr = pair.run("sync local --delete tree /tree").fails(23);
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o755)).unwrap();
    assert!(stderr.lines().any(|line| line.contains("tree/sub")), "{stderr}");
    assert!(stderr.contains("remofile: nothing was deleted, because something could not be read"), "{stderr}");
    assert!(pair.remote("tree/extra").exists() && pair.remote("tree/new").exists());
}

#[test]
fn a_current_directory_that_was_removed_is_not_an_empty_one() {
    let pair = pair_of_trees();
    let gone = pair.local("gone");
    mkdir(&gone);
    // The command starts where nothing is any more.
    let script = r#"cd "$0" && rmdir "$0" && exec "$@""#;
    for line in [["sync", "local", "--delete", ".", "/tree"], ["sync", "remote", "--delete", "/tree", "."]] {
        mkdir(&gone);
        let client = pair.server.client();
        let mut command = std::process::Command::new("sh");
        command.arg("-c").arg(script).arg(&gone).arg(client.get_program()).args(line);
        command.envs(client.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let told = support::say(&mut command).fails(1);
        assert!(told.contains("the directory was removed"), "{told}");
    }
    assert_eq!(files_below(&pair.remote("tree")).len(), 5);
}

#[test]
fn what_is_served_and_was_removed_is_told_and_nothing_is_deleted() {
    let pair = pair_of_trees();
    std::fs::remove_dir_all(pair.root.path()).unwrap();
    for line in ["sync remote --delete / tree", "list /", "sync local --delete tree /"] {
        let told = pair.run(line).fails(1);
        assert!(told.contains("the directory that is served was removed: start the server again"), "{told}");
    }
    assert_eq!(files_below(&pair.local("tree")).len(), 5);
}

#[test]
fn an_order_that_had_to_be_guessed_deletes_nothing() {
    let pair = pair_of_trees();
    let stderr = pair.run("sync remote --delete tree other").fails(2);
    assert!(stderr.contains(r#""sync remote --remote-first /tree other" if /tree is remote"#), "{stderr}");
    let other = pair.local("other");
    let absolute = format!("sync remote --delete /tree {}", other.display());
    let stderr = pair.run(&absolute).fails(2);
    let spelling = format!("sync remote --remote-first /tree {}", other.display());
    assert!(stderr.contains(&format!(r#"write "{spelling}" if /tree is remote"#)), "{stderr}");
    assert!(!other.exists());
    pair.run(&format!("{spelling} --delete")).ok();
    are_alike(&other, &pair.remote("tree"));
    pair.run("sync remote --delete other /tree").ok();
    are_alike(&other, &pair.remote("tree"));
    // Both meanings are the same.
    plant(&pair.local("same"), &["extra"]);
    plant(&pair.remote("same"), &["a"]);
    pair.run("sync remote --delete same same").ok();
    are_alike(&pair.local("same"), &pair.remote("same"));
}

#[test]
fn an_order_that_was_guessed_wrongly_is_told_by() {
    let pair = pair_of_trees();
    let told = pair.run("sync remote missing tree").fails(1);
    assert!(told.starts_with("remofile: /missing: there is no such file or directory (it was guessed that"), "{told}");
    assert!(told.contains(r#"if not, write "sync remote --remote-first /tree missing""#), "{told}");
    let told = pair.run("sync remote /missing tree").fails(1);
    assert!(told.starts_with("remofile: /missing: there is no such file or directory ('remofile list"), "{told}");
}

#[test]
fn links_and_special_files_that_are_left_out_are_told_with_their_reasons() {
    let pair = Pair::new();
    plant(&pair.local("tree"), &["a"]);
    symlink("a", pair.local("tree/link")).unwrap();
    symlink("/etc", pair.local("tree/out")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(pair.local("tree/socket")).unwrap();
    for line in ["sync local -n tree /tree", "sync local tree /tree", "sync local tree /tree --stats"] {
        let said = pair.run(line);
        let told = "remofile: 3 links and special files were left out (see which with '-vv')";
        // The command before may not be known to have ended.
        let first = said.stderr.lines().find(|line| !line.starts_with("remofile: waiting for "));
        assert_eq!(first, Some(told), "{said:?}");
        said.ok();
    }
    assert_eq!(pair.run("sync local -q tree /tree").stderr, "");
    let reasons = |line: &str| -> Vec<String> {
        let stderr = pair.run(line).stderr;
        stderr.lines().map(|line| line.trim_start_matches("remofile: leaving ").to_owned()).collect()
    };
    let special = "socket: it is a device, socket or pipe";
    let skipped = |name: &str| {
        format!("{name}: it is a symbolic link (with '--links copy' or '--links follow' it is not left out)")
    };
    assert_eq!(reasons("sync local -ivv tree /tree"), [skipped("link"), skipped("out"), special.to_owned()]);
    let out = "out: it is a symbolic link that is absolute, leads out of the source, or cannot be followed";
    assert_eq!(reasons("sync local -nvv --links copy tree /tree"), [out, special]);
    pair.run("sync local --links copy tree /tree").ok();
}

#[test]
fn values_that_make_no_sense_are_told_as_what_they_are() {
    let pair = pair_of_trees();
    for (options, expected) in [
        ("--delete --max-delete -1", "0 or more; leave the option out for no limit"),
        ("--modify-window -1", "a time is a number of seconds"),
        ("--exclude-from missing", "the file of '--exclude-from' cannot be read: missing: "),
    ] {
        let told = pair.run(&format!("sync local {options} tree /tree")).fails(2);
        assert!(told.contains(expected) && !told.contains("tip:"), "{told}");
    }
    assert_ne!(pair.run("sync local -ii tree /tree").ok(), "");
}

#[test]
fn rules_can_come_from_standard_input() {
    let pair = pair_of_trees();
    let said = support::feed(&mut pair.command("sync local -n --exclude-from - tree /tree"), b"new\nsub/\n");
    let lines = sorted(&said.ok());
    assert_eq!(lines, [".f..t...... touched", "<f.st...... changed"]);
}

#[test]
fn names_cannot_reorder_what_is_shown() {
    let pair = Pair::new();
    plant(&pair.local("tree"), &["evil\u{202e}txt.exe"]);
    assert_eq!(pair.run("sync local -i tree /tree").ok(), "<f+++++++++ evil\\u{202e}txt.exe\n");
    let listed = pair.run("list --json /tree").ok();
    assert!(listed.contains(r"evil\u202etxt.exe") && !listed.contains('\u{202e}'), "{listed}");
}

#[test]
fn objects_tell_the_plan_the_transfer_and_what_was_done() {
    let pair = pair_of_trees();
    symlink("nowhere", pair.local("tree/link")).unwrap();
    let line = "sync local --delete --json tree /tree";
    let dry = objects(&pair.run(&format!("{line} -n")).ok());
    let told = objects(&pair.run(line).ok());
    assert_eq!(events(&dry, "plan"), events(&told, "plan"));
    assert_eq!(dry.len(), events(&dry, "plan").len() + 1, "{dry:?}");
    assert_eq!(dry.last().unwrap()["dry_run"], true);

    let action = |path: &str| {
        let plan = events(&told, "plan");
        plan.iter().find(|step| step["path"] == path).unwrap_or(&Value::Null)["action"].clone()
    };
    for (path, expected) in [
        ("new", "create"),
        ("sub", "mkdir"),
        ("changed", "update"),
        ("touched", "touch"),
        ("extra", "delete"),
        ("link", "skip"),
    ] {
        assert_eq!(action(path), expected, "{told:?}");
    }
    assert_eq!(action("same"), Value::Null);
    let total = &events(&told, "total")[0];
    assert_eq!((&total["files"], &total["bytes"]), (&json!(3), &json!(3 + 8 + 18)));
    assert_eq!(events(&told, "finish").len(), 3, "{told:?}");
    assert_eq!(events(&told, "progress").last().unwrap()["bytes"], total["bytes"]);
    let summary = told.last().unwrap();
    assert_eq!(
        (&summary["event"], &summary["dry_run"], &summary["files"]),
        (&json!("summary"), &json!(false), &json!(3))
    );
    let expected = json!({
        "created": 2, "updated": 1, "renamed": 0, "touched": 1, "linked": 0, "directories": 1, "cleared": 0,
        "deleted": 3, "skipped": 1, "unchanged": 1, "unchanged_bytes": 4, "withheld": null,
    });
    assert_eq!(summary["plan"], expected);
}

#[test]
fn only_what_changed_of_a_large_file_is_sent_unless_it_is_wanted_whole() {
    let pair = Pair::new();
    mkdir(pair.local("tree"));
    let mut content: Vec<u8> =
        (0..1_u32 << 18).flat_map(|number| number.wrapping_mul(0x9E37_79B9).to_le_bytes()).collect();
    write(pair.local("tree/large"), &content);
    pair.run("sync local tree /tree").ok();
    for (option, is_whole) in [("--no-whole-file", false), ("-W", true)] {
        content.extend_from_slice(b"more");
        write(pair.local("tree/large"), &content);
        let told = objects(&pair.run(&format!("sync local {option} --json tree /tree")).ok());
        let sent = told.last().unwrap()["sent_bytes"].as_u64().unwrap();
        assert_eq!(sent > content.len() as u64, is_whole, "{option}: {sent}");
        let last = events(&told, "progress").pop().unwrap();
        assert_eq!((&last["bytes"], &last["total"]), (&json!(content.len()), &json!(content.len())), "{option}");
        are_alike(&pair.local("tree"), &pair.remote("tree"));
    }
}

#[test]
fn statistics_tell_what_was_done() {
    let pair = pair_of_trees();
    let said = pair.run("sync local --delete --stats tree /tree");
    for line in
        ["created        2", "updated        1", "deleted        3", "unchanged      1, 4 bytes", "failed         0"]
    {
        assert!(said.stderr.lines().any(|told| told == line), "{line}: {said:?}");
    }
    assert_eq!(said.ok(), "");
}

//! Remote files printed and edited.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::os::unix::fs::PermissionsExt;
use support::{Pair, mkdir, read, say, write};

/// A command with an editor that is a script, which gets the file as its first argument.
fn edit(pair: &Pair, path: &str, script: &str) -> support::CommandOutput {
    let editor = pair.local("editor");
    write(&editor, format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let temporary = pair.local("tmp");
    mkdir(&temporary);
    let mut command = pair.command(&format!("edit {path}"));
    say(command.env_remove("VISUAL").env("EDITOR", editor).env("TMPDIR", temporary))
}

/// Returns what `edit` left in the directory for temporary files.
fn left(pair: &Pair) -> Vec<String> {
    support::files_below(&pair.local("tmp"))
}

#[test]
fn cat_prints_files_one_after_the_other() {
    let pair = Pair::new();
    write(pair.remote("a"), "first\n");
    write(pair.remote("b"), "second\n");
    assert_eq!(pair.run("cat /a b").ok(), "first\nsecond\n");
    assert_eq!(pair.run("cat a --offset 2 --length 3").ok(), "rst");
    assert_eq!(pair.run("cat a --offset 1K").ok(), "");
}

#[test]
fn cat_prints_every_byte_of_a_large_file() {
    let pair = Pair::new();
    let content: Vec<u8> = (0..5_000_000_u32).map(|number| (number >> 8) as u8 ^ number as u8).collect();
    write(pair.remote("f"), &content);
    let output = pair.command("cat f").output().unwrap();
    assert!(output.status.success() && output.stdout == content);
}

#[test]
fn cat_follows_a_file_through_its_rotation() {
    use std::io::{BufRead, BufReader, Write};
    let pair = Pair::new();
    let log = pair.remote("log");
    write(&log, "skipped\nfirst\n");
    let mut child = pair.command("cat --follow --tail 6 log").stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert_eq!(next(), "first");
    support::open_to_append(&log).write_all(b"second\n").unwrap();
    assert_eq!(next(), "second");
    support::rename(&log, pair.remote("log.1"));
    write(&log, "third\n");
    assert_eq!(next(), "third");
    support::signal(child.id(), "INT");
    let ended = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(2), "{ended}");
    assert_eq!(pair.run("cat -f log --length 5").ok(), "third");
    pair.run("cat -f log --offset 6 --timeout 300").fails(30);
    pair.run("cat -f log log.1").fails(2);
    pair.run("cat -f --strict log").fails(2);
}

/// The server's second wall lets files be changed in place, too.
#[test]
fn a_program_changes_a_file_in_place_on_the_commands_server() {
    use std::io::{Seek, SeekFrom, Write};
    let pair = Pair::new();
    write(pair.remote("f"), "0123456789");
    let token = remofile::protocol::token::Token::parse(&pair.server.token).unwrap();
    let options = remofile::ClientOptions::new("127.0.0.1", pair.server.port, token);
    let mut client = remofile::Client::new(options);
    for name in ["/f", "/new"] {
        let options = remofile::OpenOptions::new().read(true).write(true).create(true);
        let mut file = client.open(&name.parse().unwrap(), options).unwrap();
        file.seek(SeekFrom::Start(4)).unwrap();
        file.write_all(b"ab").unwrap();
        file.flush().unwrap();
        file.set_len(8).unwrap();
        file.close().unwrap();
    }
    assert_eq!(read(pair.remote("f")), b"0123ab67");
    assert_eq!(read(pair.remote("new")), b"\0\0\0\0ab\0\0");
}

#[test]
fn cat_names_what_it_cannot_print() {
    let pair = Pair::new();
    write(pair.remote("a"), "first\n");
    assert!(pair.run("cat none").fails(1).contains("/none: there is no such file or directory"));
    assert!(pair.run("cat /").fails(1).contains("it is not a regular file"));
    let said = pair.run("cat none a");
    assert_eq!(said.stdout, "first\n");
    assert!(said.fails(23).contains("/none"));
    assert_eq!(pair.run("cat none --json").error_object(1)["kind"], "not-found");
}

#[test]
fn cat_and_edit_are_refused_what_is_no_path() {
    let pair = Pair::new();
    pair.run("cat /../x").fails(2);
    pair.run("edit /").fails(2);
    pair.run("edit /../x").fails(2);
    pair.run("cat").fails(2);
}

#[test]
fn an_edited_file_replaces_the_remote_one() {
    let pair = Pair::new();
    write(pair.remote("notes.txt"), "old\n");
    std::fs::set_permissions(pair.remote("notes.txt"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let said = edit(&pair, "notes.txt", r#"case "$1" in */notes.txt) echo new >> "$1"; touch "$1~" ;; esac"#);
    assert_eq!(said.ok(), "");
    assert_eq!(read(pair.remote("notes.txt")), b"old\nnew\n");
    assert_eq!(pair.remote("notes.txt").metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(left(&pair).is_empty());
}

#[test]
fn an_editor_may_replace_the_file_it_was_given() {
    let pair = Pair::new();
    write(pair.remote("f"), "old");
    edit(&pair, "f", r#"echo new > "$1.new" && mv "$1.new" "$1""#).ok();
    assert_eq!(read(pair.remote("f")), b"new\n");
}

#[test]
fn a_new_path_creates_a_file_and_nothing_written_creates_none() {
    let pair = Pair::new();
    edit(&pair, "/new.txt", r#"echo hello > "$1""#).ok();
    assert_eq!(read(pair.remote("new.txt")), b"hello\n");
    assert!(edit(&pair, "/other", "true").ok().is_empty());
    assert!(!pair.remote("other").exists());
    assert!(edit(&pair, "/none/x", r#"echo hello > "$1""#).fails(1).contains("no such file"));
}

#[test]
fn what_was_not_changed_is_not_sent() {
    let pair = Pair::new();
    write(pair.remote("f"), "old");
    let before = pair.remote("f").metadata().unwrap().modified().unwrap();
    let said = edit(&pair, "f", "true");
    assert!(said.stderr.contains("nothing was changed"));
    said.ok();
    assert_eq!(pair.remote("f").metadata().unwrap().modified().unwrap(), before);
}

#[test]
fn a_file_that_others_changed_meanwhile_is_not_replaced_and_the_edit_is_kept() {
    let pair = Pair::new();
    write(pair.remote("f.txt"), "old");
    let theirs = pair.remote("f.txt").display().to_string();
    let said = edit(&pair, "f.txt", &format!(r#"echo ours > "$1"; echo theirs > {theirs}"#));
    let stderr = said.fails(1);
    assert!(stderr.contains("somebody else changed it") && stderr.contains("is kept in"), "{stderr}");
    assert_eq!(read(pair.remote("f.txt")), b"theirs\n");
    let left = left(&pair);
    assert!(left.len() == 1 && left[0].ends_with("/f.txt") && stderr.contains(&left[0]), "{left:?} {stderr}");
    assert_eq!(read(pair.local("tmp").join(&left[0])), b"ours\n");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "each editor begins with nothing")]
fn whatever_an_editor_leaves_of_what_was_not_saved_is_kept() {
    let pair = Pair::new();
    let scripts = [
        (r#"mv "$1" "$1.moved"; echo ours >> "$1.moved""#, "/f.moved"),
        (r#"rm "$1"; mkdir "$1"; echo ours > "$1/x""#, "/f/x"),
        (r#"echo ours > "$1.save"; kill -9 $$"#, "/f.save"),
    ];
    for (script, name) in scripts {
        write(pair.remote("f"), "old");
        let stderr = edit(&pair, "f", script).fails(1);
        assert!(stderr.contains("is kept in"), "{stderr}");
        assert!(left(&pair).iter().any(|left| left.ends_with(name)), "{script}: {:?}", left(&pair));
        assert_eq!(read(pair.remote("f")), b"old");
        std::fs::remove_dir_all(pair.local("tmp")).unwrap();
    }
}

#[test]
fn a_new_file_that_others_made_meanwhile_is_not_replaced() {
    let pair = Pair::new();
    let theirs = pair.remote("f").display().to_string();
    let stderr = edit(&pair, "f", &format!(r#"echo ours > "$1"; echo theirs > {theirs}"#)).fails(1);
    assert!(stderr.contains("it exists already") && stderr.contains("is kept in"), "{stderr}");
    assert_eq!(read(pair.remote("f")), b"theirs\n");
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let pair = Pair::new();
    write(pair.remote("f"), "old");
    assert!(edit(&pair, "f", "exit 3").fails(1).contains("the editor failed, and nothing was uploaded"));
    assert!(left(&pair).is_empty());
    let stderr = edit(&pair, "f", r#"echo ours > "$1"; exit 3"#).fails(1);
    assert!(stderr.contains("is kept in"), "{stderr}");
    assert_eq!(read(pair.remote("f")), b"old");
    let mut command = pair.command("edit f");
    let said = say(command.env("VISUAL", "/no/such/editor").env("TMPDIR", pair.local("tmp")));
    assert!(said.fails(1).contains("/no/such/editor"));
}

#[test]
fn nobody_edits_in_vain_what_may_not_be_replaced() {
    let pair = Pair::serving(&["--read-only"]);
    write(pair.remote("f"), "old");
    for path in ["/f", "/new"] {
        assert!(
            edit(&pair, path, r#"echo edited >> "$1"; touch "$(dirname "$0")/ran""#).fails(1).contains("read-only"),
            "{path}"
        );
        assert!(!pair.local("ran").exists() && left(&pair).is_empty(), "{path}");
    }
}

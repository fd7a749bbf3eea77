//! Tests of what the command does without a server.

use crate::support;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;
use support::{directory, mkdir, read, remofile, rmf, run, say, write};

const CLIENT_COMMANDS: [&[&str]; 15] = [
    &["list", "/"],
    &["file", "a"],
    &["directory", "a", "/"],
    &["upload", "a", "/"],
    &["download", "a", "."],
    &["sync", "local", "a", "/b"],
    &["sync", "remote", "/a", "b"],
    &["remove", "/a"],
    &["copy", "/a", "/b"],
    &["move", "/a", "/b"],
    &["cat", "/a"],
    &["edit", "/a"],
    &["partials"],
    &["partials", "/a", "--clear"],
    &["status"],
];

#[test]
fn every_client_command_with_nothing_configured_says_what_is_needed() {
    for arguments in CLIENT_COMMANDS {
        let said = run(arguments);
        assert_eq!(said.stdout, "");
        let stderr = said.fails(1);
        for name in ["REMOFILE_HOSTNAME", "REMOFILE_PORT", "REMOFILE_TOKEN"] {
            assert!(stderr.contains(name), "{stderr}");
        }
        assert!(stderr.ends_with("Configure your environment and try again.\n"), "{stderr}");
    }
}

#[test]
fn an_empty_environment_variable_counts_as_none() {
    let said = say(remofile().arg("list").env("REMOFILE_HOSTNAME", "localhost").env("REMOFILE_TOKEN", ""));
    assert!(said.fails(1).contains("Configure your environment"));
}

#[test]
fn json_errors_are_one_object_on_standard_error() {
    let error = run(&["list", "--json"]).error_object(1);
    assert_eq!(error["kind"], "not-configured");
    assert_eq!(error["path"], serde_json::Value::Null);
    assert!(error["message"].as_str().unwrap().contains("REMOFILE_TOKEN"));
}

#[test]
fn wrong_usage_ends_with_status_2() {
    for arguments in [
        &[][..],
        &["nonsense"],
        &["list", "--nonsense"],
        &["list", "/", "0"],
        &["list", "-t", "soon"],
        &["upload"],
        &["download"],
        &["remove"],
        &["move", "/a"],
        &["edit"],
        &["file"],
        &["completions", "nonsense"],
        &["run"],
        &["run", ".", "99999"],
        &["run", ".", "--file-size-limit", "0"],
        &["run", ".", "--min-chunk-size", "0"],
        &["run", ".", "--min-chunk-size", "9K", "--max-chunk-size", "8K"],
        &["run", ".", "--file-mode", "755"],
        &["run", ".", "--names", "any"],
        &["run", ".", "--no-encryption", "--require-encryption"],
        &["run", ".", "--partial-expiry", "soon"],
        &["upload", "a", "--min-size", "2", "--max-size", "1"],
        &["upload", "a", "--chunk-size", "100"],
        &["upload", "a", "--compress-level", "0"],
        &["upload", "a", "--bwlimit", "1M:fast"],
        &["upload", "a", "--on-conflict", "ask"],
        &["download", "a", "--transfers", "99"],
        &["download", "a", "--relative-directory", "relative"],
        &["partials", "../a"],
        &["sync", "a", "/b"],
        &["sync", "local", "a", "../b"],
        &["sync", "local", "a", "/b", "--modify-window", "soon"],
        &["sync", "local", "a", "/b", "--max-delete", "1"],
        &["sync", "remote", "a", "b", "--delete"],
    ] {
        assert!(!run(arguments).fails(2).is_empty(), "{arguments:?}");
    }
}

#[test]
fn paths_out_of_the_root_directory_are_refused_before_anything_is_sent() {
    for path in ["..", "/..", "/a/../b", "../../etc/passwd", "/a\nb", ""] {
        for arguments in [&["list", path][..], &["remove", path], &["download", path], &["move", path, "/x"]] {
            assert!(!run(arguments).fails(2).is_empty(), "{arguments:?}");
        }
    }
}

#[test]
fn a_relative_destination_of_an_upload_is_refused_with_what_to_write() {
    let stderr = run(&["upload", "a", "dst"]).fails(2);
    assert!(stderr.starts_with("remofile: ") && stderr.contains("'/dst'"), "{stderr}");
    let error = run(&["upload", "a", "dst", "--json"]).error_object(2);
    assert_eq!(error["kind"], "usage");
}

#[test]
fn standard_input_without_a_name_is_refused() {
    assert!(run(&["upload", "-", "/"]).fails(2).contains("--name"));
}

#[test]
fn a_list_that_cannot_be_read_is_named() {
    assert!(run(&["upload", "--files-from", "/nonexistent/list"]).fails(1).contains("/nonexistent/list"));
}

#[test]
fn a_configuration_with_an_unknown_key_is_refused_by_its_name() {
    let home = directory();
    mkdir(home.path().join("remofile"));
    write(home.path().join("remofile/config.toml"), "[profile.x]\nhostnam = 'h'\n");
    let stderr = say(remofile().args(["list"]).env("XDG_CONFIG_HOME", home.path())).fails(1);
    assert!(stderr.contains("hostnam") && stderr.contains("line 2"), "{stderr}");
}

#[test]
fn a_profile_that_does_not_exist_is_refused_by_its_name() {
    assert!(run(&["list", "--profile", "nas"]).fails(1).contains("\"nas\""));
}

#[test]
fn a_readable_secret_gets_a_warning_and_a_closed_one_none() {
    let directory = directory();
    let path = directory.path().join("token");
    write(&path, "qRkVWJcFRqi7rsNMbagaDd\n");
    for (mode, warned) in [(0o644, true), (0o600, false)] {
        set_mode(&path, mode);
        let stderr = say(remofile().arg("list").arg("--token-file").arg(&path)).fails(1);
        assert_eq!(stderr.contains("others can read"), warned, "{stderr}");
        assert!(!stderr.contains("qRkVWJcFRqi7rsNMbagaDd"), "{stderr}");
    }
}

#[test]
fn a_token_file_that_is_missing_or_empty_is_an_error_with_its_path() {
    let directory = directory();
    let path = directory.path().join("token");
    let list = || say(remofile().arg("list").arg("--token-file").arg(&path)).fails(1);
    assert!(list().contains("/token"));
    write(&path, "\n");
    assert!(list().contains("the token is empty"));
}

#[test]
fn a_token_as_an_argument_is_as_good_as_any() {
    let stderr = run(&["list", "/", "1", "secret-token"]).fails(1);
    assert!(stderr.contains("REMOFILE_HOSTNAME") && !stderr.contains("secret-token"), "{stderr}");
    let stderr = run(&["list", "--token", "a\nb"]).fails(2);
    assert!(stderr.contains("control character"), "{stderr}");
}

#[test]
fn generated_tokens_have_22_letters_and_differ() {
    let (one, other) = (run(&["generate-token"]).ok(), say(rmf().arg("generate-token")).ok());
    assert_ne!(one, other);
    for token in [one, other] {
        let token = token.strip_suffix('\n').unwrap();
        assert!(token.len() == 22 && token.chars().all(|letter| letter.is_ascii_alphanumeric()), "{token}");
    }
}

#[test]
fn generated_keys_are_printed_as_documented() {
    let keys = run(&["generate-keys"]).ok();
    let lines: Vec<&str> = keys.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].strip_prefix("public key: ").unwrap().len(), 40);
    assert_eq!(lines[1].strip_prefix("private key: ").unwrap().len(), 40);
}

#[test]
fn the_manual_has_every_command_and_nothing_hidden() {
    let manual = run(&["man"]).ok();
    for command in [
        "list",
        "file",
        "directory",
        "upload",
        "download",
        "sync",
        "sync-local",
        "sync-remote",
        "remove",
        "copy",
        "move",
        "cat",
        "edit",
        "partials",
        "status",
        "run",
        "start",
        "stop",
        "token-add",
        "token-rotate",
    ] {
        assert!(manual.contains(&format!(".TH remofile-{command} ")), "{command}");
    }
    assert!(!manual.contains("token\\-fd") && !manual.contains("background\\fR"));
}

#[test]
fn the_manual_can_be_written_into_a_directory() {
    let directory = directory();
    say(remofile().arg("man").arg(directory.path())).ok();
    for page in ["remofile.1", "remofile-list.1", "remofile-sync-local.1"] {
        assert!(!read(directory.path().join(page)).is_empty(), "{page}");
    }
    assert!(run(&["man", "/nonexistent/x"]).fails(1).contains("/nonexistent/x"));
    assert!(run(&["man", "ls"]).fails(1).contains("'remofile help ls'"));
}

#[test]
fn help_and_version_are_answers() {
    assert!(run(&["--help"]).ok().contains("upload"));
    assert!(run(&["--version"]).ok().starts_with("remofile "));
    assert!(run(&["folder", "--help"]).ok().contains("--parents"));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = remofile().arg("man").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn a_full_standard_output_is_an_error() {
    let full = support::open_to_write("/dev/full");
    let output = remofile().arg("generate-token").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("standard output"));
}

#[test]
fn stopping_without_a_pidfile_says_so() {
    let directory = directory();
    let stderr = say(remofile().arg("stop").current_dir(directory.path())).fails(1);
    assert!(stderr.contains("daemon.pid") && stderr.contains("no server"), "{stderr}");
}

#[test]
fn stopping_with_a_stale_pidfile_says_so_and_removes_it() {
    let directory = directory();
    let path = directory.path().join("x.pid");
    write(&path, "4194300\n");
    let stop = || say(remofile().args(["stop", "--pidfile"]).arg(&path)).fails(1);
    assert!(stop().contains("stale"));
    assert!(!path.exists());
    assert!(stop().contains("no server"));
}

#[test]
fn a_pidfile_that_is_something_else_is_left_alone() {
    let directory = directory();
    let notes = directory.path().join("notes");
    write(&notes, "my notes\n");
    let link = directory.path().join("link");
    symlink(&notes, &link).unwrap();
    for path in [&notes, &link, &directory.path().to_owned()] {
        let start = say(remofile().arg("start").arg(directory.path()).arg("0").arg("--pidfile").arg(path));
        assert!(start.fails(1).contains("not a pidfile"));
        let stop = say(remofile().args(["stop", "--pidfile"]).arg(path));
        assert!(stop.fails(1).contains("not a pidfile"));
    }
    assert_eq!(read(&notes), b"my notes\n");
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the file is ours");
}

#[test]
fn help_shows_sources_and_destination_as_they_are_written() {
    for command in ["upload", "download"] {
        let help = run(&[command, "--help"]).ok();
        let usage = format!("Usage: remofile {command} [OPTIONS] SOURCE... [DESTINATION]\n");
        assert!(help.contains(&usage) && !help.contains("]]"), "{help}");
    }
}

//! Tests of what is kept of tokens: a profile whose token is in a keyring, and what a chosen token is stretched to.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use support::{Pair, Server, TOKEN, directory, files_below, mkdir, plant, read, remofile, say, write};

/// A program that keeps secrets in files as `secret-tool` keeps them in a keyring, and shows none of them in its arguments.
const SECRET_TOOL: &str = r#"#!/bin/sh
kept=$(dirname "$0")/kept-$3$5$6
case "$1 $2" in
"store --label=Remofile: nas") cat > "$(dirname "$0")/kept-$4$6" ;;
"lookup service") cat "$(dirname "$0")/kept-$3$5" 2>/dev/null ;;
*) exit 2 ;;
esac
"#;

/// A directory with such a program.
fn keyring() -> tempfile::TempDir {
    let programs = directory();
    let program = programs.path().join("secret-tool");
    write(&program, SECRET_TOOL);
    std::fs::set_permissions(program, PermissionsExt::from_mode(0o755)).unwrap();
    programs
}

fn with_path(command: &mut Command, first: &Path) {
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", first.display()));
}

fn command(home: &Path, line: &[&str]) -> Command {
    let mut command = remofile();
    command.args(line).env("XDG_CONFIG_HOME", home);
    command
}

#[cfg(target_os = "linux")]
#[test]
fn a_keyring_keeps_the_token_of_a_profile_that_has_it_nowhere() {
    let (pair, home, programs) = (Pair::new(), directory(), keyring());
    plant(pair.root.path(), &["a.txt"]);
    let server = format!("127.0.0.1:{}", pair.server.port);
    let run = |line: &[&str]| {
        let mut command = command(home.path(), line);
        with_path(command.env("REMOFILE_TOKEN", TOKEN), programs.path());
        say(&mut command)
    };
    run(&["login", "nas", &server, "--keyring", "-n"]).ok();
    assert_eq!((files_below(home.path()), files_below(programs.path())), (vec![], vec!["secret-tool".to_owned()]));
    run(&["login", "nas", &server, "--keyring"]).ok();
    let config = String::from_utf8(read(home.path().join("remofile/config.toml"))).unwrap();
    assert!(config.contains("token-keyring = true") && !config.contains(TOKEN), "{config}");
    let mut list = command(home.path(), &["ls", "nas:/"]);
    with_path(&mut list, programs.path());
    assert_eq!(say(&mut list).ok(), "a.txt\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_a_keyring_is_told_what_to_do() {
    let (pair, home, programs) = (Pair::new(), directory(), directory());
    let server = format!("127.0.0.1:{}", pair.server.port);
    let mut login = command(home.path(), &["login", "nas", &server, "--keyring"]);
    let message = say(login.env("REMOFILE_TOKEN", TOKEN).env("PATH", programs.path())).fails(1);
    assert!(message.contains("libsecret-tools") && message.contains("'--token-command COMMAND'"), "{message}");
    assert_eq!(files_below(home.path()), Vec::<String>::new());
    // A keyring that has no such token says so, and how one gets there.
    mkdir(home.path().join("remofile"));
    write(home.path().join("remofile/config.toml"), "[profile.nas]\nhostname = '127.0.0.1'\ntoken-keyring = true\n");
    let with_one = keyring();
    let mut list = command(home.path(), &["ls", "nas:/"]);
    with_path(&mut list, with_one.path());
    let message = say(&mut list).fails(1);
    assert!(message.contains("'remofile login nas HOST --keyring'"), "{message}");
}

/// The token that somebody chose, of a server of its own.
const CHOSEN: &str = "correct horse battery staple";

fn server_of_chosen_token(root: &Path) -> Server {
    let mut command = remofile();
    command.args(["run", "--address", "127.0.0.1"]).arg(root).args(["0"]).env("REMOFILE_TOKEN", CHOSEN);
    Server::ready(command, root)
}

#[test]
fn a_chosen_token_is_stretched_once_and_what_is_kept_of_it_shows_nothing() {
    let (root, home) = (directory(), directory());
    plant(root.path(), &["a.txt"]);
    let server = server_of_chosen_token(root.path());
    let list = |token: &str| {
        let mut command = server.client();
        command.args(["ls"]).env("REMOFILE_TOKEN", token).env("XDG_STATE_HOME", home.path());
        say(&mut command)
    };
    assert_eq!(list(CHOSEN).ok(), "a.txt\n");
    let sealed = home.path().join("remofile/keys/sealed");
    let before = read(&sealed);
    assert_eq!(std::fs::metadata(&sealed).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!before.windows(7).any(|window| window == b"correct"));
    assert_eq!(list(CHOSEN).ok(), "a.txt\n");
    assert_eq!(read(&sealed), before, "it was stretched again");
    // A token that the server refuses is not kept, and the right one stays.
    list("wrong").fails(3);
    assert_eq!(read(&sealed).len(), before.len());
    assert_eq!(list(CHOSEN).ok(), "a.txt\n");
    assert_eq!(read(&sealed), before);
}

#[test]
fn completion_has_a_chosen_token_stretched_behind_it_and_then_knows_it() {
    let (root, home) = (directory(), directory());
    plant(root.path(), &["photos/a"]);
    let server = server_of_chosen_token(root.path());
    let complete = |limit: &str| {
        let mut command = server.client();
        command
            .arg("--")
            .env("COMPLETE", "fish")
            .env("_REMOFILE_LINE", "remofile ls :/ph")
            .env("REMOFILE_TOKEN", CHOSEN);
        command.env("XDG_RUNTIME_DIR", home.path()).env("REMOFILE_COMPLETION_TIMEOUT", limit);
        say(&mut command).ok()
    };
    // Nobody can stretch it within a millisecond; another process does it meanwhile.
    assert_eq!(complete("1ms"), "");
    let sealed = home.path().join("remofile/keys/sealed");
    let mut again = std::time::Instant::now() + std::time::Duration::from_secs(15);
    let deadline = again + std::time::Duration::from_secs(60);
    while std::fs::metadata(&sealed).is_err() {
        assert!(std::time::Instant::now() < deadline, "nothing was kept");
        // A machine with other work may not have stretched it in the time that the other process has.
        if std::time::Instant::now() > again {
            assert_eq!(complete("1ms"), "");
            again += std::time::Duration::from_secs(15);
        }
        std::thread::yield_now();
    }
    let before = read(&sealed);
    assert_eq!(complete("1m"), ":/photos/\n");
    assert_eq!(read(&sealed), before);
}

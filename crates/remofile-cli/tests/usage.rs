//! Tests of what the command makes of its words: ports and tokens behind operands, logins that fail, how it ends, and
//! what it tells scripts.

use crate::support;

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Pair, Server, TOKEN, directory, feed, files_below, mkdir, plant, read, remofile, say, write};

#[test]
fn a_login_that_fails_changes_nothing() {
    let (pair, home) = (Pair::new(), directory());
    let config = home.path().join("remofile/config.toml");
    mkdir(home.path().join("remofile"));
    write(&config, "[profile.nas]\nhostname = '127.0.0.1'\nport = 1\ntoken-file = 'token'\n");
    std::fs::set_permissions(&config, PermissionsExt::from_mode(0o600)).unwrap();
    let before = read(&config);
    let login = |token: &str, server: &str| {
        let mut command = remofile();
        command.args(["login", "nas", server]).env("XDG_CONFIG_HOME", home.path());
        feed(&mut command, token.as_bytes())
    };
    let server = format!("127.0.0.1:{}", pair.server.port);
    assert!(login("22222222222222222222Cj\n", &server).fails(3).contains("does not know this token"));
    assert!(login("\n", &server).fails(2).contains("there is no token"));
    assert!(login("22222222222222222222Ci\n", "127.0.0.1:1").fails(1).contains("cannot connect"));
    assert_eq!(read(&config), before);
    login("22222222222222222222Ci\n", &server).ok();
    assert_ne!(read(&config), before);
}

#[test]
fn a_port_and_a_token_behind_the_operands_are_taken_as_the_reference_has_it() {
    let pair = Pair::new();
    plant(pair.local.path(), &["a.txt", "b.txt"]);
    let port = pair.server.port.to_string();
    for line in [
        "directory foo PORT TOKEN",
        "directory bar / PORT TOKEN",
        "file x PORT TOKEN",
        "file x /foo PORT TOKEN",
        "upload a.txt PORT TOKEN",
        "upload b.txt /foo PORT TOKEN",
        "list / PORT TOKEN",
        "list /foo PORT TOKEN",
        "download /foo/x PORT TOKEN",
        "download /foo/x . PORT TOKEN",
        "remove /foo/x PORT TOKEN",
        "remove bar / PORT TOKEN",
    ] {
        let line = line.replace("PORT", &port).replace("TOKEN", TOKEN);
        let mut command = remofile();
        command.current_dir(pair.local.path()).env("REMOFILE_HOSTNAME", "127.0.0.1").args(line.split(' '));
        say(&mut command).ok();
    }
    assert_eq!(files_below(pair.root.path()), ["a.txt", "foo/b.txt", "x"]);
}

#[test]
fn tokens_of_the_original_and_of_the_reference_start_without_a_warning() {
    let root = directory();
    for (token, warned) in [("qRkVWJcFRqi7rsNMbagaDd", false), ("my-custom-token", false), ("secret", true)] {
        let mut command = remofile();
        command.args(["run", "--address", "127.0.0.1"]).arg(root.path()).args(["0", token]).stderr(Stdio::piped());
        let mut server = Server::ready(command, root.path());
        server.token = token.to_owned();
        assert_eq!(say(server.client().arg("list")).stderr, "");
        server.signal("TERM");
        server.wait();
        let mut stderr = String::new();
        server.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(stderr.contains("warning"), warned, "{token}: {stderr}");
    }
}

#[test]
fn what_is_missing_or_in_the_way_ends_alike_in_every_command() {
    let pair = Pair::new();
    plant(pair.local.path(), &["a.txt"]);
    plant(pair.root.path(), &["there", "d/x"]);
    for line in [
        "upload none.txt",
        "upload none*.txt",
        "upload --name there -",
        "download /none",
        "download /none*",
        "list /none",
        "list /none*",
        "list /none /none2",
        "stat /none*",
        "cat /none /none2",
        "remove /none",
        "remove /none*",
        "remove /none* /none2",
        "move /none /x",
        "move /none* /x",
        "copy /none /x",
        "sync local none /x",
        "sync remote /none x",
    ] {
        pair.run(line).fails(1);
    }
    for line in [
        "upload -f none.txt a.txt /",
        "upload -f none*.txt a.txt /",
        "download -f /none /there .",
        "download -f /none* /there .",
        "list /none /there",
        "list /none* /there",
        "stat /none* /there",
        "cat /none /there",
        "move /none /there /d",
        "remove /none* /d/there",
    ] {
        assert!(pair.run(line).fails(23).contains("none"), "{line}");
    }
}

#[test]
fn errors_as_objects_have_the_same_keys_whatever_they_are_about() {
    let (pair, home) = (Pair::new(), directory());
    for (line, status) in [
        ("nonsense --json", 2),
        ("list --json --nonsense", 2),
        ("--json sync a b", 2),
        ("upload --json", 2),
        ("remove --json a", 2),
        ("list --json /none", 1),
        ("cat --json /none", 1),
        ("move --json /none /x", 1),
        ("list --json --port 1", 1),
        ("list --json --token-file none", 1),
        ("list --json nas:/", 1),
        ("upload --json --files-from none", 1),
        ("token list --json --tokens /dev/null/none", 1),
    ] {
        let mut command = pair.server.client();
        command.env("XDG_CONFIG_HOME", home.path()).current_dir(pair.local.path());
        let said = say(command.args(line.split(' ')));
        let error = said.error_object(status);
        let keys: Vec<&String> = error.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["kind", "message", "path", "status"], "{line}");
    }
}

#[test]
fn a_login_that_is_interrupted_at_its_question_writes_nothing_and_shows_again_what_is_typed() {
    let home = directory();
    let line = format!(
        "sh -c \"trap : INT; {} login nas 127.0.0.1:1 2>asked; echo \\$? >status; stty -a >modes; echo >done\"",
        env!("CARGO_BIN_EXE_remofile")
    );
    let command = remofile();
    let environment = command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)));
    let mut script = std::process::Command::new("script");
    for (name, value) in environment.collect::<Vec<_>>() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    script.args(["-qfc", &line, "/dev/null"]).current_dir(home.path()).env("XDG_CONFIG_HOME", home.path());
    let Ok(mut terminal) = script.env("SHELL", "/bin/sh").stdin(Stdio::piped()).stdout(Stdio::null()).spawn() else {
        std::io::stderr().write_all(b"skipped: there is no 'script' here\n").unwrap();
        return;
    };
    let text = |name: &str| std::fs::read_to_string(home.path().join(name)).unwrap_or_default();
    until(|| text("asked").contains("Token"));
    terminal.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    until(|| !text("done").is_empty());
    assert_eq!(text("status").trim(), "130");
    assert!(text("modes").split_whitespace().any(|mode| mode == "echo"), "{}", text("modes"));
    assert!(!home.path().join("remofile").exists());
    terminal.kill().unwrap();
    terminal.wait().unwrap();
}

/// Waits until something is so; the deadline only keeps a failure from lasting forever.
#[track_caller]
fn until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "it did not come about");
        std::thread::yield_now();
    }
}

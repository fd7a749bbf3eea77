//! Completion, as shells ask for it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and looks at files directly")]

use crate::support;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use support::{Pair, TOKEN, mkdir, open_to_write, remofile, rmf, run, say, write};

/// A server with `photos/a b`, `photos/sub/`, `photos/.hidden` and `other`, and a profile of it, `nas`.
fn pair() -> Pair {
    let pair = Pair::new();
    mkdir(pair.remote("photos/sub"));
    write(pair.remote("photos/a b"), "");
    write(pair.remote("photos/.hidden"), "");
    write(pair.remote("other"), "");
    let profile =
        format!("[profile.nas]\nhostname = \"127.0.0.1\"\nport = {}\ntoken = \"{TOKEN}\"\n", pair.server.port);
    write(pair.local("config.toml"), profile + "[profile.office]\nhostname = \"127.0.0.1\"\nport = 1\ntoken = \"x\"\n");
    // Others may read it: nobody is warned of that in the middle of a line.
    open_to_write(pair.local("config.toml")).set_permissions(PermissionsExt::from_mode(0o644)).unwrap();
    pair
}

/// The command as a shell calls it, without a limit that a busy machine could exceed.
fn asking(pair: &Pair, shell: &str, line: &str) -> Command {
    let mut command = pair.command("--");
    command.env("COMPLETE", shell).env("_REMOFILE_LINE", line).env("REMOFILE_COMPLETION_TIMEOUT", "1m");
    command.env("REMOFILE_CONFIG", pair.local("config.toml"));
    command
}

/// The candidates, which are all that is written.
#[track_caller]
fn candidates(pair: &Pair, line: &str) -> Vec<String> {
    let output = say(&mut asking(pair, "fish", line));
    assert_eq!(output.stderr, "");
    output.ok().lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

#[test]
fn remote_paths_are_completed_wherever_one_may_be() {
    let pair = pair();
    write(pair.local("photo.txt"), "");
    for (line, expected) in [
        ("remofile ls :/ph", &[":/photos/"][..]),
        ("rmf ls nas:/photos/", &["nas:/photos/a b", "nas:/photos/sub/"]),
        ("remofile ls :/photos/.", &[":/photos/.hidden"]),
        ("remofile rm /o", &["/other"]),
        ("remofile ls pho", &["photos/"]),
        ("remofile --profile nas -v stat '/photos/a", &["/photos/a b"]),
        ("remofile upload photo.txt nas:/", &["nas:/other", "nas:/photos/"]),
        ("remofile download /oth", &["/other"]),
        ("remofile download /other pho", &["photo.txt"]),
        ("remofile sync nas:/ph", &["nas:/photos/"]),
        ("remofile sync . nas:/ph", &["nas:/photos/"]),
        ("remofile sync local . /ph", &["/photos/"]),
        ("remofile hash --local pho", &["photo.txt"]),
        ("remofile ls :/nothing/", &[]),
        ("remofile ls office:/", &[]),
    ] {
        assert_eq!(candidates(&pair, line), expected, "{line}");
    }
    let url = format!("remofile://nas@127.0.0.1:{}/ph", pair.server.port);
    assert_eq!(candidates(&pair, &format!("remofile ls {url}")), [format!("{url}otos/")]);
}

#[test]
fn profiles_tokens_options_and_commands_are_completed() {
    let pair = pair();
    let tokens = pair.local("tokens.toml");
    for name in ["alice", "bob"] {
        say(remofile().args(["token", "add", name, "--tokens"]).arg(&tokens)).ok();
    }
    let of_tokens = format!("remofile token remove --tokens {} a", tokens.display());
    for (line, expected) in [
        ("remofile ls n", &["nas:"][..]),
        ("remofile ls --profile o", &["office"]),
        ("remofile login na", &["nas"]),
        (&of_tokens, &["alice"]),
        ("remofile hash --algorithm sha", &["sha256", "sha512", "sha1"]),
        ("remofile upl", &["upload"]),
        ("remofile ls --recur", &["--recursive"]),
    ] {
        assert_eq!(candidates(&pair, line), expected, "{line}");
    }
}

#[test]
fn bash_gets_of_a_candidate_what_it_replaces() {
    let pair = pair();
    let script = run(&["completions", "bash"]).ok();
    write(pair.local("script"), script.replace("2>/dev/null)", ")"));
    for (program, line, replaced, expected) in [
        ("remofile", "remofile ls :/ph", "/ph", "/photos/\n"),
        ("rmf", "rmf ls nas:/photos/a", "/photos/a", "/photos/a\\ b\n"),
        ("remofile", "remofile ls --profile=na", "na", "nas\n"),
        ("remofile", "remofile ls \"/photos/a", "/photos/a", "/photos/a b\n"),
        ("remofile", "remofile ls :/photos/", "/photos/", "/photos/a\\ b\n/photos/sub/\n"),
    ] {
        let mut bash = Command::new("bash");
        let call = "source ./script; COMP_LINE=$1 COMP_POINT=${#1}; _complete_$0 $0 \"$2\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
        bash.args(["--norc", "--noprofile", "-c", call, program, line, replaced]).current_dir(pair.local.path());
        let asking = asking(&pair, "bash", "");
        let path = format!("{}:{}", asking_directory(), std::env::var("PATH").unwrap());
        let variables = asking.get_envs().filter(|(name, _)| *name != "COMPLETE" && *name != "_REMOFILE_LINE");
        variables.for_each(|(name, value)| {
            value.map(|value| bash.env(name, value));
        });
        let output = say(bash.env("PATH", path));
        assert_eq!((output.stdout.as_str(), output.status), (expected, Some(0)), "{line}: {output:?}");
    }
}

/// The directory of the programs.
fn asking_directory() -> String {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_remofile"));
    program.parent().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn words_can_be_handed_over_as_the_engine_has_it() {
    let pair = pair();
    let mut asking = asking(&pair, "bash", "");
    asking.env_remove("_REMOFILE_LINE").env("_CLAP_COMPLETE_INDEX", "2").args(["remofile", "ls", ":/ph", "behind"]);
    assert_eq!(say(&mut asking).ok(), ":/photos/\n");
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for_and_nothing_is_said_of_it() {
    let pair = pair();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    for (name, value) in [("REMOFILE_PORT", port.as_str()), ("REMOFILE_TOKEN", "wrong"), ("REMOFILE_TOKEN", "")] {
        let mut asking = asking(&pair, "bash", "remofile ls :/p");
        asking.env_remove("REMOFILE_COMPLETION_TIMEOUT").env(name, value);
        let output = say(&mut asking);
        assert_eq!((output.stdout.as_str(), output.stderr.as_str(), output.status), ("", "", Some(0)), "{name}");
    }
}

#[test]
fn a_token_that_is_refused_is_not_tried_again_with_each_tabulator() {
    let log = support::directory();
    let path = log.path().join("audit").to_str().unwrap().to_owned();
    let pair = Pair::serving(&["--audit-log", &path]);
    write(pair.remote("photo"), "");
    write(pair.local("config.toml"), "");
    let complete = |token: &str| {
        let mut asking = asking(&pair, "bash", "remofile ls :/p");
        asking.env("REMOFILE_TOKEN", token).env("XDG_RUNTIME_DIR", pair.local("runtime"));
        say(&mut asking).ok()
    };
    let wrong = "Ab3dEf6hIj9lMn2pQr5tUv";
    (0..5).for_each(|_| assert_eq!(complete(wrong), ""));
    // Another token is tried at once, and so is any when the profile was changed.
    assert!(complete(TOKEN).contains("photo"));
    let told = |audit: &str| audit.lines().filter(|line| line.contains("wrong-token")).count();
    let mut server = pair.server;
    server.signal("TERM");
    server.wait();
    // Of the first completion alone; a client may try a token in two ways.
    let guesses = told(&String::from_utf8(support::read(path)).unwrap());
    assert!((1..=2).contains(&guesses), "{guesses}");
}

#[test]
fn the_scripts_are_for_both_names_and_what_no_shell_is_gets_none() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = say(rmf().args(["completions", shell])).ok();
        assert!(script.contains("remofile") && script.contains("rmf"), "{shell}: {script}");
        let by_variable = say(remofile().env("COMPLETE", shell));
        assert_eq!(by_variable.ok(), script);
    }
    assert_eq!(say(remofile().env("COMPLETE", "nonsense")).stdout, "");
    assert_eq!(say(remofile().env("COMPLETE", "0").arg("--version")).status, Some(0));
}

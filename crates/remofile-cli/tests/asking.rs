//! Questions before what cannot be undone.

use crate::support;

use std::io::Write;
use std::process::{Command, Stdio};
use support::{CommandOutput, Pair, plant};

/// Runs a command in a terminal of its own, in which somebody answers. `None` where there is no `script` to make one.
fn answered(pair: &Pair, line: &str, answer: &str) -> Option<CommandOutput> {
    let mut command = Command::new("script");
    let program = env!("CARGO_BIN_EXE_remofile");
    command.args(["-qefc", &format!("{program} {line}"), "/dev/null"]).current_dir(pair.local.path());
    for (name, value) in pair.command("").get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("SHELL", "/bin/sh").env("TERM", "dumb");
    let Ok(mut child) = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() else {
        std::io::stderr().write_all(b"skipped: there is no 'script' here\n").ok()?;
        return None;
    };
    child.stdin.take()?.write_all(answer.as_bytes()).ok()?;
    child.wait_with_output().ok().map(CommandOutput::from)
}

#[test]
fn relative_paths_are_asked_about_on_a_terminal_and_refused_elsewhere() {
    let pair = Pair::new();
    plant(pair.root.path(), &["a", "b", "d/c"]);
    assert!(pair.run("rm a").fails(2).contains("write '/a'"));
    let Some(refused) = answered(&pair, "rm a", "n\n") else { return };
    assert!(refused.stdout.contains("a is not absolute: remove /a? [y/N]"), "{refused:?}");
    assert_eq!((refused.status, pair.remote("a").exists()), (Some(2), true));
    let empty = answered(&pair, "rm a", "\n");
    assert_eq!((empty.and_then(|said| said.status), pair.remote("a").exists()), (Some(2), true));
    let removed = answered(&pair, "rm -r a d /b", "y\n");
    assert!(removed.as_ref().is_some_and(|said| said.stdout.contains("a and d are not absolute")), "{removed:?}");
    assert!(["a", "b", "d"].iter().all(|name| !pair.remote(name).exists()), "{removed:?}");
}

#[test]
fn a_move_of_relative_paths_is_asked_about_as_a_whole() {
    let pair = Pair::new();
    plant(pair.root.path(), &["a"]);
    assert!(pair.run("mv a /b").fails(2).contains("write '/a'"));
    assert!(pair.run("mv a b --json").fails(2).contains("\"usage\""));
    let Some(moved) = answered(&pair, "mv a b", "yes\n") else { return };
    assert!(moved.stdout.contains("a and b are not absolute: move /a to /b? [y/N]"), "{moved:?}");
    assert!(pair.remote("b").exists() && moved.status == Some(0), "{moved:?}");
}

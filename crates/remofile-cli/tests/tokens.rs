//! `remofile token`: tokens are made, listed, changed and taken back.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use crate::support;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use support::{CommandOutput, directory, objects, open_to_write, read, remofile, say, write};

/// A tokens file in a directory of its own.
struct Scene {
    directory: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { directory: directory() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = remofile();
        command.current_dir(self.directory.path()).env("REMOFILE_TOKENS", "tokens.toml");
        command.arg("token").args(line.split_whitespace());
        command
    }

    fn run(&self, line: &str) -> CommandOutput {
        say(&mut self.command(line))
    }

    fn text(&self) -> String {
        String::from_utf8(read(self.path("tokens.toml"))).unwrap()
    }

    /// The tokens as they are listed.
    fn listed(&self) -> Vec<serde_json::Value> {
        objects(&self.run("list --json").ok())
    }
}

/// The token that was printed, and nothing else.
#[track_caller]
fn token_of(output: CommandOutput) -> String {
    let stdout = output.ok();
    let token = stdout.strip_suffix('\n').unwrap();
    assert!(token.len() == 22 && token.chars().all(|letter| letter.is_ascii_alphanumeric()), "{stdout:?}");
    token.to_owned()
}

#[test]
fn a_token_is_printed_once_and_kept_nowhere() {
    let scene = Scene::new();
    let output = scene.run("add alice --rights upload --below /inbox --expires 30d --quota 5G --sessions 4");
    assert!(output.stderr.contains("'alice' may upload") && output.stderr.contains("--tokens "), "{}", output.stderr);
    let end = output.stderr.split_once(" until ").and_then(|(_, rest)| rest.split_once(';')).unwrap().0.to_owned();
    assert!(end.len() == "2026-12-31T18:00:00Z".len() && end.ends_with('Z'), "{end}");
    let token = token_of(output);
    assert!(!scene.text().contains(&token));
    let second = token_of(scene.run("add b@x.y"));
    assert_ne!(token, second);
    let listed = scene.listed();
    let (alice, other) = (&listed[0], &listed[1]);
    assert_eq!(
        (&alice["name"], &alice["rights"], &alice["below"]),
        (&"alice".into(), &"upload".into(), &"/inbox".into())
    );
    assert_eq!((&alice["quota"], &alice["sessions"]), (&(5u64 << 30).into(), &4.into()));
    assert!(alice["expires"].is_u64() && alice["last_used"].is_null() && alice["used"].is_null());
    assert_eq!((&other["name"], &other["rights"], &other["below"]), (&"b@x.y".into(), &"all".into(), &"/".into()));
    let shown = scene.run("list").ok();
    assert!(shown.lines().count() == 3 && shown.contains("quota 5G, 4 sessions"), "{shown}");
    for secret in [&token, &second] {
        assert!(
            !shown.contains(secret.as_str()) && !listed.iter().any(|one| one.to_string().contains(secret.as_str()))
        );
    }
}

#[test]
fn a_token_can_be_taken_back_and_renewed() {
    let scene = Scene::new();
    let former = token_of(scene.run("add alice --rights read"));
    let output = scene.run("rotate alice --grace 1d");
    assert!(output.stderr.contains("taken for 1 d 0 h more"), "{}", output.stderr);
    assert_ne!(token_of(output), former);
    assert!(scene.text().contains("previous-key") && scene.listed()[0]["previous_expires"].is_u64());
    assert!(scene.run("list").ok().contains("former token for"));
    token_of(scene.run("rotate alice"));
    assert!(!scene.text().contains("previous-key"));
    assert_eq!(scene.listed()[0]["rights"], "read");
    assert_eq!(scene.run("remove alice").ok(), "");
    assert_eq!(scene.run("list").ok().lines().count(), 1);
    assert!(scene.listed().is_empty());
}

#[test]
fn what_cannot_be_done_is_said_with_what_to_do() {
    let scene = Scene::new();
    for line in ["list", "remove alice", "rotate alice"] {
        let stderr = scene.run(line).fails(1);
        assert!(stderr.contains("there is no tokens file") && stderr.contains("token add"), "{stderr}");
    }
    token_of(scene.run("add alice"));
    let before = scene.text();
    assert_eq!(scene.run("add alice --json").error_object(1)["kind"], "already-exists");
    assert!(scene.run("add alice").fails(1).contains("'rotate'"));
    for line in ["remove bob", "rotate bob"] {
        assert!(scene.run(line).fails(1).contains("there is no token 'bob'"));
        assert_eq!(scene.run(&format!("{line} --json")).error_object(1)["kind"], "not-found");
    }
    assert!(scene.run("add bob --expires 2020-01-01").fails(2).contains("over already"));
    assert!(scene.run("rotate alice --grace 99999999999d").fails(2).contains("'--grace' is too long"));
    assert!(scene.run("add a/b").fails(2).contains("letters, digits"));
    for below in ["/.remofile", "/.remofile/x"] {
        assert!(scene.run(&format!("add bob --below {below}")).fails(2).contains("reserved"), "{below}");
    }
    assert_eq!(scene.text(), before);
    write(scene.path("tokens.toml"), format!("{before}\n[bob]\nrigths = \"read\"\n"));
    let error = scene.run("add carol --json").error_object(1);
    assert_eq!(error["kind"], "tokens-file");
    assert!(error["message"].as_str().unwrap().contains("column 1: a token has no such setting"), "{error}");
}

#[test]
fn a_chosen_token_comes_from_a_file_and_is_not_printed() {
    let scene = Scene::new();
    write(scene.path("secret"), "correct horse\n");
    let output = scene.run("add alice --token-file secret");
    assert!(output.stderr.contains("not generated") && !output.stderr.contains("horse"), "{}", output.stderr);
    assert_eq!(output.ok(), "");
    assert!(scene.text().contains("chosen = true") && !scene.text().contains("horse"));
    let object = &objects(&scene.run("rotate alice --json --token-file secret2").error_object(1).to_string())[0];
    assert!(object["message"].as_str().unwrap().contains("secret2"));
    assert!(scene.run("rotate alice --token-file secret").fails(1).contains("each needs one of its own"));
}

#[test]
fn objects_are_for_scripts() {
    let scene = Scene::new();
    let output = scene.run("add alice --json --bwlimit 10M");
    assert_eq!(output.stderr, "");
    let object = objects(&output.ok()).remove(0);
    assert_eq!((object["token"].as_str().unwrap().len(), &object["bwlimit"]), (22, &(10u64 << 20).into()));
    assert_eq!(objects(&scene.run("remove alice --json").ok())[0]["removed"], "alice");
}

#[test]
fn a_token_that_nobody_was_told_is_not_there() {
    let scene = Scene::new();
    token_of(scene.run("add alice"));
    let before = scene.text();
    for line in ["add bob", "add bob --json", "rotate alice"] {
        let (mut full, mut null) = (scene.command(line), scene.command(line));
        full.stdout(Stdio::from(open_to_write("/dev/full")));
        null.stdout(Stdio::null());
        for mut command in [full, null, with_closed_output(&scene.command(line))] {
            let output = command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{command:?}");
            assert!(String::from_utf8(output.stderr).unwrap().contains("nothing was changed"), "{command:?}");
            assert_eq!(scene.text(), before, "{command:?}");
        }
    }
}

/// The same command, run by a shell that closes its standard output.
fn with_closed_output(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"exec "$0" "$@" >&-"#]).arg(command.get_program()).args(command.get_args());
    shell.current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[test]
fn the_file_is_where_the_flag_the_variable_or_nobody_says() {
    let scene = Scene::new();
    let home = scene.path("home");
    let add = |name: &str| {
        let mut command = remofile();
        command.current_dir(scene.directory.path()).env("XDG_CONFIG_HOME", &home).args(["token", "add", name]);
        command
    };
    token_of(say(&mut add("a")));
    token_of(say(add("b").env("REMOFILE_TOKENS", "variable")));
    token_of(say(add("c").env("REMOFILE_TOKENS", "variable").args(["--tokens", "flag"])));
    for (path, name) in
        [(home.join("remofile/tokens.toml"), "[a]"), (scene.path("variable"), "[b]"), (scene.path("flag"), "[c]")]
    {
        assert!(String::from_utf8(read(path)).unwrap().contains(name), "{name}");
    }
    let stderr = say(add("d").args(["--tokens", "missing/tokens"])).fails(1);
    assert!(stderr.contains("missing/tokens"), "{stderr}");
}

#[test]
fn twenty_commands_at_once_all_land() {
    let scene = Scene::new();
    let add = |number| {
        let mut command = scene.command(&format!("add t{number}"));
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    };
    let children: Vec<_> = (0..20).map(add).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(scene.listed().len(), 20);
}

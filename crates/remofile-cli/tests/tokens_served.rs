//! `remofile run --tokens FILE`: a server of many users, whose tokens are changed while it runs.

use crate::support;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use support::{CommandOutput, Server, directory, mkdir, plant, read, remofile, run, say, signal, write};

/// A command is started so often at most until the server has taken a change: it takes half a second at the latest.
const ATTEMPTS: usize = 200;

struct Scene {
    root: tempfile::TempDir,
    tokens: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let root = directory();
        plant(root.path(), &["a", "inbox/b"]);
        Self { root, tokens: directory() }
    }

    fn file(&self) -> PathBuf {
        self.tokens.path().join("tokens.toml")
    }

    /// Runs `remofile token`.
    #[track_caller]
    fn token(&self, line: &str) -> String {
        let mut command = remofile();
        command.arg("token").args(line.split_whitespace()).arg("--tokens").arg(self.file());
        say(&mut command).ok().trim_end().to_owned()
    }

    fn serve(&self) -> Server {
        let mut command = remofile();
        command.args(["run", "--address", "127.0.0.1", "--tokens"]).arg(self.file()).arg(self.root.path()).arg("0");
        // Of the variables it is not the one that clients have.
        command.env("REMOFILE_TOKEN", "for-clients").stderr(Stdio::piped());
        Server::ready(command, self.root.path())
    }
}

fn client(server: &Server, token: &str, line: &str) -> CommandOutput {
    let mut command: Command = server.client();
    command.env("REMOFILE_TOKEN", token);
    say(command.args(line.split_whitespace()))
}

/// Runs a command until it ends with a status.
#[track_caller]
fn until(status: i32, run: impl Fn() -> CommandOutput) {
    let statuses = (0..ATTEMPTS).map(|_| run().status);
    assert!(statuses.into_iter().any(|ended| ended == Some(status)), "never {status}");
}

#[test]
fn tokens_are_added_restricted_and_taken_back_while_a_server_runs() {
    let scene = Scene::new();
    let alice = scene.token("add alice");
    let mut server = scene.serve();
    assert!(server.line_with("The tokens are those in ").contains("tokens.toml"));
    assert_eq!(client(&server, &alice, "list").ok(), "a\ninbox\n");
    client(&server, "for-clients", "list").fails(3);
    let bob = scene.token("add bob --below /inbox --rights read");
    until(0, || client(&server, &bob, "list"));
    assert_eq!(client(&server, &bob, "list").ok(), "b\n");
    let renewed = scene.token("rotate alice");
    until(0, || client(&server, &renewed, "list"));
    client(&server, &alice, "list").fails(3);
    scene.token("remove bob");
    until(3, || client(&server, &bob, "list"));
    client(&server, &renewed, "list").ok();
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let listed = support::objects(&scene.token("list --json"));
    assert!(listed.len() == 1 && listed[0]["last_used"].is_u64(), "{listed:?}");
}

#[test]
fn a_file_that_is_broken_while_a_server_runs_leaves_the_last_good_one_in_force_and_is_logged() {
    let scene = Scene::new();
    let alice = scene.token("add alice");
    let mut server = scene.serve();
    let good = read(scene.file());
    let mut log = std::io::BufReader::new(server.child.stderr.take().unwrap());
    let mut logged = |what: &str| {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert!(std::io::BufRead::read_line(&mut log, &mut line).unwrap() > 0, "{what}");
        }
        line
    };
    write(scene.file(), [&good[..], b"\n[bob]\nrigths = \"all\"\n"].concat());
    let line = logged("no such setting");
    assert!(line.contains("line 9, column 1") && line.contains("stay in force"), "{line}");
    client(&server, &alice, "list").ok();
    support::unlink(scene.file());
    logged("there is no tokens file");
    client(&server, &alice, "list").ok();
    // It is read again although it is a new file, and although the server is confined.
    let bob = scene.token("add bob");
    until(0, || client(&server, &bob, "list"));
    client(&server, &alice, "list").fails(3);
}

#[test]
fn what_a_token_may_not_do_ends_with_the_same_status_over_either_protocol() {
    let scene = Scene::new();
    let (reader, dropper) = (scene.token("add reader --rights read"), scene.token("add box --rights upload"));
    let expired = scene.token("add late");
    write(scene.file(), [&read(scene.file())[..], b"expires = 1999-12-31T00:00:00Z\n"].concat());
    let server = scene.serve();
    let file = scene.root.path().join("a").display().to_string();
    for protocol in [1, 2] {
        let told = |token: &str, line: &str| client(&server, token, &format!("--protocol {protocol} {line}")).fails(3);
        for (token, line, missing) in [
            (&reader, format!("upload {file} /inbox"), "create"),
            (&reader, "remove /a".to_owned(), "remove"),
            // As one of them.
            (&reader, "remove /a /inbox/b".to_owned(), "remove"),
            (&reader, "remove -r /inbox".to_owned(), "remove"),
            (&dropper, "list".to_owned(), "read"),
            (&dropper, "list /a /inbox/b".to_owned(), "read"),
            (&dropper, "stat /a /inbox/b".to_owned(), "read"),
            (&dropper, "hash /a /inbox/b".to_owned(), "read"),
        ] {
            let said = told(token, &line);
            assert!(said.contains(&format!("no right to {missing}")), "{protocol}: {said}");
            assert!(!said.contains("operation failed"), "{protocol}: {said}");
        }
        assert!(told(&expired, "list").contains("has expired"), "{protocol}");
    }
}

#[test]
fn a_dry_run_is_refused_where_the_token_lacks_a_right() {
    let scene = Scene::new();
    let (reader, dropper) = (scene.token("add reader --rights read"), scene.token("add box --rights upload"));
    let server = scene.serve();
    let file = scene.root.path().join("a").display().to_string();
    for (token, line, missing) in [
        (&reader, format!("upload -n {file} /inbox"), "create"),
        (&reader, "upload -n - --name x /inbox".to_owned(), "create"),
        (&reader, "copy -n /a /inbox/a".to_owned(), "create"),
        (&reader, format!("copy -n {file} :/inbox"), "create"),
        (&reader, "partials --clear -n".to_owned(), "remove"),
        (&reader, "remove -n /a".to_owned(), "remove"),
        (&reader, "move -n /a /b".to_owned(), "remove"),
        (&reader, "edit -n /a".to_owned(), "create"),
        // Before the editor opens.
        (&reader, "edit /a".to_owned(), "create"),
        (&dropper, format!("upload -nf {file} /inbox"), "replace"),
        (&dropper, format!("upload -n --on-conflict newer {file} /inbox"), "replace"),
        (&dropper, "file -nu b /inbox".to_owned(), "replace"),
    ] {
        let told = client(&server, token, &line).fails(3);
        let name = if *token == reader { "reader" } else { "box" };
        assert!(told.contains(&format!("the token \"{name}\" has no right to {missing}")), "{line}: {told}");
    }
    // What the token may not look at is taken for free.
    assert_eq!(client(&server, &dropper, "file -n new /inbox").ok(), "/inbox/new\n");
    assert_eq!(client(&server, &dropper, "directory -np new/sub /inbox").ok(), "/inbox/new/sub/\n");
    client(&server, &dropper, "directory -p new/sub /inbox").ok();
}

#[test]
fn a_server_does_not_start_with_a_file_that_it_cannot_trust() {
    let scene = Scene::new();
    let file = scene.file();
    let start = |place: &PathBuf| {
        let mut command = remofile();
        command.args(["run", "--tokens"]).arg(place).arg(scene.root.path()).arg("0");
        say(&mut command).fails(1)
    };
    assert!(start(&file).contains("make it with 'remofile token add'"));
    scene.token("add alice");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert!(start(&file).contains("chmod 600"));
    let inside = scene.root.path().join("inbox/tokens.toml");
    write(&inside, "");
    assert!(start(&inside).contains("in the served directory"));
    write(&file, "[alice\n");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(start(&file).contains("line 1, column 7"), "{}", start(&file));
    let both = run(&["run", "d", "0", "token", "--tokens", "f"]);
    assert!(both.fails(2).contains("cannot go with '--tokens'"));
}

#[test]
fn a_server_in_the_background_follows_its_file_by_a_relative_path() {
    let scene = Scene::new();
    let alice = scene.token("add alice");
    let state = directory();
    mkdir(state.path().join("empty"));
    let mut command = remofile();
    command.current_dir(scene.tokens.path()).args(["start", "--address", "127.0.0.1", "--tokens", "tokens.toml"]);
    command.arg("--pidfile").arg(state.path().join("pid")).arg(scene.root.path()).arg("0");
    let announcement = say(&mut command).ok();
    let port = support::port_of(announcement.lines().next().unwrap());
    let list = |token: &str| {
        let mut command = remofile();
        command
            .env("REMOFILE_HOSTNAME", "127.0.0.1")
            .env("REMOFILE_PORT", port.to_string())
            .env("REMOFILE_TOKEN", token);
        say(command.arg("list"))
    };
    assert_eq!(list(&alice).ok(), "a\ninbox\n");
    let bob = scene.token("add bob");
    until(0, || list(&bob));
    let process: u32 = String::from_utf8(read(state.path().join("pid"))).unwrap().trim().parse().unwrap();
    signal(process, "TERM");
}

#[test]
fn a_tokens_file_in_a_directory_that_is_served_is_refused_at_once_with_the_reason() {
    let scene = Scene::new();
    scene.token("add alice");
    let _server = scene.serve();
    let mut command = remofile();
    command.args(["token", "add", "bob", "--tokens"]).arg(scene.root.path().join("tokens.toml"));
    let said = say(&mut command).fails(1);
    assert!(said.contains("serves the directory that it is in") && said.contains("keep it elsewhere"), "{said}");
}

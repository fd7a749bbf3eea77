//! Tests of what fingers have learned from other programs: operands that name a server, short names of commands,
//! patterns.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and looks at the disk itself"
)]

use crate::support;

use std::path::Path;
use std::process::Command;
use support::{Server, TOKEN, feed, mkdir, remofile, run, say, write};
use tempfile::TempDir;

/// A server, and a user who has logged in there as `nas`.
struct Scene {
    server: Server,
    home: TempDir,
    _root: TempDir,
}

impl Scene {
    fn new() -> Self {
        let (root, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let scene = Self { server: Server::start(root.path(), &[]), home, _root: root };
        let address = format!("remofile://127.0.0.1:{}", scene.server.port);
        let mut login = scene.command(&["login", "nas", &address]);
        let shown = say(login.env("REMOFILE_TOKEN", TOKEN)).ok();
        assert!(shown.starts_with("nas: ") && shown.contains("remofile list nas:"), "{shown}");
        scene
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = remofile();
        command.args(arguments).env("XDG_CONFIG_HOME", self.home.path()).current_dir(self.home.path());
        command
    }

    #[track_caller]
    fn says(&self, line: &str) -> String {
        say(&mut self.command(&line.split(' ').collect::<Vec<_>>())).ok()
    }

    #[track_caller]
    fn fails(&self, line: &str, status: i32) -> String {
        say(&mut self.command(&line.split(' ').collect::<Vec<_>>())).fails(status)
    }

    fn write(&self, name: &str) {
        write(self.home.path().join(name), name);
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.server.root.join(path)).unwrap()
    }
}

#[test]
fn short_names_and_remote_operands_do_what_fingers_expect() {
    let scene = Scene::new();
    scene.write("a.txt");
    scene.write("b.txt");
    scene.says("put a.txt b.txt nas:/");
    assert_eq!(scene.says("ls nas:"), "a.txt\nb.txt\n");
    assert_eq!(scene.says("--profile nas list -la").lines().count(), 2);
    scene.says("mkdir -p :/x/y");
    scene.says("mkdir -p :/x/y");
    scene.says("cat :/a.txt");
    scene.says("mv -f /a.txt :/b.txt");
    assert_eq!(scene.read("b.txt"), "a.txt");
    assert_eq!(scene.says("mv -n /b.txt /x"), "/b.txt -> /x/b.txt\n");
    assert_eq!(scene.says("ls /x //b.txt //x///"), "/b.txt\n\n/x:\ny\n\n/x:\ny\n");
    assert_eq!(scene.says("rm -n :/b.txt"), "/b.txt\n");
    scene.says("rm -rf :/x /nothing");
    assert_eq!(scene.says("ls"), "b.txt\n");
    scene.says("sync nas:/ copy");
    assert!(scene.home.path().join("copy/b.txt").exists());
    scene.says("sync --delete local copy :/");
}

#[test]
fn a_destination_that_does_not_exist_names_the_copy() {
    let scene = Scene::new();
    scene.write("report.pdf");
    scene.says("mkdir /2026");
    scene.says("upload report.pdf /2026/final.pdf");
    assert_eq!(scene.read("2026/final.pdf"), "report.pdf");
    write(scene.home.path().join("report.pdf"), "a new one");
    let refused = scene.fails("upload report.pdf /2026/final.pdf", 1);
    assert!(refused.contains("final.pdf"), "{refused}");
    scene.says("upload -f report.pdf :/2026/final.pdf");
    assert_eq!(scene.read("2026/final.pdf"), "a new one");
    assert!(scene.fails("upload report.pdf /2027/", 1).contains("/2027"));
    assert!(scene.fails("upload report.pdf /2027/final.pdf", 1).contains("/2027"));
    scene.says("download /2026/final.pdf mine.pdf");
    scene.says("download -r /2026 years");
    for path in ["mine.pdf", "years/final.pdf"] {
        assert!(scene.home.path().join(path).exists(), "{path}");
    }
}

#[test]
fn patterns_stand_for_what_is_there_in_listings_removals_and_moves() {
    let scene = Scene::new();
    for name in ["a.txt", "b.txt", "c.md"] {
        scene.write(name);
    }
    scene.says("upload a.txt b.txt c.md /");
    scene.says("mkdir /d");
    scene.says("mv /*.txt /d");
    assert_eq!(scene.says("ls /d/?.txt"), "/d/a.txt\n/d/b.txt\n");
    assert!(scene.fails("ls /*.pdf", 1).contains("nothing matches"));
    scene.says("rm -f /none* /d/a.txt");
    assert_eq!(scene.says("ls /d"), "b.txt\n");
    scene.says("rm /d/*.txt");
    assert_eq!(scene.says("ls -r"), "c.md\nd\n");
}

#[test]
fn the_profile_of_an_operand_wins_over_the_environment() {
    let scene = Scene::new();
    scene.write("a.txt");
    mkdir(scene.home.path().join("copy"));
    for line in ["put a.txt nas:/", "ls --profile nas", "sync local --delete --profile nas copy :/"] {
        let mut command = scene.command(&line.split(' ').collect::<Vec<_>>());
        command.env("REMOFILE_HOSTNAME", "localhost").env("REMOFILE_PORT", "1").env("REMOFILE_TOKEN", "another");
        say(&mut command).ok();
    }
    let url = format!("remofile://127.0.0.1:{}", scene.server.port);
    say(remofile().args(["ls", ":/"]).env("REMOFILE_URL", url).env("REMOFILE_TOKEN", TOKEN)).ok();
    let mut named = remofile();
    let config = scene.home.path().join("remofile/config.toml");
    say(named.args(["ls", ":/"]).env("REMOFILE_CONFIG", config).env("REMOFILE_PROFILE", "nas")).ok();
}

#[test]
fn a_token_that_is_refused_is_told_with_where_it_came_from() {
    let scene = Scene::new();
    let (port, wrong) = (scene.server.port.to_string(), "22222222222222222222Cj");
    write(scene.home.path().join("file"), wrong);
    let refused = |line: &str, variables: &[(&str, &str)]| {
        let mut command = scene.command(&line.split(' ').collect::<Vec<_>>());
        command.env("REMOFILE_PORT", &port).env("REMOFILE_HOSTNAME", "127.0.0.1");
        say(command.envs(variables.iter().copied())).fails(3)
    };
    for (line, variables, part) in [
        ("ls --token-file file", &[][..], "that of '--token-file'"),
        ("put --token 22222222222222222222Cj file /", &[], "that of the command line"),
        ("ls", &[("REMOFILE_TOKEN", wrong)], "that of REMOFILE_TOKEN)"),
        ("ls", &[("REMOFILE_TOKEN_COMMAND", "echo 22222222222222222222Cj")], "that of REMOFILE_TOKEN_COMMAND)"),
    ] {
        let told = refused(line, variables);
        assert!(told.contains(part), "{line}: {told}");
    }
    let config = scene.home.path().join("remofile/config.toml");
    let profile = std::fs::read_to_string(&config).unwrap().replace(TOKEN, wrong);
    write(&config, profile);
    for line in ["ls", "ls nas:", "sync nas:/ copy"] {
        let told = refused(line, &[]);
        assert!(
            told.contains("that of the profile \"nas\": 'remofile login nas HOST' asks for another"),
            "{line}: {told}"
        );
    }
}

#[test]
fn a_login_that_cannot_connect_writes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut login = remofile();
    login.args(["login", "nas", "127.0.0.1:1"]).env("XDG_CONFIG_HOME", home.path()).env("REMOFILE_TOKEN", TOKEN);
    say(&mut login).fails(1);
    let mut unsafe_name = remofile();
    say(unsafe_name.args(["login", "a/b", "127.0.0.1:1"]).env("XDG_CONFIG_HOME", home.path())).fails(2);
    assert!(is_empty(home.path()));
}

#[test]
fn a_login_makes_the_file_that_is_named_and_a_command_may_keep_the_token() {
    let scene = Scene::new();
    let server = format!("127.0.0.1:{}", scene.server.port);
    let command = format!("echo {TOKEN}");
    let login = ["login", "vault", &server, "--token-command", &command, "--config", "new/config.toml"];
    say(&mut scene.command(&login)).ok();
    let written = std::fs::read_to_string(scene.home.path().join("new/config.toml")).unwrap();
    assert!(written.contains("token-command = ") && !written.contains("\ntoken = "), "{written}");
    scene.write("f");
    say(&mut scene.command(&["put", "--config", "new/config.toml", "f", "vault:/"])).ok();
    assert_eq!(scene.says("ls nas:"), "f\n");
    let by_environment =
        say(scene.command(&["ls", &format!("remofile://{server}/")]).env("REMOFILE_TOKEN_COMMAND", &command));
    assert_eq!(by_environment.ok(), "f\n");
    let mut failing = scene.command(&["login", "other", &server, "--token-command", "echo secret; false"]);
    let told = say(&mut failing).fails(1);
    assert!(told.contains("--token-command: the command failed") && !told.contains("secret"), "{told}");
}

#[test]
fn the_line_that_a_server_prints_is_for_pasting() {
    let home = tempfile::tempdir().unwrap();
    let keys = home.path().join("keys");
    write(&keys, run(&["generate-keys"]).ok());
    for options in [vec![], vec!["--private-key-file", keys.to_str().unwrap()]] {
        let root = home.path().join("photos");
        mkdir(root.join("2026"));
        let mut server = Server::start(&root, &options);
        let line = format!("remofile login {}", server.line_with("remofile login "));
        assert!(line.starts_with("remofile login photos remofile://127.0.0.1:") && !line.contains(TOKEN), "{line}");
        let programs = Path::new(env!("CARGO_BIN_EXE_remofile")).parent().unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).env_clear().env("PATH", path).env("XDG_CONFIG_HOME", home.path());
        assert!(feed(&mut shell, format!("{TOKEN}\n").as_bytes()).ok().starts_with("photos: "));
        let mut list = remofile();
        assert_eq!(say(list.args(["ls", "photos:"]).env("XDG_CONFIG_HOME", home.path())).ok(), "2026\n");
    }
}

#[test]
fn a_quiet_server_prints_nothing_but_a_token_that_it_made() {
    let root = tempfile::tempdir().unwrap();
    let pidfile = root.path().join("pid").display().to_string();
    mkdir(root.path().join("served"));
    for (token, expected) in [(Some(TOKEN), ""), (None, "export REMOFILE_TOKEN=")] {
        let mut start = remofile();
        start.args(["start", "-q", "--address", "127.0.0.1", "--pidfile", &pidfile]).arg(root.path().join("served"));
        let told = say(start.arg("0").args(token)).ok();
        assert!(told.starts_with(expected) && told.lines().count() == usize::from(token.is_none()), "{told}");
        run(&["stop", "--pidfile", &pidfile]).ok();
    }
}

#[test]
fn servers_that_cannot_be_meant_are_told_by_what_to_type() {
    let scene = Scene::new();
    scene.write("f");
    for (line, status, part) in [
        ("upload f host:/m", 1, "there is no profile \"host\""),
        ("ls host:/m", 1, "remofile login host"),
        ("move nas:/a :/b", 2, "one server"),
        ("upload nas:/a /b", 2, "has local sources"),
        ("sync f /b", 2, "'sync f :/b'"),
        ("ls remofile://nas:secret@h/", 2, "does not belong into a URL"),
        ("ls remofile://h:0/", 2, "is no port"),
        ("rm f", 2, "write '/f'"),
        ("mv /f g", 2, "write '/g'"),
    ] {
        let told = scene.fails(line, status);
        assert!(told.contains(part) && !told.contains("secret"), "{line}: {told}");
    }
}

fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).unwrap().next().is_none()
}

#[test]
fn a_sync_knows_the_profile_of_an_operand_without_a_slash() {
    let scene = Scene::new();
    mkdir(scene.home.path().join("tree"));
    write(scene.home.path().join("tree/a"), "a");
    assert_eq!(scene.says("sync -i tree nas:tree"), "<f+++++++++ a\n");
    assert_eq!(scene.says("sync -rt tree nas:tree"), "");
    scene.says("sync nas:tree fetched");
    assert_eq!(std::fs::read(scene.home.path().join("fetched/a")).unwrap(), b"a");
    let config = scene.home.path().join("remofile/config.toml");
    std::fs::rename(&config, scene.home.path().join("other.toml")).unwrap();
    assert_eq!(scene.says("sync -n tree nas:tree --config other.toml"), "");
}

#[test]
fn a_host_that_is_only_a_profile_is_told_how_to_be_written() {
    let scene = Scene::new();
    let config = scene.home.path().join("remofile/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("[profile.nas]", "[profile.\"nas.invalid\"]").replace("\"nas\"", "\"nas.invalid\"");
    std::fs::write(&config, text).unwrap();
    let told = say(&mut scene.command(&["ls", "remofile://nas.invalid/"])).fails(1);
    assert!(told.contains("cannot be resolved") && told.contains("'nas.invalid:/path'"), "{told}");
}

#[test]
fn what_is_removed_or_moved_is_named_if_that_is_asked_for() {
    let scene = Scene::new();
    scene.says("mkdir -p /d/e");
    scene.says("touch /f");
    let told = |line: &str| say(&mut scene.command(&line.split(' ').collect::<Vec<_>>())).stderr;
    assert_eq!(told("mv -v /f /d"), "remofile: moved /f -> /d/f\n");
    assert_eq!(told("rm -rv /d"), "remofile: removed /d\n");
    assert_eq!(told("rm -rf /d"), "");
}

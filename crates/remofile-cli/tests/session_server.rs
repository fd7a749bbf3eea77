//! Servers: how they start, what they say, how they end.

use crate::support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::{Server, TOKEN, directory, mkdir, open_to_write, port_of, read, remofile, run, say, write};

/// Returns what `ps` would show of a process.
fn command_line(process: u32) -> String {
    String::from_utf8_lossy(&read(format!("/proc/{process}/cmdline"))).replace('\0', " ")
}

#[test]
fn a_server_without_a_token_generates_one_and_prints_how_to_configure_a_client() {
    let root = directory();
    let mut command = remofile();
    command.arg("run").arg(root.path()).arg("0");
    let mut server = Server::ready(command, root.path());
    assert!(server.announcement[0].starts_with("Serving /"));
    assert!(server.announcement[1].starts_with("Who may connect: "));
    let hostname = server.line_with("export REMOFILE_HOSTNAME=");
    assert!(hostname.starts_with("localhost"));
    assert_eq!(server.line_with("export REMOFILE_PORT="), server.port.to_string());
    server.token = server.line_with("export REMOFILE_TOKEN=");
    assert_eq!(server.token.len(), 22);
    server.run("list").ok();
}

#[test]
fn a_token_given_as_an_argument_is_not_seen_by_ps() {
    let root = directory();
    let server = Server::start(root.path(), &[]);
    let seen = command_line(server.child.id());
    assert!(seen.contains(" run ") && !seen.contains(TOKEN), "{seen}");
    server.run("list").ok();
}

#[test]
fn a_token_that_can_be_guessed_gets_a_warning() {
    let root = directory();
    let mut command = remofile();
    command.arg("run").arg(root.path()).args(["0", "open-sesame"]).stderr(Stdio::piped());
    let mut server = Server::ready(command, root.path());
    server.token = "open-sesame".into();
    server.run("list").ok();
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let mut stderr = String::new();
    std::io::Read::read_to_string(&mut server.child.stderr.take().unwrap(), &mut stderr).unwrap();
    assert!(stderr.contains("generate-token") && !stderr.contains("open-sesame"), "{stderr}");
}

#[test]
fn both_signals_end_a_server_cleanly() {
    for name in ["INT", "TERM"] {
        let root = directory();
        let mut server = Server::start(root.path(), &[]);
        server.signal(name);
        assert_eq!(server.wait().code(), Some(0), "{name}");
    }
}

#[test]
fn a_server_that_cannot_start_says_why() {
    // Not the home directory of these commands, which one run by root makes.
    assert!(run(&["run", "/nonexistent/root", "0"]).fails(1).contains("/nonexistent/root"));
    let root = directory();
    let server = Server::start(root.path(), &[]);
    let again = say(remofile().args(["run", "--address", "127.0.0.1"]).arg(root.path()).arg(server.port.to_string()));
    assert!(again.fails(1).contains("cannot listen"));
}

#[test]
fn a_read_only_server_refuses_changes() {
    let root = directory();
    write(root.path().join("a"), "x");
    let server = Server::start(root.path(), &["--read-only"]);
    for line in ["file b", "directory b", "remove /a", "move /a /b"] {
        assert_eq!(server.run(&format!("{line} --json")).error_object(1)["kind"], "read-only", "{line}");
    }
    assert_eq!(server.run("download /a -").ok(), "x");
}

/// A directory with a server in the background, stopped when dropped.
struct Background {
    directory: tempfile::TempDir,
}

impl Background {
    fn new() -> Self {
        let directory = directory();
        mkdir(directory.path().join("root"));
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = remofile();
        command.current_dir(self.directory.path()).args(arguments);
        command
    }

    fn start(&self, arguments: &[&str]) -> support::CommandOutput {
        say(self.command(&["start", "root", "0", TOKEN, "--address", "127.0.0.1"]).args(arguments))
    }

    fn process(&self) -> u32 {
        let content = String::from_utf8_lossy(&read(self.path("daemon.pid"))).into_owned();
        content.trim_end().parse().expect("a pidfile holds a number")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.command(&["stop"]).output();
    }
}

fn list(port: u16) -> support::CommandOutput {
    let port = port.to_string();
    say(remofile().args(["list", "--hostname", "127.0.0.1", "--port", &port]).env("REMOFILE_TOKEN", TOKEN))
}

#[test]
fn a_server_in_the_background_accepts_connections_when_start_returns_and_none_when_stop_does() {
    use std::os::unix::fs::PermissionsExt;
    let background = Background::new();
    write(background.path("root/a"), "x");
    let said = background.start(&["--log-file", "log"]).ok();
    let port = port_of(said.lines().next().unwrap());
    let process = background.process();
    assert!(said.contains(&process.to_string()), "{said}");
    assert_eq!(list(port).ok(), "a\n");

    let mode = |path: &str| background.path(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("daemon.pid"), mode("log")), (0o644, 0o600));
    assert!(!command_line(process).contains(TOKEN));
    assert_eq!(std::fs::read_link(format!("/proc/{process}/cwd")).unwrap(), Path::new("/"));
    for (descriptor, target) in [(0, Path::new("/dev/null")), (1, Path::new("/dev/null")), (2, &background.path("log"))]
    {
        assert_eq!(std::fs::read_link(format!("/proc/{process}/fd/{descriptor}")).unwrap(), target, "{descriptor}");
    }

    assert!(say(&mut background.command(&["stop"])).ok().contains(&process.to_string()));
    assert!(!background.path("daemon.pid").exists());
    list(port).fails(1);
}

#[test]
fn starting_twice_is_refused_and_names_the_process() {
    let background = Background::new();
    background.start(&[]).ok();
    let process = background.process();
    assert!(background.start(&[]).fails(1).contains(&process.to_string()));
    assert_eq!(background.process(), process);
}

#[test]
fn of_two_starts_at_once_exactly_one_wins() {
    let background = Background::new();
    let spawn = || {
        let mut command = background.command(&["start", "root", "0", TOKEN]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = [spawn(), spawn(), spawn()];
    let statuses = children.map(|child| child.wait_with_output().unwrap().status.code());
    assert_eq!(statuses.iter().filter(|status| **status == Some(0)).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == Some(1)).count(), 2, "{statuses:?}");
}

#[test]
fn the_pidfile_of_a_server_that_was_killed_is_taken_over() {
    let background = Background::new();
    background.start(&[]).ok();
    let killed = background.process();
    support::signal(killed, "KILL");
    // Its lock goes with it.
    while Path::new(&format!("/proc/{killed}/cwd")).read_link().is_ok() {}
    background.start(&[]).ok();
    assert_ne!(background.process(), killed);
}

#[test]
fn a_background_server_that_fails_gives_its_own_error_and_status() {
    let background = Background::new();
    let said = say(&mut background.command(&["start", "missing", "0"]));
    assert!(said.stderr.contains("missing"), "{said:?}");
    assert_eq!(said.status, Some(1));
    assert!(!background.path("daemon.pid").exists());
}

#[test]
fn a_background_server_prints_the_token_it_generates() {
    let background = Background::new();
    let said = say(&mut background.command(&["start", "root", "0", "--pidfile", "daemon.pid"])).ok();
    assert!(said.contains("export REMOFILE_TOKEN="), "{said}");
    assert!(!said.contains('\0'));
}

/// The disk of a log is full, or whoever reads it has gone: the server serves on.
#[test]
fn a_server_whose_log_cannot_be_written_serves_on() {
    let root = directory();
    let mut command = remofile();
    command.args(["run", "-v", "--address", "127.0.0.1"]).arg(root.path()).args(["0", TOKEN]);
    command.stderr(open_to_write("/dev/full"));
    let server = Server::ready(command, root.path());
    let stranger = say(server.client().arg("list").env("REMOFILE_TOKEN", "e9NUu9DRuDtUa5mSvc3VC7"));
    assert_eq!(stranger.status, Some(3), "{stranger:?}");
    server.run("list").ok();
}

/// The kernel refuses the server everything but its directory, the system's configuration included; what it does
/// there it does all the same.
#[test]
fn a_server_behind_landlock_does_all_that_it_is_asked_for() {
    use std::io::{BufRead, Write};
    let (root, local) = (directory(), directory());
    let mut command = remofile();
    command.args(["run", "-v", "--address", "127.0.0.1", "--fsync", "each"]).arg(root.path()).args(["0", TOKEN]);
    command.stderr(Stdio::piped());
    let mut server = Server::ready(command, root.path());
    let mut log = std::io::BufReader::new(server.child.stderr.take().unwrap());
    let mut told = String::new();
    log.read_line(&mut told).unwrap();
    assert!(!told.contains("not confined"), "a thread is outside, and shares its memory with all others: {told}");
    if !told.contains("Landlock confines the server to its directory") {
        // Not captured, so that it is seen.
        writeln!(std::io::stderr(), "skipped: {}", told.trim()).unwrap();
        return;
    }
    let _log = std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    mkdir(local.path().join("t"));
    mkdir(local.path().join("t/d"));
    write(local.path().join("t/d/small"), "small");
    write(local.path().join("t/large"), vec![7; 2 << 20]);
    std::os::unix::fs::symlink("d/small", local.path().join("t/link")).unwrap();
    let (t, back) = (local.path().join("t"), local.path().join("back"));
    server.run(&format!("upload -r --links copy --preserve-mode {} /", t.display())).ok();
    // Neither read nor written by its owner, until its mode is set.
    std::fs::set_permissions(root.path().join("t/d/small"), std::os::unix::fs::PermissionsExt::from_mode(0o000))
        .unwrap();
    server.run(&format!("sync local --links copy --preserve-mode {} /t", t.display())).ok();
    server.run("move /t/large /t/moved").ok();
    server.run(&format!("sync remote --links copy /t {}", back.display())).ok();
    assert_eq!(read(back.join("link")), b"small");
    assert_eq!(read(back.join("moved")).len(), 2 << 20);
    server.run("remove -r /t").ok();
    server.run("status").ok();
}

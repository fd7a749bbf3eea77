//! A server under a service manager: sockets that are passed on, what it tells, the watchdog, and the end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{Server, TOKEN, directory, mkdir, remofile};

/// A service manager, as far as a server sees one.
struct Manager {
    directory: tempfile::TempDir,
    told: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let directory = directory();
        mkdir(directory.path().join("root"));
        let told = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        // The deadline only keeps a failure from lasting forever.
        told.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { directory, told }
    }

    fn command(&self) -> Command {
        let mut command = remofile();
        command.args(["run", "--address", "127.0.0.1"]).arg(self.directory.path().join("root")).args(["0", TOKEN]);
        command.env("NOTIFY_SOCKET", self.directory.path().join("notify"));
        command
    }

    fn start(&self, command: Command) -> Server {
        Server::ready(command, &self.directory.path().join("root"))
    }

    /// Waits for a word of the server that begins so.
    #[track_caller]
    fn hears(&self, beginning: &str) -> String {
        let mut word = [0; 4096];
        loop {
            let length = self.told.recv(&mut word).unwrap();
            let word = String::from_utf8(word[..length].to_vec()).unwrap();
            if word.starts_with(beginning) {
                return word;
            }
        }
    }
}

#[test]
fn the_service_manager_is_told_of_readiness_reloads_and_the_end() {
    let manager = Manager::new();
    let mut server = manager.start(manager.command());
    let ready = manager.hears("READY=1");
    assert!(ready.contains(&format!("STATUS=Serving on 127.0.0.1:{}", server.port)), "{ready}");
    server.signal("HUP");
    assert!(manager.hears("RELOADING=1").contains("MONOTONIC_USEC="));
    manager.hears("READY=1");
    server.signal("TERM");
    manager.hears("STOPPING=1");
    assert!(server.wait().success());
}

#[test]
fn a_watched_server_gives_signs_of_life_of_its_event_loop() {
    let manager = Manager::new();
    let mut command = manager.command();
    command.env("WATCHDOG_USEC", "200000");
    let server = manager.start(command);
    manager.hears("WATCHDOG=1");
    manager.hears("WATCHDOG=1");
    server.run("list").ok();
}

#[test]
fn a_watchdog_for_another_process_is_none_of_ours() {
    let manager = Manager::new();
    let mut command = manager.command();
    command.env("WATCHDOG_USEC", "1000").env("WATCHDOG_PID", "1");
    let mut server = manager.start(command);
    manager.hears("READY=1");
    server.signal("TERM");
    // What is told in between would come first.
    assert!(manager.hears("").starts_with("STOPPING=1"));
    assert!(server.wait().success());
}

#[test]
fn a_server_serves_on_a_socket_that_was_passed_on() {
    let manager = Manager::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // The number of the descriptor and of the process are known in the shell alone.
    let mut command = Command::new("sh");
    let script = "exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"";
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_remofile"), "run"]);
    command
        .arg(manager.directory.path().join("root"))
        .args(["--token-file"])
        .arg(manager.directory.path().join("token"));
    support::write(manager.directory.path().join("token"), TOKEN);
    command.env("XDG_STATE_HOME", "/dev/null/none").env_remove("REMOFILE_RUN_PORT");
    assert!(listener.as_raw_fd() > 2);
    command.stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)));
    let server = manager.start(command);
    assert_eq!(server.port, port);
    server.run("list").ok();
}

#[test]
fn what_was_passed_on_and_is_no_listening_socket_is_refused() {
    let manager = Manager::new();
    let mut command = Command::new("sh");
    let script = "exec 3</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"";
    command
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_remofile"), "run"])
        .arg(manager.directory.path().join("root"));
    let told = support::say(&mut command).fails(1);
    assert!(told.contains("socket that the service manager passed on"), "{told}");
}

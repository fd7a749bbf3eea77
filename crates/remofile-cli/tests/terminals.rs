//! Servers in a terminal that is closed.

#![expect(clippy::disallowed_methods, reason = "tests prepare and look at files directly")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::{CommandOutput, TOKEN, directory, mkdir, port_of, read, remofile, say, signal, unlink};

/// Waits until something is so; the deadline only keeps a failure from lasting forever.
#[track_caller]
fn until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "it did not come about");
        std::thread::yield_now();
    }
}

/// A server in the foreground of a terminal of its own.
struct InTerminal {
    directory: tempfile::TempDir,
    terminal: Child,
    port: u16,
}

impl InTerminal {
    /// Starts it by these words in front of its command. `None` where there is no `script` to make a terminal.
    fn start(before: &str) -> Option<Self> {
        let directory = directory();
        mkdir(directory.path().join("root"));
        let program = env!("CARGO_BIN_EXE_remofile");
        // The first shell dies with its terminal, the second outlives it, to tell how the server ended.
        let line = format!(
            "sh -c \"trap : HUP; sh -c 'echo \\$\\$ >pid; exec {before} {program} run root 0 {TOKEN} --address 127.0.0.1 \
             --audit-log audit >announced 2>stderr'; echo \\$? >status\"; :"
        );
        let mut command = Command::new("script");
        command.args(["-qfc", &line, "/dev/null"]).current_dir(directory.path()).env("SHELL", "/bin/sh");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).env_remove("REMOFILE_LOG");
        let Ok(terminal) = command.spawn() else {
            std::io::stderr().write_all(b"skipped: there is no 'script' here\n").unwrap();
            return None;
        };
        let announced = directory.path().join("announced");
        let text = || String::from_utf8_lossy(&std::fs::read(&announced).unwrap_or_default()).into_owned();
        until(|| text().contains("Who may connect"));
        let port = port_of(text().lines().next().unwrap());
        Some(Self { directory, terminal, port })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Takes the terminal away.
    fn hang_up(&mut self) {
        self.terminal.kill().unwrap();
        self.terminal.wait().unwrap();
    }

    fn status(&self) -> CommandOutput {
        let mut status = remofile();
        status.env("REMOFILE_HOSTNAME", "127.0.0.1").env("REMOFILE_PORT", self.port.to_string());
        say(status.env("REMOFILE_TOKEN", TOKEN).arg("status"))
    }

    fn has(&self, name: &str, text: &str) -> bool {
        std::fs::read(self.at(name)).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text))
    }
}

impl Drop for InTerminal {
    fn drop(&mut self) {
        let _gone = self.terminal.kill();
        if !self.at("status").exists() {
            let process = std::fs::read_to_string(self.at("pid")).unwrap_or_default();
            let _gone = Command::new("kill").arg(process.trim()).status();
        }
    }
}

#[test]
fn a_server_whose_terminal_is_closed_ends_cleanly() {
    let Some(mut scene) = InTerminal::start("") else { return };
    scene.status().ok();
    scene.hang_up();
    until(|| scene.has("status", "\n"));
    assert_eq!(read(scene.at("status")), b"0\n");
    assert!(scene.has("audit", "\"status\"") && scene.has("audit", "\"close\""));
}

#[test]
fn a_server_in_a_terminal_that_stays_takes_a_hang_up_for_a_rotation() {
    let Some(mut scene) = InTerminal::start("") else { return };
    let process = String::from_utf8(read(scene.at("pid"))).unwrap().trim().parse().unwrap();
    unlink(scene.at("audit"));
    signal(process, "HUP");
    until(|| scene.at("audit").exists());
    scene.status().ok();
    scene.hang_up();
    until(|| scene.has("status", "\n"));
}

#[test]
fn a_server_under_nohup_survives_its_terminal() {
    let Some(mut scene) = InTerminal::start("nohup") else { return };
    let process = String::from_utf8(read(scene.at("pid"))).unwrap().trim().parse().unwrap();
    unlink(scene.at("audit"));
    scene.hang_up();
    until(|| scene.at("audit").exists());
    scene.status().ok();
    signal(process, "TERM");
    until(|| scene.has("status", "\n"));
    assert_eq!(read(scene.at("status")), b"0\n");
}

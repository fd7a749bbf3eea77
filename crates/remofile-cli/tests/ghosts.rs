//! Commands that were killed, and those that come after them.

#![expect(clippy::disallowed_methods, reason = "a test looks at files directly")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use support::{Server, directory, read, say, write};

/// Forwards connections for as long as the process runs, and keeps the server's side open when a client is gone: the
/// server sees nothing of that.
fn haunted_line(port: u16) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().map(Result::unwrap) {
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            std::thread::spawn(move || {
                std::thread::scope(|scope| {
                    scope.spawn(|| std::io::copy(&mut &server, &mut &client));
                    let _passed = std::io::copy(&mut &client, &mut &server);
                    let _closed = client.shutdown(Shutdown::Both);
                });
                let _ended = std::io::copy(&mut &server, &mut std::io::sink());
            });
        }
    });
    address.port()
}

/// A command with a home of its own, whose line is haunted. It waits for nobody.
fn command(server: &Server, home: &Path, port: u16) -> Command {
    let mut command = server.client();
    command.env("XDG_STATE_HOME", home).env("REMOFILE_WAIT", "0").env("REMOFILE_PORT", port.to_string());
    command
}

/// Begins a command, and gives it back when the server has it at work.
fn begun(server: &Server, mut command: Command) -> Child {
    let mut child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let is_at_work = |said: String| [": upload", ": download", ": sync"].iter().any(|what| said.contains(what));
    while !is_at_work(server.run("status").ok()) {
        assert_eq!(child.try_wait().unwrap(), None, "it has ended");
    }
    child
}

#[test]
fn the_command_after_one_that_was_killed_works_at_once() {
    let (root, home, local) = (directory(), directory(), directory());
    let server = Server::start(root.path(), &[]);
    let port = haunted_line(server.port);
    let content: Vec<u8> = (0..6 << 20).map(|number: u32| (number % 251) as u8).collect();
    support::mkdir(local.path().join("tree"));
    for name in ["tree/a", "tree/b", "tree/c", "tree/d"] {
        write(local.path().join(name), &content);
    }
    support::mkdir(root.path().join("parallel"));
    for (arguments, slow) in [
        (&["upload", "-r", "tree", "/"][..], &["--bwlimit", "1M"][..]),
        (&["upload", "-r", "tree", "/parallel", "--transfers", "4"], &[]),
        (&["sync", "local", "tree", "/copy"], &["--bwlimit", "1M"]),
        (&["sync", "remote", "/tree", "back"], &["--bwlimit", "1M"]),
    ] {
        let run = |slow: &[&str]| {
            let mut command = command(&server, home.path(), port);
            command.current_dir(local.path()).args(arguments).args(slow);
            command
        };
        let mut killed = begun(&server, run(slow));
        killed.kill().unwrap();
        killed.wait().unwrap();
        say(&mut run(&[])).ok();
    }
    for name in ["tree/a", "parallel/tree/d", "copy/a", "copy/d"] {
        assert!(read(root.path().join(name)) == content);
    }
    assert!(read(local.path().join("back/d")) == content);
}

/// Returns the bytes of the files in a directory, and in those below it.
fn bytes_below(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().map(Result::unwrap);
    let bytes = |entry: std::fs::DirEntry| match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
        true => bytes_below(&entry.path()),
        false => entry.metadata().map_or(0, |metadata| metadata.len()),
    };
    entries.map(bytes).sum()
}

#[test]
fn a_sync_that_was_killed_goes_on_in_the_middle_of_its_file() {
    let (root, home, local) = (directory(), directory(), directory());
    let server = Server::start(root.path(), &[]);
    let port = haunted_line(server.port);
    let content: Vec<u8> = (0..8 << 20).map(|number: u32| (number % 251) as u8).collect();
    support::mkdir(local.path().join("tree"));
    write(local.path().join("tree/big"), &content);
    for (arguments, staging) in [
        (["sync", "local", "tree", "/copy"], root.path().join(".remofile")),
        (["sync", "remote", "/copy", "back"], local.path().join("back/.remofile")),
    ] {
        let run = |slow: &[&str]| {
            let mut command = command(&server, home.path(), port);
            command.current_dir(local.path()).args(arguments).args(slow);
            command
        };
        let mut killed = begun(&server, run(&["--bwlimit", "2M"]));
        while bytes_below(&staging) < 2 << 20 {
            assert_eq!(killed.try_wait().unwrap(), None, "it has ended");
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        let said = say(&mut run(&["--json"])).ok();
        let summary: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        assert!(summary["resumed_bytes"].as_u64().unwrap() > 0, "{said}");
    }
    assert!(read(root.path().join("copy/big")) == content);
    assert!(read(local.path().join("back/big")) == content);
}

#[test]
fn the_command_after_ctrl_c_or_a_timeout_works_at_once() {
    let (root, home) = (directory(), directory());
    let server = Server::start(root.path(), &[]);
    let port = haunted_line(server.port);
    for (name, timeout, status) in [("interrupted", &[][..], 130), ("slow", &["--timeout", "5000"], 30)] {
        let mut slow = command(&server, home.path(), port);
        slow.args(["upload", "-", "--name", name]).args(timeout).stdin(Stdio::piped());
        let mut child = begun(&server, slow);
        let mut input = child.stdin.take().unwrap();
        let _sent = input.write_all(b"some");
        if timeout.is_empty() {
            support::signal(child.id(), "INT");
        }
        assert_eq!(child.wait().unwrap().code(), Some(status));
        let mut next = command(&server, home.path(), port);
        next.args(["file", name]);
        say(&mut next).ok();
    }
}

#[test]
fn commands_that_run_at_the_same_time_do_not_end_each_other() {
    let (root, home) = (directory(), directory());
    let server = Server::start(root.path(), &[]);
    let mut first = command(&server, home.path(), server.port);
    first.args(["upload", "-", "--name", "first"]).stdin(Stdio::piped());
    let mut first = begun(&server, first);
    for _ in 0..3 {
        let mut other = command(&server, home.path(), server.port);
        other.arg("status");
        say(&mut other).ok();
    }
    drop(first.stdin.take());
    assert!(first.wait().unwrap().success());
    #[expect(clippy::disallowed_methods, reason = "the test looks at the state directory")]
    let identities = std::fs::read_dir(home.path().join("remofile/clients")).unwrap().count();
    assert_eq!(identities, 2, "one for each that ran at the same time");
}

#[test]
fn a_home_that_cannot_be_written_is_no_failure() {
    let (root, home) = (directory(), directory());
    let server = Server::start(root.path(), &[]);
    write(home.path().join("remofile"), "a file is in the way");
    for state in [home.path(), Path::new("/proc/nowhere"), Path::new("relative")] {
        let mut command = command(&server, state, server.port);
        command.args(["file", "made", "-u"]).env("HOME", "/dev/null/none");
        let said = say(&mut command);
        assert_eq!(said.stderr, "");
        said.ok();
    }
}

#[test]
fn a_home_that_does_not_exist_is_not_made() {
    let (root, above) = (directory(), directory());
    let (server, home) = (Server::start(root.path(), &[]), above.path().join("home"));
    let mut command = command(&server, above.path(), server.port);
    command.args(["file", "made", "-u"]).env("HOME", &home).env_remove("XDG_STATE_HOME").env_remove("XDG_RUNTIME_DIR");
    say(&mut command).ok();
    assert!(!home.exists());
}

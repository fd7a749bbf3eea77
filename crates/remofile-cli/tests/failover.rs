//! Commands that are given several servers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use support::{Server, directory, read, say, write};

/// A port at which nobody listens.
fn nobody() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A command with a home of its own, told of these servers.
fn command(server: &Server, home: &Path, hostname: &str) -> Command {
    let mut command = server.client();
    command.env("XDG_STATE_HOME", home).env("REMOFILE_HOSTNAME", hostname);
    command
}

#[test]
fn a_command_uses_the_server_that_is_there_however_the_servers_are_named() {
    let (root, home, local) = (directory(), directory(), directory());
    let server = Server::start(root.path(), &[]);
    let list = format!("127.0.0.1:{},127.0.0.1:{}", nobody(), server.port);
    write(local.path().join("file"), "content");
    let run = |hostname: &str, arguments: &[&str]| {
        let mut command = command(&server, home.path(), hostname);
        say(command.current_dir(local.path()).args(arguments))
    };
    run(&list, &["upload", "file", "/"]).ok();
    assert_eq!(read(root.path().join("file")), b"content");
    let port = server.port.to_string();
    let names = format!("127.0.0.1:{},127.0.0.1", nobody());
    for arguments in [
        &["list", "--hostname", &list, "/"][..],
        &["list", "--hostname", &names, "--port", &port, "/"],
        &["list", &format!("remofile://{list}/")],
    ] {
        assert_eq!(run("", arguments).ok(), "file\n", "{arguments:?}");
    }
    let config = home.path().join("config.toml");
    write(&config, format!("[profile.both]\nhostname = \"{list}\"\n"));
    assert_eq!(run("", &["list", "--config", config.to_str().unwrap(), "--profile", "both"]).ok(), "file\n");
    let url = format!("remofile://{list}");
    assert_eq!(say(command(&server, home.path(), "").env("REMOFILE_URL", url).args(["cat", "/file"])).ok(), "content");
    let kept = String::from_utf8(read(home.path().join("remofile/servers/last"))).unwrap();
    assert!(kept.lines().all(|line| line.ends_with(&format!("\t127.0.0.1:{port}"))), "{kept}");
}

#[test]
fn servers_that_cannot_be_used_are_told_each_with_its_reason() {
    let (root, home) = (directory(), directory());
    let server = Server::start(root.path(), &[]);
    let (gone, gone_too) = (nobody(), nobody());
    let run = |hostname: &str, token: &str| {
        say(command(&server, home.path(), hostname).env("REMOFILE_TOKEN", token).arg("list"))
    };
    let token = "my-own-token";
    let told = run(&format!("127.0.0.1:{gone},127.0.0.1:{gone_too}"), token).fails(1);
    for part in ["none of the 2 servers", &format!("127.0.0.1:{gone}: "), &format!("127.0.0.1:{gone_too}: "), "refused"]
    {
        assert!(told.contains(part) && !told.contains("os error"), "{part}: {told}");
    }
    let told = run(&format!("127.0.0.1:{gone},127.0.0.1:{}", server.port), token).fails(3);
    assert!(told.contains("token"), "{told}");
    for (hostname, status, part) in [("a,,b", 1, "a name of a host is missing"), ("a:b,c", 1, "is no port")] {
        let told = run(hostname, token).fails(status);
        assert!(told.contains(part), "{told}");
    }
    let told = say(command(&server, home.path(), "").args(["list", "--hostname", "a,"])).fails(2);
    assert!(told.contains("--hostname is \"a,\": a name of a host is missing"), "{told}");
}

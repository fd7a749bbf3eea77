//! Sessions that do not come about.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use support::{Server, directory, remofile, run, say};

#[test]
fn a_wrong_token_is_refused() {
    let root = directory();
    let server = Server::start(root.path(), &[]);
    let list = |flags: &[&str]| say(server.client().env("REMOFILE_TOKEN", "wrong").arg("list").args(flags));
    assert!(list(&[]).fails(3).contains("REMOFILE_TOKEN"));
    assert_eq!(list(&["--json"]).error_object(3)["kind"], "wrong-token");
}

/// A server that logs, and what it has logged at its end.
fn logging(root: &Path, options: &[&str], meanwhile: impl FnOnce(&Server)) -> String {
    let mut command = remofile();
    command.arg("run").arg(root).args(["0", support::TOKEN]).args(options).stderr(Stdio::piped());
    let mut server = Server::ready(command, root);
    meanwhile(&server);
    server.signal("TERM");
    assert!(server.wait().success());
    let mut log = String::new();
    server.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    log
}

#[test]
fn the_log_names_who_was_refused_as_an_ipv4_address() {
    let root = directory();
    let log = logging(root.path(), &[], |server| {
        assert!(say(server.client().env("REMOFILE_TOKEN", "wrong").arg("list")).fails(3).contains("token"));
    });
    assert!(log.contains("refused address=127.0.0.1:"), "{log}");
}

#[test]
fn the_log_tells_whose_zeromq_encryption_does_not_fit() {
    let greets = |mechanism: &[u8]| {
        let greeting = [&b"\xff\0\0\0\0\0\0\0\0\x7f\x03\x01"[..], mechanism, &[0; 52]].concat();
        move |server: &Server| {
            let mut peer = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
            peer.write_all(&greeting[..64]).unwrap();
            peer.read_to_end(&mut Vec::new()).unwrap();
        }
    };
    let root = directory();
    let log = logging(root.path(), &["--require-encryption"], greets(b"NULL"));
    assert!(log.contains("encryption-required"), "{log}");
    let log = logging(root.path(), &[], greets(b"CURVE"));
    assert!(log.contains("no-key"), "{log}");
}

#[test]
fn a_wrong_missing_or_needless_key_is_refused() {
    let (root, own) = (directory(), directory());
    let keys = run(&["generate-keys"]).ok();
    let (public, _private) = keys.trim().split_once("\nprivate key: ").unwrap();
    let public = public.strip_prefix("public key: ").unwrap();
    let key_file = own.path().join("key");
    // As it was printed: the line with the private key is found.
    support::write(&key_file, &keys);
    let server = Server::start(root.path(), &["--private-key-file", key_file.to_str().unwrap()]);
    assert!(server.announcement[1].contains(public));
    let list = |key: &str| say(server.client().args(["list", "--json", &format!("--public-key={key}")]));
    list(public).ok();
    let other = run(&["generate-keys"]).ok();
    let other = other.lines().next().unwrap().strip_prefix("public key: ").unwrap();
    assert_eq!(list(other).error_object(3)["kind"], "wrong-key");
    assert_eq!(server.run("list --json").error_object(3)["kind"], "key-required");

    // One directory has one server.
    let other_root = directory();
    let keyless = Server::start(other_root.path(), &[]);
    let error = say(keyless.client().args(["list", "--json", &format!("--public-key={public}")])).error_object(3);
    assert_eq!(error["kind"], "no-key");
}

#[test]
fn plain_sessions_need_both_sides() {
    let root = directory();
    let strict = Server::start(root.path(), &[]);
    assert_eq!(strict.run("list --no-encryption --json").error_object(3)["kind"], "encryption-required");
    let other_root = directory();
    let lenient = Server::start(other_root.path(), &["--no-encryption"]);
    lenient.run("list --no-encryption").ok();
    lenient.run("list").ok();
    assert!(lenient.announcement[1].contains("plain"));
}

#[test]
fn a_port_nobody_listens_on_is_a_failure_with_advice() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let list = |flags: &[&str]| {
        let mut command = remofile();
        command.args(["list", "--hostname", "127.0.0.1", "--port", &port.to_string(), "--token", "x"]).args(flags);
        say(&mut command)
    };
    assert!(list(&[]).fails(1).contains("is the server running"));
    assert_eq!(list(&["--json"]).error_object(1)["kind"], "cannot-connect");
}

#[test]
fn a_server_that_never_answers_is_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut command = remofile();
    command.args([
        "list",
        "--hostname",
        "127.0.0.1",
        "--port",
        &port,
        "--token",
        support::TOKEN,
        "-t",
        "200",
        "--json",
    ]);
    assert_eq!(say(&mut command).error_object(30)["kind"], "timeout");
}

#[test]
fn a_host_that_does_not_exist_is_named() {
    let mut command = remofile();
    command.args(["list", "--hostname", "no-such-host.invalid", "--token", support::TOKEN, "--json"]);
    assert_eq!(say(&mut command).error_object(1)["kind"], "host-not-found");
}

#[test]
fn missing_remote_paths_are_named() {
    let root = directory();
    let server = Server::start(root.path(), &[]);
    let error = server.run("list /missing --json").error_object(1);
    assert_eq!((&error["kind"], &error["path"]), (&"not-found".into(), &"/missing".into()));
    assert!(server.run("list /missing").fails(1).starts_with("remofile: /missing: "));
}

#[test]
fn a_profile_is_enough_to_reach_a_server() {
    let root = directory();
    let server = Server::start(root.path(), &[]);
    let home = directory();
    support::mkdir(home.path().join("remofile"));
    let config = format!(
        "default-profile = 'x'\n[profile.x]\nhostname = '127.0.0.1'\nport = {}\ntoken-file = 't'\n",
        server.port
    );
    support::write(home.path().join("remofile/config.toml"), config);
    support::write(home.path().join("remofile/t"), support::TOKEN);
    say(remofile().arg("list").env("XDG_CONFIG_HOME", home.path())).ok();
}

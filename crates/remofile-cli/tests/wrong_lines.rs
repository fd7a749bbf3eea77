//! Command lines that newcomers type, and what they are told: frozen in `snapshots`, so that a change of words is seen.
//!
//! `INSTA_UPDATE=always cargo nextest run -p remofile wrong_lines::` writes the snapshots anew.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::process::Stdio;
use support::scene::Scene;
use support::{Pair, directory, open_to_append, plant, remofile, say, signal};

/// A service that says something else to each of some connections, and its port.
fn service(says: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _hello = stream.read(&mut [0; 1024]);
            let _told = stream.write_all(says);
            let _end = stream.shutdown(Shutdown::Write);
            let _gone = stream.read(&mut [0; 1024]);
        }
    });
    port
}

#[test]
fn nothing_is_configured() {
    let mut scene = Scene::new();
    scene.type_unconfigured(&[
        "rmf ls",
        "remofile ls 192.0.2.7:6768",
        "remofile ls remofile://192.0.2.7/",
        "remofile ls nas:/",
        "remofile ls --profile nas",
        "remofile --json ls",
        "remofile login",
        "remofile login nas",
        "remofile login nas 127.0.0.1:1",
        "remofile login a/b 127.0.0.1:1",
        "remofile login nas http://127.0.0.1",
    ]);
    scene.types("remofile ls", &[("REMOFILE_TOKEN", ""), ("REMOFILE_PORT", "")]);
    let mut scene = scene.with_profile();
    scene.type_unconfigured(&["remofile ls", "remofile ls nsa:/", "remofile ls localhost:/"]);
    scene.freezes("nothing_is_configured");
}

#[test]
fn another_server_than_meant() {
    let mut scene = Scene::new();
    for (what, says) in [
        ("ssh", &b"SSH-2.0-OpenSSH_9.9\r\n"[..]),
        ("http", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("protocol 1", b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL"),
        ("unknown", b"what?"),
        ("nothing", b""),
    ] {
        let port = service(says).to_string();
        scene.names.push((format!(":{port}"), ":PORT"));
        scene.told.push_str(&format!("# what answers: {what}\n"));
        scene.types("remofile ls", &[("REMOFILE_PORT", &port)]);
    }
    scene.types("remofile ls", &[("REMOFILE_PORT", "1")]);
    scene.types("remofile ls", &[("REMOFILE_PORT", "99999")]);
    scene.types("remofile ls", &[("REMOFILE_TOKEN", "22222222222222222222Cj")]);
    scene.types("remofile --json ls", &[("REMOFILE_TOKEN", "22222222222222222222Cj")]);
    scene.types("remofile ls", &[("REMOFILE_TOKEN", "a\tb")]);
    scene.types("remofile ls", &[("REMOFILE_PUBLIC_KEY", "px!WUpcx)EWvVtHCzYdy)}K>NVe#/:FAe7XLAnZ5")]);
    scene.types("remofile ls", &[("REMOFILE_URL", "sftp://h"), ("REMOFILE_HOSTNAME", "")]);
    scene.type_all(&[
        "remofile ls --port 0",
        "remofile ls --port 99999",
        "remofile ls --port -1",
        "remofile ls --protocol 3",
        "remofile ls --public-key abc",
        "remofile ls -t -5",
        "remofile ls -t 5x",
        "remofile ls --token-file none",
        "remofile ls --config none",
        "remofile ls / 99999",
        "remofile upload b.txt / 99999",
    ]);
    scene.freezes("another_server_than_meant");
}

#[test]
fn operands_as_other_tools_write_them() {
    let mut scene = Scene::new().with_profile();
    scene.type_all(&[
        "remofile upload a.txt alice@nas.local:/data",
        "remofile upload a.txt alice@nas.local:data",
        "remofile upload a.txt nas.local::module/x",
        "remofile upload a.txt nas.local:x",
        "remofile upload a.txt 192.0.2.1:/x",
        "remofile upload a.txt sftp://h/x",
        "remofile download ftp://h/x",
        "remofile ls http://me:secret@h/x",
        "remofile sync sftp://h/x dir",
        "remofile ls remofile:/h/x",
        "remofile ls REMOFILE://h/x",
        "remofile ls remofile://me:secret@h/",
        "remofile ls remofile://22222222222222222222Ci@h/",
        "remofile ls remofile://h:99999/",
        "remofile ls remofile:///x",
        "remofile ls host:/x",
        "remofile ls localhost:6768",
        "remofile ls host::module",
        "remofile upload C:/Users/me/a.txt /",
        "remofile upload C:\\Users\\me\\a.txt /",
        "remofile upload a.txt C:\\data",
        "remofile upload nas:/a.txt /x",
        "remofile download /a.txt nas:/x",
        "remofile move nas:/a.txt :/b.txt",
        "remofile sync dir dir2",
        "remofile sync nas:/a nas:/b",
        "remofile sync local nas:/a b",
        "remofile sync dir",
        "remofile sync -avz --delete dir",
        "remofile sync --json",
        "remofile sync a b nas:/c",
    ]);
    scene.freezes("operands_as_other_tools_write_them");
}

#[test]
fn paths_that_are_wrong() {
    let mut scene = Scene::new();
    scene.type_all(&[
        "remofile upload",
        "remofile upload none.txt",
        "remofile upload none*.txt /",
        "remofile upload a.txt",
        "remofile upload a.txt dst",
        "remofile upload b.txt /none/",
        "remofile upload b.txt /none/x/y",
        "remofile upload b.txt a.txt /none",
        "remofile upload dir",
        "remofile upload -r dir /a.txt/x",
        "remofile upload --name a.txt -",
        "remofile upload -",
        "remofile upload --files-from none",
        "remofile download",
        "remofile download /none",
        "remofile download /none*",
        "remofile download /full",
        "remofile download /a.txt none/sub/",
        "remofile download /a.txt a.txt/x",
        "remofile download /../etc/passwd",
        "remofile cat /none",
        "remofile cat /full",
        "remofile stat /none /none2",
        "remofile ls /none",
        "remofile ls /none /a.txt",
        "remofile ls /none*",
        "remofile rm",
        "remofile rm full",
        "remofile rm /full",
        "remofile rm -rf /",
        "remofile rm /none /none2",
        "remofile rm /none*",
        "remofile mv /a.txt",
        "remofile mv /none /x",
        "remofile mv /a.txt /none/x",
        "remofile mv /a.txt /a.txt/x",
        "remofile mv /full /full/x",
        "remofile mkdir /full",
        "remofile mkdir /none/b/c",
        "remofile mkdir /a:b",
        "remofile file a.txt",
        "remofile file x none",
        "remofile sync local none /x",
        "remofile sync remote /none x",
        "remofile sync local a.txt /x",
        "remofile edit /full",
        "rmf rm none --json",
        "rmf upload none.txt --json -q",
    ]);
    scene.freezes("paths_that_are_wrong");
}

#[test]
fn words_of_other_tools() {
    let mut scene = Scene::new();
    scene.type_all(&[
        "remofile mirror dir /dir",
        "remofile mput a.txt /",
        "remofile open 127.0.0.1",
        "remofile cd /full",
        "remofile rmdir /full",
        "remofile scp a.txt host:/x",
        "remofile lisst",
        "remofile nonsense --json",
        "remofile upload -e ssh a.txt /",
        "remofile ls -P 22",
        "remofile upload --recursve dir /",
        "remofile upload --progess a.txt /",
        "remofile --jsn ls",
        "remofile --token",
        "remofile upload --partial a.txt /",
        "remofile upload --delete dir /",
        "remofile upload -u a.txt /",
        "remofile upload -Y a.txt /",
        "remofile upload --on-conflict overwrite a.txt /",
        "remofile upload --bwlimit fast a.txt /",
        "remofile upload --chunk-size 5 a.txt /",
        "remofile sync --delete-after dir :/dir",
        "remofile ls -1t /full",
        "remofile ls --sort sise",
        "remofile ls --port 1 --port 2",
        "remofile run --port 6768 dir",
        "remofile run none",
        "remofile run dir 99999",
        "remofile token revoke alice",
        "remofile stop --pidfile none",
    ]);
    scene.freezes("words_of_other_tools");
}

#[test]
fn servers_that_refuse() {
    let mut scene = Scene::serving(&["--read-only"]);
    scene.told.push_str("# a server that is read-only\n");
    scene.type_all(&["remofile upload b.txt", "remofile rm /a.txt", "remofile mkdir /x"]);
    let told = std::mem::take(&mut scene.told);
    let mut scene = Scene::serving(&["--file-size-limit", "3"]);
    scene.told = told + "# a server that takes files of 3 bytes\n";
    scene.type_all(&["remofile upload b.txt", "remofile sync local dir /new", "remofile upload -q --json b.txt"]);
    let told = std::mem::take(&mut scene.told);
    let mut scene = Scene::serving(&["--max-sessions", "1"]);
    scene.told = told + "# a server whose only session is taken\n";
    let mut follower = scene.pair.command("cat -f /a.txt").stdout(Stdio::piped()).spawn().unwrap();
    writeln!(open_to_append(scene.pair.remote("a.txt"))).unwrap();
    let mut line = String::new();
    BufReader::new(follower.stdout.take().unwrap()).read_line(&mut line).unwrap();
    scene.type_all(&["remofile ls"]);
    follower.kill().unwrap();
    follower.wait().unwrap();
    scene.freezes("servers_that_refuse");
}

#[test]
fn a_token_that_is_removed_or_lacks_a_right() {
    let tokens = directory();
    let file = tokens.path().join("tokens.toml");
    let token = |line: &str| {
        say(remofile().args(["token"]).args(line.split(' ')).arg("--tokens").arg(&file)).ok().trim().to_owned()
    };
    let (reader, removed) = (token("add reader --rights read"), token("add removed"));
    token("remove removed");
    let root = directory();
    plant(root.path(), &["a.txt"]);
    let mut command = remofile();
    command.args(["run", "--address", "127.0.0.1", "--tokens"]).arg(&file).arg(root.path()).arg("0");
    let server = support::Server::ready(command, root.path());
    let port = server.port.to_string();
    let mut scene = Scene::new();
    scene.names.push((format!(":{port}"), ":PORT"));
    for (line, token) in [
        ("remofile ls", &removed),
        ("remofile upload b.txt", &reader),
        ("remofile rm /a.txt", &reader),
        ("remofile status", &reader),
    ] {
        if line != "remofile status" {
            scene.types(line, &[("REMOFILE_PORT", &port), ("REMOFILE_TOKEN", token)]);
        }
    }
    scene.freezes("a_token_that_is_removed_or_lacks_a_right");
}

#[test]
fn a_server_that_is_frozen_is_not_called_another_service() {
    let mut scene = Scene::new();
    signal(scene.pair.server.child.id(), "STOP");
    scene.type_all(&["remofile ls -t 300", "remofile ls", "remofile --json ls -t 300"]);
    signal(scene.pair.server.child.id(), "CONT");
    scene.freezes("a_server_that_is_frozen");
}

#[test]
fn no_hint_names_an_option_that_is_given() {
    let pair = Pair::new();
    plant(pair.root.path(), &["file", "directory/other"]);
    for line in [
        "file -u /directory",
        "directory -p /file",
        "directory --update /file",
        "move -f /directory /file",
        "copy -rf /directory /file",
    ] {
        let told = pair.run(line).fails(1);
        assert!(told.contains("it exists already") && !told.contains("'-"), "{line}: {told}");
    }
    assert!(pair.run("file /directory").fails(1).contains("'-u'"));
}

//! The audit log and the log file of a server: what is in them, and that rotation, full disks and signals lose nothing.

#![expect(clippy::disallowed_methods, reason = "tests prepare and look at files directly")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support;

use serde_json::Value;
use std::fs::{File, rename};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};
use support::{CommandOutput, Server, TOKEN, directory, mkdir, port_of, read, remofile, say, signal, write};

/// Lines of a log, each of which must be whole.
fn lines(path: &Path) -> Vec<Value> {
    let text = String::from_utf8(read(path)).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// Waits until something is so; the deadline only keeps a failure from lasting forever.
#[track_caller]
fn until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "it did not come about");
        std::thread::yield_now();
    }
}

fn make_file(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    write(path, "x");
}

fn has_line(path: &Path, text: &str) -> bool {
    path.exists() && String::from_utf8_lossy(&read(path)).contains(text)
}

/// A server in the foreground with an audit log, and what it says on standard error in a file.
struct Scene {
    directory: tempfile::TempDir,
    server: Server,
}

impl Scene {
    fn new() -> Self {
        Self::logging_to("logs/audit.jsonl")
    }

    /// With the audit log at a path below its directory, or anywhere.
    fn logging_to(path: &str) -> Self {
        let directory = directory();
        let root = directory.path().join("root");
        mkdir(&root);
        mkdir(directory.path().join("logs"));
        let mut command = remofile();
        command.args(["run", "--address", "127.0.0.1", "-v", "--audit-log"]).arg(directory.path().join(path));
        command.arg(&root).args(["0", TOKEN]).stderr(File::create(directory.path().join("stderr")).unwrap());
        let server = Server::ready(command, &root);
        Self { directory, server }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn audit(&self) -> PathBuf {
        self.at("logs/audit.jsonl")
    }

    /// Renames the log, tells the server, and waits until it has made a new one.
    fn rotate(&self, to: &str) -> PathBuf {
        let old = self.at("logs").join(to);
        rename(self.audit(), &old).unwrap();
        self.server.signal("HUP");
        until(|| self.audit().exists());
        old
    }

    /// An upload of standard input that the server has begun to store.
    fn streaming(&self) -> (Child, ChildStdin) {
        let mut upload = self.server.client();
        upload.args(["upload", "--name", "streamed", "-"]);
        let mut upload = upload.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = upload.stdin.take().unwrap();
        stdin.write_all(&vec![1; 3 << 20]).unwrap();
        until(|| self.server.run("status --json").ok().contains("\"upload\""));
        (upload, stdin)
    }

    fn stop(&mut self) {
        self.server.signal("TERM");
        assert_eq!(self.server.wait().code(), Some(0));
    }
}

#[test]
fn who_did_what_to_a_path_is_found_in_the_log() {
    let mut scene = Scene::new();
    for name in ["a", "b", "sub/c"] {
        make_file(&scene.at("tree").join(name));
    }
    let tree = scene.at("tree");
    let upload = ["upload", "--recursive", "--on-conflict", "replace"];
    say(scene.server.client().args(upload).arg(&tree)).ok();
    write(tree.join("a"), "new");
    say(scene.server.client().args(upload).arg(&tree)).ok();
    say(scene.server.client().args(["download", "/tree/a"]).arg(scene.at("logs"))).ok();
    scene.server.run("move /tree/b /moved").ok();
    scene.server.run("remove --recursive /tree").ok();
    scene.server.run("remove /nothing").fails(1);
    scene.stop();
    let lines = lines(&scene.audit());
    let about = |path: &str| -> Vec<String> {
        let told = |line: &&Value| [&line["path"], &line["to"]].contains(&&Value::from(path));
        let text = |line: &Value| {
            [&line["event"], &line["what"], &line["outcome"]].map(|text| text.as_str().unwrap().to_owned())
        };
        lines.iter().filter(told).map(|line| text(line).join(" ")).collect()
    };
    assert_eq!(about("/tree/a"), ["entry store ok", "entry store ok", "entry send ok", "operation download ok"]);
    assert_eq!(about("/tree/sub/c")[0], "entry store ok");
    assert_eq!(about("/moved").last().unwrap(), "operation move ok");
    assert_eq!(about("/tree").last().unwrap(), "operation remove ok");
    assert_eq!(about("/nothing").last().unwrap(), "operation remove not-found");
    let sessions = |what: &str| lines.iter().filter(|line| line["event"] == "session" && line["what"] == what).count();
    assert_eq!((sessions("open"), sessions("close")), (6, 6));
    let sent = lines.iter().find(|line| line["what"] == "send").unwrap();
    assert_eq!((&sent["token"], &sent["bytes"]), (&Value::from("default"), &Value::from(3)));
    assert!(sent["address"].as_str().unwrap().starts_with("127.0.0.1:") && sent["client"].is_string());
    let removed = lines.iter().find(|line| line["what"] == "remove" && line["outcome"] == "ok").unwrap();
    assert_eq!((&removed["files"], &removed["directories"]), (&Value::from(2), &Value::from(2)));
    assert!(removed["seconds"].is_number());
    let (time, pattern) = (removed["time"].as_str().unwrap(), "2026-01-01T00:00:00.000Z");
    assert!(time.len() == pattern.len() && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
}

#[test]
fn no_secret_gets_into_the_log_and_refused_guesses_do_not_flood_it() {
    let mut scene = Scene::new();
    let wrong = "22222222222222222223Ei";
    for _ in 0..3 {
        let refused = say(scene.server.client().env("REMOFILE_TOKEN", wrong).arg("list"));
        assert_ne!(refused.status, Some(0));
    }
    scene.server.run("list").ok();
    scene.stop();
    let told = String::from_utf8(read(scene.audit())).unwrap();
    assert!(!told.contains(TOKEN) && !told.contains(wrong), "{told}");
    let refused: Vec<Value> = lines(&scene.audit()).into_iter().filter(|line| line["event"] == "refused").collect();
    assert!(refused.iter().any(|line| line["outcome"] == "wrong-token" && line["address"].is_string()), "{refused:?}");
}

#[test]
fn the_lines_of_eight_clients_at_once_are_whole_and_none_is_missing() {
    let mut scene = Scene::new();
    std::thread::scope(|scope| {
        for client in 0..8 {
            let scene = &scene;
            scope.spawn(move || {
                let tree = scene.at(&format!("tree{client}"));
                for file in 0..100 {
                    make_file(&tree.join(file.to_string()));
                }
                let mut upload = scene.server.client();
                // Whoever finds the others in the way waits.
                say(upload.args(["upload", "--wait", "--recursive"]).arg(&tree)).ok();
            });
        }
    });
    scene.stop();
    let lines = lines(&scene.audit());
    for client in 0..8 {
        for file in 0..100 {
            let path = Value::from(format!("/tree{client}/{file}"));
            assert!(lines.iter().any(|line| line["what"] == "store" && line["path"] == path), "{path}");
        }
    }
}

#[test]
fn a_log_that_is_renamed_goes_on_in_a_new_file_and_nothing_is_lost() {
    let mut scene = Scene::new();
    scene.server.run("file a").ok();
    let old = scene.rotate("audit.jsonl.1");
    scene.server.run("file b").ok();
    let older = scene.rotate("audit.jsonl.2");
    scene.server.run("file c").ok();
    scene.stop();
    assert!(has_line(&scene.at("stderr"), "the audit log was opened again"));
    let all: Vec<Value> = [old, older, scene.audit()].iter().flat_map(|path| lines(path)).collect();
    let made: Vec<&str> =
        all.iter().filter(|line| line["what"] == "create-file").filter_map(|line| line["path"].as_str()).collect();
    assert_eq!(made, ["/a", "/b", "/c"]);
    let last = lines(&scene.audit());
    assert!(last.iter().any(|line| line["path"] == "/c"));
}

#[test]
fn a_log_that_is_copied_and_emptied_goes_on_at_its_beginning() {
    let mut scene = Scene::new();
    scene.server.run("file a").ok();
    until(|| has_line(&scene.audit(), "\"close\""));
    File::options().write(true).open(scene.audit()).unwrap().set_len(0).unwrap();
    scene.server.run("file b").ok();
    scene.stop();
    let lines = lines(&scene.audit());
    assert!(lines.iter().all(|line| line["path"] != "/a") && lines.iter().any(|line| line["path"] == "/b"));
}

#[test]
fn a_hang_up_in_the_middle_of_a_transfer_keeps_it() {
    let mut scene = Scene::new();
    let (upload, mut stdin) = scene.streaming();
    scene.rotate("audit.jsonl.1");
    stdin.write_all(&vec![2; 3 << 20]).unwrap();
    drop(stdin);
    CommandOutput::from(upload.wait_with_output().unwrap()).ok();
    assert_eq!(read(scene.at("root/streamed")).len(), 6 << 20);
    scene.stop();
    assert!(lines(&scene.audit()).iter().any(|line| line["what"] == "upload" && line["outcome"] == "ok"));
}

#[test]
fn a_server_in_the_background_opens_both_logs_again_and_its_pidfile_stays() {
    let directory = directory();
    let at = |name: &str| directory.path().join(name);
    mkdir(at("root"));
    mkdir(at("logs"));
    let mut start = remofile();
    start.args(["start", "root", "0", TOKEN, "--address", "127.0.0.1", "-v"]).current_dir(directory.path());
    // Relative paths, which mean something else once the process is at `/`.
    start.args(["--log-file", "logs/log", "--audit-log", "logs/audit.jsonl"]);
    let announcement = say(&mut start).ok();
    let port = port_of(announcement.lines().next().unwrap());
    let list = || {
        let mut list = remofile();
        list.env("REMOFILE_HOSTNAME", "127.0.0.1").env("REMOFILE_PORT", port.to_string()).env("REMOFILE_TOKEN", TOKEN);
        say(list.arg("list")).ok()
    };
    list();
    rename(at("logs/log"), at("logs/log.1")).unwrap();
    rename(at("logs/audit.jsonl"), at("logs/audit.jsonl.1")).unwrap();
    let pidfile = read(at("daemon.pid"));
    let process = String::from_utf8_lossy(&pidfile).trim().parse().unwrap();
    signal(process, "HUP");
    until(|| has_line(&at("logs/log"), "the log file was opened again") && at("logs/audit.jsonl").exists());
    assert_eq!(read(at("daemon.pid")), pidfile);
    list();
    say(remofile().arg("stop").current_dir(directory.path())).ok();
    assert!(!at("daemon.pid").exists());
    assert!(has_line(&at("logs/log.1"), "session opened") && has_line(&at("logs/log"), "session opened"));
    let last = lines(&at("logs/audit.jsonl"));
    assert!(last.iter().any(|line| line["what"] == "list") && last.last().unwrap()["what"] == "close", "{last:?}");
}

#[test]
fn an_end_of_the_server_leaves_no_line_behind() {
    let mut scene = Scene::new();
    let (mut upload, stdin) = scene.streaming();
    scene.stop();
    drop(stdin);
    upload.wait().unwrap();
    let lines = lines(&scene.audit());
    let upload = lines.iter().find(|line| line["what"] == "upload").unwrap();
    assert_eq!(upload["outcome"], "shutting-down");
    assert_eq!(lines.last().unwrap()["outcome"], "shutting-down");
}

#[test]
fn a_log_that_cannot_be_written_to_is_refused_at_the_beginning() {
    let directory = directory();
    let at = |name: &str| directory.path().join(name);
    write(at("file"), "");
    symlink(at("file"), at("link")).unwrap();
    mkdir(at("root"));
    for name in ["missing/audit", "link", "."] {
        let mut command = remofile();
        command.arg("run").arg(at("root")).arg("0").arg("--audit-log").arg(at(name));
        let stderr = say(&mut command).fails(1);
        assert!(stderr.contains(at(name).to_string_lossy().trim_end_matches("/.")), "{stderr}");
    }
}

#[test]
fn a_server_whose_disk_is_full_goes_on_and_says_so_once() {
    let mut scene = Scene::logging_to("/dev/full");
    for name in ["a", "b", "c"] {
        scene.server.run(&format!("file {name}")).ok();
    }
    until(|| has_line(&scene.at("stderr"), "the audit log cannot be written"));
    scene.server.run("list").ok();
    scene.stop();
    let stderr = String::from_utf8(read(scene.at("stderr"))).unwrap();
    assert_eq!(stderr.matches("it is tried again").count(), 1, "{stderr}");
    assert!(stderr.contains("the last lines of the audit log cannot be written"), "{stderr}");
}

#[test]
fn what_cannot_be_opened_again_is_written_to_as_before() {
    let mut scene = Scene::new();
    rename(scene.audit(), scene.at("logs/old")).unwrap();
    mkdir(scene.audit());
    scene.server.signal("HUP");
    until(|| has_line(&scene.at("stderr"), "the audit log is written to as before"));
    scene.server.run("file a").ok();
    scene.stop();
    assert!(lines(&scene.at("logs/old")).iter().any(|line| line["path"] == "/a"));
}

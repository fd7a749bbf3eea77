//! Hooks: a command that is run, and an address that is called, for each file that a client has stored.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use support::{Server, TOKEN, directory, mkdir, read, remofile, say, write};

/// A server with hooks, what it logs, and a directory of files to upload.
/// A secret that only the server has to know.
const SECRET: &str = "of-the-server-alone";

struct Scene {
    directory: tempfile::TempDir,
    server: Option<Server>,
}

impl Scene {
    fn with(options: impl Fn(&Path) -> Vec<String>) -> Self {
        let directory = directory();
        mkdir(directory.path().join("local"));
        let mut command = remofile();
        command.args(["run", "--address", "127.0.0.1", "-v"]).args(options(directory.path()));
        command.env("ETCDCTL_PASSWORD", SECRET).env("AWS_SECRET_ACCESS_KEY", SECRET).env("AZURE_STORAGE_KEY", SECRET);
        let server = Some(Server::logging(command, directory.path()));
        Self { directory, server }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn upload(&self, name: &str) {
        let file = self.at("local").join(name);
        write(&file, "content");
        say(self.server.as_ref().unwrap().client().args(["upload", "--"]).arg(&file).arg("/")).ok();
    }

    fn stop(&mut self) -> Duration {
        let mut server = self.server.take().unwrap();
        let began = Instant::now();
        server.signal("TERM");
        assert!(server.wait().success());
        began.elapsed()
    }

    fn log(&self) -> String {
        String::from_utf8(read(self.at("log"))).unwrap()
    }

    /// Waits until something is in a file; the deadline only keeps a failure from lasting forever.
    #[track_caller]
    fn comes(&self, file: &str, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let path = self.at(file);
            let content = if path.exists() { String::from_utf8(read(path)).unwrap() } else { String::new() };
            if content.contains(text) {
                return content;
            }
            assert!(Instant::now() < deadline, "{text:?} is not in {content:?}; {}", self.log());
            std::thread::yield_now();
        }
    }
}

fn on_upload(command: &str) -> Vec<String> {
    vec!["--on-upload".to_owned(), command.to_owned()]
}

/// A web server that gives these answers, one a request, and what it was asked.
fn web(answers: &'static [&'static str]) -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?key=secret-key", listener.local_addr().unwrap());
    let (asked, heard) = channel();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            asked.send(request(&stream)).unwrap();
            // One with a length of its own does not end.
            let rest =
                if answer.contains("Content-Length") { "" } else { "\r\nContent-Length: 0\r\nConnection: close" };
            write!(stream, "HTTP/1.1 {answer}{rest}\r\n\r\n").unwrap();
            if rest.is_empty() {
                open.push(stream);
            }
        }
        // They stay as they are until the test is over.
        std::thread::park();
    });
    (url, heard)
}

/// Reads a request: its head and its body.
fn request(stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap() == 0 {
            break;
        }
    }
    let length = head.to_ascii_lowercase();
    let length = length.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

#[test]
fn a_command_is_run_for_a_stored_file_with_its_record_and_outside_of_the_wall() {
    let scene = Scene::with(|directory| {
        on_upload(&format!(
            "printf '%s|%s|%s|%s|%s|' \"$REMOFILE_EVENT\" \"$REMOFILE_PATH\" \"$REMOFILE_BYTES\" \"$REMOFILE_USER\" \
             \"$(cat \"$REMOFILE_FILE\")\" >> {0}/told; cat >> {0}/told",
            directory.display()
        ))
    });
    scene.upload("a");
    let told = scene.comes("told", "\n");
    let (variables, record) = told.split_at(told.find('{').unwrap());
    assert_eq!(variables, "store|/a|7|default|content|");
    let record: Value = serde_json::from_str(record).unwrap();
    assert_eq!((&record["event"], &record["what"], &record["path"]), (&"entry".into(), &"store".into(), &"/a".into()));
    assert_eq!((&record["bytes"], &record["outcome"], &record["token"]), (&7.into(), &"ok".into(), &"default".into()));
    assert!(record["address"].as_str().unwrap().starts_with("127.0.0.1:"));
}

#[test]
fn no_name_of_a_file_is_taken_for_a_command() {
    let scene = Scene::with(|directory| on_upload(&format!("echo \"$REMOFILE_PATH\" >> {}/told", directory.display())));
    let names = ["$(touch injected)", "`touch injected`", "'; touch injected; '", "-rf", "a b"];
    names.iter().for_each(|name| scene.upload(name));
    let told = scene.comes("told", "/a b\n");
    assert_eq!(told.lines().collect::<Vec<_>>(), names.map(|name| format!("/{name}")));
    assert!(!scene.at("root/injected").exists() && !scene.at("injected").exists());
}

#[test]
fn a_command_gets_no_secret_of_the_server() {
    let mut scene = Scene::with(|directory| {
        on_upload(&format!("env > {}/told; cat /proc/$PPID/cmdline > {0}/line", directory.display()))
    });
    scene.upload("a");
    scene.stop();
    let told = scene.comes("told", "REMOFILE_FILE=");
    assert!(!told.contains(SECRET), "{told}");
    assert!(!told.contains(TOKEN) && !told.contains("REMOFILE_TOKEN") && !told.contains("NOTIFY_SOCKET"), "{told}");
    assert!(!scene.comes("line", "remofile").contains(TOKEN));
}

#[test]
fn a_command_that_fails_is_tried_again_and_what_it_said_is_logged() {
    let scene = Scene::with(|directory| {
        let there = directory.display();
        on_upload(&format!(
            "echo x >> {there}/tries; test $(wc -l < {there}/tries) -gt 1 || {{ echo oh no >&2; exit 3; }}"
        ))
    });
    scene.upload("a");
    let log = scene.comes("log", "a hook succeeded late");
    assert!(log.contains("exit status: 3: oh no") && log.contains("attempts=2"), "{log}");
    assert_eq!(read(scene.at("tries")), b"x\nx\n");
}

#[test]
fn a_command_that_hangs_is_killed_and_holds_up_no_client() {
    let scene = Scene::with(|directory| {
        let there = directory.display();
        [
            on_upload(&format!("echo x >> {there}/tries; test $(wc -l < {there}/tries) -gt 1 || sleep 1000")),
            vec!["--hook-timeout".to_owned(), "300ms".to_owned()],
        ]
        .concat()
    });
    scene.upload("a");
    scene.upload("b");
    let log = scene.comes("log", "a hook succeeded late");
    assert!(log.contains("did not end within 0.3 s, and was killed"), "{log}");
    scene.comes("tries", "x\nx\nx\n");
}

#[test]
fn a_command_that_hangs_is_killed_though_it_has_closed_its_standard_error() {
    let scene = Scene::with(|directory| {
        let there = directory.display();
        [
            on_upload(&format!(
                "exec 2>/dev/null; echo x >> {there}/tries; test $(wc -l < {there}/tries) -gt 1 || sleep 1000"
            )),
            vec!["--hook-timeout".to_owned(), "300ms".to_owned()],
        ]
        .concat()
    });
    scene.upload("a");
    scene.comes("tries", "x\nx\n");
    let log = scene.comes("log", "a hook succeeded late");
    assert!(log.contains("did not end within 0.3 s, and was killed"), "{log}");
}

#[test]
fn a_command_is_over_when_its_shell_is_whatever_it_leaves_behind() {
    let scene = Scene::with(|directory| {
        let there = directory.display();
        // What it leaves behind has its standard error, for as long as the scene is there.
        let command = format!(
            "while test -e {there}/root; do sleep 0.1; done & echo \"$REMOFILE_PATH\" >> {there}/told; test $(wc -l < {there}/told) -ne 1 || \
             {{ echo oh no >&2; exit 3; }}"
        );
        [on_upload(&command), vec!["--hook-timeout".to_owned(), "1h".to_owned()]].concat()
    });
    scene.upload("a");
    scene.upload("b");
    assert_eq!(scene.comes("told", "/b\n"), "/a\n/a\n/b\n");
    let log = scene.comes("log", "a hook succeeded late");
    assert!(log.contains("exit status: 3: oh no"), "{log}");
}

#[test]
fn what_waits_for_a_hook_is_done_before_the_server_ends() {
    let mut scene = Scene::with(|directory| {
        let there = directory.display();
        on_upload(&format!(
            "echo \"$REMOFILE_PATH\" >> {there}/begun; read x < {there}/pipe; echo \"$REMOFILE_PATH\" >> {there}/told"
        ))
    });
    rustix::fs::mkfifoat(rustix::fs::CWD, scene.at("pipe"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    for name in ["a", "b", "c"] {
        scene.upload(name);
    }
    scene.server.as_ref().unwrap().signal("TERM");
    for name in ["/a", "/b", "/c"] {
        scene.comes("begun", name);
        support::open_to_write(scene.at("pipe")).write_all(b"go\n").unwrap();
    }
    assert!(scene.server.take().unwrap().wait().success());
    assert_eq!(read(scene.at("told")), b"/a\n/b\n/c\n");
}

#[test]
fn an_address_is_called_with_the_record_and_again_where_that_may_help() {
    let (url, heard) = web(&["503 Service Unavailable", "204 No Content", "404 Not Found", "200 OK"]);
    let scene = Scene::with(|_| vec!["--webhook".to_owned(), url.clone()]);
    for name in ["a", "b", "c"] {
        scene.upload(name);
    }
    let paths: Vec<String> = (0..4)
        .map(|_| {
            let (head, body) = heard.recv_timeout(Duration::from_secs(60)).unwrap();
            assert!(head.starts_with("POST /hook?key=secret-key HTTP/1.1\r\n"), "{head}");
            assert!(head.to_ascii_lowercase().contains("content-type: application/json\r\n"), "{head}");
            let record: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(record["what"], "store");
            record["path"].as_str().unwrap().to_owned()
        })
        .collect();
    // What the other side refuses for good is not tried again.
    assert_eq!(paths, ["/a", "/a", "/b", "/c"]);
    let log = scene.comes("log", "a hook failed hook=");
    assert!(log.contains("the answer is 404 Not Found") && !log.contains("secret-key"), "{log}");
}

#[test]
fn an_address_that_does_not_answer_holds_up_neither_clients_nor_the_end() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let mut scene = Scene::with(|_| vec!["--webhook".to_owned(), url.clone()]);
    for name in ["a", "b"] {
        scene.upload(name);
    }
    scene.stop();
    let log = scene.log();
    assert!(log.contains("a hook is not run") && log.contains("files=2"), "{log}");
}

#[test]
fn an_answer_that_does_not_end_holds_up_no_other_file() {
    let (url, heard) = web(&["200 OK\r\nContent-Length: 10", "200 OK\r\nContent-Length: 10"]);
    let scene = Scene::with(|_| ["--webhook", &url, "--hook-timeout", "1h"].map(str::to_owned).to_vec());
    for name in ["a", "b"] {
        scene.upload(name);
        let (_, record) = heard.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(record.contains(&format!("\"/{name}\"")), "{record}");
    }
    assert!(!scene.log().contains("a hook failed"), "{}", scene.log());
}

#[test]
fn a_file_of_protocol_1_and_one_in_a_tree_are_stored_too_and_a_refused_one_is_not() {
    let scene = Scene::with(|directory| {
        [
            on_upload(&format!("echo \"$REMOFILE_PATH\" >> {}/told", directory.display())),
            vec!["--file-size-limit".to_owned(), "100".to_owned()],
        ]
        .concat()
    });
    let client = || scene.server.as_ref().unwrap().client();
    mkdir(scene.at("local/tree/sub"));
    write(scene.at("local/tree/sub/x"), "x");
    write(scene.at("local/tree/large"), [1; 200]);
    say(client().args(["upload", "-r"]).arg(scene.at("local/tree"))).fails(23);
    write(scene.at("local/old"), "x");
    say(client().args(["upload", "--protocol", "1"]).arg(scene.at("local/old"))).ok();
    assert_eq!(scene.comes("told", "/old\n"), "/tree/sub/x\n/old\n");
}

#[test]
fn an_address_that_cannot_be_called_is_refused_at_once() {
    for (url, told) in [("ftp://x/", "http://"), ("x", "http://"), ("http://", "no address")] {
        let message = support::run(&["run", ".", "--webhook", url]).fails(2);
        assert!(message.contains("--webhook") && message.contains(told), "{message}");
    }
}

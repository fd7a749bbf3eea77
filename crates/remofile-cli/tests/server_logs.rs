//! The log of a server: one line an operation, as text or as objects, as much as is asked for, and never a secret.

#![expect(clippy::disallowed_methods, reason = "tests prepare and look at files directly")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use serde_json::Value;
use std::fs::File;
use std::path::PathBuf;
use support::{Server, TOKEN, directory, mkdir, read, remofile, rename, say, write};

/// The log of a server for which some commands were run.
struct Logged {
    directory: tempfile::TempDir,
    log: String,
}

impl Logged {
    fn of(options: &[&str], variables: &[(&str, &str)]) -> Self {
        let directory = directory();
        mkdir(directory.path().join("root"));
        let mut command = remofile();
        command.env_remove("RUST_LOG").args(["run", "--address", "127.0.0.1"]).args(options);
        command.arg(directory.path().join("root")).args(["0", TOKEN]).envs(variables.iter().copied());
        command.stderr(File::create(directory.path().join("log")).unwrap());
        let mut server = Server::ready(command, &directory.path().join("root"));
        let file = directory.path().join("evil\u{202e}\"name");
        write(&file, "x");
        say(server.client().arg("upload").arg(&file).arg("/").arg("--names").arg("posix")).status.unwrap();
        server.run("directory photos").ok();
        server.run("remove /none").fails(1);
        say(server.client().arg("list").env("REMOFILE_TOKEN", "33333333333333333333Ci")).fails(3);
        server.signal("TERM");
        server.wait();
        let log = String::from_utf8(read(directory.path().join("log"))).unwrap();
        assert!(!log.contains(TOKEN) && !log.contains("33333333333333333333Ci"), "{log}");
        Self { directory, log }
    }

    /// Lines of an operation on a path.
    fn lines_about(&self, path: &str) -> Vec<&str> {
        let is_so = |line: &&str| line.contains("operation") && line.contains(path) && line.contains("seconds");
        self.log.lines().filter(is_so).collect()
    }
}

#[test]
fn an_operation_is_one_line_of_information_with_its_outcome() {
    let logged = Logged::of(&["-v"], &[]);
    let lines = logged.lines_about("\"/photos\"");
    assert_eq!(lines.len(), 1, "{}", logged.log);
    for part in ["INFO", "what=\"make-directory\"", "outcome=\"ok\"", "token=\"default\"", "address=\"127.0.0.1:"] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    assert!(logged.lines_about("/none")[0].contains("outcome=\"not-found\""));
}

#[test]
fn warnings_alone_are_logged_unless_more_is_asked_for() {
    assert!(Logged::of(&[], &[]).lines_about("/photos").is_empty());
    for variables in
        [[("RUST_LOG", "info")], [("RUST_LOG", "warn,remofile::operations=info")], [("REMOFILE_LOG", "info")]]
    {
        assert_eq!(Logged::of(&[], &variables).lines_about("/photos").len(), 1, "{variables:?}");
    }
    assert!(Logged::of(&["-v"], &[("RUST_LOG", "error")]).lines_about("/photos").is_empty());
    assert!(Logged::of(&["-v"], &[("RUST_LOG", "info"), ("REMOFILE_LOG", "error")]).lines_about("/photos").is_empty());
}

#[test]
fn a_variable_that_is_meant_for_other_programs_is_told_and_ends_nothing() {
    let logged = Logged::of(&["-v"], &[("RUST_LOG", "other[span{field=1}]=nonsense")]);
    assert!(logged.log.contains("RUST_LOG is not heeded"), "{}", logged.log);
    assert_eq!(logged.lines_about("/photos").len(), 1);
}

#[test]
fn every_line_is_an_object_if_that_is_asked_for() {
    let logged = Logged::of(&["-v", "--log-format", "json"], &[]);
    let objects: Vec<Value> = logged.log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let operation =
        |path: &str| objects.iter().find(|line| line["message"] == "operation" && line["path"] == path).unwrap();
    let made = operation("/photos");
    assert_eq!(
        (&made["what"], &made["outcome"], &made["level"]),
        (&"make-directory".into(), &"ok".into(), &"INFO".into())
    );
    assert!(made["seconds"].is_number() && made["bytes"].is_number() && made["timestamp"].is_string(), "{made}");
    assert!(objects.iter().any(|line| line["level"] == "WARN" && line["reason"] == "wrong-token"), "{}", logged.log);
    assert!(!logged.log.contains('\u{202e}'));
    drop(logged.directory);
}

#[test]
fn a_server_in_the_foreground_has_a_log_file_that_is_opened_again() {
    let directory = directory();
    let at = |name: &str| -> PathBuf { directory.path().join(name) };
    mkdir(at("root"));
    mkdir(at("logs"));
    let mut command = remofile();
    command.args(["run", "--address", "127.0.0.1", "-v", "--log-file"]).arg(at("logs/log")).arg(at("root"));
    let mut server = Server::ready(
        {
            command.args(["0", TOKEN]);
            command
        },
        &at("root"),
    );
    server.run("directory one").ok();
    rename(at("logs/log"), at("logs/old"));
    server.signal("HUP");
    while !at("logs/log").exists() {
        std::thread::yield_now();
    }
    server.run("directory two").ok();
    server.signal("TERM");
    server.wait();
    let text = |name: &str| String::from_utf8(read(at(name))).unwrap();
    assert!(text("logs/old").contains("/one") && text("logs/log").contains("/two"));
}

#[test]
fn servers_of_directories_inside_one_another_are_both_told_whichever_starts_first() {
    let directory = directory();
    let at = |name: &str| -> PathBuf { directory.path().join(name) };
    mkdir(at("upper"));
    mkdir(at("upper/lower"));
    let begin = |name: &str| {
        let mut command = remofile();
        command.args(["run", "--address", "127.0.0.1"]).arg(at(name)).args(["0", TOKEN]);
        command.stderr(File::create(at(&format!("{}.log", name.replace('/', "-")))).unwrap());
        Server::ready(command, &at(name))
    };
    for upper_is_first in [true, false] {
        let (first, second) = if upper_is_first { ("upper", "upper/lower") } else { ("upper/lower", "upper") };
        let (mut first, mut second) = (begin(first), begin(second));
        first.run("list").ok();
        first.signal("TERM");
        second.signal("TERM");
        let (upper, lower) = if upper_is_first { (&first, &second) } else { (&second, &first) };
        let (upper_process, lower_process) = (upper.child.id(), lower.child.id());
        first.wait();
        second.wait();
        let log = |name: &str| String::from_utf8(read(at(&format!("{name}.log")))).unwrap();
        let below = format!(
            "another server serves a directory below: the two do not know of each other's clients process={lower_process}\n"
        );
        let above = format!("/upper process={upper_process}\n");
        assert_eq!(log("upper").matches(&below).count(), 1, "{upper_is_first}: {}", log("upper"));
        assert_eq!(log("upper-lower").matches(&above).count(), 1, "{upper_is_first}: {}", log("upper-lower"));
        assert!(log("upper-lower").contains("serves a directory above"), "{}", log("upper-lower"));
    }
}

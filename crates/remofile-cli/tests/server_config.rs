//! The options of a server in a file and in variables: what is taken from where, and what is told of what is wrong.

#![expect(clippy::disallowed_methods, reason = "tests prepare and look at files directly")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Server, TOKEN, directory, mkdir, read, remofile, run, say, write};

/// A directory with a root to serve and the file of a server's options.
struct Scene {
    directory: tempfile::TempDir,
}

impl Scene {
    fn new(options: &str) -> Self {
        let directory = directory();
        mkdir(directory.path().join("root"));
        write(directory.path().join("server.toml"), options);
        Self { directory }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self) -> PathBuf {
        self.at("server.toml")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = remofile();
        command.args(words);
        command
    }

    /// The error of a server that does not start.
    #[track_caller]
    fn refused(options: &str) -> String {
        let scene = Self::new(options);
        let told = say(scene.command(&["server-config"]).arg(scene.file())).fails(1);
        let (place, rest) = told.split_once("server.toml, ").unwrap();
        assert!(place.contains(&*scene.directory.path().to_string_lossy()), "{told}");
        rest.trim_end().to_owned()
    }
}

fn options(more: &str) -> String {
    format!("directory = \"root\"\nport = 0\naddress = \"127.0.0.1\"\n{more}")
}

fn client(server: &Server, line: &str) -> support::CommandOutput {
    server.run(line)
}

#[test]
fn a_server_serves_what_its_file_says() {
    let scene = Scene::new(&options(&format!("token = \"{TOKEN}\"\nread-only = true\nmax-sessions = 9\n")));
    let mut command = scene.command(&["server-config"]);
    command.arg(scene.file());
    let server = Server::ready(command, &scene.at("root"));
    client(&server, "list").ok();
    assert!(client(&server, "file a").fails(1).contains("read-only"));
}

#[test]
fn an_option_of_the_command_line_counts_more_than_a_variable_and_that_more_than_the_file() {
    let scene =
        Scene::new(&options("token-file = \"wrong\"\nfile-size-limit = 1\nread-only = true\nmax-sessions = \"7\"\n"));
    write(scene.at("token"), TOKEN);
    let mut command = scene.command(&["run", "--file-size-limit", "10", "--config"]);
    command.arg(scene.file()).env("REMOFILE_RUN_READ_ONLY", "false").env("REMOFILE_RUN_TOKEN_FILE", scene.at("token"));
    let server = Server::ready(command, &scene.at("root"));
    write(scene.at("ten"), [1; 10]);
    write(scene.at("eleven"), [1; 11]);
    let upload = |name: &str| say(server.client().arg("upload").arg(scene.at(name)));
    upload("ten").ok();
    upload("eleven").fails(1);
}

#[test]
fn a_container_needs_variables_alone() {
    let scene = Scene::new("");
    let mut command = remofile();
    command.arg("run").env("REMOFILE_RUN_DIRECTORY", scene.at("root")).env("REMOFILE_RUN_PORT", "0");
    command
        .env("REMOFILE_RUN_TOKEN", TOKEN)
        .env("REMOFILE_RUN_ADDRESS", "127.0.0.1")
        .env("REMOFILE_RUN_MAX_SESSIONS", "");
    let server = Server::ready(command, &scene.at("root"));
    client(&server, "list").ok();
}

#[test]
fn an_option_gives_way_to_one_that_contradicts_it_and_counts_more() {
    let scene = Scene::new(&options("tokens = \"none.toml\"\nrequire-encryption = true\n"));
    write(scene.at("token"), TOKEN);
    let mut command = scene.command(&["run", "--no-encryption", "--token-file"]);
    command.arg(scene.at("token")).arg("--config").arg(scene.file());
    let server = Server::ready(command, &scene.at("root"));
    client(&server, "list").ok();
    assert!(server.announcement[1].contains("plain ones"), "{:?}", server.announcement);
}

#[test]
fn what_is_wrong_in_the_file_is_told_with_its_line_and_what_to_write() {
    for (line, told) in [
        ("max-sesions = 3", "there is no option 'max-sesions': did you mean 'max-sessions'?"),
        ("max_sessions = 3", "there is no option 'max_sessions': did you mean 'max-sessions'?"),
        ("colour = 3", "there is no option 'colour': the options are those of 'remofile run --help'"),
        ("[limits]\nmax-sessions = 3", "there are no tables here"),
        ("read-only = \"yes\"", "'read-only' is true or false, without quotes: write read-only = true"),
        ("max-sessions = true", "'max-sessions' is a number, or a text in quotes: write max-sessions = 65536"),
        ("max-sessions = 0x10", "write max-sessions = 65536"),
        ("max-sessions = 1.5", "write max-sessions = 65536"),
        ("max-sessions = \"many\"", "'many' cannot be the value of 'max-sessions'"),
        ("fsync = \"sometimes\"", "'sometimes' cannot be the value of 'fsync': it is none, end or each"),
        ("idle-timeout = 30", "'30' cannot be the value of 'idle-timeout': it is a time with its unit"),
        ("audit-log = 1", "'audit-log' is a text, in quotes: write audit-log = \"FILE\""),
        ("tokens = \"a\"\ntoken-file = \"b\"", "'token-file' cannot go with 'tokens'"),
        ("port 7", ""),
    ] {
        let message = Scene::refused(&options(&format!("{line}\n")));
        let number = if line.starts_with("tokens") { "line 5: " } else { "line 4: " };
        assert!(message.starts_with(number) && message.contains(told), "{line}: {message}");
    }
    assert!(Scene::refused("port = -1").contains("line 1: '-1' cannot be the value of 'port'"));
    assert!(Scene::refused("port = 70000").contains("line 1: '70000' cannot be the value of 'port'"));
}

#[test]
fn a_secret_in_a_file_that_cannot_be_read_is_not_shown() {
    for line in ["token = \"abc secret", "token = 1\nx = \"secret\"", "tokn = \"secret\"", "token = [\"secret\"]"] {
        let message = Scene::refused(&options(line));
        assert!(!message.contains("secret"), "{message}");
    }
}

#[test]
fn what_is_wrong_in_a_variable_is_told_with_its_name() {
    let scene = Scene::new("");
    for (name, value, told) in [
        ("REMOFILE_RUN_PROT", "7", "REMOFILE_RUN_PROT: there is no such option: did you mean REMOFILE_RUN_PORT?"),
        ("REMOFILE_RUN_PORT", "x", "REMOFILE_RUN_PORT: 'x' cannot be the value of 'port'"),
        ("REMOFILE_RUN_READ_ONLY", "maybe", "REMOFILE_RUN_READ_ONLY: it is 'true' or 'false'"),
        ("REMOFILE_RUN_MAX_HOLD", "3", "REMOFILE_RUN_MAX_HOLD: '3' cannot be the value of 'max-hold'"),
        ("REMOFILE_RUN_CONFIG", "/nonexistent", "/nonexistent"),
    ] {
        let message = say(remofile().arg("run").arg(scene.at("root")).env(name, value)).fails(1);
        assert!(message.contains(told), "{name}: {message}");
    }
    // Clients do not look at them.
    let message = say(remofile().args(["list", "/"]).env("REMOFILE_RUN_PROT", "7")).stderr;
    assert!(!message.contains("REMOFILE_RUN"), "{message}");
}

#[test]
fn a_check_tells_what_is_wrong_and_serves_nothing() {
    let scene = Scene::new(&options("token-file = \"token\"\n"));
    let check = || say(scene.command(&["server-config", "--check-config"]).arg(scene.file()));
    assert!(check().fails(1).contains("token"));
    write(scene.at("token"), TOKEN);
    let told = check().ok();
    assert!(told.starts_with("The options are fine") && !told.contains(TOKEN), "{told}");
    let told = say(scene.command(&["run", "--check-config"]).arg(scene.at("missing"))).fails(1);
    assert!(told.contains("missing"), "{told}");
    assert!(run(&["server-config", "/nonexistent/x.toml"]).fails(1).contains("/nonexistent/x.toml"));
    let contrary = Scene::new(&options("min-chunk-size = 2\nmax-chunk-size = 1\n"));
    let told = say(contrary.command(&["server-config"]).arg(contrary.file())).fails(1);
    assert!(told.contains("server.toml: '--max-chunk-size' must not be smaller"), "{told}");
    let without = Scene::new("port = 0");
    assert!(say(remofile().args(["run", "--config"]).arg(without.file())).fails(1).contains("no directory"));
}

#[test]
fn a_check_finds_what_a_start_would_refuse_and_makes_nothing() {
    for (wrong, told) in [
        ("log-file = \"missing/log\"", "missing/log: No such file"),
        ("log-file = \"root\"", "Is a directory"),
        ("log-file = \"/proc/version\"", "/proc/version: "),
        ("audit-log = \"missing/log\"", "missing/log: No such file"),
        ("audit-log = \".\"", "Is a directory"),
        ("audit-log = \"/proc/version\"", "/proc/version: "),
        // No machine has this address: it is kept for documents.
        ("metrics = \"192.0.2.1:1\"", "cannot listen on 192.0.2.1:1: "),
        ("webhook = \"http://127.0.0.1:99999/\"", "'webhook': its port is none"),
        ("on-upload = \" \"", "'on-upload': it is empty"),
    ] {
        let scene = Scene::new(&options(&format!("token = \"{TOKEN}\"\n{wrong}\n")));
        for words in [&["server-config", "--check-config"][..], &["server-config"]] {
            let said = say(scene.command(words).arg(scene.file())).fails(1);
            assert!(said.contains(told), "{wrong}: {said}");
        }
    }
    let fine = Scene::new(&options(&format!("token = \"{TOKEN}\"\nlog-file = \"log\"\naudit-log = \"audit\"\n")));
    say(fine.command(&["server-config", "--check-config"]).arg(fine.file())).ok();
    assert!(!fine.at("log").exists() && !fine.at("audit").exists());
    let elsewhere = Scene::new("directory = \"root\"\nport = 7\naddress = \"192.0.2.1\"\n");
    let said = say(elsewhere.command(&["server-config", "--check-config"]).arg(elsewhere.file())).fails(1);
    assert!(said.contains("cannot listen on 192.0.2.1:7"), "{said}");
}

#[test]
fn options_a_key_and_logs_that_clients_could_replace_are_refused() {
    let scene = Scene::new(&options("private-key-file = \"root/key\"\n"));
    let refused = |file: &Path, what: &str| {
        let told = say(scene.command(&["server-config", "--check-config"]).arg(file)).fails(1);
        assert!(told.contains(&format!("the {what} ")) && told.contains("is in the served directory"), "{told}");
    };
    write(scene.at("root/key"), "<rvFXu4cUY>el=w?{S%Yd1z8*rxPpRn7H*^sXWJk");
    refused(&scene.file(), "file of the private key");
    write(scene.at("log.toml"), options(&format!("token = \"{TOKEN}\"\nlog-file = \"root/log\"\n")));
    refused(&scene.at("log.toml"), "log file");
    write(scene.at("audit.toml"), options(&format!("token = \"{TOKEN}\"\naudit-log = \"root/log\"\n")));
    refused(&scene.at("audit.toml"), "audit log");
    write(scene.at("root/server.toml"), "directory = \".\"\nport = 0\n");
    refused(&scene.at("root/server.toml"), "file of options");
}

#[test]
fn every_option_of_run_may_be_in_the_file() {
    let help = run(&["run", "--help"]).ok();
    let of_options = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let named = of_options.filter_map(|line| line.split("--").nth(1));
    let names: Vec<&str> = named.filter_map(|name| name.split([' ', ',', '.', '=']).next()).collect();
    assert!(names.len() > 25, "{help}");
    for name in
        names.into_iter().filter(|name| !["help", "config", "check-config"].contains(name) && !name.ends_with(')'))
    {
        // What is refused is the value, which no option takes.
        let message = Scene::refused(&format!("{name} = [1]"));
        assert!(message.starts_with("line 1: ") && message.contains(&format!("write {name} = ")), "{name}: {message}");
    }
}

#[test]
fn the_limits_and_the_token_of_the_file_are_taken_over_on_sighup() {
    let scene = Scene::new(&options("token-file = \"token\"\nfile-size-limit = 10\nverbose = 1\n"));
    write(scene.at("token"), TOKEN);
    let mut command = scene.command(&["server-config"]);
    command.arg(scene.file()).stderr(std::fs::File::create(scene.at("log")).unwrap());
    let mut server = Server::ready(command, &scene.at("root"));
    write(scene.at("twenty"), [1; 20]);
    let upload = |server: &Server| say(server.client().arg("upload").arg(scene.at("twenty")));
    upload(&server).fails(1);
    write(scene.file(), options("token-file = \"token\"\nfile-size-limit = 20\nverbose = 1\nread-only = true\n"));
    let other = "33333333333333333333Ci";
    write(scene.at("token"), other);
    server.signal("HUP");
    until(|| logged(&scene.at("log"), "the limits and the token are those of now"));
    assert!(logged(&scene.at("log"), "these options change when the server is started again options=\"read-only\""));
    upload(&server).fails(3);
    server.token = other.to_owned();
    upload(&server).ok();
    write(scene.file(), "nonsense");
    server.signal("HUP");
    until(|| logged(&scene.at("log"), "the options stay as they were"));
    upload(&server).ok();
}

#[test]
fn a_server_in_the_background_reads_its_file_again_from_any_directory() {
    let scene = Scene::new(&options(
        "token-file = \"token\"\nfile-size-limit = 10\npidfile = \"run/pid\"\nlog-file = \"log\"\nverbose = 1\n",
    ));
    write(scene.at("token"), TOKEN);
    mkdir(scene.at("run"));
    let mut start = scene.command(&["start", "--config", "server.toml"]);
    let told = say(start.current_dir(scene.directory.path())).ok();
    let client = |name: &str| {
        let mut upload = scene.command(&["upload", "--token-file"]);
        upload.arg(scene.at("token")).args(["--hostname", "127.0.0.1", "--port"]);
        say(upload.arg(support::port_of(told.lines().next().unwrap()).to_string()).arg(scene.at(name)).arg("/"))
    };
    write(scene.at("twenty"), [1; 20]);
    client("twenty").fails(1);
    write(scene.file(), options("token-file = \"token\"\nfile-size-limit = 20\nlog-file = \"log\"\n"));
    let pid = String::from_utf8(read(scene.at("run/pid"))).unwrap();
    support::signal(pid.lines().next().unwrap().trim().parse().unwrap(), "HUP");
    until(|| logged(&scene.at("log"), "the limits and the token are those of now"));
    client("twenty").ok();
    say(scene.command(&["stop", "--pidfile"]).arg(scene.at("run/pid"))).ok();
}

fn logged(log: &Path, text: &str) -> bool {
    String::from_utf8_lossy(&read(log)).contains(text)
}

/// Waits until something is so; the deadline only keeps a failure from lasting forever.
#[track_caller]
fn until(is_so: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "it did not come about");
        std::thread::yield_now();
    }
}

//! Tests of what a server tells of itself over HTTP: metrics for Prometheus, health for load balancers, whoever asks
//! and however.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use support::{Server, TOKEN, directory, remofile, run, say, write};

/// A server with metrics, and their address.
struct Watched {
    _root: tempfile::TempDir,
    server: Server,
    address: String,
}

impl Watched {
    fn start(options: &[&str]) -> Self {
        let root = directory();
        let mut command = remofile();
        command.args(["run", "--address", "127.0.0.1", "--metrics", "127.0.0.1:0"]).args(options);
        command.arg(root.path()).args(["0", TOKEN]);
        let mut server = Server::ready(command, root.path());
        let rest = server.line_with("How it is doing: http://");
        let address = rest.split('/').next().unwrap().to_owned();
        Self { _root: root, server, address }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    }

    /// Waits until the server is well: it has told its addresses before it turns.
    #[track_caller]
    fn becomes_well(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let said = self.get("/health");
            if said.starts_with("HTTP/1.1 200 OK\r\n") {
                return;
            }
            assert!(Instant::now() < deadline, "{said}");
            std::thread::yield_now();
        }
    }

    /// The value of a sample.
    fn sample(&self, name: &str) -> Option<f64> {
        let metrics = self.get("/metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        Some(line.parse().unwrap())
    }

    /// Waits until a sample has a value; the deadline only keeps a failure from lasting forever.
    #[track_caller]
    fn comes_to(&self, name: &str, value: f64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.sample(name) != Some(value) {
            assert!(Instant::now() < deadline, "{name} is no {value}:\n{}", self.get("/metrics"));
            std::thread::yield_now();
        }
    }
}

#[test]
fn what_clients_do_is_counted_by_kind_and_outcome() {
    let watched = Watched::start(&[]);
    let local = directory();
    // One that comes alone is flushed with its content.
    let files = ["a", "b"].map(|name| local.path().join(name));
    files.iter().for_each(|file| write(file, [1; 500]));
    say(watched.server.client().arg("upload").args(&files).arg("/")).ok();
    say(watched.server.client().args(["download", "/a"]).arg(local.path().join("c"))).ok();
    watched.server.run("remove /none").fails(1);
    say(watched.server.client().arg("list").env("REMOFILE_TOKEN", "33333333333333333333Ci")).fails(3);
    watched.comes_to("remofile_operations_total{operation=\"upload\",outcome=\"ok\"}", 1.0);
    watched.comes_to("remofile_operations_total{operation=\"download\",outcome=\"ok\"}", 1.0);
    watched.comes_to("remofile_operations_total{operation=\"remove\",outcome=\"not-found\"}", 1.0);
    watched.comes_to("remofile_operation_duration_seconds_count{operation=\"upload\"}", 1.0);
    watched.comes_to("remofile_files_stored_total", 2.0);
    watched.comes_to("remofile_stored_bytes_total", 1000.0);
    watched.comes_to("remofile_sessions", 0.0);
    let sample = |name: &str| watched.sample(name).unwrap();
    // A client may ask twice with a token that somebody chose.
    assert!(sample("remofile_refused_total{reason=\"wrong-token\"}") >= 1.0);
    assert!(sample("remofile_received_bytes_total") >= 1.0 && sample("remofile_sent_bytes_total") >= 1.0);
    assert!(sample("remofile_sessions_opened_total") >= 3.0);
    assert!(sample("remofile_flush_duration_seconds_count") >= 1.0, "an upload is flushed");
    assert!(sample("process_open_fds") > 5.0 && sample("process_max_fds") > sample("process_open_fds"));
    assert!(sample("process_resident_memory_bytes") > 1e6 && sample("process_start_time_seconds") > 1.7e9);
    assert!(watched.get("/metrics").contains("remofile_build_info{version=\""));
}

#[test]
fn every_number_is_told_with_its_help_and_type_as_prometheus_wants_it() {
    let watched = Watched::start(&[]);
    watched.server.run("list").ok();
    let said = watched.get("/metrics");
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    let mut described = Vec::new();
    for line in body.lines() {
        match line.strip_prefix("# HELP ") {
            Some(help) => described.push(help.split(' ').next().unwrap()),
            None if line.starts_with('#') => {
                let (name, kind) = line.strip_prefix("# TYPE ").unwrap().split_once(' ').unwrap();
                assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            }
            None => {
                let (name, value) = line.rsplit_once(' ').unwrap();
                let name = name.split('{').next().unwrap();
                assert!(described.iter().any(|known| name.starts_with(known)), "{line}");
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
        }
    }
    assert!(described.len() > 20, "{body}");
}

#[test]
fn health_is_told_while_the_server_answers() {
    let watched = Watched::start(&[]);
    watched.becomes_well();
    assert!(watched.get("/nothing").starts_with("HTTP/1.1 404 "));
}

#[test]
fn scrapers_that_say_nothing_hold_up_neither_others_nor_clients() {
    let watched = Watched::start(&[]);
    let silent: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(&watched.address).unwrap()).collect();
    watched.becomes_well();
    watched.server.run("list").ok();
    assert!(watched.sample("process_open_fds").unwrap() < 150.0, "few of them are kept");
    drop(silent);
}

#[test]
fn an_operation_that_waits_for_others_is_counted() {
    let watched = Watched::start(&["--exclusive"]);
    let mut upload = watched.server.client();
    upload.args(["upload", "--name", "streamed", "-"]).stdin(std::process::Stdio::piped());
    let mut upload = upload.stdout(std::process::Stdio::null()).spawn().unwrap();
    let mut stdin = upload.stdin.take().unwrap();
    stdin.write_all(&[1; 1 << 20]).unwrap();
    watched.comes_to("remofile_leases_held", 1.0);
    let mut waiting = watched.server.client();
    let mut waiting = waiting.args(["file", "a", "--wait"]).stderr(std::process::Stdio::null()).spawn().unwrap();
    watched.comes_to("remofile_leases_waiting", 1.0);
    drop(stdin);
    assert!(upload.wait().unwrap().success() && waiting.wait().unwrap().success());
    watched.comes_to("remofile_lease_wait_seconds_count", 1.0);
    watched.comes_to("remofile_leases_held", 0.0);
}

#[test]
fn an_address_that_is_none_or_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let root = directory();
    let told = say(remofile().args(["run", "--metrics", &address]).arg(root.path()).arg("0")).fails(1);
    assert!(told.contains(&address), "{told}");
    let told = run(&["run", ".", "--metrics", "everywhere"]).fails(2);
    assert!(told.contains("IP address with a port"), "{told}");
}

#[test]
fn the_dashboard_asks_for_numbers_that_there_are() {
    let watched = Watched::start(&["--on-upload", "true"]);
    let local = directory();
    write(local.path().join("a"), "x");
    say(watched.server.client().arg("upload").arg(local.path().join("a"))).ok();
    say(watched.server.client().arg("list").env("REMOFILE_TOKEN", "33333333333333333333Ci")).fails(3);
    watched.comes_to("remofile_hooks_total{hook=\"on-upload\",outcome=\"ok\"}", 1.0);
    let metrics = watched.get("/metrics");
    let dashboard: serde_json::Value =
        serde_json::from_str(include_str!("../../../deploy/grafana/remofile.json")).unwrap();
    let targets = dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let mut asked = 0;
    for expression in targets.map(|target| target["expr"].as_str().unwrap()) {
        let is_name = |part: &&str| part.starts_with("remofile_") || part.starts_with("process_");
        for name in expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(is_name) {
            assert!(metrics.lines().any(|line| line.starts_with(name)), "{name}: {metrics}");
            asked += 1;
        }
    }
    assert!(asked > 20, "{asked}");
}

#[test]
fn no_path_and_no_name_of_a_client_is_in_the_metrics() {
    let watched = Watched::start(&[]);
    watched.server.run("directory very-private").ok();
    watched.comes_to("remofile_operations_total{operation=\"make-directory\",outcome=\"ok\"}", 1.0);
    let metrics = watched.get("/metrics");
    assert!(!metrics.contains("very-private") && !metrics.contains("127.0.0.1") && !metrics.contains(TOKEN));
}

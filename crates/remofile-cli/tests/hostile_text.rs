//! Text of hostile peers: whatever a server, or another client, calls itself or its files, no character of it is
//! obeyed by the terminal or changes a line of the log, and what scripts read is exact.

#[path = "../../remofile/tests/common/mod.rs"]
#[expect(dead_code, reason = "the tests of the library use all of it")]
mod common;
use crate::support;

use common::raw::{Raw, listen};
use remofile::protocol::printable::is_harmful;
use remofile::protocol::token::Token;
use remofile::protocol::wire::{
    Done, Entry, ErrorCode, Failure, Header, Holder, Kind, Listed, OperationId, Request, Signal, StatusReport,
    Timestamp,
};
use std::process::Stdio;
use support::{CommandOutput, Server, TOKEN, directory, objects, remofile, say, write};

/// Erases the screen, reverses what follows, and forges a line.
const HOSTILE: &str = "eve\u{9b}2J\u{1b}[31m\u{202e}\u{2066}\u{200b}\u{7f}\nremofile: all is well";

/// The same, as far as it may be in a name of a file.
const HOSTILE_NAME: &str = "evil\u{202e}txt\u{2066}\u{200b}\u{2028}.exe";

#[track_caller]
fn assert_harmless(text: &str) {
    let harmful = text.chars().find(|&character| character != '\n' && is_harmful(character));
    assert_eq!(harmful, None, "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("remofile: all is well")), "{text:?}");
}

fn hostile_holder() -> Holder {
    Holder {
        client: HOSTILE.into(),
        address: HOSTILE.into(),
        activity: HOSTILE.into(),
        held_milliseconds: 1,
        path: Some(HOSTILE.into()),
    }
}

/// Returns the output of a command whose server answers its first request like this.
fn told_by(answer: impl FnOnce(&mut Raw, OperationId, Request) + Send + 'static, line: &str) -> CommandOutput {
    let token = Token::parse(TOKEN).expect("it is a token");
    let (address, server) = listen(move |stream| {
        let mut raw = Raw::accept(stream, &token);
        if let Some((operation, request)) = raw.next_request() {
            answer(&mut raw, operation, request);
            while raw.receive().is_some() {}
        }
    });
    let mut command = remofile();
    command
        .env("REMOFILE_HOSTNAME", "127.0.0.1")
        .env("REMOFILE_PORT", address.port().to_string())
        .env("REMOFILE_TOKEN", TOKEN)
        .args(line.split(' '));
    let said = say(&mut command);
    server.join().expect("the server ends when its client has left");
    said
}

fn hostile_status(raw: &mut Raw, operation: OperationId, _: Request) {
    let status = StatusReport {
        agent: HOSTILE.into(),
        uptime_milliseconds: 1,
        holders: vec![hostile_holder()],
        waiting: 0,
        token: Some(HOSTILE.into()),
        used: None,
        quota: None,
        hides_others: false,
    };
    raw.signal(operation, Signal::Done { done: Done { status: Some(Box::new(status)), ..Done::default() } });
}

fn busy(raw: &mut Raw, operation: OperationId, _: Request) {
    let mut failure = Failure::new(ErrorCode::Busy).because(HOSTILE);
    failure.holders = Some(vec![hostile_holder()]);
    raw.signal(operation, Signal::Failed { failure });
}

fn failing(raw: &mut Raw, operation: OperationId, _: Request) {
    let failure = Failure::new(ErrorCode::Other).at(HOSTILE).because(HOSTILE);
    raw.signal(operation, Signal::Failed { failure });
}

#[test]
fn the_status_of_a_hostile_server_is_harmless_and_exact_as_json() {
    assert_harmless(&told_by(hostile_status, "status").ok());
    let stdout = told_by(hostile_status, "status --json").ok();
    assert_harmless(&stdout);
    let told = &objects(&stdout)[0];
    assert_eq!((&told["version"], &told["holders"][0]["client"]), (&HOSTILE.into(), &HOSTILE.into()));
}

#[test]
fn what_a_hostile_server_fails_with_is_harmless() {
    for line in ["remove /a", "list", "download /a /tmp", "file a", "move /a /b", "cat /a"] {
        assert_harmless(&told_by(failing, line).stderr);
    }
    let error = told_by(failing, "remove /a --json");
    assert_harmless(&error.stderr);
    assert_eq!(error.error_object(1)["path"], HOSTILE);
    assert_harmless(&told_by(busy, "remove /a").fails(4));
    assert_harmless(&told_by(busy, "remove /a --json").fails(4));
}

#[test]
fn listings_are_exact_in_scripts_and_harmless_where_they_are_aligned() {
    let listing = |raw: &mut Raw, operation: OperationId, _: Request| {
        let path = format!("/{HOSTILE_NAME}").parse().expect("it is a path");
        let entry =
            Entry { path, kind: Kind::File, size: 1, modified: Timestamp::new(0, 0), mode: None, unflushed: false };
        let payload = minicbor::to_vec(Listed::Entry(entry)).expect("memory can always be written");
        raw.send(&Header::signal(operation, Signal::Entries), &payload);
        raw.signal(operation, Signal::Done { done: Done::default() });
    };
    assert_eq!(told_by(listing, "list").ok(), format!("{HOSTILE_NAME}\n"));
    assert_harmless(&told_by(listing, "list -l").ok());
    let stdout = told_by(listing, "list --json").ok();
    assert_harmless(&stdout);
    assert_eq!(objects(&stdout)[0]["name"], HOSTILE_NAME);
}

#[test]
fn a_hostile_name_of_a_client_is_harmless_to_the_server_and_to_other_clients() {
    let (root, log) = (directory(), tempfile::NamedTempFile::new().expect("there is room"));
    write(root.path().join("file"), "content");
    let mut command = remofile();
    command.args(["run", "-v", "--address", "127.0.0.1"]).arg(root.path()).args(["0", TOKEN]);
    command.stderr(Stdio::from(log.reopen().expect("it is there")));
    let server = Server::ready(command, root.path());
    let token = Token::parse(TOKEN).expect("it is a token");
    let mut eve = Raw::connect_as(([127, 0, 0, 1], server.port).into(), &token, HOSTILE);
    eve.hold_write();
    for line in ["status", "status --json", "remove /file --wait=0", "remove /file --wait=0 --json"] {
        let CommandOutput { stdout, stderr, .. } = server.run(line);
        assert_harmless(&stdout);
        assert_harmless(&stderr);
        assert!(format!("{stdout}{stderr}").contains("eve"), "{line}: {stdout}{stderr}");
    }
    let told = std::fs::read_to_string(log.path()).expect("the log is text");
    assert_harmless(&told);
    assert!(told.contains("session opened") && told.contains("eve"), "{told}");
}

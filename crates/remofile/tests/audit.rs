//! The audit log of native sessions: every operation has a line, however it ends, and so has every path that one changes
//! or reads out.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests fail by panicking")]

use crate::common;

use common::audited::{Audited, number, text};
use common::raw::Raw;
use common::{Fixture, noise, remote, write};
use remofile::protocol::wire::OnConflict;
use remofile::store::Fsync;
use remofile::{
    CopyOptions, HashOptions, OpenOptions, ServerOptions, Silent, SyncOptions, TransferOptions, synchronize_upload,
};
use std::io::{Read, Write};

fn audited(change: impl FnOnce(&mut ServerOptions)) -> (Fixture, Audited) {
    let audited = Audited::new();
    let log = audited.log.clone();
    let fixture = Fixture::with(|options| {
        change(options);
        options.audit = Some(log);
    });
    (fixture, audited)
}

#[test]
fn every_file_that_is_stored_or_replaced_has_a_line() {
    let (mut fixture, audited) = audited(|options| options.fsync = Fsync::End);
    let local = tempfile::tempdir().unwrap();
    for number in 0..50 {
        write(local.path(), &format!("tree/{number}"), "x");
    }
    let options = TransferOptions { on_conflict: OnConflict::Replace, recursive: true, ..TransferOptions::default() };
    let mut client = fixture.client();
    let sources = [local.path().join("tree")];
    client.upload(&sources, &remote("/"), &options, &mut Silent).unwrap();
    write(local.path(), "tree/7", "changed");
    client.upload(&sources, &remote("/"), &options, &mut Silent).unwrap();
    drop(client);
    fixture.stop().unwrap();
    let told = audited.told();
    let stored = |path: &str| told.iter().filter(|line| **line == format!("entry store {path} ok")).count();
    for number in 0..50 {
        assert_eq!(stored(&format!("/tree/{number}")), if number == 7 { 2 } else { 1 }, "{number}");
    }
    let lines = audited.lines();
    let upload = lines.iter().find(|line| line.contains("\"operation\",") && line.contains("\"upload\"")).unwrap();
    assert_eq!((number(upload, "files"), number(upload, "bytes")), (Some(50.0), Some(50.0)), "{upload}");
    let entry = audited.lines().into_iter().find(|line| line.contains("\"/tree/7\"")).unwrap();
    assert_eq!(
        (number(&entry, "operation"), number(&entry, "session")),
        (number(upload, "operation"), number(upload, "session"))
    );
}

#[test]
fn every_file_that_is_sent_has_a_line() {
    let (mut fixture, audited) = audited(|_| {});
    fixture.write("tree/a", "aaa");
    fixture.write("tree/b", "b");
    let local = tempfile::tempdir().unwrap();
    let mut client = fixture.client();
    let options = TransferOptions { recursive: true, ..TransferOptions::default() };
    let sources = [remote("/tree"), remote("/nothing")];
    let _partly = client.download(&sources, local.path(), &options, &mut Silent);
    drop(client);
    fixture.stop().unwrap();
    let sent = audited.only("\"/tree/a\"");
    assert_eq!((text(&sent, "what").unwrap(), number(&sent, "bytes")), ("send".to_owned(), Some(3.0)));
    assert!(audited.told().contains(&"entry send /tree/b ok".to_owned()), "{:?}", audited.told());
}

#[test]
fn every_path_that_a_copy_makes_or_replaces_has_a_line() {
    let (mut fixture, audited) = audited(|_| {});
    fixture.write("tree/d/a", "aaa");
    fixture.write("tree/b", "b");
    std::os::unix::fs::symlink("b", fixture.path("tree/link")).unwrap();
    fixture.write("copy/b", "before");
    let mut client = fixture.client();
    let options = CopyOptions { recursive: true, on_conflict: OnConflict::Replace, ..CopyOptions::default() };
    client.copy(&remote("/tree"), &remote("/copy"), options).unwrap();
    client.copy(&remote("/tree/b"), &remote("/single"), CopyOptions::default()).unwrap();
    client.copy(&remote("/tree/b"), &remote("/single"), CopyOptions::default()).unwrap_err();
    drop(client);
    fixture.stop().unwrap();
    let told = audited.told();
    for expected in [
        "entry make-directory /copy/d ok",
        "entry store /copy/d/a ok",
        "entry store /copy/b ok",
        "entry link /copy/link ok",
        "entry store /single ok",
        "operation copy /tree/b /single already-exists",
    ] {
        assert!(told.iter().any(|line| line == expected), "{expected}: {told:#?}");
    }
    assert_eq!(number(&audited.only("\"/copy/d/a\""), "bytes"), Some(3.0));
}

#[test]
fn every_file_that_is_hashed_has_a_line() {
    let (mut fixture, audited) = audited(|_| {});
    fixture.write("d/a", "aaa");
    let mut client = fixture.client();
    let sources = vec![remote("/d"), remote("/nothing")];
    let options = HashOptions { recursive: true, ..HashOptions::default() };
    client.hash(sources, options, &mut |_| Ok(())).unwrap();
    drop(client);
    fixture.stop().unwrap();
    let told = audited.told();
    assert!(told.contains(&"entry hash /d/a ok".to_owned()), "{told:#?}");
    assert!(told.contains(&"entry hash /nothing not-found".to_owned()), "{told:#?}");
    assert_eq!(number(&audited.only("\"/d/a\""), "bytes"), Some(3.0));
}

#[test]
fn what_a_sync_moves_removes_touches_and_keeps_has_lines() {
    let (mut fixture, audited) = audited(|_| {});
    let local = tempfile::tempdir().unwrap();
    fixture.write("d/moved", noise(100_000));
    fixture.write("d/extra", "gone");
    fixture.write("d/changed", "old");
    write(local.path(), "renamed", noise(100_000));
    write(local.path(), "changed", "new one");
    write(local.path(), "sub/new", "n");
    let options = SyncOptions { delete: true, backup: Some("/backup".to_owned()), ..SyncOptions::default() };
    let mut client = fixture.client();
    synchronize_upload(&mut client, local.path(), &remote("/d"), &options, &mut Silent).unwrap();
    drop(client);
    audited.await_line("operation sync");
    fixture.stop().unwrap();
    let told = audited.told();
    for expected in [
        "entry move /d/moved /d/renamed ok",
        "entry backup /d/changed /backup/changed ok",
        "entry store /d/changed ok",
        "entry backup /d/extra /backup/extra ok",
        "entry remove /d/extra ok",
        "entry store /d/sub/new ok",
    ] {
        assert!(told.iter().any(|line| line == expected), "{expected}: {told:#?}");
    }
    assert!(told.iter().any(|line| line.starts_with("operation sync /") && line.ends_with(" ok")), "{told:#?}");
}

#[test]
fn an_open_file_is_told_by_each_read_and_write() {
    let (mut fixture, audited) = audited(|_| {});
    fixture.write("f", "content");
    let mut client = fixture.client();
    let mut file = client.open(&remote("/f"), OpenOptions::new().read(true)).unwrap();
    let mut content = String::new();
    file.read_to_string(&mut content).unwrap();
    drop(file);
    audited.await_line("operation read");
    let mut file = client.open(&remote("/f"), OpenOptions::new().write(true)).unwrap();
    file.write_all(b"C").unwrap();
    file.close().unwrap();
    drop(client);
    fixture.stop().unwrap();
    let told = audited.told();
    assert!(
        told.contains(&"operation read /f ok".to_owned()) && told.contains(&"operation write /f ok".to_owned()),
        "{told:?}"
    );
}

#[test]
fn refusals_are_told_by_the_names_of_their_codes() {
    let (mut fixture, audited) = audited(|options| options.read_only = true);
    fixture.write("a", "x");
    let mut client = fixture.client();
    client.remove(&remote("/a"), false).unwrap_err();
    client.create_file(&remote("/b"), false).unwrap_err();
    client.stat(&remote("/missing")).unwrap_err();
    client.stat(&remote("/a")).unwrap();
    client.status().unwrap();
    drop(client);
    fixture.stop().unwrap();
    let expected = [
        "operation remove /a read-only",
        "operation create-file /b read-only",
        "operation stat /missing not-found",
        "operation stat /a ok",
        "operation status ok",
    ];
    assert_eq!(audited.told(), expected);
}

#[test]
fn what_ends_with_its_connection_is_told_as_interrupted_and_behind_it_the_session() {
    let (mut fixture, audited) = audited(|_| {});
    let mut raw = Raw::connect(&fixture);
    raw.hold_write();
    drop(raw);
    // The end of the server would be another reason.
    while audited.told().is_empty() {
        std::thread::yield_now();
    }
    fixture.stop().unwrap();
    let lines = audited.lines();
    let outcomes: Vec<_> =
        lines.iter().map(|line| (text(line, "what").unwrap(), text(line, "outcome").unwrap())).collect();
    let outcomes: Vec<_> = outcomes.iter().map(|(what, outcome)| (what.as_str(), outcome.as_str())).collect();
    assert_eq!(outcomes, [("open", "ok"), ("upload", "interrupted"), ("close", "interrupted")]);
}

#[test]
fn a_file_that_is_written_before_it_is_seen_has_a_line_when_it_is() {
    let (mut fixture, audited) = audited(|_| {});
    let mut client = fixture.client();
    let mut file = client.open(&remote("/f"), OpenOptions::new().rewrite()).unwrap();
    file.write_all(&noise(3_000_000)).unwrap();
    file.close().unwrap();
    let mut file = client.open(&remote("/given up"), OpenOptions::new().rewrite()).unwrap();
    file.write_all(b"x").unwrap();
    drop(file);
    client.write_file(&remote("/g"), b"content", true).unwrap();
    drop(client);
    fixture.stop().unwrap();
    let stored: Vec<_> = audited.told().into_iter().filter(|line| line.starts_with("entry")).collect();
    assert_eq!(stored, ["entry store /f ok", "entry store /g ok"]);
    assert_eq!(number(&audited.only("\"store\",\"path\":\"/f\""), "bytes"), Some(3_000_000.0));
}

//! One holder: whatever a client does over however many connections, it is never in its own way.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{AtFirst, Fixture, noise, remote, tree, visible};
use remofile::protocol::wire::OnConflict;
use remofile::{
    Client, ClientOptions, Error, Identity, OnWaiting, OpenOptions, Silent, SyncOptions, TransferOptions, Wait,
    synchronize_upload,
};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Clients that are one holder, wait for nobody and tell if they do.
struct Household<'a> {
    fixture: &'a Fixture,
    identity: Identity,
    has_waited: Arc<AtomicBool>,
}

impl<'a> Household<'a> {
    fn new(fixture: &'a Fixture) -> Self {
        Self { fixture, identity: Identity::default(), has_waited: Arc::default() }
    }

    fn client(&self, wait: Wait) -> Client {
        let has_waited = Arc::clone(&self.has_waited);
        let on_waiting = OnWaiting::new(move |_| has_waited.store(true, Ordering::Relaxed));
        Client::new(ClientOptions { identity: self.identity.clone(), wait, on_waiting, ..self.fixture.options() })
    }

    /// Runs a body on each of so many threads, with a client of its own.
    fn together(&self, threads: usize, body: impl Fn(usize, &mut Client) + Sync) {
        std::thread::scope(|scope| {
            for number in 0..threads {
                let (mut client, body) = (self.client(Wait::No), &body);
                scope.spawn(move || body(number, &mut client));
            }
        });
        assert!(!self.has_waited.load(Ordering::Relaxed), "nobody is told to wait for itself");
    }
}

fn replacing() -> TransferOptions {
    TransferOptions { on_conflict: OnConflict::Replace, ..TransferOptions::default() }
}

fn is_of_one(content: &[u8]) -> bool {
    content.iter().all(|byte| Some(byte) == content.first())
}

#[test]
fn files_of_one_name_that_are_written_at_once_are_each_whole() {
    for exclusive in [false, true] {
        let fixture = Fixture::with(|options| options.exclusive = exclusive);
        Household::new(&fixture).together(6, |number, client| {
            let content = vec![number as u8; 3 << 20];
            for _ in 0..3 {
                let stream = Box::new(std::io::Cursor::new(content.clone()));
                client.upload_stream(stream, &remote("/same"), &replacing(), &mut Silent).unwrap();
                let mut file =
                    client.open(&remote("/other"), OpenOptions::new().write(true).truncate(true).create(true)).unwrap();
                file.write_all(&content).unwrap();
                file.close().unwrap();
                client.list(&remote("/"), true, &mut |_| Ok(())).unwrap();
            }
        });
        for name in ["same", "other"] {
            let content = std::fs::read(fixture.path(name)).unwrap();
            assert!(content.len() == 3 << 20 && is_of_one(&content), "exclusive: {exclusive}");
        }
        assert_eq!(visible(fixture.root()), ["other", "same"]);
    }
}

#[test]
fn one_file_that_several_connections_upload_at_once_is_whole_and_no_partial_is_shared() {
    let fixture = Fixture::new();
    let local = tempfile::tempdir().unwrap();
    let content = noise(12 << 20);
    let path = common::write(local.path(), "big", &content);
    Household::new(&fixture).together(5, |_, client| {
        for _ in 0..3 {
            client.upload(&[&path], &remote("/"), &replacing(), &mut Silent).unwrap();
        }
    });
    assert!(std::fs::read(fixture.path("big")).unwrap() == content);
    assert_eq!(tree(fixture.root()).len(), 1, "no partial is left");
}

#[test]
fn what_is_appended_by_several_connections_is_not_mixed() {
    let fixture = Fixture::new();
    Household::new(&fixture).together(4, |number, client| {
        for _ in 0..6 {
            let mut log = client.open(&remote("/log"), OpenOptions::new().append(true).create(true)).unwrap();
            log.write_all(&[&[b'a' + number as u8; 300_000][..], b"\n"].concat()).unwrap();
            log.close().unwrap();
        }
    });
    let log = std::fs::read(fixture.path("log")).unwrap();
    let lines: Vec<&[u8]> = log.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 24);
    assert!(lines.iter().all(|line| line.len() == 300_000 && is_of_one(line)));
}

#[test]
fn a_client_that_is_in_the_middle_of_an_upload_may_change_what_that_is_about() {
    let fixture = Fixture::new();
    let (household, local) = (Household::new(&fixture), tempfile::tempdir().unwrap());
    common::write(local.path(), "tree/file", noise(4 << 20));
    let (mut one, mut two) = (household.client(Wait::No), household.client(Wait::No));
    // While its monitor is called nothing of the upload gets on.
    let mut in_the_middle = AtFirst::transferred(|| {
        two.create_file(&remote("/tree/new"), false).unwrap();
        two.rename(&remote("/tree/new"), &remote("/tree/newer"), false).unwrap();
        two.upload_stream(Box::new(&b"x"[..]), &remote("/tree/other"), &replacing(), &mut Silent).unwrap();
    });
    let recursive = TransferOptions { recursive: true, ..TransferOptions::default() };
    one.upload(&[local.path().join("tree")], &remote("/"), &recursive, &mut in_the_middle).unwrap();
    assert_eq!(visible(&fixture.path("tree")), ["file", "newer", "other"]);
    assert!(!household.has_waited.load(Ordering::Relaxed));
}

#[test]
fn a_sync_and_what_its_own_client_does_meanwhile_are_not_in_each_others_way() {
    let fixture = Fixture::new();
    let (household, local) = (Household::new(&fixture), tempfile::tempdir().unwrap());
    (0..200).for_each(|number| drop(common::write(local.path(), &format!("f{number}"), noise(20_000))));
    household.together(4, |number, client| match number {
        0 => {
            synchronize_upload(client, local.path(), &remote("/copy"), &SyncOptions::default(), &mut Silent).unwrap();
        }
        _ => {
            for round in 0..20 {
                let path = remote(&format!("/copy/own{number}-{round}"));
                match client.upload_stream(Box::new(&b"x"[..]), &path, &replacing(), &mut Silent) {
                    // The sync may not have made the directory yet.
                    Ok(_) | Err(Error::Remote(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
    assert!(visible(&fixture.path("copy")).len() >= 200);
}

#[test]
fn others_are_told_of_a_client_once_whatever_number_of_connections_it_has() {
    let fixture = Fixture::new();
    let (household, local) = (Household::new(&fixture), tempfile::tempdir().unwrap());
    let path = common::write(local.path(), "a", noise(1 << 20));
    let other = common::write(local.path(), "b", noise(1 << 20));
    let (mut one, mut two, mut stranger) = (household.client(Wait::No), household.client(Wait::No), fixture.client());
    let mut within = AtFirst::transferred(|| {
        let mut inner = AtFirst::transferred(|| {
            assert_eq!(stranger.status().unwrap().report.holders.len(), 1);
            let refused = Client::new(ClientOptions { wait: Wait::No, ..fixture.options() }).remove(&remote("/"), true);
            assert!(matches!(refused, Err(Error::Busy(holders)) if holders.len() == 1));
        });
        two.upload(&[&other], &remote("/"), &replacing(), &mut inner).unwrap();
    });
    one.upload(&[&path], &remote("/"), &replacing(), &mut within).unwrap();
}

#[test]
fn a_client_that_others_wait_for_gets_on_at_once() {
    let fixture = Fixture::new();
    fixture.write("d/x", "old");
    let (household, local) = (Household::new(&fixture), tempfile::tempdir().unwrap());
    let path = common::write(local.path(), "d/y", noise(1 << 20));
    let (mut one, mut two) = (household.client(Wait::No), household.client(Wait::Forever));
    let mut other = Client::new(ClientOptions { wait: Wait::Forever, ..fixture.options() });
    std::thread::scope(|scope| {
        let mut within = AtFirst::transferred(|| {
            scope.spawn(|| other.rename(&remote("/d"), &remote("/e"), false).unwrap());
            let mut status = fixture.client();
            while status.status().unwrap().report.waiting == 0 {
                std::thread::yield_now();
            }
            // It waits for this upload, which does not go on before this is done.
            two.create_file(&remote("/d/z"), false).unwrap();
        });
        one.upload(&[&path], &remote("/d"), &replacing(), &mut within).unwrap();
    });
    assert_eq!(visible(&fixture.path("e")), ["x", "y", "z"]);
}

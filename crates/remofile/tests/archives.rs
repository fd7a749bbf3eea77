//! Archives: what an upload or sync with all attributes and its way back leave as it was.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::archive::{OWN, make_tree, set_mode, set_time, tree};
use common::{Fixture, remote, write};
use remofile::protocol::wire::{ErrorCode, Links, OnConflict};
use remofile::store::MemoryStore;
use remofile::{
    AttributeSet, Client, ClientOptions, Selection, SendOptions, Silent, SyncOptions, TransferOptions, TransferReport,
    Wait, synchronize_download, synchronize_upload,
};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

fn options(attributes: AttributeSet) -> TransferOptions {
    let send = SendOptions { preserve_mode: true, attributes, ..SendOptions::default() };
    let selection = Selection { links: Links::Copy, ..Selection::default() };
    TransferOptions { recursive: true, send, selection, ..TransferOptions::default() }
}

fn sync_options(attributes: AttributeSet) -> SyncOptions {
    let TransferOptions { send, selection, .. } = options(attributes);
    SyncOptions { send, selection, delete: true, ..SyncOptions::default() }
}

fn whole(report: TransferReport) -> TransferReport {
    assert_eq!((&report.failures, &report.skipped), (&Vec::new(), &Vec::new()));
    report
}

fn upload(client: &mut Client, source: &Path, attributes: AttributeSet) -> TransferReport {
    client.upload(&[source.to_owned()], &remote("/"), &options(attributes), &mut Silent).unwrap()
}

fn download(client: &mut Client, source: &str, into: &Path, attributes: AttributeSet) -> TransferReport {
    client.download(&[remote(source)], into, &options(attributes), &mut Silent).unwrap()
}

#[test]
fn an_upload_of_an_archive_and_its_download_differ_in_nothing_and_the_second_changes_nothing() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let (source, back) = (local.path().join("tree"), local.path().join("back"));
    std::fs::create_dir_all(&source).unwrap();
    std::fs::create_dir(&back).unwrap();
    make_tree(&source);
    let mut client = fixture.client();
    assert!(whole(upload(&mut client, &source, OWN)).attributes > 0);
    assert_eq!(whole(upload(&mut client, &source, OWN)).attributes, 0, "it is there");
    assert!(whole(download(&mut client, "/tree", &back, OWN)).attributes > 0);
    assert_eq!(tree(&back.join("tree")), tree(&source));
    assert_eq!(whole(download(&mut client, "/tree", &back, OWN)).attributes, 0, "it is there");
    assert_eq!(tree(&back.join("tree")), tree(&source));
}

#[test]
fn a_sync_of_an_archive_and_its_way_back_differ_in_nothing_and_the_second_changes_nothing() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let (source, back) = (local.path().join("tree"), local.path().join("back"));
    std::fs::create_dir_all(&source).unwrap();
    make_tree(&source);
    let (mut client, options) = (patient(&fixture), sync_options(OWN));
    let mut up = || synchronize_upload(&mut client, &source, &remote("/there"), &options, &mut Silent).unwrap();
    assert!(whole(up().transfer).attributes > 0);
    let again = up();
    assert_eq!((again.plan.steps.len(), again.transfer.attributes), (0, 0));
    let down = || {
        let mut client = patient(&fixture);
        synchronize_download(&mut client, &remote("/there"), &back, &options, &mut Silent).unwrap()
    };
    assert!(whole(down().transfer).attributes > 0);
    assert_eq!(tree(&back), tree(&source));
    let again = down();
    assert_eq!((again.plan.steps.len(), again.transfer.attributes), (0, 0));
    // What changes the time of a directory last of all.
    write(&source, "d/gone", "gone");
    up_and_down(&fixture, &source, &back, &options);
    std::fs::remove_file(source.join("d/gone")).unwrap();
    set_time(&source.join("d"), 900_000_000);
    up_and_down(&fixture, &source, &back, &options);
    assert_eq!(tree(&back), tree(&source));
}

/// A client that waits for what a sync that has just ended still holds.
fn patient(fixture: &Fixture) -> Client {
    Client::connect(ClientOptions { wait: Wait::Forever, ..fixture.options() }).unwrap()
}

fn up_and_down(fixture: &Fixture, source: &Path, back: &Path, options: &SyncOptions) {
    let mut client = patient(fixture);
    whole(synchronize_upload(&mut client, source, &remote("/there"), options, &mut Silent).unwrap().transfer);
    whole(synchronize_download(&mut client, &remote("/there"), back, options, &mut Silent).unwrap().transfer);
}

#[test]
fn nothing_on_a_server_gets_set_user_id_bits_or_extended_attributes_that_a_client_gives() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let source = local.path().join("tree");
    std::fs::create_dir_all(&source).unwrap();
    make_tree(&source);
    whole(upload(&mut fixture.client(), &source, OWN));
    for (path, told) in tree(&fixture.root().join("tree")) {
        let mode = fixture.root().join("tree").join(&path).symlink_metadata().unwrap().mode();
        assert_eq!(mode & 0o7000, 0, "{path}: {told}");
        assert!(!told.contains("user.comment") && !told.contains("user.of.a.directory"), "{path}: {told}");
    }
}

#[test]
fn what_was_left_out_is_not_given_the_attributes_of_what_was_not_sent() {
    for up in [true, false] {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        let (from, to) = if up { (local.path(), fixture.root()) } else { (fixture.root(), local.path()) };
        set_mode(&write(from, "tree/f", "new content"), 0o751);
        let there = write(to, "tree/f", "old");
        set_mode(&there, 0o600);
        let options = TransferOptions { on_conflict: OnConflict::Skip, ..options(OWN) };
        let mut client = fixture.client();
        let report = match up {
            true => client.upload(&[from.join("tree")], &remote("/"), &options, &mut Silent),
            false => client.download(&[remote("/tree")], to, &options, &mut Silent),
        };
        assert_eq!(report.unwrap().skipped.len(), 1);
        assert_eq!(there.metadata().unwrap().mode() & 0o7777, 0o600, "{up}");
        assert_eq!(std::fs::read_to_string(there).unwrap(), "old");
    }
}

#[test]
fn permission_bits_that_were_changed_on_the_server_since_are_those_that_come_back() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let source = local.path().join("tree");
    std::fs::create_dir_all(&source).unwrap();
    make_tree(&source);
    whole(upload(&mut fixture.client(), &source, OWN));
    set_mode(&fixture.root().join("tree/set-user"), 0o700);
    let back = tempfile::tempdir().unwrap();
    whole(download(&mut fixture.client(), "/tree", back.path(), OWN));
    assert_eq!(back.path().join("tree/set-user").metadata().unwrap().mode() & 0o7777, 0o700);
}

#[test]
fn a_server_that_keeps_no_attributes_is_told_of_and_refused_only_where_they_were_asked_for_by_name() {
    use remofile::protocol::token::Token;
    use remofile::{ClientOptions, Server};
    let token = Token::generate();
    let server = Arc::new(Server::with_store(Arc::new(MemoryStore::new()), token.clone()));
    let bound = server.bind(0, Some(common::LOCALHOST)).unwrap();
    let address = bound.addresses()[0];
    let thread = std::thread::spawn(move || bound.serve());
    let local = tempfile::tempdir().unwrap();
    write(local.path(), "tree/f", "content");
    let mut client = Client::new(ClientOptions::new("127.0.0.1", address.port(), token));
    let source = local.path().join("tree");
    let refused = client.upload(std::slice::from_ref(&source), &remote("/"), &options(OWN), &mut Silent).unwrap_err();
    assert!(matches!(refused, remofile::Error::Remote(failure) if failure.code == ErrorCode::Unsupported));
    assert!(client.stat(&remote("/tree")).is_err(), "it is refused before anything is sent");
    let report = upload(&mut client, &source, AttributeSet::TIMES_AND_MODES);
    assert_eq!((report.files, report.failures.len(), report.skipped.len()), (1, 0, 1), "{report:?}");
    assert!(report.skipped[0].to_string().contains("times of directories"), "{report:?}");
    server.terminate().unwrap();
    thread.join().unwrap().unwrap();
}

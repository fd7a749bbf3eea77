//! Snapshots on this side: what did not change since an earlier download becomes hard links to it.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{Fixture, remote, write};
use remofile::protocol::wire::{ErrorCode, OnConflict, SendOptions};
use remofile::{
    Client, ClientOptions, Error, Event, Interrupt, Monitor, Silent, SyncOptions, TransferOptions, TransferReport,
    synchronize_download,
};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// The way that a tree comes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Transfer,
    Sync,
}

/// Fetches `/tree` into `tree` in a directory, linked to what an earlier one has.
fn fetch(fixture: &Fixture, into: &Path, earlier: Option<&Path>, way: Way) -> TransferReport {
    let send = SendOptions { preserve_mode: true, ..SendOptions::default() };
    let link_dest_here = earlier.map(Path::to_owned);
    let mut client = fixture.client();
    if way == Way::Sync {
        std::fs::create_dir_all(into).unwrap();
        let options = SyncOptions { send, link_dest_here, delete: true, ..SyncOptions::default() };
        let tree = into.join("tree");
        return synchronize_download(&mut client, &remote("/tree"), &tree, &options, &mut Silent).unwrap().transfer;
    }
    std::fs::create_dir_all(into).unwrap();
    let on_conflict = OnConflict::Replace;
    let options = TransferOptions { recursive: true, send, link_dest_here, on_conflict, ..TransferOptions::default() };
    client.download(&[remote("/tree")], into, &options, &mut Silent).unwrap()
}

fn inode(path: &Path) -> u64 {
    path.metadata().unwrap().ino()
}

#[test]
fn what_did_not_change_is_linked_and_the_rest_fetched() {
    for way in [Way::Transfer, Way::Sync] {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        for name in ["same", "d/e/same", "other", "d/mode"] {
            fixture.write(&format!("tree/{name}"), name);
        }
        let [monday, tuesday] = ["monday", "tuesday"].map(|day| local.path().join(day));
        fetch(&fixture, &monday, None, way);
        fixture.write("tree/other", "another content");
        fixture.write("tree/new", "new");
        std::fs::set_permissions(fixture.path("tree/d/mode"), PermissionsExt::from_mode(0o600)).unwrap();
        // A sync compares with the tree itself, a download names it below what it is put into.
        let earlier = if way == Way::Sync { monday.join("tree") } else { monday.clone() };
        let report = fetch(&fixture, &tuesday, Some(&earlier), way);
        assert_eq!((report.failures.len(), report.skipped.len(), report.bytes), (0, 0, 24), "{way:?} {report:?}");
        let [one, other] = [&monday, &tuesday].map(|day| move |name: &str| inode(&day.join("tree").join(name)));
        for (name, is_linked) in [("same", true), ("d/e/same", true), ("other", false), ("d/mode", false)] {
            assert_eq!(one(name) == other(name), is_linked, "{way:?} {name}");
        }
        assert_eq!(std::fs::read(tuesday.join("tree/other")).unwrap(), b"another content");
        assert_eq!(std::fs::read(monday.join("tree/other")).unwrap(), b"other", "the earlier one stays");
        let again = fetch(&fixture, &tuesday, Some(&earlier), way);
        assert_eq!((again.bytes, again.failures.len()), (0, 0), "{way:?}");
    }
}

/// Interrupts a call when the first file is there.
struct AtFirstFile<'a>(&'a Interrupt);

impl Monitor for AtFirstFile<'_> {
    fn report(&mut self, event: Event<'_>) {
        if matches!(event, Event::FileFinished { .. }) {
            self.0.trigger();
        }
    }
}

#[test]
fn a_download_that_links_ends_when_it_is_interrupted() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    (0..20).for_each(|number| drop(fixture.write(&format!("tree/{number}"), "content")));
    let [monday, tuesday] = ["monday", "tuesday"].map(|day| local.path().join(day));
    fetch(&fixture, &monday, None, Way::Transfer);
    std::fs::create_dir_all(&tuesday).unwrap();
    let interrupt = Interrupt::default();
    let mut client = Client::new(ClientOptions { interrupt: interrupt.clone(), ..fixture.options() });
    let link_dest_here = Some(monday.clone());
    let options = TransferOptions { recursive: true, link_dest_here, ..TransferOptions::default() };
    let mut monitor = AtFirstFile(&interrupt);
    let ended = client.download(&[remote("/tree")], &tuesday, &options, &mut monitor);
    assert!(matches!(ended, Err(Error::Interrupted)), "{ended:?}");
    assert_eq!(std::fs::read_dir(tuesday.join("tree")).unwrap().count(), 1, "what is linked by then stays");
    let report = fetch(&fixture, &tuesday, Some(&monday), Way::Transfer);
    assert_eq!((report.files, report.present, report.bytes, report.failures.len()), (19, 1, 0, 0));
}

#[test]
fn what_would_be_linked_is_no_change_of_a_dry_run() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    ["same", "d/same", "other"].iter().for_each(|name| drop(fixture.write(&format!("tree/{name}"), name)));
    let monday = local.path().join("monday");
    fetch(&fixture, &monday, None, Way::Sync);
    fixture.write("tree/other", "another content");
    let options = SyncOptions { link_dest_here: Some(monday.join("tree")), dry_run: true, ..SyncOptions::default() };
    let tuesday = local.path().join("tuesday");
    std::fs::create_dir(&tuesday).unwrap();
    let report =
        synchronize_download(&mut fixture.client(), &remote("/tree"), &tuesday, &options, &mut Silent).unwrap();
    let told: Vec<String> = report.plan.steps.iter().map(|step| step.path.to_string()).collect();
    assert_eq!(told, ["d", "other"]);
    assert_eq!(report.plan.unchanged.files, 2);
}

#[test]
fn what_is_in_the_way_is_replaced_by_a_link_only_by_the_rule() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    fixture.write("tree/f", "content");
    let [monday, tuesday] = ["monday", "tuesday"].map(|day| local.path().join(day));
    fetch(&fixture, &monday, None, Way::Transfer);
    write(&tuesday, "tree/f", "old");
    let skipping = TransferOptions {
        recursive: true,
        on_conflict: OnConflict::Skip,
        link_dest_here: Some(monday.clone()),
        ..TransferOptions::default()
    };
    fixture.client().download(&[remote("/tree")], &tuesday, &skipping, &mut Silent).unwrap();
    assert_eq!(std::fs::read(tuesday.join("tree/f")).unwrap(), b"old");
    fetch(&fixture, &tuesday, Some(&monday), Way::Transfer);
    assert_eq!(inode(&tuesday.join("tree/f")), inode(&monday.join("tree/f")));
}

#[test]
fn a_relative_directory_that_leads_nowhere_is_taken_from_the_destination() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    fixture.write("tree/f", "content");
    let [monday, tuesday] = ["monday", "tuesday"].map(|day| local.path().join(day));
    fetch(&fixture, &monday, None, Way::Transfer);
    fetch(&fixture, &tuesday, Some(Path::new("../monday")), Way::Transfer);
    assert_eq!(inode(&tuesday.join("tree/f")), inode(&monday.join("tree/f")));
}

#[test]
fn a_directory_that_is_not_there_is_told_and_everything_is_fetched() {
    for way in [Way::Transfer, Way::Sync] {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        fixture.write("tree/f", "content");
        let report = fetch(&fixture, local.path(), Some(Path::new("/nonexistent/monday")), way);
        let codes: Vec<_> = report.failures.iter().map(|failure| failure.code).collect();
        assert_eq!((codes, report.files), (vec![ErrorCode::NotFound], 1), "{way:?}");
        assert!(report.failures[0].to_string().contains("--link-dest"), "{report:?}");
    }
}

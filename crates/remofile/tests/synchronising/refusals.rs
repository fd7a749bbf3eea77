//! Syncs that are refused, and steps that cannot be done.

use crate::common::{Fixture, remote, write};
use crate::synchronising::scene::{Scene, WAYS, Way, changes, deleting, look};
use remofile::protocol::wire::ErrorCode;
use remofile::sync::plan::Withheld;
use remofile::{Error, Silent, SyncOptions, synchronize_download, synchronize_upload};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

fn code(error: &Error) -> ErrorCode {
    match error {
        Error::Local(failure) | Error::Remote(failure) => failure.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_source_that_vanished_never_looks_like_an_empty_one() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.destination(), "a", "a");
        std::fs::remove_dir(scene.source()).unwrap();
        let error = scene.try_sync(&deleting()).unwrap_err();
        assert_eq!(code(&error), ErrorCode::NotFound);
        std::fs::write(scene.source(), "a file").unwrap();
        assert_eq!(code(&scene.try_sync(&deleting()).unwrap_err()), ErrorCode::NotADirectory);
        assert_eq!(look(&scene.destination()).len(), 1);
    }
}

#[test]
fn a_root_that_was_removed_never_looks_like_an_empty_one() {
    for again in [false, true] {
        let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
        let mut client = fixture.client();
        let keep = write(local.path(), "keep", "keep");
        fixture.write("sub/a", "a");
        std::fs::remove_dir_all(fixture.root()).unwrap();
        if again {
            std::fs::create_dir(fixture.root()).unwrap();
        }
        for options in [deleting(), SyncOptions { dry_run: true, ..deleting() }] {
            for path in ["/", "/sub"] {
                let down = synchronize_download(&mut client, &remote(path), local.path(), &options, &mut Silent);
                let told = down.unwrap_err().to_string();
                assert!(told.contains("was removed: start the server again"), "{path}: {told}");
            }
            let up = synchronize_upload(&mut client, local.path(), &remote("/sub"), &options, &mut Silent);
            assert!(up.unwrap_err().to_string().contains("was removed"), "{again}");
        }
        assert!(keep.exists());
    }
}

#[test]
fn the_destination_is_made_if_its_parent_exists() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "a/b", "b");
        std::fs::remove_dir(scene.destination()).unwrap();
        let planned = scene.sync(&SyncOptions { dry_run: true, ..deleting() });
        assert_eq!(changes(&planned.plan), ["mkdir a", "create a/b"]);
        assert!(!scene.destination().exists());
        scene.sync_whole(&deleting());
    }
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let options = SyncOptions::default();
    let mut client = fixture.client();
    let up = synchronize_upload(&mut client, local.path(), &remote("/no/where"), &options, &mut Silent);
    assert_eq!(code(&up.unwrap_err()), ErrorCode::NotFound);
    let nowhere = local.path().join("no/where");
    let down = synchronize_download(&mut client, &remote("/"), &nowhere, &options, &mut Silent);
    assert_eq!(code(&down.unwrap_err()), ErrorCode::NotFound);
    fixture.write("file", "");
    let up = synchronize_upload(&mut client, local.path(), &remote("/file"), &options, &mut Silent);
    assert_eq!(code(&up.unwrap_err()), ErrorCode::NotADirectory);
    let down = synchronize_download(&mut client, &remote("/"), &write(local.path(), "f", ""), &options, &mut Silent);
    assert_eq!(code(&down.unwrap_err()), ErrorCode::NotADirectory);
}

#[test]
fn a_directory_that_cannot_be_read_keeps_everything_from_being_deleted() {
    // Who may read everything cannot try this.
    if rustix::process::geteuid().is_root() {
        return;
    }
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "closed/a", "a");
        write(&scene.destination(), "closed/a", "a");
        write(&scene.destination(), "extra", "x");
        std::fs::set_permissions(scene.source().join("closed"), PermissionsExt::from_mode(0o000)).unwrap();
        let report = scene.sync(&deleting());
        std::fs::set_permissions(scene.source().join("closed"), PermissionsExt::from_mode(0o700)).unwrap();
        assert!(matches!(report.plan.withheld, Some(Withheld::Unreadable { .. })));
        assert_eq!(look(&scene.destination()).len(), 3);
    }
}

#[test]
fn names_that_are_no_text_are_told_and_nothing_is_deleted() {
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "good", "good");
        std::fs::write(scene.source().join(name), "").unwrap();
        write(&scene.destination(), "extra", "");
        let report = scene.sync(&deleting());
        assert_eq!(report.transfer.failures.len(), 1, "{:?}", report.transfer.failures);
        assert_eq!(report.transfer.failures[0].code, ErrorCode::InvalidName);
        assert_eq!(look(&scene.destination()).keys().collect::<Vec<_>>(), ["extra", "good"]);
    }
}

#[test]
fn names_that_the_server_does_not_take_are_told_once_and_not_sent() {
    let mut scene = Scene::new(Way::Up);
    write(&scene.source(), "a:b", "");
    write(&scene.source(), "c|d/e", "");
    write(&scene.source(), "good", "");
    let report = scene.sync(&deleting());
    let codes: Vec<_> = report.transfer.failures.iter().map(|failure| failure.code).collect();
    assert_eq!(codes, [ErrorCode::InvalidName; 2], "not again for what is below: {:?}", report.transfer.failures);
    assert_eq!(look(&scene.destination()).keys().collect::<Vec<_>>(), ["good"]);
    assert!(changes(&scene.sync(&deleting()).plan).is_empty());
}

#[test]
fn a_destination_inside_its_source_is_refused_and_a_source_that_would_be_deleted() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    fixture.write("a/b/c", "c");
    let options = SyncOptions::default();
    let inside = synchronize_upload(&mut client, &fixture.path("a"), &remote("/a/b"), &options, &mut Silent);
    assert_eq!(code(&inside.unwrap_err()), ErrorCode::IntoItself);
    let inside = synchronize_download(&mut client, &remote("/a"), &fixture.path("a/b"), &options, &mut Silent);
    assert_eq!(code(&inside.unwrap_err()), ErrorCode::IntoItself);
    let suicide = synchronize_upload(&mut client, &fixture.path("a/b"), &remote("/a"), &deleting(), &mut Silent);
    assert_eq!(code(&suicide.unwrap_err()), ErrorCode::IntoItself);
    let suicide = synchronize_download(&mut client, &remote("/a/b"), &fixture.path("a"), &deleting(), &mut Silent);
    assert_eq!(code(&suicide.unwrap_err()), ErrorCode::IntoItself);
    assert!(fixture.path("a/b/c").exists());
}

#[test]
fn a_destination_inside_its_source_is_refused_before_it_is_made() {
    let fixture = Fixture::new();
    let mut client = fixture.client();
    fixture.write("a/b/c", "c");
    let options = SyncOptions::default();
    for (source, new) in [("/a", "a/new"), ("/a", "a/b/new"), ("/", "a/new")] {
        let (source, new) = (remote(source), fixture.path(new));
        let error = synchronize_download(&mut client, &source, &new, &options, &mut Silent).unwrap_err();
        assert_eq!(code(&error), ErrorCode::IntoItself);
        assert!(error.to_string().contains("one of the two directories is inside the other"), "{error}");
        assert!(!new.exists());
    }
    let beside = fixture.path("new");
    synchronize_download(&mut client, &remote("/a"), &beside, &options, &mut Silent).unwrap();
    assert!(beside.join("b/c").exists());
}

#[test]
fn the_lease_is_held_and_others_are_told_by_whom() {
    let mut scene = Scene::new(Way::Up);
    write(&scene.source(), "a", "a");
    let mut other = crate::common::raw::Raw::connect(&scene.fixture);
    let held = other.hold_write();
    let Err(Error::Busy(holders)) = scene.try_sync(&deleting()) else { panic!("not busy") };
    assert_eq!(holders.len(), 1);
    other.signal(held, remofile::protocol::wire::Signal::Cancel);
    let _ended = other.outcome(held);
    scene.sync_whole(&deleting());
}

#[test]
fn a_read_only_server_is_a_source_and_no_destination() {
    let fixture = Fixture::with(|options| options.read_only = true);
    fixture.write("a", "a");
    let local = tempfile::tempdir().unwrap();
    let mut client = fixture.client();
    let options = SyncOptions::default();
    synchronize_download(&mut client, &remote("/"), local.path(), &options, &mut Silent).unwrap();
    assert_eq!(std::fs::read(local.path().join("a")).unwrap(), b"a");
    let up = synchronize_upload(&mut client, local.path(), &remote("/"), &options, &mut Silent);
    assert_eq!(code(&up.unwrap_err()), ErrorCode::ReadOnly);
}

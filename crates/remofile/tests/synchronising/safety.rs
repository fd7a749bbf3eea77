//! Safety from losses: a source that is not what it seems, and deletions after something went wrong.

use crate::common::{Fixture, remote, write};
use crate::synchronising::scene::{Scene, WAYS, Way, changes, deleting, look};
use remofile::protocol::wire::{ErrorCode, Links};
use remofile::{Error, Selection, Silent, SyncOptions, synchronize_download, synchronize_upload};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

fn following() -> SyncOptions {
    SyncOptions { selection: Selection { links: Links::Follow, ..deleting().selection }, ..deleting() }
}

fn names(scene: &Scene) -> Vec<String> {
    look(&scene.destination()).into_keys().collect()
}

#[test]
fn a_source_that_is_a_file_never_empties_the_destination() {
    for links in [Links::Skip, Links::Follow, Links::Copy] {
        let fixture = Fixture::new();
        fixture.write("file", "x");
        let here = tempfile::tempdir().unwrap();
        write(here.path(), "precious", "x");
        let options = SyncOptions { selection: Selection { links, ..deleting().selection }, ..deleting() };
        let result = synchronize_download(&mut fixture.client(), &remote("/file"), here.path(), &options, &mut Silent);
        let Err(Error::Remote(failure)) = result else { panic!("{result:?}") };
        assert_eq!(failure.code, ErrorCode::NotADirectory, "{links:?}");
        assert!(here.path().join("precious").exists());
    }
}

#[test]
fn a_rule_that_fits_the_source_itself_does_not_leave_it_out() {
    for way in WAYS {
        for links in [Links::Skip, Links::Follow, Links::Copy] {
            let mut scene = Scene::new(way);
            write(&scene.source(), "a", "x");
            write(&scene.source(), "tree/b", "x");
            write(&scene.destination(), "old", "x");
            let rules = vec!["tree".to_owned()];
            scene.sync(&SyncOptions { selection: Selection { links, rules, ..deleting().selection }, ..deleting() });
            assert_eq!(names(&scene), ["a"], "{way:?} {links:?}");
        }
    }
}

#[test]
fn a_link_that_cannot_be_followed_keeps_what_has_its_name() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        symlink("nowhere", scene.source().join("dangling")).unwrap();
        symlink("/etc", scene.source().join("out")).unwrap();
        symlink("..", scene.source().join("loop")).unwrap();
        for name in ["dangling/x", "out/x", "loop/x", "extra"] {
            write(&scene.destination(), name, "precious");
        }
        scene.sync(&following());
        assert_eq!(names(&scene), ["dangling", "dangling/x", "loop", "loop/x", "out", "out/x"], "{way:?}");
    }
}

#[test]
fn beside_a_name_that_cannot_be_sent_nothing_is_deleted_and_elsewhere_it_is() {
    let mut scene = Scene::new(Way::Up);
    for name in ["d/notes: new", "d/sub/a"] {
        write(&scene.source(), name, "x");
    }
    let kept = ["d/notes", "d/old/x", "d/old/y/z"];
    let gone = ["d/make-way/x", "d/sub/old", "extra", "z/x"];
    write(&scene.source(), "d/make-way", "x");
    kept.iter().chain(&gone).for_each(|name| drop(write(&scene.destination(), name, "the only copy")));
    for options in [deleting(), following()] {
        let report = scene.sync(&options);
        let failure = &report.transfer.failures[0];
        assert_eq!(failure.code, ErrorCode::InvalidName);
        assert!(failure.to_string().contains("nothing in its directory is deleted: rename it, or exclude it"));
        assert!(report.plan.withheld.is_none());
        let left = names(&scene);
        assert!(kept.iter().all(|name| left.iter().any(|one| one == name)), "{left:?}");
        assert!(gone.iter().all(|name| left.iter().all(|one| one != name)), "{left:?}");
        assert!(left.contains(&"d/sub/a".to_owned()));
    }
    // An excluded name is no reason to keep anything, and needs no word.
    let rules = vec!["*: new".to_owned()];
    for options in [deleting(), following()] {
        let selection = Selection { rules: rules.clone(), ..options.selection.clone() };
        let report = scene.sync(&SyncOptions { selection, ..options });
        assert_eq!(report.transfer.failures, []);
        assert_eq!(names(&scene), ["d", "d/make-way", "d/sub", "d/sub/a"]);
    }
    // A server sends what it would not take.
    let mut scene = Scene::new(Way::Down);
    write(&scene.source(), "a:b", "x");
    write(&scene.destination(), "extra", "x");
    let report = scene.sync(&deleting());
    assert_eq!(report.transfer.failures, []);
    assert_eq!(names(&scene), ["a:b"]);
}

/// Names that no file on the other side can have.
const RAW: [&[u8]; 3] = [b"bad\xff", b"bad\nline", b"bad\x1b[0m"];

#[test]
fn raw_names_withhold_deletions_in_their_directory_alone() {
    for way in WAYS {
        for options in [deleting(), following()] {
            let mut scene = Scene::new(way);
            for name in RAW {
                write(&scene.source(), "d/good", "x");
                std::fs::write(scene.source().join("d").join(OsStr::from_bytes(name)), "x").unwrap();
            }
            for name in ["d/old", "extra", "e/extra"] {
                write(&scene.destination(), name, "x");
            }
            let report = scene.sync(&options);
            let codes: Vec<ErrorCode> = report.transfer.failures.iter().map(|failure| failure.code).collect();
            assert_eq!(codes, [ErrorCode::InvalidName; 3], "{way:?} {:?}", report.transfer.failures);
            assert_eq!(
                (names(&scene), report.plan.withheld),
                (["d", "d/good", "d/old"].map(str::to_owned).into(), None)
            );
            let rules = vec!["bad*".to_owned()];
            let report = scene.sync(&SyncOptions { selection: Selection { rules, ..options.selection }, ..options });
            assert_eq!(report.transfer.failures, [], "{way:?}");
            assert_eq!(names(&scene), ["d", "d/good"], "{way:?}");
        }
    }
}

#[test]
fn a_directory_that_holds_a_raw_name_stays_and_the_others_are_deleted() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "a", "x");
        for name in ["old/x", "extra/x"] {
            write(&scene.destination(), name, "x");
        }
        std::fs::write(scene.destination().join("old").join(OsStr::from_bytes(RAW[0])), "x").unwrap();
        let report = scene.sync(&deleting());
        assert_eq!(report.transfer.failures.len(), 1, "{way:?} {:?}", report.transfer.failures);
        assert_eq!(report.transfer.failures[0].code, ErrorCode::InvalidName);
        assert!(scene.destination().join("old").is_dir());
        assert!(!scene.destination().join("old/x").exists() && !scene.destination().join("extra").exists());
        // A rule that leaves it out leaves it where it is.
        let selection = Selection { rules: vec!["bad*".to_owned()], ..deleting().selection };
        let report = scene.sync(&SyncOptions { selection, ..deleting() });
        assert_eq!(report.transfer.failures, [], "{way:?}");
        assert!(scene.destination().join("old").is_dir());
    }
}

#[test]
fn names_at_the_destination_that_cannot_be_asked_for_are_left_and_not_planned() {
    let mut scene = Scene::new(Way::Up);
    write(&scene.destination(), "d/x:y", "x");
    write(&scene.destination(), "extra", "x");
    let report = scene.sync(&deleting());
    assert_eq!((report.transfer.failures.len(), names(&scene)), (0, vec!["d".to_owned(), "d/x:y".to_owned()]));
}

/// A server that takes no file of more than 1000 bytes.
fn narrow() -> Fixture {
    Fixture::with(|options| options.file_size_limit = 1000)
}

#[test]
fn nothing_makes_way_for_a_file_that_is_too_large_and_nothing_else_is_deleted() {
    let fixture = narrow();
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "big", "x".repeat(1001));
    for name in ["big/precious", "extra"] {
        write(&fixture.path("there"), name, "x");
    }
    let mut client = fixture.client();
    let report = synchronize_upload(&mut client, here.path(), &remote("/there"), &deleting(), &mut Silent).unwrap();
    assert_eq!(report.transfer.failures[0].code, ErrorCode::FileTooLarge);
    assert_eq!(look(&fixture.path("there")).len(), 3);
    // What is on the server may be larger than what it would store.
    fixture.write("from/big", "x".repeat(1001));
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "extra", "x");
    let report = synchronize_download(&mut client, &remote("/from"), here.path(), &deleting(), &mut Silent).unwrap();
    assert_eq!(report.transfer.failures, []);
    assert_eq!(look(here.path()).into_keys().collect::<Vec<_>>(), ["big"]);
}

#[test]
fn no_directory_makes_way_after_something_went_wrong() {
    if rustix::process::geteuid().is_root() {
        // Nothing is unreadable then: a file that vanishes goes wrong as well.
        let scene = Scene::new(Way::Up);
        write(&scene.source(), "a", "x".repeat(3_000_000));
        write(&scene.source(), "z", "new");
        write(&scene.destination(), "z/precious", "x");
        let path = scene.source().join("a");
        let options = deleting();
        let mut monitor = crate::common::AtFirst::transferred(move || std::fs::remove_file(&path).unwrap());
        let mut client = scene.fixture.client();
        // Whether it went wrong depends on how much was read ahead: if so, nothing made way.
        let report =
            synchronize_upload(&mut client, &scene.source(), &remote("/tree"), &options, &mut monitor).unwrap();
        let is_there = scene.destination().join("z/precious").exists();
        assert_eq!(is_there, !report.transfer.failures.is_empty(), "{:?}", report.transfer.failures);
        return;
    }
    for way in WAYS {
        use std::os::unix::fs::PermissionsExt;
        let mut scene = Scene::new(way);
        write(&scene.source(), "a", "x");
        write(&scene.source(), "z", "new");
        std::fs::set_permissions(scene.source().join("a"), PermissionsExt::from_mode(0o000)).unwrap();
        write(&scene.destination(), "z/precious", "x");
        write(&scene.destination(), "extra", "x");
        let report = scene.sync(&deleting());
        assert_eq!(report.transfer.failures.len(), 2, "{:?}", report.transfer.failures);
        assert_eq!(names(&scene), ["extra", "z", "z/precious"]);
    }
}

#[test]
fn directories_make_way_last_and_the_whole_comes_out_right() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        for name in ["a", "m", "z"] {
            write(&scene.source(), name, name);
        }
        symlink("a", scene.source().join("k")).unwrap();
        for name in ["a/x/y", "k/x", "z/x", "extra/x"] {
            write(&scene.destination(), name, "old");
        }
        std::fs::create_dir(scene.destination().join("m")).unwrap();
        let options = SyncOptions { selection: Selection { links: Links::Copy, ..deleting().selection }, ..deleting() };
        let report = scene.sync_whole(&options);
        let order = changes(&report.plan);
        let first = order.iter().position(|change| change.starts_with("delete")).unwrap();
        assert!(order[..first].iter().all(|change| !change.starts_with("delete")), "{order:?}");
    }
}

#[test]
fn a_backup_directory_does_not_hide_what_the_source_has() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "old/thesis", "x");
        let options = SyncOptions { backup: Some("old".into()), ..deleting() };
        let error = scene.try_sync(&options).unwrap_err();
        assert!(matches!(&error, Error::Local(failure) if failure.code == ErrorCode::AlreadyExists), "{error}");
        assert_eq!(names(&scene), Vec::<String>::new());
        // Who says so knows it.
        let rules = vec!["/old/".to_owned()];
        scene.sync(&SyncOptions { selection: Selection { rules, ..options.selection }, ..options });
    }
}

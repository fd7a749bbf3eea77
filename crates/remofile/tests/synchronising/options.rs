//! The effects of the options.

use crate::common::write;
use crate::synchronising::scene::{Scene, WAYS, Way, changes, deleting, look, set_time};
use remofile::sync::plan::Withheld;
use remofile::{Error, Selection, SendOptions, SyncOptions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

fn plain() -> SyncOptions {
    SyncOptions::default()
}

fn read(scene: &Scene, name: &str) -> String {
    std::fs::read_to_string(scene.destination().join(name)).unwrap()
}

#[test]
fn nothing_is_deleted_unless_that_is_asked_for() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "a", "a");
        write(&scene.destination(), "d/e/f", "f");
        scene.sync(&plain());
        assert_eq!(read(&scene, "d/e/f"), "f");
        let report = scene.sync_whole(&deleting());
        assert_eq!(changes(&report.plan), ["delete d/e/f", "delete d/e", "delete d"]);
    }
}

#[test]
fn a_dry_run_changes_nothing_and_tells_the_plan() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "new/a", "a");
        write(&scene.destination(), "old", "b");
        let before = look(&scene.destination());
        let report = scene.sync(&SyncOptions { dry_run: true, ..deleting() });
        assert_eq!(changes(&report.plan), ["mkdir new", "create new/a", "delete old"]);
        assert_eq!(look(&scene.destination()), before);
    }
}

#[test]
fn more_deletions_than_allowed_are_none_at_all() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "a", "a");
        for name in ["x", "y", "z"] {
            write(&scene.destination(), name, name);
        }
        let report = scene.sync(&SyncOptions { max_delete: Some(2), ..deleting() });
        assert!(matches!(report.plan.withheld, Some(Withheld::TooMany { planned: 3, most: 2 })));
        assert_eq!(look(&scene.destination()).keys().collect::<Vec<_>>(), ["a", "x", "y", "z"]);
        scene.sync_whole(&SyncOptions { max_delete: Some(3), ..deleting() });
    }
}

#[test]
fn a_limit_of_deletions_where_nothing_is_to_be_deleted_is_refused() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "a", "a");
        let refused = scene.try_sync(&SyncOptions { max_delete: Some(2), ..plain() });
        assert!(matches!(refused, Err(Error::Usage("max_delete needs delete"))), "{refused:?}");
        assert!(look(&scene.destination()).is_empty());
    }
}

#[test]
fn contents_decide_with_checksum_and_sizes_with_size_only() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        for (root, content) in [(scene.source(), "new"), (scene.destination(), "old")] {
            set_time(&write(&root, "f", content), 7, 7);
        }
        assert!(changes(&scene.sync(&plain()).plan).is_empty());
        scene.sync_whole(&SyncOptions { checksum: true, ..plain() });
        assert_eq!(read(&scene, "f"), "new");
        set_time(&write(&scene.destination(), "f", "odd"), 8, 0);
        scene.sync(&SyncOptions { size_only: true, ..plain() });
        assert_eq!(read(&scene, "f"), "odd");
    }
}

#[test]
fn what_is_newer_exists_or_does_not_exist_can_be_left() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        set_time(&write(&scene.source(), "both", "source"), 10, 0);
        set_time(&write(&scene.destination(), "both", "destination!"), 20, 0);
        write(&scene.source(), "new/one", "new");
        scene.sync(&SyncOptions { update: true, existing: true, ..plain() });
        assert_eq!(look(&scene.destination()).keys().collect::<Vec<_>>(), ["both"]);
        assert_eq!(read(&scene, "both"), "destination!");
        scene.sync(&SyncOptions { ignore_existing: true, ..plain() });
        assert_eq!((read(&scene, "both"), read(&scene, "new/one")), ("destination!".into(), "new".into()));
        scene.sync(&SyncOptions { existing: true, ..plain() });
        assert_eq!(read(&scene, "both"), "source");
    }
}

#[test]
fn what_rules_leave_out_is_neither_sent_nor_deleted() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "a.o", "source");
        write(&scene.source(), "keep/b.c", "b");
        write(&scene.destination(), "a.o", "destination");
        write(&scene.destination(), "gone/x.o", "x");
        write(&scene.destination(), "gone/y", "y");
        let report = scene.sync(&SyncOptions {
            selection: Selection { rules: vec!["*.o".into()], ..deleting().selection },
            ..deleting()
        });
        assert_eq!(read(&scene, "a.o"), "destination");
        assert_eq!(
            look(&scene.destination()).keys().collect::<Vec<_>>(),
            ["a.o", "gone", "gone/x.o", "keep", "keep/b.c"]
        );
        assert_eq!(report.transfer.failures, [], "a directory that keeps something stays");
    }
}

#[test]
fn what_is_replaced_or_deleted_is_kept_in_the_backup() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "d/changed", "newer");
        write(&scene.destination(), "d/changed", "old");
        write(&scene.destination(), "d/gone", "gone");
        let options = SyncOptions { backup: Some("backup/1".into()), ..deleting() };
        scene.sync(&options);
        assert_eq!(read(&scene, "backup/1/d/changed"), "old");
        assert_eq!(read(&scene, "backup/1/d/gone"), "gone");
        assert_eq!(read(&scene, "d/changed"), "newer");
        assert!(!scene.destination().join("d/gone").exists());
        assert!(changes(&scene.sync(&options).plan).is_empty(), "the backup itself is left alone");
    }
}

#[test]
fn permission_bits_are_kept_if_that_is_asked_for() {
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    for way in WAYS {
        let mut scene = Scene::new(way);
        let file = write(&scene.source(), "d/f", "f");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
        std::fs::set_permissions(scene.source().join("d"), PermissionsExt::from_mode(0o750)).unwrap();
        let options = SyncOptions { send: SendOptions { preserve_mode: true, ..plain().send }, ..plain() };
        scene.sync_whole(&options);
        assert_eq!((mode(&scene.destination().join("d/f")), mode(&scene.destination().join("d"))), (0o640, 0o750));
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::set_permissions(scene.source().join("d"), PermissionsExt::from_mode(0o700)).unwrap();
        let report = scene.sync_whole(&options);
        assert_eq!(changes(&report.plan).len(), 2, "{:?}", report.plan.steps);
        assert_eq!((mode(&scene.destination().join("d/f")), mode(&scene.destination().join("d"))), (0o600, 0o700));
    }
}

#[test]
fn times_within_the_window_are_the_same() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        set_time(&write(&scene.source(), "f", "new"), 100, 0);
        set_time(&write(&scene.destination(), "f", "old"), 102, 0);
        let options = SyncOptions { modify_window: Duration::from_secs(2), ..plain() };
        assert!(changes(&scene.sync(&options).plan).is_empty());
        assert_eq!(changes(&scene.sync(&plain()).plan), ["update f"]);
    }
}

#[test]
fn a_file_and_a_directory_of_one_name_take_each_others_place() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "one", "file");
        write(&scene.source(), "two/x", "x");
        write(&scene.destination(), "one/a/b", "b");
        write(&scene.destination(), "two", "file");
        let report = scene.sync(&plain());
        assert_eq!(look(&scene.destination()).keys().collect::<Vec<_>>(), ["one", "one/a", "one/a/b", "two", "two/x"]);
        let failures: Vec<_> = report.transfer.failures.iter().map(|failure| failure.code).collect();
        assert_eq!(failures, [remofile::protocol::wire::ErrorCode::AlreadyExists], "who is not told would not know");
        scene.sync_whole(&deleting());
    }
}

#[test]
fn what_cannot_be_kept_is_neither_replaced_nor_deleted() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "changed", "newer");
        write(&scene.destination(), "changed", "old");
        write(&scene.destination(), "gone", "gone");
        for name in ["changed", "gone"] {
            write(&scene.destination(), &format!("backup/{name}/in the way"), "");
        }
        let report = scene.sync(&SyncOptions { backup: Some("backup".into()), ..deleting() });
        assert_eq!((read(&scene, "changed"), read(&scene, "gone")), ("old".into(), "gone".into()), "{way:?}");
        assert!(!report.transfer.failures.is_empty());
    }
}

#[test]
fn a_backup_that_is_reached_through_a_link_stays() {
    let mut scene = Scene::new(Way::Down);
    write(&scene.source(), "a", "new");
    write(&scene.destination(), "a", "older");
    for root in [scene.source(), scene.destination()] {
        std::fs::create_dir(root.join("kept")).unwrap();
    }
    std::os::unix::fs::symlink("kept", scene.destination().join("link")).unwrap();
    let options = SyncOptions {
        backup: Some("link/here".to_owned()),
        selection: Selection { rules: vec!["/link".to_owned()], ..deleting().selection },
        ..deleting()
    };
    for _ in 0..2 {
        assert_eq!(scene.sync(&options).transfer.failures, []);
        assert_eq!(std::fs::read(scene.destination().join("kept/here/a")).unwrap(), b"older");
    }
    std::fs::remove_file(scene.destination().join("link")).unwrap();
    std::os::unix::fs::symlink("/", scene.destination().join("link")).unwrap();
    assert!(scene.try_sync(&options).is_err());
}

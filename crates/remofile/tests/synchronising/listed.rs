//! Synchronisations of listed paths alone.

use crate::common::write;
use crate::synchronising::scene::{Scene, WAYS, changes, deleting, look};
use remofile::protocol::wire::{ErrorCode, Links};
use remofile::{ListedPaths, Selection, SyncOptions};
use std::os::unix::fs::symlink;

fn only(paths: &[&str]) -> SyncOptions {
    SyncOptions { listed: Some(ListedPaths::new(paths).unwrap()), ..deleting() }
}

fn names(scene: &Scene) -> Vec<String> {
    look(&scene.destination()).into_keys().collect()
}

#[test]
fn only_what_is_listed_takes_part_and_what_is_elsewhere_stays() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        for name in ["a", "b", "d/x", "d/y", "e/f/g", "e/f/h", "e/z"] {
            write(&scene.source(), name, name);
        }
        for name in ["b", "d/old", "e/f/extra", "e/other", "elsewhere/x"] {
            write(&scene.destination(), name, "of the destination");
        }
        let options = only(&["a", "d", "e/f/g"]);
        let report = scene.sync(&options);
        assert_eq!(report.transfer.failures, [], "{way:?}");
        let done = ["create a", "create d/x", "create d/y", "create e/f/g", "delete d/old"];
        assert_eq!(changes(&report.plan), done, "{way:?}");
        assert_eq!(changes(&scene.sync(&options).plan), Vec::<String>::new(), "{way:?}");
        assert_eq!(std::fs::read_to_string(scene.destination().join("b")).unwrap(), "of the destination");
        assert!(names(&scene).contains(&"e/f/extra".to_owned()), "{way:?}");
    }
}

#[test]
fn directories_above_what_is_listed_are_made_whatever_is_in_their_places() {
    for way in WAYS {
        for links in [Links::Skip, Links::Copy, Links::Follow] {
            let mut scene = Scene::new(way);
            write(&scene.source(), "a/b/c", "c");
            write(&scene.source(), "a/beside", "no");
            write(&scene.destination(), "a", "a file in the way");
            let options = SyncOptions { selection: Selection { links, ..Selection::default() }, ..only(&["a/b/c"]) };
            assert_eq!(scene.sync(&options).transfer.failures, [], "{way:?} {links:?}");
            assert_eq!(names(&scene), ["a", "a/b", "a/b/c"], "{way:?} {links:?}");
        }
    }
}

#[test]
fn a_listed_path_that_is_missing_fails_alone_and_keeps_everything_from_being_deleted() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "d/a", "a");
        write(&scene.source(), "f", "a file");
        for name in ["missing", "d/old"] {
            write(&scene.destination(), name, "stays");
        }
        let report = scene.sync(&only(&["missing", "d", "f/below"]));
        let failures: Vec<_> = report.transfer.failures.iter().map(|failure| failure.code).collect();
        assert_eq!(failures, [ErrorCode::NotFound; 2], "{way:?}");
        let path = report.transfer.failures[1].path.as_deref().unwrap();
        assert!(path.ends_with("/missing"), "{path}");
        assert_eq!(names(&scene), ["d", "d/a", "d/old", "missing"], "{way:?}: a file is no directory above another");
    }
}

#[test]
fn rules_and_links_say_of_listed_paths_what_they_say_of_others() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "d/a.o", "o");
        write(&scene.source(), "d/a.c", "c");
        symlink("d", scene.source().join("link")).unwrap();
        let selection = Selection { rules: vec!["*.o".to_owned()], ..Selection::default() };
        let report = scene.sync(&SyncOptions { selection, ..only(&["d/a.o", "d/a.c", "link"]) });
        assert_eq!((report.transfer.failures.len(), report.transfer.skipped.len()), (0, 1), "{way:?}");
        assert!(report.transfer.skipped[0].to_string().contains("a rule leaves it out"));
        assert_eq!(names(&scene), ["d", "d/a.c"], "{way:?}");
    }
}

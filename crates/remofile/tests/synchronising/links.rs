//! Sources whose links are followed: what cannot be read of them never looks as if it were not there.

use crate::common::{Fixture, remote, write};
use crate::synchronising::scene::{Scene, WAYS, Way, deleting, look};
use remofile::protocol::path::NameRule;
use remofile::protocol::wire::{ErrorCode, Links};
use remofile::{Error, Selection, Silent, SyncOptions, synchronize_download};
use std::os::unix::fs::symlink;

fn following() -> SyncOptions {
    SyncOptions { selection: Selection { links: Links::Follow, ..deleting().selection }, ..deleting() }
}

#[test]
fn a_source_that_is_a_file_never_empties_the_destination() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.destination(), "a", "a");
        std::fs::remove_dir(scene.source()).unwrap();
        std::fs::write(scene.source(), "a file").unwrap();
        let error = scene.try_sync(&following()).unwrap_err();
        let (Error::Local(failure) | Error::Remote(failure)) = error else { panic!("{error:?}") };
        assert_eq!(failure.code, ErrorCode::NotADirectory, "{way:?}");
        assert_eq!(look(&scene.destination()).len(), 1, "{way:?}");
    }
}

#[test]
fn rules_say_nothing_of_the_source_itself() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "a", "a");
        write(&scene.source(), "below/tree/left", "out");
        write(&scene.destination(), "tree", "left");
        let options = SyncOptions {
            selection: Selection { rules: vec!["tree".to_owned()], ..following().selection },
            ..following()
        };
        let report = scene.sync(&options);
        assert_eq!(report.transfer.failures, [], "{way:?}");
        assert_eq!(look(&scene.destination()).keys().collect::<Vec<_>>(), ["a", "below", "tree"], "{way:?}");
    }
}

#[test]
fn a_link_that_cannot_be_followed_keeps_its_counterpart() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "a", "a");
        std::fs::create_dir(scene.source().join("within")).unwrap();
        symlink("nowhere", scene.source().join("dangling")).unwrap();
        symlink("../..", scene.source().join("out")).unwrap();
        symlink("..", scene.source().join("within/loop")).unwrap();
        for kept in ["dangling/x", "out/y/z", "within/loop"] {
            write(&scene.destination(), kept, "kept");
        }
        write(&scene.destination(), "dangling.extra", "gone");
        let report = scene.sync(&following());
        assert_eq!((report.transfer.failures.len(), report.transfer.skipped.len()), (0, 3), "{way:?}");
        let left = ["a", "dangling", "dangling/x", "out", "out/y", "out/y/z", "within", "within/loop"];
        assert_eq!(look(&scene.destination()).keys().collect::<Vec<_>>(), left, "{way:?}");
    }
}

#[test]
fn what_stays_for_a_link_is_not_renamed_either() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "new", "content");
        symlink("nowhere", scene.source().join("link")).unwrap();
        write(&scene.destination(), "link", "content");
        scene.sync(&following());
        assert_eq!(look(&scene.destination()).keys().collect::<Vec<_>>(), ["link", "new"], "{way:?}");
    }
}

#[test]
fn names_that_a_server_would_not_take_come_from_it_like_others() {
    let (fixture, local) = (Fixture::with(|options| options.names = NameRule::Portable), tempfile::tempdir().unwrap());
    for name in ["a:b", "c|d/e", "good"] {
        write(local.path(), name, "here");
        fixture.write(name, "there");
    }
    write(local.path(), "extra", "it is nowhere else");
    let report = synchronize_download(&mut fixture.client(), &remote("/"), local.path(), &following(), &mut Silent);
    assert_eq!(report.unwrap().transfer.failures, []);
    assert_eq!(look(local.path()).keys().collect::<Vec<_>>(), ["a:b", "c|d", "c|d/e", "good"]);
    for name in ["a:b", "c|d/e"] {
        assert_eq!(std::fs::read(local.path().join(name)).unwrap(), b"there");
    }
}

#[test]
fn names_that_a_server_does_not_take_keep_what_it_has_of_them() {
    for links in [Links::Skip, Links::Follow, Links::Copy] {
        let mut scene = Scene::new(Way::Up);
        for name in ["a:b", "c|d/e"] {
            write(&scene.source(), name, "here");
            write(&scene.destination(), name, "there");
        }
        write(&scene.destination(), "extra", "it may be one of those under its old name");
        scene.sync(&SyncOptions { selection: Selection { links, ..deleting().selection }, ..deleting() });
        assert_eq!(
            look(&scene.destination()).keys().collect::<Vec<_>>(),
            ["a:b", "c|d", "c|d/e", "extra"],
            "{links:?}"
        );
    }
}

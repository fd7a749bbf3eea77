//! The contents that travel, and the way they do.

use crate::common::{noise, write};
use crate::synchronising::scene::{Scene, WAYS, Way, changes, deleting, look, set_time};
use remofile::sync::plan::Action;
use remofile::{Delta, Selection, SendOptions, SyncOptions};
use std::os::unix::fs::MetadataExt;

const MIB: usize = 1024 * 1024;

fn always() -> SyncOptions {
    SyncOptions { delta: Delta::Always, ..SyncOptions::default() }
}

#[test]
fn a_tree_is_made_like_another_and_then_there_is_nothing_to_do() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        for name in ["a", "b/c", "b/d/e", "b.txt", "empty/.keep"] {
            write(&scene.source(), name, name);
        }
        std::fs::create_dir(scene.source().join("nothing")).unwrap();
        set_time(&scene.source().join("a"), -5, 123_456_789);
        set_time(&scene.source().join("b/c"), 5_000_000_000, 1);
        write(&scene.destination(), "b/c", "old");
        let report = scene.sync_whole(&SyncOptions::default());
        assert_eq!(report.transfer.files, 5, "{way:?}");
        assert_eq!(report.plan.unchanged.files, 0);
    }
}

#[test]
fn an_unchanged_tree_costs_little_on_the_line() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        for number in 0..2000 {
            write(&scene.source(), &format!("d{}/f{number}", number % 10), "content");
        }
        scene.sync(&SyncOptions::default());
        let again = scene.sync(&SyncOptions::default());
        assert!(changes(&again.plan).is_empty());
        assert_eq!(again.plan.unchanged.files, 2000);
        let bytes = again.transfer.sent_bytes + again.transfer.received_bytes;
        assert!(bytes < 2000 * 60, "{bytes}");
    }
}

#[test]
fn edits_insertions_removals_and_moved_blocks_travel_as_what_changed() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        let old = noise(8 * MIB);
        let mut edited = old.clone();
        for at in (0..80).map(|number| number * 100_000) {
            edited[at..at + 1000].fill(7);
        }
        let inserted = [b"x".as_slice(), &old].concat();
        let removed = [&old[..MIB], &old[MIB + 12_345..]].concat();
        let moved = [&old[4 * MIB..], &old[..4 * MIB]].concat();
        for (name, content, most) in [
            ("edited", edited, 700_000),
            ("inserted", inserted, 60_000),
            ("removed", removed, 60_000),
            ("moved", moved, 60_000),
            ("cut", old[..3 * MIB].to_vec(), 60_000),
            ("grown", [&old[..], &old[..MIB]].concat(), 60_000),
        ] {
            write(&scene.source(), name, &content);
            write(&scene.destination(), name, &old);
            set_time(&scene.destination().join(name), 1, 0);
            let report = scene.sync_whole(&always());
            let bytes = report.transfer.sent_bytes + report.transfer.received_bytes;
            assert!(bytes < most, "{way:?} {name}: {bytes}");
        }
    }
}

#[test]
fn several_files_with_thousands_of_changes_each_travel_as_what_changed() {
    let mut scene = Scene::new(Way::Down);
    let old = noise(16 * MIB);
    let mut new = old.clone();
    for at in (0..3750).map(|number| number * (old.len() / 3750)) {
        new[at..at + 8].fill(7);
    }
    for number in 0..12 {
        write(&scene.source(), &format!("f{number}"), &new);
        set_time(&write(&scene.destination(), &format!("f{number}"), &old), 1, 0);
    }
    let report = scene.sync_whole(&always());
    let bytes = report.transfer.sent_bytes + report.transfer.received_bytes;
    assert!(bytes < 100 * MIB as u64, "{bytes}");
}

#[test]
fn a_large_file_in_which_nothing_changed_only_gets_its_time() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        let content = noise(2 * MIB);
        write(&scene.source(), "f", &content);
        let old = write(&scene.destination(), "f", &content);
        set_time(&old, 1, 0);
        let before = old.metadata().unwrap().ino();
        let report = scene.sync_whole(&always());
        assert_eq!(changes(&report.plan), ["touch f"]);
        assert_eq!(old.metadata().unwrap().ino(), before);
    }
}

#[test]
fn a_small_file_in_which_nothing_changed_is_compared_and_only_gets_its_time() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        for name in ["a", "b"] {
            write(&scene.source(), name, "same");
            set_time(&write(&scene.destination(), name, "same"), 1, 0);
        }
        write(&scene.source(), "b", "diff");
        let report = scene.sync_whole(&SyncOptions::default());
        assert_eq!(changes(&report.plan), ["touch a", "update b"]);
    }
}

#[test]
fn a_file_that_moved_is_moved_and_not_sent_again() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        let content = noise(MIB);
        write(&scene.source(), "new/place/f", &content);
        write(&scene.source(), "other", vec![0; MIB]);
        write(&scene.destination(), "old/f", &content);
        write(&scene.destination(), "same-size", vec![1; MIB]);
        let report = scene.sync_whole(&deleting());
        let renamed: Vec<_> =
            report.plan.steps.iter().filter(|step| matches!(step.action, Action::Rename(_))).collect();
        assert_eq!(renamed.len(), 1, "{:?}", report.plan.steps);
        assert_eq!(&*renamed[0].path, "new/place/f");
        let bytes = report.transfer.sent_bytes + report.transfer.received_bytes;
        assert!(bytes < MIB as u64 + 100_000, "{bytes}");
    }
}

#[test]
fn files_of_many_sizes_come_out_right_as_deltas() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        let base = noise(700_000);
        for (number, size) in [65_536, 65_537, 70_000, 131_072, 200_001, 699_999].into_iter().enumerate() {
            let mut content = base[..size].to_vec();
            content[size / 2] ^= 1;
            write(&scene.source(), &format!("f{number}"), &content);
            let other = [&base[100..], &base[..size - 65_000]].concat();
            set_time(&write(&scene.destination(), &format!("f{number}"), other), 1, 0);
        }
        scene.sync_whole(&always());
        scene.sync_whole(&SyncOptions { delta: Delta::Never, ..SyncOptions::default() });
    }
}

#[test]
fn deltas_may_be_compressed_and_slowed_down() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        let old = noise(4 * MIB);
        let mut new = old.clone();
        new[MIB..2 * MIB].fill(b'a');
        new[3 * MIB + 5..3 * MIB + 100].fill(b'b');
        write(&scene.source(), "f", &new);
        set_time(&write(&scene.destination(), "f", &old), 1, 0);
        let options = SyncOptions {
            send: SendOptions { compress_level: Some(3), bytes_per_second: Some(1 << 30), ..always().send },
            ..always()
        };
        let report = scene.sync_whole(&options);
        let bytes = report.transfer.sent_bytes + report.transfer.received_bytes;
        assert!(bytes < 100_000, "{bytes}");
    }
}

#[test]
fn holes_stay_holes_if_that_is_asked_for_and_messages_carry_no_more_than_they_may() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        let path = write(&scene.source(), "f", "begin");
        std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(8 * MIB as u64).unwrap();
        let send = SendOptions { sparse: true, chunk_bytes: Some(10_000), ..SendOptions::default() };
        scene.sync_whole(&SyncOptions { send, ..deleting() });
        let stored = std::fs::metadata(scene.destination().join("f")).unwrap();
        assert!(stored.blocks() * 512 < MIB as u64, "{} blocks", stored.blocks());
    }
}

#[test]
fn links_are_copied_followed_or_left_out() {
    use remofile::protocol::wire::Links;
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "d/f", "content");
        std::os::unix::fs::symlink("d/f", scene.source().join("l")).unwrap();
        std::os::unix::fs::symlink("d", scene.source().join("m")).unwrap();
        std::os::unix::fs::symlink("/etc", scene.source().join("out")).unwrap();
        scene.sync(&deleting());
        assert_eq!(look(&scene.destination()).keys().collect::<Vec<_>>(), ["d", "d/f"]);
        let follow =
            SyncOptions { selection: Selection { links: Links::Follow, ..deleting().selection }, ..deleting() };
        scene.sync(&follow);
        assert_eq!(look(&scene.destination()).keys().collect::<Vec<_>>(), ["d", "d/f", "l", "m", "m/f"]);
        assert!(changes(&scene.sync(&follow).plan).is_empty());
        let copy = SyncOptions { selection: Selection { links: Links::Copy, ..deleting().selection }, ..deleting() };
        scene.sync(&copy);
        assert!(scene.destination().join("m").is_symlink() && scene.destination().join("l").is_symlink());
        assert!(changes(&scene.sync(&copy).plan).is_empty(), "{way:?}");
    }
}

//! Files that take part by their sizes.

use crate::common::write;
use crate::synchronising::scene::{Scene, WAYS, changes, deleting, look};
use remofile::sync::plan::{Action, Reason};
use remofile::{Selection, SyncOptions};

fn of_sizes(min_size: Option<u64>, max_size: Option<u64>) -> SyncOptions {
    SyncOptions { selection: Selection { min_size, max_size, ..Selection::default() }, ..deleting() }
}

#[test]
fn files_are_chosen_by_their_sizes_and_what_is_in_the_places_of_others_stays() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        for (name, content) in
            [("small", "s"), ("d/right", "right"), ("d/large", "large, very"), ("gone/large", "larger file")]
        {
            write(&scene.source(), name, content);
        }
        write(&scene.destination(), "small", "an older version");
        write(&scene.destination(), "d/large/inside", "stays");
        write(&scene.destination(), "extra", "goes");
        let report = scene.sync(&of_sizes(Some(2), Some(8)));
        assert_eq!(report.transfer.failures, [], "{way:?}");
        assert_eq!(changes(&report.plan), ["mkdir gone", "create d/right", "delete extra"], "{way:?}");
        let left = ["d", "d/large", "d/large/inside", "d/right", "gone", "small"];
        assert_eq!(look(&scene.destination()).keys().collect::<Vec<_>>(), left, "{way:?}");
        let skipped = report.plan.steps.iter().filter(|step| step.action == Action::Skip { reason: Reason::Size });
        let skipped: Vec<String> = skipped.map(|step| step.path.into()).collect();
        assert_eq!(skipped, ["d/large", "gone/large", "small"], "{way:?}");
    }
}

#[test]
fn both_bounds_are_included() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        for size in 0..6 {
            write(&scene.source(), &size.to_string(), "x".repeat(size));
        }
        scene.sync(&of_sizes(Some(2), Some(4)));
        assert_eq!(look(&scene.destination()).keys().collect::<Vec<_>>(), ["2", "3", "4"], "{way:?}");
        scene.sync_whole(&of_sizes(Some(0), None));
    }
}

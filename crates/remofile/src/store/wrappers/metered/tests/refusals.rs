//! Quotas: nothing is used beyond them, and what is refused leaves nothing.

use super::*;

#[test]
fn a_file_that_is_announced_beyond_the_quota_is_refused_before_a_byte_and_others_go_on() {
    for scene in Scene::both(&["/"]) {
        let store = scene.limited("/", 100);
        write(&store, "/a", 60).unwrap();
        let refused = stage(&store, "/b", &sized(41)).err().unwrap();
        assert_eq!(refused.code, ErrorCode::QuotaExceeded);
        let told = refused.to_string();
        assert!(told.contains("60 bytes of 100 bytes are used, and it needs 41 bytes more"), "{told}");
        write(&store, "/c", 40).unwrap();
        assert_eq!(code(write(&store, "/d", 1)), Some(ErrorCode::QuotaExceeded));
        write(&store, "/empty", 0).unwrap();
        assert_eq!(scene.used("/"), 100);
        scene.assert_right();
    }
}

#[test]
fn nothing_stays_of_a_file_of_unknown_size_that_meets_the_quota() {
    for scene in Scene::both(&["/"]) {
        let store = scene.limited("/", 100);
        let mut staged = stage(&store, "/a", &StagePlan::default()).unwrap();
        staged.write(&[1; 60]).unwrap();
        assert_eq!(scene.used("/"), 60, "it counts while it is written");
        assert_eq!(code(staged.write(&[1; 41])), Some(ErrorCode::QuotaExceeded));
        assert_eq!(code(staged.write_hole(41)), Some(ErrorCode::QuotaExceeded));
        staged.retain_partial();
        assert_eq!((scene.used("/"), scene.there("/")), (0, 0));
    }
}

#[test]
fn a_partial_counts_with_what_it_has_and_goes_on_where_the_whole_file_fits() {
    for scene in Scene::both(&["/"]) {
        let store = scene.limited("/", LARGE + 1000);
        interrupt(&store, "/a", LARGE / 2).unwrap();
        assert_eq!(scene.used("/"), LARGE / 2);
        scene.assert_right();
        // Its own bytes make room for it.
        let mut staged = resume(&store, "/a", LARGE / 4).unwrap();
        assert_eq!(scene.used("/"), LARGE);
        staged.write_hole(LARGE / 4).unwrap();
        staged.retain_partial();
        assert_eq!(scene.used("/"), LARGE / 2);
        write(&store, "/b", 1001).unwrap();
        assert_eq!(code(resume(&store, "/a", LARGE / 2)), Some(ErrorCode::QuotaExceeded));
        scene.assert_right();
        assert!(store.remove_partial(&path("/a")).unwrap());
        assert_eq!(scene.used("/"), 1001);
        scene.assert_right();
    }
}

#[test]
fn a_replacement_needs_room_beside_what_it_replaces_and_frees_that_at_its_end() {
    for scene in Scene::both(&["/"]) {
        let store = scene.limited("/", 100);
        write(&store, "/a", 60).unwrap();
        assert_eq!(code(write(&store, "/a", 60)), Some(ErrorCode::QuotaExceeded));
        write(&store, "/a", 40).unwrap();
        assert_eq!(scene.used("/"), 40);
        write(&store, "/a", 60).unwrap();
        store.make_link(&path("/a"), "b", true).unwrap();
        assert_eq!(scene.used("/"), 0);
        // The link takes no room, and what is behind it is not freed with it.
        write(&store, "/b", 10).unwrap();
        write(&store, "/a", 10).unwrap();
        assert_eq!(scene.used("/"), 20);
        scene.assert_right();
    }
}

#[test]
fn a_file_that_grows_in_place_stays_within_the_quota() {
    for scene in Scene::both(&["/"]) {
        let store = scene.limited("/", 100);
        let mut file = store.edit(&path("/a"), true).unwrap();
        file.write_at(&[1; 10], 50).unwrap();
        assert_eq!(scene.used("/"), 60);
        file.write_at(&[2; 60], 0).unwrap();
        assert_eq!(code(file.write_at(&[3; 10], 91)), Some(ErrorCode::QuotaExceeded));
        assert_eq!(code(file.append(&[3; 41])), Some(ErrorCode::QuotaExceeded));
        assert_eq!(code(file.set_length(101)), Some(ErrorCode::QuotaExceeded));
        file.append(&[3; 40]).unwrap();
        assert_eq!(scene.used("/"), 100);
        file.set_length(5).unwrap();
        file.finish().unwrap();
        assert_eq!(scene.used("/"), 5);
        scene.assert_right();
    }
}

#[test]
fn what_has_lost_its_name_is_not_freed_twice() {
    for scene in Scene::both(&["/"]) {
        let store = scene.limited("/", 1000);
        write(&store, "/a", 500).unwrap();
        let mut file = store.edit(&path("/a"), false).unwrap();
        write(&store, "/a", 1).unwrap();
        file.set_length(0).unwrap();
        assert_eq!(scene.used("/"), 1);
        file.append(&[1; 300]).unwrap();
        assert_eq!(scene.used("/"), 301, "as long as it is open");
        assert_eq!(code(file.set_length(2000)), Some(ErrorCode::QuotaExceeded));
        file.finish().unwrap();
        scene.await_counts();
        assert_eq!(scene.used("/"), 1);
        scene.assert_right();
    }
}

#[test]
fn what_grows_under_another_name_counts_at_no_moment_less_than_it_is() {
    for scene in Scene::both(&["/", "/b"]) {
        let store = scene.limited("/", 1000);
        for directory in ["/a", "/b"] {
            store.make_directory(&path(directory), false, false).unwrap();
        }
        let mut file = store.edit(&path("/a/f"), true).unwrap();
        store.rename(&path("/a"), &path("/b/a"), false).unwrap();
        file.set_length(900).unwrap();
        // A count beside it may find what is reserved as well.
        assert!(scene.used("/") >= 900);
        file.finish().unwrap();
        assert!(scene.used("/") >= 900);
        assert_eq!(code(write(&store, "/more", 101)), Some(ErrorCode::QuotaExceeded));
        scene.await_counts();
        scene.assert_right();
        assert_eq!(scene.used("/b"), 900);
    }
}

#[test]
fn a_backup_counts_as_a_second_file() {
    for scene in Scene::both(&["/"]) {
        let store = scene.limited("/", 100);
        write(&store, "/a", 40).unwrap();
        let backup = store.prepare_backup(&path("/a"), &path("/kept/a")).unwrap();
        assert_eq!(scene.used("/"), 80);
        drop(backup);
        assert_eq!(scene.used("/"), 40);
        store.prepare_backup(&path("/a"), &path("/kept/a")).unwrap().commit().unwrap();
        store.remove(&path("/a")).unwrap();
        write(&store, "/a", 50).unwrap();
        assert_eq!(code(store.prepare_backup(&path("/a"), &path("/kept/b"))), Some(ErrorCode::QuotaExceeded));
        scene.assert_right();
        assert_eq!(scene.used("/"), 90);
    }
}

#[test]
fn what_is_removed_makes_room_at_once() {
    for scene in Scene::both(&["/"]) {
        let store = scene.limited("/", 1000);
        for name in 0..100 {
            store.make_directory(&path("/d/e"), true, true).unwrap();
            write(&store, &format!("/d/e/{name}"), 10).unwrap();
        }
        assert_eq!(code(write(&store, "/a", 1)), Some(ErrorCode::QuotaExceeded));
        store.remove(&path("/d/e/7")).unwrap();
        write(&store, "/a", 10).unwrap();
        remove_tree(&store, "/d").unwrap();
        assert_eq!(scene.used("/"), 10);
        remove_tree(&store, "/a").unwrap();
        assert_eq!(scene.used("/"), 0);
        interrupt(&scene.store, "/a", 100).unwrap();
        assert_eq!(scene.used("/"), 100);
        assert_eq!(store.expire_partials(Duration::ZERO).unwrap(), 1);
        assert_eq!(scene.used("/"), 0);
    }
}

#[test]
fn uploads_at_the_same_moment_never_pass_the_quota_together() {
    const SIZE: u64 = 1000;
    for scene in Scene::both(&["/"]) {
        let store = scene.limited("/", 5 * SIZE + 999);
        let is_over = std::sync::atomic::AtomicBool::new(false);
        let stored: usize = std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    assert!(scene.used("/") <= 5 * SIZE + 999);
                    assert!(scene.there("/") <= 5 * SIZE + 999);
                }
            });
            let upload = |number: usize| {
                let (store, announced) = (&store, number.is_multiple_of(2));
                scope.spawn(move || {
                    let plan = if announced { sized(SIZE) } else { StagePlan::default() };
                    let Ok(mut staged) = stage(store, &format!("/{number}"), &plan) else { return false };
                    let written = (0..10).try_for_each(|_| staged.write(&[7; SIZE as usize / 10]));
                    written.is_ok() && staged.commit().is_ok()
                })
            };
            let uploads: Vec<_> = (0..16).map(upload).collect();
            let stored = uploads.into_iter().map(|upload| usize::from(upload.join().unwrap())).sum();
            is_over.store(true, std::sync::atomic::Ordering::Relaxed);
            watch.join().unwrap();
            stored
        });
        // Those of unknown size may all have stopped halfway: the others are whole.
        assert!(stored <= 5, "{stored}");
        assert_eq!(scene.used("/"), stored as u64 * SIZE);
        scene.assert_right();
        // What was given up has given back its room.
        let left = (0..16).filter(|number| write(&store, &format!("/again{number}"), SIZE).is_ok()).count();
        assert_eq!(left + stored, 5);
    }
}

#[test]
fn replacements_of_one_file_at_once_free_it_once() {
    for scene in Scene::both(&["/"]) {
        let store = scene.limited("/", 100_000);
        for round in 0..50 {
            write(&store, "/a", 10_000).unwrap();
            std::thread::scope(|scope| {
                for number in 0..4_u64 {
                    let (store, other) = (&store, format!("/{number}"));
                    scope.spawn(move || {
                        write(store, "/a", number + 1).unwrap();
                        write(store, &other, 10).unwrap();
                        store.rename(&path(&other), &path("/a"), true).unwrap();
                        let _gone = store.remove(&path("/a"));
                    });
                }
            });
            assert_eq!(scene.used("/"), scene.there("/"), "{round}");
        }
    }
}

#[test]
fn a_partial_that_is_not_taken_over_needs_its_room_still() {
    for is_taken_over in [true, false] {
        // Of a file whose version is not known nothing is kept, nor taken over.
        let modified = sized(LARGE).modified.filter(|_| is_taken_over);
        for scene in Scene::both(&["/"]) {
            let store = scene.limited("/", LARGE + LARGE / 2 - 1);
            interrupt(&store, "/a", LARGE / 2).unwrap();
            let begun_anew = stage(&store, "/a", &StagePlan { modified, ..sized(LARGE) });
            assert_eq!(begun_anew.is_ok(), is_taken_over);
            drop(begun_anew);
            assert_eq!(scene.used("/"), if is_taken_over { 0 } else { LARGE / 2 });
            scene.assert_right();
        }
    }
}

#[test]
fn a_file_that_is_written_at_any_place_counts_by_its_end_and_gives_back_what_is_given_up() {
    for scene in Scene::both(&["/"]) {
        let store = scene.limited("/", 100);
        write(&store, "/a", 30).unwrap();
        let plan = StagePlan { replace: true, through_link: true, ..StagePlan::default() };
        let mut staged = stage(&store, "/a", &plan).unwrap();
        staged.write_at(&[1; 10], 60).unwrap();
        assert_eq!(scene.used("/"), 100);
        assert_eq!(code(staged.write_at(&[1], 70)), Some(ErrorCode::QuotaExceeded));
        assert_eq!(code(staged.set_length(71)), Some(ErrorCode::QuotaExceeded));
        staged.write_at(&[2; 60], 0).unwrap();
        drop(staged);
        assert_eq!(scene.used("/"), 30);
        let mut staged = stage(&store, "/a", &plan).unwrap();
        staged.write_at(&[1; 50], 0).unwrap();
        staged.try_commit().unwrap();
        assert_eq!(scene.used("/"), 50);
        drop(staged);
        scene.assert_right();
    }
}

#[test]
fn what_is_written_through_a_link_counts_where_it_leads() {
    let scene = Scene::local(&["/", "/d", "/e"]);
    scene.behind.make_directory(&path("/d"), false, false).unwrap();
    scene.behind.make_directory(&path("/e"), false, false).unwrap();
    write(&scene.store, "/e/f", 10).unwrap();
    scene.behind.make_link(&path("/d/link"), "../e/f", false).unwrap();
    let plan = StagePlan { replace: true, through_link: true, ..StagePlan::default() };
    let mut staged = stage(&scene.store, "/d/link", &plan).unwrap();
    staged.write_at(&[1; 25], 0).unwrap();
    staged.try_commit().unwrap();
    assert_eq!((scene.used("/d"), scene.used("/e"), scene.used("/")), (0, 25, 25));
    scene.assert_right();
}

#[test]
fn the_partials_of_all_owners_make_room_when_they_are_removed_or_are_old() {
    let scene = Scene::local(&["/"]);
    let removals: [fn(&Metered); 2] = [
        |store| assert!(store.remove_partial(&path("/a")).unwrap()),
        |store| assert!(store.expire_partials(Duration::ZERO).unwrap() > 0),
    ];
    for remove in removals {
        interrupt(&scene.store, "/a", 1).unwrap();
        for (owner, bytes) in [("one", 10), ("other", 100)] {
            interrupt(&*scene.store.owned_by(owner).unwrap(), "/a", bytes).unwrap();
        }
        assert_eq!(scene.used("/"), 111);
        remove(&scene.store);
        assert_eq!((scene.used("/"), scene.there("/")), (0, 0));
    }
}

//! Counts of what others did behind the server's back.

use super::*;
use crate::store::Faulty;
use crate::store::StoreCall;

#[test]
fn what_was_there_before_is_counted_first() {
    for scene in Scene::both(&[]) {
        assert_eq!(scene.meters.used(&path("/")), None);
        scene.behind.make_directory(&path("/a"), false, true).unwrap();
        write(&*scene.behind, "/a/f", 90).unwrap();
        interrupt(&*scene.behind, "/a/g", 5).unwrap();
        assert_eq!(code(write(&scene.limited("/a", 100), "/a/h", 6)), Some(ErrorCode::QuotaExceeded));
        write(&scene.limited("/a", 100), "/a/h", 5).unwrap();
        assert_eq!(scene.used("/a"), 100);
        // As a server does that starts again.
        let again = Meters::new(Arc::clone(&scene.behind));
        assert!(again.await_count(&path("/a"), LONG));
        assert_eq!(again.used(&path("/a")), Some(100));
    }
}

#[test]
fn room_that_others_made_is_found_before_anything_is_refused() {
    for scene in Scene::both(&["/"]) {
        let store = scene.limited("/", 100);
        write(&store, "/a", 100).unwrap();
        scene.behind.remove(&path("/a")).unwrap();
        write(&store, "/b", 60).unwrap();
        scene.await_counts();
        write(&*scene.behind, "/c", 30).unwrap();
        assert_eq!(scene.used("/"), 60, "nobody has told");
        assert_eq!(code(write(&store, "/d", 41)), Some(ErrorCode::QuotaExceeded));
        scene.await_counts();
        assert_eq!(scene.used("/"), 90);
        assert_eq!(code(write(&store, "/d", 11)), Some(ErrorCode::QuotaExceeded));
    }
}

#[test]
fn a_count_that_fails_leaves_what_was_known_and_is_made_again() {
    let faulty = Faulty::new(Arc::new(MemoryStore::new()));
    let faults = Arc::clone(faulty.faults());
    let scene = Scene::of(Arc::new(faulty), None, &["/"]);
    write(&scene.store, "/a", 10).unwrap();
    faults.fail_always(StoreCall::Walk, ErrorCode::PermissionDenied.into());
    scene.meters.refresh(&path("/"));
    scene.await_counts();
    assert_eq!(scene.used("/"), 10);
    faults.clear();
    scene.behind.remove(&path("/a")).unwrap();
    // It is doubted, so that the next question makes it again.
    let _asked = scene.meters.used(&path("/"));
    scene.await_counts();
    assert_eq!(scene.used("/"), 0);
}

#[test]
fn what_fails_halfway_counts_as_far_as_it_is_there() {
    let faulty = Faulty::new(Arc::new(MemoryStore::new()));
    let faults = Arc::clone(faulty.faults());
    let scene = Scene::of(Arc::new(faulty), None, &["/"]);
    write(&scene.store, "/a", 10).unwrap();
    faults.fail_always(StoreCall::Commit, ErrorCode::DiskFailure.into());
    assert_eq!(code(write(&scene.store, "/a", 20)), Some(ErrorCode::DiskFailure));
    faults.clear();
    scene.await_counts();
    scene.assert_right();
    faults.fail_always(StoreCall::Write, ErrorCode::NoSpace.into());
    assert_eq!(code(write(&scene.store, "/b", 20)), Some(ErrorCode::NoSpace));
    faults.fail_always(StoreCall::Remove, ErrorCode::PermissionDenied.into());
    assert_eq!(code(scene.store.remove(&path("/a"))), Some(ErrorCode::PermissionDenied));
    assert_eq!(code(remove_tree(&scene.store, "/a")), Some(ErrorCode::PermissionDenied));
    faults.fail_always(StoreCall::Rename, ErrorCode::PermissionDenied.into());
    assert!(scene.store.rename(&path("/a"), &path("/c"), true).is_err());
    faults.clear();
    assert_eq!(scene.used("/"), 10);
    scene.assert_right();
}

#[test]
fn what_others_do_is_found_when_a_count_is_old_whoever_writes_next() {
    for scene in Scene::both(&["/"]) {
        let store = scene.limited("/", 100);
        write(&*scene.behind, "/a", 90).unwrap();
        // As an hour does, or a change of unknown size.
        scene.meters.meter(&path("/")).has_changed_unseen();
        drop(stage(&store, "/b", &sized(1)).unwrap());
        scene.await_counts();
        assert_eq!(scene.used("/"), 90);
    }
}

#[test]
fn a_directory_that_is_not_there_has_nothing_in_it() {
    for scene in Scene::both(&["/none"]) {
        assert_eq!(scene.used("/none"), 0);
        scene.store.make_directory(&path("/none"), false, false).unwrap();
        write(&scene.store, "/none/f", 3).unwrap();
        assert_eq!(scene.used("/none"), 3);
        scene.meters.forget_others(&std::collections::HashSet::new());
        assert_eq!(scene.meters.used(&path("/none")), None);
    }
}

#[test]
fn counts_beside_changes_lose_none_of_them() {
    for scene in Scene::both(&["/", "/a"]) {
        scene.store.make_directory(&path("/a"), false, false).unwrap();
        let is_over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let counting = scope.spawn(|| {
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    scene.meters.refresh(&path("/"));
                    scene.meters.refresh(&path("/a"));
                    scene.await_counts();
                }
            });
            let change = |number: u64| {
                let store = &scene.store;
                scope.spawn(move || {
                    for round in 0..100 {
                        let (at, other) = (format!("/a/{number}"), format!("/{number}"));
                        write(store, &at, number * 100 + round).unwrap();
                        store.rename(&path(&at), &path(&other), true).unwrap();
                        write(store, &at, 7).unwrap();
                        if round % 3 == 0 {
                            store.remove(&path(&other)).unwrap();
                        }
                    }
                })
            };
            let changes: Vec<_> = (1..5).map(change).collect();
            changes.into_iter().for_each(|change| change.join().unwrap());
            is_over.store(true, std::sync::atomic::Ordering::Relaxed);
            counting.join().unwrap();
        });
        scene.assert_right();
    }
}

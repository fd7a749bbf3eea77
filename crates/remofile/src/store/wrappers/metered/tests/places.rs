//! Directories in each other, and what goes from one to another.

use super::*;
use crate::store::{ReadStore, Source, Walk, Wrapper, forward};
use remofile_protocol::wire::{Entry, Special};
use std::sync::Mutex;

#[test]
fn what_is_below_several_directories_counts_for_each() {
    for scene in Scene::both(&["/", "/a", "/a/b", "/c"]) {
        let store = &scene.store;
        for directory in ["/a/b/deep", "/c"] {
            store.make_directory(&path(directory), true, true).unwrap();
        }
        for (at, size) in [("/f", 1), ("/a/f", 10), ("/a/b/f", 100), ("/a/b/deep/f", 1000), ("/c/f", 10_000)] {
            write(store, at, size).unwrap();
        }
        let used = || ["/", "/a", "/a/b", "/c"].map(|directory| scene.used(directory));
        assert_eq!(used(), [11_111, 1110, 1100, 10_000]);
        store.rename(&path("/a/b/f"), &path("/c/g"), false).unwrap();
        assert_eq!(used(), [11_111, 1010, 1000, 10_100]);
        // Over a file of the other directory, and a whole directory.
        store.rename(&path("/f"), &path("/c/g"), true).unwrap();
        assert_eq!(used(), [11_011, 1010, 1000, 10_001]);
        store.rename(&path("/a/b/deep"), &path("/c/deep"), false).unwrap();
        scene.await_counts();
        assert_eq!(used(), [11_011, 10, 0, 11_001]);
        scene.assert_right();
        remove_tree(store, "/c").unwrap();
        scene.await_counts();
        assert_eq!(used(), [10, 10, 0, 0]);
    }
}

#[test]
fn a_quota_is_on_its_own_directory_and_everybody_counts_there() {
    for scene in Scene::both(&["/a"]) {
        scene.store.make_directory(&path("/a/b"), false, true).unwrap();
        let (above, below) = (scene.limited("/a", 100), scene.limited("/a/b", 1000));
        write(&above, "/a/f", 50).unwrap();
        // Somebody with another quota, and somebody without one.
        write(&below, "/a/b/f", 40).unwrap();
        assert_eq!(code(write(&above, "/a/g", 11)), Some(ErrorCode::QuotaExceeded));
        write(&above, "/a/g", 10).unwrap();
        write(&below, "/a/b/g", 960).unwrap();
        assert_eq!(code(write(&below, "/a/b/h", 1)), Some(ErrorCode::QuotaExceeded));
        write(&scene.store, "/a/b/h", 7).unwrap();
        assert_eq!((scene.used("/a"), scene.used("/a/b")), (1067, 1007));
        // Beyond it, what becomes less is taken still.
        below.edit(&path("/a/b/g"), false).unwrap().set_length(500).unwrap();
        above.remove(&path("/a/f")).unwrap();
        scene.assert_right();
    }
}

#[test]
fn two_quotas_on_one_directory_share_what_is_used() {
    for scene in Scene::both(&["/"]) {
        let (small, large) = (scene.limited("/", 100), scene.limited("/", 150));
        write(&large, "/a", 90).unwrap();
        assert_eq!(code(write(&small, "/b", 11)), Some(ErrorCode::QuotaExceeded));
        write(&large, "/b", 60).unwrap();
        assert_eq!(scene.meters.snapshot(), [(RemotePath::root(), 150)]);
    }
}

/// `/a` leads to `/b`, and `/b/a` there to `/b` again: `/a/a/a` is the name `/b/a`.
fn scenes_with_a_path_through_the_link_that_it_names() -> [Scene; 2] {
    let scenes = Scene::both(&["/", "/b"]);
    for scene in &scenes {
        let store = &scene.store;
        store.make_directory(&path("/b/b"), false, true).unwrap();
        store.make_link(&path("/b/a"), "../a", false).unwrap();
        store.make_link(&path("/a"), "b", false).unwrap();
        for (at, size) in [("/f", 10), ("/b/b/a", 1)] {
            write(store, at, size).unwrap();
        }
    }
    scenes
}

#[test]
fn a_backup_that_replaces_a_link_on_its_own_way_counts_where_it_is() {
    for (of, expected) in [("/a", [11, 1]), ("/f", [21, 11])] {
        for scene in scenes_with_a_path_through_the_link_that_it_names() {
            scene.store.prepare_backup(&path(of), &path("/a/a/a")).unwrap().commit().unwrap();
            assert_eq!(["/", "/b"].map(|directory| scene.used(directory)), expected, "{of}");
            scene.assert_right();
        }
    }
}

#[test]
fn a_second_name_that_replaces_a_link_on_its_own_way_counts_where_it_is() {
    for scene in scenes_with_a_path_through_the_link_that_it_names() {
        assert!(scene.store.add_name(&path("/f"), &path("/a/a/a"), true).unwrap());
        assert_eq!(["/", "/b"].map(|directory| scene.used(directory)), [21, 11]);
        scene.assert_right();
    }
}

#[test]
fn a_move_into_the_directory_of_a_quota_needs_room_there() {
    for scene in Scene::both(&["/in"]) {
        for directory in ["/in", "/out/d"] {
            scene.store.make_directory(&path(directory), false, true).unwrap();
        }
        let store = scene.limited("/in", 100);
        write(&store, "/out/d/f", 101).unwrap();
        assert_eq!(code(store.rename(&path("/out/d"), &path("/in/d"), false)), Some(ErrorCode::QuotaExceeded));
        let moved = store.rename(&path("/out/d/f"), &path("/in/f"), false);
        assert_eq!(code(moved), Some(ErrorCode::QuotaExceeded));
        write(&store, "/out/d/f", 100).unwrap();
        store.rename(&path("/out/d"), &path("/in/d"), false).unwrap();
        scene.await_counts();
        assert_eq!(scene.used("/in"), 100);
    }
}

#[test]
fn what_is_reached_by_links_counts_where_it_is() {
    for scene in Scene::both(&["/a", "/b"]) {
        let store = &scene.store;
        for directory in ["/a", "/b/deep"] {
            store.make_directory(&path(directory), false, true).unwrap();
        }
        store.make_link(&path("/a/way"), "../b/deep", false).unwrap();
        store.make_link(&path("/a/there"), "../b/f", false).unwrap();
        write(store, "/a/way/f", 10).unwrap();
        store.edit(&path("/b/f"), true).unwrap().set_length(5).unwrap();
        store.edit(&path("/a/there"), false).unwrap().set_length(7).unwrap();
        assert_eq!((scene.used("/a"), scene.used("/b")), (0, 17));
        interrupt(store, "/a/way/large", 100).unwrap();
        assert_eq!((scene.used("/a"), scene.used("/b")), (0, 117));
        store.remove(&path("/a/there")).unwrap();
        remove_tree(store, "/a/way/f").unwrap();
        remove_tree(store, "/a/way").unwrap();
        assert_eq!((scene.used("/a"), scene.used("/b")), (0, 107));
    }
}

/// A store that notes where links are looked for.
struct Looking {
    inner: LocalStore,
    looked: Mutex<Vec<RemotePath>>,
}

impl Wrapper for Looking {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }
}

impl ReadStore for Looking {
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry> {
        self.inner.stat(path)
    }

    fn walk(&self, directory: &RemotePath, recursive: bool) -> StoreResult<Box<dyn Walk>> {
        self.inner.walk(directory, recursive)
    }

    fn open(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        self.inner.open(path)
    }

    fn read_link(&self, path: &RemotePath) -> StoreResult<String> {
        self.looked.lock().unwrap().push(path.clone());
        self.inner.read_link(path)
    }

    fn special(&self, path: &RemotePath) -> StoreResult<Special> {
        self.inner.special(path)
    }

    fn identity(&self, path: &RemotePath) -> StoreResult<u128> {
        self.inner.identity(path)
    }
}

forward!(WriteStore for Looking);
forward!(ResumeStore for Looking);
forward!(PosixStore for Looking);
forward!(DurableStore for Looking);

impl Store for Looking {
    fn confined(&self, directory: &RemotePath) -> Option<Arc<dyn Store>> {
        self.inner.confined(directory)
    }
}

#[test]
fn nothing_is_looked_at_behind_a_link_that_leads_out_of_the_directory_of_a_token() {
    let root = tempfile::tempdir().unwrap();
    let inner = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
    inner.make_directory(&path("/in/d"), false, true).unwrap();
    inner.make_directory(&path("/secret"), false, true).unwrap();
    inner.keep_link(&path("/in/out"), "../secret", false).unwrap();
    inner.keep_link(&path("/in/way"), "d", false).unwrap();
    let store = Arc::new(Looking { inner, looked: Mutex::default() });
    let meters = Meters::eager(Arc::clone(&store) as Arc<dyn Store>);
    assert!(meters.await_count(&path("/in"), LONG));
    let quota = Some(Quota { directory: path("/in"), bytes: 100 });
    let confined = Metered::new(Arc::clone(&meters), quota).confined(&path("/in")).unwrap();
    write(&*confined, "/in/way/f", 10).unwrap();
    assert_eq!(code(write(&*confined, "/in/out/f", 10)), Some(ErrorCode::OutsideRoot));
    for outside in ["/in/out/f", "/in/out/d/f"] {
        assert_eq!(code(confined.remove(&path(outside))), Some(ErrorCode::OutsideRoot));
        assert_eq!(code(confined.rename(&path(outside), &path("/in/x"), true)), Some(ErrorCode::OutsideRoot));
        assert_eq!(code(confined.rename(&path("/in/d/f"), &path(outside), true)), Some(ErrorCode::OutsideRoot));
        assert_eq!(code(confined.remove_tree(&path(outside))), Some(ErrorCode::OutsideRoot));
    }
    let looked = store.looked.lock().unwrap();
    assert!(!looked.iter().any(|looked| looked.is_within(&path("/secret"))), "{looked:?}");
    assert_eq!(meters.used(&path("/in")), Some(10));
}

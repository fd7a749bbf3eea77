//! Moves and removals in a bucket.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use crate::content::{code, list, noise, path, read};
use crate::double::{Double, PART_BYTES};
use remofile::protocol::wire::{ErrorCode, Kind, Timestamp};
use remofile::store::{Fence, PosixStore, ReadStore, RemovalProgress, WriteStore};
use remofile_object_store::BucketOptions;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[test]
fn a_directory_is_empty_only_if_the_service_has_no_more_of_it() {
    let double = Double::start();
    let store = double.open();
    store.make_directory(&path("/d"), false, false).unwrap();
    double.put("d/file", b"content", &[]);
    double.lock().faults.page = Some(1);
    assert_eq!(code(store.remove(&path("/d"))), Some(ErrorCode::NotEmpty));
    assert_eq!(double.keys(), ["d/", "d/file"]);
}

#[test]
fn a_directory_is_empty_although_a_listing_still_shows_what_was_in_it() {
    let double = Double::start();
    let store = double.open();
    store.make_directory(&path("/d/in"), false, true).unwrap();
    for name in ["d/a", "d/b", "d/c", "d/in/x"] {
        double.put(name, b"content", &[]);
    }
    double.lock().faults.shows_removed = true;
    for name in ["/d/a", "/d/b", "/d/in/x"] {
        store.remove(&path(name)).unwrap();
    }
    assert_eq!(store.remove(&path("/d/in")), Ok(Kind::Directory));
    assert_eq!(code(store.remove(&path("/d/in"))), Some(ErrorCode::NotFound));
    assert_eq!(code(store.remove(&path("/d"))), Some(ErrorCode::NotEmpty));
    store.remove(&path("/d/c")).unwrap();
    assert_eq!(store.remove(&path("/d")), Ok(Kind::Directory));
    assert_eq!(double.keys(), [""; 0]);
}

#[test]
fn a_tree_of_many_pages_is_removed_as_a_whole() {
    for page in [1, 2, 7] {
        let double = Double::start();
        for number in 0..20 {
            double.put(&format!("d/{}/{number}", number % 3), b"12345", &[]);
        }
        double.put("d-stays", b"", &[]);
        double.lock().faults.page = Some(page);
        let store = double.open();
        let mut removal = store.remove_tree(&path("/d")).unwrap();
        let done = std::iter::repeat_with(|| removal.step().unwrap()).find(|step| *step != RemovalProgress::More);
        assert_eq!(done, Some(RemovalProgress::Done { files: 20, directories: 4 }));
        assert_eq!((double.keys(), removal.removed_bytes()), (vec!["d-stays".to_owned()], Some(100)));
    }
}

#[test]
fn a_tree_is_removed_where_the_service_takes_no_lists_of_keys() {
    let double = Double::start();
    double.lock().faults.has_little = true;
    for number in 0..40 {
        double.put(&format!("d/{}/{number}", number % 3), b"12345", &[]);
    }
    double.lock().faults.page = Some(7);
    let store = double.open();
    let mut removal = store.remove_tree(&path("/d")).unwrap();
    let done = std::iter::repeat_with(|| removal.step().unwrap()).find(|step| *step != RemovalProgress::More);
    assert_eq!(done, Some(RemovalProgress::Done { files: 40, directories: 4 }));
    assert_eq!((double.keys(), removal.removed_bytes()), (vec![], Some(200)));
    let lists = double.lock().requests.iter().filter(|request| request.starts_with("POST")).count();
    assert_eq!(lists, 1, "a list that was refused is not tried again");
}

#[test]
fn a_removal_that_fails_tells_how_much_is_gone() {
    let double = Double::start();
    for number in 0..9 {
        double.put(&format!("d/{number}"), b"", &[]);
    }
    double.lock().faults.page = Some(4);
    let store = double.open();
    let mut removal = store.remove_tree(&path("/d")).unwrap();
    assert_eq!(removal.step(), Ok(RemovalProgress::More));
    double.lock().faults.refuses_changes = Some((403, "AccessDenied"));
    let failure = removal.step().unwrap_err();
    assert_eq!(failure.code, ErrorCode::PermissionDenied);
    assert!(failure.detail.as_ref().is_some_and(|said| said.ends_with("of the tree, 4 files are gone")), "{failure}");
    assert_eq!(double.keys().len(), 5);
}

#[test]
fn a_directory_stays_when_the_last_file_in_it_goes() {
    let double = Double::start();
    double.put("theirs/file", b"", &[]);
    let store = double.open();
    store.remove(&path("/theirs/file")).unwrap();
    assert_eq!(list(&store, "/", true), ["/theirs/"]);
    assert_eq!(store.remove(&path("/theirs")).unwrap(), Kind::Directory);
    assert_eq!(double.keys(), [""; 0]);
}

#[test]
fn files_and_directories_are_moved_by_the_service_itself() {
    let double = Double::start();
    let store = double.open();
    for number in 0..50 {
        double.put(
            &format!("old/{}/{number}", number % 3),
            format!("{number}").as_bytes(),
            &[("x-amz-meta-mtime", "7.0")],
        );
    }
    double.lock().requests.clear();
    store.rename(&path("/old"), &path("/new"), false).unwrap();
    let looks = double.lock().requests.iter().filter(|request| request.starts_with("HEAD")).count();
    assert!(looks < 5, "{looks} looks at 50 files");
    assert_eq!(double.keys().iter().filter(|key| key.starts_with("new/") && !key.ends_with('/')).count(), 50);
    assert!(!double.keys().iter().any(|key| key.starts_with("old/")));
    assert_eq!(read(&store, "/new/1/4").unwrap(), b"4");
    assert_eq!(store.stat(&path("/new/1/4")).unwrap().modified, Timestamp::new(7, 0));
}

#[test]
fn a_copy_in_parts_whose_end_was_not_answered_is_told_as_what_it_is() {
    let double = Double::start();
    let most_copied = PART_BYTES as u64;
    let store = double.open_with(BucketOptions { most_copied, ..double.options() }).unwrap();
    let content = noise(5 * PART_BYTES + 3);
    double.put("file", &content, &[("x-amz-meta-mtime", "7.0")]);
    // Another tool gave it up, so that nothing is made of it.
    double.lock().faults.refuses_ends = Some((404, "NoSuchUpload"));
    assert_eq!(code(store.rename(&path("/file"), &path("/moved"), false)), Some(ErrorCode::PartialChanged));
    assert_eq!(code(store.set_modified(&path("/file"), Timestamp::new(8, 0))), Some(ErrorCode::PartialChanged));
    assert_eq!((double.keys(), double.lock().uploads.len()), (vec!["file".to_owned()], 0));

    double.lock().faults.refuses_ends = None;
    double.lock().faults.loses_ends = 1;
    store.set_modified(&path("/file"), Timestamp::new(8, 0)).unwrap();
    double.lock().faults.loses_ends = 1;
    store.rename(&path("/file"), &path("/moved"), false).unwrap();
    assert_eq!((double.keys(), double.lock().faults.loses_ends), (vec!["moved".to_owned()], 0));
    assert!(double.content("moved") == content);
    assert_eq!(store.stat(&path("/moved")).unwrap().modified, Timestamp::new(8, 0));
}

#[test]
fn what_others_write_to_what_is_moved_is_moved_as_well() {
    let double = Double::start();
    let store = double.open();
    for name in ["old/a", "old/b/c", "old/b/d", "file"] {
        double.put(name, b"first", &[]);
    }
    let beside = ["old/a", "old/b/new", "old/b/d"].map(|key| (key.to_owned(), b"second".to_vec()));
    double.lock().written_beside = beside.into();
    store.rename(&path("/old"), &path("/new"), false).unwrap();
    assert_eq!(double.keys(), ["file", "new/", "new/a", "new/b/c", "new/b/d", "new/b/new"]);
    for (name, content) in [("new/a", "second"), ("new/b/c", "first"), ("new/b/d", "second"), ("new/b/new", "second")] {
        assert_eq!(double.content(name), content.as_bytes(), "{name}");
    }
    double.lock().written_beside = [("file".to_owned(), b"second".to_vec())].into();
    store.rename(&path("/file"), &path("/moved"), false).unwrap();
    assert_eq!(double.content("moved"), b"second");
    assert!(!double.keys().contains(&"file".to_owned()));
}

#[test]
fn what_others_write_to_without_end_is_left_where_it_is() {
    let double = Double::start();
    let store = double.open();
    for name in ["old/a", "file"] {
        double.put(name, b"first", &[]);
        let last = name.as_bytes().to_vec();
        double.lock().written_beside = vec![(name.to_owned(), last.clone()); 100].into();
        let top = path(&format!("/{}", name.split('/').next().unwrap()));
        assert_eq!(code(store.rename(&top, &path("/new"), true)), Some(ErrorCode::SourceChanged));
        assert_eq!(double.content(name), last);
        store.remove_tree(&path("/new")).unwrap().step().unwrap();
    }
}

#[test]
fn a_move_that_breaks_off_removes_what_it_copied_and_nothing_else() {
    let double = Double::start();
    let store = double.open();
    let old: Vec<String> = (0..100).map(|number| format!("old/{number:02}")).collect();
    for key in &old {
        double.put(key, b"ours", &[]);
    }
    double.lock().faults.refuses_copy = Some("old/00");
    // Where no copy has come to yet another tool writes meanwhile.
    double.lock().written_beside = [("new/99".to_owned(), b"theirs".to_vec())].into();
    assert_eq!(code(store.rename(&path("/old"), &path("/new"), false)), Some(ErrorCode::PermissionDenied));
    let left: Vec<String> = double.keys().into_iter().filter(|key| !old.contains(key)).collect();
    assert_eq!((left, double.content("new/99")), (vec!["new/99".to_owned()], b"theirs".to_vec()));
    assert!(old.iter().all(|key| double.content(key) == b"ours"));
}

/// A lease that is lost after so many questions.
struct ShortLease(AtomicU32);

impl Fence for ShortLease {
    fn remaining(&self) -> Option<Duration> {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.ok().map(|_| Duration::from_secs(3600))
    }
}

#[test]
fn a_move_that_loses_its_lease_removes_nothing_any_more() {
    for changes in [0, 1, 7] {
        let double = Double::start();
        for number in 0..20 {
            double.put(&format!("old/{number}"), b"ours", &[]);
        }
        let fence = Some(Arc::new(ShortLease(AtomicU32::new(changes))) as Arc<dyn Fence>);
        let store = double.open_with(BucketOptions { fence, ..double.options() }).unwrap();
        assert_eq!(code(store.rename(&path("/old"), &path("/new"), false)), Some(ErrorCode::OutOfResources));
        let requests = std::mem::take(&mut double.lock().requests);
        assert!(!requests.iter().any(|request| request.contains("delete") || request.starts_with("DELETE")));
        assert_eq!(double.keys().iter().filter(|key| key.starts_with("old/")).count(), 20);
        assert_eq!(double.keys().iter().filter(|key| key.starts_with("new/")).count(), changes as usize);
    }
}

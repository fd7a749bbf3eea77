//! A fence that falls while a disk takes its time.

use super::*;
use crate::store::{Fsync, LocalStore, StagePlan, Staged, StoreOptions, faults};
use remofile_protocol::path::{FileName, NameRule};
use remofile_protocol::wire::ErrorCode;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[derive(Default)]
struct Falling(AtomicBool);

impl Fence for Falling {
    fn remaining(&self) -> Option<Duration> {
        (!self.0.load(Ordering::Acquire)).then_some(Duration::from_secs(1))
    }
}

fn staged(root: &Path, fence: &Arc<Falling>) -> Box<dyn Staged> {
    staged_with(root, Fsync::Each, fence)
}

fn staged_with(root: &Path, fsync: Fsync, fence: &Arc<Falling>) -> Box<dyn Staged> {
    let options = StoreOptions { fsync, ..StoreOptions::default() };
    let local = Arc::new(LocalStore::open(root, options).unwrap());
    let store = Fenced::new(local, Arc::clone(fence) as Arc<dyn Fence>);
    let directory = store.directory(&RemotePath::root()).unwrap();
    let plan = StagePlan { replace: true, ..StagePlan::default() };
    let mut staged = directory.stage(&FileName::parse("file", NameRule::Posix).unwrap(), &plan).unwrap();
    staged.write(b"late").unwrap();
    staged
}

/// Commits a file, and has the fence fall while its content is on the way to the disk.
fn commit_behind_the_fence(commit: impl FnOnce(Box<dyn Staged>) -> StoreResult<()> + Send + 'static) {
    let (root, fence) = (tempfile::tempdir().unwrap(), Arc::new(Falling::default()));
    let staged = staged(root.path(), &fence);
    let gate = faults::gate(root.path());
    let slow = gate.lock().unwrap();
    let before = faults::flushes(root.path());
    let commits = std::thread::spawn(move || commit(staged));
    while faults::flushes(root.path()) == before {
        std::thread::yield_now();
    }
    fence.0.store(true, Ordering::Release);
    drop(slow);
    let refused = commits.join().unwrap().unwrap_err();
    assert_eq!(refused.code, ErrorCode::OutOfResources, "{refused}");
    assert!(!root.path().join("file").exists(), "it became visible behind the fence");
}

#[test]
fn a_file_whose_flush_outlasts_the_fence_does_not_become_visible() {
    commit_behind_the_fence(|staged| staged.commit());
    commit_behind_the_fence(|mut staged| staged.try_commit());
    commit_behind_the_fence(|staged| staged.commit_alone().map(|_| ()));
}

#[test]
fn the_only_file_of_an_operation_is_on_the_disk_without_a_flush_of_what_others_write() {
    let (root, fence) = (tempfile::tempdir().unwrap(), Arc::new(Falling::default()));
    let mut staged = staged_with(root.path(), Fsync::End, &fence);
    staged.end_writing().unwrap();
    assert!(staged.commit_alone().unwrap(), "its name waits for a flush of the whole file system");
}

#[test]
fn a_file_is_flushed_once_for_its_commit_and_again_if_more_was_written() {
    for writes_more in [false, true] {
        let (root, fence) = (tempfile::tempdir().unwrap(), Arc::new(Falling::default()));
        let mut staged = staged(root.path(), &fence);
        assert_eq!(faults::flushes(root.path()), 0);
        staged.prepare_commit().unwrap();
        staged.prepare_commit().unwrap();
        assert_eq!(faults::flushes(root.path()), 1);
        if writes_more {
            staged.write(b"r").unwrap();
        }
        staged.commit().unwrap();
        // The last one is that of its name.
        assert_eq!(faults::flushes(root.path()), if writes_more { 3 } else { 2 });
    }
}

#[test]
fn a_time_whose_file_is_flushed_first_is_not_set_behind_the_fence() {
    let (root, fence) = (tempfile::tempdir().unwrap(), Arc::new(Falling::default()));
    let options = StoreOptions { fsync: Fsync::End, ..StoreOptions::default() };
    let local = Arc::new(LocalStore::open(root.path(), options).unwrap());
    let path = RemotePath::parse("/file").unwrap();
    local.create_file(&path, false).unwrap();
    let modified = || root.path().join("file").metadata().unwrap().modified().unwrap();
    let before = modified();
    let store = Fenced::new(local, Arc::clone(&fence) as Arc<dyn Fence>);
    let gate = faults::gate(root.path());
    let slow = gate.lock().unwrap();
    let sets = std::thread::spawn(move || store.set_modified(&path, Timestamp::new(1_000_000_000, 0)));
    while faults::flushes(root.path()) == 0 {
        std::thread::yield_now();
    }
    fence.0.store(true, Ordering::Release);
    drop(slow);
    let refused = sets.join().unwrap().unwrap_err();
    assert_eq!(refused.code, ErrorCode::OutOfResources, "{refused}");
    assert_eq!(modified(), before, "it was set behind the fence");
}

/// A fence that falls after some looks.
struct Looks(AtomicUsize);

impl Fence for Looks {
    fn remaining(&self) -> Option<Duration> {
        let left = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        left.ok().map(|_| Duration::from_secs(1))
    }
}

#[test]
fn a_removal_looks_at_the_fence_before_each_entry() {
    let root = tempfile::tempdir().unwrap();
    let local = Arc::new(LocalStore::open(root.path(), StoreOptions::default()).unwrap());
    let directory = RemotePath::parse("/d").unwrap();
    local.make_directory(&directory, false, false).unwrap();
    for number in 0..10 {
        local.create_file(&RemotePath::parse(&format!("/d/{number}")).unwrap(), false).unwrap();
    }
    let store = Fenced::new(local, Arc::new(Looks(AtomicUsize::new(6))));
    let mut removal = store.remove_tree(&directory).unwrap();
    let refused = std::iter::repeat_with(|| removal.step()).find_map(Result::err).unwrap();
    assert_eq!(refused.code, ErrorCode::OutOfResources, "{refused}");
    // One look was for the beginning, and two for steps.
    assert_eq!(root.path().join("d").read_dir().unwrap().count(), 7);
}

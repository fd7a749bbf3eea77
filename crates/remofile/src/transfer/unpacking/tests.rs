#![expect(clippy::disallowed_methods, reason = "tests look at the disk themselves")]

use super::super::intake::{ItemRules, UnpackerOptions};
use super::super::resume::Checked;
use super::*;
use crate::store::faults::gate;
use crate::store::{Fsync, LocalStore, StoreOptions};
use remofile_protocol::digest::DigestKind;
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::OnConflict;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::sync::Arc;

#[derive(Default)]
struct Failures(Vec<Failure>);

impl UnpackerMonitor for Failures {
    fn failed(&mut self, failure: Failure, _by_sender: bool) {
        self.0.push(failure);
    }
}

fn unpacking(root: &std::path::Path, stays: bool) -> Unpacking {
    let store = LocalStore::open(root, StoreOptions { fsync: Fsync::Each, ..StoreOptions::default() }).unwrap();
    let options = UnpackerOptions {
        destination: RemotePath::root(),
        on_conflict: OnConflict::Replace,
        file_size_limit: u64::MAX,
        sizes: 0..=u64::MAX,
        permit: Arc::new(NameRule::Posix),
        preserve_mode: false,
        rules: ItemRules::Theirs,
        changes: true,
        digest: DigestKind::Xxh3,
    };
    let unpacker = Unpacker::new(Arc::new(store), options, Checked::default()).unwrap();
    Unpacking::new(unpacker, Waker::new().unwrap(), stays)
}

fn removals(names: std::ops::Range<usize>) -> Vec<Item> {
    names.map(|name| Item::Remove { path: name.to_string() }).collect()
}

fn files(root: &std::path::Path) -> usize {
    std::fs::read_dir(root).unwrap().count()
}

#[test]
fn what_a_slow_disk_has_to_do_is_done_on_a_thread_of_its_own_in_order() {
    let root = tempfile::tempdir().unwrap();
    (0..10).for_each(|name| std::fs::write(root.path().join(name.to_string()), "").unwrap());
    let (mut unpacking, mut failures) = (unpacking(root.path(), false), Failures::default());
    unpacking.is_slow = true;
    let gate = gate(root.path());
    let closed = gate.lock().unwrap();
    assert_eq!(unpacking.take(removals(0..4), b"", 7, &mut failures).unwrap(), 7);
    assert_eq!(unpacking.step(&mut failures).unwrap(), Unpacked::Away);
    // Nobody waits for the disk: more is taken, and nothing of it done.
    assert_eq!(unpacking.take(removals(4..11), b"", 5, &mut failures).unwrap(), 5);
    assert_eq!(unpacking.step(&mut failures).unwrap(), Unpacked::Away);
    assert!(unpacking.is_busy() && unpacking.take_released() == 0 && files(root.path()) >= 9);
    drop(closed);
    let soon = Timespec { tv_sec: 30, tv_nsec: 0 };
    assert_eq!(poll(&mut [PollFd::new(unpacking.waker(), PollFlags::IN)], Some(&soon)), Ok(1));
    let mut released = 0;
    while unpacking.is_busy() {
        unpacking.step_or_wait(&mut failures).unwrap();
        released += unpacking.take_released();
    }
    assert_eq!((released, files(root.path())), (12, 0));
    assert_eq!(failures.0.iter().map(|failure| failure.path.as_deref()).collect::<Vec<_>>(), [Some("10")]);
}

#[test]
fn on_a_fast_disk_and_for_who_sees_chunks_it_stays() {
    for stays in [false, true] {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("0"), "").unwrap();
        let (mut unpacking, mut failures) = (unpacking(root.path(), stays), Failures::default());
        assert_eq!(unpacking.take(Vec::new(), b"", 3, &mut failures).unwrap(), 0);
        unpacking.take(removals(0..1), b"", 3, &mut failures).unwrap();
        if stays {
            assert!(!unpacking.is_slow && files(root.path()) == 0);
        }
        while unpacking.is_busy() {
            unpacking.step_or_wait(&mut failures).unwrap();
        }
        let unpacker = unpacking.into_unpacker(&mut failures).unwrap();
        assert_eq!((unpacker.stored().files, files(root.path())), (0, 0));
    }
}

#[test]
fn what_is_away_comes_back_when_it_is_wanted() {
    let root = tempfile::tempdir().unwrap();
    (0..3).for_each(|name| std::fs::write(root.path().join(name.to_string()), "").unwrap());
    let (mut unpacking, mut failures) = (unpacking(root.path(), false), Failures::default());
    unpacking.is_slow = true;
    unpacking.take(removals(5..6), b"", 7, &mut failures).unwrap();
    assert_eq!(unpacking.step(&mut failures).unwrap(), Unpacked::Away);
    assert!(unpacking.into_unpacker(&mut failures).is_some());
    assert_eq!((failures.0.len(), files(root.path())), (1, 3));
}

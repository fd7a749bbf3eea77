#![expect(clippy::disallowed_methods, reason = "tests look at the disk themselves")]

use super::*;
use crate::store::faults::{fail_next_flush_of_content, flushes, gate};
use crate::store::{Faulty, Fsync, LocalStore, Store, StoreCall, StoreOptions};
use crate::transfer::{Checked, ItemRules, LONGEST_WAIT, UnpackerOptions};
use remofile_protocol::digest::{DigestKind, digest};
use remofile_protocol::path::NameRule;
use remofile_protocol::wire::{ErrorCode, Failure, Timestamp};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

#[derive(Default)]
struct Noted {
    stored: Vec<String>,
    failures: Vec<Failure>,
}

impl UnpackerMonitor for Noted {
    fn stored(&mut self, path: &str) {
        self.stored.push(path.to_owned());
    }

    fn failed(&mut self, failure: Failure, _by_sender: bool) {
        self.failures.push(failure);
    }
}

struct Scene {
    root: TempDir,
    store: Arc<dyn Store>,
    unpacker: Unpacker,
    noted: Noted,
}

impl Scene {
    fn new(on_conflict: OnConflict) -> Self {
        Self::of(on_conflict, |store| store)
    }

    fn of(on_conflict: OnConflict, wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        let root = tempfile::tempdir().unwrap();
        let options = StoreOptions { fsync: Fsync::End, ..StoreOptions::default() };
        let store = wrap(Arc::new(LocalStore::open(root.path(), options).unwrap()));
        // From now on its flushes are counted.
        drop(gate(root.path()));
        let options = UnpackerOptions {
            destination: RemotePath::root(),
            on_conflict,
            file_size_limit: u64::MAX,
            sizes: 0..=u64::MAX,
            permit: Arc::new(NameRule::Posix),
            preserve_mode: true,
            rules: ItemRules::Theirs,
            changes: true,
            digest: DigestKind::Xxh3,
        };
        let unpacker = Unpacker::new(Arc::clone(&store), options, Checked::default()).unwrap();
        Self { root, store, unpacker, noted: Noted::default() }
    }

    fn put(&mut self, path: &str, content: &str) {
        let begin = Item::Begin {
            path: path.to_owned(),
            size: Some(content.len() as u64),
            modified: Some(Timestamp::new(7, 0)),
            mode: None,
            rule: None,
            offset: 0,
            replaces: None,
        };
        let data = Item::Data { length: content.len() as u32 };
        self.take(vec![begin, data, Item::End { digest: digest(content.as_bytes()) }], content);
    }

    fn take(&mut self, items: Vec<Item>, payload: &str) {
        self.unpacker.take(items, payload.as_bytes(), &mut self.noted).unwrap();
    }

    fn work(&mut self) {
        self.unpacker.work(&|| false, &mut self.noted).unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.root.path().join(name)).ok()
    }

    fn path(&self) -> &Path {
        self.root.path()
    }
}

#[test]
fn many_files_share_few_flushes_and_are_visible_only_after_theirs() {
    let mut scene = Scene::new(OnConflict::Abort);
    scene.put("a", "1");
    scene.put("d/b", "2");
    assert_eq!((scene.read("a"), scene.read("d/b"), scene.noted.stored.len()), (None, None, 0));
    assert_eq!(scene.unpacker.stored().files, 0);
    for number in 0..600 {
        scene.put(&format!("d/{number}"), "x");
        scene.work();
    }
    let Scene { root, store, unpacker, mut noted } = scene;
    let stored = unpacker.finish(&mut noted).unwrap();
    assert_eq!((stored.files, stored.bytes, noted.stored.len()), (602, 602, 602));
    assert_eq!(noted.failures, []);
    assert!(flushes(root.path()) < 602 / 4, "{}", flushes(root.path()));
    assert_eq!(std::fs::read_dir(root.path().join("d")).unwrap().count(), 601);
    store.sync(store.flush_mark()).unwrap();
    assert!(!root.path().join(".remofile").exists());
}

#[test]
fn files_come_while_those_before_are_flushed_and_what_concerns_these_waits() {
    let mut scene = Scene::new(OnConflict::Replace);
    let disk = gate(scene.path());
    let busy = disk.lock().unwrap();
    for number in 0..600 {
        scene.put(&number.to_string(), "first");
        assert!(!scene.unpacker.is_busy(), "{number}: nobody waits for the disk");
    }
    assert_eq!((scene.read("0"), scene.noted.stored.len()), (None, 0));
    scene.put("0", "second");
    assert!(scene.unpacker.is_flush_due(), "a file that is in the flush is sent again");
    drop(busy);
    scene.work();
    assert_eq!(scene.read("0").as_deref(), Some("first"));
    let Scene { root, unpacker, mut noted, .. } = scene;
    assert_eq!(unpacker.finish(&mut noted).unwrap().files, 601);
    assert_eq!(noted.failures, []);
    assert_eq!(std::fs::read_to_string(root.path().join("0")).unwrap(), "second");
}

#[test]
fn files_whose_flush_is_over_are_visible_though_nobody_asks_for_them() {
    let mut scene = Scene::new(OnConflict::Abort);
    for number in 0..600 {
        scene.put(&number.to_string(), "x");
    }
    // Those of the first flush become visible while this thread does nothing for them.
    while scene.read("500").is_none() {
        std::thread::yield_now();
    }
    assert_eq!(scene.noted.stored.len(), 0, "whoever takes files in is told of them later");
    let Scene { unpacker, mut noted, .. } = scene;
    assert_eq!(unpacker.finish(&mut noted).unwrap().files, 600);
    assert_eq!((noted.stored.len(), noted.failures), (600, Vec::new()));
}

#[test]
fn files_whose_flush_is_given_up_stay_invisible() {
    let mut scene = Scene::new(OnConflict::Abort);
    let disk = gate(scene.path());
    let busy = disk.lock().unwrap();
    for number in 0..600 {
        scene.put(&number.to_string(), "x");
    }
    let Scene { root, unpacker, .. } = scene;
    drop(unpacker);
    drop(busy);
    let visible =
        std::fs::read_dir(root.path()).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != ".remofile");
    assert_eq!(visible.count(), 0);
}

#[test]
fn each_file_of_a_flush_beside_others_that_fails_is_told() {
    let mut scene = Scene::new(OnConflict::Replace);
    std::fs::write(scene.path().join("0"), "old").unwrap();
    fail_next_flush_of_content(scene.path(), rustix::io::Errno::IO);
    (0..600).for_each(|number| scene.put(&number.to_string(), "new"));
    let Scene { root, unpacker, mut noted, .. } = scene;
    let stored = unpacker.finish(&mut noted).unwrap();
    // Those that came before it had failed may be what it failed for.
    assert!(noted.failures.len() >= 512, "{stored:?}");
    assert_eq!(stored.files as usize + noted.failures.len(), 600);
    assert!(noted.failures.iter().all(|failure| failure.code == ErrorCode::DiskFailure));
    assert_eq!(std::fs::read_to_string(root.path().join("0")).unwrap(), "old");
    assert!((0..512).all(|number| number == 0 || !root.path().join(number.to_string()).exists()));
}

#[test]
fn when_the_disk_is_full_in_the_middle_of_a_file_those_that_wait_replace_what_takes_room() {
    for code in [ErrorCode::NoSpace, ErrorCode::QuotaExceeded] {
        let mut scene = Scene::of(OnConflict::Replace, |store| {
            let faulty = Faulty::new(store);
            faulty.faults().fail_after(StoreCall::Write, 2, code.into());
            Arc::new(faulty)
        });
        for name in ["a", "b"] {
            std::fs::write(scene.path().join(name), "old").unwrap();
            scene.put(name, "new");
        }
        assert_eq!(scene.read("a").as_deref(), Some("old"));
        scene.put("c", "full");
        assert_eq!((scene.read("a").as_deref(), scene.read("b").as_deref()), (Some("new"), Some("new")));
        assert_eq!(scene.read("c"), None);
        let told: Vec<_> = scene.noted.failures.iter().map(|failure| (failure.code, failure.path.as_deref())).collect();
        assert_eq!(told, [(code, Some("c"))]);
    }
}

#[test]
fn what_came_of_a_file_is_kept_when_it_fails_for_something_that_passes() {
    for (code, is_kept) in [(ErrorCode::OutOfResources, true), (ErrorCode::DiskFailure, false)] {
        let mut scene = Scene::of(OnConflict::Replace, |store| {
            let faulty = Faulty::new(store);
            faulty.faults().fail_after(StoreCall::Write, 1, code.into());
            Arc::new(faulty)
        });
        let half = "x".repeat(1024 * 1024);
        let begin = Item::Begin {
            path: "large".to_owned(),
            size: Some(2 * half.len() as u64),
            modified: Some(Timestamp::new(7, 0)),
            mode: None,
            rule: None,
            offset: 0,
            replaces: None,
        };
        let data = || Item::Data { length: half.len() as u32 };
        scene.take(vec![begin, data()], &half);
        scene.work();
        scene.take(vec![data()], &half);
        scene.work();
        assert_eq!(scene.noted.failures[0].code, code);
        let partials = scene.store.partials().unwrap();
        let kept: Vec<u64> = partials.iter().map(|partial| partial.received).collect();
        assert_eq!(kept, vec![half.len() as u64; usize::from(is_kept)]);
    }
}

#[test]
fn the_commit_of_a_complete_file_begins_while_others_come() {
    let mut faults = None;
    let mut scene = Scene::of(OnConflict::Abort, |store| {
        let faulty = Faulty::new(store);
        faults = Some(Arc::clone(faulty.faults()));
        Arc::new(faulty)
    });
    scene.put("a", "content");
    scene.work();
    assert_eq!(faults.unwrap().count(StoreCall::Commit), 1);
    assert_eq!(scene.read("a"), None, "a local store waits for the flush all the same");
    scene.unpacker.flush_waiting(&mut scene.noted);
    assert_eq!(scene.read("a").as_deref(), Some("content"));
}

#[test]
fn files_whose_flush_fails_are_told_and_what_they_replace_stays() {
    let mut scene = Scene::new(OnConflict::Replace);
    for name in ["a", "b"] {
        std::fs::write(scene.path().join(name), "old").unwrap();
        scene.put(name, "new");
    }
    fail_next_flush_of_content(scene.path(), rustix::io::Errno::IO);
    scene.unpacker.flush_waiting(&mut scene.noted);
    let told: Vec<_> = scene.noted.failures.iter().map(|failure| (failure.code, failure.path.as_deref())).collect();
    assert_eq!(told, [(ErrorCode::DiskFailure, Some("a")), (ErrorCode::DiskFailure, Some("b"))]);
    assert_eq!((scene.read("a").as_deref(), scene.read("b").as_deref()), (Some("old"), Some("old")));
    assert_eq!(scene.unpacker.stored().files, 0);
}

#[test]
fn what_concerns_a_file_that_waits_comes_after_it() {
    let mut scene = Scene::new(OnConflict::Rename);
    for content in ["1", "2", "3"] {
        scene.put("f.txt", content);
        scene.work();
    }
    scene.put("g.txt", "4");
    let item = Item::Move { from: "g.txt".to_owned(), path: "h.txt".to_owned() };
    scene.take(vec![item], "");
    scene.work();
    scene.put("i.txt", "5");
    scene.take(vec![Item::Touch { path: "i.txt".to_owned(), modified: Some(Timestamp::new(9, 0)), mode: None }], "");
    scene.work();
    scene.put("j.txt", "6");
    scene.take(vec![Item::Keep { path: "j.txt".to_owned(), to: "/kept/j.txt".to_owned() }], "");
    scene.work();
    scene.put("kept/k", "7");
    scene.take(vec![Item::Remove { path: "kept/k".to_owned() }], "");
    scene.work();
    let Scene { root, unpacker, mut noted, .. } = scene;
    unpacker.finish(&mut noted).unwrap();
    assert_eq!(noted.failures, []);
    let read = |name: &str| std::fs::read_to_string(root.path().join(name)).unwrap();
    assert_eq!(
        ["f.txt", "f (1).txt", "f (2).txt", "h.txt", "i.txt", "kept/j.txt"].map(read),
        ["1", "2", "3", "4", "5", "6"]
    );
    assert!(!root.path().join("g.txt").exists() && !root.path().join("kept/k").exists());
}

#[test]
fn a_name_that_a_file_will_have_which_waits_is_not_free() {
    let mut scene = Scene::new(OnConflict::Rename);
    std::fs::write(scene.path().join("f"), "old").unwrap();
    scene.put("f (1)", "1");
    scene.put("f", "2");
    scene.work();
    let Scene { root, unpacker, mut noted, .. } = scene;
    unpacker.finish(&mut noted).unwrap();
    assert_eq!(noted.failures, []);
    assert_eq!(std::fs::read_to_string(root.path().join("f (2)")).unwrap(), "2");
}

#[test]
fn an_interrupted_stream_leaves_what_was_complete() {
    let mut scene = Scene::new(OnConflict::Abort);
    scene.put("a", "1");
    scene.put("b", "2");
    let Scene { root, unpacker, mut noted, .. } = scene;
    unpacker.interrupt(&mut noted);
    assert_eq!(noted.stored.len(), 2);
    assert!(root.path().join("a").exists() && root.path().join("b").exists());
}

#[test]
fn a_file_does_not_wait_for_the_end_of_a_large_one() {
    let mut scene = Scene::new(OnConflict::Abort);
    scene.put("small", "s");
    let (size, modified) = (Some(2), Some(Timestamp::new(7, 0)));
    let path = "large".to_owned();
    let begin = Item::Begin { path, size, modified, mode: None, rule: None, offset: 0, replaces: None };
    scene.take(vec![begin, Item::Data { length: 1 }], "l");
    assert!(!scene.unpacker.is_flush_due());
    scene.unpacker.waiting.have_waited(LONGEST_WAIT);
    scene.take(vec![Item::Data { length: 1 }], "l");
    scene.work();
    assert_eq!(scene.read("small").as_deref(), Some("s"));
    scene.take(vec![Item::End { digest: digest(b"ll") }], "");
    scene.unpacker.finish(&mut scene.noted).unwrap();
    assert_eq!(scene.noted.stored, ["small", "large"]);
}

#[test]
fn a_directory_gets_its_bits_after_the_files_that_wait_in_it() {
    let mut scene = Scene::new(OnConflict::Abort);
    let directory = |path: String| vec![Item::Directory { path, mode: Some(0o555) }];
    scene.take(directory("first".to_owned()), "");
    scene.put("first/file", "f");
    for number in 0..40 {
        scene.take(directory(format!("other{number:02}")), "");
        scene.work();
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&scene.path().join("first").metadata().unwrap().permissions());
        assert!(mode & 0o200 != 0 || scene.read("first/file").is_some(), "{number}");
    }
    assert!(!scene.unpacker.has_waiting());
}

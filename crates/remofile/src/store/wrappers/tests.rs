//! Wrappers hand every call on, those with a default as well: where one is left out nothing fails, and a store is slow or
//! different behind the wrapper.

mod noting;

use crate::store::{
    Checkpoint, Faulty, Fence, Fenced, MemoryStore, Metered, Meters, Prefix, ReadOnly, StagePlan, StagedDirectory,
    Store, Unshared, WriteStore,
};
use noting::{Calls, Noting, NotingSource, entry, path};
use remofile_protocol::digest::Digester;
use remofile_protocol::path::{FileName, NameRule, RemotePath};
use remofile_protocol::wire::{Listed, Version};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

fn walk_all(store: &dyn Store) {
    let mut walk = store.walk(&RemotePath::root(), true).unwrap();
    walk.tell_removed();
    walk.open_ahead();
    let Some(Listed::Entry(listed)) = walk.next() else { panic!("no entry") };
    assert_eq!(walk.take_opened().unwrap().entry().path, listed.path);
    assert!(walk.unlisted().is_none());
    walk.skip_directory();
    walk.memory_bytes();
}

fn open_all(store: &dyn Store) {
    let opening = store.begin_open(&path("/f")).unwrap();
    opening.memory_bytes();
    opening.end().unwrap();
}

fn remove_all(store: &dyn Store) {
    let mut removal = store.remove_tree(&path("/f")).unwrap();
    removal.count_bytes();
    removal.step().unwrap();
    removal.memory_bytes();
    removal.removed_bytes();
}

fn stage_all(store: &dyn Store) {
    let name = FileName::parse("f", NameRule::Portable).unwrap();
    let directory = store.directory(&RemotePath::root()).unwrap();
    directory.flush_file_system().unwrap();
    let stage = || directory.stage(&name, &StagePlan::default()).unwrap();
    let source = NotingSource(entry());
    let mut staged = stage();
    staged.write(b"x").unwrap();
    staged.write_hole(1).unwrap();
    staged.write_at(b"x", 0).unwrap();
    staged.read_at(&mut [0], 0).unwrap();
    staged.set_length(1).unwrap();
    staged.share(&source).unwrap();
    staged.copy(&source, 0, 0).unwrap();
    staged.hold_as(&source).unwrap();
    staged.wants_checkpoints();
    staged.checkpoint(Checkpoint { offset: 1, digester: Digester::new() });
    staged.end_writing().unwrap();
    staged.room();
    staged.expect_version(Version([0; 16])).unwrap();
    staged.prepare_commit().unwrap();
    staged.try_commit().unwrap();
    staged.begin_commit();
    staged.commit().unwrap();
    assert!(stage().commit_alone().unwrap());
    stage().retain_partial();
    let root = store.directory(&RemotePath::root()).unwrap();
    let StagedDirectory { directory, staged } = root.stage_directory(&name, None).unwrap().unwrap();
    directory.stage_directory(&name, None).unwrap().unwrap().staged.unwrap().commit().unwrap();
    staged.unwrap().commit().unwrap();
}

struct Open;

impl Fence for Open {
    fn remaining(&self) -> Option<Duration> {
        Some(Duration::MAX)
    }
}

/// Every call that comes through a wrapper.
fn calls(is_read_only: bool, wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> BTreeSet<&'static str> {
    let calls = Calls::default();
    let inner = MemoryStore::new();
    inner.make_directory(&path("/in"), false, false).unwrap();
    let store = wrap(Arc::new(Noting { inner, calls: Arc::clone(&calls) }));
    assert!(store.is_distant());
    walk_all(&*store);
    open_all(&*store);
    if !is_read_only {
        remove_all(&*store);
        stage_all(&*store);
        store.join_servers("one").unwrap();
    }
    let noted = calls.lock().unwrap();
    noted.clone()
}

#[test]
fn every_call_comes_through_every_wrapper() {
    let all = calls(false, |store| store);
    let prefix = |store| Arc::new(Prefix::new(store, path("/in")).unwrap()) as Arc<dyn Store>;
    // A part of a store is no place that servers find.
    let but_servers: BTreeSet<_> = all.iter().copied().filter(|call| *call != "join_servers").collect();
    assert_eq!(calls(false, prefix), but_servers, "Prefix");
    let metered = |store| {
        let meters = Meters::new(store);
        meters.watch(&RemotePath::root());
        Arc::new(Metered::new(meters, None)) as Arc<dyn Store>
    };
    let of_wrappers: [(&str, BTreeSet<_>); 4] = [
        ("Faulty", calls(false, |store| Arc::new(Faulty::new(store)))),
        ("Fenced", calls(false, |store| Arc::new(Fenced::new(store, Arc::new(Open))))),
        ("Unshared", calls(false, |store| Unshared::of(&store, "somebody"))),
        ("Metered", calls(false, metered)),
    ];
    for (name, calls) in of_wrappers {
        assert_eq!(calls, all, "{name}");
    }
    let seen: BTreeSet<_> = calls(true, |store| store);
    assert_eq!(seen.len(), 10);
    assert_eq!(calls(true, |store| Arc::new(ReadOnly::new(store))), seen, "ReadOnly");
}

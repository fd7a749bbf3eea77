//! Wrappers hand every call on, those with a default as well: where one is left out nothing fails, and a store is slow or
//! different behind the wrapper.

use super::forward::{Wrapper, forward};
use crate::store::{
    Checkpoint, Directory, Extent, Faulty, Fence, Fenced, MemoryStore, Metered, Meters, Opening, Prefix, ReadOnly,
    ReadStore, Removal, RemovalProgress, Room, Source, StagePlan, Staged, StagedDirectory, Store, StoreResult,
    Unlisted, Unshared, Walk, WriteStore,
};
use remofile_protocol::digest::Digester;
use remofile_protocol::path::{FileName, NameRule, RemotePath};
use remofile_protocol::wire::{Entry, Kind, Listed, Timestamp, Version};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The calls that have come through.
type Calls = Arc<Mutex<BTreeSet<&'static str>>>;

/// A store that notes the calls of what it gives out.
struct Noting {
    inner: MemoryStore,
    calls: Calls,
}

struct NotingParts {
    calls: Calls,
    /// True if a walk has told all that there is: who counts what there is walks to the end.
    has_ended: bool,
}

impl NotingParts {
    fn new(calls: &Calls) -> Self {
        Self { calls: Arc::clone(calls), has_ended: false }
    }

    fn note(&self, call: &'static str) {
        self.calls.lock().unwrap().insert(call);
    }
}

fn path(text: &str) -> RemotePath {
    text.parse().unwrap()
}

fn entry() -> Entry {
    Entry {
        path: path("/in/f"),
        kind: Kind::File,
        size: 1,
        modified: Timestamp::new(1, 0),
        mode: None,
        unflushed: false,
    }
}

struct NotingSource(Entry);

impl Source for NotingSource {
    fn entry(&self) -> &Entry {
        &self.0
    }

    fn read_at(&self, _: &mut [u8], _: u64) -> StoreResult<usize> {
        Ok(0)
    }

    fn extent_at(&self, _: u64) -> StoreResult<Extent> {
        Ok(Extent::Data(0))
    }

    fn is_unchanged(&self) -> StoreResult<bool> {
        Ok(true)
    }
}

impl Opening for NotingParts {
    fn end(self: Box<Self>) -> StoreResult<Box<dyn Source>> {
        self.note("end of opening");
        Ok(Box::new(NotingSource(entry())))
    }

    fn memory_bytes(&self) -> u64 {
        self.note("memory_bytes of opening");
        0
    }
}

impl Walk for NotingParts {
    fn next(&mut self) -> Option<Listed> {
        self.note("next");
        (!std::mem::replace(&mut self.has_ended, true)).then(|| Listed::Entry(entry()))
    }

    fn skip_directory(&mut self) {
        self.note("skip_directory");
    }

    fn tell_removed(&mut self) {
        self.note("tell_removed");
    }

    fn open_ahead(&mut self) {
        self.note("open_ahead");
    }

    fn take_opened(&mut self) -> Option<Box<dyn Source>> {
        self.note("take_opened");
        Some(Box::new(NotingSource(entry())))
    }

    fn unlisted(&self) -> Option<&Unlisted> {
        self.note("unlisted");
        None
    }

    fn memory_bytes(&self) -> u64 {
        self.note("memory_bytes");
        0
    }
}

impl Removal for NotingParts {
    fn step(&mut self) -> StoreResult<RemovalProgress> {
        self.note("step");
        Ok(RemovalProgress::More)
    }

    fn memory_bytes(&self) -> u64 {
        self.note("memory_bytes of a removal");
        0
    }

    fn count_bytes(&mut self) {
        self.note("count_bytes");
    }

    fn removed_bytes(&self) -> Option<u64> {
        self.note("removed_bytes");
        Some(0)
    }
}

impl Directory for NotingParts {
    fn stage(&self, _: &FileName, _: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        Ok(Box::new(Self::new(&self.calls)))
    }

    fn stage_directory(&self, _: &FileName, _: Option<u32>) -> Option<StoreResult<StagedDirectory>> {
        self.note("stage_directory");
        let part = || Box::new(Self::new(&self.calls));
        Some(Ok(StagedDirectory { directory: part(), staged: Some(part()) }))
    }

    fn flush_file_system(&self) -> StoreResult<()> {
        self.note("flush_file_system");
        Ok(())
    }
}

impl Staged for NotingParts {
    fn write(&mut self, _: &[u8]) -> StoreResult<()> {
        self.note("write");
        Ok(())
    }

    fn write_hole(&mut self, _: u64) -> StoreResult<()> {
        self.note("write_hole");
        Ok(())
    }

    fn write_at(&mut self, _: &[u8], _: u64) -> StoreResult<()> {
        self.note("write_at");
        Ok(())
    }

    fn read_at(&self, _: &mut [u8], _: u64) -> StoreResult<usize> {
        self.note("read_at");
        Ok(0)
    }

    fn set_length(&mut self, _: u64) -> StoreResult<()> {
        self.note("set_length");
        Ok(())
    }

    fn share(&mut self, _: &dyn Source) -> StoreResult<Option<u64>> {
        self.note("share");
        Ok(None)
    }

    fn copy(&mut self, _: &dyn Source, _: u64, _: u64) -> StoreResult<u64> {
        self.note("copy");
        Ok(0)
    }

    fn hold_as(&mut self, _: &dyn Source) -> StoreResult<()> {
        self.note("hold_as");
        Ok(())
    }

    fn wants_checkpoints(&self) -> bool {
        self.note("wants_checkpoints");
        true
    }

    fn checkpoint(&mut self, _: Checkpoint) {
        self.note("checkpoint");
    }

    fn end_writing(&mut self) -> StoreResult<bool> {
        self.note("end_writing");
        Ok(true)
    }

    fn prepare_commit(&mut self) -> StoreResult<()> {
        self.note("prepare_commit");
        Ok(())
    }

    fn begin_commit(&mut self) {
        self.note("begin_commit");
    }

    fn room(&self) -> Option<Room> {
        self.note("room");
        None
    }

    fn commit(self: Box<Self>) -> StoreResult<()> {
        self.note("commit");
        Ok(())
    }

    fn commit_alone(self: Box<Self>) -> StoreResult<bool> {
        self.note("commit_alone");
        Ok(true)
    }

    fn try_commit(&mut self) -> StoreResult<()> {
        self.note("try_commit");
        Ok(())
    }

    fn expect_version(&mut self, _: Version) -> StoreResult<()> {
        self.note("expect_version");
        Ok(())
    }

    fn retain_partial(self: Box<Self>) {
        self.note("retain_partial");
    }
}

impl Noting {
    fn parts(&self) -> Box<NotingParts> {
        Box::new(NotingParts::new(&self.calls))
    }
}

impl Wrapper for Noting {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }
}

impl ReadStore for Noting {
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry> {
        self.inner.stat(path)
    }

    fn walk(&self, _: &RemotePath, _: bool) -> StoreResult<Box<dyn Walk>> {
        Ok(self.parts())
    }

    fn open(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        self.inner.open(path)
    }

    fn begin_open(&self, _: &RemotePath) -> Option<Box<dyn Opening>> {
        Some(self.parts())
    }

    fn read_link(&self, path: &RemotePath) -> StoreResult<String> {
        self.inner.read_link(path)
    }

    fn identity(&self, path: &RemotePath) -> StoreResult<u128> {
        self.inner.identity(path)
    }
}

impl WriteStore for Noting {
    fn create_file(&self, path: &RemotePath, update: bool) -> StoreResult<()> {
        self.inner.create_file(path, update)
    }

    fn make_directory(&self, path: &RemotePath, update: bool, parents: bool) -> StoreResult<bool> {
        self.inner.make_directory(path, update, parents)
    }

    fn directory(&self, _: &RemotePath) -> StoreResult<Box<dyn Directory>> {
        Ok(self.parts())
    }

    fn remove(&self, path: &RemotePath) -> StoreResult<Kind> {
        self.inner.remove(path)
    }

    fn remove_tree(&self, _: &RemotePath) -> StoreResult<Box<dyn Removal>> {
        Ok(self.parts())
    }

    fn rename(&self, source: &RemotePath, destination: &RemotePath, replace: bool) -> StoreResult<()> {
        self.inner.rename(source, destination, replace)
    }
}

forward!(ResumeStore for Noting);
forward!(PosixStore for Noting);
forward!(DurableStore for Noting);

impl Store for Noting {
    fn is_distant(&self) -> bool {
        self.parts().note("is_distant");
        true
    }

    fn join_servers(&self, _: &str) -> StoreResult<()> {
        self.parts().note("join_servers");
        Ok(())
    }
}

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

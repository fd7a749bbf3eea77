//! A store that notes the calls of what it gives out.

use crate::store::wrappers::forward::{Wrapper, forward};
use crate::store::{
    Checkpoint, Directory, Extent, MemoryStore, Opening, ReadStore, Removal, RemovalProgress, Room, Source, StagePlan,
    Staged, StagedDirectory, Store, StoreResult, Unlisted, Walk, WriteStore,
};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{Entry, Kind, Listed, Timestamp, Version};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// The calls that have come through.
pub(super) type Calls = Arc<Mutex<BTreeSet<&'static str>>>;

/// A store that notes the calls of what it gives out.
pub(super) struct Noting {
    pub(super) inner: MemoryStore,
    pub(super) calls: Calls,
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

pub(super) fn path(text: &str) -> RemotePath {
    text.parse().unwrap()
}

pub(super) fn entry() -> Entry {
    Entry {
        path: path("/in/f"),
        kind: Kind::File,
        size: 1,
        modified: Timestamp::new(1, 0),
        mode: None,
        unflushed: false,
    }
}

pub(super) struct NotingSource(pub(super) Entry);

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

forward!(ResumeStore for Noting);
forward!(PosixStore for Noting);
forward!(DurableStore for Noting);

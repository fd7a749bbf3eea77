//! A store that fails when a test says so.

use super::store_call::StoreCall;
use crate::store::{
    Capabilities, Checkpoint, Directory, DurableStore, Editing, Extent, FlushMark, Given, NewSpecial, Partial,
    PendingBackup, PosixStore, ReadStore, Removal, RemovalProgress, ResumeStore, Room, ServedDirectory, Source,
    SourceState, StagePlan, Staged, Store, StoreResult, Walk, WriteStore,
};
use remofile_protocol::handshake::Place;
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{AttributeSet, Attributes, DiskSpace, Entry, Failure, Kind, Special, Timestamp, Version};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The calls that are to fail, and those that were made.
#[derive(Debug, Default)]
pub struct Faults {
    calls: Mutex<HashMap<StoreCall, Calls>>,
}

#[derive(Debug, Default)]
struct Calls {
    count: u64,
    /// By the number of the call, from 1.
    failures: HashMap<u64, Failure>,
    /// Of every call from now on.
    always: Option<Failure>,
    /// Locked as long as calls are to wait.
    gate: Arc<Mutex<()>>,
}

impl Faults {
    /// The call after `passing` more of its kind fails, and does nothing. Those behind it do not.
    pub fn fail_after(&self, call: StoreCall, passing: u64, failure: Failure) {
        self.with(call, |calls| calls.failures.insert(calls.count + passing + 1, failure));
    }

    /// All calls of a kind fail from now on.
    pub fn fail_always(&self, call: StoreCall, failure: Failure) {
        self.with(call, |calls| calls.always = Some(failure));
    }

    /// Gives a lock: calls of a kind wait as long as it is held, on whatever thread they are made.
    #[must_use]
    pub fn gate(&self, call: StoreCall) -> Arc<Mutex<()>> {
        self.with(call, |calls| Arc::clone(&calls.gate))
    }

    /// Nothing is to fail any more.
    pub fn clear(&self) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        for calls in calls.values_mut() {
            calls.failures.clear();
            calls.always = None;
        }
    }

    /// Returns the number of calls of a kind.
    #[must_use]
    pub fn count(&self, call: StoreCall) -> u64 {
        self.with(call, |calls| calls.count)
    }

    fn with<T>(&self, call: StoreCall, look: impl FnOnce(&mut Calls) -> T) -> T {
        look(self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(call).or_default())
    }

    fn pass(&self, call: StoreCall) -> StoreResult<()> {
        let (failure, gate) = self.with(call, |calls| {
            calls.count += 1;
            (calls.failures.remove(&calls.count).or_else(|| calls.always.clone()), Arc::clone(&calls.gate))
        });
        drop(gate.lock().unwrap_or_else(PoisonError::into_inner));
        failure.map_or(Ok(()), Err)
    }
}

/// A store around another one, for tests: it fails where [`Faults`] say so, and counts what it is asked to do.
///
/// ```
/// use remofile::protocol::wire::ErrorCode;
/// use remofile::store::{Faulty, MemoryStore, StoreCall, WriteStore};
/// use std::sync::Arc;
///
/// let store = Faulty::new(Arc::new(MemoryStore::new()));
/// store.faults().fail_after(StoreCall::MakeDirectory, 1, ErrorCode::NoSpace.into());
/// assert!(store.make_directory(&"/a".parse()?, false, false)?);
/// assert!(store.make_directory(&"/b".parse()?, false, false).is_err());
/// assert!(store.make_directory(&"/b".parse()?, false, false)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Faulty {
    inner: Arc<dyn Store>,
    faults: Arc<Faults>,
}

impl Faulty {
    /// A store that does not fail yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, faults: Arc::default() }
    }

    /// Returns the calls that are to fail.
    #[must_use]
    pub fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }

    fn source(&self, inner: Box<dyn Source>) -> Box<dyn Source> {
        Box::new(FaultySource { inner, faults: Arc::clone(&self.faults) })
    }
}

impl ReadStore for Faulty {
    fn stat(&self, path: &RemotePath) -> StoreResult<Entry> {
        self.faults.pass(StoreCall::Stat)?;
        self.inner.stat(path)
    }

    fn walk(&self, directory: &RemotePath, recursive: bool) -> StoreResult<Box<dyn Walk>> {
        self.faults.pass(StoreCall::Walk)?;
        self.inner.walk(directory, recursive)
    }

    fn open(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        self.faults.pass(StoreCall::Open)?;
        Ok(self.source(self.inner.open(path)?))
    }

    fn read_link(&self, path: &RemotePath) -> StoreResult<String> {
        self.faults.pass(StoreCall::ReadLink)?;
        self.inner.read_link(path)
    }

    fn look(&self, path: &RemotePath) -> StoreResult<Entry> {
        self.faults.pass(StoreCall::Stat)?;
        self.inner.look(path)
    }

    fn kept_target(&self, path: &RemotePath) -> StoreResult<String> {
        self.faults.pass(StoreCall::ReadLink)?;
        self.inner.kept_target(path)
    }

    fn shared_identity(&self, path: &RemotePath) -> StoreResult<Option<u128>> {
        self.faults.pass(StoreCall::Stat)?;
        self.inner.shared_identity(path)
    }

    fn special(&self, path: &RemotePath) -> StoreResult<Special> {
        self.faults.pass(StoreCall::Stat)?;
        self.inner.special(path)
    }

    fn identity(&self, path: &RemotePath) -> StoreResult<u128> {
        self.inner.identity(path)
    }
}

impl WriteStore for Faulty {
    fn create_file(&self, path: &RemotePath, update: bool) -> StoreResult<()> {
        self.faults.pass(StoreCall::CreateFile)?;
        self.inner.create_file(path, update)
    }

    fn make_directory(&self, path: &RemotePath, update: bool, parents: bool) -> StoreResult<bool> {
        self.faults.pass(StoreCall::MakeDirectory)?;
        self.inner.make_directory(path, update, parents)
    }

    fn directory(&self, path: &RemotePath) -> StoreResult<Box<dyn Directory>> {
        self.faults.pass(StoreCall::Directory)?;
        let (inner, faults) = (self.inner.directory(path)?, Arc::clone(&self.faults));
        Ok(Box::new(FaultyDirectory { inner, faults }))
    }

    fn remove(&self, path: &RemotePath) -> StoreResult<Kind> {
        self.faults.pass(StoreCall::Remove)?;
        self.inner.remove(path)
    }

    fn remove_tree(&self, path: &RemotePath) -> StoreResult<Box<dyn Removal>> {
        let (inner, faults) = (self.inner.remove_tree(path)?, Arc::clone(&self.faults));
        Ok(Box::new(FaultyRemoval { inner, faults, path: path.clone() }))
    }

    fn rename(&self, source: &RemotePath, destination: &RemotePath, replace: bool) -> StoreResult<()> {
        self.faults.pass(StoreCall::Rename)?;
        self.inner.rename(source, destination, replace)
    }
}

impl ResumeStore for Faulty {
    fn partials(&self) -> StoreResult<Vec<Partial>> {
        self.faults.pass(StoreCall::Partials)?;
        self.inner.partials()
    }

    fn read_partial(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        self.faults.pass(StoreCall::Partials)?;
        Ok(self.source(self.inner.read_partial(path)?))
    }

    fn remove_partial(&self, path: &RemotePath) -> StoreResult<bool> {
        self.faults.pass(StoreCall::RemovePartial)?;
        self.inner.remove_partial(path)
    }

    fn expire_partials(&self, older_than: Duration) -> StoreResult<u64> {
        self.faults.pass(StoreCall::RemovePartial)?;
        self.inner.expire_partials(older_than)
    }
}

impl PosixStore for Faulty {
    fn edit(&self, path: &RemotePath, create: bool) -> StoreResult<Box<dyn Editing>> {
        self.faults.pass(StoreCall::Edit)?;
        self.inner.edit(path, create)
    }

    fn make_link(&self, path: &RemotePath, target: &str, replace: bool) -> StoreResult<()> {
        self.faults.pass(StoreCall::MakeLink)?;
        self.inner.make_link(path, target, replace)
    }

    fn keep_link(&self, path: &RemotePath, target: &str, replace: bool) -> StoreResult<()> {
        self.faults.pass(StoreCall::MakeLink)?;
        self.inner.keep_link(path, target, replace)
    }

    fn add_name(&self, of: &RemotePath, path: &RemotePath, replace: bool) -> StoreResult<bool> {
        self.faults.pass(StoreCall::MakeLink)?;
        self.inner.add_name(of, path, replace)
    }

    fn make_special(&self, path: &RemotePath, new: &NewSpecial, replace: bool) -> StoreResult<bool> {
        self.faults.pass(StoreCall::CreateFile)?;
        self.inner.make_special(path, new, replace)
    }

    fn set_mode(&self, path: &RemotePath, mode: u32) -> StoreResult<()> {
        self.faults.pass(StoreCall::SetAttributes)?;
        self.inner.set_mode(path, mode)
    }

    fn set_modified(&self, path: &RemotePath, modified: Timestamp) -> StoreResult<()> {
        self.faults.pass(StoreCall::SetAttributes)?;
        self.inner.set_modified(path, modified)
    }

    fn attributes(&self, path: &RemotePath, wanted: AttributeSet) -> StoreResult<Attributes> {
        self.inner.attributes(path, wanted)
    }

    fn give_attributes(&self, path: &RemotePath, attributes: &Attributes, wanted: AttributeSet) -> StoreResult<Given> {
        self.faults.pass(StoreCall::SetAttributes)?;
        self.inner.give_attributes(path, attributes, wanted)
    }

    fn hold_as(&self, from: &RemotePath, to: &RemotePath) -> StoreResult<()> {
        self.faults.pass(StoreCall::SetAttributes)?;
        self.inner.hold_as(from, to)
    }

    fn prepare_backup(&self, path: &RemotePath, to: &RemotePath) -> StoreResult<Box<dyn PendingBackup>> {
        self.faults.pass(StoreCall::Backup)?;
        self.inner.prepare_backup(path, to)
    }
}

impl DurableStore for Faulty {
    fn flush_mark(&self) -> FlushMark {
        self.inner.flush_mark()
    }

    fn sync(&self, since: FlushMark) -> StoreResult<()> {
        self.faults.pass(StoreCall::Sync)?;
        self.inner.sync(since)
    }

    fn flush_staged(&self) -> StoreResult<()> {
        self.faults.pass(StoreCall::Sync)?;
        self.inner.flush_staged()
    }

    fn waiting_bytes_limit(&self) -> u64 {
        self.inner.waiting_bytes_limit()
    }

    fn is_unflushed(&self) -> bool {
        self.inner.is_unflushed()
    }

    fn has_doubt(&self) -> StoreResult<bool> {
        self.inner.has_doubt()
    }
}

impl Store for Faulty {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn keeps_attributes(&self) -> bool {
        self.inner.keeps_attributes()
    }

    fn space(&self, path: &RemotePath) -> StoreResult<DiskSpace> {
        self.inner.space(path)
    }

    fn place(&self, directory: &RemotePath) -> Option<Place> {
        self.inner.place(directory)
    }

    fn claim_directory(&self) -> StoreResult<Option<ServedDirectory>> {
        self.inner.claim_directory()
    }

    fn owned_by(&self, owner: &str) -> Option<Arc<dyn Store>> {
        let faults = Arc::clone(&self.faults);
        self.inner.owned_by(owner).map(|inner| Arc::new(Self { inner, faults }) as Arc<dyn Store>)
    }

    fn confined(&self, directory: &RemotePath) -> Option<Arc<dyn Store>> {
        let faults = Arc::clone(&self.faults);
        self.inner.confined(directory).map(|inner| Arc::new(Self { inner, faults }) as Arc<dyn Store>)
    }
}

struct FaultySource {
    inner: Box<dyn Source>,
    faults: Arc<Faults>,
}

impl Source for FaultySource {
    fn entry(&self) -> &Entry {
        self.inner.entry()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        self.faults.pass(StoreCall::Read)?;
        self.inner.read_at(buffer, offset)
    }

    fn extent_at(&self, offset: u64) -> StoreResult<Extent> {
        self.inner.extent_at(offset)
    }

    fn is_unchanged(&self) -> StoreResult<bool> {
        self.inner.is_unchanged()
    }

    fn state(&self) -> StoreResult<SourceState> {
        self.inner.state()
    }

    fn size_now(&self) -> StoreResult<u64> {
        self.inner.size_now()
    }

    fn has_left(&self) -> StoreResult<bool> {
        self.inner.has_left()
    }

    fn identity(&self) -> Option<u64> {
        self.inner.identity()
    }

    fn as_any(&self) -> Option<&dyn std::any::Any> {
        self.inner.as_any()
    }

    fn version(&self) -> Version {
        self.inner.version()
    }
}

struct FaultyDirectory {
    inner: Box<dyn Directory>,
    faults: Arc<Faults>,
}

impl Directory for FaultyDirectory {
    fn stage(&self, name: &FileName, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        self.faults.pass(StoreCall::Stage)?;
        Ok(Box::new(FaultyStaged { inner: self.inner.stage(name, plan)?, faults: Arc::clone(&self.faults) }))
    }
}

struct FaultyStaged {
    inner: Box<dyn Staged>,
    faults: Arc<Faults>,
}

impl Staged for FaultyStaged {
    fn write(&mut self, bytes: &[u8]) -> StoreResult<()> {
        self.faults.pass(StoreCall::Write)?;
        self.inner.write(bytes)
    }

    fn write_hole(&mut self, bytes: u64) -> StoreResult<()> {
        self.faults.pass(StoreCall::Write)?;
        self.inner.write_hole(bytes)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> StoreResult<()> {
        self.faults.pass(StoreCall::Write)?;
        self.inner.write_at(bytes, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        self.faults.pass(StoreCall::Read)?;
        self.inner.read_at(buffer, offset)
    }

    fn set_length(&mut self, length: u64) -> StoreResult<()> {
        self.faults.pass(StoreCall::Write)?;
        self.inner.set_length(length)
    }

    fn share(&mut self, source: &dyn Source) -> StoreResult<Option<u64>> {
        self.faults.pass(StoreCall::Write)?;
        self.inner.share(source)
    }

    fn copy(&mut self, source: &dyn Source, offset: u64, length: u64) -> StoreResult<u64> {
        self.faults.pass(StoreCall::Write)?;
        self.inner.copy(source, offset, length)
    }

    fn hold_as(&mut self, source: &dyn Source) -> StoreResult<()> {
        self.inner.hold_as(source)
    }

    fn wants_checkpoints(&self) -> bool {
        self.inner.wants_checkpoints()
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint) {
        self.inner.checkpoint(checkpoint);
    }

    fn end_writing(&mut self) -> StoreResult<bool> {
        self.inner.end_writing()
    }

    fn room(&self) -> Option<Room> {
        self.inner.room()
    }

    fn prepare_commit(&mut self) -> StoreResult<()> {
        self.inner.prepare_commit()
    }

    fn commit(self: Box<Self>) -> StoreResult<()> {
        self.faults.pass(StoreCall::Commit)?;
        self.inner.commit()
    }

    fn try_commit(&mut self) -> StoreResult<()> {
        self.faults.pass(StoreCall::Commit)?;
        self.inner.try_commit()
    }

    fn expect_version(&mut self, version: Version) -> StoreResult<()> {
        self.inner.expect_version(version)
    }

    fn retain_partial(self: Box<Self>) {
        self.inner.retain_partial();
    }
}

struct FaultyRemoval {
    inner: Box<dyn Removal>,
    faults: Arc<Faults>,
    path: RemotePath,
}

impl Removal for FaultyRemoval {
    fn step(&mut self) -> StoreResult<RemovalProgress> {
        self.faults.pass(StoreCall::Remove).map_err(|failure| failure.at(&self.path))?;
        self.inner.step()
    }

    fn memory_bytes(&self) -> u64 {
        self.inner.memory_bytes()
    }

    fn count_bytes(&mut self) {
        self.inner.count_bytes();
    }

    fn removed_bytes(&self) -> Option<u64> {
        self.inner.removed_bytes()
    }
}

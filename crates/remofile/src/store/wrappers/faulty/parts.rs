//! The parts that a store that fails gives out: walks, sources, directories, staged files and removals that fail as
//! well.

use super::super::store_call::StoreCall;
use super::faults::Faults;
use crate::store::{
    Checkpoint, Directory, Extent, Opening, Removal, RemovalProgress, Room, Source, SourceState, StagePlan, Staged,
    StagedDirectory, StoreResult, Unlisted, Walk,
};
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{Entry, Listed, Version};
use std::sync::Arc;

pub(super) struct FaultyWalk {
    pub(super) inner: Box<dyn Walk>,
    pub(super) faults: Arc<Faults>,
}

impl Walk for FaultyWalk {
    fn next(&mut self) -> Option<Listed> {
        self.inner.next()
    }

    fn skip_directory(&mut self) {
        self.inner.skip_directory();
    }

    fn tell_removed(&mut self) {
        self.inner.tell_removed();
    }

    fn open_ahead(&mut self) {
        self.inner.open_ahead();
    }

    fn take_opened(&mut self) -> Option<Box<dyn Source>> {
        let (inner, faults) = (self.inner.take_opened()?, Arc::clone(&self.faults));
        Some(Box::new(FaultySource { inner, faults }))
    }

    fn unlisted(&self) -> Option<&Unlisted> {
        self.inner.unlisted()
    }

    fn memory_bytes(&self) -> u64 {
        self.inner.memory_bytes()
    }
}

pub(super) struct FaultyOpening {
    pub(super) inner: Box<dyn Opening>,
    pub(super) faults: Arc<Faults>,
}

impl Opening for FaultyOpening {
    fn end(self: Box<Self>) -> StoreResult<Box<dyn Source>> {
        self.faults.pass(StoreCall::Open)?;
        Ok(Box::new(FaultySource { inner: self.inner.end()?, faults: self.faults }))
    }

    fn memory_bytes(&self) -> u64 {
        self.inner.memory_bytes()
    }
}

pub(super) struct FaultySource {
    pub(super) inner: Box<dyn Source>,
    pub(super) faults: Arc<Faults>,
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

pub(super) struct FaultyDirectory {
    pub(super) inner: Box<dyn Directory>,
    pub(super) faults: Arc<Faults>,
}

impl Directory for FaultyDirectory {
    fn stage(&self, name: &FileName, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        self.faults.pass(StoreCall::Stage)?;
        let (inner, faults) = (self.inner.stage(name, plan)?, Arc::clone(&self.faults));
        Ok(Box::new(FaultyStaged { inner, faults, begun: None }))
    }

    fn stage_directory(&self, name: &FileName, mode: Option<u32>) -> Option<StoreResult<StagedDirectory>> {
        let staged = self.inner.stage_directory(name, mode)?;
        let faulty = |StagedDirectory { directory, staged }| {
            let faults = || Arc::clone(&self.faults);
            StagedDirectory {
                directory: Box::new(Self { inner: directory, faults: faults() }),
                staged: staged
                    .map(|inner| Box::new(FaultyStaged { inner, faults: faults(), begun: None }) as Box<dyn Staged>),
            }
        };
        Some(self.faults.pass(StoreCall::MakeDirectory).and_then(|()| staged.map(faulty)))
    }

    fn remove(&self, name: &FileName) -> Option<StoreResult<()>> {
        match self.faults.pass(StoreCall::Remove) {
            Ok(()) => self.inner.remove(name),
            Err(failure) => Some(Err(failure)),
        }
    }

    fn flush_file_system(&self) -> StoreResult<()> {
        self.faults.pass(StoreCall::Sync)?;
        self.inner.flush_file_system()
    }

    fn look(&self, name: &FileName) -> Option<StoreResult<Entry>> {
        match self.faults.pass(StoreCall::Stat) {
            Ok(()) => self.inner.look(name),
            Err(failure) => Some(Err(failure)),
        }
    }
}

struct FaultyStaged {
    inner: Box<dyn Staged>,
    faults: Arc<Faults>,
    /// The outcome of the commit that was begun.
    begun: Option<StoreResult<()>>,
}

impl FaultyStaged {
    fn may_commit(self) -> StoreResult<Box<dyn Staged>> {
        let Self { inner, faults, begun } = self;
        begun.unwrap_or_else(|| faults.pass(StoreCall::Commit)).map(|()| inner)
    }
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

    fn begin_commit(&mut self) {
        let Self { inner, faults, begun } = self;
        // A commit that is to fail does nothing, so it does not begin.
        if begun.get_or_insert_with(|| faults.pass(StoreCall::Commit)).is_ok() {
            inner.begin_commit();
        }
    }

    fn commit(self: Box<Self>) -> StoreResult<()> {
        self.may_commit()?.commit()
    }

    fn commit_alone(self: Box<Self>) -> StoreResult<bool> {
        self.may_commit()?.commit_alone()
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

pub(super) struct FaultyRemoval {
    pub(super) inner: Box<dyn Removal>,
    pub(super) faults: Arc<Faults>,
    pub(super) path: RemotePath,
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

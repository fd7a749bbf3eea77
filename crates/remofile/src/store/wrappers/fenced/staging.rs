//! Directories behind a fence, and what is staged in them: it becomes visible only while the fence stands.

use super::pass::pass;
use crate::store::{Checkpoint, Directory, Fence, Room, Source, StagePlan, Staged, StagedDirectory, StoreResult};
use remofile_protocol::path::FileName;
use remofile_protocol::wire::{Entry, Version};
use std::sync::Arc;

pub(super) struct FencedDirectory {
    pub(super) inner: Box<dyn Directory>,
    pub(super) fence: Arc<dyn Fence>,
}

impl Directory for FencedDirectory {
    fn stage(&self, name: &FileName, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        pass(&self.fence)?;
        Ok(Box::new(FencedStaged { inner: self.inner.stage(name, plan)?, fence: Arc::clone(&self.fence) }))
    }

    fn stage_directory(&self, name: &FileName, mode: Option<u32>) -> Option<StoreResult<StagedDirectory>> {
        if let Err(failure) = pass(&self.fence) {
            return Some(Err(failure));
        }
        let fence = || Arc::clone(&self.fence);
        let fenced = |StagedDirectory { directory, staged }| StagedDirectory {
            directory: Box::new(Self { inner: directory, fence: fence() }),
            staged: staged.map(|inner| Box::new(FencedStaged { inner, fence: fence() }) as Box<dyn Staged>),
        };
        self.inner.stage_directory(name, mode).map(|staged| staged.map(fenced))
    }

    fn remove(&self, name: &FileName) -> Option<StoreResult<()>> {
        match pass(&self.fence) {
            Ok(()) => self.inner.remove(name),
            Err(failure) => Some(Err(failure)),
        }
    }

    fn flush_file_system(&self) -> StoreResult<()> {
        self.inner.flush_file_system()
    }

    fn look(&self, name: &FileName) -> Option<StoreResult<Entry>> {
        self.inner.look(name)
    }
}

pub(super) struct FencedStaged {
    pub(super) inner: Box<dyn Staged>,
    pub(super) fence: Arc<dyn Fence>,
}

impl FencedStaged {
    fn commit_by<T>(mut self, commit: impl FnOnce(Box<dyn Staged>) -> StoreResult<T>) -> StoreResult<T> {
        // A disk may take long for that, so the look that counts comes after it, right before the file becomes visible.
        if pass(&self.fence).is_ok() {
            self.inner.prepare_commit()?;
        }
        match pass(&self.fence) {
            Ok(()) => commit(self.inner),
            Err(failure) => {
                // Nothing is wrong with what was written.
                self.inner.retain_partial();
                Err(failure)
            }
        }
    }
}

impl Staged for FencedStaged {
    fn write(&mut self, bytes: &[u8]) -> StoreResult<()> {
        self.inner.write(bytes)
    }

    fn write_hole(&mut self, bytes: u64) -> StoreResult<()> {
        self.inner.write_hole(bytes)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> StoreResult<()> {
        self.inner.write_at(bytes, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn set_length(&mut self, length: u64) -> StoreResult<()> {
        self.inner.set_length(length)
    }

    fn share(&mut self, source: &dyn Source) -> StoreResult<Option<u64>> {
        self.inner.share(source)
    }

    fn copy(&mut self, source: &dyn Source, offset: u64, length: u64) -> StoreResult<u64> {
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

    fn begin_commit(&mut self) {
        // Where it may not begin, the commit itself tells so.
        if pass(&self.fence).is_ok() {
            self.inner.begin_commit();
        }
    }

    fn prepare_commit(&mut self) -> StoreResult<()> {
        self.inner.prepare_commit()
    }

    fn commit(self: Box<Self>) -> StoreResult<()> {
        self.commit_by(|inner| inner.commit())
    }

    fn commit_alone(self: Box<Self>) -> StoreResult<bool> {
        self.commit_by(|inner| inner.commit_alone())
    }

    fn try_commit(&mut self) -> StoreResult<()> {
        pass(&self.fence)?;
        self.inner.prepare_commit()?;
        pass(&self.fence)?;
        self.inner.try_commit()
    }

    fn expect_version(&mut self, version: Version) -> StoreResult<()> {
        self.inner.expect_version(version)
    }

    fn retain_partial(self: Box<Self>) {
        self.inner.retain_partial();
    }
}

//! A store that is changed only while its server has a lease on it.

mod pass;
mod staging;

use super::forward::{Wrapper, forward};
use crate::store::{
    Capabilities, Directory, Editing, Fence, Given, NewSpecial, Partial, PendingBackup, PosixStore, Removal,
    RemovalProgress, ResumeStore, ServedDirectory, Source, Store, StoreResult, WriteStore,
};
use pass::pass;
use remofile_protocol::handshake::Place;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, Attributes, DiskSpace, Entry, Kind, Timestamp, Version};
use staging::FencedDirectory;
use std::sync::Arc;
use std::time::Duration;

/// A store that shows another one, and asks a fence before each change that others see: it fails with `out-of-resources` once
/// that has fallen. What is written into a file that is not visible yet is no such change, so that it can be retained.
pub struct Fenced {
    inner: Arc<dyn Store>,
    fence: Arc<dyn Fence>,
}

impl Fenced {
    /// Puts a fence around a store.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, fence: Arc<dyn Fence>) -> Self {
        Self { inner, fence }
    }

    fn again(&self, inner: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(Self { inner, fence: Arc::clone(&self.fence) })
    }
}

impl Wrapper for Fenced {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }
}

forward!(ReadStore for Fenced);
forward!(DurableStore for Fenced);

impl WriteStore for Fenced {
    fn create_file(&self, path: &RemotePath, update: bool) -> StoreResult<()> {
        pass(&self.fence)?;
        self.inner.create_file(path, update)
    }

    fn make_directory(&self, path: &RemotePath, update: bool, parents: bool) -> StoreResult<bool> {
        pass(&self.fence)?;
        self.inner.make_directory(path, update, parents)
    }

    fn directory(&self, path: &RemotePath) -> StoreResult<Box<dyn Directory>> {
        let (inner, fence) = (self.inner.directory(path)?, Arc::clone(&self.fence));
        Ok(Box::new(FencedDirectory { inner, fence }))
    }

    fn remove(&self, path: &RemotePath) -> StoreResult<Kind> {
        pass(&self.fence)?;
        self.inner.remove(path)
    }

    fn remove_tree(&self, path: &RemotePath) -> StoreResult<Box<dyn Removal>> {
        pass(&self.fence)?;
        let (inner, fence) = (self.inner.remove_tree(path)?, Arc::clone(&self.fence));
        Ok(Box::new(FencedRemoval { inner, fence }))
    }

    fn rename(&self, source: &RemotePath, destination: &RemotePath, replace: bool) -> StoreResult<()> {
        pass(&self.fence)?;
        self.inner.rename(source, destination, replace)
    }
}

impl ResumeStore for Fenced {
    fn partials(&self) -> StoreResult<Vec<Partial>> {
        self.inner.partials()
    }

    fn read_partial(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        self.inner.read_partial(path)
    }

    fn remove_partial(&self, path: &RemotePath) -> StoreResult<bool> {
        pass(&self.fence)?;
        self.inner.remove_partial(path)
    }

    fn expire_partials(&self, older_than: Duration) -> StoreResult<u64> {
        // They are looked at again before long. One look will do: what is removed is old, and no operation claims it, whoever
        // may go on with it here or elsewhere.
        pass(&self.fence).map_or(Ok(0), |()| self.inner.expire_partials(older_than))
    }
}

impl PosixStore for Fenced {
    fn edit(&self, path: &RemotePath, create: bool) -> StoreResult<Box<dyn Editing>> {
        pass(&self.fence)?;
        let (inner, fence) = (self.inner.edit(path, create)?, Arc::clone(&self.fence));
        Ok(Box::new(FencedEditing { inner, fence }))
    }

    fn make_link(&self, path: &RemotePath, target: &str, replace: bool) -> StoreResult<()> {
        pass(&self.fence)?;
        self.inner.make_link(path, target, replace)
    }

    fn keep_link(&self, path: &RemotePath, target: &str, replace: bool) -> StoreResult<()> {
        pass(&self.fence)?;
        self.inner.keep_link(path, target, replace)
    }

    fn add_name(&self, of: &RemotePath, path: &RemotePath, replace: bool) -> StoreResult<bool> {
        pass(&self.fence)?;
        self.inner.add_name(of, path, replace)
    }

    fn make_special(&self, path: &RemotePath, new: &NewSpecial, replace: bool) -> StoreResult<bool> {
        pass(&self.fence)?;
        self.inner.make_special(path, new, replace)
    }

    fn set_mode(&self, path: &RemotePath, mode: u32) -> StoreResult<()> {
        pass(&self.fence)?;
        self.inner.set_mode(path, mode)
    }

    fn set_modified(&self, path: &RemotePath, modified: Timestamp) -> StoreResult<()> {
        // With the time of its source a file counts as complete, so its content may go to the disk first: the look that counts
        // comes after that.
        self.set_modified_if(path, modified, &|| Ok(()))
    }

    fn set_modified_if(
        &self,
        path: &RemotePath,
        modified: Timestamp,
        may_change: &dyn Fn() -> StoreResult<()>,
    ) -> StoreResult<()> {
        pass(&self.fence)?;
        self.inner.set_modified_if(path, modified, &|| pass(&self.fence).and_then(|()| may_change()))
    }

    fn attributes(&self, path: &RemotePath, wanted: AttributeSet) -> StoreResult<Attributes> {
        self.inner.attributes(path, wanted)
    }

    fn give_attributes(&self, path: &RemotePath, attributes: &Attributes, wanted: AttributeSet) -> StoreResult<Given> {
        pass(&self.fence)?;
        self.inner.give_attributes(path, attributes, wanted)
    }

    fn hold_as(&self, from: &RemotePath, to: &RemotePath) -> StoreResult<()> {
        pass(&self.fence)?;
        self.inner.hold_as(from, to)
    }

    fn prepare_backup(&self, path: &RemotePath, to: &RemotePath) -> StoreResult<Box<dyn PendingBackup>> {
        pass(&self.fence)?;
        let (inner, fence) = (self.inner.prepare_backup(path, to)?, Arc::clone(&self.fence));
        Ok(Box::new(FencedBackup { inner, fence }))
    }
}

impl Store for Fenced {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn is_distant(&self) -> bool {
        self.inner.is_distant()
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

    fn join_servers(&self, cluster: &str) -> StoreResult<()> {
        self.inner.join_servers(cluster)
    }

    fn owned_by(&self, owner: &str) -> Option<Arc<dyn Store>> {
        self.inner.owned_by(owner).map(|inner| self.again(inner))
    }

    fn confined(&self, directory: &RemotePath) -> Option<Arc<dyn Store>> {
        self.inner.confined(directory).map(|inner| self.again(inner))
    }
}

struct FencedRemoval {
    inner: Box<dyn Removal>,
    fence: Arc<dyn Fence>,
}

impl Removal for FencedRemoval {
    fn step(&mut self) -> StoreResult<RemovalProgress> {
        pass(&self.fence)?;
        // A disk may take long for each entry. The next step tells why this one has ended.
        self.inner.step_while(&|| self.fence.remaining().is_some())
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

struct FencedEditing {
    inner: Box<dyn Editing>,
    fence: Arc<dyn Fence>,
}

impl Editing for FencedEditing {
    fn look(&self) -> StoreResult<(Entry, Version)> {
        self.inner.look()
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> StoreResult<()> {
        pass(&self.fence)?;
        self.inner.write_at(bytes, offset)
    }

    fn append(&mut self, bytes: &[u8]) -> StoreResult<()> {
        pass(&self.fence)?;
        self.inner.append(bytes)
    }

    fn set_length(&mut self, length: u64) -> StoreResult<()> {
        pass(&self.fence)?;
        self.inner.set_length(length)
    }

    fn finish(self: Box<Self>) -> StoreResult<(Entry, Version)> {
        self.inner.finish()
    }
}

struct FencedBackup {
    inner: Box<dyn PendingBackup>,
    fence: Arc<dyn Fence>,
}

impl PendingBackup for FencedBackup {
    fn is_ready(&self) -> bool {
        self.inner.is_ready()
    }

    fn step(&mut self) -> StoreResult<()> {
        self.inner.step()
    }

    fn commit(mut self: Box<Self>) -> StoreResult<()> {
        while !self.inner.is_ready() {
            pass(&self.fence)?;
            self.inner.step()?;
        }
        pass(&self.fence)?;
        self.inner.commit()
    }
}

#[cfg(test)]
mod tests;

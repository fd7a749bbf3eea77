//! A store that lets nothing be changed.

use super::forward::{Wrapper, forward};
use crate::store::{
    Capabilities, Directory, Editing, Given, NewSpecial, Partial, PendingBackup, PosixStore, Removal, ResumeStore,
    Source, StagePlan, Staged, Store, StoreResult, WriteStore,
};
use remofile_protocol::handshake::Place;
use remofile_protocol::path::{FileName, RemotePath};
use remofile_protocol::wire::{AttributeSet, Attributes, DiskSpace, ErrorCode, Failure, Kind, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// A store that shows another one and refuses every change with `read-only`, before it looks at what is there.
pub struct ReadOnly {
    inner: Arc<dyn Store>,
}

impl ReadOnly {
    /// Puts a store behind glass.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner }
    }
}

fn refused<T>() -> StoreResult<T> {
    Err(Failure::new(ErrorCode::ReadOnly))
}

impl Wrapper for ReadOnly {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }
}

forward!(ReadStore for ReadOnly);
forward!(DurableStore for ReadOnly);

impl WriteStore for ReadOnly {
    fn create_file(&self, _: &RemotePath, _: bool) -> StoreResult<()> {
        refused()
    }

    fn make_directory(&self, _: &RemotePath, _: bool, _: bool) -> StoreResult<bool> {
        refused()
    }

    fn directory(&self, path: &RemotePath) -> StoreResult<Box<dyn Directory>> {
        self.inner.directory(path).map(|_| Box::new(ReadOnlyDirectory) as Box<dyn Directory>)
    }

    fn remove(&self, _: &RemotePath) -> StoreResult<Kind> {
        refused()
    }

    fn remove_tree(&self, _: &RemotePath) -> StoreResult<Box<dyn Removal>> {
        refused()
    }

    fn rename(&self, _: &RemotePath, _: &RemotePath, _: bool) -> StoreResult<()> {
        refused()
    }
}

impl ResumeStore for ReadOnly {
    fn partials(&self) -> StoreResult<Vec<Partial>> {
        self.inner.partials()
    }

    fn read_partial(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        self.inner.read_partial(path)
    }

    fn remove_partial(&self, _: &RemotePath) -> StoreResult<bool> {
        refused()
    }

    fn expire_partials(&self, _: Duration) -> StoreResult<u64> {
        Ok(0)
    }
}

impl PosixStore for ReadOnly {
    fn edit(&self, _: &RemotePath, _: bool) -> StoreResult<Box<dyn Editing>> {
        refused()
    }

    fn make_link(&self, _: &RemotePath, _: &str, _: bool) -> StoreResult<()> {
        refused()
    }

    fn keep_link(&self, _: &RemotePath, _: &str, _: bool) -> StoreResult<()> {
        refused()
    }

    fn add_name(&self, _: &RemotePath, _: &RemotePath, _: bool) -> StoreResult<bool> {
        refused()
    }

    fn make_special(&self, _: &RemotePath, _: &NewSpecial, _: bool) -> StoreResult<bool> {
        refused()
    }

    fn set_mode(&self, _: &RemotePath, _: u32) -> StoreResult<()> {
        refused()
    }

    fn set_modified(&self, _: &RemotePath, _: Timestamp) -> StoreResult<()> {
        refused()
    }

    fn attributes(&self, path: &RemotePath, wanted: AttributeSet) -> StoreResult<Attributes> {
        self.inner.attributes(path, wanted)
    }

    fn give_attributes(&self, _: &RemotePath, _: &Attributes, _: AttributeSet) -> StoreResult<Given> {
        refused()
    }

    fn hold_as(&self, _: &RemotePath, _: &RemotePath) -> StoreResult<()> {
        refused()
    }

    fn prepare_backup(&self, _: &RemotePath, _: &RemotePath) -> StoreResult<Box<dyn PendingBackup>> {
        refused()
    }
}

impl Store for ReadOnly {
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

    fn owned_by(&self, owner: &str) -> Option<Arc<dyn Store>> {
        self.inner.owned_by(owner).map(|inner| Arc::new(Self { inner }) as Arc<dyn Store>)
    }

    fn confined(&self, directory: &RemotePath) -> Option<Arc<dyn Store>> {
        self.inner.confined(directory).map(|inner| Arc::new(Self { inner }) as Arc<dyn Store>)
    }
}

struct ReadOnlyDirectory;

impl Directory for ReadOnlyDirectory {
    fn stage(&self, _: &FileName, _: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        refused()
    }
}

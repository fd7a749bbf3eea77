//! A store that fails when a test says so.

mod faults;
mod parts;

use super::store_call::StoreCall;
use crate::store::{
    Capabilities, Directory, DurableStore, Editing, FlushMark, Given, NewSpecial, Opening, Partial, PendingBackup,
    PosixStore, ReadStore, Removal, ResumeStore, ServedDirectory, Source, Store, StoreResult, Walk, WriteStore,
};
pub use faults::Faults;
use parts::{FaultyDirectory, FaultyOpening, FaultyRemoval, FaultySource, FaultyWalk};
use remofile_protocol::handshake::Place;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, Attributes, DiskSpace, Entry, Kind, Special, Timestamp};
use std::sync::Arc;
use std::time::Duration;

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
    is_distant: bool,
}

impl Faulty {
    /// A store that does not fail yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, faults: Arc::default(), is_distant: false }
    }

    /// The same store, which says that it is [distant](Store::is_distant).
    #[must_use]
    pub fn distant(self) -> Self {
        Self { is_distant: true, ..self }
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
        let (inner, faults) = (self.inner.walk(directory, recursive)?, Arc::clone(&self.faults));
        Ok(Box::new(FaultyWalk { inner, faults }))
    }

    fn open(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        self.faults.pass(StoreCall::Open)?;
        Ok(self.source(self.inner.open(path)?))
    }

    fn begin_open(&self, path: &RemotePath) -> Option<Box<dyn Opening>> {
        let (inner, faults) = (self.inner.begin_open(path)?, Arc::clone(&self.faults));
        Some(Box::new(FaultyOpening { inner, faults }))
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

    fn set_modified_if(
        &self,
        path: &RemotePath,
        modified: Timestamp,
        may_change: &dyn Fn() -> StoreResult<()>,
    ) -> StoreResult<()> {
        self.faults.pass(StoreCall::SetAttributes)?;
        self.inner.set_modified_if(path, modified, may_change)
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

    fn is_distant(&self) -> bool {
        self.is_distant || self.inner.is_distant()
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
        let (faults, is_distant) = (Arc::clone(&self.faults), self.is_distant);
        self.inner.owned_by(owner).map(|inner| Arc::new(Self { inner, faults, is_distant }) as Arc<dyn Store>)
    }

    fn confined(&self, directory: &RemotePath) -> Option<Arc<dyn Store>> {
        let (faults, is_distant) = (Arc::clone(&self.faults), self.is_distant);
        self.inner.confined(directory).map(|inner| Arc::new(Self { inner, faults, is_distant }) as Arc<dyn Store>)
    }
}

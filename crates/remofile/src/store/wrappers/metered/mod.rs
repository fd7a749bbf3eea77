//! A store whose directories are metered, and that keeps a quota.
//!
//! Files: this one has what is changed by one call; `context` is what all of them share; `staged`, `editing`, `removal` and
//! `backup` are the changes that take several calls; `space` tells what a quota leaves.

mod backup;
mod context;
mod editing;
mod removal;
mod space;
mod staged;

use super::forward::{Wrapper, forward};
use crate::store::{
    Capabilities, Directory, Editing, Given, Meters, NewSpecial, Partial, PendingBackup, PosixStore, Quota, Removal,
    ResumeStore, ServedDirectory, Source, Store, StoreResult, WriteStore,
};
use backup::MeteredBackup;
use context::Context;
use editing::MeteredEditing;
use remofile_protocol::handshake::Place;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{AttributeSet, Attributes, DiskSpace, Kind, Timestamp};
use removal::MeteredRemoval;
use staged::MeteredDirectory;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A store that tells [`Meters`] of every change, and refuses what a [`Quota`] has no room for with `quota-exceeded`, before a
/// byte of it is written. A file whose size is announced has its room from its beginning; the file that it replaces
/// counts until then, too.
///
/// All that change one store share its meters, each with a quota of its own or none. Until the directory of a quota is
/// counted nothing has room there: [`Meters::await_count`] waits for that.
///
/// ```
/// use remofile::store::{MemoryStore, Metered, Meters, Quota, StagePlan, WriteStore};
/// use remofile_protocol::path::{FileName, NameRule, RemotePath};
/// use std::sync::Arc;
///
/// let meters = Meters::new(Arc::new(MemoryStore::new()));
/// let quota = Quota { directory: RemotePath::root(), bytes: 10 };
/// let store = Metered::new(Arc::clone(&meters), Some(quota));
/// let root = store.directory(&RemotePath::root())?;
/// let mut stage = |name: &str, size| {
///     root.stage(&FileName::parse(name, NameRule::Portable)?, &StagePlan { size: Some(size), ..StagePlan::default() })
/// };
/// let six = stage("a", 6)?;
/// assert!(stage("b", 6).is_err());
/// assert_eq!(meters.used(&RemotePath::root()), Some(6));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Metered {
    context: Arc<Context>,
}

impl Metered {
    /// The store of some meters, for somebody with this quota, or with none.
    #[must_use]
    pub fn new(meters: Arc<Meters>, quota: Option<Quota>) -> Self {
        let inner = Arc::clone(meters.store());
        Self { context: Arc::new(Context::new(inner, meters, quota)) }
    }
}

impl Wrapper for Metered {
    fn inner(&self) -> &dyn Store {
        &*self.context.inner
    }
}

forward!(ReadStore for Metered);
forward!(DurableStore for Metered);

impl WriteStore for Metered {
    fn create_file(&self, path: &RemotePath, update: bool) -> StoreResult<()> {
        self.context.inner.create_file(path, update)
    }

    fn make_directory(&self, path: &RemotePath, update: bool, parents: bool) -> StoreResult<bool> {
        self.context.inner.make_directory(path, update, parents)
    }

    fn directory(&self, path: &RemotePath) -> StoreResult<Box<dyn Directory>> {
        let context = &self.context;
        let inner = context.inner.directory(path)?;
        if context.meters.is_empty() {
            return Ok(inner);
        }
        Ok(Box::new(MeteredDirectory::new(context, inner, path)))
    }

    fn remove(&self, path: &RemotePath) -> StoreResult<Kind> {
        let context = &self.context;
        context.freeing(path, |_| context.size_of(path), || context.inner.remove(path), |_| true)
    }

    fn remove_tree(&self, path: &RemotePath) -> StoreResult<Box<dyn Removal>> {
        let inner = self.context.inner.remove_tree(path)?;
        if self.context.meters.is_empty() {
            return Ok(inner);
        }
        Ok(Box::new(MeteredRemoval::new(&self.context, inner, path)))
    }

    fn rename(&self, source: &RemotePath, destination: &RemotePath, replace: bool) -> StoreResult<()> {
        if self.context.meters.is_empty() {
            return self.context.inner.rename(source, destination, replace);
        }
        self.context.rename(source, destination, replace)
    }
}

impl ResumeStore for Metered {
    fn partials(&self) -> StoreResult<Vec<Partial>> {
        self.context.inner.partials()
    }

    fn read_partial(&self, path: &RemotePath) -> StoreResult<Box<dyn Source>> {
        self.context.inner.read_partial(path)
    }

    fn remove_partial(&self, path: &RemotePath) -> StoreResult<bool> {
        let context = &self.context;
        let remove = || context.inner.remove_partial(path);
        context.freeing(path, |_| context.partial_sizes(path), remove, |is_removed| *is_removed)
    }

    /// Removes those one by one that count, and then whatever else is there.
    fn expire_partials(&self, older_than: Duration) -> StoreResult<u64> {
        let context = &self.context;
        if context.meters.is_empty() {
            return context.inner.expire_partials(older_than);
        }
        let (now, mut removed) = (SystemTime::now(), 0);
        // Those of several owners may be of one path, and go together.
        let mut found: HashMap<RemotePath, (u64, bool)> = HashMap::new();
        for partial in self.partials()? {
            let touched = Timestamp::new(partial.touched.seconds(), 0).to_system_time();
            let age = touched.and_then(|touched| now.duration_since(touched).ok());
            let (bytes, is_old) = found.entry(partial.path).or_insert((0, true));
            *bytes += partial.received;
            *is_old &= age.unwrap_or_default() >= older_than;
        }
        for (path, (bytes, _)) in found.into_iter().filter(|(_, (_, is_old))| *is_old) {
            let remove = || context.inner.remove_partial(&path);
            removed += u64::from(context.freeing(&path, |_| bytes, remove, |is_removed| *is_removed)?);
        }
        let others = context.inner.expire_partials(older_than)?;
        if others > 0 {
            context.meters.has_changed_below(&RemotePath::root());
        }
        Ok(removed + others)
    }
}

impl PosixStore for Metered {
    fn edit(&self, path: &RemotePath, create: bool) -> StoreResult<Box<dyn Editing>> {
        let context = &self.context;
        if context.meters.is_empty() {
            return context.inner.edit(path, create);
        }
        Ok(Box::new(MeteredEditing::open(context, path, create)?))
    }

    fn make_link(&self, path: &RemotePath, target: &str, replace: bool) -> StoreResult<()> {
        let context = &self.context;
        let replaced = |_: &RemotePath| if replace { context.size_of(path) } else { 0 };
        context.freeing(path, replaced, || context.inner.make_link(path, target, replace), |()| true)
    }

    fn keep_link(&self, path: &RemotePath, target: &str, replace: bool) -> StoreResult<()> {
        let context = &self.context;
        let replaced = |_: &RemotePath| if replace { context.size_of(path) } else { 0 };
        context.freeing(path, replaced, || context.inner.keep_link(path, target, replace), |()| true)
    }

    fn add_name(&self, of: &RemotePath, path: &RemotePath, replace: bool) -> StoreResult<bool> {
        let context = &self.context;
        if context.meters.is_empty() {
            return context.inner.add_name(of, path, replace);
        }
        backup::add_name(context, of, path, replace)
    }

    fn make_special(&self, path: &RemotePath, new: &NewSpecial, replace: bool) -> StoreResult<bool> {
        let context = &self.context;
        let replaced = |_: &RemotePath| if replace { context.size_of(path) } else { 0 };
        context.freeing(path, replaced, || context.inner.make_special(path, new, replace), |is_made| *is_made)
    }

    fn set_mode(&self, path: &RemotePath, mode: u32) -> StoreResult<()> {
        self.context.inner.set_mode(path, mode)
    }

    fn set_modified(&self, path: &RemotePath, modified: Timestamp) -> StoreResult<()> {
        self.context.inner.set_modified(path, modified)
    }

    fn set_modified_if(
        &self,
        path: &RemotePath,
        modified: Timestamp,
        may_change: &dyn Fn() -> StoreResult<()>,
    ) -> StoreResult<()> {
        self.context.inner.set_modified_if(path, modified, may_change)
    }

    fn attributes(&self, path: &RemotePath, wanted: AttributeSet) -> StoreResult<Attributes> {
        self.context.inner.attributes(path, wanted)
    }

    fn give_attributes(&self, path: &RemotePath, attributes: &Attributes, wanted: AttributeSet) -> StoreResult<Given> {
        self.context.inner.give_attributes(path, attributes, wanted)
    }

    fn hold_as(&self, from: &RemotePath, to: &RemotePath) -> StoreResult<()> {
        self.context.inner.hold_as(from, to)
    }

    fn prepare_backup(&self, path: &RemotePath, to: &RemotePath) -> StoreResult<Box<dyn PendingBackup>> {
        let context = &self.context;
        if context.meters.is_empty() {
            return context.inner.prepare_backup(path, to);
        }
        Ok(Box::new(MeteredBackup::prepare(context, path, to)?))
    }
}

impl Store for Metered {
    fn capabilities(&self) -> Capabilities {
        self.context.inner.capabilities()
    }

    fn is_distant(&self) -> bool {
        self.context.inner.is_distant()
    }

    fn keeps_attributes(&self) -> bool {
        self.context.inner.keeps_attributes()
    }

    fn space(&self, path: &RemotePath) -> StoreResult<DiskSpace> {
        self.context.space(path)
    }

    fn place(&self, directory: &RemotePath) -> Option<Place> {
        self.context.inner.place(directory)
    }

    fn claim_directory(&self) -> StoreResult<Option<ServedDirectory>> {
        self.context.inner.claim_directory()
    }

    fn join_servers(&self, cluster: &str) -> StoreResult<()> {
        self.context.inner.join_servers(cluster)
    }

    fn owned_by(&self, owner: &str) -> Option<Arc<dyn Store>> {
        let owned = self.context.inner.owned_by(owner);
        owned.map(|inner| Arc::new(Self { context: Arc::new(self.context.around(inner)) }) as Arc<dyn Store>)
    }

    fn confined(&self, directory: &RemotePath) -> Option<Arc<dyn Store>> {
        let confined = self.context.inner.confined(directory)?;
        Some(Arc::new(Self { context: Arc::new(self.context.confined(confined, directory)) }))
    }
}

#[cfg(test)]
mod tests;

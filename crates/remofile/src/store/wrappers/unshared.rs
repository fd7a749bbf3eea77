//! A store without the partials of others.

use super::forward::{Wrapper, forward};
use crate::store::{Capabilities, Partial, ResumeStore, ServedDirectory, Source, Store, StoreResult};
use remofile_protocol::handshake::Place;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{DiskSpace, ErrorCode};
use std::sync::Arc;
use std::time::Duration;

/// A store for one of many whose partials it cannot tell apart: none of them is shown, and so none is gone on with.
pub struct Unshared {
    inner: Arc<dyn Store>,
}

impl Unshared {
    /// The store of an owner: with its own partials, or with none if they cannot be told from those of others.
    #[must_use]
    pub fn of(store: &Arc<dyn Store>, owner: &str) -> Arc<dyn Store> {
        store.owned_by(owner).unwrap_or_else(|| Arc::new(Self { inner: Arc::clone(store) }))
    }
}

impl Wrapper for Unshared {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }
}

forward!(ReadStore for Unshared);
forward!(WriteStore for Unshared);
forward!(PosixStore for Unshared);
forward!(DurableStore for Unshared);

impl ResumeStore for Unshared {
    fn partials(&self) -> StoreResult<Vec<Partial>> {
        Ok(Vec::new())
    }

    fn read_partial(&self, _: &RemotePath) -> StoreResult<Box<dyn Source>> {
        Err(ErrorCode::NotFound.into())
    }

    fn remove_partial(&self, _: &RemotePath) -> StoreResult<bool> {
        Ok(false)
    }

    fn expire_partials(&self, _: Duration) -> StoreResult<u64> {
        Ok(0)
    }
}

impl Store for Unshared {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn is_distant(&self) -> bool {
        self.inner.is_distant()
    }

    fn keeps_attributes(&self) -> bool {
        self.inner.keeps_attributes()
    }

    fn confined(&self, directory: &RemotePath) -> Option<Arc<dyn Store>> {
        self.inner.confined(directory).map(|inner| Arc::new(Self { inner }) as Arc<dyn Store>)
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
}

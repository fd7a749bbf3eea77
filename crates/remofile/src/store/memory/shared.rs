//! The state that a store in memory shares with everything that came from it.

use super::file::Room;
use super::kept::Kept;
use super::tree::Folder;
use crate::store::{Capabilities, Capability, StoreResult, unsupported};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Entry;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) struct Shared {
    pub(super) tree: Mutex<Tree>,
    pub(super) room: Arc<Room>,
    pub(super) capabilities: Capabilities,
    /// True if a file was committed since the last flush.
    pub(super) is_unflushed: AtomicBool,
}

pub(super) struct Tree {
    pub(super) root: Folder,
    pub(super) partials: BTreeMap<RemotePath, Kept>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Tree> {
        // Each change is made in one step, so none is left half done.
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has(&self, capability: Capability) -> bool {
        self.capabilities.has(capability)
    }

    pub(super) fn needs(&self, capability: Capability, what: &str) -> StoreResult<()> {
        if self.has(capability) { Ok(()) } else { Err(unsupported(what)) }
    }

    /// An entry as it is told, without what the store does not keep.
    pub(super) fn shown(&self, entry: Entry) -> Entry {
        Entry { mode: entry.mode.filter(|_| self.has(Capability::Modes)), ..entry }
    }
}

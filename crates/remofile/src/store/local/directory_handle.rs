//! A directory that files are staged in, with the properties that were found out about it.

use super::context::StoreContext;
use super::file_system::FileSystem;
use super::jail::Place;
use super::resolve;
use super::staging::Staging;
use crate::store::{Fsync, StoreResult};
use remofile_protocol::path::RemotePath;
use rustix::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock};

/// No mode was observed yet.
pub(super) const NOTHING_OBSERVED: u64 = u64::MAX;

/// The directory, with the properties that were found out about it.
pub(super) struct DirectoryHandle {
    pub(super) shared: Arc<StoreContext>,
    pub(super) place: Place,
    pub(super) path: RemotePath,
    pub(super) is_with_root: OnceLock<bool>,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "unnamed files are Linux's"))]
    pub(super) refuses_unnamed: AtomicBool,
    /// The mode last asked for in the upper half, what came of it in the lower.
    pub(super) observed_mode: AtomicU64,
    /// The staging directory, held so that it is not removed and made again with every file.
    pub(super) staging: Mutex<Option<Arc<Staging>>>,
}

impl DirectoryHandle {
    /// Opens the directory of a path, links followed.
    pub(super) fn open(shared: &Arc<StoreContext>, path: &RemotePath) -> StoreResult<Arc<Self>> {
        Ok(Self::at(shared, resolve::directory(shared.jail()?, path)?, path))
    }

    /// Holds a directory that a path led to.
    pub(super) fn at(shared: &Arc<StoreContext>, place: Place, path: &RemotePath) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::clone(shared),
            place,
            path: path.clone(),
            is_with_root: OnceLock::new(),
            refuses_unnamed: AtomicBool::new(false),
            observed_mode: AtomicU64::new(NOTHING_OBSERVED),
            staging: Mutex::new(None),
        })
    }

    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.place.directory.as_fd()
    }

    /// Reports whether files can be renamed to here from the staging directory.
    pub(super) fn is_with_root(&self) -> bool {
        *self.is_with_root.get_or_init(|| {
            let here = FileSystem::of(self.directory());
            here.is_some() && here == self.shared.file_system
        })
    }

    /// Reports whether a file must be on the disk before it becomes visible. The flush at the end reaches the root's
    /// file system only.
    pub(super) fn is_durable_at_once(&self) -> bool {
        match self.shared.options.fsync {
            Fsync::Each => true,
            Fsync::End => !self.is_with_root(),
            Fsync::None => false,
        }
    }
}

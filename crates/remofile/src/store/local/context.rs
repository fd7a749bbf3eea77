//! The state that a store shares with everything that came from it.

use super::file_system::FileSystem;
use super::flush::{self, flush_names};
use super::jail::Jail;
use super::ledger::Ledger;
use super::options::StoreOptions;
use super::root::Root;
use super::staging::Staging;
use super::{errors, resolve};
use crate::store::{Fsync, StoreResult};
use remofile_protocol::path::FileName;
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::Stat;
use std::sync::{Arc, Mutex, Weak};

/// The state that a store shares with everything that came from it.
pub(super) struct StoreContext {
    pub(super) root: Arc<Root>,
    pub(super) file_system: Option<FileSystem>,
    pub(super) options: StoreOptions,
    pub(super) staging: Mutex<Weak<Staging>>,
    pub(super) ledger: Ledger,
}

impl StoreContext {
    /// Returns the jail in which paths are resolved.
    pub(super) fn jail(&self) -> StoreResult<Jail<'_>> {
        Ok(Jail::new(self.root.existing()?, &self.options.follow))
    }

    /// Refuses the name of a new file or directory that the rule does not admit.
    pub(super) fn refuse_forbidden(&self, name: &FileName) -> StoreResult<()> {
        Ok(FileName::check(name.as_str(), self.options.names)?)
    }

    pub(super) fn fsync_each(&self) -> bool {
        self.options.fsync == Fsync::Each
    }

    /// Brings a file that is visible to the disk, where every change is to be durable at once.
    pub(super) fn flush_file(&self, file: &OwnedFd) -> StoreResult<()> {
        if !self.fsync_each() {
            return Ok(());
        }
        let stat = rustix::fs::fstat(file).map_err(errors::failure)?;
        self.or_in_doubt(&stat, resolve::retry(|| rustix::fs::fsync(file)).map_err(errors::failure))
    }

    /// Passes on the outcome of a flush. A file that could not be flushed, or whose name could not, is put in doubt.
    pub(super) fn or_in_doubt(&self, stat: &Stat, flushed: StoreResult<()>) -> StoreResult<()> {
        flushed.map_err(|failure| {
            self.put_in_doubt(stat);
            flush::told(failure)
        })
    }

    /// Brings a changed directory to the disk, where every change is to be durable at once.
    pub(super) fn flush_directory(&self, directory: BorrowedFd<'_>) -> StoreResult<()> {
        if self.fsync_each() { flush_names(directory) } else { Ok(()) }
    }
}

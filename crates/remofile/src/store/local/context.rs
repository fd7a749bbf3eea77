//! The state that a store shares with everything that came from it.

use super::disk_name::DiskName;
use super::file_system::FileSystem;
use super::flush::{self, flush_names};
use super::jail::Jail;
use super::ledger::Ledger;
use super::options::StoreOptions;
use super::root::Root;
use super::staging::Staging;
use super::{errors, resolve};
use crate::store::system;
use crate::store::{Fsync, StoreResult};
use remofile_protocol::path::FileName;
#[cfg(test)]
use rustix::fd::AsFd;
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{OFlags, Stat};
use rustix::io::Errno;
use std::sync::{Arc, Mutex, Weak};

/// The state that a store shares with everything that came from it.
pub(super) struct StoreContext {
    pub(super) root: Arc<Root>,
    pub(super) file_system: Option<FileSystem>,
    pub(super) options: StoreOptions,
    /// The owner of partials: those of others are not there. `None`: all of them are.
    pub(super) owner: Option<String>,
    /// Shared with the stores of directories below, as the ledger is: what is in doubt for one is in doubt for all.
    pub(super) staging: Arc<Mutex<Weak<Staging>>>,
    pub(super) ledger: Arc<Ledger>,
}

impl StoreContext {
    /// The same once more, for a store of the same files that differs in something.
    pub(super) fn again(&self) -> Self {
        let Self { root, file_system, options, owner, staging, ledger } = self;
        Self {
            root: Arc::clone(root),
            file_system: *file_system,
            options: options.clone(),
            owner: owner.clone(),
            staging: Arc::clone(staging),
            ledger: Arc::clone(ledger),
        }
    }

    /// Returns the jail in which paths are resolved.
    pub(super) fn jail(&self) -> StoreResult<Jail<'_>> {
        Ok(Jail::new(self.root.existing()?, &self.options.follow, self.options.encoding))
    }

    /// Refuses the name of a new file or directory that the rule does not admit.
    pub(super) fn refuse_forbidden(&self, name: &DiskName) -> StoreResult<()> {
        Ok(FileName::check(name.in_paths().as_str(), self.options.names)?)
    }

    pub(super) fn fsync_each(&self) -> bool {
        self.options.fsync == Fsync::Each
    }

    /// Brings a file that is visible to the disk, where every change is to be durable at once.
    pub(super) fn flush_file(&self, file: &OwnedFd) -> StoreResult<()> {
        if !self.fsync_each() {
            return Ok(());
        }
        let stat = system::fstat(file).map_err(errors::failure)?;
        #[cfg(test)]
        self.or_in_doubt(&stat, crate::store::faults::flush(file.as_fd(), true).map_err(errors::failure))?;
        self.or_in_doubt(&stat, system::fsync(file).map_err(errors::failure))
    }

    /// Brings a file to the disk that is not open, where every change is to be durable at once.
    pub(super) fn flush_named(&self, directory: BorrowedFd<'_>, name: &DiskName) -> StoreResult<()> {
        if !self.fsync_each() {
            return Ok(());
        }
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let bytes = name.bytes();
        let opened = match resolve::open_one(directory, bytes, OFlags::RDONLY | flags) {
            // It may be written and not read.
            Err(Errno::ACCESS) => resolve::open_one(directory, bytes, OFlags::WRONLY | flags),
            opened => opened,
        };
        match opened {
            Ok(file) => self.flush_file(&file),
            // Its owner may change what nobody may open: only a flush of everything reaches it.
            Err(Errno::ACCESS) => flush::flush_file_system(&self.root).map_err(flush::told),
            Err(errno) => Err(errors::failure(errno)),
        }
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

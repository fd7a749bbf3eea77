//! The flushes of what a download stores on this side.

use crate::store::{FlushMark, Store};
use crate::transfer::Stored;
use remofile_protocol::wire::Failure;
use std::path::Path;

/// The flush at the end of one attempt. What became visible is then on the disk, or the ledger of the store knows that
/// it may not be.
pub(crate) struct LocalFlush {
    /// The moment at which the attempt began: a flush that failed since then may have been about its files.
    since: FlushMark,
}

impl LocalFlush {
    /// Begins an attempt.
    pub(crate) fn begin(store: &dyn Store) -> Self {
        Self { since: store.flush_mark() }
    }

    /// Flushes what the attempt stored, if the options of the store say so. Where it stored nothing, nothing is flushed:
    /// a flush waits for all that others write to the same file system, too.
    ///
    /// # Errors
    /// The failure of the flush, which is one of the transfer.
    pub(crate) fn end(self, store: &dyn Store, stored: Stored, destination: &Path) -> Result<(), Failure> {
        if stored.files == 0 && stored.made == 0 && !store.is_unflushed() {
            return Ok(());
        }
        self.force(store, destination)
    }

    /// Flushes in any case.
    ///
    /// # Errors
    /// See [`LocalFlush::end`].
    pub(crate) fn force(self, store: &dyn Store, destination: &Path) -> Result<(), Failure> {
        store.sync(self.since).map_err(|failure| failure.at(destination.display()))
    }
}

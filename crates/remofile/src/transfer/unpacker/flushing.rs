//! A flush that goes on beside the files that come.

use super::waiting_files::WaitingFiles;
use crate::store::{Store, StoreResult};
use remofile_protocol::wire::{ErrorCode, Failure};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Files whose flush goes on, on a thread of its own.
pub(super) struct Flushing {
    pub(super) batch: WaitingFiles,
    flush: JoinHandle<StoreResult<()>>,
}

impl Flushing {
    /// Begins the flush of a batch.
    ///
    /// # Errors
    /// The batch, if there is no thread for it.
    pub(super) fn begin(store: &Arc<dyn Store>, batch: WaitingFiles) -> Result<Self, Box<WaitingFiles>> {
        let store = Arc::clone(store);
        let thread = std::thread::Builder::new().name("flush".to_owned());
        match thread.spawn(move || store.flush_staged()) {
            Ok(flush) => Ok(Self { batch, flush }),
            Err(_) => Err(Box::new(batch)),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.flush.is_finished()
    }

    /// Waits for the end of the flush, and returns what came of it.
    pub(super) fn wait(self) -> (WaitingFiles, StoreResult<()>) {
        let panicked = || Failure::new(ErrorCode::DiskFailure).because("the flush broke off");
        (self.batch, self.flush.join().unwrap_or_else(|_| Err(panicked())))
    }
}

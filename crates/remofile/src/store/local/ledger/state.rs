//! The ledger as this process knows it.

use super::super::ranges::Ranges;
use super::super::records::Record;
use super::flushed::Flushed;
use crate::store::FlushMark;
use remofile_protocol::wire::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

/// The ledger as this process knows it, by its own changes.
#[derive(Default)]
pub(in crate::store::local) struct Ledger {
    pub(super) state: RwLock<LedgerState>,
    /// Lock of the one flush at a time: the system reports each error only once, so the flush that sees it has to be
    /// alone.
    pub(super) flushing: Mutex<()>,
    /// Files that became visible so far.
    pub(super) changes: AtomicU64,
    /// Flushes of the file system that began so far.
    pub(super) begun: AtomicU64,
    /// Number of the last flush that succeeded.
    pub(super) done: AtomicU64,
}

/// Number of the first flush that begins after a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::local) struct Ticket(pub(super) u64);

#[derive(Default)]
pub(super) struct LedgerState {
    /// Flushes that failed.
    pub(super) failures: u64,
    /// Made when the first file became visible since the last flush that succeeded.
    pub(super) open: Option<(Record, Instant)>,
    /// Time of the first change since then that needs no record: a name given to a file whose content is on the disk,
    /// which a crash may take back, or a change in place, whose loss is reported.
    pub(super) unrecorded: Option<(Timestamp, Instant)>,
    /// True if the file system cannot have a record, so that it is of no use to try again.
    pub(super) is_unsuitable: bool,
    /// The last flush, if it succeeded.
    pub(super) flushed: Option<Flushed>,
    /// Ranges that could not be written.
    pub(super) unwritten: Ranges,
}

/// A hold on the ledger while a file becomes visible.
pub(in crate::store::local) struct Admitted<'a> {
    pub(super) _no_flush_fails_meanwhile: RwLockReadGuard<'a, LedgerState>,
}

impl Ledger {
    /// Returns the current position in the history of flushes. Bytes written from now on are lost if a flush fails
    /// from now on.
    pub(in crate::store::local) fn mark(&self) -> FlushMark {
        FlushMark(self.read().failures)
    }

    /// Reports whether no flush failed since `begun`.
    pub(in crate::store::local) fn is_sound(&self, begun: FlushMark) -> bool {
        self.mark() == begun
    }

    /// Reports whether a visible change waits for a flush.
    pub(in crate::store::local) fn is_unflushed(&self) -> bool {
        let state = self.read();
        state.open.is_some() || state.unrecorded.is_some()
    }

    /// Records a change in place; `changed` is the time of the file's last change.
    pub(in crate::store::local) fn changed_in_place(&self, changed: Timestamp) {
        self.note_unrecorded(changed);
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn note_unrecorded(&self, changed: Timestamp) {
        let mut state = self.write();
        let (first, began) = state.unrecorded.unwrap_or((changed, Instant::now()));
        state.unrecorded = Some((first.min(changed), began));
    }

    /// Returns the number of the flush that brings everything to the disk that was written by now.
    pub(in crate::store::local) fn ticket(&self) -> Ticket {
        Ticket(self.begun.load(Ordering::SeqCst) + 1)
    }

    /// Reports whether that flush, or a later one, has succeeded.
    pub(in crate::store::local) fn has_flushed(&self, ticket: Ticket) -> bool {
        self.done.load(Ordering::SeqCst) >= ticket.0
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, LedgerState> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, LedgerState> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The ledger of files that became visible and may never reach the disk.
//!
//! With `Fsync::End` files become visible before they are flushed. As long as they are not, they are *in doubt*: they
//! are not taken for present, whatever their size and time. A file is in doubt by the time of its last change alone, so
//! that it costs the same however many there are:
//!
//! - before the first of them becomes visible a [`Record`] is made, durably; whatever was changed since is in doubt;
//! - after a flush that succeeded, and that everything was before, the record is removed;
//! - after one that failed the record ends, and its span of time is added to the ranges, for good. The system marks
//!   pages that it could not write as clean: no later flush writes them, and to read them back proves nothing. So a file
//!   in doubt is sent again; then it is another one, changed at another time;
//! - a record whose process is gone ends likewise, unless the system is the same still and a flush succeeds now.
//!
//! Where there can be no record, a file is flushed before it becomes visible. What was written in part when a flush
//! failed does not become visible at all.
//!
//! Not seen: what other programs do to a file in doubt (rename it, give it a second name or another mode), which is a
//! change at another time.

mod state;

pub(super) use state::Ledger;

use super::context::StoreContext;
use super::errors;
use super::flush::{flush_file_system, lost, told};
use super::ranges::{Cause, Range, Ranges, after, before};
use super::records::{self, Record, Refused};
use super::source::{changed, kind_of};
use crate::store::{FlushMark, Fsync, StoreResult};
use remofile_protocol::wire::{ErrorCode, Failure, Kind, Timestamp};
use rustix::fs::Stat;
use state::{Admitted, LedgerState};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

impl StoreContext {
    /// Admits a file that is not flushed and is about to become visible, or to get the time of its source; its writing
    /// began at `begun`. Returns `None` if the file has to be flushed first.
    ///
    /// # Errors
    /// `disk-failure` if a flush failed since then: a part of it may be lost.
    pub(super) fn admit(&self, begun: FlushMark) -> StoreResult<Option<Admitted<'_>>> {
        if self.options.fsync != Fsync::End {
            return Ok(None);
        }
        for _ in 0..2 {
            let state = self.ledger.read();
            if state.failures != begun.0 {
                return Err(lost());
            }
            if state.open.is_some() {
                self.ledger.changes.fetch_add(1, Ordering::AcqRel);
                return Ok(Some(Admitted { _no_flush_fails_meanwhile: state }));
            }
            drop(state);
            let mut state = self.ledger.write();
            if state.is_unsuitable {
                return Ok(None);
            }
            if state.open.is_none() {
                match Record::make(&self.root) {
                    Ok(record) => state.open = Some((record, Instant::now())),
                    Err(refused) => {
                        state.is_unsuitable = refused == Refused::Unsuitable;
                        return Ok(None);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Flushes everything that is visible.
    ///
    /// # Errors
    /// The error of the system; `disk-failure` if a flush failed since `mark`.
    pub(super) fn flush(&self, mark: FlushMark) -> StoreResult<()> {
        let _alone = self.ledger.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = {
            // The write lock waits for files that are becoming visible: all counted changes are complete.
            let _state = self.ledger.write();
            self.ledger.changes.load(Ordering::Acquire)
        };
        let flushed = flush_file_system(&self.root);
        let mut state = self.ledger.write();
        if let Err(failure) = flushed {
            self.flush_failed(&mut state);
            return Err(told(failure));
        }
        // Files that became visible during the flush may have missed it: the record stays for the next one.
        if self.ledger.changes.load(Ordering::Acquire) == before {
            state.in_place = None;
            if let Some((record, _)) = state.open.take() {
                record.remove(&self.root);
            }
        }
        if state.failures == mark.0 { Ok(()) } else { Err(lost()) }
    }

    /// Puts all files in doubt that were visible and not flushed.
    fn flush_failed(&self, state: &mut LedgerState) {
        state.failures += 1;
        let open = state.open.take();
        let first = open.as_ref().map(|(record, began)| (record.since(), *began));
        let spans: Vec<_> = first.into_iter().chain(state.in_place.take()).collect();
        let range = |now: Timestamp| {
            let mut ranges = Ranges::default();
            for (since, began) in &spans {
                // The range covers the true span even if the clock was set forward or back meanwhile.
                let elapsed = began.elapsed();
                let (from, to) = (before(now, elapsed).min(*since), after(*since, elapsed).max(now));
                ranges.add(Range { from, to, cause: Cause::FlushFailed });
            }
            ranges
        };
        let mut record = open.map(|(record, _)| record);
        if let Some(record) = &mut record {
            record.lose();
        }
        if spans.is_empty() || self.add_ranges(state, range) {
            record.into_iter().for_each(|record| record.remove(&self.root));
        }
        // Otherwise the record stays where it is.
    }

    /// Adds ranges to those in doubt. Returns true if they are on the disk.
    fn add_ranges(&self, state: &mut LedgerState, made: impl Fn(Timestamp) -> Ranges) -> bool {
        let unwritten = state.unwritten.clone();
        let added = records::add(&self.root, |now| {
            let mut ranges = made(now);
            ranges.add_all(&unwritten);
            ranges
        });
        match added {
            Ok(()) => state.unwritten = Ranges::default(),
            Err(errno) => {
                state.unwritten.add_all(&made(clock()));
                tracing::error!(%errno, "cannot record what may not be on the disk: it is known until the server ends");
            }
        }
        added.is_ok()
    }

    /// Puts one visible file in doubt, because its own flush failed.
    pub(super) fn put_in_doubt(&self, stat: &Stat) {
        let changed = changed(stat);
        let range = |_| {
            let mut ranges = Ranges::default();
            ranges.add(Range { from: changed, to: changed, cause: Cause::FlushFailed });
            ranges
        };
        self.add_ranges(&mut self.ledger.write(), range);
    }

    /// Returns the ranges that are in doubt.
    ///
    /// # Errors
    /// The reason why they cannot be read.
    pub(super) fn doubt(&self) -> StoreResult<Ranges> {
        let mut doubt = records::doubt(&self.root, None).map_err(errors::failure)?;
        doubt.add_all(&self.ledger.read().unwritten);
        Ok(doubt)
    }

    /// Settles the records of processes that are gone.
    pub(super) fn settle_the_past(&self) -> StoreResult<()> {
        records::adopt(&self.root, &mut || self.flush(self.ledger.mark()).is_ok()).map_err(errors::failure)
    }

    /// Changes something about a file without writing it anew. The change gives the file another time of change, so a
    /// file that was in doubt is put in doubt again. `change` is told whether the file waits for a flush in any case.
    ///
    /// # Errors
    /// Those of the change; `disk-failure` if it cannot be noted.
    pub(super) fn carrying_doubt<T>(&self, stat: &Stat, change: impl FnOnce(bool) -> StoreResult<T>) -> StoreResult<T> {
        if kind_of(stat) != Kind::File {
            return change(false);
        }
        let state = self.ledger.read();
        let own = state.open.as_ref().map(|(record, _)| record);
        let mut doubt = records::doubt(&self.root, own).map_err(errors::failure)?;
        doubt.add_all(&state.unwritten);
        match (doubt.cover(changed(stat)), own) {
            (false, None) => {
                drop(state);
                return change(false);
            }
            // A file that waits for a flush of this process still does after the change: the lock keeps a flush from
            // failing meanwhile.
            (false, Some(_)) => {
                self.ledger.changes.fetch_add(1, Ordering::AcqRel);
                return change(true);
            }
            (true, _) => drop(state),
        }
        let unnoted =
            |_| Failure::new(ErrorCode::DiskFailure).because("it may not be on the disk: upload it again first");
        let mut record = Record::make(&self.root).map_err(unnoted)?;
        record.lose();
        let done = change(false);
        let since = record.since();
        let range = |now: Timestamp| {
            let mut ranges = Ranges::default();
            ranges.add(Range { from: since.min(now), to: now.max(since), cause: Cause::FlushFailed });
            ranges
        };
        if self.add_ranges(&mut self.ledger.write(), range) {
            record.remove(&self.root);
        }
        done
    }
}

/// Returns the time of the system's clock, rounded up, so that it is not behind that of a file system.
fn clock() -> Timestamp {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::new(i64::try_from(now.as_secs()).unwrap_or(i64::MAX - 1) + 1, 0)
}

#[cfg(test)]
mod tests;

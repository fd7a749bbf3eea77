//! The ledger of files that became visible and may never reach the disk.
//!
//! A store that flushes gives a file its name when its content is on the disk; many share one flush. But its name, or
//! its time if that alone was set, may not be on the disk yet, and a flush may fail. As long as that is so, files are
//! *in doubt*: they are not taken for present, whatever their size and time. A file is in doubt by the time of its last
//! change alone, so that it costs the same however many there are:
//!
//! - a file that gets the time of its source is flushed before, with everything else, unless it was last changed before
//!   the last flush began. Where that cannot be told a [`Record`] is made, durably, and whatever was changed since is in
//!   doubt. Of the names of files that are flushed there need be no record: a crash
//!   takes back the name, not the content;
//! - after a flush that succeeded, and that everything was before, the record is removed;
//! - after one that failed the record ends, and its span of time is added to the ranges, for good. The system marks
//!   pages that it could not write as clean: no later flush writes them, and to read them back proves nothing. So a file
//!   in doubt is sent again; then it is another one, changed at another time;
//! - a record whose process is gone ends likewise, unless the system is the same still and a flush succeeds now.
//!
//! Where there can be no record, a file is flushed before it gets its time. What was written when a flush failed does
//! not become visible at all.
//!
//! Not seen: what other programs do to a file in doubt (rename it, give it a second name or another mode), which is a
//! change at another time.

mod flushed;
mod state;

pub(super) use state::{Ledger, Ticket};

use super::context::StoreContext;
use super::errors;
use super::flush::{flush_file_system, lost, told};
use super::ranges::{Cause, Range, Ranges, after, before};
use super::records::{self, Record, Refused};
use super::source::{changed, kind_of};
use crate::store::system;
use crate::store::{FlushMark, Fsync, StoreResult};
use flushed::Flushed;
use remofile_protocol::wire::{ErrorCode, Failure, Kind, Timestamp};
use rustix::fd::OwnedFd;
use rustix::fs::Stat;
use state::{Admitted, LedgerState};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

impl StoreContext {
    /// Has a record made, if there can be one, before a file that may not be flushed gets the time of its source.
    pub(super) fn expect_doubt(&self) {
        if self.options.fsync != Fsync::End || self.ledger.read().open.is_some() {
            return;
        }
        let mut state = self.ledger.write();
        if state.is_unsuitable || state.open.is_some() {
            return;
        }
        match Record::make(&self.root) {
            Ok(record) => state.open = Some((record, Instant::now())),
            Err(refused) => state.is_unsuitable = refused == Refused::Unsuitable,
        }
    }

    /// Admits the name of a file whose content is on the disk; its writing began at `begun`.
    ///
    /// # Errors
    /// `disk-failure` if a flush failed since then: a part of it may be lost.
    pub(super) fn admit_name(&self, begun: FlushMark, file: &OwnedFd) -> StoreResult<Admitted<'_>> {
        loop {
            let state = self.ledger.read();
            if state.failures != begun.0 {
                return Err(lost());
            }
            if state.unrecorded.is_some() {
                self.ledger.changes.fetch_add(1, Ordering::AcqRel);
                return Ok(Admitted { _no_flush_fails_meanwhile: state });
            }
            drop(state);
            // Its last change so far is before the one that gives it its name.
            self.ledger.note_unrecorded(changed(&system::fstat(file).map_err(errors::failure)?));
        }
    }

    /// Flushes everything that was written by now, visible or not. Those who ask while another flush is under way
    /// share the next one.
    ///
    /// # Errors
    /// The error of the system; `disk-failure` if a flush failed since `mark`.
    pub(super) fn flush(&self, mark: FlushMark) -> StoreResult<()> {
        let ticket = self.ledger.ticket();
        let _alone = self.ledger.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.ledger.has_flushed(ticket) && self.ledger.is_sound(mark) {
            return Ok(());
        }
        let before = {
            // The write lock waits for files that are becoming visible: all counted changes are complete.
            let _state = self.ledger.write();
            self.ledger.changes.load(Ordering::Acquire)
        };
        let number = self.ledger.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let this = Flushed::begin();
        let flushed = self.flush_everything();
        let mut state = self.ledger.write();
        if let Err(failure) = flushed {
            self.flush_failed(&mut state);
            return Err(told(failure));
        }
        self.ledger.done.store(number, Ordering::SeqCst);
        state.flushed = Some(this);
        // Files that became visible during the flush may have missed it: the record stays for the next one.
        if self.ledger.changes.load(Ordering::Acquire) == before {
            state.unrecorded = None;
            if let Some((record, _)) = state.open.take() {
                record.remove(&self.root);
            }
        }
        if state.failures == mark.0 { Ok(()) } else { Err(lost()) }
    }

    /// Brings the content of a file to the disk that was last changed at a time, if it may not be there: everything
    /// is flushed, so that many files cost one flush. Returns false if that would be so for each of them, as the clock
    /// of the file system cannot be told: then a record is to be made.
    ///
    /// # Errors
    /// Those of the flush.
    pub(super) fn flush_if_changed_since(&self, changed: Timestamp) -> StoreResult<bool> {
        if self.ledger.read().flushed.as_ref().is_some_and(|flushed| flushed.covers(changed, &self.root)) {
            return Ok(true);
        }
        if records::clock_of(&self.root).is_none() {
            return Ok(false);
        }
        self.flush(self.ledger.mark()).map(|()| true)
    }

    fn flush_everything(&self) -> StoreResult<()> {
        #[cfg(test)]
        crate::store::faults::flush(rustix::fd::AsFd::as_fd(&*self.root), self.ledger.is_unflushed())
            .map_err(errors::failure)?;
        flush_file_system(&self.root)
    }

    /// Puts all files in doubt that were visible and not flushed.
    fn flush_failed(&self, state: &mut LedgerState) {
        state.failures += 1;
        state.flushed = None;
        let open = state.open.take();
        let first = open.as_ref().map(|(record, began)| (record.since(), *began));
        let spans: Vec<_> = first.into_iter().chain(state.unrecorded.take()).collect();
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
        records::adopt(&self.root, &mut || self.flush(self.ledger.mark()).is_ok()).map_err(errors::failure)?;
        // A process that was killed may have given names that are visible, and not on the disk.
        if self.options.fsync != Fsync::None && self.ledger.begun.load(Ordering::SeqCst) == 0 {
            self.flush(self.ledger.mark())?;
        }
        Ok(())
    }

    /// Changes something about a file without writing it anew. The change gives the file another time of change, so a
    /// file that was in doubt is put in doubt again. `change` is told whether there is a record that covers the file.
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
        let Some(cause) = doubt.cause(changed(stat)) else {
            if own.is_none() && state.unrecorded.is_none() {
                drop(state);
                return change(false);
            }
            // A file that waits for a flush of this process still does after the change: the lock keeps a flush from
            // failing meanwhile.
            self.ledger.changes.fetch_add(1, Ordering::AcqRel);
            return change(own.is_some());
        };
        drop(state);
        let unnoted =
            |_| Failure::new(ErrorCode::DiskFailure).because("it may not be on the disk: upload it again first");
        let mut record = Record::make(&self.root).map_err(unnoted)?;
        // The same cause: of a partial that the system left when it went down, what is read is on the disk still.
        record.lose_for(cause);
        let done = change(false);
        let since = record.since();
        let range = |now: Timestamp| {
            let mut ranges = Ranges::default();
            ranges.add(Range { from: since.min(now), to: now.max(since), cause });
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

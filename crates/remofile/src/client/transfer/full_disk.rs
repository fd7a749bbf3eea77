//! The end of a transfer whose destination has no room left.

use crate::transfer::UNTRIED;
use remofile_protocol::wire::{ErrorCode, Failure};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The first failure for want of room, which all connections of a transfer know: none of them moves another file.
#[derive(Debug, Clone, Default)]
pub(super) struct FullDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    reason: Option<ErrorCode>,
    /// Files that failed for the same reason and were not told.
    untold: u64,
    /// True if there were more files, which were not tried.
    has_more: bool,
}

impl FullDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a failure. Returns true if it is one for want of room and not the first, so that it needs no word of its
    /// own.
    pub(super) fn note(&self, failure: &Failure) -> bool {
        // A quota may have room for the next file, and tells before anything is sent; a disk that is full has none.
        if failure.code != ErrorCode::NoSpace {
            return false;
        }
        let mut state = self.state();
        let is_first = state.reason.is_none();
        state.reason = state.reason.or(Some(failure.code));
        state.untold += u64::from(!is_first);
        !is_first
    }

    /// Notes that there are files that are not tried.
    pub(super) fn leave_more(&self) {
        self.state().has_more = true;
    }

    /// Returns the reason why nothing more is moved, if there is one.
    pub(super) fn reason(&self) -> Option<ErrorCode> {
        self.state().reason
    }

    /// Forgets it, for another attempt.
    pub(super) fn clear(&self) {
        *self.state() = State::default();
    }

    /// Returns the one failure of all files that were not told, and their number; `left` is that number if files were
    /// counted before.
    pub(super) fn rest(&self, left: Option<u64>) -> Option<(Failure, u64)> {
        let state = self.state();
        let code = state.reason?;
        let count = left.or((!state.has_more).then_some(state.untold));
        let why = match count {
            Some(0) => return None,
            Some(1) => "1 file more was not moved for the same reason".to_owned(),
            Some(count) => format!("{count} files more were not moved for the same reason"),
            None => UNTRIED.to_owned(),
        };
        Some((Failure::new(code).because(why), count.unwrap_or(1)))
    }
}

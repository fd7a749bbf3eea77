//! The meter of one directory.

use super::sharing::Sharing;
use remofile_protocol::path::RemotePath;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The bytes below one directory.
pub(in crate::store) struct Meter {
    directory: RemotePath,
    state: Mutex<MeterState>,
    /// Locked by whoever tells other servers.
    pub(super) telling: Mutex<()>,
    /// Called at the end of each count.
    counted: Condvar,
}

#[derive(Default)]
pub(super) struct MeterState {
    /// Bytes of visible files, and of partials that nobody writes. Before the first count it is what they have become more; of
    /// several servers, what they have become more since this one told it last, and so are the two sums of changes.
    pub(super) settled: i128,
    /// Bytes reserved for what is being written.
    pub(super) reserved: u128,
    /// The sum of all changes of `settled`, whatever their direction.
    pub(super) moved: u128,
    /// The number of changes that a walk beside them may see twice, or not at all.
    pub(super) unseen: u64,
    is_counted: bool,
    /// True if a count is under way, or will be.
    is_asked: bool,
    /// True if changes of unknown size were made since the last count.
    pub(super) is_doubtful: bool,
    /// The number of counts so far, and the time of the last.
    counts: u64,
    last_count: Option<Instant>,
    /// The usage that other servers know as well, if there are several.
    pub(super) sharing: Option<Sharing>,
}

/// The pauses between two counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pauses {
    /// The shortest, also for somebody who needs a count.
    pub(super) needed: Duration,
    /// Age from which on a count is made again, for what others changed.
    pub(super) stale: Duration,
}

/// The state of a meter at the beginning of a count.
#[derive(Clone, Copy)]
pub(super) struct Before {
    moved: u128,
    unseen: u64,
}

/// The outcome of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// The meter is right.
    Done,
    /// Too much was changed meanwhile: it is to be counted again.
    Again,
}

/// A reservation that a quota has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Exceeded;

impl Meter {
    pub(super) fn new(directory: RemotePath) -> Self {
        Self { directory, state: Mutex::default(), telling: Mutex::default(), counted: Condvar::new() }
    }

    /// The meter of one of several servers.
    pub(super) fn shared(directory: RemotePath, server: u64) -> Self {
        let state = MeterState { sharing: Some(Sharing::new(server)), ..MeterState::default() };
        Self { state: Mutex::new(state), ..Self::new(directory) }
    }

    pub(in crate::store) fn directory(&self) -> &RemotePath {
        &self.directory
    }

    /// Returns the bytes that are used; `None` before the first count.
    pub(in crate::store) fn used(&self) -> Option<u64> {
        let state = self.lock();
        state.is_counted.then(|| state.used())
    }

    /// Reserves bytes where `freed` of those that are settled make room for them. With a quota, all that is used after it
    /// is within it; before the first count there is no room.
    pub(super) fn reserve(&self, bytes: u64, freed: u64, quota: Option<u64>) -> Result<(), Exceeded> {
        let mut state = self.lock();
        if state.sharing.is_some() {
            return state.reserve_of_share(bytes, freed, quota.is_some());
        }
        let after = (state.settled - i128::from(freed)).max(0).saturating_add_unsigned(state.reserved);
        let after = after.saturating_add(i128::from(bytes));
        // What only becomes less is never refused, however full it is.
        if bytes > freed && quota.is_some_and(|quota| !state.is_counted || after > i128::from(quota)) {
            return Err(Exceeded);
        }
        state.reserved += u128::from(bytes);
        state.change(-i128::from(freed));
        Ok(())
    }

    /// Takes back what was just reserved.
    pub(super) fn take_back(&self, bytes: u64, freed: u64) {
        self.settle(bytes, freed.into());
    }

    /// Ends a reservation; `change` is what has become of it, and of what it has replaced.
    pub(in crate::store) fn settle(&self, reserved: u64, change: i128) {
        let mut state = self.lock();
        state.reserved = state.reserved.saturating_sub(u128::from(reserved));
        state.change(change);
    }

    /// Returns the number of counts so far.
    pub(super) fn counts(&self) -> u64 {
        self.lock().counts
    }

    /// Notes that something of a size went from one place below the directory to another.
    pub(in crate::store) fn has_moved(&self, bytes: u64) {
        self.lock().moved += u128::from(bytes);
    }

    /// Notes a change of unknown size, which a count under way may see twice or not at all.
    pub(in crate::store) fn has_changed_unseen(&self) {
        let mut state = self.lock();
        state.unseen += 1;
        state.is_doubtful = true;
    }

    /// Claims the next count, which somebody needs; false if it is claimed already, or the last one was just now.
    pub(super) fn ask(&self, pauses: Pauses) -> bool {
        self.claim(|_| pauses.needed)
    }

    /// As [`Meter::ask`], if there is reason to doubt the last one, or if it is old.
    pub(super) fn ask_if_stale(&self, pauses: Pauses) -> bool {
        self.claim(|state| if state.is_doubtful { pauses.needed } else { pauses.stale })
    }

    fn claim(&self, pause: impl FnOnce(&MeterState) -> Duration) -> bool {
        let mut state = self.lock();
        let pause = pause(&state);
        let is_due = state.last_count.is_none_or(|last| last.elapsed() >= pause);
        if state.is_asked || !is_due {
            return false;
        }
        state.is_asked = true;
        true
    }

    /// Waits until the first count is over, but not for longer than this.
    pub(in crate::store) fn await_first_count(&self, longest: Duration) {
        drop(self.counted.wait_timeout_while(self.lock(), longest, |state| !state.is_counted));
    }

    /// Waits until the count that is under way is over, but not for longer than this.
    pub(in crate::store) fn await_count(&self, longest: Duration) {
        let state = self.lock();
        let counts = state.counts;
        let is_under_way = |state: &mut MeterState| state.is_asked && state.counts == counts;
        drop(self.counted.wait_timeout_while(state, longest, is_under_way));
    }

    pub(super) fn begin_count(&self) -> Before {
        let state = self.lock();
        Before { moved: state.moved, unseen: state.unseen }
    }

    /// Ends a count that has found so many bytes; `None` if it could not be made. No change may be in its moment. The
    /// last attempt is never made again.
    pub(super) fn end_count(&self, before: Before, found: Option<u64>, is_last: bool) -> Counted {
        let mut state = self.lock();
        let moved = i128::try_from(state.moved - before.moved).unwrap_or(i128::MAX);
        let is_unseen = state.unseen != before.unseen;
        let is_disturbed = is_unseen || (!state.is_counted && moved > 0);
        if is_disturbed && !is_last {
            return Counted::Again;
        }
        match found.map(i128::from) {
            None => {}
            Some(found) if !state.is_counted => state.settled = found,
            Some(_) if is_unseen => {}
            // Each change was seen by the walk or was not: what is beyond them was done by others.
            Some(found) => {
                let missed = found - state.settled;
                state.settled += missed.signum() * (missed.abs() - moved).max(0);
            }
        }
        state.is_counted = true;
        state.is_asked = false;
        state.is_doubtful = found.is_none() || is_unseen;
        state.counts += 1;
        state.last_count = Some(Instant::now());
        drop(state);
        self.counted.notify_all();
        Counted::Done
    }

    /// Ends a count whose outcome all servers know; `None` if it could not be made.
    pub(super) fn end_shared_count(&self, is_doubtful: Option<bool>) {
        let mut state = self.lock();
        state.is_counted |= is_doubtful.is_some();
        state.is_asked = false;
        state.is_doubtful = is_doubtful.unwrap_or(true);
        state.counts += 1;
        state.last_count = Some(Instant::now());
        drop(state);
        self.counted.notify_all();
    }

    /// Has the next who needs it count again, however lately that was done.
    pub(super) fn doubt_count(&self) {
        let mut state = self.lock();
        (state.last_count, state.is_doubtful) = (None, true);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, MeterState> {
        // Every change is complete before it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MeterState {
    fn used(&self) -> u64 {
        let elsewhere = self.sharing.as_ref().map_or(0, Sharing::used);
        let used = (self.settled + elsewhere).max(0).saturating_add_unsigned(self.reserved);
        u64::try_from(used).unwrap_or(u64::MAX)
    }

    /// Reserves what the share of this server has room for; with a quota, only where what is used was counted.
    fn reserve_of_share(&mut self, bytes: u64, freed: u64, is_limited: bool) -> Result<(), Exceeded> {
        let after = (self.settled - i128::from(freed)).saturating_add_unsigned(self.reserved) + i128::from(bytes);
        let has_room = self.sharing.as_ref().is_none_or(|sharing| after <= i128::from(sharing.share()));
        // What nobody has counted yet is in no record that could be exceeded.
        if bytes > freed && if self.is_counted { !has_room } else { is_limited } {
            return Err(Exceeded);
        }
        self.reserved += u128::from(bytes);
        self.change(-i128::from(freed));
        Ok(())
    }

    fn change(&mut self, change: i128) {
        self.settled = self.settled.saturating_add(change);
        self.moved = self.moved.saturating_add(change.unsigned_abs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_PAUSE: Pauses = Pauses { needed: Duration::ZERO, stale: Duration::ZERO };
    const PAUSE: Pauses = Pauses { needed: Duration::ZERO, stale: Duration::MAX };

    fn counted(found: u64) -> Meter {
        let meter = Meter::new(RemotePath::root());
        assert!(meter.ask(NO_PAUSE) && !meter.ask(NO_PAUSE));
        assert_eq!(meter.end_count(meter.begin_count(), Some(found), false), Counted::Done);
        meter
    }

    #[test]
    fn nothing_is_told_before_the_first_count_and_changes_beside_it_make_another() {
        let meter = Meter::new(RemotePath::root());
        meter.settle(0, 5);
        assert_eq!(meter.used(), None);
        let before = meter.begin_count();
        meter.settle(0, 3);
        assert_eq!(meter.end_count(before, Some(5), false), Counted::Again);
        assert_eq!(meter.end_count(meter.begin_count(), Some(8), false), Counted::Done);
        assert_eq!(meter.used(), Some(8));
    }

    #[test]
    fn reservations_end_at_the_quota_and_count_at_once() {
        let meter = counted(4);
        meter.reserve(6, 0, Some(10)).unwrap();
        assert!(meter.reserve(1, 0, Some(10)).is_err());
        // Another quota on the same directory, and none at all.
        meter.reserve(1, 0, Some(11)).unwrap();
        meter.reserve(1, 0, None).unwrap();
        meter.settle(8, 2);
        assert_eq!(meter.used(), Some(6));
        // What is taken over makes room for itself, and what becomes less is taken however full it is.
        meter.reserve(8, 4, Some(10)).unwrap();
        meter.reserve(0, 1, Some(3)).unwrap();
        assert_eq!(meter.used(), Some(9));
        assert!(meter.reserve(u64::MAX, 0, Some(u64::MAX - 1)).is_err());
    }

    #[test]
    fn a_count_finds_what_others_did_and_keeps_what_changed_beside_it() {
        let meter = counted(100);
        for (seen, expected) in [(true, 160), (false, 160)] {
            meter.settle(0, 100 - i128::from(meter.used().unwrap()));
            let before = meter.begin_count();
            meter.settle(0, 60);
            // The walk has come by before the change, or after it.
            let found = if seen { 160 } else { 100 };
            assert_eq!(meter.end_count(before, Some(found), false), Counted::Done);
            assert_eq!(meter.used(), Some(expected));
        }
        meter.end_count(meter.begin_count(), Some(7), false);
        assert_eq!(meter.used(), Some(7), "others have removed nearly everything");
        let before = meter.begin_count();
        meter.settle(0, 3);
        meter.end_count(before, Some(1_000), false);
        assert_eq!(meter.used(), Some(997), "as far as it is more than the changes beside it");
    }

    #[test]
    fn what_a_walk_may_see_twice_is_no_count() {
        let meter = counted(100);
        let before = meter.begin_count();
        meter.has_changed_unseen();
        assert_eq!(meter.end_count(before, Some(200), false), Counted::Again);
        assert_eq!(meter.end_count(before, Some(200), true), Counted::Done);
        assert_eq!(meter.used(), Some(100));
        let before = meter.begin_count();
        meter.has_moved(50);
        assert_eq!(meter.end_count(before, Some(150), false), Counted::Done);
        assert_eq!(meter.used(), Some(100));
    }

    #[test]
    fn a_count_that_cannot_be_made_changes_nothing() {
        let meter = counted(100);
        meter.end_count(meter.begin_count(), None, false);
        assert_eq!(meter.used(), Some(100));
        // There is reason to doubt it.
        assert!(meter.ask_if_stale(PAUSE));
        meter.end_count(meter.begin_count(), Some(100), false);
        assert!(!meter.ask_if_stale(PAUSE));
        assert!(meter.ask(PAUSE));
        assert!(!meter.ask(NO_PAUSE));
    }
}

//! The state that all changes of a metered store share, and the changes that two meters may see differently.

use crate::store::meter::{Exceeded, Limit, Meter, NoRoom, Reservation};
use crate::store::size_text::Size;
use crate::store::{Capability, Meters, Quota, Store, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Kind};
use std::sync::Arc;
use std::time::Duration;

/// Longest time for which a refusal waits for a count that may find more room.
const LONGEST_COUNT: Duration = Duration::from_secs(1);

/// Times that room is asked for, where others take it before it is used.
const ROUNDS: usize = 8;

pub(super) struct Context {
    pub(super) inner: Arc<dyn Store>,
    pub(super) meters: Arc<Meters>,
    limit: Option<Limit>,
    /// The directory that the store is confined to.
    scope: RemotePath,
}

/// Bytes that are to be reserved, and those that make room for them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    pub(super) bytes: u64,
    pub(super) freed: u64,
}

/// The directories above the two ends of a rename that have meters.
struct Ends {
    from: Vec<Arc<Meter>>,
    to: Vec<Arc<Meter>>,
}

impl Context {
    pub(super) fn new(inner: Arc<dyn Store>, meters: Arc<Meters>, quota: Option<Quota>) -> Self {
        let limit = quota.map(|quota| Limit { meter: meters.meter(&quota.directory), bytes: quota.bytes });
        Self { inner, meters, limit, scope: RemotePath::root() }
    }

    /// The same around another view of the store.
    pub(super) fn around(&self, inner: Arc<dyn Store>) -> Self {
        Self { inner, meters: Arc::clone(&self.meters), limit: self.limit.clone(), scope: self.scope.clone() }
    }

    /// The same around a view of the store that is confined to a directory.
    pub(super) fn confined(&self, inner: Arc<dyn Store>, scope: &RemotePath) -> Self {
        Self { scope: scope.clone(), ..self.around(inner) }
    }

    /// Returns the path of what a path names, with no link on the way to it.
    pub(super) fn place_of(&self, path: &RemotePath) -> RemotePath {
        self.meters.place_of(path, &self.scope)
    }

    /// Returns the path of what a path leads to, with no link in it.
    pub(super) fn followed(&self, path: &RemotePath) -> RemotePath {
        self.meters.followed_within(path, &self.scope)
    }

    /// Sees to it that what is used is counted again now and then. Not to be called in the moment of a change.
    pub(super) fn look_after_count(&self) {
        if let Some(limit) = &self.limit {
            self.meters.ask_if_stale(&limit.meter);
        }
    }

    /// Returns the bytes of its quota, and of what is used of them, once that has been counted.
    pub(super) fn quota_and_used(&self, longest: Duration) -> Option<(u64, u64)> {
        let limit = self.limit.as_ref()?;
        limit.meter.await_first_count(longest);
        Some((limit.bytes, limit.meter.used()?))
    }

    /// Returns the directory that nothing of it leads out of: that of its quota.
    pub(super) fn top(&self) -> RemotePath {
        self.limit.as_ref().map_or_else(RemotePath::root, |limit| limit.meter.directory().clone())
    }

    /// Begins a reservation at a place, of nothing yet.
    pub(super) fn reservation(&self, place: &RemotePath) -> Reservation {
        self.meters.reservation(place, self.limit.as_ref())
    }

    /// Reserves more. Not to be called in the moment of a change: a count may be waited for.
    ///
    /// # Errors
    /// `quota-exceeded`.
    pub(super) fn grow(&self, place: &RemotePath, reservation: &mut Reservation, need: Need) -> StoreResult<()> {
        self.try_twice(place, need, || reservation.grow(need.bytes, need.freed))?;
        Ok(())
    }

    /// Does something that needs room at a place: again after a count if there is none, since others may have removed something.
    /// One of several servers asks them for room before. Not to be called in the moment of a change.
    ///
    /// # Errors
    /// `quota-exceeded`.
    pub(super) fn try_twice<T>(
        &self,
        place: &RemotePath,
        need: Need,
        mut attempt: impl FnMut() -> Result<T, Exceeded>,
    ) -> StoreResult<T> {
        if let Ok(done) = attempt() {
            return Ok(done);
        }
        if self.meters.are_shared()
            && let Ok(done) = self.try_with_room(place, need, &mut attempt)?
        {
            return Ok(done);
        }
        if let Some(limit) = &self.limit {
            self.meters.look_for_left_shares(&limit.meter);
            limit.meter.await_first_count(LONGEST_COUNT);
            self.meters.recount(&limit.meter);
            limit.meter.await_count(LONGEST_COUNT);
        }
        let attempted = match self.meters.are_shared() {
            true => self.try_with_room(place, need, &mut attempt)?,
            false => attempt(),
        };
        attempted.map_err(|Exceeded| self.exceeded(need))
    }

    /// Attempts something once other servers have given room for it.
    fn try_with_room<T>(
        &self,
        place: &RemotePath,
        need: Need,
        attempt: &mut impl FnMut() -> Result<T, Exceeded>,
    ) -> StoreResult<Result<T, Exceeded>> {
        let mut freed = need.freed;
        if self.limit.as_ref().is_some_and(|limit| limit.meter.used().is_none()) {
            return Ok(Err(Exceeded));
        }
        for _ in 0..ROUNDS {
            match self.meters.ask_for_room(place, self.limit.as_ref(), need.bytes, freed) {
                Ok(()) => {}
                Err(NoRoom::Exceeded { others_may_have_some: false }) => return Ok(Err(Exceeded)),
                Err(NoRoom::Exceeded { .. }) => {
                    if let Some(limit) = &self.limit {
                        self.meters.gather_room(&limit.meter)?;
                    }
                    continue;
                }
                Err(NoRoom::Failed(failure)) => return Err(failure),
            }
            if let Ok(done) = attempt() {
                return Ok(Ok(done));
            }
            // Somebody else has taken the room, or less was made free than was expected.
            freed = 0;
        }
        Ok(Err(Exceeded))
    }

    pub(super) fn exceeded(&self, need: Need) -> Failure {
        let failure = Failure::new(ErrorCode::QuotaExceeded);
        let Some(limit) = &self.limit else { return failure };
        let (Some(used), quota) = (limit.meter.used().map(Size), Size(limit.bytes)) else {
            return failure.because("what is used is being counted: try again");
        };
        let needed = Size(need.bytes.saturating_sub(need.freed));
        failure.because(format_args!("{used} of {quota} are used, and it needs {needed} more"))
    }

    /// Returns the size of the file that a path names; of anything else, 0.
    pub(super) fn size_of(&self, path: &RemotePath) -> u64 {
        let size = match self.inner.stat(path) {
            Ok(entry) if entry.kind == Kind::File => entry.size,
            Ok(_) | Err(_) => return 0,
        };
        if self.inner.capabilities().has(Capability::Links) && self.inner.read_link(path).is_ok() {
            return 0;
        }
        size
    }

    /// Returns the size of the partial of a path, if nobody writes it.
    pub(super) fn partial_size(&self, path: &RemotePath) -> u64 {
        let capabilities = self.inner.capabilities();
        if !capabilities.has(Capability::Partials) {
            return 0;
        }
        if capabilities.has(Capability::ReadablePartials) {
            return self.inner.read_partial(path).map_or(0, |partial| partial.entry().size);
        }
        let partials = self.inner.partials().unwrap_or_default();
        partials.iter().find(|partial| partial.path == *path).map_or(0, |partial| partial.received)
    }

    /// Returns the size of all partials of a path that are removed with it: who sees those of others removes them, too.
    pub(super) fn partial_sizes(&self, path: &RemotePath) -> u64 {
        let partials = self.inner.partials().unwrap_or_default();
        let of_path = partials.iter().filter(|partial| partial.path == *path);
        of_path.map(|partial| partial.received).sum::<u64>().max(self.partial_size(path))
    }

    /// Makes a change that frees what is at a path; `is_made` tells if it was made.
    pub(super) fn freeing<T>(
        &self,
        path: &RemotePath,
        size: impl FnOnce(&RemotePath) -> u64,
        change: impl FnOnce() -> StoreResult<T>,
        is_made: impl FnOnce(&T) -> bool,
    ) -> StoreResult<T> {
        if self.meters.is_empty() {
            return change();
        }
        let place = self.place_of(path);
        let _moment = self.meters.begin_moment(&[&place]);
        let freed = size(&place);
        let made = change()?;
        if is_made(&made) {
            self.settle(&place, self.reservation(&place), -i128::from(freed));
        }
        Ok(made)
    }

    /// Ends a reservation at a place, and changes what is settled there. To be called in the moment of the change.
    pub(super) fn settle(&self, place: &RemotePath, reservation: Reservation, change: i128) {
        self.meters.settle(place, reservation, change);
    }

    pub(super) fn rename(&self, source: &RemotePath, destination: &RemotePath, replace: bool) -> StoreResult<()> {
        let (from, to) = (self.place_of(source), self.place_of(destination));
        if from == to {
            return self.inner.rename(source, destination, replace);
        }
        let ends = Ends { from: self.meters.above(&from), to: self.meters.above(&to) };
        let is_link = self.inner.read_link(source).is_ok();
        let is_directory = !is_link && self.inner.stat(source).is_ok_and(|entry| entry.kind == Kind::Directory);
        // What is moved within the same directories need not be known, nor looked for in a large tree.
        let moved = match (is_directory, ends.are_alike()) {
            (true, true) => 0,
            (true, false) => self.meters.visible_bytes(source)?,
            (false, _) => self.size_of(source),
        };
        let mut reservation = self.meters.reservation(&to, self.limit.as_ref().filter(|limit| ends.is_new_to(limit)));
        if reservation.is_limited() {
            self.grow(&to, &mut reservation, Need { bytes: moved, freed: 0 })?;
        }
        let moment = self.meters.begin_moment(&[&from, &to]);
        let replaced = if replace { self.size_of(destination) } else { 0 };
        self.inner.rename(source, destination, replace)?;
        drop(reservation);
        ends.settle(moved, replaced);
        drop(moment);
        if is_directory {
            self.meters.has_changed_unseen(&ends.from);
            self.meters.has_changed_unseen(&ends.to);
            self.meters.has_changed_below(&from);
            self.meters.has_changed_below(&to);
        }
        Ok(())
    }
}

impl Ends {
    fn are_alike(&self) -> bool {
        self.from.len() == self.to.len() && self.from.iter().all(|meter| is_among(&self.to, meter))
    }

    /// Reports whether what is moved counts for a quota from now on.
    fn is_new_to(&self, limit: &Limit) -> bool {
        is_among(&self.to, &limit.meter) && !is_among(&self.from, &limit.meter)
    }

    fn settle(&self, moved: u64, replaced: u64) {
        let (moved_change, replaced_change) = (i128::from(moved), -i128::from(replaced));
        for meter in &self.from {
            match is_among(&self.to, meter) {
                true => meter.has_moved(moved),
                false => meter.settle(0, -moved_change),
            }
        }
        for meter in &self.to {
            let arrived = if is_among(&self.from, meter) { 0 } else { moved_change };
            meter.settle(0, arrived + replaced_change);
        }
    }
}

fn is_among(meters: &[Arc<Meter>], meter: &Arc<Meter>) -> bool {
    meters.iter().any(|other| Arc::ptr_eq(other, meter))
}

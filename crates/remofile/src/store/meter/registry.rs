//! The meters of a store.

use super::count::{count, followed, place_of, visible_bytes};
use super::moment::{Moment, Moments};
use super::one::{Counted, Meter, Pauses};
use super::reservation::{Limit, Reservation};
use super::telling::{Ask, NoRoom};
use super::usage::{SharedUsage, UsageRecord};
use crate::store::{Store, StoreResult};
use remofile_protocol::path::RemotePath;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// Threads that count at most.
const MOST_THREADS: usize = 2;

/// Attempts to count a directory that is changed meanwhile.
const ATTEMPTS: usize = 4;

const PAUSES: Pauses = Pauses { needed: Duration::from_secs(30), stale: Duration::from_secs(60 * 60) };

/// The bytes below the directories of a store that somebody asks about.
pub struct Meters {
    store: Arc<dyn Store>,
    table: RwLock<HashMap<RemotePath, Arc<Meter>>>,
    moments: Moments,
    counting: Mutex<Counting>,
    pauses: Pauses,
    /// The usage that other servers of the store know as well, if there are some.
    usage: Option<Arc<dyn SharedUsage>>,
}

/// The meters that wait to be counted.
#[derive(Default)]
struct Counting {
    queue: VecDeque<Arc<Meter>>,
    threads: usize,
}

impl Meters {
    /// The meters of a store: none yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Arc<Self> {
        Self::with(store, PAUSES, None)
    }

    /// The meters of one of several servers of a store: quotas hold for all of them together. Somebody has to call [`Meters::tell`]
    /// every second.
    #[must_use]
    pub fn shared(store: Arc<dyn Store>, usage: Arc<dyn SharedUsage>) -> Arc<Self> {
        Self::with(store, PAUSES, Some(usage))
    }

    /// Meters that are counted again whenever somebody needs it.
    #[cfg(test)]
    pub(crate) fn eager(store: Arc<dyn Store>) -> Arc<Self> {
        Self::with(store, Pauses { needed: Duration::ZERO, ..PAUSES }, None)
    }

    /// As [`Meters::eager`], of one of several servers.
    #[cfg(test)]
    pub(crate) fn eager_shared(store: Arc<dyn Store>, usage: Arc<dyn SharedUsage>) -> Arc<Self> {
        Self::with(store, Pauses { needed: Duration::ZERO, ..PAUSES }, Some(usage))
    }

    fn with(store: Arc<dyn Store>, pauses: Pauses, usage: Option<Arc<dyn SharedUsage>>) -> Arc<Self> {
        let (table, moments, counting) = (RwLock::default(), Moments::default(), Mutex::default());
        Arc::new(Self { store, table, moments, counting, pauses, usage })
    }

    /// Tells other servers what has changed here. With `everything` they are told whatever was made until now, and this one keeps no
    /// room that it does not use.
    ///
    /// # Errors
    /// Those of [`SharedUsage`]: it is to be told again.
    pub fn tell(&self, everything: bool) -> StoreResult<()> {
        let Some(usage) = &self.usage else { return Ok(()) };
        if everything {
            // What was made is noted in the same moment.
            drop(self.moments.pause());
        }
        self.meters().iter().try_for_each(|meter| meter.tell_changes(&**usage, !everything))
    }

    /// Takes note of a record that another server has written.
    pub fn see(&self, directory: &RemotePath, record: UsageRecord, revision: u64) {
        let meter = self.table.read().unwrap_or_else(PoisonError::into_inner).get(directory).cloned();
        if let Some(meter) = meter {
            meter.see(record, revision);
        }
    }

    /// Has this server ask anew before it uses room, and count again: others may have taken it for dead.
    pub fn distrust_shares(&self) {
        for meter in self.meters() {
            meter.distrust_share();
            meter.doubt_count();
        }
    }

    /// Asks other servers for room below the directories above a place, for whoever has this limit.
    pub(in crate::store) fn ask_for_room(
        &self,
        place: &RemotePath,
        limit: Option<&Limit>,
        bytes: u64,
        freed: u64,
    ) -> Result<(), NoRoom> {
        let Some(usage) = &self.usage else { return Ok(()) };
        self.above(place).iter().try_for_each(|meter| {
            let quota = limit.filter(|limit| Arc::ptr_eq(&limit.meter, meter)).map(|limit| limit.bytes);
            meter.ask_for_room(&**usage, Ask { bytes, freed, quota })
        })
    }

    pub(in crate::store) fn are_shared(&self) -> bool {
        self.usage.is_some()
    }

    /// Has other servers give back the room below a directory that they do not use.
    pub(in crate::store) fn gather_room(&self, meter: &Meter) -> StoreResult<()> {
        self.usage.as_ref().map_or(Ok(()), |usage| meter.gather_room(&**usage))
    }

    /// Lets the next count of a directory be made at once if a server is gone that had a share of it.
    pub(in crate::store) fn look_for_left_shares(&self, meter: &Meter) {
        let has_some = self.usage.as_ref().is_some_and(|usage| meter.has_left_shares(&**usage).unwrap_or(false));
        if has_some {
            meter.doubt_count();
        }
    }

    fn meters(&self) -> Vec<Arc<Meter>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Begins to count what is below a directory, on a thread, if that has not begun. No link may be on the way to it:
    /// see [`Meters::followed`].
    pub fn watch(self: &Arc<Self>, directory: &RemotePath) {
        let _begun = self.meter(directory);
    }

    /// Returns the bytes that are used below a directory; `None` if nobody counts them, or the first count is not over.
    pub fn used(self: &Arc<Self>, directory: &RemotePath) -> Option<u64> {
        let meter = self.table.read().unwrap_or_else(PoisonError::into_inner).get(directory).cloned()?;
        self.ask_if_stale(&meter);
        meter.used()
    }

    /// Waits until what is below a directory is counted, but not for longer than this; whether it is.
    pub fn await_count(self: &Arc<Self>, directory: &RemotePath, longest: Duration) -> bool {
        let meter = self.meter(directory);
        meter.await_first_count(longest);
        meter.used().is_some()
    }

    /// Returns the bytes that are used below each directory that was counted, in no order.
    #[must_use]
    pub fn snapshot(&self) -> Vec<(RemotePath, u64)> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.iter().filter_map(|(directory, meter)| Some((directory.clone(), meter.used()?))).collect()
    }

    /// Stops counting what is below all directories but these.
    pub fn forget_others(&self, kept: &HashSet<&RemotePath>) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.retain(|directory, _| kept.contains(directory));
    }

    /// Counts what is below a directory again, for what others changed, unless that was done just now.
    pub fn refresh(self: &Arc<Self>, directory: &RemotePath) {
        let meter = self.table.read().unwrap_or_else(PoisonError::into_inner).get(directory).cloned();
        if let Some(meter) = meter {
            self.recount(&meter);
        }
    }

    pub(in crate::store) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(in crate::store) fn meter(self: &Arc<Self>, directory: &RemotePath) -> Arc<Meter> {
        let meter = {
            let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
            let new = || {
                Arc::new(match &self.usage {
                    Some(usage) => Meter::shared(directory.clone(), usage.server()),
                    None => Meter::new(directory.clone()),
                })
            };
            Arc::clone(table.entry(directory.clone()).or_insert_with(new))
        };
        if meter.used().is_none() {
            self.recount(&meter);
        }
        meter
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        self.table.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Returns the meters of a place and of all directories above it.
    pub(in crate::store) fn above(&self, place: &RemotePath) -> Vec<Arc<Meter>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        if table.is_empty() {
            return Vec::new();
        }
        let directories = std::iter::successors(Some(place.clone()), RemotePath::parent);
        directories.filter_map(|directory| table.get(&directory).cloned()).collect()
    }

    /// Returns a number that is another one once a directory above a place was counted.
    pub(in crate::store) fn counts_above(&self, place: &RemotePath) -> u64 {
        self.above(place).iter().map(|meter| meter.counts()).sum()
    }

    /// Notes that directories below a place came or went: their meters are counted anew.
    pub(in crate::store) fn has_changed_below(self: &Arc<Self>, place: &RemotePath) {
        let below: Vec<_> = {
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
            table.values().filter(|meter| meter.directory().is_within(place)).cloned().collect()
        };
        self.has_changed_unseen(&below);
    }

    /// Notes changes of a size that is not known.
    pub(in crate::store) fn has_changed_unseen(self: &Arc<Self>, meters: &[Arc<Meter>]) {
        for meter in meters {
            meter.has_changed_unseen();
            self.recount(meter);
        }
    }

    pub(in crate::store) fn begin_moment(&self, places: &[&RemotePath]) -> Moment<'_> {
        self.moments.begin(places)
    }

    /// Begins a reservation of nothing yet at a place.
    pub(in crate::store) fn reservation(&self, place: &RemotePath, limit: Option<&Limit>) -> Reservation {
        Reservation::new(self.above(place), limit)
    }

    /// Ends a reservation at a place, and changes what is settled there.
    pub(in crate::store) fn settle(&self, place: &RemotePath, reservation: Reservation, change: i128) {
        reservation.settle(&self.above(place), change);
    }

    /// Counts again what was counted long ago.
    pub(in crate::store) fn ask_if_stale(self: &Arc<Self>, meter: &Arc<Meter>) {
        if meter.ask_if_stale(self.pauses) {
            self.enqueue(meter);
        }
    }

    /// Counts again, unless that was done just now, or is under way.
    pub(in crate::store) fn recount(self: &Arc<Self>, meter: &Arc<Meter>) {
        if meter.ask(self.pauses) {
            self.enqueue(meter);
        }
    }

    fn enqueue(self: &Arc<Self>, meter: &Arc<Meter>) {
        let mut counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody may wait for the first count of a directory; others have a number.
        match meter.used() {
            None => counting.queue.push_front(Arc::clone(meter)),
            Some(_) => counting.queue.push_back(Arc::clone(meter)),
        }
        if counting.threads == MOST_THREADS {
            return;
        }
        counting.threads += 1;
        drop(counting);
        let own = Arc::clone(self);
        let started = std::thread::Builder::new().name("count".to_owned()).spawn(move || own.count_all());
        if started.is_err() {
            self.count_all();
        }
    }

    fn count_all(&self) {
        loop {
            let meter = {
                let mut counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
                match counting.queue.pop_front() {
                    Some(meter) => meter,
                    None => {
                        counting.threads -= 1;
                        return;
                    }
                }
            };
            self.count(&meter);
        }
    }

    /// Counts, and corrects by that what all servers know.
    fn count_with_others(&self, meter: &Meter, usage: &dyn SharedUsage) -> StoreResult<bool> {
        for attempt in 1..=ATTEMPTS {
            let before = meter.begin_shared_count(usage)?;
            let found = count(&*self.store, meter.directory())?;
            drop(self.moments.pause());
            match meter.correct_record(usage, &before, found, attempt == ATTEMPTS) {
                Ok(true) => return Ok(attempt == ATTEMPTS),
                // A server that hangs is soon taken for dead.
                Err(failure) if attempt == ATTEMPTS => return Err(failure),
                Ok(false) | Err(_) => {}
            }
        }
        Ok(true)
    }

    fn count(&self, meter: &Meter) {
        if let Some(usage) = &self.usage {
            let counted = self.count_with_others(meter, &**usage);
            if let Err(failure) = &counted {
                tracing::warn!(directory = %meter.directory(), %failure, "what is used could not be counted");
            }
            return meter.end_shared_count(counted.ok());
        }
        for attempt in 1..=ATTEMPTS {
            let before = meter.begin_count();
            let found = count(&*self.store, meter.directory());
            if let Err(failure) = &found {
                tracing::warn!(directory = %meter.directory(), %failure, "what is used could not be counted");
            }
            // A change that the walk has seen is to be noted before the sums are compared.
            let paused = self.moments.pause();
            let counted = meter.end_count(before, found.ok(), attempt == ATTEMPTS);
            drop(paused);
            if counted == Counted::Done {
                return;
            }
        }
    }

    /// Returns the path of what a path names, with no link on the way to it, unless it leads out of `scope`.
    pub(in crate::store) fn place_of(&self, path: &RemotePath, scope: &RemotePath) -> RemotePath {
        place_of(&*self.store, path, scope)
    }

    /// Returns the path of what a path leads to, with no link in it.
    pub fn followed(&self, path: &RemotePath) -> RemotePath {
        self.followed_within(path, &RemotePath::root())
    }

    /// As [`Meters::followed`], unless it leads out of `scope`.
    pub(in crate::store) fn followed_within(&self, path: &RemotePath, scope: &RemotePath) -> RemotePath {
        followed(&*self.store, path, scope)
    }

    /// Counts the bytes of the files below a directory.
    ///
    /// # Errors
    /// Those of the store.
    pub(in crate::store) fn visible_bytes(&self, directory: &RemotePath) -> StoreResult<u64> {
        visible_bytes(&*self.store, directory)
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meters").field("used", &self.snapshot()).finish_non_exhaustive()
    }
}

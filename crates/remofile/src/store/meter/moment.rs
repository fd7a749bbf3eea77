//! The moments in which changes are made and noted.

use remofile_protocol::path::RemotePath;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Locks for places: two changes of one place never have their moments at once.
const PLACES: usize = 256;

/// The moments of all changes of a store. A change reads the old size, is made, and is noted in one moment. Nobody waits
/// in a moment for anything but the disk.
pub(super) struct Moments {
    gate: RwLock<()>,
    places: Vec<Mutex<()>>,
    hasher: RandomState,
}

/// The moment of a change.
pub(in crate::store) struct Moment<'a> {
    _places: Vec<MutexGuard<'a, ()>>,
    _gate: RwLockReadGuard<'a, ()>,
}

impl Default for Moments {
    fn default() -> Self {
        let places = (0..PLACES).map(|_| Mutex::default()).collect();
        Self { gate: RwLock::default(), places, hasher: RandomState::new() }
    }
}

impl Moments {
    /// Begins the moment of a change of these places.
    pub(super) fn begin(&self, places: &[&RemotePath]) -> Moment<'_> {
        let gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let mut locks: Vec<usize> = places.iter().map(|place| self.lock_of(place)).collect();
        // In one order, so that no two moments wait for each other.
        locks.sort_unstable();
        locks.dedup();
        let places = locks.into_iter().map(|lock| self.places[lock].lock().unwrap_or_else(PoisonError::into_inner));
        Moment { _places: places.collect(), _gate: gate }
    }

    /// Waits until no change is in its moment, and keeps it so.
    pub(super) fn pause(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_of(&self, place: &RemotePath) -> usize {
        let mut hasher = self.hasher.build_hasher();
        // One file may be known by names of other case.
        hasher.write(place.as_str().to_lowercase().as_bytes());
        hasher.finish() as usize % PLACES
    }
}

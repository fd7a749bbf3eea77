//! The calls of a store that a test has fail.

use super::super::store_call::StoreCall;
use crate::store::StoreResult;
use remofile_protocol::wire::Failure;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The calls that are to fail, and those that were made.
#[derive(Debug, Default)]
pub struct Faults {
    calls: Mutex<HashMap<StoreCall, Calls>>,
}

#[derive(Debug, Default)]
struct Calls {
    count: u64,
    /// By the number of the call, from 1.
    failures: HashMap<u64, Failure>,
    /// Of every call from now on.
    always: Option<Failure>,
    /// Locked as long as calls are to wait.
    gate: Arc<Mutex<()>>,
}

impl Faults {
    /// The call after `passing` more of its kind fails, and does nothing. Those behind it do not.
    pub fn fail_after(&self, call: StoreCall, passing: u64, failure: Failure) {
        self.with(call, |calls| calls.failures.insert(calls.count + passing + 1, failure));
    }

    /// All calls of a kind fail from now on.
    pub fn fail_always(&self, call: StoreCall, failure: Failure) {
        self.with(call, |calls| calls.always = Some(failure));
    }

    /// Gives a lock: calls of a kind wait as long as it is held, on whatever thread they are made.
    #[must_use]
    pub fn gate(&self, call: StoreCall) -> Arc<Mutex<()>> {
        self.with(call, |calls| Arc::clone(&calls.gate))
    }

    /// Nothing is to fail any more.
    pub fn clear(&self) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        for calls in calls.values_mut() {
            calls.failures.clear();
            calls.always = None;
        }
    }

    /// Returns the number of calls of a kind.
    #[must_use]
    pub fn count(&self, call: StoreCall) -> u64 {
        self.with(call, |calls| calls.count)
    }

    fn with<T>(&self, call: StoreCall, look: impl FnOnce(&mut Calls) -> T) -> T {
        look(self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(call).or_default())
    }

    pub(super) fn pass(&self, call: StoreCall) -> StoreResult<()> {
        let (failure, gate) = self.with(call, |calls| {
            calls.count += 1;
            (calls.failures.remove(&calls.count).or_else(|| calls.always.clone()), Arc::clone(&calls.gate))
        });
        drop(gate.lock().unwrap_or_else(PoisonError::into_inner));
        failure.map_or(Ok(()), Err)
    }
}

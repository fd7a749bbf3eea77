//! The result of a job, and the promise that gives it.

#[cfg(test)]
use super::manual;
use crate::carrier::Waker;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A job that panicked: there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

/// The result of a job, once it is there. Dropped, the job goes on, and its result is forgotten.
pub(crate) struct Pending<T> {
    slot: Arc<Slot<T>>,
}

struct Slot<T> {
    state: Mutex<SlotState<T>>,
    filled: Condvar,
}

enum SlotState<T> {
    Empty,
    /// Somebody else takes the result on the job's own thread.
    Then(Box<dyn FnOnce(Result<T, Lost>) + Send>),
    Filled(Result<T, Lost>),
    Taken,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { state: Mutex::new(SlotState::Empty), filled: Condvar::new() }
    }
}

impl<T> Slot<T> {
    fn fill(&self, result: Result<T, Lost>) {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, SlotState::Taken) {
            SlotState::Then(then) => {
                drop(state);
                then(result);
            }
            _ => {
                *state = SlotState::Filled(result);
                self.filled.notify_all();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, SlotState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives a [`Pending`] its result. Dropped before, it is [`Lost`].
pub(crate) struct Promise<T> {
    slot: Arc<Slot<T>>,
    waker: Waker,
}

/// A result that somebody will give, and the one who gives it; `waker` is called then.
#[must_use]
pub(crate) fn promise<T>(waker: Waker) -> (Promise<T>, Pending<T>) {
    let slot = Arc::new(Slot::default());
    (Promise { slot: Arc::clone(&slot), waker }, Pending { slot })
}

impl<T> Promise<T> {
    /// Gives the result.
    pub(crate) fn keep(self, result: T) {
        self.slot.fill(Ok(result));
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        let is_empty = matches!(*self.slot.lock(), SlotState::Empty | SlotState::Then(_));
        if is_empty {
            self.slot.fill(Err(Lost));
        }
        self.waker.wake();
    }
}

impl<T: Send + 'static> Pending<T> {
    /// The result, if it is there and was not taken before.
    pub(crate) fn take(&self) -> Option<Result<T, Lost>> {
        let mut state = self.slot.lock();
        if !matches!(*state, SlotState::Filled(_)) {
            return None;
        }
        match std::mem::replace(&mut *state, SlotState::Taken) {
            SlotState::Filled(result) => Some(result),
            _ => None,
        }
    }

    /// Reports whether the result is there, or was taken.
    #[must_use]
    pub(crate) fn is_over(&self) -> bool {
        matches!(*self.slot.lock(), SlotState::Filled(_) | SlotState::Taken)
    }

    /// Waits for the result; [`Lost`] if it was taken before.
    ///
    /// # Errors
    /// [`Lost`] if the job panicked.
    pub(crate) fn wait(self) -> Result<T, Lost> {
        #[cfg(test)]
        manual::help(&|| self.is_over());
        let is_empty = |state: &mut SlotState<T>| matches!(state, SlotState::Empty);
        drop(self.slot.filled.wait_while(self.slot.lock(), is_empty));
        self.take().unwrap_or(Err(Lost))
    }

    /// Waits for the result, no longer than this.
    pub(crate) fn wait_for(&self, most: Duration) {
        let is_empty = |state: &mut SlotState<T>| matches!(state, SlotState::Empty);
        drop(self.slot.filled.wait_timeout_while(self.slot.lock(), most, is_empty));
    }

    /// Waits until the result is there.
    pub(crate) fn await_result(&self) {
        #[cfg(test)]
        manual::help(&|| self.is_over());
        let is_empty = |state: &mut SlotState<T>| matches!(state, SlotState::Empty);
        drop(self.slot.filled.wait_while(self.slot.lock(), is_empty));
    }

    /// Has `then` take the result when it is there, on the job's thread, or now.
    pub(crate) fn then(self, then: impl FnOnce(Result<T, Lost>) + Send + 'static) {
        let mut state = self.slot.lock();
        if matches!(*state, SlotState::Empty) {
            *state = SlotState::Then(Box::new(then));
            return;
        }
        drop(state);
        if let Some(result) = self.take() {
            then(result);
        }
    }
}

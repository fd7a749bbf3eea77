//! The callbacks that calls wait for, as those calls know that are made in them by way of another thread.
//!
//! On its own thread a call knows that it is made in a callback. One that a callback hands to an event loop, and waits for, does
//! not: it knows by the context of the callback, which goes with it, since that has the [`Callbacks`] of the call that
//! waits.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time that a callback has to end, before a call which is made in it and cannot be served beside it fails. A callback that
/// waits for none of its calls has ended by then.
const GRACE: Duration = Duration::from_millis(250);

/// The turn of a call that is made, at the pool of its client.
pub(crate) trait MadeTurn: Send + Sync {
    /// Returns the number of the pool.
    fn pool(&self) -> usize;

    /// Notes that the call waits for its callback, which may wait for another call: that one may begin in its place.
    fn step_aside(&self);
}

/// The callbacks of the calls with one interrupt.
#[derive(Default)]
pub(crate) struct Callbacks {
    /// Those of the calls in whose callbacks these calls are made.
    outer: Option<Arc<Self>>,
    state: Mutex<State>,
    /// Told when a callback has ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// The calls that are made, one in a callback of the other.
    made: Vec<Made>,
    callbacks: u64,
}

struct Made {
    turn: Arc<dyn MadeTurn>,
    /// The number of the callback that it waits for.
    callback: Option<u64>,
}

/// Notes that a call is made, as long as it is there.
pub(crate) struct MadeCall<'a>(&'a Callbacks);

/// Notes that a call waits for its callback, as long as it is there.
pub(crate) struct Entered<'a>(&'a Callbacks);

/// A call of the same client that waits for its callback, in which another call is made.
pub(crate) struct WaitingCall {
    callbacks: Arc<Callbacks>,
    callback: u64,
    turn: Arc<dyn MadeTurn>,
}

impl Callbacks {
    /// Those of calls that are made in callbacks of others, if they are.
    pub(crate) fn within(outer: Option<Arc<Self>>) -> Self {
        Self { outer, ..Self::default() }
    }

    pub(crate) fn note_made(&self, turn: Arc<dyn MadeTurn>) -> MadeCall<'_> {
        self.lock().made.push(Made { turn, callback: None });
        MadeCall(self)
    }

    /// Notes that the call that was made last waits for a callback.
    pub(crate) fn enter(&self) -> Entered<'_> {
        let mut state = self.lock();
        state.callbacks += 1;
        let number = state.callbacks;
        if let Some(made) = state.made.last_mut() {
            made.callback = Some(number);
        }
        Entered(self)
    }

    /// Returns the calls of a pool's client which wait for the callbacks that these calls are made in, by way of other threads.
    pub(crate) fn waiting(&self, pool: usize) -> Vec<WaitingCall> {
        let mut found = Vec::new();
        let mut next = self.outer.as_ref();
        while let Some(callbacks) = next {
            let state = callbacks.lock();
            let waiting = state.made.iter().filter(|made| made.turn.pool() == pool);
            found.extend(waiting.filter_map(|made| {
                let (callbacks, turn) = (Arc::clone(callbacks), Arc::clone(&made.turn));
                Some(WaitingCall { callbacks, callback: made.callback?, turn })
            }));
            drop(state);
            next = callbacks.outer.as_ref();
        }
        found
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_in(&self, callback: u64) -> bool {
        self.made.iter().any(|made| made.callback == Some(callback))
    }
}

impl WaitingCall {
    /// Reports whether it waits for that callback still.
    pub(crate) fn is_waiting(&self) -> bool {
        self.callbacks.lock().is_in(self.callback)
    }

    /// Lets another call begin in its place.
    pub(crate) fn step_aside(&self) {
        self.turn.step_aside();
    }

    fn ends_until(&self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now());
        let state = self.callbacks.lock();
        let is_in = |state: &mut State| state.is_in(self.callback);
        drop(self.callbacks.ended.wait_timeout_while(state, left, is_in));
    }
}

/// Gives callbacks the time to end, and reports whether one of them has not.
pub(crate) fn outlast(waiting: &[WaitingCall]) -> bool {
    let until = Instant::now() + GRACE;
    waiting.iter().for_each(|call| call.ends_until(until));
    waiting.iter().any(WaitingCall::is_waiting)
}

impl Drop for MadeCall<'_> {
    fn drop(&mut self) {
        self.0.lock().made.pop();
        self.0.ended.notify_all();
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(made) = self.0.lock().made.last_mut() {
            made.callback = None;
        }
        self.0.ended.notify_all();
    }
}

//! The pulse of the event loop: whether it still turns, for watchdogs and load balancers.

use crate::carrier::Waker;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The pulse of an event loop.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    is_wanted: AtomicBool,
    beats: Mutex<u64>,
    beaten: Condvar,
}

impl Pulse {
    /// The loop has turned.
    pub(super) fn beat(&self) {
        if self.is_wanted.load(Ordering::Acquire) {
            // Whoever wants it waits already when the lock is free.
            let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
            self.is_wanted.store(false, Ordering::Release);
            *beats += 1;
            self.beaten.notify_all();
        }
    }

    /// Wakes the loop, and reports whether it turns within this time.
    pub(super) fn is_felt(&self, waker: &Waker, within: Duration) -> bool {
        let beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *beats;
        self.is_wanted.store(true, Ordering::Release);
        waker.wake();
        let waited = self.beaten.wait_timeout_while(beats, within, |beats| *beats == before);
        *waited.unwrap_or_else(PoisonError::into_inner).0 != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_loop_that_turns_is_felt_and_one_that_hangs_is_not() {
        let (pulse, waker) = (Arc::new(Pulse::default()), Waker::new().unwrap());
        assert!(!pulse.is_felt(&waker, Duration::ZERO));
        let own = Arc::clone(&pulse);
        let turning = std::thread::spawn(move || {
            while Arc::strong_count(&own) > 1 {
                own.beat();
                std::thread::yield_now();
            }
        });
        assert!(pulse.is_felt(&waker, Duration::from_secs(60)));
        drop(pulse);
        turning.join().unwrap();
    }
}

//! The clock of work that is done in turns. A simulation sets it for its own thread.

use std::time::Instant;

/// Returns the time by this clock.
#[cfg(not(test))]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns the time by this clock.
#[cfg(test)]
pub(crate) fn now() -> Instant {
    simulated::now().unwrap_or_else(Instant::now)
}

#[cfg(test)]
pub(crate) mod simulated {
    //! A clock of one thread that goes on only when it is told to.

    use super::Instant;
    use std::cell::Cell;
    use std::time::Duration;

    thread_local! {
        static NOW: Cell<Option<Instant>> = const { Cell::new(None) };
    }

    /// Returns the time that was set last on this thread.
    pub(crate) fn now() -> Option<Instant> {
        NOW.get()
    }

    /// Sets the clock of this thread, or gives it back the real one.
    pub(crate) fn set(now: Option<Instant>) {
        NOW.set(now);
    }

    /// Lets time go by, if the clock is a simulated one.
    pub(crate) fn advance(by: Duration) {
        NOW.set(NOW.get().map(|now| now + by));
    }
}

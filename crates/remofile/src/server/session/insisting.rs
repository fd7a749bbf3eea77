//! Looks at whether an operation waits only for those who wait for its own client.
//!
//! That comes about while it waits, when somebody else has given a lease back. It is rare, and both sides would wait until
//! one of them gives up, so it is looked for less and less often.

use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_millis(50);

const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The looks of a session.
#[derive(Debug, Default)]
pub(super) struct Insisting {
    next: Option<Duration>,
    pause: Duration,
}

impl Insisting {
    /// Looks soon, since an operation begins to wait.
    pub(super) fn begin(&mut self, now: Duration) {
        *self = Self { next: Some(now + FIRST_PAUSE), pause: FIRST_PAUSE };
    }

    /// Returns the time of the next look, if there is to be one.
    pub(super) fn next(&self) -> Option<Duration> {
        self.next
    }

    /// Reports whether it is time for a look.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.next.is_some_and(|next| next <= now)
    }

    /// Looks again later.
    pub(super) fn go_on(&mut self, now: Duration) {
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.next = Some(now + self.pause);
    }
}

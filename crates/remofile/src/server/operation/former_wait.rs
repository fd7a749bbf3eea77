//! The wait of a request for former sessions of its client: what is left of them ends soon, so the request waits for
//! that, whatever its client wants to wait, and without a word to it.

use std::time::Duration;

/// Longest time that a request waits for what is left of former sessions. A disk that takes longer is in the way like
/// anybody else.
const LONGEST: Duration = Duration::from_secs(20);

/// Time between two looks at whether there is anything left of them.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The wait of a request for former sessions of its client.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct FormerWait {
    pub(in crate::server) next_look: Duration,
    gives_up: Duration,
    /// The wait for others that begins after it.
    pub(in crate::server) wait_milliseconds: u64,
}

impl FormerWait {
    pub(in crate::server) fn new(now: Duration, wait_milliseconds: u64) -> Self {
        Self { next_look: now + LOOK_EVERY, gives_up: now + LONGEST, wait_milliseconds }
    }
    /// The same, with the next look after this one.
    pub(in crate::server) fn on(self, now: Duration) -> Self {
        Self { next_look: now + LOOK_EVERY, ..self }
    }

    /// Reports whether it has taken too long.
    pub(in crate::server) fn is_over(&self, now: Duration) -> bool {
        now >= self.gives_up
    }
}

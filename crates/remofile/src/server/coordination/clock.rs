//! The clock of terms, and the fence that falls when a term may be over.

use crate::store::Fence;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the time since the machine was started, the time for which it slept included: a term ends meanwhile.
pub(super) fn now() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    // Elsewhere this one goes on while the machine sleeps.
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0));
    Duration::new(seconds, nanoseconds)
}

/// Returns the milliseconds since 1970.
pub(super) fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The fence of a server: it stands until a moment, which the coordinator's word puts off.
#[derive(Debug, Default)]
pub(super) struct TermFence {
    /// Milliseconds on the clock of [`now`]; 0 if it has fallen.
    until: AtomicU64,
}

impl TermFence {
    /// Lets changes be made until a moment.
    pub(super) fn put_off(&self, until: Duration) {
        self.until.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// Lets no change be made any more.
    pub(super) fn fall(&self) {
        self.until.store(0, Ordering::Release);
    }

    /// Returns the moment at which it falls.
    pub(super) fn until(&self) -> Duration {
        Duration::from_millis(self.until.load(Ordering::Acquire))
    }
}

impl Fence for TermFence {
    fn remaining(&self) -> Option<Duration> {
        self.until().checked_sub(now()).filter(|remaining| !remaining.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_stands_until_its_moment_and_falls_at_once_when_it_is_told_to() {
        let fence = TermFence::default();
        assert_eq!(fence.remaining(), None);
        fence.put_off(now() + Duration::from_secs(60));
        assert!(fence.remaining().is_some_and(|remaining| remaining > Duration::from_secs(50)));
        fence.fall();
        assert_eq!(fence.remaining(), None);
        fence.put_off(now().saturating_sub(Duration::from_millis(1)));
        assert_eq!(fence.remaining(), None);
    }
}

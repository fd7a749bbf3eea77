//! The last flush that succeeded, and what was on the disk since.

use super::super::ranges::before;
use super::super::records::clock_of;
use super::super::root::Root;
use remofile_protocol::wire::Timestamp;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

/// Time by which a change must be older than a flush, at least. The clock of a file system may be a hundredth of a
/// second behind that of the system.
const MARGIN: Duration = Duration::from_millis(50);
/// The most by which the clock may have been set meanwhile.
const MOST_SET: Duration = Duration::from_millis(20);

/// A flush that succeeded.
pub(super) struct Flushed {
    began: Instant,
    /// The time by the clock of the system when it began.
    clock: SystemTime,
    /// The time by the clock of the file system, if it was asked for and could be told.
    until: OnceLock<Option<Timestamp>>,
}

impl Flushed {
    /// Notes the moment at which a flush begins.
    pub(super) fn begin() -> Self {
        Self { began: Instant::now(), clock: SystemTime::now(), until: OnceLock::new() }
    }

    /// Reports whether a file is surely on the disk that was last changed then.
    pub(super) fn covers(&self, changed: Timestamp, root: &Root) -> bool {
        let until = *self.until.get_or_init(|| {
            let now = clock_of(root)?;
            // Read after the clock, so that the flush is taken to have begun too early rather than too late.
            Some(before(now, self.began.elapsed().saturating_add(MARGIN)))
        });
        // Times of change say nothing of the order of changes if the clock was set in between.
        let is_steady = self.clock.elapsed().is_ok_and(|passed| passed.abs_diff(self.began.elapsed()) < MOST_SET);
        is_steady && until.is_some_and(|until| changed < until)
    }
}

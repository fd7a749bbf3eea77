//! The log of what strangers do: each refusal at first, and only their number under siege.

use crate::server::audit::Reporter;
use remofile_protocol::handshake::Refusal;
use std::fmt::Display;
use std::io;
use std::time::{Duration, Instant};

/// Time for which complaints are counted together.
const PERIOD: Duration = Duration::from_secs(10);

/// Least time between two reports that no descriptors are left.
const ACCEPTING_EVERY: Duration = Duration::from_secs(60);

/// Complaints of one period that are logged one by one.
const MOST: u32 = 20;

/// The count of complaints, which keeps a server under siege from filling the disk with its log.
#[derive(Debug)]
pub(in crate::server) struct Complaints {
    began: Instant,
    reported: u32,
    withheld: u64,
    /// Peers that had to leave so that others could come.
    evicted: u64,
    /// Time of the last report that connections cannot be accepted.
    accepting: Option<Instant>,
    reporter: Reporter,
}

impl Complaints {
    /// Counts from now on, and tells of refusals elsewhere, too.
    pub(in crate::server) fn new(now: Instant, reporter: Reporter) -> Self {
        Self { began: now, reported: 0, withheld: 0, evicted: 0, accepting: None, reporter }
    }

    /// Logs that a peer was refused.
    pub(in crate::server) fn refused(&mut self, address: impl Display, refusal: Refusal) {
        if self.may_report(Instant::now()) {
            tracing::warn!(%address, reason = refusal.name(), "refused");
            self.reporter.refused(&address.to_string(), refusal.name());
        }
    }

    /// Logs that an address has used up its guesses of the token and is not answered for a while.
    pub(in crate::server) fn guesses_too_fast(&mut self, address: impl Display) {
        if self.may_report(Instant::now()) {
            tracing::warn!(%address, reason = "too-many-guesses", "refused");
            self.reporter.refused(&address.to_string(), "too-many-guesses");
        }
    }

    /// Logs that a peer has replayed a handshake, or cannot continue after it.
    pub(super) fn not_genuine(&mut self, address: impl Display) {
        if self.may_report(Instant::now()) {
            tracing::warn!(%address, "a handshake was not followed by a genuine record");
            self.reporter.refused(&address.to_string(), "not-genuine");
        }
    }

    /// Counts a peer that had to leave before its time because its address or site took most of the room.
    pub(super) fn evicted(&mut self) {
        self.sum_up(Instant::now());
        self.evicted += 1;
    }

    /// Logs that the operating system gives no connection, once a minute at most.
    pub(super) fn cannot_accept(&mut self, error: &io::Error) {
        let now = Instant::now();
        if self.accepting.is_none_or(|at| now.saturating_duration_since(at) >= ACCEPTING_EVERY) {
            self.accepting = Some(now);
            tracing::warn!(%error, "cannot accept connections");
        }
    }

    /// Returns the time at which [`Complaints::sum_up`] is to be called.
    pub(in crate::server) fn due(&self) -> Option<Instant> {
        (self.withheld > 0 || self.evicted > 0).then_some(self.began + PERIOD)
    }

    /// Logs, at the end of a period, the number of peers that were not logged one by one.
    pub(in crate::server) fn sum_up(&mut self, now: Instant) {
        if now < self.began + PERIOD {
            return;
        }
        if self.withheld > 0 {
            tracing::warn!(connections = self.withheld, seconds = PERIOD.as_secs(), "more were refused");
            self.reporter.more_refused(self.withheld);
        }
        if self.evicted > 0 {
            let seconds = PERIOD.as_secs();
            tracing::warn!(
                connections = self.evicted,
                seconds,
                "closed before their handshake, to make room for others"
            );
        }
        (self.began, self.reported, self.withheld, self.evicted) = (now, 0, 0, 0);
    }

    fn may_report(&mut self, now: Instant) -> bool {
        self.sum_up(now);
        let is_reported = self.reported < MOST;
        if is_reported {
            self.reported += 1;
        } else {
            self.withheld += 1;
        }
        is_reported
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_siege_only_the_first_are_told_one_by_one() {
        let now = Instant::now();
        let mut complaints = Complaints::new(now, Reporter::default());
        let told = |complaints: &mut Complaints, at| (0..1000).filter(|_| complaints.may_report(at)).count();
        assert_eq!(told(&mut complaints, now), MOST as usize);
        assert_eq!(complaints.withheld, 980);
        assert_eq!(complaints.due(), Some(now + PERIOD));
        complaints.sum_up(now + PERIOD);
        assert_eq!((complaints.withheld, complaints.due()), (0, None));
        assert_eq!(told(&mut complaints, now + PERIOD), MOST as usize);
    }
}

//! The bandwidth of a principal: what all its sessions together may send and receive.

use crate::transfer::Pace;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The bandwidth of a principal, in each direction. Sessions count times each from a moment of their own, so each time
/// here is counted from one of all.
#[derive(Debug)]
pub(super) struct Bandwidth {
    /// Bytes a second; 0 without a limit.
    rate: AtomicU64,
    began: Instant,
    /// From clients to the server, and to clients.
    received: Mutex<Pace>,
    sent: Mutex<Pace>,
}

/// A direction of file content, as the server sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// From a client to the server.
    Received,
    /// From the server to a client.
    Sent,
}

impl Default for Bandwidth {
    fn default() -> Self {
        let unlimited = || Mutex::new(Pace::unlimited());
        Self { rate: AtomicU64::new(0), began: Instant::now(), received: unlimited(), sent: unlimited() }
    }
}

impl Bandwidth {
    /// Limits both directions to this many bytes a second.
    pub(super) fn set_rate(&self, rate: Option<NonZeroU64>) {
        let bytes = rate.map_or(0, NonZeroU64::get);
        if self.rate.swap(bytes, Ordering::AcqRel) != bytes {
            let pace = || rate.map_or_else(Pace::unlimited, Pace::new);
            *self.pace(Direction::Received) = pace();
            *self.pace(Direction::Sent) = pace();
        }
    }

    /// Reports whether there is a limit.
    pub(super) fn is_limited(&self) -> bool {
        self.rate.load(Ordering::Acquire) != 0
    }

    /// Returns the bytes that may go in a direction now: `u64::MAX` without a limit.
    pub(super) fn allowance(&self, direction: Direction) -> u64 {
        if self.is_limited() { self.pace(direction).allowance(self.began.elapsed()) } else { u64::MAX }
    }

    /// Counts bytes that went.
    pub(super) fn spend(&self, direction: Direction, bytes: u64) {
        if self.is_limited() && bytes > 0 {
            self.pace(direction).spend(self.began.elapsed(), bytes);
        }
    }

    /// Returns the time from now until something may go in a direction again; `None` if it may now.
    pub(super) fn wait(&self, direction: Direction) -> Option<Duration> {
        if !self.is_limited() {
            return None;
        }
        let now = self.began.elapsed();
        self.pace(direction).ready_at(now).map(|at| at.saturating_sub(now))
    }

    fn pace(&self, direction: Direction) -> MutexGuard<'_, Pace> {
        let pace = match direction {
            Direction::Received => &self.received,
            Direction::Sent => &self.sent,
        };
        // Every change to a pace is complete before it can panic.
        pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The context of a call: its limits, and what ends it.

use crate::client::session::deadline::Deadline;
use crate::client::session::interrupt::Interrupt;
use crate::client::{ClientOptions, Wait};
use crate::error::{Error, Result};
use remofile_protocol::limits::PING_AFTER;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// Shortest time between two pings of a call that may not go long without progress.
const SHORTEST_PING: Duration = Duration::from_millis(20);

/// Bytes a millisecond of the slowest line on which a message of content is to arrive within the limit.
const SLOW_LINE: u64 = 32;

/// Bytes that a message may have in any case: shorter ones cost more than they carry.
const LEAST_MESSAGE: u64 = 8 * 1024;

/// The context of a call, or of the calls of one transfer.
#[derive(Debug, Clone)]
pub(crate) struct CallContext {
    pub(crate) deadline: Deadline,
    /// The wait for the lease while others hold it.
    pub(crate) wait: Wait,
    pub(crate) interrupt: Interrupt,
}

impl CallContext {
    /// The context of a call that begins now.
    pub(crate) fn of(options: &ClientOptions) -> Self {
        let deadline = Deadline::after(options.timeout).unless_stalled(options.stall_timeout);
        Self { deadline, wait: options.wait, interrupt: options.interrupt.clone() }
    }

    /// The same with a wait for the lease that is no shorter than this.
    pub(crate) fn waiting_at_least(&self, least: Duration) -> Self {
        Self { wait: self.wait.at_least(least), ..self.clone() }
    }

    /// Notes that the call gets on.
    pub(crate) fn progressed(&self) {
        self.deadline.progressed();
    }

    /// Returns how often the server is asked whether it hears, if the call may not go long without progress: its answers tell
    /// that what was sent before arrives, and that it works while it sends nothing.
    pub(crate) fn ping_every(&self) -> Option<Duration> {
        self.deadline.stall_limit().map(|limit| (limit / 4).clamp(SHORTEST_PING, PING_AFTER))
    }

    /// Returns the most bytes of content in one message: on a slow line a large one would look like a stall.
    pub(crate) fn message_bytes(&self) -> u64 {
        let Some(limit) = self.deadline.stall_limit() else { return u64::MAX };
        u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).saturating_mul(SLOW_LINE).max(LEAST_MESSAGE)
    }

    /// An error if the call is to end.
    pub(crate) fn check(&self) -> Result<()> {
        self.interrupt.check(&self.deadline)
    }

    /// The same for work on this side, which is progress as well.
    pub(crate) fn check_at_work(&self) -> Result<()> {
        self.progressed();
        self.check()
    }

    /// Waits, unless the call is to end earlier.
    pub(crate) fn sleep(&self, pause: Duration) -> Result<()> {
        self.interrupt.sleep(pause, &self.deadline)
    }

    /// Waits until the socket is ready; `false` if it is not within `limit`.
    pub(super) fn wait(&self, stream: &impl AsFd, flags: PollFlags, limit: Duration) -> Result<bool> {
        self.wait_until(stream, flags, &Deadline::after(Some(limit)))
    }

    /// Waits until one of these is ready, or the limit is over, unless the call is to end earlier. Returns which are ready.
    pub(super) fn wait_for_any(&self, streams: &[(BorrowedFd<'_>, PollFlags)], limit: &Deadline) -> Result<Vec<bool>> {
        loop {
            self.check()?;
            let is_over = limit.left().is_some_and(|left| left.is_zero());
            let left = [limit.left(), self.deadline.left()].into_iter().flatten().min();
            let left = left.map(|left| if is_over { left } else { left + Duration::from_millis(1) });
            let mut descriptors: Vec<PollFd<'_>> =
                streams.iter().map(|(stream, flags)| PollFd::from_borrowed_fd(*stream, *flags)).collect();
            if let Some(waker) = self.interrupt.waker() {
                descriptors.push(PollFd::from_borrowed_fd(waker.as_fd(), PollFlags::IN));
            }
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            match poll(&mut descriptors, left.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Error::ConnectionLost(error.into())),
            }
            let ready: Vec<bool> =
                descriptors[..streams.len()].iter().map(|descriptor| !descriptor.revents().is_empty()).collect();
            if is_over || ready.contains(&true) {
                return Ok(ready);
            }
        }
    }

    pub(super) fn wait_until(&self, stream: &impl AsFd, flags: PollFlags, limit: &Deadline) -> Result<bool> {
        loop {
            self.check()?;
            let Some(left) = limit.left().filter(|left| !left.is_zero()) else {
                return Ok(false);
            };
            let left = self.deadline.left().map_or(left, |own| own.min(left)) + Duration::from_millis(1);
            let mut descriptors = vec![PollFd::from_borrowed_fd(stream.as_fd(), flags)];
            if let Some(waker) = self.interrupt.waker() {
                descriptors.push(PollFd::from_borrowed_fd(waker.as_fd(), PollFlags::IN));
            }
            match poll(&mut descriptors, Timespec::try_from(left).ok().as_ref()) {
                Ok(_) if !descriptors[0].revents().is_empty() => return Ok(true),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Error::ConnectionLost(error.into())),
            }
        }
    }
}

#[cfg(test)]
impl CallContext {
    /// No limits.
    pub(crate) fn unlimited() -> Self {
        Self { deadline: Deadline::after(None), wait: Wait::No, interrupt: Interrupt::default() }
    }
}

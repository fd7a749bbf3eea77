//! The limits of a call that waits for its connection.

use crate::client::session::deadline::Deadline;
use crate::client::session::interrupt::Interrupt;
use crate::error::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsFd;
use std::time::Duration;

/// The limits of a call that connects.
pub(super) struct CallLimits<'a> {
    pub(super) deadline: &'a Deadline,
    pub(super) interrupt: &'a Interrupt,
}

impl CallLimits<'_> {
    /// Waits until the socket is ready; `false` if it is not within `limit`.
    pub(super) fn wait(&self, stream: &impl AsFd, flags: PollFlags, limit: Duration) -> Result<bool> {
        self.wait_until(stream, flags, Deadline::after(Some(limit)))
    }

    pub(super) fn wait_until(&self, stream: &impl AsFd, flags: PollFlags, limit: Deadline) -> Result<bool> {
        loop {
            if self.interrupt.is_triggered() {
                return Err(Error::Interrupted);
            }
            self.deadline.check()?;
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

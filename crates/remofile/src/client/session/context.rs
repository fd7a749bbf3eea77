//! The context of a call: its limits, and what ends it.

use crate::client::session::deadline::Deadline;
use crate::client::session::interrupt::Interrupt;
use crate::client::{ClientOptions, Wait};
use crate::error::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsFd;
use std::time::Duration;

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
        let deadline = Deadline::after(options.timeout);
        Self { deadline, wait: options.wait, interrupt: options.interrupt.clone() }
    }

    /// The same with a wait for the lease that is no shorter than this.
    pub(crate) fn waiting_at_least(&self, least: Duration) -> Self {
        Self { wait: self.wait.at_least(least), ..self.clone() }
    }

    /// An error if the call is to end.
    pub(crate) fn check(&self) -> Result<()> {
        self.interrupt.check(&self.deadline)
    }

    /// Waits, unless the call is to end earlier.
    pub(crate) fn sleep(&self, pause: Duration) -> Result<()> {
        self.interrupt.sleep(pause, &self.deadline)
    }

    /// Waits until the socket is ready; `false` if it is not within `limit`.
    pub(super) fn wait(&self, stream: &impl AsFd, flags: PollFlags, limit: Duration) -> Result<bool> {
        self.wait_until(stream, flags, Deadline::after(Some(limit)))
    }

    pub(super) fn wait_until(&self, stream: &impl AsFd, flags: PollFlags, limit: Deadline) -> Result<bool> {
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

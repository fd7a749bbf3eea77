//! The meaning of SIGHUP: that the terminal of the process is gone, or that its logs were rotated.

use crate::own_process::OwnProcess;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use signal_hook::consts::SIGHUP;
use std::os::fd::OwnedFd;

/// The terminal that the process lives and ends with.
pub(super) struct Terminal(Option<OwnedFd>);

impl Terminal {
    /// The controlling terminal of this process, before it is confined. One that it was told to survive, by `nohup`,
    /// is none.
    pub(super) fn of_process() -> Self {
        if OwnProcess::read().ignores(SIGHUP) {
            return Self(None);
        }
        let how = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Self(open("/dev/tty", how, Mode::empty()).ok())
    }

    /// Reports whether there was one and it is gone.
    pub(super) fn is_gone(&self) -> bool {
        let Some(terminal) = &self.0 else { return false };
        let mut looked = [PollFd::new(terminal, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut looked, Some(&now)).is_ok() && looked[0].revents().contains(PollFlags::HUP)
    }
}

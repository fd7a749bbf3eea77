//! The end of a server in the background.

use super::pidfile::Running;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, pidfd_send_signal};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// Asks the server of a pidfile to end, waits for that, and tells which process it was.
///
/// # Errors
/// If no server runs, none was proven to be the one of this pidfile, or it has not ended in time.
pub(crate) fn stop(pidfile: &Path, timeout: Duration) -> Result<u32> {
    let Running { process, descriptor } = Running::find(pidfile)?;
    match pidfd_send_signal(&descriptor, Signal::TERM) {
        Ok(()) | Err(Errno::SRCH) => {}
        Err(error) => {
            return Err(Failed::System { what: "cannot signal the server", source: error.into() });
        }
    }
    if has_ended(&descriptor, timeout)? { Ok(process) } else { Err(still_running(pidfile, process, timeout)) }
}

fn has_ended(descriptor: &OwnedFd, timeout: Duration) -> Result<bool> {
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left =
            Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(descriptor, PollFlags::IN)], Some(&left)) {
            Ok(events) => return Ok(events > 0),
            Err(Errno::INTR) => {}
            Err(error) => {
                return Err(Failed::System { what: "cannot wait for the server", source: error.into() });
            }
        }
    }
}

fn still_running(pidfile: &Path, process: u32, timeout: Duration) -> Failed {
    let path = pidfile.display().to_string();
    let message = format!(
        "the server (process {process}, {path}) has not ended within {} s (wait longer with '--timeout')",
        timeout.as_secs()
    );
    Failed::Daemon { kind: "timeout", path, message, exit: Exit::Timeout }
}

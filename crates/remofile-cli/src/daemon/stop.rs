//! The end of a server in the background.

use super::pidfile::Running;
use super::proof;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// Asks the server of a pidfile to end, waits for that, and tells which process it was.
///
/// # Errors
/// If no server runs, none was proven to be the one of this pidfile, or it has not ended in time.
pub(crate) fn stop(pidfile: &Path, timeout: Duration) -> Result<u32> {
    let Running { process, descriptor } = Running::find(pidfile)?;
    match proof::terminate(&descriptor) {
        Ok(()) | Err(Errno::SRCH) => {}
        Err(error) => {
            return Err(Failed::System { what: "cannot signal the server", source: error.into() });
        }
    }
    if has_ended(&descriptor, timeout)? { Ok(process) } else { Err(still_running(pidfile, process, timeout)) }
}

/// Returns the process that [`stop`] would end.
///
/// # Errors
/// If no server runs, or none was proven to be the one of this pidfile.
pub(crate) fn running(pidfile: &Path) -> Result<u32> {
    Running::find(pidfile).map(|running| running.process)
}

fn has_ended(descriptor: &OwnedFd, timeout: Duration) -> Result<bool> {
    let begin = Instant::now();
    loop {
        let left = timeout.saturating_sub(begin.elapsed());
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

//! The end of a server in the background.

use super::pidfile::Running;
use crate::exit::Exit;
use crate::failed::{Failed, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// Asks the server of a pidfile to end, waits for that, and tells which process it was.
///
/// # Errors
/// If no server runs, or it has not ended in time.
pub(crate) fn stop(pidfile: &Path, timeout: Duration) -> Result<u32> {
    let running = Running::find(pidfile)?;
    let process = running.process;
    let Some(descriptor) = descriptor(process)? else {
        return Ok(process);
    };
    // The descriptor is the server's and no later process's only if the server still lives.
    if !running.is_alive(pidfile)? {
        return Ok(process);
    }
    match pidfd_send_signal(&descriptor, Signal::TERM) {
        Ok(()) | Err(Errno::SRCH) => {}
        Err(error) => {
            return Err(Failed::System { what: "cannot signal the server", source: error.into() });
        }
    }
    if has_ended(&descriptor, timeout)? { Ok(process) } else { Err(still_running(pidfile, process, timeout)) }
}

fn descriptor(process: u32) -> Result<Option<OwnedFd>> {
    let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) else {
        return Ok(None);
    };
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(descriptor) => Ok(Some(descriptor)),
        Err(Errno::SRCH) => Ok(None),
        Err(error) => Err(Failed::System { what: "cannot reach the server's process", source: error.into() }),
    }
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

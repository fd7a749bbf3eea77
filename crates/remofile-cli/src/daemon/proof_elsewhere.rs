//! In place of `proof` on systems where the kernel does not tell of processes what it tells on Linux: no process is taken for the
//! server of a pidfile, so `stop` ends none.

use rustix::fs::Stat;
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::{fmt, io};

/// The reason a process is not taken for the server of a pidfile.
#[derive(Debug)]
pub(super) enum Doubt {
    /// There is none, at least not here.
    #[expect(dead_code, reason = "nothing is known of processes here")]
    Ended,
    /// The kernel does not tell.
    Hidden(io::Error),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("does not run on this system"),
            Self::Hidden(error) => {
                write!(f, "could not be examined ({error}; end it with 'kill', or run it with 'run')")
            }
        }
    }
}

/// A descriptor of the process if it is the server of a locked pidfile.
///
/// # Errors
/// Always: that cannot be proven here.
pub(super) fn server(_process: u32, _pidfile: &Stat) -> Result<OwnedFd, Doubt> {
    Err(Doubt::Hidden(io::ErrorKind::Unsupported.into()))
}

/// Asks the process to end.
pub(super) fn terminate(_process: &OwnedFd) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}

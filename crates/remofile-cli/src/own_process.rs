//! The state of this process, as the kernel tells it: which signals it ignores, and how shells may stop it.

use crate::files;
use std::path::Path;

/// The content of `/proc/self/status` when it was read. The system calls for the group and the session are not asked:
/// both are 0 in a container that was entered from outside, which is no valid number to the library that makes them.
pub(crate) struct OwnProcess {
    /// A bit for each signal that whoever started the process has it ignore, as `nohup` does with SIGHUP.
    ignored: u64,
    /// The process group and the session, a number for each level of containers.
    group: String,
    session: String,
}

impl OwnProcess {
    pub(crate) fn read() -> Self {
        let status = files::read(Path::new("/proc/self/status"));
        status.map_or_else(|_| Self::parse(""), |status| Self::parse(&status.text))
    }

    fn parse(status: &str) -> Self {
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        Self {
            ignored: u64::from_str_radix(field("SigIgn:"), 16).unwrap_or(0),
            group: field("NSpgid:").to_owned(),
            session: field("NSsid:").to_owned(),
        }
    }

    /// Reports whether it ignores the signal.
    pub(crate) fn ignores(&self, signal: i32) -> bool {
        self.ignored & (1 << (signal - 1)) != 0
    }

    /// Reports whether a shell may stop and continue it. What is first in its session has no such shell.
    pub(crate) fn is_a_job(&self) -> bool {
        self.session != self.group
    }

    /// Returns the number of the process group, or none if it is unknown or one from outside the container.
    pub(crate) fn group(&self) -> Option<i32> {
        self.group.split_whitespace().next_back()?.parse().ok().filter(|group| *group > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::{SIGHUP, SIGTSTP};

    #[test]
    fn what_nohup_starts_is_known_by_the_signals_that_it_ignores() {
        let ignores = |status: &str, signal| OwnProcess::parse(status).ignores(signal);
        assert!(ignores("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0\n", SIGHUP));
        assert!(!ignores("SigIgn:\t0000000000001000\n", SIGHUP));
        assert!(!ignores("SigCgt:\t0000000000000001\n", SIGHUP));
        assert!(ignores("SigIgn:\t0000000000080000\n", SIGTSTP));
    }

    #[test]
    fn groups_and_sessions_from_outside_a_container_are_no_error() {
        let group = |status: &str| OwnProcess::parse(status).group();
        assert_eq!(group("NSpgid:\t812\n"), Some(812));
        assert_eq!(group("NSpgid:\t812\t7\n"), Some(7));
        assert_eq!(group("NSpgid:\t812\t0\n"), None);
        assert_eq!(group("NSpgid:\t0\n"), None);
        assert_eq!(group(""), None);
    }

    #[test]
    fn what_is_first_in_its_session_is_no_job_of_a_shell() {
        let is_a_job = |status: &str| OwnProcess::parse(status).is_a_job();
        assert!(!is_a_job("NSpgid:\t812\nNSsid:\t812\n"));
        assert!(is_a_job("NSpgid:\t812\nNSsid:\t700\n"));
        assert!(is_a_job("NSpgid:\t812\t7\nNSsid:\t700\t0\n"));
        assert!(!is_a_job("NSpgid:\t0\nNSsid:\t0\n"));
        assert!(!is_a_job(""));
    }
}

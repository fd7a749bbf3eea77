//! The one table of exit statuses.

use remofile::Error;
use remofile::protocol::handshake::Refusal;
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::sync::plan::Withheld;
use std::process::ExitCode;

/// The exit statuses of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done.
    Success = 0,
    /// A failure without a status of its own.
    Failure = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The server refused the token, the key or the encryption.
    Refused = 3,
    /// Somebody else holds the lease.
    InUse = 4,
    /// Some files failed, each named on standard error; the others are done.
    SomeFailed = 23,
    /// More was to be deleted than `--max-delete` allows, and nothing was.
    TooManyDeletions = 25,
    /// The time was over.
    Timeout = 30,
    /// The user interrupted it.
    Interrupted = 130,
}

impl Exit {
    /// Every way to end.
    const ALL: [Self; 9] = [
        Self::Success,
        Self::Failure,
        Self::Usage,
        Self::Refused,
        Self::InUse,
        Self::SomeFailed,
        Self::TooManyDeletions,
        Self::Timeout,
        Self::Interrupted,
    ];

    /// The number that the shell sees.
    pub(crate) fn status(self) -> u8 {
        self as u8
    }

    /// Returns the status that a number in the shell stands for.
    pub(crate) fn from_status(status: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| i32::from(exit.status()) == status)
    }

    /// Returns the status of an error of the library.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Remote(failure) | Error::Local(failure) => Self::of_failure(failure),
            Error::Busy(_) => Self::InUse,
            Error::Refused(refusal) => Self::of_refusal(*refusal),
            Error::Usage(_) => Self::Usage,
            Error::Timeout(_) | Error::PeerSilent(_) => Self::Timeout,
            Error::Interrupted => Self::Interrupted,
            Error::NotRemofile { .. }
            | Error::Resolve { .. }
            | Error::Connect { .. }
            | Error::ConnectionLost(_)
            | Error::Unanswered
            | Error::Protocol(_)
            | Error::Stopped
            | Error::Callback(_)
            | Error::Conflicts(_)
            | Error::Listen { .. }
            | Error::Root { .. }
            | Error::System { .. } => Self::Failure,
        }
    }

    /// Returns the status when these files failed and the others are done.
    pub(crate) fn of_failures(failures: &[Failure]) -> Self {
        let has = |code| failures.iter().any(|failure| failure.code == code);
        match failures {
            [] => Self::Success,
            _ if has(ErrorCode::BadPattern) => Self::Usage,
            _ if has(ErrorCode::NoMatch) => Self::Failure,
            _ => Self::SomeFailed,
        }
    }

    /// Returns the status when these files failed and deletions, perhaps, were withheld.
    pub(crate) fn of_withheld(withheld: Option<Withheld>, failures: &[Failure]) -> Self {
        match (Self::of_failures(failures), withheld) {
            (Self::Success, Some(Withheld::TooMany { .. })) => Self::TooManyDeletions,
            // Directories stay in the way because of that.
            (Self::SomeFailed, Some(Withheld::TooMany { .. }))
                if failures.iter().all(|failure| failure.code == ErrorCode::AlreadyExists) =>
            {
                Self::TooManyDeletions
            }
            (exit, _) => exit,
        }
    }

    fn of_failure(failure: &Failure) -> Self {
        match failure.code {
            ErrorCode::Busy => Self::InUse,
            ErrorCode::Cancelled => Self::Interrupted,
            ErrorCode::BadPattern => Self::Usage,
            ErrorCode::Other
            | ErrorCode::NotFound
            | ErrorCode::AlreadyExists
            | ErrorCode::NotAFile
            | ErrorCode::NotADirectory
            | ErrorCode::NotEmpty
            | ErrorCode::InvalidName
            | ErrorCode::OutsideRoot
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::NoSpace
            | ErrorCode::FileTooLarge
            | ErrorCode::SourceChanged
            | ErrorCode::IntegrityFailure
            | ErrorCode::ShuttingDown
            | ErrorCode::Unsupported
            | ErrorCode::BadRequest
            | ErrorCode::TooMany
            | ErrorCode::DiskFailure
            | ErrorCode::LinkLoop
            | ErrorCode::IntoItself
            | ErrorCode::OutOfResources
            | ErrorCode::CrossDevice
            | ErrorCode::Skipped
            | ErrorCode::Occupied
            | ErrorCode::NoMatch
            | ErrorCode::PartialChanged
            | ErrorCode::LeaseExpired => Self::Failure,
        }
    }

    fn of_refusal(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Token
            | Refusal::EncryptionRequired
            | Refusal::KeyRequired
            | Refusal::Key
            | Refusal::NoKey
            | Refusal::Other => Self::Refused,
            Refusal::Version | Refusal::TooMany | Refusal::ShuttingDown | Refusal::Malformed | Refusal::NoSession => {
                Self::Failure
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::time::Duration;

    const COMMANDS: &str = include_str!("../../../docs/commands.md");

    #[test]
    fn the_statuses_are_the_documented_ones() {
        let (_, section) = COMMANDS.split_once("\n## Exit statuses\n").unwrap();
        let rows = section.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("| "));
        let told: Vec<u8> = rows.filter_map(|row| row.split(' ').next()?.parse().ok()).collect();
        assert_eq!(Exit::ALL.map(Exit::status).to_vec(), told);
        assert_eq!(Exit::from_status(23), Some(Exit::SomeFailed));
        assert_eq!(Exit::from_status(101), None);
    }

    #[test]
    fn every_error_of_the_library_has_its_status() {
        let io = || io::Error::other("x");
        let not_found = || Failure::new(ErrorCode::NotFound);
        let table = [
            (Error::Remote(not_found()), 1),
            (Error::Local(not_found()), 1),
            (Error::Remote(Failure::new(ErrorCode::Busy)), 4),
            (Error::Remote(Failure::new(ErrorCode::Cancelled)), 130),
            (Error::Remote(Failure::new(ErrorCode::NoMatch)), 1),
            (Error::Local(Failure::new(ErrorCode::BadPattern)), 2),
            (Error::Stopped, 1),
            (Error::Callback("x".into()), 1),
            (Error::Conflicts(vec![not_found()]), 1),
            (Error::Busy(Vec::new()), 4),
            (Error::NotRemofile { address: String::new(), what: String::new() }, 1),
            (Error::Resolve { hostname: String::new(), source: io() }, 1),
            (Error::Connect { address: String::new(), source: io() }, 1),
            (Error::ConnectionLost(io()), 1),
            (Error::PeerSilent(Duration::from_secs(10)), 30),
            (Error::Protocol(String::new()), 1),
            (Error::Timeout(Duration::from_millis(5)), 30),
            (Error::Interrupted, 130),
            (Error::Listen { address: String::new(), source: io() }, 1),
            (Error::Root { path: String::new(), failure: not_found() }, 1),
            (Error::Usage("x"), 2),
            (Error::System { what: "x", source: io() }, 1),
        ];
        for (error, status) in table {
            assert_eq!(Exit::of(&error).status(), status, "{error:?}");
        }
    }

    #[test]
    fn a_pattern_without_a_match_is_more_than_a_file_that_failed() {
        let failures = |codes: &[ErrorCode]| codes.iter().copied().map(Failure::new).collect::<Vec<_>>();
        for (codes, status) in [
            (&[][..], 0),
            (&[ErrorCode::NotFound], 23),
            (&[ErrorCode::NotFound, ErrorCode::NoMatch], 1),
            (&[ErrorCode::NoMatch, ErrorCode::BadPattern], 2),
        ] {
            assert_eq!(Exit::of_failures(&failures(codes)).status(), status, "{codes:?}");
        }
    }

    #[test]
    fn deletions_that_were_too_many_count_if_nothing_failed() {
        let too_many = Some(Withheld::TooMany { planned: 3, most: 2 });
        let failed = [Failure::new(ErrorCode::NotFound)];
        assert_eq!(Exit::of_withheld(None, &[]).status(), 0);
        assert_eq!(Exit::of_withheld(too_many, &[]).status(), 25);
        assert_eq!(Exit::of_withheld(too_many, &failed).status(), 23);
        let in_the_way = [Failure::new(ErrorCode::AlreadyExists)];
        assert_eq!(Exit::of_withheld(too_many, &in_the_way).status(), 25);
        assert_eq!(Exit::of_withheld(Some(Withheld::Unreadable { planned: 3 }), &failed).status(), 23);
    }

    #[test]
    fn refusals_of_token_key_and_encryption_have_a_status_of_their_own() {
        let refused: Vec<&str> = Refusal::ALL
            .iter()
            .filter(|&&refusal| Exit::of(&Error::Refused(refusal)) == Exit::Refused)
            .map(|refusal| refusal.name())
            .collect();
        assert_eq!(refused, ["wrong-token", "encryption-required", "key-required", "wrong-key", "no-key", "refused"]);
    }
}

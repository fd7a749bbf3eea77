//! The one table of exit statuses.

use remofile::protocol::handshake::Refusal;
use remofile::protocol::wire::{ErrorCode, Failure};
use remofile::sync::plan::Withheld;
use remofile::{Error, TransferReport};
use std::io;
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
    /// The server refused the token, the key or the encryption, or the token does not give a right.
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
            Error::Timeout(_) | Error::Stalled(_) | Error::PeerSilent(_) | Error::NoAnswer { .. } => Self::Timeout,
            Error::Interrupted => Self::Interrupted,
            // A server that fell silent while a change was asked for.
            Error::ConnectionLost(source) if source.kind() == io::ErrorKind::TimedOut => Self::Timeout,
            Error::NoServer(_) => match error.most_telling() {
                Error::NoServer(_) => Self::Failure,
                told => Self::of(told),
            },
            Error::NotRemofile { .. }
            | Error::SpeaksZeroMq { .. }
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
            _ if has(ErrorCode::BadPattern) || has(ErrorCode::IncorrectChunkSize) => Self::Usage,
            // Nothing of it was done: a server of protocol 1 lets no file wait.
            _ if failures.iter().all(|failure| failure.code == ErrorCode::Busy) => Self::InUse,
            // The token allows nothing of it.
            _ if failures.iter().all(|failure| failure.rights.is_some()) => Self::Refused,
            _ => Self::SomeFailed,
        }
    }

    /// Returns the status of a command of several parts: whether any was done, and what the others failed for.
    pub(crate) fn of_parts(any_done: bool, failed: FailedParts) -> Self {
        match (any_done, failed.0) {
            (_, None) => Self::Success,
            (true, Some(_)) => Self::SomeFailed,
            // As the same command ends with any one of them.
            (false, Some(reason @ (Self::Refused | Self::InUse))) => reason,
            (false, Some(_)) => Self::Failure,
        }
    }

    /// Returns the status of an upload or a download: one of which nothing came has failed, whatever the reason.
    pub(crate) fn of_transfer(report: &TransferReport) -> Self {
        Self::of_foretold(report.files + report.directories, report)
    }

    /// Returns the status of a transfer that does, or would do, so many things.
    pub(crate) fn of_foretold(changes: u64, report: &TransferReport) -> Self {
        let nothing = changes + report.present == 0 && report.skipped.is_empty();
        match Self::of_failures(&report.failures) {
            Self::SomeFailed if nothing => Self::Failure,
            exit => exit,
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
            ErrorCode::TokenRevoked => Self::of_refusal(Refusal::Token),
            ErrorCode::PermissionDenied if failure.rights.is_some() => Self::Refused,
            ErrorCode::BadPattern | ErrorCode::IncorrectChunkSize => Self::Usage,
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
            | ErrorCode::QuotaExceeded
            | ErrorCode::FileTooLarge
            | ErrorCode::SourceChanged
            | ErrorCode::IntegrityFailure
            | ErrorCode::ShuttingDown
            | ErrorCode::CoordinatorLost
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
            | ErrorCode::LeaseExpired
            | ErrorCode::SessionReplaced
            | ErrorCode::CorruptedResponse => Self::Failure,
        }
    }

    fn of_refusal(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Token
            | Refusal::Expired
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

/// The parts of a command that failed so far, by the status that all of them have in common.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FailedParts(Option<Exit>);

impl FailedParts {
    /// Returns that of these failures.
    pub(crate) fn of(failures: &[Failure]) -> Self {
        failures.iter().fold(Self::default(), Self::with)
    }

    /// Counts a failure.
    pub(crate) fn count(&mut self, failure: &Failure) {
        *self = self.with(failure);
    }

    /// Counts a part that failed for several reasons, each of which was named.
    pub(crate) fn count_incomplete(&mut self) {
        self.0 = Some(Exit::SomeFailed);
    }

    fn with(self, failure: &Failure) -> Self {
        let exit = Exit::of_failures(std::slice::from_ref(failure));
        Self(Some(self.0.filter(|&before| before != exit).map_or(exit, |_| Exit::SomeFailed)))
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
    use remofile::TriedServer;
    use remofile::protocol::handshake::Rights;
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
        let tried = |error| TriedServer { server: String::new(), error };
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
            (Error::SpeaksZeroMq { address: String::new() }, 1),
            (Error::NoAnswer { address: String::new(), waited: Duration::from_secs(10) }, 30),
            (Error::Resolve { hostname: String::new(), source: io() }, 1),
            (Error::Connect { address: String::new(), source: io() }, 1),
            (Error::NoServer(Vec::new()), 1),
            (Error::NoServer(vec![tried(Error::Connect { address: String::new(), source: io() })]), 1),
            (Error::NoServer(vec![tried(Error::Stopped), tried(Error::Refused(Refusal::Token))]), 3),
            (Error::ConnectionLost(io()), 1),
            (Error::ConnectionLost(io::ErrorKind::TimedOut.into()), 30),
            (Error::PeerSilent(Duration::from_secs(10)), 30),
            (Error::Protocol(String::new()), 1),
            (Error::Timeout(Duration::from_millis(5)), 30),
            (Error::Stalled(Duration::from_millis(5)), 30),
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
    fn files_that_failed_are_some_unless_all_failed_for_the_same_reason() {
        let failures = |codes: &[ErrorCode]| codes.iter().copied().map(Failure::new).collect::<Vec<_>>();
        for (codes, status) in [
            (&[][..], 0),
            (&[ErrorCode::NotFound], 23),
            (&[ErrorCode::Busy, ErrorCode::Busy], 4),
            (&[ErrorCode::Busy, ErrorCode::NotFound], 23),
            (&[ErrorCode::NotFound, ErrorCode::NoMatch], 23),
            (&[ErrorCode::NoMatch, ErrorCode::BadPattern], 2),
        ] {
            assert_eq!(Exit::of_failures(&failures(codes)).status(), status, "{codes:?}");
            let denied = Failure { rights: Some(Rights::of(&[])), ..ErrorCode::PermissionDenied.into() };
            assert_eq!(Exit::of_failures(std::slice::from_ref(&denied)), Exit::Refused);
            let both = [denied, ErrorCode::PermissionDenied.into()];
            assert_eq!(Exit::of_failures(&both), Exit::SomeFailed, "the disk has refused one");
        }
    }

    #[test]
    fn a_command_of_which_nothing_was_done_has_failed() {
        let report = |files, code| TransferReport { files, failures: vec![Failure::new(code)], ..Default::default() };
        for code in [ErrorCode::NotFound, ErrorCode::NoMatch, ErrorCode::AlreadyExists, ErrorCode::NotAFile] {
            assert_eq!(Exit::of_transfer(&report(0, code)), Exit::Failure, "{code:?}");
            assert_eq!(Exit::of_transfer(&report(1, code)), Exit::SomeFailed, "{code:?}");
        }
        assert_eq!(Exit::of_transfer(&report(0, ErrorCode::Busy)), Exit::InUse);
        assert_eq!(Exit::of_transfer(&TransferReport::default()), Exit::Success);
        assert_eq!(Exit::of_parts(false, FailedParts::default()), Exit::Success, "there was nothing to do");
    }

    #[test]
    fn several_parts_that_all_failed_for_one_reason_end_as_one_of_them() {
        let denied = Failure { rights: Some(Rights::of(&[])), ..ErrorCode::PermissionDenied.into() };
        let [busy, missing, of_the_disk] =
            [ErrorCode::Busy, ErrorCode::NotFound, ErrorCode::PermissionDenied].map(Failure::new);
        for (failures, status) in [
            (vec![denied.clone(), denied.clone()], 3),
            (vec![busy.clone(), busy.clone()], 4),
            (vec![missing.clone(), missing.clone()], 1),
            (vec![denied.clone(), missing.clone(), denied.clone()], 1),
            (vec![missing, denied.clone(), denied.clone()], 1),
            (vec![denied.clone(), of_the_disk], 1),
            (vec![denied, busy], 1),
        ] {
            let failed = FailedParts::of(&failures);
            assert_eq!(Exit::of_parts(false, failed).status(), status, "{failures:?}");
            assert_eq!(Exit::of_parts(true, failed), Exit::SomeFailed, "{failures:?}");
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
        assert_eq!(
            refused,
            ["wrong-token", "encryption-required", "key-required", "wrong-key", "no-key", "expired-token", "refused"]
        );
    }
}

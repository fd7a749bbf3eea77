//! The outcome of a call that is made twice, and what its error tells of whether it was made once.
//!
//! A request that only looks is made again, and so is one that comes to the same however often it is done. Of any other the
//! answer may have been lost after it was done: it is made again only if its server has told that it has not begun it, or if
//! nothing was sent.

use crate::error::Error;
use remofile_protocol::handshake::Refusal;
use remofile_protocol::limits::DEAD_AFTER;
use remofile_protocol::wire::{ErrorCode, Request};
use std::time::Duration;

/// Time for which a call that is made again waits for the lease. The lease of the lost session ends only when the server takes
/// that session for dead.
pub(crate) const LEASE_WAIT: Duration = DEAD_AFTER.saturating_add(Duration::from_secs(5));

/// The outcome of a request that is done twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeated {
    /// The same as once.
    Same,
    /// Something else.
    Different,
}

impl Repeated {
    /// The table of requests.
    pub(crate) fn of(request: &Request) -> Self {
        match request {
            Request::List { .. }
            | Request::Stat { .. }
            | Request::Look { .. }
            | Request::Space { .. }
            | Request::Status
            | Request::Find { .. }
            | Request::Survey { .. }
            | Request::Partials
            | Request::Sign { .. }
            | Request::Read { .. }
            | Request::ReadStaged { .. }
            | Request::Hash { .. }
            | Request::SetAttributes { .. }
            | Request::CreateFile { update: true, .. }
            | Request::MakeDirectory { update: true, .. } => Self::Same,
            Request::CreateFile { .. }
            | Request::MakeDirectory { .. }
            | Request::MakeLink { .. }
            | Request::Remove { .. }
            | Request::Move { .. }
            | Request::Copy { .. }
            | Request::ClearPartials { .. }
            | Request::Hold { .. }
            | Request::Upload { .. }
            | Request::Download { .. }
            | Request::Write { .. }
            | Request::Stage { .. } => Self::Different,
        }
    }
}

/// Reports whether an error means that the server of a session was lost, be it only for changes.
pub(crate) fn is_lost(error: &Error) -> bool {
    match error {
        Error::ConnectionLost(_) | Error::PeerSilent(_) | Error::Refused(Refusal::ShuttingDown) => true,
        Error::Remote(failure) => failure.code == ErrorCode::ShuttingDown || changes_nothing(error),
        _ => false,
    }
}

/// Reports whether an error means that the server changes nothing now, and that another one may.
pub(crate) fn changes_nothing(error: &Error) -> bool {
    matches!(error, Error::Remote(failure) if failure.code == ErrorCode::CoordinatorLost)
}

/// Reports whether an error means that the server has not begun what it was asked for last.
pub(crate) fn is_not_begun(error: &Error) -> bool {
    matches!(
        error,
        Error::Busy(_)
            | Error::Connect { .. }
            | Error::Resolve { .. }
            | Error::NoServer(_)
            | Error::NoAnswer { .. }
            | Error::NotRemofile { .. }
            | Error::SpeaksZeroMq { .. }
            | Error::Refused(_)
    ) || changes_nothing(error)
}

/// Reports whether an error means that no session could be opened now: later one may, where there was one before.
pub(crate) fn is_out_of_reach(error: &Error) -> bool {
    match error.most_telling() {
        Error::Connect { .. }
        | Error::NotRemofile { .. }
        | Error::SpeaksZeroMq { .. }
        | Error::NoAnswer { .. }
        | Error::Refused(Refusal::ShuttingDown | Refusal::TooMany) => true,
        Error::Resolve { .. } => matches!(error, Error::NoServer(_)),
        _ => false,
    }
}

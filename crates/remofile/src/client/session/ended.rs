//! The end of sessions and calls that do not end by themselves.

use crate::carrier::LinkError;
use crate::error::Error;
use remofile_protocol::handshake::Refusal;
use remofile_protocol::limits::DEAD_AFTER;
use remofile_protocol::session::SessionError;
use remofile_protocol::wire::ErrorCode;
use std::io;

/// The state of a session after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Usable for other calls.
    Usable,
    /// Not usable any more.
    Lost,
    /// Not usable any more: the server had ended it before the request came. A server that says goodbye first reports
    /// how each operation ended, so the request can be made again over another session.
    NotBegun,
}

/// Returns the error of a call whose session the server has ended. A goodbye without a reason means that the server
/// stops, as far as a call can tell.
pub(crate) fn closed(reason: Option<ErrorCode>) -> Error {
    match reason {
        Some(ErrorCode::TooMany) => Error::Refused(Refusal::TooMany),
        reason => Error::Remote(reason.unwrap_or(ErrorCode::ShuttingDown).into()),
    }
}

/// Returns the error of a call of which the server, which tells how every operation ended before it says goodbye, told nothing:
/// it has not begun it.
pub(crate) fn not_begun() -> Error {
    Error::Refused(Refusal::ShuttingDown)
}

/// Returns the error of a connection that has ended without a word. The system's words for it would be about a file.
pub(crate) fn gone() -> Error {
    Error::ConnectionLost(io::Error::new(io::ErrorKind::UnexpectedEof, "the other side has closed it"))
}

pub(crate) fn broken(error: SessionError) -> Error {
    match error {
        SessionError::PeerSilent(silence) => Error::PeerSilent(silence),
        other => Error::Protocol(other.to_string()),
    }
}

impl From<LinkError> for Error {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Closed => gone(),
            LinkError::Lost(error) if error.kind() == io::ErrorKind::UnexpectedEof => gone(),
            LinkError::Lost(error) if error.kind() == io::ErrorKind::TimedOut => Self::PeerSilent(DEAD_AFTER),
            LinkError::Lost(error) => Self::ConnectionLost(error),
            // The line does harm: another connection may come through, as after one that broke.
            LinkError::Tampered(changed) => Self::ConnectionLost(io::Error::new(io::ErrorKind::InvalidData, changed)),
            other => Self::Protocol(other.to_string()),
        }
    }
}

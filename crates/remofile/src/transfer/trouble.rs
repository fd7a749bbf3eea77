//! Reasons why a transfer does not go on.

use remofile_protocol::wire::{ErrorCode, Failure};

/// The monitor's wish to end the transfer. The monitor itself knows the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop;

/// The end of a transfer: something failed, or the monitor wants no more.
#[derive(Debug)]
pub enum Trouble {
    /// The failure, with its path and reason.
    Failed(Failure),
    /// See [`Stop`].
    Stopped,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Stop> for Trouble {
    fn from(_: Stop) -> Self {
        Self::Stopped
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Failed(failure) => failure,
            Trouble::Stopped => ErrorCode::Cancelled.into(),
        }
    }
}

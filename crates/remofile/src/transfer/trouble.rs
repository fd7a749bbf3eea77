//! Why a transfer does not go on.

use remofile_protocol::wire::{ErrorCode, Failure};

/// Whoever watches wants no more, and knows why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop;

/// Something failed, or whoever watches wants no more.
#[derive(Debug)]
pub enum Trouble {
    /// What, and why.
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

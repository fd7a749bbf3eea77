//! Operations that were ended in the middle.

use crate::blocking::Pending;
use remofile_protocol::wire::{Failure, OperationId};

/// An operation that was ended in the middle, and is not over yet.
pub(super) struct Leaving {
    pub(super) operation: OperationId,
    pub(super) failure: Failure,
    pub(super) over: Pending<()>,
}

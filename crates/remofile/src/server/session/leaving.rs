//! Operations that are ended, and not over yet.

use crate::blocking::Pending;
use remofile_protocol::wire::{Failure, OperationId};

/// An operation that failed or was ended in the middle, and whose client is told later.
pub(super) struct Leaving {
    pub(super) operation: OperationId,
    pub(super) failure: Failure,
    pub(super) over: Pending<()>,
    /// True until `over`, if the operation may still change something; false if only its lease is still to be given back.
    pub(super) is_changing: bool,
}

//! The question before each change that others see.

use crate::store::{Fence, StoreResult};
use remofile_protocol::wire::{ErrorCode, Failure};
use std::sync::Arc;

pub(super) fn pass(fence: &Arc<dyn Fence>) -> StoreResult<()> {
    match fence.remaining() {
        Some(_) => Ok(()),
        None => Err(Failure::new(ErrorCode::OutOfResources).because(
            "the server's coordinator cannot be reached, so that nothing is changed until it can: try again in a moment",
        )),
    }
}

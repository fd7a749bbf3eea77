//! Reading of bytes that must be there.

use crate::store::{Source, StoreResult};
use remofile_protocol::wire::{ErrorCode, Failure};

/// Reads bytes that must be there.
pub(super) fn read_all(source: &dyn Source, space: &mut [u8], offset: u64) -> StoreResult<()> {
    if source.read_at(space, offset)? < space.len() {
        return Err(Failure::new(ErrorCode::SourceChanged).because("it became shorter"));
    }
    Ok(())
}

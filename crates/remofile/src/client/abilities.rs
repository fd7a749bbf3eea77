//! The checks of what a server's store can do, before anything is changed.

use crate::error::{Error, Result};
use remofile_protocol::handshake::{Capabilities, Capability};
use remofile_protocol::wire::{ErrorCode, Failure};

/// Refuses what is wanted and cannot be had.
///
/// # Errors
/// [`Error::Remote`]: `unsupported`.
pub(crate) fn require(can: Capabilities, is_wanted: bool, capability: Capability) -> Result<()> {
    if !is_wanted || can.has(capability) {
        return Ok(());
    }
    let why = match capability {
        Capability::Links => "the server keeps no symbolic links: follow them, or leave them out",
        Capability::Modes => "the server keeps no permission bits: transfer without them",
        Capability::Times => "the server keeps no times: compare sizes or contents",
        Capability::Renames => "the server cannot rename",
        Capability::Backups => "the server keeps no backups: transfer without them",
        Capability::Edits => "the server changes no files in place",
        Capability::Replacing => "the server replaces no files: remove them first",
        Capability::Partials | Capability::ReadablePartials => "the server keeps nothing of unfinished files",
    };
    Err(Error::Remote(Failure::new(ErrorCode::Unsupported).because(why)))
}

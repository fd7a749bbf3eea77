//! A copy that is made here, since the store cannot rename or link: between file systems below one root.

use crate::transfer::change::Change;
use crate::transfer::copying::Copying;
use crate::transfer::moving::Moving;
use remofile_protocol::wire::{ErrorCode, Failure};

/// A copy or a move that is under way in place of an item; the items behind it wait.
pub(super) struct Across {
    /// The path of the item.
    pub(super) path: String,
    pub(super) work: Work,
}

pub(super) enum Work {
    Copy(Box<Copying>),
    Move(Box<Moving>, Change),
}

impl Across {
    pub(super) fn memory_bytes(&self) -> u64 {
        match &self.work {
            Work::Copy(copying) => copying.memory_bytes(),
            Work::Move(moving, _) => moving.memory_bytes(),
        }
    }
}

/// Reports whether a second name failed for the file systems that the names are on, or for what theirs admits.
pub(super) fn cannot_link(failure: &Failure) -> bool {
    matches!(failure.code, ErrorCode::CrossDevice | ErrorCode::Unsupported | ErrorCode::PermissionDenied)
}

//! The choice of how many connections a session has.

use std::num::NonZeroU8;

/// Smallest file for which further connections are opened at once, in bytes.
pub(crate) const LARGE_FILE: u64 = 256 * 1024;

/// The connections that a transfer has for each of its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LaneChoice {
    #[default]
    One,
    /// As many as help on this line.
    Helpful,
    /// So many, whatever the line.
    Exactly(NonZeroU8),
}

impl LaneChoice {
    /// The choice by the number of transfers at once: 0 for as many as help.
    pub(crate) fn of(transfers: u8) -> Self {
        match NonZeroU8::new(transfers) {
            None => Self::Helpful,
            Some(NonZeroU8::MIN) => Self::One,
            Some(lanes) => Self::Exactly(lanes),
        }
    }
}

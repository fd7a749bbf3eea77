//! The rights that a token can be given.

use remofile_protocol::handshake::{Right, Rights};
use std::str::FromStr;

/// The rights of a token, as people choose them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TokenRights {
    /// To list and to read.
    Read,
    /// To create what has new names, and nothing else: no listing, no reading, no replacing, no deleting. Its own
    /// interrupted uploads can be gone on with.
    Upload,
    /// To read, create, replace and delete.
    Write,
    /// As [`TokenRights::Write`], and to see and clear what concerns others: who is at work, and partials of interrupted
    /// uploads.
    #[default]
    All,
}

impl TokenRights {
    /// Every one there is.
    pub const EVERY: [Self; 4] = [Self::Read, Self::Upload, Self::Write, Self::All];

    /// Returns its name, as people and files write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Upload => "upload",
            Self::Write => "write",
            Self::All => "all",
        }
    }

    /// Returns the single rights.
    #[must_use]
    pub fn rights(self) -> Rights {
        match self {
            Self::Read => Rights::of(&[Right::Read]),
            Self::Upload => Rights::of(&[Right::Create]),
            Self::Write | Self::All => Rights::ALL,
        }
    }

    /// Reports whether what others do, and have left, is seen.
    #[must_use]
    pub fn sees_others(self) -> bool {
        self == Self::All
    }
}

impl FromStr for TokenRights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::EVERY.into_iter().find(|rights| rights.name() == text);
        known.ok_or_else(|| format!("{text:?} is no right of a token: use read, write, upload or all"))
    }
}

//! The abilities of the store behind a server, of which a client decides before it plans.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// The set of what a store can do. A server that tells nothing of it can do everything.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Capabilities {
    /// One bit for each [`Capability`] that is missing, so that what later versions add is missing nowhere before.
    lacking: u32,
}

/// Something that not every store can do. The number is its bit on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Capability {
    /// Keeps symbolic links.
    Links = 0,
    /// Keeps permission bits.
    Modes = 1,
    /// Keeps the time of modification that a file is given.
    Times = 2,
    /// Renames files and directories.
    Renames = 3,
    /// Keeps what is replaced or deleted under a second name.
    Backups = 4,
    /// Changes files in place.
    Edits = 5,
    /// Replaces files that are there by others.
    Replacing = 6,
    /// Keeps what is left of interrupted transfers.
    Partials = 7,
    /// Reads back what is left of them; otherwise they can only be gone on with at some places.
    ReadablePartials = 8,
    /// Copies files within itself.
    Copies = 9,
}

impl Capabilities {
    /// Everything.
    pub const ALL: Self = Self { lacking: 0 };

    /// These without one of them.
    #[must_use]
    pub const fn without(self, capability: Capability) -> Self {
        Self { lacking: self.lacking | (1 << capability as u8) }
    }

    /// These without what others lack.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self { lacking: self.lacking | others.lacking }
    }

    /// Tells whether one is among them.
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        self.lacking & (1 << capability as u8) == 0
    }

    pub(super) fn is_all(&self) -> bool {
        self.lacking == 0
    }
}

impl Capability {
    /// Every one there is.
    pub const EVERY: [Self; 10] = [
        Self::Links,
        Self::Modes,
        Self::Times,
        Self::Renames,
        Self::Backups,
        Self::Edits,
        Self::Replacing,
        Self::Partials,
        Self::ReadablePartials,
        Self::Copies,
    ];
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::ALL
    }
}

impl std::fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(Capability::EVERY.iter().filter(|capability| self.has(**capability))).finish()
    }
}

impl<C> Encode<C> for Capabilities {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u32(self.lacking)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Capabilities {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        // Bits that this version does not know are of no use to it.
        d.u64().map(|lacking| Self { lacking: (lacking & u64::from(u32::MAX)) as u32 })
    }
}

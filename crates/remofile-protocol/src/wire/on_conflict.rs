//! The rule for a file that is in the way of an uploaded one.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// The rule for a file that is in the way of an uploaded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// The new file fails with `already-exists`; the old one stays.
    #[default]
    Abort,
    /// The new file takes the old one's place when it is complete and checked.
    Replace,
    /// The new file is not taken (`skipped`); the old one stays.
    Skip,
    /// The new file gets a free name: `name (1).txt` in place of `name.txt`, and so on.
    Rename,
    /// As [`OnConflict::Replace`] where the old file is older than the new one, else as
    /// [`OnConflict::Skip`]. A new file without a time counts as newer.
    Newer,
}

impl<C> Encode<C> for OnConflict {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u8(match self {
            Self::Abort => 0,
            Self::Replace => 1,
            Self::Skip => 2,
            Self::Rename => 3,
            Self::Newer => 4,
        })?
        .ok()
    }
}

impl<'b, C> Decode<'b, C> for OnConflict {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        match d.u8()? {
            0 => Ok(Self::Abort),
            1 => Ok(Self::Replace),
            2 => Ok(Self::Skip),
            3 => Ok(Self::Rename),
            4 => Ok(Self::Newer),
            _ => Err(decode::Error::message("unknown conflict rule")),
        }
    }
}

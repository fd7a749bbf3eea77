//! Rights: what the holder of a token may do.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::fmt;

/// A right of a principal. The number is its bit on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Right {
    /// To list what is there and to read it.
    Read = 0,
    /// To give new files, directories and links names that nothing has.
    Create = 1,
    /// To change what is there, or to put something else in its place.
    Replace = 2,
    /// To remove what is there, or to give it another path.
    Remove = 3,
}

/// A set of rights. A server that tells nothing of them gives all.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rights {
    /// One bit for each [`Right`] that is missing, so that what later versions add is missing nowhere before.
    missing: u8,
}

impl Right {
    /// Every one there is.
    pub const ALL: [Self; 4] = [Self::Read, Self::Create, Self::Replace, Self::Remove];

    /// The right as refusals name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Remove => "remove",
        }
    }
}

/// The bits of all rights there are.
const EVERY: u8 = 0b1111;

impl Rights {
    /// All rights.
    pub const ALL: Self = Self { missing: 0 };

    /// The set of these rights.
    #[must_use]
    pub const fn of(rights: &[Right]) -> Self {
        let (mut missing, mut rest) = (EVERY, rights);
        while let Some((right, others)) = rest.split_first() {
            missing &= !(1 << *right as u8);
            rest = others;
        }
        Self { missing }
    }

    /// Reports whether a right is in the set.
    #[must_use]
    pub const fn has(self, right: Right) -> bool {
        self.missing & (1 << right as u8) == 0
    }

    /// Returns the first of the `needed` rights that is not in the set.
    #[must_use]
    pub fn first_missing(self, needed: Self) -> Option<Right> {
        Right::ALL.into_iter().find(|right| needed.has(*right) && !self.has(*right))
    }

    /// Reports whether something may be changed with them.
    #[must_use]
    pub fn can_change(self) -> bool {
        [Right::Create, Right::Replace, Right::Remove].into_iter().any(|right| self.has(right))
    }

    pub(super) fn is_all(&self) -> bool {
        self.missing == 0
    }
}

impl Default for Rights {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Right::ALL.iter().filter(|right| self.has(**right))).finish()
    }
}

impl<C> Encode<C> for Rights {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u8(self.missing)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Rights {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        // Rights that this version does not know are of no use to it.
        d.u64().map(|missing| Self { missing: (missing & u64::from(u8::MAX)) as u8 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_it_was_made_of_and_names_the_first_that_is_missing() {
        let upload = Rights::of(&[Right::Create]);
        assert!(upload.has(Right::Create) && !upload.has(Right::Read) && upload.can_change());
        assert_eq!(upload.first_missing(Rights::of(&[Right::Create, Right::Replace])), Some(Right::Replace));
        assert_eq!(upload.first_missing(Rights::of(&[Right::Create])), None);
        assert_eq!(Rights::of(&Right::ALL), Rights::ALL);
        assert!(!Rights::of(&[Right::Read]).can_change());
        assert_eq!(decode::<Rights>(&minicbor::to_vec(upload).unwrap()).unwrap(), upload);
        assert_eq!(minicbor::to_vec(upload).unwrap(), [0b1101]);
    }
}

//! Attributes of files, directories and links beside their contents: times, all permission bits, owner, group and
//! extended attributes.

use super::{Kind, Timestamp};
use crate::limits::MAX_EXTENDED_BYTES;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::fmt;

/// The attributes of something in a tree. What is absent is not told, and left as it is where the others are given.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Attributes {
    /// The kind of what they are of. Nothing of another kind is given them.
    #[n(0)]
    pub kind: Kind,
    /// The size of a regular file in bytes. A file of another size, or time, is not given them.
    #[n(1)]
    pub size: Option<u64>,
    /// The time of last modification. A regular file has it already; everything else gets it.
    #[n(2)]
    pub modified: Option<Timestamp>,
    /// All permission bits, 0 to 0o7777: set-user-ID, set-group-ID and sticky among them.
    #[n(3)]
    pub mode: Option<u32>,
    /// The user that it belongs to.
    #[n(4)]
    pub owner: Option<Account>,
    /// The group that it belongs to.
    #[n(5)]
    pub group: Option<Account>,
    /// All its extended attributes, access control lists among them, in the order of their names.
    #[n(6)]
    pub extended: Option<Vec<ExtendedAttribute>>,
}

/// A user or a group of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Account {
    /// The number.
    #[n(0)]
    pub id: u32,
    /// The name, where there is one. On another machine it goes before the number.
    #[n(1)]
    pub name: Option<String>,
}

/// An extended attribute.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtendedAttribute {
    /// The name, with its namespace: `user.comment`.
    pub name: String,
    /// The value.
    pub value: Vec<u8>,
}

impl Attributes {
    /// Attributes of something of this kind, of which nothing is told.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        Self { kind, size: None, modified: None, mode: None, owner: None, group: None, extended: None }
    }

    /// Bytes of its texts and values.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let name = |account: &Option<Account>| {
            account.as_ref().and_then(|account| account.name.as_ref()).map_or(0, String::len)
        };
        name(&self.owner) + name(&self.group) + self.extended.as_deref().map_or(0, extended_bytes)
    }
}

/// Bytes of the names and values of extended attributes.
#[must_use]
pub fn extended_bytes(all: &[ExtendedAttribute]) -> usize {
    all.iter().map(|one| one.name.len() + one.value.len()).sum()
}

/// The value may be anything, and long.
impl fmt::Debug for ExtendedAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({} bytes)", self.name, self.value.len())
    }
}

impl<C> Encode<C> for ExtendedAttribute {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.array(2)?.str(&self.name)?.bytes(&self.value)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for ExtendedAttribute {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        if d.array()? != Some(2) {
            return Err(decode::Error::message("an extended attribute has two elements"));
        }
        let (name, value) = (d.str()?.to_owned(), d.bytes()?.to_vec());
        // As long as a system takes them; the bounds of messages are those of their sum.
        if name.is_empty() || name.len() > 255 || name.contains('\0') || value.len() > MAX_EXTENDED_BYTES {
            return Err(decode::Error::message("impossible extended attribute"));
        }
        Ok(Self { name, value })
    }
}

/// The attributes that are kept, beside those that every transfer keeps.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct AttributeSet(u8);

impl AttributeSet {
    /// None.
    pub const NONE: Self = Self(0);
    /// Times of directories and links, and all permission bits.
    pub const TIMES_AND_MODES: Self = Self(1);
    /// Owner and group.
    pub const OWNER: Self = Self(2);
    /// Extended attributes, access control lists among them.
    pub const EXTENDED: Self = Self(4);
    /// No attributes: that owner and group are known by their numbers alone, not by their names.
    pub const NUMERIC: Self = Self(8);
    /// Every attribute.
    pub const ALL: Self = Self(7);

    /// Both together.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These without others.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Tells whether all of these are among them.
    #[must_use]
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Tells whether there are any attributes.
    #[must_use]
    pub const fn is_any(self) -> bool {
        self.0 & Self::ALL.0 != 0
    }

    pub(super) fn is_none(&self) -> bool {
        self.0 == 0
    }
}

impl fmt::Debug for AttributeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::TIMES_AND_MODES, "times and modes"),
            (Self::OWNER, "owner"),
            (Self::EXTENDED, "extended"),
            (Self::NUMERIC, "numeric"),
        ];
        f.debug_set().entries(names.iter().filter(|(one, _)| self.has(*one)).map(|(_, name)| name)).finish()
    }
}

impl<C> Encode<C> for AttributeSet {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u8(self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for AttributeSet {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        // Bits that this version does not know are of no use to it.
        d.u64().map(|bits| Self((bits & u64::from(u8::MAX)) as u8))
    }
}

//! What is known of a file in a directory.

use super::request::is_false;
use super::{Failure, Found, PartialEntry};
use crate::digest::Digest;
use crate::path::RemotePath;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::time::{Duration, SystemTime};

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, socket or pipe.
    Special,
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::File => 0,
            Self::Directory => 1,
            Self::Link => 2,
            Self::Special => 3,
        }
    }
}

impl<C> Encode<C> for Kind {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u8(self.number())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Kind {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Ok(match d.u8()? {
            0 => Self::File,
            1 => Self::Directory,
            2 => Self::Link,
            _ => Self::Special,
        })
    }
}

/// A time of last modification: seconds since 1970 (negative before) and nanoseconds after that
/// second, 0 to 999,999,999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanoseconds: u32,
}

impl Timestamp {
    /// Before all others.
    pub const EARLIEST: Self = Self { seconds: i64::MIN, nanoseconds: 0 };
    /// After all others.
    pub const LATEST: Self = Self { seconds: i64::MAX, nanoseconds: 999_999_999 };

    /// A time from its parts; nanoseconds beyond a second are cut to the last one.
    #[must_use]
    pub fn new(seconds: i64, nanoseconds: u32) -> Self {
        Self { seconds, nanoseconds: nanoseconds.min(999_999_999) }
    }

    /// Whole seconds since 1970.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after the second.
    #[must_use]
    pub fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// The time as the standard library has it; `None` where it cannot hold it.
    #[must_use]
    pub fn to_system_time(self) -> Option<SystemTime> {
        let whole = Duration::from_secs(self.seconds.unsigned_abs());
        let second = if self.seconds < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(whole)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(whole)
        };
        second?.checked_add(Duration::from_nanos(self.nanoseconds.into()))
    }
}

impl<C> Encode<C> for Timestamp {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.array(2)?.i64(self.seconds)?.u32(self.nanoseconds)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Timestamp {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        if d.array()? != Some(2) {
            return Err(decode::Error::message("a time has two elements"));
        }
        let (seconds, nanoseconds) = (d.i64()?, d.u32()?);
        if nanoseconds > 999_999_999 {
            return Err(decode::Error::message("nanoseconds beyond a second"));
        }
        Ok(Self { seconds, nanoseconds })
    }
}

/// One file or directory, as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Entry {
    /// Where it is.
    #[n(0)]
    pub path: RemotePath,
    /// What it is.
    #[n(1)]
    pub kind: Kind,
    /// Its size in bytes; 0 for everything but regular files.
    #[n(2)]
    pub size: u64,
    /// When it was last modified.
    #[n(3)]
    pub modified: Timestamp,
    /// Its permission bits, 0 to 0o777, where the file system has such.
    #[n(4)]
    pub mode: Option<u32>,
    /// Whether it is a regular file that was stored and may never have reached the disk, whatever is read of it: who
    /// has it sends it again.
    #[n(5)]
    #[cbor(default, skip_if = "is_false")]
    pub unflushed: bool,
}

/// One element of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// A file or directory.
    Entry(Entry),
    /// Something that could not be listed: an unreadable directory, a name that is no UTF-8.
    Failed(Failure),
}

/// One element of any answer by entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// As in a listing.
    Listed(Listed),
    /// Something that a download would send.
    Found(Found),
    /// What was kept of a file whose transfer broke off.
    Partial(PartialEntry),
    /// A symbolic link, and what it leads to.
    Link(Entry, String),
    /// The content of a file that was asked for.
    Digest {
        /// The path its item would have.
        name: String,
        /// XXH3-128 of all its bytes.
        digest: Digest,
    },
    /// Signatures of blocks, the next ones in order: see [`crate::block`].
    Signatures(Vec<u8>),
    /// The file whose blocks came before.
    Signed {
        /// What it was when it was opened.
        entry: Entry,
        /// XXH3-128 of all its bytes, if that was asked for.
        digest: Option<Digest>,
    },
}

impl<C> Encode<C> for Listed {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Entry(entry) => e.array(2)?.u8(0)?.encode_with(entry, ctx)?.ok(),
            Self::Failed(failure) => e.array(2)?.u8(1)?.encode_with(failure, ctx)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Listed {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        match d.decode_with(ctx)? {
            Element::Listed(listed) => Ok(listed),
            _ => Err(decode::Error::message("not an element of a listing")),
        }
    }
}

impl<C> Encode<C> for Element {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Listed(listed) => e.encode_with(listed, ctx)?.ok(),
            Self::Found(found) => e.array(3)?.u8(2)?.str(&found.name)?.encode_with(&found.entry, ctx)?.ok(),
            Self::Partial(partial) => e.array(2)?.u8(3)?.encode_with(partial, ctx)?.ok(),
            Self::Link(entry, target) => e.array(3)?.u8(4)?.encode_with(entry, ctx)?.str(target)?.ok(),
            Self::Digest { name, digest } => e.array(3)?.u8(5)?.str(name)?.bytes(digest)?.ok(),
            Self::Signatures(signatures) => e.array(2)?.u8(6)?.bytes(signatures)?.ok(),
            Self::Signed { entry, digest } => {
                e.array(3)?.u8(7)?.encode_with(entry, ctx)?;
                match digest {
                    Some(digest) => e.bytes(digest)?.ok(),
                    None => e.null()?.ok(),
                }
            }
        }
    }
}

impl<'b, C> Decode<'b, C> for Element {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let length = d.array()?;
        match (d.u8()?, length) {
            (0, Some(2)) => Ok(Self::Listed(Listed::Entry(d.decode_with(ctx)?))),
            (1, Some(2)) => Ok(Self::Listed(Listed::Failed(d.decode_with(ctx)?))),
            (2, Some(3)) => Ok(Self::Found(Found { name: d.str()?.to_owned(), entry: d.decode_with(ctx)? })),
            (3, Some(2)) => Ok(Self::Partial(d.decode_with(ctx)?)),
            (4, Some(3)) => Ok(Self::Link(d.decode_with(ctx)?, d.str()?.to_owned())),
            (5, Some(3)) => Ok(Self::Digest { name: d.str()?.to_owned(), digest: digest(d)? }),
            (6, Some(2)) => Ok(Self::Signatures(d.bytes()?.to_vec())),
            (7, Some(3)) => {
                let entry = d.decode_with(ctx)?;
                let is_absent = d.datatype()? == minicbor::data::Type::Null;
                let digest = if is_absent { d.skip().map(|()| None)? } else { Some(digest(d)?) };
                Ok(Self::Signed { entry, digest })
            }
            _ => Err(decode::Error::message("unknown listed element")),
        }
    }
}

fn digest(d: &mut Decoder<'_>) -> Result<Digest, decode::Error> {
    d.bytes()?.try_into().map_err(|_| decode::Error::message("a digest has 16 bytes"))
}

impl<C> Encode<C> for RemotePath {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.str(self.as_str())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for RemotePath {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::parse(d.str()?).map_err(decode::Error::custom)
    }
}

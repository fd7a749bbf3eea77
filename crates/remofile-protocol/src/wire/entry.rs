//! Entries: the metadata of files and directories.

use super::flag::is_false;
use crate::path::RemotePath;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::time::{Duration, SystemTime};

/// The kind of file that a path names.
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
    /// Its path.
    #[n(0)]
    pub path: RemotePath,
    /// Its kind.
    #[n(1)]
    pub kind: Kind,
    /// Its size in bytes; 0 for everything but regular files.
    #[n(2)]
    pub size: u64,
    /// The time of its last modification.
    #[n(3)]
    pub modified: Timestamp,
    /// Its permission bits, 0 to 0o777, where the file system has such.
    #[n(4)]
    pub mode: Option<u32>,
    /// True if it is a regular file that was stored and may never have reached the disk, whatever is read of it: who
    /// has it sends it again.
    #[n(5)]
    #[cbor(default, skip_if = "is_false")]
    pub unflushed: bool,
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

//! The selection of the files of a transfer, the options of sending them, and the partials of those that were begun
//! before.

use super::{AttributeSet, Entry, Timestamp};
use crate::digest::Digest;
use crate::limits::ITEM_CREDIT_BYTES;
use crate::path::RemotePath;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::num::{NonZeroU32, NonZeroU64};
use std::ops::RangeInclusive;

/// The treatment of symbolic links below the sources of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Links {
    /// They are passed over, each named.
    #[default]
    Skip,
    /// The target is sent in place of the link, if it is in the tree that is sent.
    Follow,
    /// They are sent as links, if what they lead to is, or would be, in the tree that is sent.
    Copy,
    /// They are sent as links, whatever they lead to, and kept as they are.
    Keep,
}

impl<C> Encode<C> for Links {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u8(match self {
            Self::Skip => 0,
            Self::Follow => 1,
            Self::Copy => 2,
            Self::Keep => 3,
        })?
        .ok()
    }
}

impl<'b, C> Decode<'b, C> for Links {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        match d.u8()? {
            0 => Ok(Self::Skip),
            1 => Ok(Self::Follow),
            2 => Ok(Self::Copy),
            3 => Ok(Self::Keep),
            _ => Err(decode::Error::message("unknown rule for links")),
        }
    }
}

/// The choice of files below the sources, in a request and in the options of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Selection {
    /// True if a source that does not exist is a shell pattern.
    #[n(0)]
    #[cbor(default)]
    pub patterns: bool,
    /// The rules of what is left out: lines in the notation of gitignore.
    #[n(1)]
    #[cbor(default)]
    pub rules: Vec<String>,
    /// Smallest file, in bytes.
    #[n(2)]
    pub min_size: Option<u64>,
    /// Largest file, in bytes.
    #[n(3)]
    pub max_size: Option<u64>,
    /// The treatment of links.
    #[n(4)]
    #[cbor(default)]
    pub links: Links,
    /// True if more sources come one by one in select messages, behind those of the request.
    #[n(5)]
    #[cbor(default)]
    pub one_by_one: bool,
    /// True if the sources are directories whose contents are meant: these have no name before theirs, and the rules
    /// say nothing of the sources themselves.
    #[n(6)]
    #[cbor(default, skip_if = "super::flag::is_false")]
    pub contents: bool,
    /// True if special files are sent. Of meaning where the server's hello says that it keeps files as they are.
    #[n(24)]
    #[cbor(default, skip_if = "super::flag::is_false")]
    pub devices: bool,
}

/// Options for sending files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct SendOptions {
    /// True if permission bits are sent.
    #[n(0)]
    #[cbor(default)]
    pub preserve_mode: bool,
    /// True if holes are sent as holes.
    #[n(1)]
    #[cbor(default)]
    pub sparse: bool,
    /// The zstd level to compress with, 1 to 19; `None` for no compression.
    #[n(2)]
    pub compress_level: Option<u8>,
    /// At most so many bytes a second, payload counted; `None` for no limit.
    #[n(3)]
    pub bytes_per_second: Option<u64>,
    /// At most so many bytes of content in a message; `None` for as much as a message takes.
    #[n(4)]
    pub chunk_bytes: Option<u32>,
    /// True if a file that is written to while it is sent is not sent. Otherwise it is sent as far as it went when it was
    /// opened, if what was sent is still in it.
    #[n(5)]
    #[cbor(default, skip_if = "super::flag::is_false")]
    pub strict: bool,
    /// The attributes that are kept as well, once everything has come. A sender of files does not need to know them.
    #[n(16)]
    #[cbor(default, skip_if = "AttributeSet::is_none")]
    pub attributes: AttributeSet,
    /// True if a file that has several names is sent once, and is at each of them. Of meaning where the server's hello says
    /// that it keeps files as they are.
    #[n(24)]
    #[cbor(default, skip_if = "super::flag::is_false")]
    pub hard_links: bool,
}

impl Selection {
    /// The sizes of its files, in bytes.
    #[must_use]
    pub fn sizes(&self) -> RangeInclusive<u64> {
        self.min_size.unwrap_or(0)..=self.max_size.unwrap_or(u64::MAX)
    }
}

impl SendOptions {
    /// Reports whether files get the permission bits of their sources, with their content or after it.
    #[must_use]
    pub fn sets_modes(&self) -> bool {
        self.preserve_mode || self.attributes.has(AttributeSet::TIMES_AND_MODES)
    }

    /// The rate to keep to, in bytes a second; `None` for no limit, as 0 is.
    #[must_use]
    pub fn rate(&self) -> Option<NonZeroU64> {
        self.bytes_per_second.and_then(NonZeroU64::new)
    }

    /// The most content of a message, in bytes; `None` for as much as it takes, as 0 is.
    #[must_use]
    pub fn chunk(&self) -> Option<NonZeroU32> {
        self.chunk_bytes.and_then(NonZeroU32::new)
    }
}

/// A place in a file up to which bytes are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Bytes before it.
    pub offset: u64,
    /// XXH3-128 of those bytes.
    pub digest: Digest,
}

impl<C> Encode<C> for Mark {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.array(2)?.u64(self.offset)?.bytes(&self.digest)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Mark {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        if d.array()? != Some(2) {
            return Err(decode::Error::message("a mark has two elements"));
        }
        let offset = d.u64()?;
        let digest = d.bytes()?.try_into().map_err(|_| decode::Error::message("a digest has 16 bytes"))?;
        Ok(Self { offset, digest })
    }
}

/// The partial that the receiver kept of a file whose transfer broke off.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PartialEntry {
    /// The path that the file was going to.
    #[n(0)]
    pub path: RemotePath,
    /// The size of the whole file, in bytes.
    #[n(1)]
    pub size: u64,
    /// The time of the source's last modification: with the size, the version of it that was being sent.
    #[n(2)]
    pub modified: Timestamp,
    /// Bytes that were kept.
    #[n(3)]
    pub received: u64,
    /// The time at which it was last written to.
    #[n(4)]
    pub touched: Timestamp,
    /// Places in it, rising; none where it was only listed.
    #[n(5)]
    #[cbor(default)]
    pub marks: Vec<Mark>,
}

/// The part of a file that its receiver has already.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Known {
    /// The size of the version of which it has something.
    #[n(0)]
    pub size: u64,
    /// The time of that version's last modification.
    #[n(1)]
    pub modified: Timestamp,
    /// Places up to which it has it, rising.
    #[n(2)]
    pub marks: Vec<Mark>,
}

/// A file that a client wants.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Selected {
    /// Its path.
    #[n(0)]
    pub path: RemotePath,
    /// The path its item shall have.
    #[n(1)]
    pub name: String,
    /// The part that the client has of it.
    #[n(2)]
    pub known: Option<Known>,
    /// True if it is a link that is sent as one.
    #[n(3)]
    #[cbor(default)]
    pub as_link: bool,
    /// The parts of it that are wanted, rising; none for all of it. Its digest is then theirs, one after
    /// the other.
    #[n(4)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Part {
    /// Bytes before it.
    #[n(0)]
    pub offset: u64,
    /// Its bytes.
    #[n(1)]
    pub length: u64,
}

/// A file whose blocks are to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ToSign {
    /// Its path.
    #[n(0)]
    pub path: RemotePath,
    /// Bytes in a block; the last of a part may be shorter.
    #[n(1)]
    pub block_bytes: u32,
    /// The seed of the strong hashes.
    #[n(2)]
    pub seed: u64,
    /// The parts that are cut in blocks, rising; none for the whole file, whose digest then follows.
    #[n(3)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// True if the digest is not needed.
    #[n(4)]
    #[cbor(default, skip_if = "super::flag::is_false")]
    pub undigested: bool,
}

impl Selected {
    /// The credit it takes, in bytes.
    #[must_use]
    pub fn credit_bytes(&self) -> u64 {
        let marks = self.known.as_ref().map_or(0, |known| known.marks.len() as u64 + 1);
        let texts = self.path.as_str().len() + self.name.len();
        ITEM_CREDIT_BYTES * (1 + marks + self.parts.len() as u64) + texts as u64
    }
}

/// A file or directory that a download would send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The path its item would have.
    pub name: String,
    /// Its metadata.
    pub entry: Entry,
}

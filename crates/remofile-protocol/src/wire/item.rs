//! The stream of files inside an upload or a download.
//!
//! A data message carries items in its header and the bytes of its files, one after the other, in its
//! payload. A large file is a [`Item::Begin`], many [`Item::Data`] over many messages and an
//! [`Item::End`]; a hundred small files are a hundred such triples in one message. So nothing is
//! answered per file or per chunk, in either direction.

use super::{Attributes, Failure, OnConflict, Special, Timestamp, Version};
use crate::digest::Digest;
use crate::limits::{COPY_BYTES_A_CREDIT, HOLE_BYTES_A_CREDIT, ITEM_CREDIT_BYTES};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// One step in a stream of files. Paths are relative to the operation's destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// There is a directory.
    Directory {
        /// Its path, names separated by slashes.
        path: String,
        /// Its permission bits, if they are to be kept.
        mode: Option<u32>,
    },
    /// A file begins. Only one file is open at a time.
    Begin {
        /// Its path, names separated by slashes.
        path: String,
        /// Its size in bytes; `None` where the sender does not know it (a pipe).
        size: Option<u64>,
        /// The time of its last modification; `None` to let the receiver take its own time.
        modified: Option<Timestamp>,
        /// Its permission bits, if they are to be kept.
        mode: Option<u32>,
        /// The rule for a file in its way; `None` for the rule of the request.
        rule: Option<OnConflict>,
        /// The receiver has the bytes before this offset, as it said: what follows goes on there.
        offset: u64,
        /// Client: the version of the file in whose place it comes, whatever the rule; any other there is
        /// `source-changed`, and stays. Of meaning where the server's hello says that it checks versions.
        replaces: Option<Version>,
    },
    /// The next bytes of the open file are the next `length` bytes of this message's payload.
    Data {
        /// Bytes of payload.
        length: u32,
    },
    /// The open file is complete.
    End {
        /// XXH3-128 of all its bytes.
        digest: Digest,
    },
    /// The open file will not be completed: forget it.
    Abort {
        /// The failure.
        failure: Failure,
    },
    /// Something was not sent: a file that cannot be read, a name that cannot be written.
    Failed {
        /// The failure, with the path of the file.
        failure: Failure,
    },
    /// The next bytes of the open file are zero, and take no room where it comes from.
    Hole {
        /// Bytes of content.
        length: u64,
    },
    /// The next bytes of the open file, compressed with zstd.
    Compressed {
        /// Bytes of payload.
        length: u32,
        /// Bytes of content.
        size: u32,
    },
    /// There is a symbolic link.
    Link {
        /// Its path, names separated by slashes.
        path: String,
        /// The target, relative to the directory that the link is in.
        target: String,
        /// The rule for a file in its way; `None` for the rule of the request.
        rule: Option<OnConflict>,
    },
    /// Bytes of the open file may be copied from this one, which the receiver has.
    Base {
        /// Its path, names separated by slashes.
        path: String,
    },
    /// The next bytes of the open file are these of its base.
    Copy {
        /// Bytes of the base before them.
        offset: u64,
        /// Bytes of content.
        length: u64,
    },
    /// Client: a file or directory gets another path; nothing is replaced.
    Move {
        /// The path it has.
        from: String,
        /// The path it gets; its directory exists.
        path: String,
    },
    /// Client: a file, a link or an empty directory is removed.
    Remove {
        /// Its path.
        path: String,
    },
    /// Client: a file or directory gets another time or other permission bits.
    Touch {
        /// Its path.
        path: String,
        /// The time of last modification; `None` to leave that.
        modified: Option<Timestamp>,
        /// Its permission bits; `None` to leave them.
        mode: Option<u32>,
    },
    /// Client: what is at a path, a file or a link, is also kept at another, from the root directory on,
    /// in place of what is there.
    Keep {
        /// Its path.
        path: String,
        /// The path that it is kept at; missing directories are made.
        to: String,
    },
    /// Client, in a write: the next `length` bytes of this message's payload belong at an offset of the file.
    Place {
        /// Bytes of the file before them.
        offset: u64,
        /// Bytes of payload.
        length: u32,
    },
    /// Client: what is at a path gets these attributes, if it is what they are of.
    Attributes {
        /// Its path; empty for the destination itself.
        path: String,
        /// The attributes.
        attributes: Box<Attributes>,
    },
    /// There is a symbolic link, which is kept as it is, whatever it leads to.
    KeptLink {
        /// Its path, names separated by slashes.
        path: String,
        /// The target, as it is written in it.
        target: String,
        /// The rule for a file in its way; `None` for the rule of the request.
        rule: Option<OnConflict>,
    },
    /// A file that is there is also at another path.
    HardLink {
        /// The path that it gets, names separated by slashes.
        path: String,
        /// The path that it has: of an item before, relative as that; or, from a client, from the root directory on,
        /// with a slash before it.
        of: String,
        /// The rule for a file in its way; `None` for the rule of the request.
        rule: Option<OnConflict>,
    },
    /// There is a special file.
    Special {
        /// Its path, names separated by slashes.
        path: String,
        /// The kind of it.
        special: Special,
        /// The time of its last modification.
        modified: Option<Timestamp>,
        /// Its permission bits, if they are to be kept.
        mode: Option<u32>,
        /// The rule for a file in its way; `None` for the rule of the request.
        rule: Option<OnConflict>,
    },
}

impl Item {
    /// The payload that belongs to it, in bytes.
    #[must_use]
    pub fn payload_bytes(&self) -> u32 {
        match self {
            Self::Data { length } | Self::Compressed { length, .. } | Self::Place { length, .. } => *length,
            _ => 0,
        }
    }

    /// Bytes of its texts: what it takes in a header beside some numbers.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Directory { path, .. } | Self::Begin { path, .. } => path.len(),
            Self::Link { path, target: other, .. }
            | Self::KeptLink { path, target: other, .. }
            | Self::HardLink { path, of: other, .. }
            | Self::Move { path, from: other }
            | Self::Keep { path, to: other } => path.len() + other.len(),
            Self::Base { path } | Self::Remove { path } | Self::Touch { path, .. } | Self::Special { path, .. } => {
                path.len()
            }
            Self::Attributes { path, attributes } => path.len() + attributes.text_bytes(),
            Self::Abort { failure } | Self::Failed { failure } => {
                failure.path.as_ref().map_or(0, String::len) + failure.detail.as_ref().map_or(0, String::len)
            }
            Self::Data { .. }
            | Self::End { .. }
            | Self::Hole { .. }
            | Self::Compressed { .. }
            | Self::Copy { .. }
            | Self::Place { .. } => 0,
        }
    }

    /// The credit it takes, in bytes, beside that of its payload: items without payload must not pile
    /// up at a receiver either, and content costs time however small it comes.
    #[must_use]
    pub fn credit_bytes(&self) -> u64 {
        let content = match self {
            Self::Hole { length } => length / HOLE_BYTES_A_CREDIT,
            Self::Copy { length, .. } => length / COPY_BYTES_A_CREDIT,
            Self::Compressed { length, size } => u64::from(size.saturating_sub(*length)),
            _ => 0,
        };
        ITEM_CREDIT_BYTES.saturating_add(self.text_bytes() as u64).saturating_add(content)
    }
}

/// The credit that a data message takes, in bytes.
#[must_use]
pub fn credit_bytes(items: &[Item], payload_bytes: usize) -> u64 {
    items.iter().map(Item::credit_bytes).fold(payload_bytes as u64, u64::saturating_add)
}

/// Holders have no place in an item, and take no credit.
fn without_holders(failure: Failure) -> Failure {
    Failure { holders: None, ..failure }
}

impl<C> Encode<C> for Item {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Directory { path, mode } => e.array(3)?.u8(0)?.str(path)?.encode_with(mode, ctx)?,
            Self::Begin { path, size, modified, mode, rule, offset, replaces } => {
                let is_long = rule.is_some() || *offset > 0 || replaces.is_some();
                e.array(if replaces.is_some() {
                    8
                } else if is_long {
                    7
                } else {
                    5
                })?
                .u8(1)?
                .str(path)?;
                e.encode_with(size, ctx)?.encode_with(modified, ctx)?.encode_with(mode, ctx)?;
                if is_long {
                    e.encode_with(rule, ctx)?.u64(*offset)?;
                }
                if replaces.is_some() { e.encode_with(replaces, ctx)? } else { e }
            }
            Self::Data { length } => e.array(2)?.u8(2)?.u32(*length)?,
            Self::End { digest } => e.array(2)?.u8(3)?.bytes(digest)?,
            Self::Abort { failure } => e.array(2)?.u8(4)?.encode_with(failure, ctx)?,
            Self::Failed { failure } => e.array(2)?.u8(5)?.encode_with(failure, ctx)?,
            Self::Hole { length } => e.array(2)?.u8(6)?.u64(*length)?,
            Self::Compressed { length, size } => e.array(3)?.u8(7)?.u32(*length)?.u32(*size)?,
            Self::Link { path, target, rule } => e.array(4)?.u8(8)?.str(path)?.str(target)?.encode_with(rule, ctx)?,
            Self::Base { path } => e.array(2)?.u8(9)?.str(path)?,
            Self::Copy { offset, length } => e.array(3)?.u8(10)?.u64(*offset)?.u64(*length)?,
            Self::Move { from, path } => e.array(3)?.u8(11)?.str(from)?.str(path)?,
            Self::Remove { path } => e.array(2)?.u8(12)?.str(path)?,
            Self::Touch { path, modified, mode } => {
                e.array(4)?.u8(13)?.str(path)?.encode_with(modified, ctx)?.encode_with(mode, ctx)?
            }
            Self::Keep { path, to } => e.array(3)?.u8(14)?.str(path)?.str(to)?,
            Self::Place { offset, length } => e.array(3)?.u8(15)?.u64(*offset)?.u32(*length)?,
            Self::Attributes { path, attributes } => e.array(3)?.u8(16)?.str(path)?.encode_with(attributes, ctx)?,
            Self::KeptLink { path, target, rule } => {
                e.array(4)?.u8(32)?.str(path)?.str(target)?.encode_with(rule, ctx)?
            }
            Self::HardLink { path, of, rule } => e.array(4)?.u8(33)?.str(path)?.str(of)?.encode_with(rule, ctx)?,
            Self::Special { path, special, modified, mode, rule } => {
                e.array(6)?.u8(34)?.str(path)?.encode_with(special, ctx)?;
                e.encode_with(modified, ctx)?.encode_with(mode, ctx)?.encode_with(rule, ctx)?
            }
        };
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Item {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let length = d.array()?.ok_or_else(|| decode::Error::message("an item has a definite length"))?;
        let (item, known) = match d.u8()? {
            0 => (Self::Directory { path: d.str()?.to_owned(), mode: d.decode_with(ctx)? }, 3),
            1 => {
                let path = d.str()?.to_owned();
                let (size, modified, mode) = (d.decode_with(ctx)?, d.decode_with(ctx)?, d.decode_with(ctx)?);
                let (rule, offset) = if length >= 7 { (d.decode_with(ctx)?, d.u64()?) } else { (None, 0) };
                let replaces = if length >= 8 { d.decode_with(ctx)? } else { None };
                let known = if length >= 7 { length.min(8) } else { 5 };
                (Self::Begin { path, size, modified, mode, rule, offset, replaces }, known)
            }
            2 => (Self::Data { length: d.u32()? }, 2),
            3 => {
                let digest = d.bytes()?.try_into().map_err(|_| decode::Error::message("a digest has 16 bytes"))?;
                (Self::End { digest }, 2)
            }
            4 => (Self::Abort { failure: without_holders(d.decode_with(ctx)?) }, 2),
            5 => (Self::Failed { failure: without_holders(d.decode_with(ctx)?) }, 2),
            6 => (Self::Hole { length: d.u64()? }, 2),
            7 => (Self::Compressed { length: d.u32()?, size: d.u32()? }, 3),
            8 => {
                let (path, target) = (d.str()?.to_owned(), d.str()?.to_owned());
                (Self::Link { path, target, rule: d.decode_with(ctx)? }, 4)
            }
            9 => (Self::Base { path: d.str()?.to_owned() }, 2),
            10 => (Self::Copy { offset: d.u64()?, length: d.u64()? }, 3),
            11 => (Self::Move { from: d.str()?.to_owned(), path: d.str()?.to_owned() }, 3),
            12 => (Self::Remove { path: d.str()?.to_owned() }, 2),
            13 => {
                let path = d.str()?.to_owned();
                (Self::Touch { path, modified: d.decode_with(ctx)?, mode: d.decode_with(ctx)? }, 4)
            }
            14 => (Self::Keep { path: d.str()?.to_owned(), to: d.str()?.to_owned() }, 3),
            15 => (Self::Place { offset: d.u64()?, length: d.u32()? }, 3),
            16 => (Self::Attributes { path: d.str()?.to_owned(), attributes: Box::new(d.decode_with(ctx)?) }, 3),
            32 => {
                let (path, target) = (d.str()?.to_owned(), d.str()?.to_owned());
                (Self::KeptLink { path, target, rule: d.decode_with(ctx)? }, 4)
            }
            33 => {
                let (path, of) = (d.str()?.to_owned(), d.str()?.to_owned());
                (Self::HardLink { path, of, rule: d.decode_with(ctx)? }, 4)
            }
            34 => {
                let (path, special) = (d.str()?.to_owned(), d.decode_with(ctx)?);
                let (modified, mode) = (d.decode_with(ctx)?, d.decode_with(ctx)?);
                (Self::Special { path, special, modified, mode, rule: d.decode_with(ctx)? }, 6)
            }
            _ => return Err(decode::Error::message("unknown item")),
        };
        for _ in known..length {
            d.skip()?;
        }
        Ok(item)
    }
}

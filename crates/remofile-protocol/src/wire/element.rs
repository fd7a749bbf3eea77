//! The elements of answers: what is listed, found, kept, digested or signed.

use super::{Attributes, Entry, Failure, Found, PartialEntry, Special};
use crate::digest::Digest;
use crate::hash::HashAlgorithm;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// The number of an element with the hash of a file.
const HASH: u8 = 40;

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
    /// The partial of a file whose transfer broke off.
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
        /// Its metadata when it was opened.
        entry: Entry,
        /// XXH3-128 of all its bytes, if that was asked for.
        digest: Option<Digest>,
    },
    /// The attributes of something that a download would send.
    Attributes {
        /// The path its item would have; empty for the directory whose contents are sent.
        name: String,
        /// The attributes.
        attributes: Box<Attributes>,
    },
    /// As an entry in a listing, with what is told only if it is asked for.
    Extra(Entry, Extra),
    /// The hash of a file.
    Hash {
        /// The path its item would have.
        name: String,
        /// Its metadata when it was opened.
        entry: Entry,
        /// The hash of all its bytes.
        hash: Vec<u8>,
    },
}

/// Attributes of an entry that are told only if they are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// A regular file has several names, which share this number.
    Shared(Digest),
    /// Kind of a special file.
    Special(Special),
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
            Self::Attributes { name, attributes } => e.array(3)?.u8(16)?.str(name)?.encode_with(attributes, ctx)?.ok(),
            Self::Signed { entry, digest } => {
                e.array(3)?.u8(7)?.encode_with(entry, ctx)?;
                match digest {
                    Some(digest) => e.bytes(digest)?.ok(),
                    None => e.null()?.ok(),
                }
            }
            Self::Extra(entry, Extra::Shared(number)) => {
                e.array(3)?.u8(32)?.encode_with(entry, ctx)?.bytes(number)?.ok()
            }
            Self::Extra(entry, Extra::Special(special)) => {
                e.array(3)?.u8(33)?.encode_with(entry, ctx)?.encode_with(special, ctx)?.ok()
            }
            Self::Hash { name, entry, hash } => {
                e.array(4)?.u8(HASH)?.str(name)?.encode_with(entry, ctx)?.bytes(hash)?.ok()
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
            (16, Some(3)) => {
                Ok(Self::Attributes { name: d.str()?.to_owned(), attributes: Box::new(d.decode_with(ctx)?) })
            }
            (7, Some(3)) => {
                let entry = d.decode_with(ctx)?;
                let is_absent = d.datatype()? == minicbor::data::Type::Null;
                let digest = if is_absent { d.skip().map(|()| None)? } else { Some(digest(d)?) };
                Ok(Self::Signed { entry, digest })
            }
            (32, Some(3)) => Ok(Self::Extra(d.decode_with(ctx)?, Extra::Shared(digest(d)?))),
            (33, Some(3)) => Ok(Self::Extra(d.decode_with(ctx)?, Extra::Special(d.decode_with(ctx)?))),
            (HASH, Some(4)) => Ok(Self::Hash { name: d.str()?.to_owned(), entry: d.decode_with(ctx)?, hash: hash(d)? }),
            _ => Err(decode::Error::message("unknown listed element")),
        }
    }
}

fn hash(d: &mut Decoder<'_>) -> Result<Vec<u8>, decode::Error> {
    let bytes = d.bytes()?;
    let is_one = HashAlgorithm::EVERY.iter().any(|algorithm| algorithm.hash_bytes() == bytes.len());
    is_one.then(|| bytes.to_vec()).ok_or_else(|| decode::Error::message("no hash has so many bytes"))
}

fn digest(d: &mut Decoder<'_>) -> Result<Digest, decode::Error> {
    d.bytes()?.try_into().map_err(|_| decode::Error::message("a digest has 16 bytes"))
}

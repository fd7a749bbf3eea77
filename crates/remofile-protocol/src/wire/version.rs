//! The version of a file, which tells it from every other version.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// A version of a file: what a server makes of whatever changes with it. Two are compared, and nothing else is
/// read from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version(pub [u8; 16]);

impl<C> Encode<C> for Version {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Version {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.bytes()?.try_into().map(Self).map_err(|_| decode::Error::message("a version has 16 bytes"))
    }
}

//! The name of a file that is written and not visible yet.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// The name of a staged file, which nobody but its writer knows. Chosen at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StagedFileId(pub [u8; 16]);

impl<C> Encode<C> for StagedFileId {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for StagedFileId {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.bytes()?.try_into().map(Self).map_err(|_| decode::Error::message("the name of a staged file has 16 bytes"))
    }
}

//! The version of a file, which tells it from every other version, and what a client knows of a file that may grow.

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

/// A file that may be written to while it is read, as the client knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Growing {
    /// The size that it had at the version that it must be; 0 if that can be any.
    #[n(0)]
    #[cbor(default)]
    pub size: u64,
    /// The number that tells it from other files, if the server told one.
    #[n(1)]
    pub identity: Option<u64>,
    /// True if what came behind its end since is read as well; one that was replaced and is read to its end fails with
    /// `source-changed`.
    #[n(2)]
    #[cbor(default, skip_if = "super::flag::is_false")]
    pub follow: bool,
}

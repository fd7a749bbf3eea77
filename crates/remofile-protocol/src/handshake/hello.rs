//! The hellos: what both sides tell each other inside the handshake.

use super::capabilities::Capabilities;
use crate::limits::{DEFAULT_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES, MIN_PAYLOAD_BYTES};
use crate::path::NameRule;
use crate::printable::is_harmful;
use crate::transport::Cipher;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// Longest agent or client name that is sent, in bytes.
const MAX_TEXT_BYTES: usize = 128;

/// A client's hello.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ClientHello {
    /// The ciphers it accepts, preferred ones first.
    #[n(0)]
    pub ciphers: Vec<Cipher>,
    /// The name and version of its software.
    #[n(1)]
    pub agent: String,
    /// User and host, shown to others who have to wait for it.
    #[n(2)]
    pub client: String,
    /// Largest payload of a message it accepts, in bytes.
    #[n(3)]
    pub max_payload_bytes: u32,
}

/// A server's hello.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ServerHello {
    /// The cipher of this session.
    #[n(0)]
    pub cipher: Cipher,
    /// The name and version of its software.
    #[n(1)]
    pub agent: String,
    /// Largest payload of a message it accepts, in bytes.
    #[n(2)]
    pub max_payload_bytes: u32,
    /// The rule for names that the server admits.
    #[n(3)]
    pub names: NameRule,
    /// Largest file it accepts and sends, in bytes.
    #[n(4)]
    pub file_size_limit: u64,
    /// True if it refuses every change.
    #[n(5)]
    pub read_only: bool,
    /// The places of its root directory and of the directories above it: see [`Place`]. A client on the same
    /// machine knows by them when source and destination lie in each other.
    #[n(7)]
    #[cbor(default)]
    pub places: Vec<Place>,
    /// True if it checks, as it commits a file, the version that the file replaces: see
    /// [`crate::wire::Item::Begin`].
    #[n(8)]
    #[cbor(default, skip_if = "is_false")]
    pub checks_versions: bool,
    /// The capabilities of its store.
    #[n(9)]
    #[cbor(default, skip_if = "Capabilities::is_all")]
    pub capabilities: Capabilities,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A number for a directory that nobody else has: a digest of the machine's boot, the device and the inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Place(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

/// Places that a server tells at most, its root included: a hello has to be small.
pub const MAX_PLACES: usize = 24;

impl ClientHello {
    /// A hello with this side's usual limits; long texts are cut.
    #[must_use]
    pub fn new(ciphers: Vec<Cipher>, agent: &str, client: &str) -> Self {
        Self { ciphers, agent: cut(agent), client: cut(client), max_payload_bytes: DEFAULT_PAYLOAD_BYTES }
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut hello: Self = Decoder::new(bytes).decode().ok()?;
        hello.agent = printable(&hello.agent);
        hello.client = printable(&hello.client);
        is_payload_limit(hello.max_payload_bytes).then_some(hello)
    }
}

impl ServerHello {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut hello: Self = Decoder::new(bytes).decode().ok()?;
        hello.agent = printable(&hello.agent);
        hello.places.truncate(MAX_PLACES);
        is_payload_limit(hello.max_payload_bytes).then_some(hello)
    }
}

#[expect(clippy::expect_used, reason = "nothing of it comes from a peer")]
pub(super) fn write<T: Encode<()>>(hello: &T) -> Vec<u8> {
    minicbor::to_vec(hello).expect("memory can always be written")
}

pub(super) fn is_payload_limit(bytes: u32) -> bool {
    (MIN_PAYLOAD_BYTES..=MAX_PAYLOAD_BYTES).contains(&bytes)
}

/// Texts of a peer are shown to people and written to logs.
pub(super) fn printable(text: &str) -> String {
    cut(&text.chars().map(|c| if is_harmful(c) { '?' } else { c }).collect::<String>())
}

pub(super) fn cut(text: &str) -> String {
    let end = (0..=text.len().min(MAX_TEXT_BYTES)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

impl<C> Encode<C> for NameRule {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u8(match self {
            Self::Portable => 0,
            Self::Posix => 1,
        })?
        .ok()
    }
}

impl<'b, C> Decode<'b, C> for NameRule {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        match d.u8()? {
            0 => Ok(Self::Portable),
            1 => Ok(Self::Posix),
            _ => Err(decode::Error::message("unknown name rule")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> ServerHello {
        ServerHello {
            cipher: Cipher::Unknown,
            agent: String::new(),
            max_payload_bytes: DEFAULT_PAYLOAD_BYTES,
            names: NameRule::Portable,
            file_size_limit: 1,
            read_only: false,
            places: Vec::new(),
            checks_versions: false,
            capabilities: Capabilities::ALL,
        }
    }

    #[test]
    fn what_a_store_lacks_is_told_and_nothing_is_told_of_one_that_lacks_nothing() {
        use super::super::Capability;
        let whole = write(&hello());
        let without = Capabilities::ALL.without(Capability::Links).without(Capability::ReadablePartials);
        let bytes = write(&ServerHello { capabilities: without, ..hello() });
        assert_eq!(bytes.len(), whole.len() + 4, "a key, and a number of three bytes");
        assert_eq!(ServerHello::read(&bytes).unwrap().capabilities, without);
        assert_eq!(ServerHello::read(&whole).unwrap().capabilities, Capabilities::ALL);
        assert!(!without.has(Capability::Links) && without.has(Capability::Modes));
    }

    #[test]
    fn a_client_takes_notice_of_no_more_places_than_may_be_told() {
        let hello = ServerHello { places: vec![Place([7; 16]); MAX_PLACES + 1], ..hello() };
        assert_eq!(ServerHello::read(&write(&hello)).unwrap().places.len(), MAX_PLACES);
    }
}

//! The hellos: what both sides tell each other inside the handshake.

use super::capabilities::Capabilities;
use super::client_identity::ClientIdentity;
use super::rights::Rights;
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
    /// Its identity, by which the server knows its former sessions.
    #[n(4)]
    pub identity: Option<ClientIdentity>,
    /// Numbers of connections of the same run ([`ClientIdentity::connection`]) that are over on its side, though the server
    /// may not have noticed. It ends what it still has of them.
    #[n(5)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub left: Vec<u64>,
    /// Number of the session of the same run ([`ClientIdentity::connection`]) that this is a further connection of; `None`
    /// for a session of its own. Of meaning where the server's hello says that it takes such connections.
    #[n(18)]
    pub joins: Option<u64>,
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
    /// Largest file it stores, in bytes.
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
    /// The rights that the token gives.
    #[n(10)]
    #[cbor(default, skip_if = "Rights::is_all")]
    pub rights: Rights,
    /// True if it knows [`crate::wire::Request::Stage`].
    #[n(14)]
    #[cbor(default, skip_if = "is_false")]
    pub stages_files: bool,
    /// The sizes of chunks that its clients may choose; `None` if it does not tell.
    #[n(12)]
    pub chunk_sizes: Option<ChunkSizes>,
    /// True if it keeps [`crate::wire::Attributes`], and tells them.
    #[n(15)]
    #[cbor(default, skip_if = "is_false")]
    pub attributes: bool,
    /// True if it keeps files as they are: it takes and sends [`crate::wire::Item::KeptLink`],
    /// [`crate::wire::Item::HardLink`] and [`crate::wire::Item::Special`].
    #[n(16)]
    #[cbor(default, skip_if = "is_false")]
    pub as_they_are: bool,
    /// True if it knows [`crate::wire::Request::Hash`] and [`crate::wire::Request::Space`].
    #[n(17)]
    #[cbor(default, skip_if = "is_false")]
    pub hashes_files: bool,
    /// True if its sessions may have several connections: see [`ClientHello::joins`].
    #[n(18)]
    #[cbor(default, skip_if = "is_false")]
    pub takes_lanes: bool,
    /// True if its copies are whole: what it holds for a file it holds for the copy, and [`crate::wire::Request::Copy`] keeps the
    /// attributes, links and names that it is asked to keep.
    #[n(20)]
    #[cbor(default, skip_if = "is_false")]
    pub whole_copies: bool,
    /// True if this connection has its place in the session that it joins: the client may send over it at once, behind the
    /// message that proves its handshake.
    #[n(23)]
    #[cbor(default, skip_if = "is_false")]
    pub has_joined: bool,
}

/// The least and the largest chunk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ChunkSizes {
    /// The least.
    #[n(0)]
    pub least: u64,
    /// The largest.
    #[n(1)]
    pub most: u64,
}

impl ChunkSizes {
    /// Reports whether a chunk may have this size.
    #[must_use]
    pub fn admit(self, bytes: u64) -> bool {
        (self.least..=self.most).contains(&bytes)
    }
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

/// Connections that a client tells at most as [`ClientHello::left`]: a hello has to be small.
pub const MAX_LEFT: usize = 32;

impl ClientHello {
    /// A hello with this side's usual limits; long texts are cut.
    #[must_use]
    pub fn new(ciphers: Vec<Cipher>, agent: &str, client: &str) -> Self {
        Self {
            ciphers,
            agent: cut(agent),
            client: cut(client),
            max_payload_bytes: DEFAULT_PAYLOAD_BYTES,
            identity: None,
            left: Vec::new(),
            joins: None,
        }
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut hello: Self = Decoder::new(bytes).decode().ok()?;
        hello.agent = printable(&hello.agent);
        hello.client = printable(&hello.client);
        hello.left.truncate(MAX_LEFT);
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
            rights: Rights::ALL,
            stages_files: false,
            chunk_sizes: None,
            attributes: false,
            as_they_are: false,
            hashes_files: false,
            takes_lanes: false,
            whole_copies: false,
            has_joined: false,
        }
    }

    #[test]
    fn a_server_tells_its_sizes_of_chunks_and_one_that_does_not_is_read() {
        let chunk_sizes = Some(ChunkSizes { least: 512, most: 8192 });
        let told = ServerHello { chunk_sizes, ..hello() };
        assert_eq!(ServerHello::read(&write(&told)).unwrap().chunk_sizes, chunk_sizes);
        assert_eq!(ServerHello::read(&write(&hello())).unwrap().chunk_sizes, None);
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

    #[test]
    fn connections_that_a_client_has_left_are_told_by_a_key_of_their_own_and_no_more_than_may_be() {
        let hello = ClientHello::new(vec![Cipher::ChaCha20Poly1305], "a", "b");
        let without = write(&hello);
        let bytes = write(&ClientHello { left: vec![0, 7, 300], ..hello.clone() });
        assert_eq!(bytes.first().map(|map| map - 1), without.first().copied(), "one key more");
        assert_eq!(bytes[1..], [&without[1..], &[0x05, 0x83, 0x00, 0x07, 0x19, 0x01, 0x2c]].concat());
        assert_eq!(ClientHello::read(&bytes).unwrap().left, [0, 7, 300]);
        assert!(ClientHello::read(&without).unwrap().left.is_empty());
        let many = ClientHello { left: (0..100).collect(), ..hello };
        assert_eq!(ClientHello::read(&write(&many)).unwrap().left.len(), MAX_LEFT);
    }

    #[test]
    fn further_connections_are_told_by_a_key_of_their_own_that_other_hellos_do_not_have() {
        let hello_of_client = ClientHello::new(vec![Cipher::ChaCha20Poly1305], "a", "b");
        let without = write(&hello_of_client);
        let bytes = write(&ClientHello { joins: Some(3), ..hello_of_client });
        assert_eq!(bytes[1..], [&without[1..], &[0x12, 0x03]].concat());
        assert_eq!(ClientHello::read(&bytes).unwrap().joins, Some(3));
        assert_eq!(ClientHello::read(&without).unwrap().joins, None);
        let without = write(&hello());
        let bytes = write(&ServerHello { takes_lanes: true, ..hello() });
        assert_eq!(bytes[1..], [&without[1..], &[0x12, 0xf5]].concat());
        assert!(ServerHello::read(&bytes).unwrap().takes_lanes && !ServerHello::read(&without).unwrap().takes_lanes);
        let bytes = write(&ServerHello { has_joined: true, ..hello() });
        assert_eq!(bytes[1..], [&without[1..], &[0x17, 0xf5]].concat());
        assert!(ServerHello::read(&bytes).unwrap().has_joined && !ServerHello::read(&without).unwrap().has_joined);
    }
}

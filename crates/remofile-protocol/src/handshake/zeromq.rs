//! The opening of a session over ZeroMQ: one message each way, in a connection that ZeroMQ has opened.
//!
//! What the token proves in the native handshake, ZeroMQ's own mechanism has to: the token is sent as it is,
//! in clear with NULL, inside the encryption with CURVE.

use super::hello::{cut, is_payload_limit, printable};
use super::{ClientIdentity, Refusal, ServerHello};
use crate::digest::DigestKind;
use crate::limits::{DEFAULT_PAYLOAD_BYTES, MAX_HANDSHAKE_BYTES, PROTOCOL_VERSION};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use zeroize::Zeroizing;

/// The beginning of both messages, so that nothing else is taken for one.
const MAGIC: &str = "remofile";

/// The first message of a client, one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZeroMqHello {
    /// Lowest and highest version of the protocol that it speaks.
    pub versions: (u8, u8),
    /// The name and version of its software.
    pub agent: String,
    /// User and host, shown to others who have to wait for it.
    pub client: String,
    /// Largest payload of a message it accepts, in bytes.
    pub max_payload_bytes: u32,
    /// The token; without one the socket's routing id is it.
    pub token: Option<SentToken>,
    /// The digest that ends files in both directions.
    pub digest: DigestKind,
    /// Its identity, by which the server knows its former sessions.
    pub identity: Option<ClientIdentity>,
}

/// A token as it was sent: wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SentToken(pub Zeroizing<String>);

impl std::fmt::Debug for SentToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SentToken(hidden)")
    }
}

/// The server's answer to a hello, one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ZeroMqAnswer {
    /// The session is open.
    Accepted(Box<ServerHello>),
    /// The hello is refused.
    Refused(Refusal),
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct HelloMap {
    #[n(0)]
    lowest: u8,
    #[n(1)]
    highest: u8,
    #[n(2)]
    agent: String,
    #[n(3)]
    client: String,
    #[n(4)]
    max_payload_bytes: u32,
    #[n(5)]
    token: Option<Zeroized>,
    #[n(6)]
    #[cbor(default)]
    digest: DigestKind,
    #[n(7)]
    identity: Option<ClientIdentity>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct AnswerMap {
    #[n(0)]
    status: u8,
    #[n(1)]
    version: u8,
    #[n(2)]
    hello: Option<ServerHello>,
}

struct Zeroized(Zeroizing<String>);

impl<C> Encode<C> for Zeroized {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Zeroized {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Ok(Self(Zeroizing::new(d.str()?.to_owned())))
    }
}

impl ZeroMqHello {
    /// A hello of this version; long texts are cut.
    #[must_use]
    pub fn new(agent: &str, client: &str, token: Option<Zeroizing<String>>) -> Self {
        Self {
            versions: (PROTOCOL_VERSION, PROTOCOL_VERSION),
            agent: cut(agent),
            client: cut(client),
            max_payload_bytes: DEFAULT_PAYLOAD_BYTES,
            token: token.map(SentToken),
            digest: DigestKind::default(),
            identity: None,
        }
    }

    /// Reports whether a frame is meant as a hello.
    #[must_use]
    pub fn is_meant(frame: &[u8]) -> bool {
        let mut decoder = Decoder::new(frame);
        matches!(decoder.array(), Ok(Some(2))) && matches!(decoder.str(), Ok(MAGIC))
    }

    /// Reads a frame; `None` if it is no hello, or not as a hello has to be.
    #[must_use]
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let map: HelloMap = read(frame)?;
        is_payload_limit(map.max_payload_bytes).then(|| Self {
            versions: (map.lowest, map.highest),
            agent: printable(&map.agent),
            client: printable(&map.client),
            max_payload_bytes: map.max_payload_bytes,
            token: map.token.map(|token| SentToken(token.0)),
            digest: map.digest,
            identity: map.identity,
        })
    }

    /// The frame.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let token = self.token.as_ref().map(|token| Zeroized(token.0.clone()));
        Zeroizing::new(write(&HelloMap {
            lowest: self.versions.0,
            highest: self.versions.1,
            agent: self.agent.clone(),
            client: self.client.clone(),
            max_payload_bytes: self.max_payload_bytes,
            token,
            digest: self.digest,
            identity: self.identity,
        }))
    }

    /// Reports whether it speaks this version of the protocol.
    #[must_use]
    pub fn speaks_this_version(&self) -> bool {
        (self.versions.0..=self.versions.1).contains(&PROTOCOL_VERSION)
    }
}

impl ZeroMqAnswer {
    /// Reads a frame; `None` if it is no answer.
    #[must_use]
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let map: AnswerMap = read(frame)?;
        match (map.status, map.hello) {
            (0, Some(mut hello)) => {
                hello.agent = printable(&hello.agent);
                is_payload_limit(hello.max_payload_bytes).then(|| Self::Accepted(Box::new(hello)))
            }
            (0, None) => None,
            (number, _) => Some(Self::Refused(Refusal::from_number(number))),
        }
    }

    /// The frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (status, hello) = match self {
            Self::Accepted(hello) => (0, Some(ServerHello::clone(hello))),
            Self::Refused(refusal) => (refusal.number(), None),
        };
        write(&AnswerMap { status, version: PROTOCOL_VERSION, hello })
    }
}

fn read<'b, T: Decode<'b, ()>>(frame: &'b [u8]) -> Option<T> {
    if frame.len() > MAX_HANDSHAKE_BYTES {
        return None;
    }
    let mut decoder = Decoder::new(frame);
    if decoder.array().ok()? != Some(2) || decoder.str().ok()? != MAGIC {
        return None;
    }
    let value = decoder.decode().ok()?;
    (decoder.position() == frame.len()).then_some(value)
}

#[expect(clippy::expect_used, reason = "nothing of it comes from a peer")]
fn write<T: Encode<()>>(map: &T) -> Vec<u8> {
    let mut frame = Vec::new();
    let mut encoder = Encoder::new(&mut frame);
    let written = encoder.array(2).and_then(|e| e.str(MAGIC)).and_then(|e| e.encode(map));
    written.expect("memory can always be written");
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::NameRule;
    use crate::transport::Cipher;

    fn hello() -> ZeroMqHello {
        ZeroMqHello::new("agent/1", "user@host", Some(Zeroizing::new("secret".to_owned())))
    }

    #[test]
    fn a_hello_and_its_answers_come_back() {
        assert_eq!(ZeroMqHello::decode(&hello().encode()), Some(hello()));
        let server = ServerHello {
            cipher: Cipher::Unknown,
            agent: "agent".to_owned(),
            max_payload_bytes: DEFAULT_PAYLOAD_BYTES,
            names: NameRule::Portable,
            file_size_limit: 5,
            read_only: true,
            places: Vec::new(),
            checks_versions: false,
            stages_files: false,
            hashes_files: false,
            takes_lanes: false,
            whole_copies: false,
            has_joined: false,
            capabilities: Default::default(),
            rights: Default::default(),
            chunk_sizes: None,
            attributes: false,
            as_they_are: false,
        };
        for answer in [ZeroMqAnswer::Accepted(Box::new(server)), ZeroMqAnswer::Refused(Refusal::Token)] {
            assert_eq!(ZeroMqAnswer::decode(&answer.encode()), Some(answer));
        }
    }

    #[test]
    fn a_hello_on_the_wire_is_frozen() {
        let frame = hello().encode();
        let shown: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            shown,
            "826872656d6f66696c65a70002010202676167656e742f3103697573657240686f7374041a00100000\
             05667365637265740600"
        );
    }

    #[test]
    fn what_is_no_hello_is_told_from_one() {
        let whole = hello().encode();
        for length in 0..whole.len() {
            assert_eq!(ZeroMqHello::decode(&whole[..length]), None);
        }
        assert_eq!(ZeroMqHello::decode(&[&whole[..], b"x"].concat()), None);
        let status = [0xa2, 0, 1, 1, 0x82, 9, 0xa0];
        assert_eq!(ZeroMqHello::decode(&status), None);
        assert!(ZeroMqHello::is_meant(&whole[..12]) && !ZeroMqHello::is_meant(&status));
    }

    #[test]
    fn debug_hides_the_token() {
        assert!(!format!("{:?}", hello()).contains("secret"));
    }
}

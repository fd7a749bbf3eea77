//! The metadata that each side sends about itself: properties of a name and a value.
//!
//! A property is the length of its name (1 byte), the name, the length of the value (4 bytes, big
//! endian) and the value. Names are told apart without regard to case.

use super::{HandshakeError, SocketType};
use zeroize::Zeroizing;

/// Longest identity, in bytes.
pub const MAX_IDENTITY_BYTES: usize = 255;

/// Longest metadata, in bytes.
const MAX_METADATA_BYTES: usize = 1024;

const SOCKET_TYPE: &[u8] = b"Socket-Type";
const IDENTITY: &[u8] = b"Identity";

/// The properties that a peer tells of itself.
pub(super) struct Metadata {
    /// Required of every peer.
    pub(super) socket_type: SocketType,
    /// Empty when it was not given.
    pub(super) identity: Zeroizing<Vec<u8>>,
}

impl Metadata {
    /// The bytes of it. An identity beyond [`MAX_IDENTITY_BYTES`] is cut.
    pub(super) fn write(&self) -> Zeroizing<Vec<u8>> {
        // Room for all of it at once, so that no piece of a secret stays behind when it grows.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_METADATA_BYTES));
        property(&mut bytes, SOCKET_TYPE, self.socket_type.name().as_bytes());
        property(&mut bytes, IDENTITY, self.identity.get(..MAX_IDENTITY_BYTES).unwrap_or(&self.identity));
        bytes
    }

    /// Reads what a peer sent. Properties that are not known here are skipped; those that are may be
    /// there once.
    pub(super) fn read(mut bytes: &[u8]) -> Result<Self, HandshakeError> {
        if bytes.len() > MAX_METADATA_BYTES {
            return Err(HandshakeError::Metadata);
        }
        let (mut socket_type, mut identity) = (None, None);
        while !bytes.is_empty() {
            let (name, value) = next(&mut bytes).ok_or(HandshakeError::Metadata)?;
            let again = if name.eq_ignore_ascii_case(SOCKET_TYPE) {
                socket_type.replace(SocketType::from_name(value)).is_some()
            } else if name.eq_ignore_ascii_case(IDENTITY) {
                identity.replace(value).is_some()
            } else {
                false
            };
            if again {
                return Err(HandshakeError::Metadata);
            }
        }
        let (socket_type, identity) = (socket_type.ok_or(HandshakeError::Metadata)?, identity.unwrap_or_default());
        if identity.len() > MAX_IDENTITY_BYTES {
            return Err(HandshakeError::Metadata);
        }
        Ok(Self { socket_type, identity: Zeroizing::new(identity.to_vec()) })
    }
}

fn property(bytes: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    bytes.push(name.len() as u8);
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(&(value.len() as u32).to_be_bytes());
    bytes.extend_from_slice(value);
}

/// Takes a property from the front.
fn next<'a>(bytes: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (&name_bytes, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(name_bytes))?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(byte);
    *bytes = rest;
    (!name.is_empty() && name.iter().all(legal)).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEALER: &[u8] = b"\x0bSocket-Type\0\0\0\x06DEALER";

    fn read(parts: &[&[u8]]) -> Result<(SocketType, Vec<u8>), HandshakeError> {
        Metadata::read(&parts.concat()).map(|metadata| (metadata.socket_type, metadata.identity.to_vec()))
    }

    #[test]
    fn metadata_is_that_of_the_specification() {
        let metadata = Metadata { socket_type: SocketType::Dealer, identity: Zeroizing::new(b"me".to_vec()) };
        assert_eq!(*metadata.write(), [DEALER, b"\x08Identity\0\0\0\x02me"].concat());
        assert_eq!(read(&[&metadata.write()]), Ok((SocketType::Dealer, b"me".to_vec())));
    }

    #[test]
    fn names_have_no_case_and_unknown_ones_are_skipped() {
        let parts: [&[u8]; 3] =
            [b"\x08X-Things\0\0\0\x01x", b"\x0bsOCKET-tYPE\0\0\0\x03REQ", b"\x08IDENTITY\0\0\0\x00"];
        assert_eq!(read(&parts), Ok((SocketType::Req, Vec::new())));
        assert_eq!(read(&[b"\x0bSocket-Type\0\0\0\x03SUB"]), Ok((SocketType::Other, Vec::new())));
    }

    #[test]
    fn wrong_metadata_is_refused() {
        let refused = |parts: &[&[u8]]| assert_eq!(read(parts), Err(HandshakeError::Metadata), "{parts:?}");
        refused(&[]);
        refused(&[b"\x08Identity\0\0\0\x02me"]);
        refused(&[DEALER, DEALER]);
        refused(&[DEALER, b"\0\0\0\0\0"]);
        refused(&[DEALER, b"\x03a b\0\0\0\0"]);
        refused(&[DEALER, b"\x01a\xff\xff\xff\xff"]);
        refused(&[DEALER, b"\x01a\0\0\x03\xe8", &[0; 1000]]);
        refused(&[DEALER, b"\x08Identity\0\0\x01\0", &[7; 256]]);
        for end in 0..DEALER.len() {
            refused(&[&DEALER[..end]]);
        }
    }
}

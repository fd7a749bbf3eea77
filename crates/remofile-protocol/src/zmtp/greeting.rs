//! The greeting: 64 bytes that each side sends first.
//!
//! Signature (10 bytes: FF, eight of no meaning, 7F), version (2), mechanism (20, filled up with
//! zeros), as-server (1), filler (31).

use super::{HandshakeError, Mechanism, Offered};

/// Bytes of a greeting.
pub(super) const GREETING_BYTES: usize = 64;

/// Bytes of a greeting that say which version follows. libzmq does not go on until it has them.
pub(super) const VERSION_BYTES: usize = 11;

const OLDEST_MAJOR: u8 = 3;

/// The content of a greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Greeting {
    /// The mechanism that the peer wants.
    pub(super) mechanism: Offered,
    /// True if it is the server of that mechanism. Without meaning for NULL.
    pub(super) as_server: bool,
}

/// Our greeting. Its first [`VERSION_BYTES`] do not depend on the arguments.
pub(super) fn write(mechanism: Mechanism, as_server: bool) -> [u8; GREETING_BYTES] {
    let mut greeting = [0; GREETING_BYTES];
    (greeting[0], greeting[9]) = (0xff, 0x7f);
    (greeting[10], greeting[11]) = (3, 1);
    let name: &[u8] = match mechanism {
        Mechanism::Null => b"NULL",
        Mechanism::Curve => b"CURVE",
    };
    greeting[12..32].iter_mut().zip(name).for_each(|(byte, letter)| *byte = *letter);
    greeting[32] = u8::from(as_server && mechanism == Mechanism::Curve);
    greeting
}

/// Reports whether `bytes` can become a greeting of a version that is spoken here.
pub(super) fn check_beginning(bytes: &[u8]) -> Result<(), HandshakeError> {
    if bytes.first().is_some_and(|&byte| byte != 0xff) {
        return Err(HandshakeError::NotZeroMq);
    }
    // A peer of ZMTP 1 with a long name begins with FF, too, and has its flags here.
    if bytes.get(9).is_some_and(|&byte| byte != 0x7f) {
        return Err(HandshakeError::OldVersion);
    }
    if bytes.get(10).is_some_and(|&major| major < OLDEST_MAJOR) {
        return Err(HandshakeError::OldVersion);
    }
    Ok(())
}

/// Reads a greeting. Versions after ours are fine: they are bound to speak ours to us.
pub(super) fn read(bytes: &[u8]) -> Result<Greeting, HandshakeError> {
    check_beginning(bytes)?;
    let (Some(name), Some(as_server)) = (bytes.get(12..32), bytes.get(32)) else {
        return Err(HandshakeError::NotZeroMq);
    };
    let end = name.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let mechanism = match name.get(..end).unwrap_or_default() {
        b"NULL" => Offered::Null,
        b"PLAIN" => Offered::Plain,
        b"CURVE" => Offered::Curve,
        b"GSSAPI" => Offered::Gssapi,
        _ => Offered::Unknown,
    };
    Ok(Greeting { mechanism, as_server: *as_server != 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From RFC 37: signature, version, mechanism, as-server, filler.
    #[test]
    fn greetings_are_those_of_the_specification() {
        let null = [&b"\xff\0\0\0\0\0\0\0\0\x7f\x03\x01NULL"[..], &[0; 16], &[0], &[0; 31]].concat();
        let curve = [&b"\xff\0\0\0\0\0\0\0\0\x7f\x03\x01CURVE"[..], &[0; 15], &[1], &[0; 31]].concat();
        assert_eq!(write(Mechanism::Null, true)[..], null);
        assert_eq!(write(Mechanism::Curve, true)[..], curve);
        assert_eq!(read(&null), Ok(Greeting { mechanism: Offered::Null, as_server: false }));
        assert_eq!(read(&curve), Ok(Greeting { mechanism: Offered::Curve, as_server: true }));
        assert_eq!(write(Mechanism::Null, true)[..VERSION_BYTES], write(Mechanism::Curve, false)[..VERSION_BYTES]);
    }

    #[test]
    fn other_versions_and_mechanisms_are_told_apart() {
        let ours = write(Mechanism::Null, false);
        let with = |at: usize, bytes: &[u8]| {
            let mut changed = ours;
            changed[at..at + bytes.len()].copy_from_slice(bytes);
            read(&changed)
        };
        assert!(with(11, b"\x00").is_ok());
        assert!(with(10, b"\x04\x00").is_ok());
        assert!(with(1, b"\0\0\0\0\0\0\0\x01").is_ok());
        assert_eq!(with(10, b"\x01\x05"), Err(HandshakeError::OldVersion));
        assert_eq!(with(10, b"\x00"), Err(HandshakeError::OldVersion));
        assert_eq!(with(9, b"\x00"), Err(HandshakeError::OldVersion));
        assert_eq!(with(0, b"\x01\x00"), Err(HandshakeError::NotZeroMq));
        assert_eq!(with(12, b"PLAIN").map(|greeting| greeting.mechanism), Ok(Offered::Plain));
        assert_eq!(with(12, b"GSSAPI").map(|greeting| greeting.mechanism), Ok(Offered::Gssapi));
        for name in [&b"null"[..], b"NULLX", b"CURV", b"\0NULL", b"NULL\0X", b"\0\0\0\0"] {
            assert_eq!(with(12, name).map(|greeting| greeting.mechanism), Ok(Offered::Unknown), "{name:?}");
        }
    }
}

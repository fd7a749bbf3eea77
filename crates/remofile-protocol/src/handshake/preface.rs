//! The fixed-size parts that come before anything is encrypted.

use super::Refusal;
use crate::limits::{MAX_HANDSHAKE_BYTES, PROTOCOL_VERSION};
use crate::token::TokenIdentifier;

/// First bytes of both sides. Not text, and changed by whatever translates line ends.
pub const MAGIC: [u8; 8] = *b"\x89RMF\r\n\x1a\n";

/// Bytes of the client's preface that are the handshake's prologue.
pub(super) const PREFACE_BYTES: usize = 28;
const PREFIXED: usize = PREFACE_BYTES + 2;
const ANSWER_BYTES: usize = 12;

/// The kind of peer that the first bytes show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// Too few bytes to tell.
    Undecided,
    /// Remofile's own preface.
    Native,
    /// ZeroMQ's ZMTP 3.
    ZeroMq,
    /// Something else.
    Unknown,
}

/// Tells what a peer speaks from its first bytes.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Greeting {
    match bytes.first() {
        None => Greeting::Undecided,
        Some(0xff) => Greeting::ZeroMq,
        Some(_) if bytes.iter().zip(&MAGIC).any(|(byte, expected)| byte != expected) => Greeting::Unknown,
        Some(_) if bytes.len() < MAGIC.len() => Greeting::Undecided,
        Some(_) => Greeting::Native,
    }
}

/// The pattern of keys that the handshake uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// The token alone.
    TokenOnly,
    /// The token and the server's public key.
    ServerKey,
}

/// The client's preface and first Noise message, as they were received.
#[derive(Debug)]
pub(super) struct Preface<'a> {
    pub(super) lowest_version: u8,
    pub(super) highest_version: u8,
    pub(super) pattern: Option<Pattern>,
    pub(super) token: TokenIdentifier,
    pub(super) prologue: &'a [u8],
    pub(super) noise: &'a [u8],
}

/// The outcome of reading the bytes that were received.
#[derive(Debug)]
pub(super) enum Parsed<T> {
    Incomplete,
    Malformed,
    Complete(T),
}

pub(super) fn write_preface(pattern: Pattern, token: TokenIdentifier) -> [u8; PREFACE_BYTES] {
    let mut bytes = [0u8; PREFACE_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8] = PROTOCOL_VERSION;
    bytes[9] = PROTOCOL_VERSION;
    bytes[10] = match pattern {
        Pattern::TokenOnly => 0,
        Pattern::ServerKey => 1,
    };
    bytes[12..28].copy_from_slice(&token.0);
    bytes
}

pub(super) fn read_preface(bytes: &[u8]) -> Parsed<Preface<'_>> {
    match recognise(bytes) {
        Greeting::Undecided => return Parsed::Incomplete,
        Greeting::Native => {}
        Greeting::ZeroMq | Greeting::Unknown => return Parsed::Malformed,
    }
    let Some((preface, noise)) = bytes.split_first_chunk::<PREFIXED>() else {
        return Parsed::Incomplete;
    };
    let length = usize::from(u16::from_be_bytes([preface[28], preface[29]]));
    if PREFIXED + length > MAX_HANDSHAKE_BYTES || noise.len() > length {
        return Parsed::Malformed;
    }
    if noise.len() < length {
        return Parsed::Incomplete;
    }
    let mut token = [0u8; 16];
    token.copy_from_slice(&preface[12..28]);
    Parsed::Complete(Preface {
        lowest_version: preface[8],
        highest_version: preface[9],
        pattern: match preface[10] {
            0 => Some(Pattern::TokenOnly),
            1 => Some(Pattern::ServerKey),
            _ => None,
        },
        token: TokenIdentifier(token),
        prologue: &preface[..PREFACE_BYTES],
        noise,
    })
}

/// The server's answer as it was received.
#[derive(Debug)]
pub(super) enum Answer<'a> {
    Accepted { noise: &'a [u8], consumed: usize },
    Refused(Refusal),
}

#[expect(clippy::expect_used, reason = "nothing of it comes from a peer")]
pub(super) fn write_answer(status: u8, noise: &[u8]) -> Vec<u8> {
    let length = u16::try_from(noise.len()).expect("Noise messages have at most 65535 bytes");
    let mut bytes = Vec::with_capacity(ANSWER_BYTES + noise.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[status, PROTOCOL_VERSION]);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(noise);
    bytes
}

pub(super) fn read_answer(bytes: &[u8]) -> Parsed<Answer<'_>> {
    match recognise(bytes) {
        Greeting::Undecided => return Parsed::Incomplete,
        Greeting::Native => {}
        Greeting::ZeroMq | Greeting::Unknown => return Parsed::Malformed,
    }
    let Some((head, rest)) = bytes.split_first_chunk::<ANSWER_BYTES>() else {
        return Parsed::Incomplete;
    };
    if head[8] != 0 {
        return Parsed::Complete(Answer::Refused(Refusal::from_number(head[8])));
    }
    let length = usize::from(u16::from_be_bytes([head[10], head[11]]));
    if head[9] != PROTOCOL_VERSION || ANSWER_BYTES + length > MAX_HANDSHAKE_BYTES {
        return Parsed::Malformed;
    }
    match rest.get(..length) {
        None => Parsed::Incomplete,
        Some(noise) => Parsed::Complete(Answer::Accepted { noise, consumed: ANSWER_BYTES + length }),
    }
}

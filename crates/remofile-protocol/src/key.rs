//! The key pair that proves a server: X25519, written in Z85 (40 characters), interchangeable with
//! ZeroMQ's CURVE keys.

use curve25519_dalek::MontgomeryPoint;
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;
use zeroize::Zeroizing;

/// Characters of a key in Z85.
pub const KEY_CHARACTERS: usize = 40;

const Z85: &[u8; 85] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// A server's public key: hand it to everyone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

/// A server's private key: wiped when dropped, never shown.
#[derive(Clone)]
pub struct PrivateKey(Zeroizing<[u8; 32]>);

/// The reason a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not 40 characters long.
    #[error("a key has {KEY_CHARACTERS} characters, this has {0}: make a pair with 'remofile generate-keys'")]
    Length(usize),
    /// Holds a character that Z85 does not have, or a group beyond 32 bits.
    #[error("this is no key: it is not Z85")]
    NotZ85,
}

impl PublicKey {
    /// Parses 40 characters of Z85.
    ///
    /// # Errors
    /// [`InvalidKey`] if they are not that.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        decode(text).map(|bytes| Self(*bytes))
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PrivateKey {
    /// Makes a new key from the operating system's randomness.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    #[must_use]
    #[expect(clippy::expect_used, reason = "nothing of it comes from a peer")]
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0u8; 32]);
        SystemRandom::new().fill(&mut bytes[..]).expect("the operating system gives random bytes");
        Self(bytes)
    }

    /// Parses 40 characters of Z85.
    ///
    /// # Errors
    /// [`InvalidKey`] if they are not that.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        decode(text).map(Self)
    }

    /// The public key that belongs to this one.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(MontgomeryPoint::mul_base_clamped(*self.0).to_bytes())
    }

    /// The secret itself in Z85, to hand it to the user who asked for it. Do not log it.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(encode(&self.0))
    }

    #[cfg(test)]
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(hidden)")
    }
}

#[expect(clippy::indexing_slicing, reason = "a remainder of 85 is below 85")]
fn encode(bytes: &[u8; 32]) -> String {
    let mut text = String::with_capacity(KEY_CHARACTERS);
    for group in bytes.chunks_exact(4) {
        let number = group.iter().fold(0u32, |sum, &byte| sum << 8 | u32::from(byte));
        for power in [52_200_625, 614_125, 7_225, 85, 1] {
            text.push(char::from(Z85[(number / power % 85) as usize]));
        }
    }
    text
}

fn decode(text: &str) -> Result<Zeroizing<[u8; 32]>, InvalidKey> {
    if text.chars().count() != KEY_CHARACTERS {
        return Err(InvalidKey::Length(text.chars().count()));
    }
    let mut bytes = Zeroizing::new([0u8; 32]);
    for (group, out) in text.as_bytes().chunks(5).zip(bytes.chunks_exact_mut(4)) {
        let mut number = 0u64;
        for character in group {
            let digit = Z85.iter().position(|known| known == character).ok_or(InvalidKey::NotZ85)?;
            number = number * 85 + digit as u64;
        }
        out.copy_from_slice(&u32::try_from(number).map_err(|_| InvalidKey::NotZ85)?.to_be_bytes());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by ZeroMQ's reference tool, as the user documentation prints it.
    #[test]
    fn a_pair_of_the_reference_tool_is_understood() {
        let private = PrivateKey::parse("<rvFXu4cUY>el=w?{S%Yd1z8*rxPpRn7H*^sXWJk").unwrap();
        assert_eq!(private.public().to_string(), "px!WUpcx)EWvVtHCzYdy)}K>NVe#/:FAe7XLAnZ5");
        assert_eq!(&*private.reveal(), "<rvFXu4cUY>el=w?{S%Yd1z8*rxPpRn7H*^sXWJk");
    }

    #[test]
    fn wrong_texts_are_refused() {
        assert_eq!(PublicKey::parse("short"), Err(InvalidKey::Length(5)));
        assert_eq!(PublicKey::parse(&"~".repeat(40)), Err(InvalidKey::NotZ85));
        assert_eq!(PublicKey::parse(&"#".repeat(40)), Err(InvalidKey::NotZ85));
        assert_eq!(PublicKey::parse(&"é".repeat(40)), Err(InvalidKey::NotZ85));
    }

    #[test]
    fn debug_hides_the_private_key() {
        let key = PrivateKey::generate();
        assert!(!format!("{key:?}").contains(&*key.reveal()));
    }
}

//! From a token to the key that proves it.

use super::Origin;
use argon2::{Algorithm, Argon2, Params, Version};
use ring::hkdf;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Fixed, because both sides must reach the same key before they have exchanged a byte.
const SALT: &[u8] = b"remofile token, protocol 2";

/// Length of a stretched token, in bytes.
pub const TOKEN_KEY_BYTES: usize = 48;

/// The work that Argon2id takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub(super) kibibytes: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

/// 64 MiB, three passes, four lanes.
const STRETCHING: Work = Work { kibibytes: 64 * 1024, passes: 3, lanes: 4 };

/// The keys that a token is stretched to: the pre-shared key of the handshake and its public identifier.
/// Wiped when dropped.
#[derive(Clone)]
pub struct TokenKey {
    psk: Zeroizing<[u8; 32]>,
    identifier: TokenIdentifier,
}

/// Names a token on the wire without telling it. Compared in constant time.
#[derive(Debug, Clone, Copy)]
pub struct TokenIdentifier(pub [u8; 16]);

impl PartialEq for TokenIdentifier {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenIdentifier {}

/// By the pre-shared key too, in constant time.
impl PartialEq for TokenKey {
    fn eq(&self, other: &Self) -> bool {
        (self.psk[..].ct_eq(&other.psk[..]) & self.identifier.0.ct_eq(&other.identifier.0)).into()
    }
}

impl Eq for TokenKey {}

impl TokenKey {
    /// The pre-shared key, for the handshake only.
    pub(crate) fn psk(&self) -> &[u8; 32] {
        &self.psk
    }

    /// The key of bytes that [`TokenKey::to_bytes`] gave.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; TOKEN_KEY_BYTES]) -> Self {
        let (mut psk, mut identifier) = (Zeroizing::new([0u8; 32]), [0u8; 16]);
        let (first, second) = bytes.split_at(psk.len());
        psk.copy_from_slice(first);
        identifier.copy_from_slice(second);
        Self { psk, identifier: TokenIdentifier(identifier) }
    }

    /// Returns its bytes, to keep them: who has them can open sessions in place of the token's holder, but not tell the
    /// token. Do not log them.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; TOKEN_KEY_BYTES]> {
        let mut bytes = Zeroizing::new([0u8; TOKEN_KEY_BYTES]);
        let (first, second) = bytes.split_at_mut(self.psk.len());
        first.copy_from_slice(&self.psk[..]);
        second.copy_from_slice(&self.identifier.0);
        bytes
    }

    /// The public name of the token.
    #[must_use]
    pub fn identifier(&self) -> TokenIdentifier {
        self.identifier
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({:02x?}, hidden)", self.identifier.0)
    }
}

pub(super) fn stretch(text: &str, origin: Origin) -> TokenKey {
    let root = match origin {
        Origin::Generated => Zeroizing::new(text.as_bytes().to_vec()),
        Origin::Chosen => argon2id(text, SALT, STRETCHING),
    };
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(&root);
    let mut psk = Zeroizing::new([0u8; 32]);
    let mut identifier = [0u8; 16];
    expand(&prk, b"psk", &mut psk[..]);
    expand(&prk, b"identifier", &mut identifier);
    TokenKey { psk, identifier: TokenIdentifier(identifier) }
}

/// Returns 32 bytes.
#[expect(clippy::expect_used, reason = "all lengths are fixed, but that of a token, which is bounded")]
pub(super) fn argon2id(text: &str, salt: &[u8], work: Work) -> Zeroizing<Vec<u8>> {
    let params = Params::new(work.kibibytes, work.passes, work.lanes, Some(32))
        .expect("the parameters are within Argon2's bounds");
    let mut key = Zeroizing::new(vec![0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(text.as_bytes(), salt, &mut key)
        .expect("the lengths are within Argon2's bounds");
    key
}

fn expand(prk: &hkdf::Prk, label: &[u8], out: &mut [u8]) {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    #[expect(clippy::expect_used, reason = "the lengths are fixed")]
    prk.expand(&[label], Length(out.len())).and_then(|okm| okm.fill(out)).expect("HKDF gives up to 8160 bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretching_is_frozen() {
        let generated = stretch("22222222222222222222Ci", Origin::Generated);
        assert_eq!(generated.identifier().0, GENERATED_IDENTIFIER);
        let chosen = stretch("my-custom-token", Origin::Chosen);
        assert_eq!(chosen.identifier().0, CHOSEN_IDENTIFIER);
    }

    #[test]
    fn a_key_that_is_kept_is_the_same_key() {
        let key = stretch("22222222222222222222Ci", Origin::Generated);
        let again = TokenKey::from_bytes(&key.to_bytes());
        assert_eq!(again.psk(), key.psk());
        assert_eq!(again.identifier(), key.identifier());
    }

    const GENERATED_IDENTIFIER: [u8; 16] =
        [0x9f, 0xfd, 0x66, 0x55, 0x4b, 0x82, 0xaa, 0x50, 0x2f, 0x60, 0x33, 0xca, 0x01, 0xf8, 0x5e, 0x1f];
    const CHOSEN_IDENTIFIER: [u8; 16] =
        [0x1e, 0xe4, 0x96, 0x45, 0xf5, 0x19, 0xcf, 0x32, 0xbf, 0xfb, 0x13, 0xf8, 0x4c, 0x59, 0x81, 0x19];
}

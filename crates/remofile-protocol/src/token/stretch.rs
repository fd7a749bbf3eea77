//! From a token to the key that proves it.

use super::Origin;
use argon2::{Algorithm, Argon2, Params, Version};
use ring::hkdf;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Fixed, because both sides must reach the same key before they have exchanged a byte.
const SALT: &[u8] = b"remofile token, protocol 2";

/// Argon2id: 64 MiB, three passes, four lanes.
const ARGON2_KIBIBYTES: u32 = 64 * 1024;
const ARGON2_PASSES: u32 = 3;
const ARGON2_LANES: u32 = 4;

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

impl TokenKey {
    /// The pre-shared key, for the handshake only.
    pub(crate) fn psk(&self) -> &[u8; 32] {
        &self.psk
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
        Origin::Chosen => argon2id(text),
    };
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(&root);
    let mut psk = Zeroizing::new([0u8; 32]);
    let mut identifier = [0u8; 16];
    expand(&prk, b"psk", &mut psk[..]);
    expand(&prk, b"identifier", &mut identifier);
    TokenKey { psk, identifier: TokenIdentifier(identifier) }
}

#[expect(clippy::expect_used, reason = "all lengths are fixed, but that of a token, which is bounded")]
fn argon2id(text: &str) -> Zeroizing<Vec<u8>> {
    let params = Params::new(ARGON2_KIBIBYTES, ARGON2_PASSES, ARGON2_LANES, Some(32))
        .expect("the parameters are within Argon2's bounds");
    let mut key = Zeroizing::new(vec![0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(text.as_bytes(), SALT, &mut key)
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

    const GENERATED_IDENTIFIER: [u8; 16] =
        [0x9f, 0xfd, 0x66, 0x55, 0x4b, 0x82, 0xaa, 0x50, 0x2f, 0x60, 0x33, 0xca, 0x01, 0xf8, 0x5e, 0x1f];
    const CHOSEN_IDENTIFIER: [u8; 16] =
        [0x1e, 0xe4, 0x96, 0x45, 0xf5, 0x19, 0xcf, 0x32, 0xbf, 0xfb, 0x13, 0xf8, 0x4c, 0x59, 0x81, 0x19];
}

//! The ciphers of a session, and how two sides agree on one.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use ring::aead;

/// The protection of records. The plain ones leave the body in clear and authenticate it with the
/// same algorithm: every changed bit is found, nothing is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// AES-256-GCM: the fastest where the processor has AES instructions.
    Aes256Gcm,
    /// ChaCha20-Poly1305: fast on every processor.
    ChaCha20Poly1305,
    /// AES-256-GCM over an empty text: the body is authenticated, not encrypted.
    Aes256GcmPlain,
    /// ChaCha20-Poly1305 over an empty text: the body is authenticated, not encrypted.
    ChaCha20Poly1305Plain,
    /// One that this version does not know; never chosen.
    Unknown,
}

impl Cipher {
    /// Returns the ciphers that a client offers, preferred ones first.
    #[must_use]
    pub fn offer(plain: bool) -> Vec<Self> {
        let mut offer = match plain {
            false => vec![Self::Aes256Gcm, Self::ChaCha20Poly1305],
            true => vec![Self::Aes256GcmPlain, Self::ChaCha20Poly1305Plain],
        };
        if !has_aes_instructions() {
            offer.reverse();
        }
        offer
    }

    /// Returns the cipher that a server chooses of an offer: the client's first, unless that is AES and this processor
    /// is slow at it. `None` if nothing on offer is acceptable.
    #[must_use]
    pub fn choose(offer: &[Self], allow_plain: bool) -> Option<Self> {
        let acceptable = || {
            offer.iter().copied().filter(move |cipher| *cipher != Self::Unknown && (allow_plain || cipher.encrypts()))
        };
        acceptable().find(|cipher| has_aes_instructions() || !cipher.is_aes()).or_else(|| acceptable().next())
    }

    /// Reports whether the body of a record is hidden.
    #[must_use]
    pub fn encrypts(self) -> bool {
        matches!(self, Self::Aes256Gcm | Self::ChaCha20Poly1305)
    }

    /// The cipher in words for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "AES-256-GCM",
            Self::ChaCha20Poly1305 => "ChaCha20-Poly1305",
            Self::Aes256GcmPlain => "none (authenticated by AES-256-GCM)",
            Self::ChaCha20Poly1305Plain => "none (authenticated by ChaCha20-Poly1305)",
            Self::Unknown => "unknown",
        }
    }

    fn is_aes(self) -> bool {
        matches!(self, Self::Aes256Gcm | Self::Aes256GcmPlain)
    }

    pub(super) fn algorithm(self) -> &'static aead::Algorithm {
        if self.is_aes() { &aead::AES_256_GCM } else { &aead::CHACHA20_POLY1305 }
    }

    fn number(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Aes256Gcm => 1,
            Self::ChaCha20Poly1305 => 2,
            Self::Aes256GcmPlain => 3,
            Self::ChaCha20Poly1305Plain => 4,
        }
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn has_aes_instructions() -> bool {
    std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq")
}

#[cfg(target_arch = "aarch64")]
fn has_aes_instructions() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
fn has_aes_instructions() -> bool {
    false
}

impl<C> Encode<C> for Cipher {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u8(self.number())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Cipher {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Ok(match d.u64()? {
            1 => Self::Aes256Gcm,
            2 => Self::ChaCha20Poly1305,
            3 => Self::Aes256GcmPlain,
            4 => Self::ChaCha20Poly1305Plain,
            _ => Self::Unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_chosen_only_where_both_ask_for_it() {
        assert_eq!(Cipher::choose(&Cipher::offer(true), false), None);
        assert!(!Cipher::choose(&Cipher::offer(true), true).unwrap().encrypts());
        assert!(Cipher::choose(&Cipher::offer(false), true).unwrap().encrypts());
        assert_eq!(Cipher::choose(&[Cipher::Unknown], true), None);
        assert_eq!(Cipher::choose(&[], true), None);
    }
}

//! The protection of a session's bytes: records.
//!
//! A record is a length (four bytes, big endian), a body of that length less 16, and a tag of 16
//! bytes. Records are numbered from 0 in each direction; the number is the nonce, so that a record
//! that was changed, lost, doubled or moved is found out.

mod cipher;

pub use cipher::Cipher;

use crate::limits::RECORDS_PER_KEY;
use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a record's length.
pub const LENGTH_BYTES: usize = 4;

/// Bytes of a record's tag.
pub const TAG_BYTES: usize = 16;

/// A record that was changed on the way, or is not the one that was due. The session cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record was changed on the way")]
pub struct Tampered;

/// Protects what this side sends.
#[derive(Debug)]
pub struct Sealer(Direction);

/// Opens what this side receives.
#[derive(Debug)]
pub struct Opener(Direction);

impl Sealer {
    /// A fresh direction.
    #[must_use]
    pub fn new(cipher: Cipher, key: [u8; 32]) -> Self {
        Self(Direction::new(cipher, key))
    }

    /// Makes a record of a body in place: `record` is [`LENGTH_BYTES`] that will hold the length, the
    /// body, and [`TAG_BYTES`] that will hold the tag.
    ///
    /// # Panics
    /// If `record` is too short to hold length and tag, or has 4 GiB or more.
    #[expect(clippy::indexing_slicing, clippy::expect_used, reason = "the record is this side's own")]
    pub fn seal(&mut self, record: &mut [u8]) {
        let length = u32::try_from(record.len() - LENGTH_BYTES).expect("bodies are bounded by the payload limit");
        let nonce = self.0.next_nonce();
        let tag_at = record.len() - TAG_BYTES;
        record[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        let tag = if self.0.cipher.encrypts() {
            let aad = Aad::from(length.to_be_bytes());
            self.0.key.seal_in_place_separate_tag(nonce, aad, &mut record[LENGTH_BYTES..tag_at])
        } else {
            self.0.key.seal_in_place_separate_tag(nonce, Aad::from(&record[..tag_at]), &mut [])
        };
        record[tag_at..].copy_from_slice(tag.expect("the body is within the cipher's bounds").as_ref());
    }
}

impl Opener {
    /// A fresh direction.
    #[must_use]
    pub fn new(cipher: Cipher, key: [u8; 32]) -> Self {
        Self(Direction::new(cipher, key))
    }

    /// Reports whether a whole record is the one that is due. It is still to be opened.
    #[must_use]
    pub fn is_due(&self, record: &[u8]) -> bool {
        let same = Direction::new(self.0.cipher, *self.0.secret);
        Self(Direction { records: self.0.records, ..same }).open(&mut record.to_vec()).is_ok()
    }

    /// Opens a whole record (length, body, tag) in place and gives its body.
    ///
    /// # Errors
    /// [`Tampered`] if it is not the record that the peer sealed as its next.
    pub fn open<'a>(&mut self, record: &'a mut [u8]) -> Result<&'a mut [u8], Tampered> {
        if record.len() < LENGTH_BYTES + TAG_BYTES {
            return Err(Tampered);
        }
        let nonce = self.0.next_nonce();
        if self.0.cipher.encrypts() {
            let (length, sealed) = record.split_first_chunk_mut::<LENGTH_BYTES>().ok_or(Tampered)?;
            return self.0.key.open_in_place(nonce, Aad::from(*length), sealed).map_err(|_| Tampered);
        }
        let (said, tag) = record.split_last_chunk_mut::<TAG_BYTES>().ok_or(Tampered)?;
        let mut tag = *tag;
        self.0.key.open_in_place(nonce, Aad::from(&*said), &mut tag).map_err(|_| Tampered)?;
        let (_, body) = said.split_first_chunk_mut::<LENGTH_BYTES>().ok_or(Tampered)?;
        Ok(body)
    }
}

struct Direction {
    cipher: Cipher,
    key: LessSafeKey,
    secret: Zeroizing<[u8; 32]>,
    records: u64,
}

impl Direction {
    fn new(cipher: Cipher, secret: [u8; 32]) -> Self {
        let secret = Zeroizing::new(secret);
        Self { cipher, key: schedule(cipher, &secret), secret, records: 0 }
    }

    fn next_nonce(&mut self) -> Nonce {
        if self.records == RECORDS_PER_KEY {
            self.replace_key();
        }
        let mut nonce = [0u8; 12];
        nonce[4..].copy_from_slice(&self.records.to_be_bytes());
        self.records += 1;
        Nonce::assume_unique_for_key(nonce)
    }

    #[expect(clippy::expect_used, reason = "the lengths are fixed")]
    fn replace_key(&mut self) {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&self.secret[..]);
        let mut next = Zeroizing::new([0u8; 32]);
        prk.expand(&[b"remofile rekey"], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut next[..]))
            .expect("HKDF gives up to 8160 bytes");
        self.key = schedule(self.cipher, &next);
        self.secret = next;
        self.records = 0;
    }
}

#[expect(clippy::expect_used, reason = "the lengths are fixed")]
fn schedule(cipher: Cipher, secret: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(cipher.algorithm(), secret).expect("the key has 32 bytes"))
}

impl fmt::Debug for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, record {}", self.cipher, self.records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIPHERS: [Cipher; 4] =
        [Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305, Cipher::Aes256GcmPlain, Cipher::ChaCha20Poly1305Plain];

    fn record(sealer: &mut Sealer, body: &[u8]) -> Vec<u8> {
        let mut record = [&[0; LENGTH_BYTES][..], body, &[0; TAG_BYTES]].concat();
        sealer.seal(&mut record);
        record
    }

    #[test]
    fn records_open_in_order_and_only_there() {
        for cipher in CIPHERS {
            let (mut sealer, mut opener) = (Sealer::new(cipher, [7; 32]), Opener::new(cipher, [7; 32]));
            let (mut first, mut second) = (record(&mut sealer, b"one"), record(&mut sealer, b"two"));
            assert_eq!(first.windows(3).any(|part| part == b"one"), !cipher.encrypts());
            assert_eq!(opener.open(&mut first).unwrap(), b"one");
            assert_eq!(opener.open(&mut second.clone()).unwrap(), b"two");
            assert_eq!(opener.open(&mut second), Err(Tampered), "a record came twice");
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        for cipher in CIPHERS {
            let whole = record(&mut Sealer::new(cipher, [7; 32]), b"some body");
            for bit in 0..whole.len() * 8 {
                let mut changed = whole.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Opener::new(cipher, [7; 32]).open(&mut changed), Err(Tampered), "{cipher:?}, bit {bit}");
            }
            for length in 0..whole.len() {
                assert_eq!(Opener::new(cipher, [7; 32]).open(&mut whole[..length].to_vec()), Err(Tampered));
            }
        }
    }

    #[test]
    fn keys_are_replaced_on_both_sides_at_once() {
        let (mut sealer, mut opener) =
            (Sealer::new(Cipher::Aes256Gcm, [7; 32]), Opener::new(Cipher::Aes256Gcm, [7; 32]));
        for number in 0..=RECORDS_PER_KEY {
            let mut sealed = record(&mut sealer, &number.to_be_bytes());
            assert_eq!(opener.open(&mut sealed).unwrap(), number.to_be_bytes());
        }
        assert_ne!(&sealer.0.secret[..], [7; 32]);
    }
}

//! The hashes that a client may ask for, to compare files with lists that other programs have made.
//!
//! They are beside the [digest](crate::digest) that ends every transfer, which nobody chooses.

use md5::{Digest, Md5};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};
use std::fmt;
use xxhash_rust::xxh3::Xxh3;

/// An algorithm that makes a hash of a file. The number is that on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum HashAlgorithm {
    /// XXH3 with 128 bits, big endian: the quickest, for what nobody has forged.
    #[default]
    Xxh3 = 0,
    /// BLAKE3 with 256 bits.
    Blake3 = 1,
    /// SHA-256.
    Sha256 = 2,
    /// SHA-512.
    Sha512 = 3,
    /// SHA-1, for old lists.
    Sha1 = 4,
    /// MD5, for old lists.
    Md5 = 5,
}

impl HashAlgorithm {
    /// Every one there is.
    pub const EVERY: [Self; 6] = [Self::Xxh3, Self::Blake3, Self::Sha256, Self::Sha512, Self::Sha1, Self::Md5];

    /// The name by which it is asked for.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xxh3 => "xxh3",
            Self::Blake3 => "blake3",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Sha1 => "sha1",
            Self::Md5 => "md5",
        }
    }

    /// The algorithm of a name, as [`HashAlgorithm::name`] gives it, whatever the case of letters.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The length of its hashes in bytes.
    #[must_use]
    pub const fn hash_bytes(self) -> usize {
        match self {
            Self::Xxh3 | Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Blake3 | Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl<C> Encode<C> for HashAlgorithm {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u8(*self as u8)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for HashAlgorithm {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let number = d.u8()?;
        let found = Self::EVERY.into_iter().find(|algorithm| *algorithm as u8 == number);
        found.ok_or_else(|| decode::Error::message("unknown hash"))
    }
}

/// Computes the hash of a file from its bytes in order.
#[derive(Clone)]
pub struct Hasher(HasherState);

#[derive(Clone)]
enum HasherState {
    Xxh3(Box<Xxh3>),
    Blake3(Box<blake3::Hasher>),
    Ring(Box<Context>),
    Md5(Md5),
}

impl Hasher {
    /// Starts an empty hash.
    #[must_use]
    pub fn new(algorithm: HashAlgorithm) -> Self {
        let ring = |algorithm| HasherState::Ring(Box::new(Context::new(algorithm)));
        Self(match algorithm {
            HashAlgorithm::Xxh3 => HasherState::Xxh3(Box::new(Xxh3::new())),
            HashAlgorithm::Blake3 => HasherState::Blake3(Box::default()),
            HashAlgorithm::Sha256 => ring(&SHA256),
            HashAlgorithm::Sha512 => ring(&SHA512),
            HashAlgorithm::Sha1 => ring(&SHA1_FOR_LEGACY_USE_ONLY),
            HashAlgorithm::Md5 => HasherState::Md5(Md5::new()),
        })
    }

    /// Adds the next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            HasherState::Xxh3(state) => state.update(bytes),
            HasherState::Blake3(state) => drop(state.update(bytes)),
            HasherState::Ring(state) => state.update(bytes),
            HasherState::Md5(state) => state.update(bytes),
        }
    }

    /// Ends the hash.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        match self.0 {
            HasherState::Xxh3(state) => state.digest128().to_be_bytes().to_vec(),
            HasherState::Blake3(state) => state.finalize().as_bytes().to_vec(),
            HasherState::Ring(state) => state.finish().as_ref().to_vec(),
            HasherState::Md5(state) => state.finalize().to_vec(),
        }
    }

    /// The memory that a hash takes at most, in bytes.
    pub const MEMORY_BYTES: usize = size_of::<blake3::Hasher>() + size_of::<Self>();
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher(..)")
    }
}

/// Writes a hash as hexadecimal digits, as `sha256sum` and its relatives do.
#[must_use]
pub fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads hexadecimal digits of either case.
#[must_use]
pub fn of_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(algorithm: HashAlgorithm, pieces: &[&[u8]]) -> String {
        let mut hasher = Hasher::new(algorithm);
        pieces.iter().for_each(|piece| hasher.update(piece));
        let hash = hasher.finish();
        assert_eq!(hash.len(), algorithm.hash_bytes());
        hex(&hash)
    }

    #[test]
    fn hashes_are_the_published_ones() {
        for (algorithm, published) in [
            (HashAlgorithm::Xxh3, "06b05ab6733a618578af5f94892f3950"),
            (HashAlgorithm::Blake3, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
            (HashAlgorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (HashAlgorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (HashAlgorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
        ] {
            assert_eq!(hashed(algorithm, &[b"abc"]), published, "{}", algorithm.name());
            assert_eq!(hashed(algorithm, &[b"a", b"", b"bc"]), published);
        }
        assert!(hashed(HashAlgorithm::Sha512, &[b"abc"]).starts_with("ddaf35a193617abacc417349ae204131"));
    }

    #[test]
    fn names_and_numbers_lead_back() {
        for algorithm in HashAlgorithm::EVERY {
            assert_eq!(HashAlgorithm::of_name(&algorithm.name().to_uppercase()), Some(algorithm));
            let bytes = minicbor::to_vec(algorithm).unwrap();
            assert_eq!(decode::<HashAlgorithm>(&bytes).unwrap(), algorithm);
        }
        assert_eq!(HashAlgorithm::of_name("crc32"), None);
        assert!(decode::<HashAlgorithm>(&[6]).is_err());
    }

    #[test]
    fn hexadecimal_digits_are_read_in_either_case_and_only_in_pairs() {
        assert_eq!(of_hex("00fFa9"), Some(vec![0, 0xff, 0xa9]));
        assert_eq!(hex(&[0, 0xff, 0xa9]), "00ffa9");
        for text in ["0", "0g", "+1", " 1", "é"] {
            assert_eq!(of_hex(text), None, "{text}");
        }
    }
}

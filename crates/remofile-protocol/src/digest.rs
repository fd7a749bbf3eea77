//! The digest that ends every transfer.
//!
//! XXH3 with 128 bits: it finds what went wrong on the way from one disk to the other (a lost or
//! doubled block, a faulty memory) at the speed of memory. It is no signature: deliberate changes are
//! kept out by the authenticated records below it (see [`crate::transport`]). A client over ZeroMQ may ask for
//! SHA-256 in its place, which every language has.

mod resumable;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use resumable::ResumableXxh3;
use ring::digest::{Context, SHA256};
use xxhash_rust::xxh3::Xxh3;

/// A finished digest.
pub type Digest = [u8; 16];

/// The digest that ends the files of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DigestKind {
    /// XXH3 with 128 bits, big endian.
    #[default]
    Xxh3,
    /// The first 16 bytes of SHA-256: for clients in languages that have nothing else.
    Sha256,
}

impl<C> Encode<C> for DigestKind {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u8(match self {
            Self::Xxh3 => 0,
            Self::Sha256 => 1,
        })?
        .ok()
    }
}

impl<'b, C> Decode<'b, C> for DigestKind {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        match d.u8()? {
            0 => Ok(Self::Xxh3),
            1 => Ok(Self::Sha256),
            _ => Err(decode::Error::message("unknown digest")),
        }
    }
}

/// Computes the digest of a file from its bytes in order.
#[derive(Clone)]
pub struct Digester(HashState);

#[derive(Clone)]
enum HashState {
    Xxh3(Box<Xxh3>),
    Resumable(Box<ResumableXxh3>),
    Sha256(Box<Context>),
}

impl Default for Digester {
    fn default() -> Self {
        Self::new()
    }
}

impl Digester {
    /// Starts an empty digest of the usual kind.
    #[must_use]
    pub fn new() -> Self {
        Self::of(DigestKind::Xxh3)
    }

    /// Starts an empty digest.
    #[must_use]
    pub fn of(kind: DigestKind) -> Self {
        Self(match kind {
            DigestKind::Xxh3 => HashState::Xxh3(Box::new(Xxh3::new())),
            DigestKind::Sha256 => HashState::Sha256(Box::new(Context::new(&SHA256))),
        })
    }

    /// Starts an empty digest that can be [written down](Self::save), if there is such a one of the kind.
    #[must_use]
    pub fn resumable(kind: DigestKind) -> Self {
        match kind {
            DigestKind::Xxh3 => Self(HashState::Resumable(Box::new(ResumableXxh3::new()))),
            DigestKind::Sha256 => Self::of(kind),
        }
    }

    /// Writes the digest of what has passed down, so that it can go on elsewhere; `None` of one that is not resumable.
    #[must_use]
    pub fn save(&self) -> Option<Vec<u8>> {
        match &self.0 {
            HashState::Resumable(state) => Some(state.save()),
            HashState::Xxh3(_) | HashState::Sha256(_) => None,
        }
    }

    /// Goes on with a digest that was written down; `None` if that is none.
    #[must_use]
    pub fn restore(saved: &[u8]) -> Option<Self> {
        ResumableXxh3::restore(saved).map(|state| Self(HashState::Resumable(Box::new(state))))
    }

    /// Adds the next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            HashState::Xxh3(state) => state.update(bytes),
            HashState::Resumable(state) => state.update(bytes),
            HashState::Sha256(state) => state.update(bytes),
        }
    }

    /// Adds so many bytes that are zero.
    pub fn update_zeros(&mut self, mut count: u64) {
        static ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];
        while count > 0 {
            let zeros = usize::try_from(count).ok().and_then(|count| ZEROS.get(..count)).unwrap_or(&ZEROS);
            self.update(zeros);
            count -= zeros.len() as u64;
        }
    }

    /// Ends the digest.
    #[must_use]
    pub fn finish(&self) -> Digest {
        match &self.0 {
            HashState::Xxh3(state) => state.digest128().to_be_bytes(),
            HashState::Resumable(state) => state.finish(),
            HashState::Sha256(state) => shortened(Context::clone(state).finish().as_ref()),
        }
    }
}

impl DigestKind {
    /// The digest of a whole file that is in memory.
    #[must_use]
    pub fn digest(self, bytes: &[u8]) -> Digest {
        match self {
            Self::Xxh3 => digest(bytes),
            Self::Sha256 => shortened(ring::digest::digest(&SHA256, bytes).as_ref()),
        }
    }
}

#[expect(clippy::expect_used, reason = "the length is the algorithm's")]
fn shortened(digest: &[u8]) -> Digest {
    *digest.first_chunk().expect("SHA-256 has 32 bytes")
}

/// The digest of a whole file that is in memory, of the usual kind.
#[must_use]
pub fn digest(bytes: &[u8]) -> Digest {
    xxhash_rust::xxh3::xxh3_128(bytes).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_whole_agree() {
        let bytes: Vec<u8> = (0..10_000u32).map(|n| n as u8).collect();
        for kind in [DigestKind::Xxh3, DigestKind::Sha256] {
            let mut digester = Digester::of(kind);
            for piece in bytes.chunks(777) {
                digester.update(piece);
            }
            assert_eq!(digester.finish(), kind.digest(&bytes));
        }
    }

    #[test]
    fn sha256_is_cut_to_its_first_half() {
        assert_eq!(DigestKind::Sha256.digest(b"abc"), 0xba78_16bf_8f01_cfea_4141_40de_5dae_2223_u128.to_be_bytes());
    }

    #[test]
    fn the_empty_digest_is_the_published_one() {
        assert_eq!(digest(b""), 0x99aa_06d3_0147_98d8_6001_c324_468d_497f_u128.to_be_bytes());
    }
}

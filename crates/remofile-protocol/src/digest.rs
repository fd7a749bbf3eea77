//! The digest that ends every transfer.
//!
//! XXH3 with 128 bits: it finds what went wrong on the way from one disk to the other (a lost or
//! doubled block, a faulty memory) at the speed of memory. It is no signature: deliberate changes are
//! kept out by the authenticated records below it (see [`crate::transport`]).

use xxhash_rust::xxh3::Xxh3;

/// A finished digest: XXH3-128, big endian.
pub type Digest = [u8; 16];

/// Computes the digest of a file from its bytes in order.
#[derive(Clone)]
pub struct Digester(Box<Xxh3>);

impl Default for Digester {
    fn default() -> Self {
        Self::new()
    }
}

impl Digester {
    /// Starts an empty digest.
    #[must_use]
    pub fn new() -> Self {
        Self(Box::new(Xxh3::new()))
    }

    /// Adds the next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds so many bytes that are zero.
    pub fn update_zeros(&mut self, mut count: u64) {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
        while count > 0 {
            let length = usize::try_from(count).unwrap_or(usize::MAX).min(ZEROS.len());
            self.0.update(&ZEROS[..length]);
            count -= length as u64;
        }
    }

    /// Ends the digest.
    #[must_use]
    pub fn finish(&self) -> Digest {
        self.0.digest128().to_be_bytes()
    }
}

/// The digest of a whole file that is in memory.
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
        let mut digester = Digester::new();
        for piece in bytes.chunks(777) {
            digester.update(piece);
        }
        assert_eq!(digester.finish(), digest(&bytes));
    }

    #[test]
    fn the_empty_digest_is_the_published_one() {
        assert_eq!(digest(b""), 0x99aa_06d3_0147_98d8_6001_c324_468d_497f_u128.to_be_bytes());
    }
}

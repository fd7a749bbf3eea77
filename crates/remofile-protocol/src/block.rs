//! Signatures of the blocks of a file, by which both sides find what they have in common, so that it is not sent.
//!
//! A *signature* has two hashes. The *weak* one can be rolled: from the hash of a window follows, in a
//! nanosecond, that of the window a byte further on. So a block is looked for at every offset of a
//! file. The *strong* one decides; it depends on a seed that the searching side draws anew for every
//! search, so nobody can prepare blocks that only seem to be equal. Neither replaces the digest of the
//! whole file (see [`crate::digest`]), which is compared in the end.

use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

/// Bytes of a packed signature: the weak hash, then the strong one, both big endian with 48 bits.
pub const SIGNATURE_BYTES: usize = 12;

/// Bits of each of the two hashes.
pub const HASH_BITS: u32 = 48;

/// The two hashes of a block. There is room for 48 bits of each hash: with fewer of the weak one, a large
/// file has so many blocks that too many windows would have to be looked at closely by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature {
    /// The hash that can be rolled: [`Window::weak`]; 48 bits.
    pub weak: u64,
    /// The hash that decides: [`strong`]; 48 bits.
    pub strong: u64,
}

impl Signature {
    /// Signs a block.
    #[must_use]
    pub fn of(block: &[u8], seed: u64) -> Self {
        Self { weak: Window::of(block).weak(), strong: strong(block, seed) }
    }

    /// The signature as it travels.
    #[must_use]
    pub fn to_bytes(self) -> [u8; SIGNATURE_BYTES] {
        let both = u128::from(self.weak) << HASH_BITS | u128::from(self.strong);
        let [_, _, _, _, bytes @ ..] = both.to_be_bytes();
        bytes
    }

    /// The signature that travelled; any bytes are one.
    #[must_use]
    pub fn from_bytes(bytes: [u8; SIGNATURE_BYTES]) -> Self {
        let mut both = [0; 16];
        both[16 - SIGNATURE_BYTES..].copy_from_slice(&bytes);
        let both = u128::from_be_bytes(both);
        Self { weak: (both >> HASH_BITS) as u64, strong: both as u64 & ((1 << HASH_BITS) - 1) }
    }
}

/// Signs a block that comes in pieces.
pub struct BlockSigner {
    window: Window,
    strong: Xxh3,
}

impl BlockSigner {
    /// Begins a block.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { window: Window::of(&[]), strong: Xxh3::with_seed(seed) }
    }

    /// Takes the next bytes of the block, which has fewer than 2³² in all.
    pub fn update(&mut self, bytes: &[u8]) {
        self.window = self.window.followed_by(Window::of(bytes));
        self.strong.update(bytes);
    }

    /// The signature of the block: that of [`Signature::of`].
    #[must_use]
    pub fn finish(&self) -> Signature {
        Signature { weak: self.window.weak(), strong: self.strong.digest() >> (u64::BITS - HASH_BITS) }
    }
}

/// The strong hash of a block: the upper 48 bits of XXH3 with 64 bits and this seed.
#[must_use]
pub fn strong(block: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(block, seed) >> (u64::BITS - HASH_BITS)
}

/// A window over a file of which the weak hash is known: of n bytes x₀, x₁, ... the sum, and the sum of
/// (n - i) xᵢ, both modulo 2³².
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    sum: u32,
    weighted: u32,
    length: u32,
}

/// The sums of a row of bytes fit into 16 bits each, which halves the work of wider ones.
const LANES: usize = 32;
/// The most rows of which they still do: 255 (1 + 2 + ... + 16) = 34,680.
const ROWS: usize = 16;

impl Window {
    /// The window over these bytes, of which there are fewer than 2³².
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let (mut sum, mut weighted) = (0u32, 0u32);
        let (tiles, rest) = bytes.as_chunks::<{ LANES * ROWS }>();
        for tile in tiles {
            let (tile_sum, tile_weighted) = sums_of(tile);
            let before = sum.wrapping_mul((LANES * ROWS) as u32);
            weighted = weighted.wrapping_add(before).wrapping_add(tile_weighted);
            sum = sum.wrapping_add(tile_sum);
        }
        for byte in rest {
            sum = sum.wrapping_add(u32::from(*byte));
            weighted = weighted.wrapping_add(sum);
        }
        Self { sum, weighted, length: bytes.len() as u32 }
    }

    /// The window over the bytes of this one and then those of another.
    #[must_use]
    pub fn followed_by(self, other: Self) -> Self {
        let before = self.sum.wrapping_mul(other.length);
        Self {
            sum: self.sum.wrapping_add(other.sum),
            weighted: self.weighted.wrapping_add(before).wrapping_add(other.weighted),
            length: self.length.wrapping_add(other.length),
        }
    }

    /// Moves the window a byte on: the first byte leaves, another one comes behind the last.
    #[inline(always)]
    pub fn roll(&mut self, first: u8, next: u8) {
        let left = self.length.wrapping_mul(u32::from(first));
        self.sum = self.sum.wrapping_add(u32::from(next)).wrapping_sub(u32::from(first));
        self.weighted = self.weighted.wrapping_sub(left).wrapping_add(self.sum);
    }

    /// The weak hash: the weighted sum, and below it 16 bits of the plain one.
    #[inline(always)]
    #[must_use]
    pub fn weak(self) -> u64 {
        u64::from(self.weighted) << 16 | u64::from(self.sum & 0xffff)
    }

    /// The sum of the bytes, modulo 2³².
    #[inline(always)]
    #[must_use]
    pub fn sum(self) -> u32 {
        self.sum
    }

    /// The weighted sum.
    #[inline(always)]
    #[must_use]
    pub fn weighted(self) -> u32 {
        self.weighted
    }
}

/// The sums of a tile. Each lane sums its own column, so that all of them go in step.
#[inline]
#[expect(clippy::indexing_slicing, reason = "each lane is below LANES, and the loops have to become vectors")]
fn sums_of(tile: &[u8; LANES * ROWS]) -> (u32, u32) {
    let mut sums = [0u16; LANES];
    let mut weighted = [0u16; LANES];
    for row in tile.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            sums[lane] += u16::from(row[lane]);
            weighted[lane] += sums[lane];
        }
    }
    // A byte weighs LANES for every row from its own on, less what it stands behind the row's start.
    let (mut sum, mut all_weighted) = (0u32, 0u32);
    for lane in 0..LANES {
        sum += u32::from(sums[lane]);
        all_weighted += u32::from(weighted[lane]) * LANES as u32 - u32::from(sums[lane]) * lane as u32;
    }
    (sum, all_weighted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, word for word.
    fn defined_weak(bytes: &[u8]) -> u64 {
        let (mut sum, mut weighted) = (0u64, 0u64);
        for (place, byte) in bytes.iter().enumerate() {
            sum += u64::from(*byte);
            weighted += (bytes.len() - place) as u64 * u64::from(*byte);
        }
        (weighted & 0xffff_ffff) << 16 | sum & 0xffff
    }

    fn counting(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|n| (n * 7 + n / 256) as u8).collect()
    }

    #[test]
    fn signatures_are_what_they_have_always_been() {
        let golden = [
            (Vec::new(), 0, "0000000000002d06800538d3"),
            (b"a".to_vec(), 0, "000000610061e6c632b61e96"),
            (b"remofile".to_vec(), 1, "00000f1c03534b18255381f0"),
            (counting(512), 0, "00f95480ff00e0410eb388a9"),
            (counting(5000), 0x0123_4567_89ab_cdef, "5ed0a778b79c3cefd1db1da3"),
            (vec![0; 4096], u64::MAX, "00000000000002bf7f02d5c3"),
            (vec![255; 200_000], 42, "7135516032c0a61582e0137b"),
        ];
        for (block, seed, expected) in golden {
            let packed = Signature::of(&block, seed).to_bytes();
            let hexadecimal: String = packed.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hexadecimal, expected, "{} bytes, seed {seed}", block.len());
            assert_eq!(Signature::from_bytes(packed), Signature::of(&block, seed));
        }
    }

    #[test]
    fn the_largest_bytes_overflow_nothing() {
        let bytes = vec![255; 1 << 20];
        assert_eq!(Window::of(&bytes).weak(), defined_weak(&bytes));
    }

    #[test]
    fn another_seed_is_another_strong_hash_only() {
        let (one, other) = (Signature::of(b"block", 1), Signature::of(b"block", 2));
        assert_eq!(one.weak, other.weak);
        assert_ne!(one.strong, other.strong);
    }

    proptest! {
        #[test]
        fn a_block_in_pieces_is_the_block(bytes in prop::collection::vec(any::<u8>(), 0..5000), seed: u64, piece in 1usize..2000) {
            let mut signer = BlockSigner::new(seed);
            for bytes in bytes.chunks(piece) {
                signer.update(bytes);
            }
            prop_assert_eq!(signer.finish(), Signature::of(&bytes, seed));
        }

        #[test]
        fn a_rolled_window_is_the_window_over_its_bytes(bytes in prop::collection::vec(any::<u8>(), 1..3000), part in 0.0..1.0) {
            let length = ((bytes.len() as f64 * part) as usize).max(1);
            let mut window = Window::of(&bytes[..length]);
            prop_assert_eq!(window.weak(), defined_weak(&bytes[..length]));
            for at in 1..=bytes.len() - length {
                window.roll(bytes[at - 1], bytes[at + length - 1]);
                prop_assert_eq!(window, Window::of(&bytes[at..at + length]));
            }
        }
    }
}

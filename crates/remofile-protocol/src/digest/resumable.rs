//! XXH3 with 128 bits whose state can be written down.
//!
//! The digest of a file that is uploaded in parts has to go on after the server that had begun it is gone, and nobody can
//! read those parts again. The crate that digests all else keeps its state for itself, so this is the same function once
//! more, as its specification has it, for inputs that come piece by piece.

#![expect(
    clippy::indexing_slicing,
    reason = "the places are within stripes and arrays of constant lengths, and loops have to become vectors"
)]

use xxhash_rust::xxh3::xxh3_128;

const STRIPE: usize = 64;
const STRIPES_A_BLOCK: u64 = 16;
/// Inputs of that length at most are digested in another way: they are kept until there is more.
const SHORT: usize = 240;

const PRIME32_1: u64 = 0x9E37_79B1;
const PRIME32_2: u64 = 0x85EB_CA77;
const PRIME32_3: u64 = 0xC2B2_AE3D;
const PRIME64_1: u64 = 0x9E37_79B1_85EB_CA87;
const PRIME64_2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const PRIME64_3: u64 = 0x1656_67B1_9E37_79F9;
const PRIME64_4: u64 = 0x85EB_CA77_C2B2_AE63;
const PRIME64_5: u64 = 0x27D4_EB2F_1656_67C5;
const PRIME_MX1: u64 = 0x1656_6791_9E37_79F9;

/// The secret of the specification.
const SECRET: [u8; 192] = [
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c, 0xde, 0xd4, 0x6d,
    0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, 0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0,
    0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21, 0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0,
    0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b,
    0x1b, 0x53, 0x2e, 0xa3, 0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac,
    0xd8, 0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51,
    0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, 0xea, 0xc5, 0xac, 0x83, 0x34,
    0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb, 0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49,
    0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e, 0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8,
    0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b,
    0x40, 0x7e,
];
const SECRET_OF_SCRAMBLE: usize = 128;
const SECRET_OF_LAST_STRIPE: usize = 121;
const SECRET_OF_LOW: usize = 11;
const SECRET_OF_HIGH: usize = 117;

type Lanes = [u64; 8];

/// A running digest.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ResumableXxh3 {
    lanes: Lanes,
    length: u64,
    /// The first bytes, as far as a short input has any.
    head: [u8; SHORT],
    /// The stripe that was taken in last, and behind it the bytes that were not: 64 at most, since what comes last is
    /// treated differently.
    tail: [u8; 2 * STRIPE],
    pending: usize,
}

impl ResumableXxh3 {
    pub(super) fn new() -> Self {
        let lanes = [PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1];
        Self { lanes, length: 0, head: [0; SHORT], tail: [0; 2 * STRIPE], pending: 0 }
    }

    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        if let Some(room) = usize::try_from(self.length).ok().and_then(|length| self.head.get_mut(length..)) {
            let count = room.len().min(bytes.len());
            copy(&mut room[..count], &bytes[..count]);
        }
        let mut stripes = self.stripes();
        self.length = self.length.wrapping_add(bytes.len() as u64);
        if self.pending > 0 {
            let count = (STRIPE - self.pending).min(bytes.len());
            let (taken, rest) = bytes.split_at(count);
            copy(&mut self.tail[STRIPE + self.pending..][..count], taken);
            self.pending += count;
            bytes = rest;
            if bytes.is_empty() {
                return;
            }
            // There is more, so the full one is not the last.
            self.tail.copy_within(STRIPE.., 0);
            let (stripe, _) = self.tail.split_at(STRIPE);
            take(&mut self.lanes, stripe, stripes);
            stripes += 1;
            self.pending = 0;
        }
        if bytes.len() > STRIPE {
            let whole = (bytes.len() - 1) / STRIPE * STRIPE;
            let (taken, rest) = bytes.split_at(whole);
            for stripe in taken.chunks_exact(STRIPE) {
                take(&mut self.lanes, stripe, stripes);
                stripes += 1;
            }
            copy(&mut self.tail[..STRIPE], &taken[whole - STRIPE..]);
            bytes = rest;
        }
        copy(&mut self.tail[STRIPE..][..bytes.len()], bytes);
        self.pending = bytes.len();
    }

    /// The stripes that were taken in.
    fn stripes(&self) -> u64 {
        self.length.saturating_sub(1) / STRIPE as u64
    }

    pub(super) fn finish(&self) -> [u8; 16] {
        if let Some(short) = usize::try_from(self.length).ok().and_then(|length| self.head.get(..length)) {
            return xxh3_128(short).to_be_bytes();
        }
        let mut lanes = self.lanes;
        accumulate(&mut lanes, &self.tail[self.pending..][..STRIPE], &SECRET[SECRET_OF_LAST_STRIPE..]);
        let low = merge(&lanes, SECRET_OF_LOW, self.length.wrapping_mul(PRIME64_1));
        let high = merge(&lanes, SECRET_OF_HIGH, !self.length.wrapping_mul(PRIME64_2));
        ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
    }

    /// Writes the state down.
    pub(super) fn save(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.length.to_le_bytes());
        bytes.extend(self.lanes.iter().flat_map(|lane| lane.to_le_bytes()));
        bytes.extend(self.head);
        bytes.extend(self.tail);
        bytes
    }

    /// Reads what was written down.
    pub(super) fn restore(bytes: &[u8]) -> Option<Self> {
        let (version, bytes) = bytes.split_first()?;
        let (length, bytes) = bytes.split_first_chunk()?;
        let (lanes, bytes) = bytes.split_first_chunk::<STRIPE>()?;
        let (head, bytes) = bytes.split_first_chunk()?;
        let (tail, bytes) = bytes.split_first_chunk()?;
        if *version != VERSION || !bytes.is_empty() {
            return None;
        }
        let length = u64::from_le_bytes(*length);
        let mut state = Self { length, head: *head, tail: *tail, ..Self::new() };
        for (lane, bytes) in state.lanes.iter_mut().zip(lanes.chunks_exact(8)) {
            *lane = read(bytes, 0);
        }
        // What the stripes have left over: one byte at least, if there is any.
        state.pending = usize::try_from(length - state.stripes() * STRIPE as u64).ok()?;
        Some(state)
    }
}

/// The form of a state that is written down.
const VERSION: u8 = 1;

fn copy(to: &mut [u8], from: &[u8]) {
    to.copy_from_slice(from);
}

/// Takes in a stripe, of which so many came before.
fn take(lanes: &mut Lanes, stripe: &[u8], before: u64) {
    let place = before % STRIPES_A_BLOCK;
    accumulate(lanes, stripe, &SECRET[place as usize * 8..]);
    if place == STRIPES_A_BLOCK - 1 {
        for (number, lane) in lanes.iter_mut().enumerate() {
            let mixed = (*lane ^ (*lane >> 47)) ^ read(&SECRET[SECRET_OF_SCRAMBLE..], number);
            *lane = mixed.wrapping_mul(PRIME32_1);
        }
    }
}

fn accumulate(lanes: &mut Lanes, stripe: &[u8], secret: &[u8]) {
    for number in 0..lanes.len() {
        let value = read(stripe, number);
        let keyed = value ^ read(secret, number);
        lanes[number ^ 1] = lanes[number ^ 1].wrapping_add(value);
        lanes[number] = lanes[number].wrapping_add((keyed & 0xFFFF_FFFF).wrapping_mul(keyed >> 32));
    }
}

fn merge(lanes: &Lanes, secret: usize, start: u64) -> u64 {
    let secret = &SECRET[secret..];
    let folded = (0..4).map(|pair| {
        let one = lanes[2 * pair] ^ read(secret, 2 * pair);
        let other = lanes[2 * pair + 1] ^ read(secret, 2 * pair + 1);
        let product = u128::from(one) * u128::from(other);
        (product as u64) ^ ((product >> 64) as u64)
    });
    let sum = folded.fold(start, u64::wrapping_add);
    let mixed = (sum ^ (sum >> 37)).wrapping_mul(PRIME_MX1);
    mixed ^ (mixed >> 32)
}

/// Reads a number of eight bytes, of which so many come before.
fn read(bytes: &[u8], number: usize) -> u64 {
    bytes[number * 8..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_digest_whatever_the_pieces_and_wherever_it_is_written_down() {
        let bytes: Vec<u8> = (0..20_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let lengths = (0..700).chain([1023, 1024, 1025, 2047, 2048, 2049, 4096, 8191, 16_384, 19_999, 20_000]);
        for length in lengths {
            let expected = xxh3_128(&bytes[..length]).to_be_bytes();
            for piece in [1, 7, 63, 64, 65, 240, 1024, 20_000] {
                let mut state = ResumableXxh3::new();
                for bytes in bytes[..length].chunks(piece) {
                    state.update(bytes);
                }
                assert_eq!(state.finish(), expected, "{length} bytes by {piece}");
            }
            for cut in [0, length / 3, length / 2, length] {
                let mut state = ResumableXxh3::new();
                state.update(&bytes[..cut]);
                let saved = state.save();
                let mut restored = ResumableXxh3::restore(&saved).unwrap();
                assert!(restored == state, "{length} bytes cut at {cut}");
                restored.update(&bytes[cut..length]);
                assert_eq!(restored.finish(), expected, "{length} bytes cut at {cut}");
            }
        }
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let saved = ResumableXxh3::new().save();
        for wrong in [&saved[1..], &saved[..saved.len() - 1], &[], &[&[2][..], &saved[1..]].concat()] {
            assert!(ResumableXxh3::restore(wrong).is_none());
        }
    }
}

//! Compression, block by block.
//!
//! Goal: compressing what does not shrink (photographs, archives, films) costs hardly anything. So a small sample is
//! tried first, and after blocks that did not shrink only every second, fourth, ... one is tried at all.

use crate::store::StoreResult;
use remofile_protocol::limits::MAX_BLOCK_BYTES;
use remofile_protocol::wire::{ErrorCode, Failure};
use std::fmt;
use zstd::bulk;

/// A block of fewer bytes is not tried: what a frame has beside its content eats what it saves.
const MIN_BLOCK_BYTES: usize = 64;

/// Bytes of a block that are tried first. They are from its middle, as beginnings are often not like the rest.
const SAMPLE_BYTES: usize = 4 * 1024;

/// Smaller blocks are tried as a whole: there is little to save by a sample.
const MIN_SAMPLED_BYTES: usize = 4 * SAMPLE_BYTES;

/// The quickest level that entropy-codes literals; whether something shrinks is all a sample is to tell.
const SAMPLE_LEVEL: i32 = 1;

/// A block must lose this share of itself (a sixteenth), or it is sent as it is.
const WORTHWHILE_SHARE: usize = 16;

/// Blocks of which one is tried at least, however little shrinks: the data may have changed.
const MAX_INTERVAL: u32 = 64;

/// The level of compression: one of zstd's from 1 (quick) to 19 (small).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompressLevel(u8);

impl CompressLevel {
    /// Returns a level from 1 to 19; `None` for any other number.
    #[must_use]
    pub fn new(level: u8) -> Option<Self> {
        (1..=19).contains(&level).then_some(Self(level))
    }

    /// Returns the memory that a [`Compressor`] of this level takes at most, in bytes.
    #[must_use]
    pub fn memory_bytes(self) -> u64 {
        match self.0 {
            0..=4 => 2 << 20,
            5..=11 => 4 << 20,
            _ => 6 << 20,
        }
    }

    /// Returns the level's number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

/// Level 3, as zstd itself.
impl Default for CompressLevel {
    fn default() -> Self {
        Self(3)
    }
}

/// Compresses blocks, each by itself. Memory: zstd's own, from 1 MiB at low levels to some at high ones.
pub struct Compressor {
    whole: bulk::Compressor<'static>,
    sample: bulk::Compressor<'static>,
    rhythm: Rhythm,
}

impl Compressor {
    /// Compresses at a level.
    ///
    /// # Errors
    /// `out-of-resources` if zstd cannot be set up.
    pub fn new(level: CompressLevel) -> StoreResult<Self> {
        let whole = bulk::Compressor::new(i32::from(level.get())).map_err(no_resources)?;
        let sample = bulk::Compressor::new(SAMPLE_LEVEL).map_err(no_resources)?;
        Ok(Self { whole, sample, rhythm: Rhythm::new() })
    }

    /// Compresses a block of at most [`MAX_BLOCK_BYTES`] into `out` (cleared first); `false`, and `out`
    /// empty, if it does not shrink by at least a sixteenth, or was not worth trying: send it as it is.
    pub fn compress(&mut self, block: &[u8], out: &mut Vec<u8>) -> bool {
        out.clear();
        if !(MIN_BLOCK_BYTES..=MAX_BLOCK_BYTES).contains(&block.len()) || !self.rhythm.is_due() {
            return false;
        }
        let shrank = self.is_promising(block, out) && shrinks(&mut self.whole, block, out);
        self.rhythm.tried(shrank);
        if !shrank {
            out.clear();
        }
        shrank
    }

    fn is_promising(&mut self, block: &[u8], out: &mut Vec<u8>) -> bool {
        if block.len() < MIN_SAMPLED_BYTES {
            return true;
        }
        let start = (block.len() - SAMPLE_BYTES) / 2;
        shrinks(&mut self.sample, &block[start..start + SAMPLE_BYTES], out)
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("rhythm", &self.rhythm).finish_non_exhaustive()
    }
}

/// Compresses into `out`; `false` if the outcome is not small enough, and `out` is of no use.
fn shrinks(compressor: &mut bulk::Compressor<'static>, block: &[u8], out: &mut Vec<u8>) -> bool {
    let most = block.len() - block.len().div_ceil(WORTHWHILE_SHARE);
    out.clear();
    // zstd gives up where the space ends, so no more is reserved than can be of use.
    out.reserve(most);
    compressor.compress_to_buffer(block, out).is_ok_and(|length| length <= most)
}

/// The choice of the blocks that are tried.
#[derive(Debug)]
struct Rhythm {
    /// Number of blocks of which one is tried.
    interval: u32,
    /// Blocks to leave out before the next is tried.
    left_out: u32,
}

impl Rhythm {
    fn new() -> Self {
        Self { interval: 1, left_out: 0 }
    }

    fn is_due(&mut self) -> bool {
        let is_due = self.left_out == 0;
        self.left_out = self.left_out.saturating_sub(1);
        is_due
    }

    fn tried(&mut self, shrank: bool) {
        self.interval = if shrank { 1 } else { (self.interval * 2).min(MAX_INTERVAL) };
        self.left_out = self.interval - 1;
    }
}

pub(super) fn no_resources(error: impl fmt::Display) -> Failure {
    Failure::new(ErrorCode::OutOfResources).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::decompress::{DECOMPRESSOR_BYTES, Decompressor};
    use proptest::prelude::*;

    fn compressor() -> Compressor {
        Compressor::new(CompressLevel::default()).unwrap()
    }

    /// Returns bytes that do not shrink, the same ones for the same seed.
    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(2).wrapping_add(1);
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes()
        };
        std::iter::repeat_with(&mut next).take(length.div_ceil(8)).flatten().take(length).collect()
    }

    fn text(length: usize) -> Vec<u8> {
        let source = include_bytes!("compress.rs");
        source.iter().copied().cycle().take(length).collect()
    }

    #[test]
    fn levels_are_those_of_zstd() {
        assert_eq!(CompressLevel::default().get(), 3);
        assert_eq!(CompressLevel::new(0), None);
        assert_eq!(CompressLevel::new(20), None);
        for level in 1..=19 {
            let mut out = Vec::new();
            assert!(Compressor::new(CompressLevel::new(level).unwrap()).unwrap().compress(&text(20_000), &mut out));
            assert_eq!(Decompressor::new().unwrap().decompress(&out, 20_000).unwrap(), text(20_000));
        }
    }

    #[test]
    fn what_is_reserved_for_compression_is_enough() {
        for level in 1..=19 {
            let level = CompressLevel::new(level).unwrap();
            let (mut compressor, mut out) = (Compressor::new(level).unwrap(), Vec::new());
            let (mut decompressor, mut content) = (zstd::zstd_safe::DCtx::create(), vec![0; MAX_BLOCK_BYTES]);
            for length in [20_000, MAX_BLOCK_BYTES] {
                assert!(compressor.compress(&text(length), &mut out));
                decompressor.decompress(&mut content[..], &out).unwrap();
            }
            let Compressor { whole, sample, .. } = &mut compressor;
            let bytes = whole.context_mut().sizeof() + sample.context_mut().sizeof() + out.capacity();
            assert!(bytes as u64 <= level.memory_bytes(), "level {}: {bytes}", level.get());
            let bytes = decompressor.sizeof() + content.len();
            assert!(bytes as u64 <= DECOMPRESSOR_BYTES, "{bytes}");
        }
    }

    #[test]
    fn noise_tiny_blocks_and_blocks_that_are_too_large_are_sent_as_they_are() {
        let mut out = vec![1, 2, 3];
        for block in [noise(1, MAX_BLOCK_BYTES), vec![], vec![0; 63], vec![0; MAX_BLOCK_BYTES + 1]] {
            assert!(!compressor().compress(&block, &mut out));
            assert!(out.is_empty());
        }
        assert!(compressor().compress(&vec![0; MAX_BLOCK_BYTES], &mut out));
    }

    #[test]
    fn a_block_that_shrinks_too_little_is_sent_as_it_is() {
        let mut block = noise(2, 100_000);
        block[48_000..52_300].fill(0);
        let mut out = Vec::new();
        assert!(!compressor().compress(&block, &mut out));
        assert!(out.is_empty());
        block[40_000..60_000].fill(0);
        assert!(compressor().compress(&block, &mut out));
        assert!(out.len() <= 93_750);
    }

    #[test]
    fn after_noise_fewer_and_fewer_blocks_are_tried_until_one_shrinks() {
        let mut rhythm = Rhythm::new();
        let mut tried = Vec::new();
        for number in 0..300 {
            if rhythm.is_due() {
                tried.push(number);
                rhythm.tried(false);
            }
        }
        assert_eq!(tried, [0, 2, 6, 14, 30, 62, 126, 190, 254]);
        while !rhythm.is_due() {}
        rhythm.tried(true);
        assert!(rhythm.is_due());
    }

    #[test]
    fn text_after_noise_is_compressed_again() {
        let (mut compressor, mut out) = (compressor(), Vec::new());
        for seed in 0..200 {
            assert!(!compressor.compress(&noise(seed, 30_000), &mut out));
        }
        let block = text(30_000);
        let shrunk: Vec<bool> = (0..100).map(|_| compressor.compress(&block, &mut out)).collect();
        let first = shrunk.iter().position(|&shrank| shrank).unwrap();
        assert!(first < 64);
        assert!(shrunk[first..].iter().all(|&shrank| shrank));
    }

    #[test]
    fn blocks_use_the_same_memory_again() {
        let (mut compressor, mut out) = (compressor(), Vec::new());
        assert!(compressor.compress(&text(MAX_BLOCK_BYTES), &mut out));
        let (place, capacity) = (out.as_ptr(), out.capacity());
        for length in [1_000, 20_000, MAX_BLOCK_BYTES] {
            assert!(compressor.compress(&text(length), &mut out));
            assert_eq!((out.as_ptr(), out.capacity()), (place, capacity));
        }
    }

    #[test]
    fn another_size_is_an_error_and_the_next_block_is_none() {
        let (mut out, mut decompressor) = (Vec::new(), Decompressor::new().unwrap());
        assert!(compressor().compress(&text(1_000), &mut out));
        for size in [0, 999, 1_001] {
            assert_eq!(decompressor.decompress(&out, size).unwrap_err().code, ErrorCode::IntegrityFailure);
        }
        assert!(decompressor.decompress(&out[..out.len() - 1], 1_000).is_err());
        assert_eq!(decompressor.decompress(&out, 1_000).unwrap(), text(1_000));
    }

    /// Measures the costs of compression. Run by hand, in release mode: `cargo test --release -p remofile-core --lib
    /// measure -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn measure_what_compression_costs() {
        let words: Vec<&str> = include_str!("compress.rs").split_inclusive(' ').collect();
        let choices = noise(8, 16 << 20);
        let chosen =
            choices.chunks_exact(2).map(|two| words[usize::from(u16::from_be_bytes([two[0], two[1]])) % words.len()]);
        let kinds = [("noise", noise(7, 64 << 20)), ("words", chosen.collect::<String>().into_bytes())];
        for (kind, content) in kinds {
            for level in [1, 3, 9] {
                let mut compressor = Compressor::new(CompressLevel::new(level).unwrap()).unwrap();
                let (mut out, mut sent) = (Vec::new(), 0);
                let rounds = if kind == "noise" { 16 } else { 4 };
                let begin = std::time::Instant::now();
                for block in (0..rounds).flat_map(|_| content.chunks(MAX_BLOCK_BYTES)) {
                    sent += if compressor.compress(block, &mut out) { out.len() } else { block.len() };
                }
                let bytes = content.len() * rounds;
                let speed = bytes as f64 / begin.elapsed().as_secs_f64() / 1e6;
                println!("{kind}, level {level}: {speed:.0} MB/s, {:.1} %", sent as f64 * 100.0 / bytes as f64);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

        #[test]
        fn what_was_compressed_comes_back(
            seed in any::<u64>(),
            unit in 1_usize..5_000,
            length in 0..MAX_BLOCK_BYTES,
            level in 1_u8..10,
        ) {
            let mut compressor = Compressor::new(CompressLevel::new(level).unwrap()).unwrap();
            let mut decompressor = Decompressor::new().unwrap();
            let repetitive: Vec<u8> = noise(seed, unit).into_iter().cycle().take(length).collect();
            let mut out = Vec::new();
            for block in [repetitive, noise(seed, length)] {
                if compressor.compress(&block, &mut out) {
                    prop_assert!(out.len() <= block.len() - block.len() / 16);
                    prop_assert_eq!(decompressor.decompress(&out, block.len()).unwrap(), &block[..]);
                }
            }
        }

        #[test]
        fn whatever_arrives_is_no_panic(mut block in prop::collection::vec(any::<u8>(), 0..300), size in 0..1_000_usize) {
            let mut decompressor = Decompressor::new().unwrap();
            let _ = decompressor.decompress(&block, size);
            block.splice(0..0, [0x28, 0xb5, 0x2f, 0xfd]);
            let _ = decompressor.decompress(&block, size);
        }
    }
}

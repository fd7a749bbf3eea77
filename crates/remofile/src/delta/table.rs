//! The signatures of a level, to be looked up by their hashes.

use super::blocks::{Blocks, count_in};
use remofile_protocol::block::Signature;

/// Bits of each half of the filter for each signature.
const FILTER_BITS: usize = 128;
/// Most words of a filter: a larger one is in no cache.
const MOST_FILTER_WORDS: usize = 1 << 19;

/// Signatures of whole blocks by their hashes. However many are alike, a look costs the logarithm of
/// their number.
pub(super) struct Table {
    /// Sorted by [`spread`] signature and number.
    entries: Vec<(Signature, u32)>,
    /// Index of the first entry for each beginning of a weak hash, and the number of entries behind them.
    starts: Vec<u32>,
    start_shift: u32,
    filter: Filter,
}

/// The filter of windows: a look at one bit rejects most of those that are not in the table, and lets one in 128
/// pass. Those are looked at by another bit, somewhere else.
pub(super) struct Filter {
    words: Vec<u64>,
    mask: usize,
    second_words: Vec<u64>,
}

impl Filter {
    fn of(weak: impl ExactSizeIterator<Item = u64>) -> Self {
        let count = (weak.len() * FILTER_BITS / 64).next_power_of_two().min(MOST_FILTER_WORDS);
        let mut filter = Self { words: vec![0; count], mask: count - 1, second_words: vec![0; count] };
        for weak in weak {
            let (weighted, sum) = ((weak >> 16) as u32, weak as u32 & 0xffff);
            let word = filter.word(weighted);
            filter.words[word] |= 1 << (sum & 63);
            let (word, bit) = filter.second(weighted, sum);
            filter.second_words[word] |= 1 << bit;
        }
        filter
    }

    /// Reports whether a window with these sums may be in the table.
    #[inline(always)]
    pub(super) fn may_hold(&self, weighted: u32, sum: u32) -> bool {
        self.words[self.word(weighted)] >> (sum & 63) & 1 != 0 && self.passes_second(weighted, sum)
    }

    /// Returns the index of a word. The lowest bits of the weighted sum are left out: they are the same for rows of
    /// numbers that have more bytes than one.
    #[inline(always)]
    fn word(&self, weighted: u32) -> usize {
        (weighted >> 4) as usize & self.mask
    }

    #[cold]
    #[inline(never)]
    fn passes_second(&self, weighted: u32, sum: u32) -> bool {
        let (word, bit) = self.second(weighted, sum);
        self.second_words[word] >> bit & 1 != 0
    }

    /// Returns the word and bit of the second look. Only the bits of the sums that the weak hash has may count.
    fn second(&self, weighted: u32, sum: u32) -> (usize, u64) {
        let spread = spread_weak(u64::from(weighted) << 16 | u64::from(sum & 0xffff));
        ((spread >> 38) as usize & self.mask, spread >> 32 & 63)
    }
}

/// Spreads a signature's weak hash by a multiplication, since the weak hashes of similar blocks are near each
/// other.
fn spread(signature: Signature) -> Signature {
    Signature { weak: spread_weak(signature.weak), ..signature }
}

fn spread_weak(weak: u64) -> u64 {
    weak.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Table {
    /// Sorts the signatures of these blocks, given in their order. Short blocks are left out: they are
    /// looked for only where they must be.
    pub(super) fn of(blocks: &Blocks, signatures: &[Signature]) -> Self {
        let mut entries = Vec::with_capacity(signatures.len());
        let mut signed = signatures.iter().zip(0u32..);
        for range in blocks.ranges() {
            let whole = (range.end - range.start) / u64::from(blocks.block_bytes());
            let whole_blocks = signed.by_ref().take(whole as usize);
            entries.extend(whole_blocks.map(|(signature, block)| (spread(*signature), block)));
            if whole < count_in(range, blocks.block_bytes()) {
                signed.next();
            }
        }
        entries.sort_unstable();
        // About one start for each entry, so that a look finds its entry at once; 2^24 starts take 64 MiB.
        let start_bits = entries.len().next_power_of_two().trailing_zeros().clamp(1, 24);
        let start_shift = u64::BITS - start_bits;
        let mut starts = vec![0u32; (1 << start_bits) + 1];
        for (signature, _) in &entries {
            starts[(signature.weak >> start_shift) as usize + 1] += 1;
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let filter = Filter::of(signatures.iter().map(|signature| signature.weak));
        Self { entries, starts, start_shift, filter }
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Reports whether a block has this weak hash.
    pub(super) fn has_weak(&self, weak: u64) -> bool {
        let weak = spread_weak(weak);
        let bucket = self.bucket(weak);
        let at = bucket.partition_point(|(other, _)| other.weak < weak);
        bucket.get(at).is_some_and(|(other, _)| other.weak == weak)
    }

    /// Returns the blocks that have this signature, by their numbers.
    pub(super) fn equal(&self, signature: Signature) -> &[(Signature, u32)] {
        let signature = spread(signature);
        let bucket = self.bucket(signature.weak);
        let from = bucket.partition_point(|(other, _)| *other < signature);
        let count = bucket[from..].partition_point(|(other, _)| *other == signature);
        &bucket[from..from + count]
    }

    /// Returns the blocks in groups that have the same signature.
    pub(super) fn groups(&self) -> impl Iterator<Item = &[(Signature, u32)]> {
        self.entries.chunk_by(|(one, _), (other, _)| one == other)
    }

    fn bucket(&self, spread_weak: u64) -> &[(Signature, u32)] {
        let bucket = (spread_weak >> self.start_shift) as usize;
        &self.entries[self.starts[bucket] as usize..self.starts[bucket + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_table_is_found_and_nothing_else() {
        let blocks = Blocks::cut(10, vec![0..10_000, 10_003..10_018]).unwrap();
        let weak = |n: u64| n.wrapping_mul(0xa076_1d64_78bd_642f) >> 16;
        let signature = |n: u64| Signature { weak: weak(n / 4), strong: n / 2 };
        let signatures: Vec<_> = (0..blocks.count() as u64).map(signature).collect();
        let table = Table::of(&blocks, &signatures);
        for n in 0..1001 {
            let equal: Vec<_> = table.equal(signature(n)).iter().map(|(_, block)| u64::from(*block)).collect();
            let expected = if n == 1000 { vec![1000] } else { vec![n & !1, n | 1] };
            assert_eq!(equal, expected, "block 1001 is short");
            assert!(table.has_weak(weak(n / 4)) && may_hold(&table, weak(n / 4)));
        }
        assert!(table.equal(signature(2000)).is_empty());
        let passing = (1000..101_000).filter(|n| may_hold(&table, weak(*n))).count();
        assert!(passing < 1000, "{passing} of 100,000 pass");
    }

    fn may_hold(table: &Table, weak: u64) -> bool {
        table.filter().may_hold((weak >> 16) as u32, weak as u32 & 0xffff)
    }

    #[test]
    fn a_table_of_nothing_finds_nothing() {
        let table = Table::of(&Blocks::default(), &[]);
        assert!(!table.has_weak(0) && !may_hold(&table, 0));
        assert_eq!(table.groups().count(), 0);
    }
}

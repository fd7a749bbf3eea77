//! The blocks of a level: ranges of the remote file, cut and numbered.

use std::ops::Range;

/// Ranges that are cut in blocks from their starts. The last block of a range may be short.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    block_bytes: u32,
    ranges: Vec<Range<u64>>,
    /// Number of each range's first block. `count` is the number of all blocks.
    firsts: Vec<u32>,
    count: u32,
}

impl Blocks {
    /// Cuts ranges that are sorted, do not touch and are not empty; `None` where there are too many blocks
    /// to number them.
    pub(super) fn cut(block_bytes: u32, ranges: Vec<Range<u64>>) -> Option<Self> {
        let mut firsts = Vec::with_capacity(ranges.len());
        let mut count = 0u32;
        for range in &ranges {
            firsts.push(count);
            count = count.checked_add(u32::try_from(count_in(range, block_bytes)).ok()?)?;
        }
        Some(Self { block_bytes, ranges, firsts, count })
    }

    pub(super) fn block_bytes(&self) -> u32 {
        self.block_bytes
    }

    pub(super) fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// Returns the number of blocks.
    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    /// Returns the range of a block in the remote file.
    pub(super) fn place(&self, block: u32) -> Range<u64> {
        let index = self.firsts.partition_point(|first| *first <= block) - 1;
        let start = self.ranges[index].start + u64::from(block - self.firsts[index]) * u64::from(self.block_bytes);
        start..(start + u64::from(self.block_bytes)).min(self.ranges[index].end)
    }

    /// Returns the number of the block that starts at an offset, if one does.
    pub(super) fn starting_at(&self, offset: u64) -> Option<u32> {
        let index = self.ranges.partition_point(|range| range.start <= offset).checked_sub(1)?;
        let into = offset - self.ranges[index].start;
        let is_start = offset < self.ranges[index].end && into.is_multiple_of(u64::from(self.block_bytes));
        is_start.then(|| self.firsts[index] + (into / u64::from(self.block_bytes)) as u32)
    }

    /// Returns the number of the short block that ends at an offset, if one does.
    pub(super) fn short_ending_at(&self, offset: u64) -> Option<u32> {
        let index = self.ranges.partition_point(|range| range.end < offset);
        let range = self.ranges.get(index).filter(|range| range.end == offset)?;
        let is_short = !(range.end - range.start).is_multiple_of(u64::from(self.block_bytes));
        is_short.then(|| self.firsts[index] + (count_in(range, self.block_bytes) - 1) as u32)
    }
}

/// Returns the number of blocks that a range is cut in.
pub(super) fn count_in(range: &Range<u64>, block_bytes: u32) -> u64 {
    (range.end - range.start).div_ceil(block_bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_numbered_through_all_ranges() {
        let blocks = Blocks::cut(10, vec![0..25, 40..60, 100..101]).unwrap();
        let places: Vec<_> = (0..6).map(|block| blocks.place(block)).collect();
        assert_eq!(blocks.count(), 6);
        assert_eq!(places, [0..10, 10..20, 20..25, 40..50, 50..60, 100..101]);
        assert_eq!([0, 20, 40, 100].map(|at| blocks.starting_at(at)), [Some(0), Some(2), Some(3), Some(5)]);
        assert_eq!([5, 25, 30, 60, 101].map(|at| blocks.starting_at(at)), [None; 5]);
        assert_eq!([25, 101].map(|at| blocks.short_ending_at(at)), [Some(2), Some(5)]);
        assert_eq!([0, 20, 60, 102].map(|at| blocks.short_ending_at(at)), [None; 4]);
    }

    #[test]
    fn more_blocks_than_have_numbers_are_refused() {
        assert!(Blocks::cut(1, vec![0..1, 2..1 << 33]).is_none());
    }
}

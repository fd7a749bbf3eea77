//! The plan of a search: the sizes of blocks, and the ranges that are cut in them.

use super::blocks::{Blocks, count_in};
use remofile_protocol::block::SIGNATURE_BYTES;
use std::ops::Range;

const LEAST_BLOCK_BYTES: u64 = 256;
const MOST_BLOCK_BYTES: u64 = 8 * 1024 * 1024;

/// Factor of the first blocks: their size is the root of the file's size times this. That is 128 KiB for 1 GiB,
/// which makes 96 KiB of signatures, and 4 MiB for 1 TiB, which makes 3 MiB. With a tenth of that many bytes more
/// or less the sum over all levels is the same for a thousand changes; larger blocks are better for fewer of them.
const FIRST_FACTOR: u64 = 16;

/// Most times by which the next blocks are smaller. A change costs 12 bytes for each block that its gap is cut in:
/// with 16 that is about 200 bytes a level, against the larger part of the block.
const FINER_FACTOR: u64 = 16;

/// Bytes that another question costs at least: the rest, and the bytes that it could save, must be more than that.
pub(super) const ROUND_TRIP_BYTES: u64 = 4096;

/// Cheap blocks are asked for wherever nothing was found: those that the second level has, and of more than
/// 4 KiB all. That is 0.3 % of a large file, and 1.2 % of a small one. Others cost more, and a gap of many
/// blocks is most probably new all through: then at its ends only, into which equal bytes reach.
const CHEAP_BLOCK_BYTES: std::ops::RangeInclusive<u64> = 1024..=4096;
const LONG_GAP_BLOCKS: u64 = 32;

/// Bytes of the local file of which another level must save one. To go over the gaps takes time, too: a second or
/// two for 1 GiB.
const GONE_OVER_BYTES: u64 = 1024;

/// Blocks of a level after the first, which bounds its memory to some 40 MiB.
const MOST_BLOCKS: u64 = 1 << 20;

/// Ranges of a level, which are asked for in some questions one after another. If there are more, those
/// that are nearest to each other become one.
const MOST_RANGES: usize = 8000;

/// Returns the blocks to begin with; `None` if nothing can be saved.
pub(super) fn first(local_bytes: u64, remote_bytes: u64) -> Option<Blocks> {
    if local_bytes.min(remote_bytes) <= ROUND_TRIP_BYTES {
        return None;
    }
    Blocks::cut(first_block_bytes(remote_bytes) as u32, std::iter::once(0..remote_bytes).collect())
}

fn first_block_bytes(remote_bytes: u64) -> u64 {
    let root = remote_bytes.saturating_mul(FIRST_FACTOR).isqrt();
    nearest_power_of_two(root).clamp(LEAST_BLOCK_BYTES, MOST_BLOCK_BYTES)
}

/// Returns the blocks to search the gaps for, after blocks of `coarse_bytes`; `None` if the gaps are not worth a question, in
/// whose time the line carries `round_trip_bytes`.
pub(super) fn finer(
    coarse_bytes: u32,
    remote_bytes: u64,
    round_trip_bytes: u64,
    local_gaps: &[Range<u64>],
    remote_gaps: &[Range<u64>],
) -> Option<Blocks> {
    let step = BlockRefinement::new(coarse_bytes.into(), remote_bytes, remote_gaps)?;
    let ranges = step.worth_asking(remote_gaps);
    let blocks: u64 = ranges.iter().map(|range| count_in(range, step.block_bytes as u32)).sum();
    let asked = blocks * SIGNATURE_BYTES as u64;
    // No more can be saved than is left of either file.
    let saved = step.expected_saving(&ranges).min(total(local_gaps)).min(total(remote_gaps));
    if saved <= asked + round_trip_bytes + total(local_gaps) / GONE_OVER_BYTES {
        return None;
    }
    Blocks::cut(step.block_bytes as u32, merge(ranges))
}

/// The step from blocks of one size to smaller ones.
struct BlockRefinement {
    coarse_bytes: u64,
    block_bytes: u64,
    is_cheap: bool,
}

impl BlockRefinement {
    /// Chooses the size of the next blocks; `None` if none is smaller enough. For a gap with one change in it, 12 g /
    /// b bytes of signatures and about b bytes of what is found too coarsely are least with b = √(12 g). But not in
    /// one step: see [`FINER_FACTOR`].
    fn new(coarse_bytes: u64, remote_bytes: u64, gaps: &[Range<u64>]) -> Option<Self> {
        // Capped, so that a few long gaps do not decide for all the others.
        let capped: u64 = gaps.iter().map(|gap| (gap.end - gap.start).min(4 * coarse_bytes)).sum();
        let mean = capped.checked_div(gaps.len() as u64)?;
        let best = nearest_power_of_two((mean * SIGNATURE_BYTES as u64).isqrt());
        let (least_cheap, most_cheap) = CHEAP_BLOCK_BYTES.into_inner();
        let cheap = (first_block_bytes(remote_bytes) / FINER_FACTOR).clamp(least_cheap, most_cheap);
        let mut block_bytes = best.max(coarse_bytes / FINER_FACTOR).max(LEAST_BLOCK_BYTES);
        let in_long: u64 = gaps.iter().map(|gap| gap.end - gap.start).filter(|gap| is_long(*gap, coarse_bytes)).sum();
        // Most of what is left is probably new all through: smaller blocks would cost more than they find.
        if in_long > total(gaps) / 2 && cheap <= coarse_bytes / 4 {
            block_bytes = block_bytes.max(cheap);
        }
        while total(gaps) / block_bytes > MOST_BLOCKS {
            block_bytes *= 2;
        }
        let is_finer = block_bytes <= coarse_bytes / 4;
        is_finer.then_some(Self { coarse_bytes, block_bytes, is_cheap: block_bytes >= cheap })
    }

    fn worth_asking(&self, gaps: &[Range<u64>]) -> Vec<Range<u64>> {
        let mut ranges = Vec::with_capacity(gaps.len());
        for gap in gaps.iter().filter(|gap| gap.end - gap.start >= self.block_bytes) {
            if self.is_cheap || !is_long(gap.end - gap.start, self.coarse_bytes) {
                ranges.push(gap.clone());
            } else {
                ranges.push(gap.start..gap.start + self.coarse_bytes);
                ranges.push(gap.end - self.coarse_bytes..gap.end);
            }
        }
        ranges
    }

    /// Returns the number of bytes that are expected to be found. In a gap with one change in it, that is the rest of
    /// a block; and while blocks are cheap, an eighth of a gap without end, which may as well be full of small
    /// changes.
    fn expected_saving(&self, ranges: &[Range<u64>]) -> u64 {
        let lengths = ranges.iter().map(|range| range.end - range.start);
        let many_changes = |length: u64| if self.is_cheap { length / 8 } else { 0 };
        lengths.map(|length| length.min(self.coarse_bytes).max(many_changes(length))).sum()
    }
}

fn is_long(gap_bytes: u64, coarse_bytes: u64) -> bool {
    gap_bytes > LONG_GAP_BLOCKS * coarse_bytes
}

fn merge(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    if ranges.len() <= MOST_RANGES {
        return ranges;
    }
    let mut distances: Vec<_> = ranges.windows(2).map(|pair| pair[1].start - pair[0].end).collect();
    let surplus = ranges.len() - MOST_RANGES;
    // The distance up to which enough neighbours are joined, found without sorting all.
    let (_, farthest, _) = distances.select_nth_unstable(surplus - 1);
    let farthest = *farthest;
    ranges.dedup_by(|next, range| {
        let is_near = next.start - range.end <= farthest;
        if is_near {
            range.end = next.end;
        }
        is_near
    });
    ranges
}

fn total(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

fn nearest_power_of_two(number: u64) -> u64 {
    let above = number.next_power_of_two();
    if above - number > number - above / 2 { above / 2 } else { above }
}

/// Returns the number of questions that a search is expected to need.
pub(super) fn expected_levels(remote_bytes: u64) -> u32 {
    let smaller = first_block_bytes(remote_bytes) / LEAST_BLOCK_BYTES;
    1 + smaller.ilog(FINER_FACTOR) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;
    const GIB: u64 = 1024 * MIB;

    fn one(range: Range<u64>) -> Vec<Range<u64>> {
        std::iter::once(range).collect()
    }

    #[test]
    fn first_blocks_grow_with_the_root_of_the_size() {
        let sizes = [5000, MIB, GIB, 1024 * GIB, 1 << 50];
        assert_eq!(sizes.map(first_block_bytes), [256, 4096, 128 * 1024, 4 * MIB, MOST_BLOCK_BYTES]);
        assert_eq!(first(GIB, 1024 * GIB).unwrap().count(), 1 << 18);
        assert!(first(0, GIB).is_none() && first(GIB, 4096).is_none());
    }

    #[test]
    fn what_is_left_of_blocks_is_asked_for_and_nothing_small() {
        let gap = one(MIB..MIB + 128 * 1024);
        let blocks = finer(128 * 1024, GIB, ROUND_TRIP_BYTES, &gap, &gap).unwrap();
        assert_eq!((blocks.block_bytes(), blocks.count()), (8192, 16));
        assert!(finer(128 * 1024, GIB, ROUND_TRIP_BYTES, &one(0..1), &gap).is_none(), "one byte can be saved");
        assert!(finer(128 * 1024, GIB, ROUND_TRIP_BYTES, &gap, &one(0..4000)).is_none());
        assert!(finer(512, GIB, ROUND_TRIP_BYTES, &gap, &gap).is_none(), "smaller blocks cost too much");
    }

    #[test]
    fn where_everything_is_new_only_cheap_blocks_are_asked_for() {
        let all = one(0..GIB);
        let blocks = finer(128 * 1024, GIB, ROUND_TRIP_BYTES, &all, &all).unwrap();
        assert_eq!((blocks.block_bytes(), blocks.count()), (8192, 1 << 17));
        assert!(finer(8192, GIB, ROUND_TRIP_BYTES, &all, &all).is_none());
        let all = one(0..4 * MIB);
        assert_eq!(finer(8192, 4 * MIB, ROUND_TRIP_BYTES, &all, &all).unwrap().block_bytes(), 1024);
        assert!(finer(1024, 4 * MIB, ROUND_TRIP_BYTES, &all, &all).is_none());
    }

    #[test]
    fn long_gaps_are_asked_for_at_their_ends() {
        let gaps = BlockRefinement { coarse_bytes: 8192, block_bytes: 512, is_cheap: false }
            .worth_asking(&[0..100_000, MIB..3 * MIB]);
        assert_eq!(gaps, [0..100_000, MIB..MIB + 8192, 3 * MIB - 8192..3 * MIB]);
    }

    #[test]
    fn the_nearest_of_too_many_ranges_become_one() {
        let ranges: Vec<_> = (0..10_000).map(|n| n * 100..n * 100 + 99 - n % 50).collect();
        let merged = merge(ranges);
        assert!(merged.len() <= MOST_RANGES && merged.len() > MOST_RANGES / 2, "{}", merged.len());
        assert!(merged.windows(2).all(|pair| pair[0].end < pair[1].start));
    }
}

//! Spans of time in which files were changed that may not be on the disk.

use minicbor::{Decode, Decoder, Encode};
use remofile_protocol::wire::Timestamp;
use std::time::Duration;

/// Format of written ranges. Ranges of another format are not understood.
const FORMAT: u8 = 1;
/// Most ranges that are kept apart. Beyond that, the two with the least time between them become one.
const MOST_RANGES: usize = 64;
/// Longest file of ranges, in bytes. A longer one was not written by this store.
pub(super) const MOST_BYTES: usize = 16 * 1024;

pub(super) const EARLIEST: Timestamp = Timestamp::EARLIEST;
pub(super) const LATEST: Timestamp = Timestamp::LATEST;

/// The reason why files are in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub(super) enum Cause {
    /// A flush failed: the bytes that are read may be in memory alone.
    #[n(0)]
    FlushFailed,
    /// The system went down before a flush: the bytes that are read are those on the disk.
    #[n(1)]
    SystemWentDown,
}

/// A span of time, both ends included. Files whose last change of any kind lies in it are in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Range {
    #[n(0)]
    pub(super) from: Timestamp,
    #[n(1)]
    pub(super) to: Timestamp,
    #[n(2)]
    pub(super) cause: Cause,
}

/// Some ranges, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<Range>);

#[derive(Encode, Decode)]
#[cbor(array)]
struct Written {
    #[n(0)]
    format: u8,
    #[n(1)]
    ranges: Vec<Range>,
}

impl Ranges {
    /// Returns a range of everything until a time: no file changed until then is known to be on the disk.
    pub(super) fn everything_until(to: Timestamp) -> Self {
        Self(vec![Range { from: EARLIEST, to, cause: Cause::FlushFailed }])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reports whether a file with this time of last change is in doubt.
    pub(super) fn cover(&self, changed: Timestamp) -> bool {
        self.0.iter().any(|range| range.from <= changed && changed <= range.to)
    }

    /// Returns the reason why a file with this time of last change is in doubt, if it is; of two that which promises
    /// less.
    pub(super) fn cause(&self, changed: Timestamp) -> Option<Cause> {
        let is_covering = |range: &&Range| range.from <= changed && changed <= range.to;
        self.0.iter().filter(is_covering).map(|range| range.cause).min()
    }

    /// Reports whether a flush failed after this time of last change. Then the file may not be on the disk, whatever
    /// is read of it.
    pub(super) fn flush_failed_since(&self, changed: Timestamp) -> bool {
        self.0.iter().any(|range| range.cause == Cause::FlushFailed && changed <= range.to)
    }

    pub(super) fn add(&mut self, range: Range) {
        if range.from > range.to {
            return;
        }
        self.0.push(range);
        self.merge_overlapping();
        while self.0.len() > MOST_RANGES {
            self.merge_nearest();
            // A range that has another cause now may overlap one of that cause.
            self.merge_overlapping();
        }
    }

    pub(super) fn add_all(&mut self, others: &Self) {
        others.0.iter().for_each(|range| self.add(*range));
    }

    /// Orders the ranges, and makes one of those that overlap and have the same cause.
    fn merge_overlapping(&mut self) {
        // Not by the end first, which a merge changes: the order is the same when it is made again.
        self.0.sort_by_key(|range| (range.from, range.cause, range.to));
        let mut merged: Vec<Range> = Vec::with_capacity(self.0.len());
        for range in self.0.drain(..) {
            match merged.iter_mut().find(|other| other.cause == range.cause && range.from <= other.to) {
                Some(other) => other.to = other.to.max(range.to),
                None => merged.push(range),
            }
        }
        self.0 = merged;
    }

    /// Merges the two ranges with the least time between them. Of two causes the one that promises less remains.
    fn merge_nearest(&mut self) {
        let gap = |pair: &[Range]| nanoseconds(pair[1].from).saturating_sub(nanoseconds(pair[0].to));
        let nearest = self.0.windows(2).enumerate().min_by_key(|(_, pair)| gap(pair));
        let Some(at) = nearest.map(|(at, _)| at) else { return };
        let later = self.0.remove(at + 1);
        let earlier = &mut self.0[at];
        earlier.to = earlier.to.max(later.to);
        if later.cause == Cause::FlushFailed {
            earlier.cause = later.cause;
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let written = Written { format: FORMAT, ranges: self.0.clone() };
        minicbor::to_vec(&written).unwrap_or_default()
    }

    /// Reads ranges. Returns `None` for bytes that were not written by [`Ranges::to_bytes`].
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut decoder = Decoder::new(bytes);
        let written: Written = decoder.decode().ok()?;
        let is_ours = written.format == FORMAT && decoder.position() == bytes.len();
        let mut ranges = Self::default();
        written.ranges.into_iter().for_each(|range| ranges.add(range));
        is_ours.then_some(ranges)
    }
}

/// Returns the time that is `by` before another.
pub(super) fn before(time: Timestamp, by: Duration) -> Timestamp {
    moved(time, -nanoseconds_of(by))
}

/// Returns the time that is `by` after another.
pub(super) fn after(time: Timestamp, by: Duration) -> Timestamp {
    moved(time, nanoseconds_of(by))
}

fn nanoseconds_of(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

fn moved(time: Timestamp, by: i128) -> Timestamp {
    let sum = nanoseconds(time).saturating_add(by);
    let seconds = sum.div_euclid(1_000_000_000);
    match i64::try_from(seconds) {
        Ok(seconds) => Timestamp::new(seconds, sum.rem_euclid(1_000_000_000) as u32),
        Err(_) if by < 0 => EARLIEST,
        Err(_) => LATEST,
    }
}

fn nanoseconds(time: Timestamp) -> i128 {
    i128::from(time.seconds()) * 1_000_000_000 + i128::from(time.nanoseconds())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(nanoseconds: i64) -> Timestamp {
        moved(Timestamp::new(0, 0), nanoseconds.into())
    }

    fn range(from: i64, to: i64) -> Range {
        Range { from: at(from), to: at(to), cause: Cause::FlushFailed }
    }

    #[test]
    fn both_ends_of_a_range_are_in_doubt_and_nothing_beside_it() {
        let mut ranges = Ranges::default();
        ranges.add(range(5, 7));
        assert_eq!([4, 5, 6, 7, 8].map(|time| ranges.cover(at(time))), [false, true, true, true, false]);
        ranges.add(range(9, 9));
        assert!(!ranges.cover(at(8)) && ranges.cover(at(9)));
        ranges.add(range(20, 10));
        assert!(!ranges.cover(at(15)), "a range that ends before it begins is none");
        assert!(ranges.flush_failed_since(at(-100)) && !ranges.flush_failed_since(at(10)));
    }

    #[test]
    fn after_the_system_went_down_what_is_read_is_what_is_on_the_disk() {
        let mut ranges = Ranges::default();
        ranges.add(Range { cause: Cause::SystemWentDown, ..range(5, 7) });
        assert!(ranges.cover(at(6)) && !ranges.flush_failed_since(at(6)));
    }

    #[test]
    fn times_beyond_all_times_are_the_last_ones() {
        assert_eq!(before(EARLIEST, Duration::from_secs(1)), EARLIEST);
        assert_eq!(after(LATEST, Duration::from_secs(1)), LATEST);
        assert_eq!(before(Timestamp::new(0, 0), Duration::from_nanos(1)), Timestamp::new(-1, 999_999_999));
    }

    #[test]
    fn what_is_written_is_read_and_anything_else_is_not_understood() {
        let mut ranges = Ranges::default();
        (0..1000).for_each(|number| ranges.add(range(number * 10, number * 10 + 3)));
        let bytes = ranges.to_bytes();
        assert!(bytes.len() <= MOST_BYTES);
        assert_eq!(Ranges::parse(&bytes), Some(ranges));
        for cut in 0..bytes.len() {
            assert_eq!(Ranges::parse(&bytes[..cut]), None);
        }
        assert_eq!(Ranges::parse(&[&bytes[..], b"\0"].concat()), None);
        assert_eq!(Ranges::parse(&minicbor::to_vec(Written { format: 2, ranges: Vec::new() }).unwrap()), None);
        assert_eq!(Ranges::parse(&[0; 40]), None);
    }

    fn down(from: i64, to: i64) -> Range {
        Range { cause: Cause::SystemWentDown, ..range(from, to) }
    }

    /// Returns some ranges, which are the same after they were written and read.
    fn written_and_read(added: impl IntoIterator<Item = Range>) -> Ranges {
        let mut ranges = Ranges::default();
        added.into_iter().for_each(|range| ranges.add(range));
        assert_eq!(Ranges::parse(&ranges.to_bytes()).as_ref(), Some(&ranges));
        ranges
    }

    #[test]
    fn a_range_whose_cause_changes_is_merged_with_a_neighbour_of_that_cause() {
        let others = (0..MOST_RANGES as i64 - 2).map(|number| range(100 + number * 10, 101 + number * 10));
        let ranges = written_and_read([range(0, 12), down(10, 20), range(18, 30)].into_iter().chain(others));
        assert_eq!(ranges.0[0], range(0, 30));
    }

    #[test]
    fn ranges_of_two_causes_that_begin_together_keep_their_order() {
        let ranges = written_and_read([range(0, 0), down(0, 3), range(0, 5)]);
        assert_eq!(ranges.0, [range(0, 5), down(0, 3)]);
    }

    proptest! {
        #[test]
        fn however_many_are_added_none_is_forgotten_and_few_are_kept(
            added in prop::collection::vec((0i64..100_000, 0i64..50, any::<bool>()), 0..200)
        ) {
            let mut ranges = Ranges::default();
            for &(from, length, is_failed) in &added {
                let cause = if is_failed { Cause::FlushFailed } else { Cause::SystemWentDown };
                ranges.add(Range { cause, ..range(from, from + length) });
            }
            prop_assert!(ranges.0.len() <= MOST_RANGES);
            for (from, length, is_failed) in added {
                prop_assert!(ranges.cover(at(from)) && ranges.cover(at(from + length)));
                prop_assert!(!is_failed || ranges.flush_failed_since(at(from + length)));
            }
            prop_assert_eq!(Ranges::parse(&ranges.to_bytes()), Some(ranges));
        }
    }
}

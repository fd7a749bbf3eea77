//! The rules by which trees are compared, and the permissions to change the destination.

use super::node::NodeKind;
use remofile_protocol::handshake::Capabilities;
use remofile_protocol::wire::Timestamp;
use std::time::Duration;

/// The rules by which trees are compared, and the permissions to change the destination. The default compares sizes
/// and times, creates and updates, and removes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// True if files and directories that only the destination has are deleted, or renamed where that saves sending.
    pub delete: bool,
    /// Most deletions. If there would be more, nothing is deleted. Renames do not count.
    pub max_delete: Option<u64>,
    /// True if files of one size are compared by their contents whatever their times are. Overrules `size_only`.
    pub checksum: bool,
    /// True if files of one size count as the same.
    pub size_only: bool,
    /// True if files that are newer at the destination are left.
    pub update: bool,
    /// True if nothing is created that is not there in some form: no files, links or directories.
    pub existing: bool,
    /// True if files and links that exist are left as they are.
    pub ignore_existing: bool,
    /// True if permission bits are compared and set.
    pub preserve_mode: bool,
    /// Largest difference of two times that count as equal.
    pub modify_window: Duration,
    /// Smallest file of the source that takes part, in bytes; `None` for any. One that is smaller is left as it is on both sides.
    pub min_size: Option<u64>,
    /// Largest file of the source that takes part, in bytes; `None` for any.
    pub max_size: Option<u64>,
    /// Smallest size, on both sides, of a file that may travel as a delta; `None` for never.
    pub delta_from: Option<u64>,
    /// The capabilities of the destination: nothing else is planned.
    pub capabilities: Capabilities,
}

impl Rules {
    /// Reports whether two times are equal as far as the destination's file system, and the window, tell.
    pub(super) fn is_same_time(&self, source: Timestamp, destination: Timestamp) -> bool {
        let is_cut = destination.nanoseconds() == 0 && source.seconds() == destination.seconds();
        is_cut || !self.is_beyond_window(source, destination)
    }

    /// Reports whether the destination's time is newer by more than the window.
    pub(super) fn is_newer(&self, destination: Timestamp, source: Timestamp) -> bool {
        destination > source && self.is_beyond_window(source, destination)
    }

    /// Returns the permission bits that have to be set, if any.
    pub(super) fn mode_to_set(&self, source: Option<u32>, destination: Option<u32>) -> Option<u32> {
        source.filter(|&mode| self.preserve_mode && destination.is_some_and(|there| there != mode))
    }

    /// Returns the permission bits of a new file or directory.
    pub(super) fn new_mode(&self, source: Option<u32>) -> Option<u32> {
        source.filter(|_| self.preserve_mode)
    }

    /// Reports whether a file may travel as a delta.
    pub(super) fn is_delta(&self, size: u64, old_size: u64) -> bool {
        self.delta_from.is_some_and(|least| size >= least && old_size >= least)
    }

    /// Reports whether something of the source is a file that its size leaves out.
    pub(super) fn leaves_out(&self, what: &NodeKind) -> bool {
        let NodeKind::File { size, .. } = *what else { return false };
        self.min_size.is_some_and(|least| size < least) || self.max_size.is_some_and(|most| size > most)
    }

    fn is_beyond_window(&self, one: Timestamp, other: Timestamp) -> bool {
        nanoseconds(one).abs_diff(nanoseconds(other)) > self.modify_window.as_nanos()
    }
}

fn nanoseconds(time: Timestamp) -> i128 {
    i128::from(time.seconds()) * 1_000_000_000 + i128::from(time.nanoseconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, nanoseconds: u32) -> Timestamp {
        Timestamp::new(seconds, nanoseconds)
    }

    #[test]
    fn a_destination_without_nanoseconds_has_the_same_time() {
        let rules = Rules::default();
        assert!(rules.is_same_time(at(5, 7), at(5, 7)));
        assert!(rules.is_same_time(at(5, 7), at(5, 0)));
        assert!(rules.is_same_time(at(-5, 7), at(-5, 0)));
        assert!(!rules.is_same_time(at(5, 0), at(5, 7)), "the source has none");
        assert!(!rules.is_same_time(at(5, 7), at(6, 0)));
    }

    #[test]
    fn a_window_is_included_in_what_is_equal_and_excluded_from_what_is_newer() {
        let rules = Rules { modify_window: Duration::from_secs(2), ..Rules::default() };
        for (source, destination, is_same, is_newer) in [
            (at(5, 7), at(7, 7), true, false),
            (at(5, 7), at(7, 8), false, true),
            (at(7, 8), at(5, 7), false, false),
            (at(-1, 0), at(1, 0), true, false),
            (at(-1, 999_999_999), at(2, 0), false, true),
        ] {
            assert_eq!(rules.is_same_time(source, destination), is_same, "{source:?} {destination:?}");
            assert_eq!(rules.is_newer(destination, source), is_newer, "{source:?} {destination:?}");
        }
    }

    #[test]
    fn the_ends_of_time_are_compared_as_any_other() {
        let (first, last) = (at(i64::MIN, 0), at(i64::MAX, 999_999_999));
        let widest = Rules { modify_window: Duration::MAX, ..Rules::default() };
        for rules in [Rules::default(), widest] {
            assert!(rules.is_same_time(first, first) && rules.is_same_time(last, last));
        }
        assert!(Rules::default().is_newer(last, first) && !Rules::default().is_newer(first, last));
        assert!(!Rules::default().is_same_time(first, last));
        assert!(widest.is_same_time(at(i64::MIN, 5), at(-1, 0)), "a window of the whole range");
        assert!(Rules::default().is_newer(at(1 << 33, 0), at(-1, 0)), "after 2038, before 1970");
    }

    #[test]
    fn only_files_that_are_large_on_both_sides_travel_as_what_changed() {
        let rules = Rules { delta_from: Some(10), ..Rules::default() };
        assert!(rules.is_delta(10, 10) && !rules.is_delta(9, 10) && !rules.is_delta(10, 9));
        assert!(!Rules::default().is_delta(u64::MAX, u64::MAX));
    }

    #[test]
    fn files_take_part_by_their_sizes_with_both_bounds_included() {
        let file = |size| NodeKind::File { size, modified: at(0, 0), mode: None, unflushed: false };
        let rules = Rules { min_size: Some(2), max_size: Some(4), ..Rules::default() };
        let out: Vec<u64> = (0..7).filter(|size| rules.leaves_out(&file(*size))).collect();
        assert_eq!(out, [0, 1, 5, 6]);
        assert!(!rules.leaves_out(&NodeKind::Special) && !Rules::default().leaves_out(&file(u64::MAX)));
    }

    #[test]
    fn permission_bits_are_set_where_both_are_known_and_differ() {
        let rules = Rules { preserve_mode: true, ..Rules::default() };
        assert_eq!(rules.mode_to_set(Some(0o644), Some(0o600)), Some(0o644));
        assert_eq!(rules.mode_to_set(Some(0o644), Some(0o644)), None);
        assert_eq!(rules.mode_to_set(Some(0o644), None), None);
        assert_eq!(rules.mode_to_set(None, Some(0o644)), None);
        assert_eq!(Rules::default().mode_to_set(Some(0o644), Some(0o600)), None);
    }
}

//! The decision whether to search for common parts or to send everything.

use super::plan;
use std::time::Duration;

/// The speeds of line and machines, as far as they were measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speeds {
    /// Rate of the line, in bytes of content a second; `None` before it was measured.
    pub link_bytes_per_second: Option<f64>,
    /// Time from a question to its answer.
    pub round_trip: Duration,
    /// Rate of signing on the server, in bytes a second, reading included.
    pub sign_bytes_per_second: f64,
    /// Rate of searching on the client, in bytes a second, reading included.
    pub search_bytes_per_second: f64,
}

/// The part of a file that is expected to be new.
const EXPECTED_NEW: f64 = 0.02;

/// Reports whether a search is worth it: whether it takes less time than the line needs for what both files may have in
/// common. To make the new file takes as long in either case, whether its bytes come or are copied. The bytes by which
/// one file is longer must be sent in any case and decide nothing; so a small file beside a large one is searched for only
/// if the line is slow.
#[must_use]
pub fn is_worth_it(speeds: &Speeds, local_bytes: u64, remote_bytes: u64) -> bool {
    let Some(link) = speeds.link_bytes_per_second else { return true };
    let sent = local_bytes.min(remote_bytes) as f64 / link;
    let levels = plan::expected_levels(remote_bytes);
    let signed = remote_bytes as f64 / speeds.sign_bytes_per_second;
    let searched = local_bytes as f64 / speeds.search_bytes_per_second;
    let asked = speeds.round_trip.as_secs_f64() * f64::from(levels);
    // One side searches while the other signs.
    signed.max(searched) + asked + sent * EXPECTED_NEW <= sent
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;
    const GIB: u64 = 1024 * MIB;

    fn speeds(link_megabits: f64, round_trip_milliseconds: u64) -> Speeds {
        Speeds {
            link_bytes_per_second: Some(link_megabits * 1e6 / 8.0),
            round_trip: Duration::from_millis(round_trip_milliseconds),
            sign_bytes_per_second: 3e9,
            search_bytes_per_second: 2e9,
        }
    }

    #[test]
    fn over_an_unknown_line_it_is_worth_it() {
        let unknown = Speeds { link_bytes_per_second: None, ..speeds(1.0, 1) };
        assert!(is_worth_it(&unknown, GIB, GIB));
    }

    #[test]
    fn the_slower_the_line_the_rather() {
        assert!(is_worth_it(&speeds(100.0, 50), GIB, GIB));
        assert!(is_worth_it(&speeds(10_000.0, 1), GIB, GIB));
        assert!(!is_worth_it(&speeds(40_000.0, 1), GIB, GIB));
    }

    #[test]
    fn what_would_take_longer_than_to_send_is_not_begun() {
        let at = |gigabytes: f64| Speeds { link_bytes_per_second: Some(gigabytes * 1e9), ..speeds(1.0, 0) };
        assert!(is_worth_it(&at(1.9), GIB, GIB));
        assert!(!is_worth_it(&at(2.0), GIB, GIB), "the search goes over 2 GB a second");
        let slow_server = Speeds { sign_bytes_per_second: 1e8, ..at(0.2) };
        assert!(!is_worth_it(&slow_server, GIB, GIB));
    }

    #[test]
    fn a_small_file_is_sooner_sent_than_searched_for() {
        assert!(!is_worth_it(&speeds(100.0, 50), 64 * 1024, 64 * 1024));
        assert!(is_worth_it(&speeds(100.0, 50), 4 * MIB, 4 * MIB));
    }

    #[test]
    fn a_small_part_of_a_large_file_is_not_worth_reading_the_large_one() {
        assert!(!is_worth_it(&speeds(1000.0, 1), MIB, 100 * GIB));
        assert!(!is_worth_it(&speeds(1000.0, 1), 100 * GIB, MIB));
    }
}

//! Times of last modification as they are shown.

use crate::files;
use jiff::tz::TimeZone;
use remofile::protocol::wire::Timestamp;
use std::ffi::OsStr;
use std::path::Path;

/// The rules of this machine's time zone.
const LOCAL_TIME: &str = "/etc/localtime";

/// Shows times in one time zone.
pub(crate) struct Clock {
    zone: TimeZone,
}

impl Clock {
    /// The time zone of this machine.
    pub(crate) fn local() -> Self {
        Self { zone: zone_of(std::env::var_os("TZ").as_deref(), Path::new(LOCAL_TIME)) }
    }

    #[cfg(test)]
    pub(crate) fn utc() -> Self {
        Self { zone: TimeZone::UTC }
    }

    /// `2018-07-14 09:26:53`; the plain seconds where a calendar does not reach.
    pub(crate) fn show(&self, time: Timestamp) -> String {
        match jiff::Timestamp::from_second(time.seconds()) {
            Ok(instant) => {
                let local = self.zone.to_datetime(instant);
                format!(
                    "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
                    local.year(),
                    local.month(),
                    local.day(),
                    local.hour(),
                    local.minute(),
                    local.second()
                )
            }
            Err(_) => format!("@{}", time.seconds()),
        }
    }
}

/// Returns the time zone that `TZ` names, else that of a file of rules.
///
/// To find out what the zone of the file is called, which nobody asks here, the whole database of time zones would be gone
/// through: it took half the system calls of a `stat`.
fn zone_of(named: Option<&OsStr>, local_time: &Path) -> TimeZone {
    let rules = || TimeZone::tzif("Local", &files::read_list(local_time).ok()?).ok();
    if named.is_some() { None } else { rules() }.unwrap_or_else(TimeZone::system)
}

/// Seconds since 1970 with nine decimals: a number in JSON, exact to the nanosecond.
pub(crate) fn seconds_since_1970(time: Timestamp) -> String {
    let nanoseconds = i128::from(time.seconds()) * 1_000_000_000 + i128::from(time.nanoseconds());
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let (seconds, rest) = (nanoseconds.unsigned_abs() / 1_000_000_000, nanoseconds.unsigned_abs() % 1_000_000_000);
    format!("{sign}{seconds}.{rest:09}")
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test writes a file of rules itself")]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_iso_style() {
        let clock = Clock::utc();
        assert_eq!(clock.show(Timestamp::new(0, 0)), "1970-01-01 00:00:00");
        assert_eq!(clock.show(Timestamp::new(951_782_400, 0)), "2000-02-29 00:00:00");
        assert_eq!(clock.show(Timestamp::new(-1, 0)), "1969-12-31 23:59:59");
        assert_eq!(clock.show(Timestamp::new(i64::MAX, 0)), format!("@{}", i64::MAX));
    }

    #[test]
    fn the_rules_of_the_machine_are_read_from_its_one_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("localtime");
        // A zone two hours east of Greenwich all year, in the format of version 1.
        let mut rules = b"TZif".to_vec();
        rules.extend([0; 16]);
        for count in [0, 0, 0, 0, 1, 4_u32] {
            rules.extend(count.to_be_bytes());
        }
        rules.extend(7200_i32.to_be_bytes());
        rules.extend([0, 0]);
        rules.extend(b"ABC\0");
        let shown = |named: Option<&str>| {
            let zone = zone_of(named.map(OsStr::new), &path);
            Clock { zone }.show(Timestamp::new(0, 0))
        };
        let of_system = Clock { zone: TimeZone::system() }.show(Timestamp::new(0, 0));
        assert_eq!(shown(None), of_system, "there is no such file");
        std::fs::write(&path, rules).unwrap();
        assert_eq!(shown(None), "1970-01-01 02:00:00");
        assert_eq!(shown(Some("UTC")), of_system, "the environment comes first, as the system reads it");
    }

    #[test]
    fn numbers_are_exact_on_both_sides_of_1970() {
        assert_eq!(seconds_since_1970(Timestamp::new(1_531_560_413, 7)), "1531560413.000000007");
        assert_eq!(seconds_since_1970(Timestamp::new(-1, 500_000_000)), "-0.500000000");
        assert_eq!(seconds_since_1970(Timestamp::new(-2, 250_000_000)), "-1.750000000");
    }
}

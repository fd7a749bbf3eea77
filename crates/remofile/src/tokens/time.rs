//! Times as people write them: a date, or a moment of RFC 3339.

use std::time::{Duration, SystemTime};
use toml_edit::{Date, Datetime, Offset, Time};

const SECONDS_A_DAY: i64 = 24 * 60 * 60;

/// Parses a date such as `2026-12-31`, which is the moment at which it begins in UTC, or a moment such as
/// `2026-12-31T18:00:00Z` or `2026-12-31T18:00:00+02:00`. `None` if it is neither, also if a moment does not tell its
/// time zone.
#[must_use]
pub fn parse_time(text: &str) -> Option<SystemTime> {
    text.parse().ok().and_then(|time| of_toml(&time))
}

/// Returns a moment of the years 0 to 9999 as [`parse_time`] takes it, in UTC.
#[must_use]
pub fn show_time(time: SystemTime) -> Option<String> {
    show(time, |nanoseconds| if nanoseconds == 0 { String::new() } else { format!(".{nanoseconds:09}") })
}

/// Returns a moment of the years 0 to 9999 with its milliseconds, in UTC.
pub(crate) fn show_milliseconds(time: SystemTime) -> Option<String> {
    show(time, |nanoseconds| format!(".{:03}", nanoseconds / 1_000_000))
}

fn show(time: SystemTime, fraction: impl FnOnce(u32) -> String) -> Option<String> {
    let (seconds, nanoseconds) = since_1970(time)?;
    let (days, second) = (seconds.div_euclid(SECONDS_A_DAY), seconds.rem_euclid(SECONDS_A_DAY));
    let (year, month, day) = civil(days);
    if !(0..=9999).contains(&year) {
        return None;
    }
    let (hour, minute, second, fraction) = (second / 3600, second / 60 % 60, second % 60, fraction(nanoseconds));
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"))
}

/// Returns the moment of a value of TOML, if it is one.
pub(super) fn of_toml(time: &Datetime) -> Option<SystemTime> {
    let date = time.date?;
    let (of_day, offset) = match (time.time, time.offset) {
        (None, None) => (Time { hour: 0, minute: 0, second: Some(0), nanosecond: None }, 0),
        (Some(of_day), Some(Offset::Z)) => (of_day, 0),
        (Some(of_day), Some(Offset::Custom { minutes })) => (of_day, i64::from(minutes) * 60),
        _ => return None,
    };
    // A leap second is the first one of what follows.
    let second = i64::from(of_day.hour) * 3600 + i64::from(of_day.minute) * 60 + i64::from(of_day.second.unwrap_or(0));
    let seconds = days(date) * SECONDS_A_DAY + second - offset;
    let whole = match seconds >= 0 {
        true => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds.unsigned_abs())),
        false => SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(seconds.unsigned_abs())),
    };
    whole?.checked_add(Duration::from_nanos(of_day.nanosecond.unwrap_or(0).into()))
}

/// Returns whole seconds, rounded down, and nanoseconds.
fn since_1970(time: SystemTime) -> Option<(i64, u32)> {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => Some((i64::try_from(after.as_secs()).ok()?, after.subsec_nanos())),
        Err(error) => {
            let before = error.duration();
            let seconds = i64::try_from(before.as_secs()).ok()?.checked_neg()?;
            match before.subsec_nanos() {
                0 => Some((seconds, 0)),
                nanoseconds => Some((seconds - 1, 1_000_000_000 - nanoseconds)),
            }
        }
    }
}

/// Returns the days from 1970-01-01 to a date. Years are counted from March, so that a leap day is the last of its year.
fn days(date: Date) -> i64 {
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    let year = i64::from(date.year) - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Returns year, month and day of a number of days from 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_based = (5 * of_year + 2) / 153;
    let month = (march_based + 2) % 12 + 1;
    (era * 400 + year + i64::from(month <= 2), month, of_year - (153 * march_based + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn dates_and_moments_are_understood() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400),
            ("2026-12-31", 1_798_675_200),
            ("2026-12-31T18:00:00Z", 1_798_740_000),
            ("2026-12-31t18:00:00z", 1_798_740_000),
            ("2026-12-31 20:00:00+02:00", 1_798_740_000),
        ] {
            assert_eq!(parse_time(text), Some(at(seconds)), "{text}");
        }
        for text in ["", "tomorrow", "2026-13-01", "2026-02-30", "2026-12-31T18:00:00", "18:00:00", "31.12.2026"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
        assert_eq!(show_time(at(1_798_740_000)).unwrap(), "2026-12-31T18:00:00Z");
        assert_eq!(show_time(at(1 << 40)), None, "it is beyond the year 9999");
    }

    #[test]
    fn moments_are_shown_with_their_milliseconds() {
        for (milliseconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_709_251_199_001, "2024-02-29T23:59:59.001Z"),
            (1_735_689_599_500, "2024-12-31T23:59:59.500Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds);
            assert_eq!(show_milliseconds(time).unwrap(), expected);
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = civil(-1);
        for days in 0..200_000 {
            let (year, month, day) = civil(days);
            let is_next = (year, month, day) == (before.0, before.1, before.2 + 1)
                || (year, month, day) == (before.0, before.1 + 1, 1) && before.2 >= 28
                || (year, month, day) == (before.0 + 1, 1, 1) && (before.1, before.2) == (12, 31);
            assert!(is_next, "{before:?} {days}");
            before = (year, month, day);
        }
    }

    proptest! {
        #[test]
        fn a_moment_is_shown_as_it_is_parsed(seconds in -62_167_219_200i64..253_402_300_800, nanoseconds in 0u32..1_000_000_000) {
            let whole = Duration::from_secs(seconds.unsigned_abs());
            let time = if seconds < 0 { SystemTime::UNIX_EPOCH - whole } else { SystemTime::UNIX_EPOCH + whole };
            let time = time + Duration::from_nanos(nanoseconds.into());
            prop_assert_eq!(parse_time(&show_time(time).unwrap()), Some(time));
        }
    }
}

//! Times of last modification as they are shown.

use jiff::tz::TimeZone;
use remofile::protocol::wire::Timestamp;

/// Shows times in one time zone.
pub(crate) struct Clock {
    zone: TimeZone,
}

impl Clock {
    /// The time zone of this machine.
    pub(crate) fn local() -> Self {
        Self { zone: TimeZone::system() }
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

/// Seconds since 1970 with nine decimals: a number in JSON, exact to the nanosecond.
pub(crate) fn seconds_since_1970(time: Timestamp) -> String {
    let nanoseconds = i128::from(time.seconds()) * 1_000_000_000 + i128::from(time.nanoseconds());
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let (seconds, rest) = (nanoseconds.unsigned_abs() / 1_000_000_000, nanoseconds.unsigned_abs() % 1_000_000_000);
    format!("{sign}{seconds}.{rest:09}")
}

#[cfg(test)]
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
    fn numbers_are_exact_on_both_sides_of_1970() {
        assert_eq!(seconds_since_1970(Timestamp::new(1_531_560_413, 7)), "1531560413.000000007");
        assert_eq!(seconds_since_1970(Timestamp::new(-1, 500_000_000)), "-0.500000000");
        assert_eq!(seconds_since_1970(Timestamp::new(-2, 250_000_000)), "-1.750000000");
    }
}

//! Values with a notation of their own: sizes, rates, times and permissions.

use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A size in bytes, at least 1: digits, then perhaps K, M, G or T (times 1024), `KiB` or `KB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    match size_or_none(text)? {
        0 => Err("a size is at least 1".to_owned()),
        bytes => Ok(bytes),
    }
}

/// A size that may be 0.
pub(crate) fn size_or_none(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "a size is a number of bytes, such as 8192, 64K or 4G".to_owned())?;
    let power = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 1,
        "M" | "MB" | "MIB" => 2,
        "G" | "GB" | "GIB" => 3,
        "T" | "TB" | "TIB" => 4,
        _ => return Err(format!("{unit:?} is no unit: use K, M, G or T")),
    };
    number.checked_mul(1 << (10 * power)).ok_or_else(|| "the size is too large".to_owned())
}

/// A size that fits into 32 bits.
pub(crate) fn size_u32(text: &str) -> Result<u32, String> {
    u32::try_from(size(text)?).map_err(|_| "the size is too large: at most 4294967295".to_owned())
}

/// The size of a chunk.
pub(crate) fn chunk_size(text: &str) -> Result<u32, String> {
    let (chunk, bounds) = (size_u32(text)?, CHUNK_BYTES);
    let wrong = || format!("a chunk has {} to {} bytes", bounds.start(), bounds.end());
    Some(chunk).filter(|chunk| bounds.contains(chunk)).ok_or_else(wrong)
}

/// Smaller chunks would cost more than they carry, and larger ones fit in no message.
const CHUNK_BYTES: RangeInclusive<u32> = 512..=4 * 1024 * 1024;

/// Most bytes a second in each direction; `None` for as many as there can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rates {
    pub(crate) up: Option<NonZeroU64>,
    pub(crate) down: Option<NonZeroU64>,
}

/// `RATE`, for both directions, or `UP:DOWN`; 0 for no limit.
pub(crate) fn rates(text: &str) -> Result<Rates, String> {
    let (up, down) = text.split_once(':').unwrap_or((text, text));
    let rate = |text| size_or_none(text).map(NonZeroU64::new);
    match (rate(up), rate(down)) {
        (Ok(up), Ok(down)) => Ok(Rates { up, down }),
        _ => Err("a rate is a number of bytes a second, such as 500K or 2M; two are UP:DOWN, and 0 is no limit".into()),
    }
}

/// A time: digits, then s, m, h or d.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let what = || "a time is a number and its unit, such as 90s, 15m, 12h or 7d".to_owned();
    let unit = text.chars().next_back().ok_or_else(what)?;
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| what())?;
    let seconds = match unit.to_ascii_lowercase() {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return Err(what()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "the time is too long".to_owned())
}

/// A time that is more than none.
pub(crate) fn some_duration(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if time.is_zero() { Err("it must be a second at least".to_owned()) } else { Ok(time) }
}

/// Reads a number of sessions, which is at least 1.
pub(crate) fn sessions(text: &str) -> Result<usize, String> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
    let what = || "it is a number of sessions, 1 or more, such as 512".to_owned();
    text.parse().ok().filter(|&sessions| is_decimal && sessions > 0).ok_or_else(what)
}

/// Reads a number, which may be 0.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
    let what = || "it is a number of files and directories, 0 or more; leave the option out for no limit".to_owned();
    text.parse().ok().filter(|_| is_decimal).ok_or_else(what)
}

/// A time in seconds, perhaps with a fraction; at most a day.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let what = || "a time is a number of seconds, such as 1 or 0.5, at most 86400".to_owned();
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = text.parse().ok().filter(|seconds| is_decimal && *seconds <= MAX_SECONDS).ok_or_else(what)?;
    Duration::try_from_secs_f64(seconds).map_err(|_| what())
}

/// A day: who compares times that are set more wrongly than that had better not.
const MAX_SECONDS: f64 = 86_400.0;

/// Permissions of files: readable and writable by the user, never executable.
pub(crate) fn file_mode(text: &str) -> Result<u32, String> {
    let mode = octal(text)?;
    if mode & 0o111 != 0 {
        return Err("files are never executable: use a mode such as 644, 640 or 600".to_owned());
    }
    if mode & 0o600 != 0o600 {
        return Err("the user must be able to read and write: use a mode such as 644, 640 or 600".to_owned());
    }
    Ok(mode)
}

/// Permissions of directories: the user may do everything.
pub(crate) fn directory_mode(text: &str) -> Result<u32, String> {
    let mode = octal(text)?;
    if mode & 0o700 != 0o700 {
        return Err("the user must have all rights: use a mode such as 755, 750 or 700".to_owned());
    }
    Ok(mode)
}

fn octal(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if mode <= 0o777 && !digits.starts_with('+') => Ok(mode),
        _ => Err("permissions are octal, 0 to 777".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_binary_suffixes() {
        for (text, bytes) in
            [("1", 1), ("512", 512), ("8k", 8192), ("4G", 1 << 32), ("2MiB", 2 << 20), ("1TB", 1 << 40)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "0K", "-1", "K", "1X", "1.5G", "99999999999999999999", "999999999T"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert!(size_u32("4G").is_err());
        assert_eq!(size_or_none("0"), Ok(0));
    }

    #[test]
    fn chunks_have_bounds() {
        assert_eq!(chunk_size("512"), Ok(512));
        assert_eq!(chunk_size("4M"), Ok(4 << 20));
        for text in ["511", "4194305", "0", "8G"] {
            assert!(chunk_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_are_for_both_directions_or_each() {
        let rate = NonZeroU64::new;
        assert_eq!(rates("2K"), Ok(Rates { up: rate(2048), down: rate(2048) }));
        assert_eq!(rates("1M:0"), Ok(Rates { up: rate(1 << 20), down: None }));
        assert_eq!(rates("0:7"), Ok(Rates { up: None, down: rate(7) }));
        for text in ["", ":", "1M:", ":1M", "1:2:3", "-1", "1X"] {
            assert!(rates(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_have_a_unit() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("15m", 900), ("12H", 43_200), ("7d", 604_800)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "7", "d", "7w", "-1d", "1.5h", "7 d", "7é", "99999999999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_are_not_negative() {
        assert_eq!((count("0"), count("7")), (Ok(0), Ok(7)));
        for text in ["", "-1", "+1", "1.5", "many", "99999999999999999999"] {
            assert!(count(text).unwrap_err().contains("0 or more"), "{text}");
        }
    }

    #[test]
    fn seconds_take_fractions_and_end_with_a_day() {
        for (text, milliseconds) in [("0", 0), ("1", 1000), ("0.5", 500), (".25", 250), ("86400", 86_400_000)] {
            assert_eq!(seconds(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", ".", "-1", "+1", "1e3", "inf", "nan", "1s", "86400.1", "1,5"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn modes_are_octal_and_keep_the_user_in() {
        assert_eq!(file_mode("0640"), Ok(0o640));
        assert_eq!(file_mode("0o600"), Ok(0o600));
        assert_eq!(directory_mode("750"), Ok(0o750));
        for text in ["755", "400", "1644", "9", "", "+600", "-1"] {
            assert!(file_mode(text).is_err(), "{text}");
        }
        for text in ["650", "1777"] {
            assert!(directory_mode(text).is_err(), "{text}");
        }
    }
}

//! Values with a notation of their own: sizes, rates, times and permissions.

use remofile::Wait;
use std::net::SocketAddr;
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
    remofile::tokens::parse_size(text)
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
    /// True if a number had no unit: rsync would take it for KiB.
    pub(crate) is_bare: bool,
}

/// `RATE`, for both directions, or `UP:DOWN`; 0 for no limit.
pub(crate) fn rates(text: &str) -> Result<Rates, String> {
    let (up, down) = text.split_once(':').unwrap_or((text, text));
    let is_bare = [up, down].into_iter().any(|rate| digits(rate).is_some_and(|rate| rate > 0));
    let rate = |text| size_or_none(text).map(NonZeroU64::new);
    match (rate(up), rate(down)) {
        (Ok(up), Ok(down)) => Ok(Rates { up, down, is_bare }),
        _ => Err("a rate is a number of bytes a second, perhaps with K, M, G or T (times 1024; KiB is the same), such as 500K or \
                  1.5M; two are UP:DOWN, and 0 is no limit"
            .into()),
    }
}

/// An address to listen on: `HOST:PORT` with an IP address, or `PORT` of this machine alone.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let local = |port: &str| port.parse().map(|port| SocketAddr::from(([127, 0, 0, 1], port))).ok();
    let address = match text.strip_prefix("localhost:") {
        Some(port) => local(port),
        None => text.parse().ok().or_else(|| local(text)),
    };
    address.ok_or_else(|| {
        "it is an IP address with a port, such as 127.0.0.1:9168 or [::1]:9168, or a port alone".to_owned()
    })
}

/// A command of the shell. An empty one always succeeds: a scanner that was to be named by a variable would look at nothing.
pub(crate) fn shell_command(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("it is empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// The address of an S3 service.
pub(crate) fn endpoint(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host.is_some_and(|host| !host.is_empty() && !host.starts_with('/')) {
        true => Ok(text.to_owned()),
        false => Err("it is an address such as https://s3.example.org or http://localhost:3900".to_owned()),
    }
}

/// The notation of a time, in words.
const TIME: &str = "a time with its unit (ms, s, m, h or d), such as 500ms, 90s, 15m, 12h or 7d";

/// A time: digits, then ms, s, m, h or d.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let what = || format!("it is {TIME}");
    if let Some(number) = text.strip_suffix("ms") {
        return digits(number).map(Duration::from_millis).ok_or_else(what);
    }
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

/// A time of at least a millisecond: a number of milliseconds, or a time with its unit.
pub(crate) fn milliseconds(text: &str) -> Result<Duration, String> {
    let time = match digits(text) {
        Some(milliseconds) => Duration::from_millis(milliseconds),
        None => duration(text).map_err(|_| format!("it is a number of milliseconds, or {TIME}"))?,
    };
    if time.is_zero() { Err("it must be a millisecond at least".to_owned()) } else { Ok(time) }
}

/// A time: a number of seconds, or a time with its unit.
pub(crate) fn whole_seconds(text: &str) -> Result<Duration, String> {
    let what = |_| format!("it is a number of seconds, or {TIME}");
    digits(text).map_or_else(|| duration(text).map_err(what), |seconds| Ok(Duration::from_secs(seconds)))
}

/// Reads a number that has no sign.
fn digits(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A wait for others: seconds, or a time with its unit; 0 for none, `forever` for as long as it takes.
pub(crate) fn wait(text: &str) -> Result<Wait, String> {
    let what = || format!("it is a number of seconds, {TIME}, or forever");
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let time = match text {
        "forever" => return Ok(Wait::Forever),
        seconds if is_number => Duration::from_secs(seconds.parse().map_err(|_| "the time is too long".to_owned())?),
        time => duration(time).map_err(|_| what())?,
    };
    Ok(if time.is_zero() { Wait::No } else { Wait::For(time) })
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

/// A time in seconds, perhaps with a fraction, or with its unit; at most a day.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let what = || format!("a time is a number of seconds, such as 1 or 0.5, or {TIME}; at most 86400 seconds");
    if let Ok(time) = duration(text) {
        return Some(time).filter(|time| time.as_secs_f64() <= MAX_SECONDS).ok_or_else(what);
    }
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
    fn a_wait_is_in_seconds_or_in_a_unit_or_none_or_for_ever() {
        let seconds = |seconds| Ok(Wait::For(Duration::from_secs(seconds)));
        assert_eq!((wait("0"), wait("0m"), wait("forever")), (Ok(Wait::No), Ok(Wait::No), Ok(Wait::Forever)));
        assert_eq!((wait("90"), wait("90s"), wait("5m")), (seconds(90), seconds(90), seconds(300)));
        for wrong in ["", "s", "-1", "+5", "1.5", "soon", "99999999999999999999"] {
            assert!(wait(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_take_binary_suffixes() {
        for (text, bytes) in
            [("1", 1), ("512", 512), ("8k", 8192), ("4G", 1 << 32), ("2MiB", 2 << 20), ("1TB", 1 << 40)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "0K", "-1", "K", "1X", "1.5", "99999999999999999999", "999999999T"] {
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
        assert_eq!(rates("2K"), Ok(Rates { up: rate(2048), down: rate(2048), is_bare: false }));
        assert_eq!(rates("1M:0"), Ok(Rates { up: rate(1 << 20), down: None, is_bare: false }));
        assert_eq!(rates("1.5K"), Ok(Rates { up: rate(1536), down: rate(1536), is_bare: false }));
        assert_eq!(rates("0:7"), Ok(Rates { up: None, down: rate(7), is_bare: true }));
        for text in ["", ":", "1M:", ":1M", "1:2:3", "-1", "1X"] {
            assert!(rates(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(milliseconds("300"), Ok(Duration::from_millis(300)));
        assert_eq!(milliseconds("30s"), Ok(Duration::from_secs(30)));
        for text in ["0", "0s", "-1", "+1", "soon", "", "1.5"] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
        for (text, seconds) in [("0s", 0), ("90s", 90), ("15m", 900), ("12H", 43_200), ("7d", 604_800)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!((whole_seconds("30"), whole_seconds("5m")), (duration("30s"), duration("300s")));
        for parse in [duration, milliseconds, whole_seconds, seconds] {
            assert!(parse("7w").unwrap_err().contains("(ms, s, m, h or d)"));
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
        for (text, milliseconds) in
            [("0", 0), ("1", 1000), ("0.5", 500), (".25", 250), ("86400", 86_400_000), ("2s", 2000), ("5ms", 5)]
        {
            assert_eq!(seconds(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", ".", "-1", "+1", "1e3", "inf", "nan", "2d", "86400.1", "1,5"] {
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

    #[test]
    fn the_address_of_a_service_is_one_of_the_web() {
        for address in ["https://s3.example.org", "http://localhost:3900", "http://[::1]:9/"] {
            assert_eq!(endpoint(address).as_deref(), Ok(address));
        }
        for address in ["ftp://q", "localhost:3900", "http://", "https:///bucket", ""] {
            assert!(endpoint(address).is_err(), "{address}");
        }
    }
}

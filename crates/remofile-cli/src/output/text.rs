//! Text that others chose, made harmless for a terminal; text for a shell; durations in words.

pub(crate) use remofile::protocol::printable::{harmless, harmless_lines};

use std::borrow::Cow;
use std::time::Duration;

/// The text as one word of a POSIX shell.
pub(crate) fn shell_word(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+,".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

/// "2 d 3 h", "3 h 4 min", "4 min 5 s", "5 s".
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// "512", "1.5K", "12K", "3.4G": bytes in powers of 1024, as ls -h shows them.
pub(crate) fn human_size(bytes: u64) -> String {
    let (mut tenths, mut unit) = (u128::from(bytes) * 10, 0);
    while tenths > 10_230 {
        (tenths, unit) = (tenths.div_ceil(1024), unit + 1);
    }
    match b"BKMGTPE".get(unit).map(|unit| char::from(*unit)) {
        Some('B') | None => bytes.to_string(),
        Some(unit) if tenths < 100 => format!("{}.{}{unit}", tenths / 10, tenths % 10),
        Some(unit) => format!("{}{unit}", tenths.div_ceil(10)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_up_to_two_or_three_digits() {
        for (bytes, text) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (1025, "1.1K"),
            (10 << 10, "10K"),
            (1 << 20, "1.0M"),
            ((5 << 30) + 1, "5.1G"),
        ] {
            assert_eq!(human_size(bytes), text, "{bytes}");
        }
        assert!(human_size(u64::MAX).ends_with('E'));
    }

    #[test]
    fn shell_words_are_quoted_where_they_must_be() {
        assert_eq!(shell_word("qRkVWJcFRqi7rsNMbagaDd"), "qRkVWJcFRqi7rsNMbagaDd");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("it's $x"), r"'it'\''s $x'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let cases = [(5, "5 s"), (65, "1 min 5 s"), (3 * 3600 + 240, "3 h 4 min"), (2 * 86_400 + 3600, "2 d 1 h")];
        for (seconds, text) in cases {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
    }
}

//! Text of a known width: names of files cut in the middle, and sizes in few characters.

use std::borrow::Cow;
use unicode_width::UnicodeWidthChar;

/// Stands for what was cut out.
const CUT_OUT: char = '…';

/// Follows a character that it makes an emoji, which has two columns then.
const EMOJI_SELECTOR: char = '\u{fe0f}';

/// Returns the text if it fits into the columns, or its beginning and its end, which tells names of files apart.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if text.chars().map(width).sum::<usize>() <= columns {
        return Cow::Borrowed(text);
    }
    let Some(room) = columns.checked_sub(width(CUT_OUT)).filter(|room| *room > 0) else {
        return Cow::Borrowed(&text[..fitting(text.chars(), columns)]);
    };
    let head = &text[..fitting(text.chars(), room / 3)];
    let tail = fitting(text.chars().rev(), room - head.chars().map(width).sum::<usize>());
    // What has no column of its own would join the character in front of it, which is another one now.
    let tail = text[text.len() - tail..].trim_start_matches(|c| width(c) == 0 || c == EMOJI_SELECTOR);
    Cow::Owned(format!("{head}{CUT_OUT}{tail}"))
}

/// Returns the number of bytes of the first of these characters that fit into the columns.
fn fitting(characters: impl Iterator<Item = char>, columns: usize) -> usize {
    let (mut bytes, mut taken) = (0, 0);
    for character in characters {
        taken += width(character);
        if taken > columns {
            break;
        }
        bytes += character.len_utf8();
    }
    bytes
}

/// Returns the columns that a character has at most. Terminals differ in that: to some a character is wide that is narrow to
/// others, and to some a family is three people.
fn width(character: char) -> usize {
    if character == EMOJI_SELECTOR { 1 } else { character.width_cjk().unwrap_or(0) }
}

/// Returns a number of bytes in eight columns at most: "1.20 GiB", "12.3 MiB", "1023 KiB".
pub(crate) fn amount(bytes: u64) -> String {
    let (mut hundredths, mut unit) = (u128::from(bytes) * 100, 0);
    while hundredths >= 1024 * 100 {
        (hundredths, unit) = (hundredths / 1024, unit + 1);
    }
    let name = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].get(unit).copied().unwrap_or_default();
    match (unit, hundredths) {
        (1.., ..1000) => format!("{}.{:02} {name}", hundredths / 100, hundredths % 100),
        (1.., ..10_000) => format!("{}.{} {name}", hundredths / 100, hundredths / 10 % 10),
        _ => format!("{} {name}", hundredths / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_too_wide_loses_its_middle() {
        for (text, columns, expected) in [
            ("photos/a.jpg", 12, "photos/a.jpg"),
            ("photos/2026/holidays/a.jpg", 14, "phot…ys/a.jpg"),
            ("日本語の名前.bin", 16, "日本語の名前.bin"),
            ("日本語の名前.bin", 12, "日…名前.bin"),
            ("abcdef", 2, "ab"),
            ("日本", 1, ""),
            ("abc", 0, ""),
        ] {
            assert_eq!(cut(text, columns), expected, "{text} {columns}");
        }
    }

    #[test]
    fn no_text_is_wider_than_its_columns_whatever_the_terminal_takes_it_for() {
        for text in [
            "e\u{301}e\u{301}e\u{301}e\u{301}",
            "❤\u{fe0f}❤\u{fe0f}❤\u{fe0f}",
            "👨\u{200d}👩\u{200d}👧x",
            "שלום עולם",
            "…±×…±×",
        ] {
            for columns in 0..24 {
                let shown = cut(text, columns);
                assert!(shown.chars().map(width).sum::<usize>() <= columns, "{shown:?} {columns}");
                assert!(unicode_width::UnicodeWidthStr::width(&*shown) <= columns, "{shown:?} {columns}");
                assert!(!shown.contains("…\u{301}") && !shown.contains("…\u{fe0f}"), "{shown:?}");
            }
        }
    }

    #[test]
    fn an_amount_has_three_digits_and_eight_columns_at_most() {
        for (bytes, told) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (12_900, "12.5 KiB"),
            (1 << 30, "1.00 GiB"),
            ((1 << 30) - 1, "1023 MiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(amount(bytes), told);
        }
    }
}

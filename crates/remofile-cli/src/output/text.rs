//! Text that others chose, made harmless for a terminal; text for a shell; durations in words.

use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

/// The text with control characters and those that reorder or hide text written as escapes.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_harmful(character) {
            let _ = write!(shown, "{}", character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Serialised JSON with the same characters written as escapes, which mean the same to who reads it.
pub(crate) fn harmless_json(json: String) -> String {
    if !json.chars().any(is_harmful) {
        return json;
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        match character {
            _ if is_harmful(character) => {
                let _ = write!(shown, "\\u{:04x}", u32::from(character));
            }
            _ => shown.push(character),
        }
    }
    shown
}

/// All of these have four hexadecimal digits at most.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_are_shown_and_not_obeyed() {
        assert_eq!(harmless("a\u{1b}[2Jb\n"), r"a\u{1b}[2Jb\u{a}");
        assert_eq!(harmless("evil\u{202e}txt.exe"), r"evil\u{202e}txt.exe");
        assert_eq!(harmless("été 日本"), "été 日本");
    }

    #[test]
    fn json_says_the_same_without_characters_that_reorder_text() {
        let name = "evil\u{202e}txt\u{9b}\u{7f}.exe";
        let shown = harmless_json(serde_json::json!({ "path": name }).to_string());
        assert_eq!(shown, r#"{"path":"evil\u202etxt\u009b\u007f.exe"}"#);
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read["path"], name);
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

//! Text that others chose, made harmless: for terminals, logs and messages, and inside JSON.
//!
//! Names of files, what peers call themselves, reasons and details may hold any character. Some of them are obeyed
//! by a terminal instead of shown, and some make text look like another one. This is the one place that knows which:
//! whatever shows such text, and whatever writes it to a log, passes it through here first.
//!
//! Non-goal: telling letters apart that look alike. Text in every script stays as it is, and so do the joiners U+200C and
//! U+200D and the selectors of variants, which Persian, the scripts of India and emoji are written with.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Reports whether a character is obeyed, reorders what is around it, or cannot be seen.
///
/// These are all control characters (C0, DELETE and C1), the separators of lines and paragraphs, and of the characters
/// that Unicode calls formats: the controls of direction, those that take no room, the marks of annotations, and tags.
#[must_use]
pub fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' // soft hyphen
            | '\u{61c}' // Arabic letter mark
            | '\u{180e}' // Mongolian vowel separator
            | '\u{200b}' // zero width space
            | '\u{200e}'..='\u{200f}' // marks of direction
            | '\u{2028}'..='\u{202e}' // separators; embeddings and overrides of direction
            | '\u{2060}'..='\u{206f}' // word joiner, invisible operators, isolates, deprecated formats
            | '\u{feff}' // zero width no-break space
            | '\u{fff9}'..='\u{fffb}' // annotations
            | '\u{e0000}'..='\u{e007f}' // tags
        )
}

/// The text with each harmful character as an escape such as `\u{202e}`.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_harmful) { Cow::Owned(Harmless(text).to_string()) } else { Cow::Borrowed(text) }
}

/// The same for lines: those that end them stay.
#[must_use]
pub fn harmless_lines(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|character| character != '\n' && is_harmful(character)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split('\n').map(harmless).collect::<Vec<_>>().join("\n"))
}

/// Serialised JSON with each harmful character as an escape, such as `\u202e`. Who reads it gets the very same text.
/// (Outside of its texts there is no harmful character but the white space between lines, so it has to be one line.)
#[must_use]
pub fn harmless_json(json: String) -> String {
    if !json.chars().any(is_harmful) {
        return json;
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_harmful(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Displays a text as [`harmless`] writes it.
#[derive(Debug, Clone, Copy)]
pub struct Harmless<'a>(pub &'a str);

impl fmt::Display for Harmless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if is_harmful(character) {
                write!(f, "{}", character.escape_unicode())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// Displays a path in front of what is said about it, as [`harmless`] writes it: a sentence would begin with a colon if it were empty.
#[derive(Debug, Clone, Copy)]
pub struct ShownPath<'a>(pub &'a str);

impl fmt::Display for ShownPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("''") } else { Harmless(self.0).fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> impl Iterator<Item = char> {
        '\0'..=char::MAX
    }

    #[test]
    fn an_empty_path_is_seen_in_a_sentence() {
        assert_eq!(ShownPath("").to_string(), "''");
        assert_eq!(ShownPath("/a\u{1b}").to_string(), r"/a\u{1b}");
    }

    #[test]
    fn terminal_sequences_are_shown_and_not_obeyed() {
        assert_eq!(harmless("a\u{1b}[2Jb\n"), r"a\u{1b}[2Jb\u{a}");
        assert_eq!(harmless("\u{9b}2J"), r"\u{9b}2J");
        assert_eq!(harmless("evil\u{202e}txt.exe"), r"evil\u{202e}txt.exe");
        assert_eq!(harmless_lines("a\u{1b}\nb\u{2028}\n"), "a\\u{1b}\nb\\u{2028}\n");
    }

    #[test]
    fn text_in_every_script_stays_as_it_is() {
        for text in ["été 日本 עברית العربية", "می\u{200c}خواهم", "👩\u{200d}💻 ❤\u{fe0f}", "क\u{94d}\u{200d}ष"]
        {
            assert_eq!(harmless(text), text);
        }
    }

    #[test]
    fn no_harmful_character_is_left_of_any() {
        let all: String = everything().collect();
        assert!(!harmless(&all).chars().any(is_harmful));
        assert!(!harmless_lines(&all).chars().any(|character| character != '\n' && is_harmful(character)));
    }

    /// Independent of the table: what a terminal obeys, and what Unicode gives a direction without a shape.
    #[test]
    fn controls_of_the_terminal_and_of_direction_are_harmful() {
        let controls = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}');
        let directions =
            "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
        for character in controls.chain(directions.chars()).chain("\u{2028}\u{2029}\u{e0041}".chars()) {
            assert!(is_harmful(character), "{character:?}");
        }
    }
}

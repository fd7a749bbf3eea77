//! One line of the log: a JSON object whose texts are harmless to show.

use crate::tokens::show_milliseconds;
use remofile_protocol::printable::is_harmful;
use std::fmt::{self, Write};
use std::time::{Duration, SystemTime};

/// A line that is being made.
pub(super) struct Line(String);

impl Line {
    /// Begins a line about something that happens now.
    pub(super) fn new(event: &'static str) -> Self {
        let mut text = String::with_capacity(256);
        text.push_str("{\"time\":\"");
        text.push_str(&show_milliseconds(SystemTime::now()).unwrap_or_default());
        text.push('"');
        let mut line = Self(text);
        line.text("event", event);
        line
    }

    /// The fields of a line, to be [added](Line::fields) to some.
    pub(super) fn part() -> Self {
        Self(String::new())
    }

    /// Adds the fields of a part.
    pub(super) fn fields(&mut self, part: &Self) {
        self.0.push_str(&part.0);
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.quoted(value);
    }

    pub(super) fn texts<T: AsRef<str>>(&mut self, name: &str, values: impl IntoIterator<Item = T>) {
        self.name(name);
        let mut before = '[';
        for value in values {
            self.0.push(before);
            self.quoted(value.as_ref());
            before = ',';
        }
        self.0.push_str(if before == '[' { "[]" } else { "]" });
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        let _ = write!(self.0, "{value}");
    }

    /// Adds a time in seconds, with milliseconds.
    pub(super) fn seconds(&mut self, name: &str, value: Duration) {
        self.name(name);
        let _ = write!(self.0, "{}.{:03}", value.as_secs(), value.subsec_millis());
    }

    /// Ends the line. The text has its line feed.
    pub(super) fn finish(mut self) -> String {
        self.0.push_str("}\n");
        self.0
    }

    /// Ends the line as one object, without a line feed.
    pub(super) fn into_object(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn name(&mut self, name: &str) {
        self.0.push_str(",\"");
        self.0.push_str(name);
        self.0.push_str("\":");
    }

    fn quoted(&mut self, value: &str) {
        self.0.push('"');
        // Nearly all texts are so, and are copied at once.
        if value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
            self.0.push_str(value);
            self.0.push('"');
            return;
        }
        for character in value.chars() {
            match character {
                '"' | '\\' => {
                    self.0.push('\\');
                    self.0.push(character);
                }
                _ if is_harmful(character) => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        let _ = write!(self.0, "\\u{unit:04x}");
                    }
                }
                _ => self.0.push(character),
            }
        }
        self.0.push('"');
    }
}

/// A line that is made when somebody looks at it, as one object.
pub(super) struct Displayed<F>(pub(super) F);

impl<F: Fn() -> Line> fmt::Display for Displayed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&(self.0)().into_object())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_calls_a_file_ends_neither_the_text_nor_the_line() {
        let mut line = Line::part();
        line.text("path", "/a\"b\\c\nd\u{202e}e\u{e0001}é");
        line.texts("paths", ["x", "y\""]);
        line.texts("none", [""; 0]);
        line.number("bytes", 7);
        line.seconds("seconds", Duration::from_micros(1_002_900));
        let expected = concat!(
            r#","path":"/a\"b\\c\u000ad\u202ee\udb40\udc01é","paths":["x","y\""],"none":[],"#,
            r#""bytes":7,"seconds":1.002"#,
            "}\n"
        );
        assert_eq!(line.finish(), expected);
    }
}

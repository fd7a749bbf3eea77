//! File names.

use super::encoding::encode_name;
use super::rule::{NameRule, is_forbidden};
use crate::limits::MAX_NAME_BYTES;
use std::fmt;

/// A valid name of a file or directory: one to 255 bytes of UTF-8, not `.` or `..`, without slashes
/// and control characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileName(String);

/// The reason a text is no file name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// There is no text.
    #[error("a name is empty")]
    Empty,
    /// `.` and `..` are no names of files.
    #[error("{0:?} is no file name: paths are taken as they are, without '.' and '..'")]
    Dots(String),
    /// The text holds a control character (NUL, line feed, escape and their like).
    #[error("the name {0:?} holds a control character (to a server '--archive' transfers it as {encoded:?})", encoded = encode_name(.0.as_bytes(), NameRule::Posix))]
    Control(String),
    /// The text holds a character that the rule forbids.
    #[error(
        "{character:?} is in no portable name: call it {:?}, start the server with '--names posix', which admits it, or transfer it with '--archive', which writes {encoded:?}",
        portable(.name),
        encoded = encode_name(name.as_bytes(), NameRule::Portable)
    )]
    Forbidden {
        /// The whole name.
        name: String,
        /// Its first forbidden character.
        character: char,
    },
    /// The text has more than 255 bytes.
    #[error("a name has {0} bytes, more than {MAX_NAME_BYTES}")]
    TooLong(usize),
    /// The bytes are no UTF-8; the text shows them escaped.
    #[error("the name '{0}' is not UTF-8 (to a server '--archive' transfers it, encoded)")]
    NotUtf8(String),
    /// The name would be too long with what it cannot hold encoded; the text shows its bytes escaped.
    #[error("the name '{name}' has {bytes} bytes when it is encoded, more than {MAX_NAME_BYTES}: shorten it")]
    EncodedTooLong {
        /// The whole name.
        name: String,
        /// Bytes of its encoding.
        bytes: usize,
    },
    /// The text holds the quote character of encoded names, and no name encodes to it.
    #[error(
        "the name {0:?} holds the quote character '‛' of encoded names, and is none: rename it, or transfer it without '--archive'"
    )]
    NotEncoded(String),
}

impl FileName {
    /// Parses a name under a rule.
    ///
    /// # Errors
    /// [`InvalidName`] if the rule does not admit it.
    pub fn parse(text: &str, rule: NameRule) -> Result<Self, InvalidName> {
        Self::check(text, rule)?;
        Ok(Self(text.to_owned()))
    }

    /// Parses the bytes that a file system holds, under the posix rule.
    ///
    /// # Errors
    /// [`InvalidName`] if the bytes are no UTF-8 or hold control characters.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidName> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text, NameRule::Posix),
            Err(_) => Err(InvalidName::NotUtf8(bytes.escape_ascii().to_string())),
        }
    }

    /// Checks a text without keeping it.
    ///
    /// # Errors
    /// [`InvalidName`] if the rule does not admit it.
    pub fn check(text: &str, rule: NameRule) -> Result<(), InvalidName> {
        if text.is_empty() {
            return Err(InvalidName::Empty);
        }
        if text == "." || text == ".." {
            return Err(InvalidName::Dots(text.to_owned()));
        }
        if text.len() > MAX_NAME_BYTES {
            return Err(InvalidName::TooLong(text.len()));
        }
        // Most names are: a listing has millions of them.
        if text.bytes().all(is_plain) {
            return Ok(());
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidName::Control(text.to_owned()));
        }
        match text.chars().find(|&character| is_forbidden(character, rule)) {
            None => Ok(()),
            Some(character) => Err(InvalidName::Forbidden { name: text.to_owned(), character }),
        }
    }

    /// A name taken from a [`super::RemotePath`], where it was checked.
    pub(super) fn known_valid(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reports whether a byte is a character that every rule admits.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'<' | b'>' | b':' | b'"' | b'/' | b'\\' | b'|' | b'?' | b'*')
}

/// Returns the portable name that is next to one which is none.
fn portable(name: &str) -> String {
    name.chars().map(|character| if is_forbidden(character, NameRule::Portable) { '_' } else { character }).collect()
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_characters_are_forbidden_by_the_portable_rule_only() {
        for character in "<>:\"\\|?*".chars() {
            let name = format!("a{character}b");
            assert!(FileName::parse(&name, NameRule::Portable).is_err(), "{name}");
            assert!(FileName::parse(&name, NameRule::Posix).is_ok(), "{name}");
        }
        assert!(FileName::parse("a/b", NameRule::Posix).is_err());
    }

    #[test]
    fn what_is_plain_is_admitted_by_every_rule_and_nothing_else_in_ascii_is() {
        for byte in 0..=127_u8 {
            let character = char::from(byte);
            let is_refused = character.is_control() || is_forbidden(character, NameRule::Portable);
            assert_eq!(is_plain(byte), !is_refused, "{character:?}");
        }
        assert!(!(128..=255).any(is_plain));
    }

    #[test]
    fn names_have_255_bytes_at_most() {
        assert!(FileName::parse(&"é".repeat(127), NameRule::Portable).is_ok());
        assert_eq!(FileName::parse(&"é".repeat(128), NameRule::Portable), Err(InvalidName::TooLong(256)));
    }

    #[test]
    fn bytes_that_are_no_utf8_are_shown_escaped() {
        let error = FileName::from_bytes(b"caf\xe9").unwrap_err();
        assert_eq!(
            error.to_string(),
            r"the name 'caf\xe9' is not UTF-8 (to a server '--archive' transfers it, encoded)"
        );
    }
}

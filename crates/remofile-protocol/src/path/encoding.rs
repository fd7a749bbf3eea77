//! Names of any bytes as names of the protocol, and back.
//!
//! One character is special: `‛` (U+201B), as rclone uses it for bytes that are no UTF-8. Behind it, two hexadecimal
//! digits stand for a byte that the name has there, and another `‛` for the character itself. rclone writes control
//! characters and the characters that portable names must not have as symbols that look like them (`␊`, `：`); some of
//! these are common in real names, which would all have to be quoted, so here they are bytes like any other.
//!
//! Everything that encodes can be decoded to the same bytes, whatever the rule was, and no two names have one encoding.

use super::rule::{NameRule, is_forbidden};
use std::borrow::Cow;
use std::fmt::Write;

/// The character that quotes.
const QUOTE: char = '\u{201b}';

/// Returns a name of any bytes as one that a rule admits, unless it becomes too long by that.
#[must_use]
pub fn encode_name(bytes: &[u8], rule: NameRule) -> Cow<'_, str> {
    encode_text(bytes, &|character| is_forbidden(character, rule))
}

/// Returns the target of a symbolic link, of any bytes, as text without control characters.
#[must_use]
pub fn encode_target(bytes: &[u8]) -> Cow<'_, str> {
    encode_text(bytes, &|_| false)
}

/// Returns the bytes that an encoded text stands for. What is no encoding stands for itself.
#[must_use]
pub fn decode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains(QUOTE) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, quoted)) = rest.split_once(QUOTE) {
        bytes.extend_from_slice(before.as_bytes());
        rest = match leading_byte(quoted) {
            Some((byte, behind)) => {
                bytes.push(byte);
                behind
            }
            None => {
                bytes.extend_from_slice(QUOTE.encode_utf8(&mut [0; 4]).as_bytes());
                quoted.strip_prefix(QUOTE).unwrap_or(quoted)
            }
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    Cow::Owned(bytes)
}

/// Returns a rule in the notation of gitignore for names that are encoded: what it says literally is encoded as well.
/// A `?` matches one character of the encoded name.
#[must_use]
pub fn encode_pattern(pattern: &str, rule: NameRule) -> String {
    let (mut encoded, mut characters, mut in_class) = (String::with_capacity(pattern.len()), pattern.chars(), false);
    let is_literal = |character: char| !matches!(character, '/' | '*' | '?' | '[' | ']' | '\\');
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(quoted) if quoted != '/' && is_forbidden(quoted, rule) => push(&mut encoded, quoted),
                quoted => encoded.extend(['\\'].into_iter().chain(quoted)),
            },
            _ if in_class => {
                in_class = character != ']';
                encoded.push(character);
            }
            '[' => {
                in_class = true;
                encoded.push(character);
            }
            QUOTE => encoded.extend([QUOTE, QUOTE]),
            _ if is_literal(character) && (character.is_control() || is_forbidden(character, rule)) => {
                push(&mut encoded, character);
            }
            _ => encoded.push(character),
        }
    }
    encoded
}

fn push(encoded: &mut String, character: char) {
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        push_byte(encoded, byte);
    }
}

fn push_byte(encoded: &mut String, byte: u8) {
    // A string can always be written to.
    let _written = write!(encoded, "{QUOTE}{byte:02X}");
}

fn encode_text<'a>(bytes: &'a [u8], refuses: &dyn Fn(char) -> bool) -> Cow<'a, str> {
    let is_special = |character: char| character == QUOTE || character.is_control() || refuses(character);
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.contains(is_special)
    {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(bytes.len() * 2);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                QUOTE => encoded.extend([QUOTE, QUOTE]),
                _ if is_special(character) => push(&mut encoded, character),
                _ => encoded.push(character),
            }
        }
        chunk.invalid().iter().for_each(|&byte| push_byte(&mut encoded, byte));
    }
    Cow::Owned(encoded)
}

/// Returns the byte that the first two characters are the digits of, and what is behind them.
fn leading_byte(text: &str) -> Option<(u8, &str)> {
    let (digits, behind) = text.split_at_checked(2)?;
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
    let byte = u8::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(is_digit))?;
    Some((byte, behind))
}

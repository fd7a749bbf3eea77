//! The name of a token.

use std::fmt;
use std::str::FromStr;

/// Longest name of a token, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// The name of a token, for people, logs and refusals: 1 to 64 letters, digits and any of `. _ - @ +`, of ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenName(String);

/// The reason a text is no name of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name for a token: use 1 to 64 letters, digits, and any of . _ - @ +")]
pub struct InvalidTokenName(String);

impl TokenName {
    /// Returns its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenName {
    type Err = InvalidTokenName;

    fn from_str(text: &str) -> Result<Self, InvalidTokenName> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@+".contains(&byte);
        match (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(is_allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidTokenName(text.chars().take(MAX_NAME_BYTES).collect())),
        }
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_people_can_type_and_logs_can_show() {
        for name in ["a", "drop-box", "alice@example.org", "build_7.x", "a+b"] {
            assert_eq!(name.parse::<TokenName>().unwrap().as_str(), name);
        }
        for name in ["", "a b", "a/b", "é", "a\n", &"a".repeat(65)] {
            assert!(name.parse::<TokenName>().is_err(), "{name:?}");
        }
    }
}

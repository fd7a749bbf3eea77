//! Tokens as text: TOML that people may edit by hand.
//!
//! Invariant: a change of one token leaves every byte of the text as it is that is not about that token.

mod error;
mod field;
mod key;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use error::FormatError;

use super::set::Tokens;
use zeroize::Zeroizing;

/// Parses the text of a tokens file.
///
/// # Errors
/// [`FormatError`] if it is not TOML, or holds anything but tokens. What is unknown is an error as well: a setting that is
/// misspelt must not give more than was meant.
pub fn parse_tokens(text: &str) -> Result<Tokens, FormatError> {
    read::parse(text).map(|parsed| parsed.tokens)
}

/// Changes the text of a tokens file so that it is one of other tokens: comments, order and notation of what is the same
/// stay.
///
/// # Errors
/// [`FormatError`] if the text is none of a tokens file, or if a token expires before the year 0 or after 9999.
pub fn update_tokens(text: &str, tokens: &Tokens) -> Result<Zeroizing<String>, FormatError> {
    let parsed = read::parse(text)?;
    let never = "a token expires in the years 0 to 9999, or never";
    let changed = write::update(text, &parsed, tokens).map_err(|_| FormatError::at(text, 0, never))?;
    let again = read::parse(&changed)?.tokens;
    if again.len() != tokens.len() || again.iter().any(|entry| tokens.get(&entry.name) != Some(entry)) {
        // Nobody knows such a text: better nothing is written than something else.
        return Err(FormatError::at(text, 0, "the file cannot be changed as it is written: change it by hand"));
    }
    Ok(changed)
}

//! Stretched tokens as text: 96 hexadecimal digits.

use remofile_protocol::token::{TOKEN_KEY_BYTES, TokenKey};
use zeroize::Zeroizing;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Returns the text of a key.
#[expect(clippy::indexing_slicing, reason = "half a byte is below 16")]
pub(super) fn show(key: &TokenKey) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(TOKEN_KEY_BYTES * 2));
    for byte in key.to_bytes().iter() {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Returns the key of a text, if it is one.
pub(super) fn parse(text: &str) -> Option<TokenKey> {
    let mut bytes = Zeroizing::new([0u8; TOKEN_KEY_BYTES]);
    if text.len() != bytes.len() * 2 {
        return None;
    }
    for (pair, byte) in text.as_bytes().chunks_exact(2).zip(bytes.iter_mut()) {
        for &digit in pair {
            *byte = *byte << 4 | u8::try_from(char::from(digit).to_digit(16)?).ok()?;
        }
    }
    Some(TokenKey::from_bytes(&bytes))
}

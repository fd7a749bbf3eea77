//! The shortuuid alphabet: 57 letters and digits that are not taken for one another.

use ring::digest::{SHA256, digest};

const LETTERS: &[u8; 57] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Writes a number with `letters` digits, most significant first.
#[expect(clippy::indexing_slicing, reason = "a remainder of 57 is below 57")]
pub(super) fn encode(mut number: u128, letters: usize) -> String {
    let mut digits = vec![LETTERS[0]; letters];
    for digit in digits.iter_mut().rev() {
        *digit = LETTERS[(number % 57) as usize];
        number /= 57;
    }
    digits.into_iter().map(char::from).collect()
}

pub(super) fn contains_all(text: &str) -> bool {
    text.bytes().all(|letter| LETTERS.contains(&letter))
}

/// Two letters made from the SHA-256 of a text: one in 3,249 texts has them by chance.
pub(super) fn checksum(text: &str) -> String {
    let hash = digest(&SHA256, text.as_bytes());
    let head = hash.as_ref().iter().take(8).fold(0u128, |sum, &byte| sum << 8 | u128::from(byte));
    encode(head % (57 * 57), 2)
}

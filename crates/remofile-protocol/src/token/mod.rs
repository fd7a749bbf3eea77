//! The token: the one secret of a server and its clients.

mod alphabet;
mod origin;
mod recogniser;
mod sealed;
mod stretch;
mod table;

pub use origin::Origin;
pub use recogniser::{Recognised, TokenRecogniser};
pub use sealed::{MAX_SEALED_BYTES, SealedKeys};
pub use stretch::{TOKEN_KEY_BYTES, TokenIdentifier, TokenKey};
pub use table::{KnownToken, TokenTable};

use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;
use zeroize::Zeroizing;

/// Letters of a generated token, checksum included.
pub const GENERATED_LETTERS: usize = 22;

const RANDOM_LETTERS: usize = 20;

/// A token. Its text is wiped when it is dropped and never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: Zeroizing<String>,
    origin: Origin,
}

/// Letters of a chosen token that nobody guesses: what NIST SP 800-63B asks of a password that is the only factor.
pub const UNGUESSED_LETTERS: usize = 15;

/// The reason a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// There is no text.
    #[error("the token is empty: make one with 'remofile generate-token'")]
    Empty,
    /// Longer than 1024 bytes.
    #[error("the token has {0} bytes, more than 1024")]
    TooLong(usize),
    /// Holds a line break or another control character.
    #[error("the token holds a control character (a line break, perhaps)")]
    Control,
}

impl Token {
    /// Makes a new token from the operating system's randomness.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    #[must_use]
    #[expect(clippy::expect_used, reason = "nothing of it comes from a peer")]
    pub fn generate() -> Self {
        let mut random = Zeroizing::new([0u8; 16]);
        SystemRandom::new().fill(&mut random[..]).expect("the operating system gives random bytes");
        Self::from_random(u128::from_be_bytes(*random))
    }

    fn from_random(random: u128) -> Self {
        let mut text = Zeroizing::new(alphabet::encode(random & ((1 << 116) - 1), RANDOM_LETTERS));
        let checksum = alphabet::checksum(&text);
        text.push_str(&checksum);
        Self { text, origin: Origin::Generated }
    }

    /// Takes a token as a user gives it. A text with a right checksum counts as generated, any other
    /// as chosen.
    ///
    /// # Errors
    /// [`InvalidToken`] if the text is empty, too long, or holds control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        if text.is_empty() {
            return Err(InvalidToken::Empty);
        }
        if text.len() > 1024 {
            return Err(InvalidToken::TooLong(text.len()));
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidToken::Control);
        }
        let origin = if looks_generated(text) { Origin::Generated } else { Origin::Chosen };
        Ok(Self { text: Zeroizing::new(text.to_owned()), origin })
    }

    /// Reports whether the token was generated or chosen.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Reports whether who records a session has a chance to guess the token: it was chosen, and has few letters or few
    /// different ones. One with [`UNGUESSED_LETTERS`] of them, such as those that the original makes, takes longer to guess
    /// than anybody waits, as each try costs 64 MiB of memory and a tenth of a second.
    #[must_use]
    pub fn is_guessable(&self) -> bool {
        let letters: std::collections::HashSet<char> = self.text.chars().collect();
        let is_long = self.text.chars().count() >= UNGUESSED_LETTERS && letters.len() >= UNGUESSED_LETTERS / 2;
        self.origin == Origin::Chosen && !is_long
    }

    /// The secret itself, to hand it to the user who asked for it. Do not log it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Derives the key that proves this token. Takes microseconds for a generated token; for a chosen
    /// one 64 MiB of memory and about a tenth of a second, on purpose.
    #[must_use]
    pub fn stretch(&self) -> TokenKey {
        stretch::stretch(&self.text, self.origin)
    }
}

fn looks_generated(text: &str) -> bool {
    text.is_ascii()
        && text.len() == GENERATED_LETTERS
        && alphabet::contains_all(text)
        && text
            .split_at_checked(RANDOM_LETTERS)
            .is_some_and(|(random, checksum)| alphabet::checksum(random) == checksum)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:?}, hidden)", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_tokens_are_recognised_and_differ() {
        let (one, other) = (Token::generate(), Token::generate());
        assert_eq!(one.reveal().len(), GENERATED_LETTERS);
        assert_ne!(one.reveal(), other.reveal());
        assert_eq!(Token::parse(one.reveal()).unwrap(), one);
    }

    #[test]
    fn the_format_of_generated_tokens_is_frozen() {
        assert_eq!(Token::from_random(0).reveal(), "22222222222222222222Ci");
        assert_eq!(Token::from_random(u128::MAX).reveal(), "e9NUu9DRuDtUa5mSvc3VC7");
    }

    #[test]
    fn one_wrong_letter_makes_a_chosen_token() {
        let token = Token::from_random(1 << 70);
        for at in 0..GENERATED_LETTERS {
            let mut text: Vec<u8> = token.reveal().bytes().collect();
            text[at] = if text[at] == b'2' { b'3' } else { b'2' };
            let text = String::from_utf8(text).unwrap();
            assert_eq!(Token::parse(&text).unwrap().origin(), Origin::Chosen, "{text}");
        }
    }

    #[test]
    fn a_short_token_may_be_guessed_and_those_of_the_original_and_its_documentation_may_not() {
        for (text, expected) in [
            ("secret", true),
            ("correct horse", true),
            ("aaaaaaaaaaaaaaaaaaaaaa", true),
            ("my-custom-token", false),
            ("qRkVWJcFRqi7rsNMbagaDd", false),
            ("22222222222222222222Ci", false),
        ] {
            assert_eq!(Token::parse(text).unwrap().is_guessable(), expected, "{text}");
        }
    }

    #[test]
    fn documented_tokens_are_accepted_as_chosen() {
        for text in ["qRkVWJcFRqi7rsNMbagaDd", "my-custom-token"] {
            assert_eq!(Token::parse(text).unwrap().origin(), Origin::Chosen);
        }
        assert_eq!(Token::parse(""), Err(InvalidToken::Empty));
        assert_eq!(Token::parse("a\n"), Err(InvalidToken::Control));
    }

    #[test]
    fn debug_hides_the_secret() {
        let token = Token::generate();
        let shown = format!("{token:?} {:?}", token.stretch());
        assert!(!shown.contains(token.reveal()));
    }
}

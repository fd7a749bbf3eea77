//! Recognises tokens that came as they are, as ZeroMQ brings them.

use super::{Origin, Token};
use ring::hmac::{self, HMAC_SHA256, Key};
use ring::rand::SystemRandom;
use std::fmt;
use subtle::ConstantTimeEq;

/// Recognises the tokens of a server without holding them, in a time that tells neither how much of a wrong one was
/// right nor which one was.
#[derive(Clone)]
pub struct TokenMatcher {
    /// Drawn anew for every matcher.
    key: Key,
    tags: Vec<hmac::Tag>,
    origin: Origin,
}

impl TokenMatcher {
    /// A matcher of these tokens.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    #[must_use]
    #[expect(clippy::expect_used, reason = "nothing of it comes from a peer")]
    pub fn new<'a>(tokens: impl IntoIterator<Item = &'a Token>) -> Self {
        let key = Key::generate(HMAC_SHA256, &SystemRandom::new()).expect("the operating system gives random bytes");
        let (mut tags, mut origin) = (Vec::new(), Origin::Generated);
        for token in tokens {
            tags.push(hmac::sign(&key, token.reveal().as_bytes()));
            if token.origin() == Origin::Chosen {
                origin = Origin::Chosen;
            }
        }
        Self { key, tags, origin }
    }

    /// The origin of the token that is the easiest to guess.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The index of the token that has these bytes.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<usize> {
        let tag = hmac::sign(&self.key, bytes);
        let mut found = None;
        // All are compared, and each in constant time.
        for (index, token) in self.tags.iter().enumerate() {
            if bool::from(token.as_ref().ct_eq(tag.as_ref())) {
                found = found.or(Some(index));
            }
        }
        found
    }
}

impl fmt::Debug for TokenMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenMatcher(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_matches() {
        let token = Token::parse("my-custom-token").unwrap();
        let matcher = TokenMatcher::new([&token]);
        assert_eq!(matcher.find(b"my-custom-token"), Some(0));
        for wrong in [&b""[..], b"my-custom-toke", b"my-custom-token ", b"My-custom-token"] {
            assert_eq!(matcher.find(wrong), None);
        }
        assert!(!format!("{matcher:?}").contains("custom"));
    }
    #[test]
    fn each_of_several_tokens_is_told_from_the_others() {
        let tokens = [Token::generate(), Token::parse("chosen").unwrap(), Token::generate()];
        let matcher = TokenMatcher::new(&tokens);
        for (index, token) in tokens.iter().enumerate() {
            assert_eq!(matcher.find(token.reveal().as_bytes()), Some(index));
        }
        assert_eq!(matcher.find(Token::generate().reveal().as_bytes()), None);
        assert_eq!(matcher.origin(), Origin::Chosen, "one of them can be guessed");
        assert_eq!(TokenMatcher::new([&tokens[0], &tokens[2]]).origin(), Origin::Generated);
    }
}

//! Tells a token that came as it is, as ZeroMQ brings it.

use super::{Origin, Token};
use ring::hmac::{self, HMAC_SHA256, Key};
use ring::rand::SystemRandom;
use std::fmt;

/// Recognises one token without holding it, in a time that does not tell how much of a wrong one was right.
#[derive(Clone)]
pub struct TokenMatcher {
    /// Drawn anew for every matcher.
    key: Key,
    tag: hmac::Tag,
    origin: Origin,
}

impl TokenMatcher {
    /// A matcher of this token.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    #[must_use]
    #[expect(clippy::expect_used, reason = "nothing of it comes from a peer")]
    pub fn new(token: &Token) -> Self {
        let key = Key::generate(HMAC_SHA256, &SystemRandom::new()).expect("the operating system gives random bytes");
        let tag = hmac::sign(&key, token.reveal().as_bytes());
        Self { key, tag, origin: token.origin() }
    }

    /// How hard the token is to guess.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether these are the bytes of the token.
    #[must_use]
    pub fn matches(&self, bytes: &[u8]) -> bool {
        // Verification compares in constant time.
        hmac::verify(&self.key, bytes, self.tag.as_ref()).is_ok()
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
        let matcher = TokenMatcher::new(&token);
        assert!(matcher.matches(b"my-custom-token"));
        for wrong in [&b""[..], b"my-custom-toke", b"my-custom-token ", b"My-custom-token"] {
            assert!(!matcher.matches(wrong));
        }
        assert!(!format!("{matcher:?}").contains("custom"));
    }
}

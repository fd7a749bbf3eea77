//! Recognises tokens that come as they are, as ZeroMQ brings them.

use super::{Origin, Token, TokenIdentifier, TokenTable};
use ring::hmac::{self, HMAC_SHA256, Key};
use ring::rand::SystemRandom;
use std::collections::HashMap;
use std::fmt;

/// Texts that are remembered at most. Beyond that all are forgotten, and stretched anew.
const MAX_REMEMBERED: usize = 256;

/// Recognises the tokens of a server by their texts, which it does not hold, in a time that tells neither how much of a
/// wrong one was right nor which one was.
///
/// A text that looks generated is stretched, which takes microseconds, and looked for. A chosen one takes a tenth of a
/// second and 64 MiB: whoever has them to spare stretches it and has it remembered ([`TokenRecogniser::settle`]). From then
/// on it is recognised at once.
#[derive(Clone)]
pub struct TokenRecogniser {
    /// Drawn anew for every recogniser, so that what is remembered is of no use elsewhere.
    key: Key,
    /// The identifiers of chosen tokens, by a keyed hash of their texts.
    remembered: HashMap<[u8; 32], TokenIdentifier>,
}

/// The finding about a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognised {
    /// The token with this index.
    Known(usize),
    /// None of them.
    Unknown,
    /// Perhaps one of them: this has to be stretched to know.
    Unsettled(Token),
}

impl TokenRecogniser {
    /// A recogniser that has not seen a token yet.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    #[must_use]
    #[expect(clippy::expect_used, reason = "nothing of it comes from a peer")]
    pub fn new() -> Self {
        let key = Key::generate(HMAC_SHA256, &SystemRandom::new()).expect("the operating system gives random bytes");
        Self { key, remembered: HashMap::new() }
    }

    /// Looks for the token that has these bytes, without stretching a chosen one.
    #[must_use]
    pub fn find(&self, table: &TokenTable, bytes: &[u8]) -> Recognised {
        let known = |index: Option<usize>| index.map_or(Recognised::Unknown, Recognised::Known);
        let token = std::str::from_utf8(bytes).ok().and_then(|text| Token::parse(text).ok());
        let Some(token) = token else { return Recognised::Unknown };
        if token.origin() == Origin::Generated {
            return known(table.find(&token.stretch()));
        }
        let remembered = self.remembered.get(&self.tag(&token)).and_then(|identifier| table.named(*identifier));
        match remembered {
            None if self.is_settled(table) => Recognised::Unknown,
            None => Recognised::Unsettled(token),
            remembered => known(remembered),
        }
    }

    /// Stretches a chosen token and gives the index that it has, to be [remembered](TokenRecogniser::remember). Takes as long
    /// as [`Token::stretch`].
    #[must_use]
    pub fn settle(table: &TokenTable, token: &Token) -> Option<usize> {
        table.find(&token.stretch())
    }

    /// Remembers the text of a token that has proved to be one of a server's.
    pub fn remember(&mut self, token: &Token, identifier: TokenIdentifier) {
        if self.remembered.len() >= MAX_REMEMBERED {
            self.remembered.clear();
        }
        self.remembered.insert(self.tag(token), identifier);
    }

    /// Reports whether the texts of all chosen tokens are remembered, so that no other text can be one.
    fn is_settled(&self, table: &TokenTable) -> bool {
        let is_remembered = |identifier| self.remembered.values().any(|remembered| *remembered == identifier);
        let mut chosen = table.chosen();
        chosen.all(|token| is_remembered(token.key.identifier()))
    }

    fn tag(&self, token: &Token) -> [u8; 32] {
        let mut tag = [0; 32];
        tag.copy_from_slice(hmac::sign(&self.key, token.reveal().as_bytes()).as_ref());
        tag
    }
}

impl Recognised {
    /// The token that has to be stretched, if one has to.
    #[must_use]
    pub fn unsettled(self) -> Option<Token> {
        match self {
            Self::Unsettled(token) => Some(token),
            Self::Known(_) | Self::Unknown => None,
        }
    }
}

impl Default for TokenRecogniser {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TokenRecogniser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenRecogniser(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::KnownToken;

    #[test]
    fn generated_tokens_are_recognised_without_having_been_seen() {
        let tokens = [Token::generate(), Token::generate()];
        let table = TokenTable::new(tokens.iter().map(KnownToken::of).collect());
        let recogniser = TokenRecogniser::new();
        for (index, token) in tokens.iter().enumerate() {
            assert_eq!(recogniser.find(&table, token.reveal().as_bytes()), Recognised::Known(index));
        }
        for wrong in [Token::generate().reveal().as_bytes(), b"", b"chosen", b"\xff", b"a\0"] {
            assert_eq!(recogniser.find(&table, wrong), Recognised::Unknown, "there is no chosen token");
        }
    }

    #[test]
    fn a_chosen_token_is_stretched_once_and_others_not_at_all_when_it_has_been_seen() {
        let chosen = Token::parse("my-custom-token").unwrap();
        let table = TokenTable::new(vec![KnownToken::of(&Token::generate()), KnownToken::of(&chosen)]);
        let mut recogniser = TokenRecogniser::new();
        assert_eq!(recogniser.find(&table, b"my-custom-token"), Recognised::Unsettled(chosen.clone()));
        assert_eq!(TokenRecogniser::settle(&table, &Token::parse("My-custom-token").unwrap()), None);
        let index = TokenRecogniser::settle(&table, &chosen).unwrap();
        recogniser.remember(&chosen, table.tokens()[index].key.identifier());
        assert_eq!(recogniser.find(&table, b"my-custom-token"), Recognised::Known(1));
        for wrong in [&b"my-custom-toke"[..], b"my-custom-token ", b"My-custom-token"] {
            assert_eq!(recogniser.find(&table, wrong), Recognised::Unknown);
        }
        assert!(!format!("{recogniser:?}").contains("custom"));
        let without = TokenTable::new(vec![KnownToken::of(&Token::generate())]);
        assert_eq!(recogniser.find(&without, b"my-custom-token"), Recognised::Unknown, "it was taken back");
    }
}

//! The tokens that a server takes, found by what a peer tells of them.

use super::{Origin, Token, TokenIdentifier, TokenKey};
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::HashMap;
use std::fmt;
use zeroize::Zeroizing;

/// A token that a server takes, stretched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownToken {
    /// The key that it is stretched to.
    pub key: TokenKey,
    /// Its origin.
    pub origin: Origin,
}

/// The tokens of a server. Each has an index, and is found by its identifier in a time that does not depend on their
/// number. Identifiers are public: they are on the wire as they are.
#[derive(Clone)]
pub struct TokenTable {
    tokens: Vec<KnownToken>,
    by_identifier: HashMap<[u8; 16], usize>,
    /// The indices of chosen tokens, which are few.
    chosen: Vec<usize>,
    /// The key that is tried in place of one that is not here, so that this takes as long.
    decoy: TokenKey,
}

impl KnownToken {
    /// Stretches a token. Takes as long as [`Token::stretch`].
    #[must_use]
    pub fn of(token: &Token) -> Self {
        Self { key: token.stretch(), origin: token.origin() }
    }
}

impl TokenTable {
    /// A table of these tokens. Of several with one identifier only the first is found.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    #[must_use]
    pub fn new(tokens: Vec<KnownToken>) -> Self {
        let mut by_identifier = HashMap::with_capacity(tokens.len());
        for (index, token) in tokens.iter().enumerate() {
            by_identifier.entry(token.key.identifier().0).or_insert(index);
        }
        let is_chosen = |index: &usize| tokens.get(*index).is_some_and(|token| token.origin == Origin::Chosen);
        let chosen = (0..tokens.len()).filter(is_chosen).collect();
        Self { tokens, by_identifier, chosen, decoy: decoy() }
    }

    /// The origin of the token that is the easiest to guess.
    #[must_use]
    pub fn origin(&self) -> Origin {
        if self.chosen.is_empty() { Origin::Generated } else { Origin::Chosen }
    }

    /// Returns the tokens, in the order of their indices.
    #[must_use]
    pub fn tokens(&self) -> &[KnownToken] {
        &self.tokens
    }

    /// Returns the index of the token with an identifier. That its holder has the token is not proved by that.
    #[must_use]
    pub fn named(&self, identifier: TokenIdentifier) -> Option<usize> {
        self.by_identifier.get(&identifier.0).copied()
    }

    /// Returns the index of a token that is here with all of its key.
    #[must_use]
    pub fn find(&self, key: &TokenKey) -> Option<usize> {
        let index = self.named(key.identifier());
        // Compared in constant time, and also where there is none.
        let is_it = self.key(index) == key;
        index.filter(|_| is_it)
    }

    /// The tokens that somebody chose.
    pub(super) fn chosen(&self) -> impl Iterator<Item = &KnownToken> {
        self.chosen.iter().filter_map(|index| self.tokens.get(*index))
    }

    /// The key of a token, or one that nobody has.
    pub(crate) fn key(&self, index: Option<usize>) -> &TokenKey {
        index.and_then(|index| self.tokens.get(index)).map_or(&self.decoy, |token| &token.key)
    }
}

#[expect(clippy::expect_used, reason = "nothing of it comes from a peer")]
fn decoy() -> TokenKey {
    let mut bytes = Zeroizing::new([0; super::TOKEN_KEY_BYTES]);
    SystemRandom::new().fill(&mut bytes[..]).expect("the operating system gives random bytes");
    TokenKey::from_bytes(&bytes)
}

/// Generated tokens, as tests and servers of few tokens have them.
impl From<Vec<TokenKey>> for TokenTable {
    fn from(keys: Vec<TokenKey>) -> Self {
        Self::new(keys.into_iter().map(|key| KnownToken { key, origin: Origin::Generated }).collect())
    }
}

impl fmt::Debug for TokenTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenTable").field("tokens", &self.tokens.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_is_found_by_its_identifier_and_by_its_key_and_no_other_is() {
        let tokens: Vec<Token> = (0..100).map(|_| Token::generate()).collect();
        let table = TokenTable::new(tokens.iter().map(KnownToken::of).collect());
        for (index, token) in tokens.iter().enumerate() {
            assert_eq!(table.named(token.stretch().identifier()), Some(index));
            assert_eq!(table.find(&token.stretch()), Some(index));
        }
        let stranger = Token::generate().stretch();
        assert_eq!((table.named(stranger.identifier()), table.find(&stranger)), (None, None));
        let mut forged = table.tokens()[7].key.to_bytes();
        forged[0] ^= 1;
        assert_eq!(table.find(&TokenKey::from_bytes(&forged)), None, "an identifier is no proof");
    }

    #[test]
    fn one_chosen_token_makes_the_table_one_that_can_be_guessed() {
        let generated = KnownToken::of(&Token::generate());
        assert_eq!(TokenTable::new(vec![generated.clone()]).origin(), Origin::Generated);
        let chosen = KnownToken { origin: Origin::Chosen, ..KnownToken::of(&Token::generate()) };
        assert_eq!(TokenTable::new(vec![generated, chosen]).origin(), Origin::Chosen);
    }
}

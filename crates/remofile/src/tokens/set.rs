//! The tokens of a server.

use super::entry::{Superseded, TokenEntry};
use super::name::TokenName;
use remofile_protocol::token::{Origin, Token, TokenKey};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

/// Tokens of a server at most.
pub const MAX_TOKENS: usize = 10_000;

/// Chosen tokens of a server at most, those that others took the place of included: each of them costs a stretching
/// where a token comes as it is.
pub const MAX_CHOSEN_TOKENS: usize = 16;

/// The tokens of a server, in the order in which they were added. No two of them have one name, or one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    entries: Vec<TokenEntry>,
    /// The index of each name.
    index: HashMap<TokenName, usize>,
    /// The identifiers of all keys, superseded ones included.
    identifiers: HashSet<[u8; 16]>,
    /// The number of keys of chosen tokens.
    chosen: usize,
}

/// The reason tokens cannot be changed as somebody wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokensError {
    /// The name is that of another one.
    #[error(
        "there is a token '{0}' already: choose another name, remove it first, or give it a new secret with 'rotate'"
    )]
    NameTaken(TokenName),
    /// The token is that of another name, or was until it was rotated.
    #[error("the token of '{0}' is that of another name, too: each needs one of its own")]
    KeyTaken(TokenName),
    /// No token has that name.
    #[error("there is no token '{0}'")]
    Unknown(TokenName),
    /// There are as many tokens as there may be.
    #[error("there are {MAX_TOKENS} tokens, and no more can be added: remove some first")]
    TooMany,
    /// There are as many chosen tokens as there may be.
    #[error("there are {MAX_CHOSEN_TOKENS} chosen tokens, and no more can be added: let this one be generated")]
    TooManyChosen,
}

impl Tokens {
    /// No tokens.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Reports whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the tokens in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, TokenEntry> {
        self.entries.iter()
    }

    /// Returns the token of a name.
    #[must_use]
    pub fn get(&self, name: &TokenName) -> Option<&TokenEntry> {
        self.index.get(name).and_then(|&index| self.entries.get(index))
    }

    /// Adds a token behind the others.
    ///
    /// # Errors
    /// [`TokensError`] if its name or its key is taken, or if there are too many.
    pub fn add(&mut self, entry: TokenEntry) -> Result<(), TokensError> {
        if self.index.contains_key(&entry.name) {
            return Err(TokensError::NameTaken(entry.name));
        }
        if self.entries.len() >= MAX_TOKENS {
            return Err(TokensError::TooMany);
        }
        self.register(&entry)?;
        self.index.insert(entry.name.clone(), self.entries.len());
        self.entries.push(entry);
        Ok(())
    }

    /// Takes a token's place by another one of its name, and returns the former.
    ///
    /// # Errors
    /// [`TokensError`] if there is none of that name, if the key is taken, or if there are too many chosen ones.
    pub fn replace(&mut self, entry: TokenEntry) -> Result<TokenEntry, TokensError> {
        let Some(former) = self.get(&entry.name).cloned() else {
            return Err(TokensError::Unknown(entry.name));
        };
        self.unregister(&former);
        if let Err(error) = self.register(&entry) {
            // They were there a moment ago, so they fit.
            self.register(&former)?;
            return Err(error);
        }
        if let Some(place) = self.index.get(&entry.name).and_then(|&index| self.entries.get_mut(index)) {
            *place = entry;
        }
        Ok(former)
    }

    /// Removes the token of a name, and returns it.
    ///
    /// # Errors
    /// [`TokensError::Unknown`] if there is none.
    pub fn remove(&mut self, name: &TokenName) -> Result<TokenEntry, TokensError> {
        let index = self.index.remove(name).ok_or_else(|| TokensError::Unknown(name.clone()))?;
        let entry = self.entries.remove(index);
        self.unregister(&entry);
        for later in self.index.values_mut().filter(|later| **later > index) {
            *later -= 1;
        }
        Ok(entry)
    }

    /// Gives the holder of a name a new token, which is generated. The one until now is taken for `grace` longer; one that
    /// it took the place of is not.
    ///
    /// # Errors
    /// As [`Tokens::rotate_to`].
    pub fn rotate(&mut self, name: &TokenName, grace: Duration, now: SystemTime) -> Result<Token, TokensError> {
        let token = Token::generate();
        self.rotate_to(name, &token, grace, now)?;
        Ok(token)
    }

    /// The same with a token that is there.
    ///
    /// # Errors
    /// [`TokensError`] if there is none of that name, if the token is taken (it may be the one until now, which
    /// cannot follow itself), or if there are too many chosen ones.
    pub fn rotate_to(
        &mut self,
        name: &TokenName,
        token: &Token,
        grace: Duration,
        now: SystemTime,
    ) -> Result<(), TokensError> {
        let former = self.get(name).ok_or_else(|| TokensError::Unknown(name.clone()))?;
        let (key, origin) = (token.stretch(), token.origin());
        if key.identifier() == former.key.identifier() {
            return Err(TokensError::KeyTaken(name.clone()));
        }
        let expires = now.checked_add(grace).filter(|_| !grace.is_zero());
        let superseded = expires.map(|expires| Superseded { key: former.key.clone(), origin: former.origin, expires });
        let entry = TokenEntry { key, origin, superseded, ..former.clone() };
        self.replace(entry).map(drop)
    }

    /// Forgets tokens that others took the place of and that are over.
    pub fn forget_superseded(&mut self, now: SystemTime) {
        let over = |entry: &TokenEntry| entry.superseded.as_ref().is_some_and(|former| former.expires <= now);
        for index in 0..self.entries.len() {
            let former =
                self.entries.get_mut(index).filter(|entry| over(entry)).and_then(|entry| entry.superseded.take());
            if let Some(former) = former {
                self.let_go_of(&former.key, former.origin);
            }
        }
    }

    /// Notes an entry's keys, all or none.
    fn register(&mut self, entry: &TokenEntry) -> Result<(), TokensError> {
        let chosen = keys(entry).filter(|&(_, origin)| origin == Origin::Chosen).count();
        if chosen > 0 && self.chosen + chosen > MAX_CHOSEN_TOKENS {
            return Err(TokensError::TooManyChosen);
        }
        let identifiers: Vec<[u8; 16]> = keys(entry).map(|(key, _)| key.identifier().0).collect();
        let own: HashSet<&[u8; 16]> = identifiers.iter().collect();
        if own.len() < identifiers.len() || identifiers.iter().any(|one| self.identifiers.contains(one)) {
            return Err(TokensError::KeyTaken(entry.name.clone()));
        }
        self.identifiers.extend(identifiers);
        self.chosen += chosen;
        Ok(())
    }

    fn unregister(&mut self, entry: &TokenEntry) {
        for (key, origin) in keys(entry) {
            self.let_go_of(key, origin);
        }
    }

    fn let_go_of(&mut self, key: &TokenKey, origin: Origin) {
        self.identifiers.remove(&key.identifier().0);
        if origin == Origin::Chosen {
            self.chosen = self.chosen.saturating_sub(1);
        }
    }
}

/// Returns the keys of an entry, with what they come from.
fn keys(entry: &TokenEntry) -> impl Iterator<Item = (&TokenKey, Origin)> {
    let former = entry.superseded.as_ref().map(|former| (&former.key, former.origin));
    std::iter::once((&entry.key, entry.origin)).chain(former)
}

impl<'a> IntoIterator for &'a Tokens {
    type Item = &'a TokenEntry;
    type IntoIter = std::slice::Iter<'a, TokenEntry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> TokenName {
        text.parse().unwrap()
    }

    fn entry(text: &str, token: &Token) -> TokenEntry {
        TokenEntry::new(name(text), token)
    }

    /// An entry whose key is no stretched token, which would take its time for a chosen one.
    fn chosen(number: u8) -> TokenEntry {
        let key = TokenKey::from_bytes(&[number; 48]);
        TokenEntry { key, origin: Origin::Chosen, ..entry(&format!("chosen-{number}"), &Token::generate()) }
    }

    #[test]
    fn names_and_keys_are_those_of_one_token_each() {
        let (one, other) = (Token::generate(), Token::generate());
        let mut tokens = Tokens::new();
        tokens.add(entry("a", &one)).unwrap();
        assert_eq!(tokens.add(entry("a", &other)), Err(TokensError::NameTaken(name("a"))));
        assert_eq!(tokens.add(entry("b", &one)), Err(TokensError::KeyTaken(name("b"))));
        tokens.add(entry("b", &other)).unwrap();
        assert_eq!(tokens.replace(entry("b", &one)), Err(TokensError::KeyTaken(name("b"))));
        assert_eq!(tokens.get(&name("b")), Some(&entry("b", &other)));
        tokens.remove(&name("a")).unwrap();
        tokens.replace(entry("b", &one)).unwrap();
        tokens.add(entry("c", &other)).unwrap();
        let names: Vec<&str> = tokens.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["b", "c"]);
        assert_eq!(tokens.get(&name("c")).unwrap().name, name("c"));
        assert_eq!(tokens.remove(&name("a")), Err(TokensError::Unknown(name("a"))));
    }

    #[test]
    fn a_rotated_token_is_taken_until_its_grace_is_over() {
        let old = Token::generate();
        let mut tokens = Tokens::new();
        tokens.add(entry("a", &old)).unwrap();
        let (now, hour) = (SystemTime::UNIX_EPOCH, Duration::from_secs(3600));
        let new = tokens.rotate(&name("a"), hour, now).unwrap();
        let rotated = tokens.get(&name("a")).unwrap();
        assert_eq!(rotated.key, new.stretch());
        let former = rotated.superseded.clone().unwrap();
        assert_eq!((former.key, former.expires), (old.stretch(), now + hour));
        assert_eq!(tokens.add(entry("b", &old)), Err(TokensError::KeyTaken(name("b"))), "it is still in use");
        tokens.forget_superseded(now + hour);
        assert_eq!(tokens.get(&name("a")).unwrap().superseded, None);
        tokens.add(entry("b", &old)).unwrap();
        tokens.rotate(&name("b"), Duration::ZERO, now).unwrap();
        assert_eq!(tokens.get(&name("b")).unwrap().superseded, None);
        assert_eq!(tokens.rotate_to(&name("a"), &new, hour, now), Err(TokensError::KeyTaken(name("a"))));
    }

    #[test]
    fn there_are_16_chosen_tokens_at_most_and_rotated_ones_count() {
        let mut tokens = Tokens::new();
        for number in 0..16 {
            tokens.add(chosen(number)).unwrap();
        }
        assert_eq!(tokens.add(chosen(16)), Err(TokensError::TooManyChosen));
        let (now, hour) = (SystemTime::UNIX_EPOCH, Duration::from_secs(3600));
        tokens.rotate(&name("chosen-0"), hour, now).unwrap();
        assert_eq!(tokens.add(chosen(16)), Err(TokensError::TooManyChosen));
        tokens.forget_superseded(now + hour);
        tokens.add(chosen(16)).unwrap();
        tokens.remove(&name("chosen-3")).unwrap();
        tokens.add(chosen(17)).unwrap();
        tokens.add(entry("generated", &Token::generate())).unwrap();
    }

    #[test]
    fn there_are_10_000_tokens_at_most() {
        let mut tokens = Tokens::new();
        let nth = |number: usize| {
            let mut key = [0; 48];
            key[32..40].copy_from_slice(&number.to_be_bytes());
            TokenEntry { key: TokenKey::from_bytes(&key), ..chosen(0) }
        };
        for number in 0..MAX_TOKENS {
            let name = name(&number.to_string());
            tokens.add(TokenEntry { name, origin: Origin::Generated, ..nth(number) }).unwrap();
        }
        assert_eq!(tokens.add(nth(MAX_TOKENS)), Err(TokensError::TooMany));
    }
}

//! Stretched tokens, sealed so that a client can keep them: of no use to whoever does not know the token.
//!
//! Goal: a client need not spend a tenth of a second on a chosen token each time it is started. Non-goal: to hide a token that
//! is easily guessed from who has the bytes: a try costs him a twelfth of what one costs who has recorded a session.

use super::stretch::{TOKEN_KEY_BYTES, TokenKey, Work, argon2id};
use super::{Origin, Token};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// The first bytes, by which another format is told.
const MAGIC: &[u8; 16] = b"remofile keys 1\n";

const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
const ENTRY_BYTES: usize = NONCE_LEN + TOKEN_KEY_BYTES + TAG_BYTES;

/// Stretched tokens that are kept at most: the one that was added first makes room.
const MOST_KEYS: usize = 8;

/// Most bytes of sealed keys.
pub const MAX_SEALED_BYTES: usize = MAGIC.len() + SALT_BYTES + MOST_KEYS * ENTRY_BYTES;

/// The work of making what seals a key, which takes some milliseconds.
const SEALING: Work = Work { kibibytes: 16 * 1024, passes: 1, lanes: 1 };

/// Stretched tokens, each sealed under a key that is made of its token.
#[derive(Debug, Clone)]
pub struct SealedKeys {
    salt: [u8; SALT_BYTES],
    entries: Vec<[u8; ENTRY_BYTES]>,
}

impl SealedKeys {
    /// No keys; `None` if the system has no randomness.
    #[must_use]
    pub fn new() -> Option<Self> {
        let mut salt = [0; SALT_BYTES];
        SystemRandom::new().fill(&mut salt).ok()?;
        Some(Self { salt, entries: Vec::new() })
    }

    /// Reads what [`SealedKeys::to_bytes`] gave; `None` if it is something else.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (salt, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
        let (entries, []) = rest.as_chunks() else { return None };
        (entries.len() <= MOST_KEYS).then(|| Self { salt: *salt, entries: entries.to_vec() })
    }

    /// Returns the bytes to keep.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [&MAGIC[..], &self.salt, self.entries.as_flattened()].concat()
    }

    /// Returns what a token is stretched to, if that is here. Takes some milliseconds.
    #[must_use]
    pub fn find(&self, token: &Token) -> Option<TokenKey> {
        if token.origin() == Origin::Generated || self.entries.is_empty() {
            return None;
        }
        let seal = self.seal_of(token)?;
        self.entries.iter().find_map(|entry| open(&seal, entry))
    }

    /// Adds what a chosen token is stretched to, in place of what was added first if there are too many. Generated tokens are
    /// stretched in no time, and not kept.
    pub fn add(&mut self, token: &Token, key: &TokenKey) {
        if token.origin() == Origin::Chosen
            && let Some(seal) = self.seal_of(token)
            && let Some(entry) = close(&seal, key)
        {
            self.entries.retain(|entry| open(&seal, entry).is_none());
            self.entries.truncate(MOST_KEYS - 1);
            self.entries.insert(0, entry);
        }
    }

    /// Removes what a token is stretched to. Returns whether it was here.
    pub fn remove(&mut self, token: &Token) -> bool {
        let before = self.entries.len();
        if let Some(seal) = self.seal_of(token).filter(|_| before > 0) {
            self.entries.retain(|entry| open(&seal, entry).is_none());
        }
        self.entries.len() < before
    }

    fn seal_of(&self, token: &Token) -> Option<LessSafeKey> {
        let key = argon2id(token.reveal(), &self.salt, SEALING);
        UnboundKey::new(&AES_256_GCM, &key).ok().map(LessSafeKey::new)
    }
}

fn open(seal: &LessSafeKey, entry: &[u8; ENTRY_BYTES]) -> Option<TokenKey> {
    let (nonce, sealed) = entry.split_first_chunk::<NONCE_LEN>()?;
    let mut sealed = Zeroizing::new(sealed.to_vec());
    let opened = seal.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(MAGIC), &mut sealed).ok()?;
    Some(TokenKey::from_bytes((&*opened).try_into().ok()?))
}

fn close(seal: &LessSafeKey, key: &TokenKey) -> Option<[u8; ENTRY_BYTES]> {
    // Random numbers are used once: a key seals few entries, ever.
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).ok()?;
    let mut content = key.to_bytes();
    let used = Nonce::assume_unique_for_key(nonce);
    let tag = seal.seal_in_place_separate_tag(used, Aad::from(MAGIC), &mut content[..]).ok()?;
    [&nonce[..], &content[..], tag.as_ref()].concat().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Token {
        Token::parse(text).unwrap()
    }

    /// A key as good as any: stretching takes long in tests.
    fn key(byte: u8) -> TokenKey {
        TokenKey::from_bytes(&[byte; TOKEN_KEY_BYTES])
    }

    #[test]
    fn a_key_is_found_by_its_token_and_by_no_other() {
        let mut keys = SealedKeys::new().unwrap();
        keys.add(&token("my-custom-token"), &key(1));
        keys.add(&token("another"), &key(2));
        let keys = SealedKeys::parse(&keys.to_bytes()).unwrap();
        assert!(keys.find(&token("my-custom-token")) == Some(key(1)) && keys.find(&token("another")) == Some(key(2)));
        assert!(keys.find(&token("my-custom-tokem")).is_none());
    }

    #[test]
    fn the_bytes_show_neither_token_nor_key() {
        let mut keys = SealedKeys::new().unwrap();
        keys.add(&token("my-custom-token"), &key(7));
        let bytes = keys.to_bytes();
        assert!(!bytes.windows(8).any(|window| window == [7; 8] || window == b"my-custo"), "{bytes:?}");
        assert!(bytes.len() <= MAX_SEALED_BYTES);
    }

    #[test]
    fn a_token_has_one_key_and_the_oldest_makes_room() {
        let mut keys = SealedKeys::new().unwrap();
        keys.add(&token("a"), &key(1));
        keys.add(&token("a"), &key(2));
        assert_eq!(keys.entries.len(), 1);
        assert!(keys.find(&token("a")) == Some(key(2)));
        for number in 0..MOST_KEYS {
            keys.add(&token(&format!("b{number}")), &key(3));
        }
        assert_eq!((keys.entries.len(), keys.find(&token("a")).is_none()), (MOST_KEYS, true));
        assert!(keys.remove(&token("b3")) && !keys.remove(&token("b3")));
        assert_eq!(keys.entries.len(), MOST_KEYS - 1);
    }

    #[test]
    fn a_generated_token_is_not_kept_and_what_is_no_such_file_is_none() {
        let mut keys = SealedKeys::new().unwrap();
        keys.add(&Token::generate(), &key(1));
        assert!(keys.entries.is_empty());
        let bytes = keys.to_bytes();
        for wrong in [&b""[..], &bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat(), b"remofile keys 2\n"] {
            assert!(SealedKeys::parse(wrong).is_none());
        }
    }
}

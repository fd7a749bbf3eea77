//! The keys that chosen tokens are stretched to, kept for the next session, the next client and the next process.

use crate::store::{PrivateFile, PrivateFileError};
use remofile_protocol::token::{MAX_SEALED_BYTES, Origin, SealedKeys, Token, TokenKey};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The name of the file.
const FILE: &str = "sealed";

/// The stretched tokens that clients need not stretch again, which takes a tenth of a second for one that somebody chose.
/// Clones share what they have stretched. The default forgets it with the process.
#[derive(Clone, Default)]
pub struct KeptKeys(Arc<Shared>);

#[derive(Default)]
struct Shared {
    directory: Option<PathBuf>,
    last: Mutex<Option<(Token, TokenKey)>>,
}

impl KeptKeys {
    /// Those that are kept in a directory, which is made if need be: in a file that only its owner may read, and of which
    /// nothing can be made without the token itself. Where nothing can be kept they are forgotten with the process.
    #[must_use]
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Shared { directory: Some(directory.into()), last: Mutex::default() }))
    }

    /// Returns what a token is stretched to, if that takes no time: it is generated, or was stretched before.
    #[must_use]
    pub fn find(&self, token: &Token) -> Option<TokenKey> {
        if token.origin() == Origin::Generated {
            return Some(token.stretch());
        }
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, key)) = last.as_ref().filter(|(known, _)| known == token) {
            return Some(key.clone());
        }
        let key = self.read().ok().flatten()?.find(token)?;
        *last = Some((token.clone(), key.clone()));
        Some(key)
    }

    /// Stretches a token, unless it is known what comes of it.
    pub(crate) fn stretch(&self, token: &Token) -> TokenKey {
        if let Some(key) = self.find(token) {
            return key;
        }
        let key = token.stretch();
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((token.clone(), key.clone()));
        self.change(|keys| keys.add(token, &key));
        key
    }

    /// Forgets a token that a server has refused: it may have been typed wrongly, or is not taken any more.
    pub(crate) fn forget(&self, token: &Token) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if token.origin() == Origin::Chosen && self.read().is_ok_and(|keys| keys.is_some()) {
            self.change(|keys| {
                keys.remove(token);
            });
        }
    }

    fn file(&self) -> Option<Result<PrivateFile, PrivateFileError>> {
        self.0.directory.as_ref().map(|directory| PrivateFile::new(directory.join(FILE)))
    }

    fn read(&self) -> Result<Option<SealedKeys>, PrivateFileError> {
        let Some(file) = self.file() else { return Ok(None) };
        Ok(SealedKeys::parse(&file?.read(MAX_SEALED_BYTES as u64)?.bytes))
    }

    /// Changes what is in the file, if there can be one.
    fn change(&self, change: impl FnOnce(&mut SealedKeys)) {
        if let Err(error) = self.write(change) {
            tracing::trace!(%error, "no stretched token is kept");
        }
    }

    fn write(&self, change: impl FnOnce(&mut SealedKeys)) -> Result<(), PrivateFileError> {
        let Some(file) = self.file().transpose()? else { return Ok(()) };
        file.make_directory()?;
        let locked = file.lock()?;
        let before = locked.read(MAX_SEALED_BYTES as u64)?;
        // What is something else stays: a link may have led there.
        let is_nothing = before.stamp.is_none_or(|stamp| stamp.is_of_nothing());
        let keys = if is_nothing { SealedKeys::new() } else { SealedKeys::parse(&before.bytes) };
        if let Some(mut keys) = keys {
            change(&mut keys);
            locked.replace(&keys.to_bytes(), before.stamp)?;
        }
        Ok(())
    }
}

/// Nothing of the keys is shown.
impl fmt::Debug for KeptKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeptKeys").field(&self.0.directory).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str) -> Token {
        Token::parse(text).unwrap()
    }

    #[test]
    fn a_chosen_token_is_stretched_once_for_all_processes() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("state/remofile");
        let token = chosen("my-custom-token");
        let kept = || KeptKeys::in_directory(&directory);
        assert!(kept().find(&token).is_none());
        let key = kept().stretch(&token);
        assert!(key == token.stretch() && kept().find(&token) == Some(key));
        assert!(kept().find(&chosen("my-custom-tokem")).is_none());
        kept().forget(&token);
        assert!(kept().find(&token).is_none());
    }

    #[test]
    fn what_others_can_read_is_not_taken_and_where_nothing_can_be_kept_a_token_is_stretched_each_time() {
        let home = tempfile::tempdir().unwrap();
        let token = chosen("my-custom-token");
        let kept = || KeptKeys::in_directory(home.path());
        let key = kept().stretch(&token);
        let file = home.path().join(FILE);
        assert_eq!(rustix::fs::stat(&file).unwrap().st_mode & 0o777, 0o600);
        rustix::fs::chmod(&file, rustix::fs::Mode::from_raw_mode(0o644)).unwrap();
        assert!(kept().find(&token).is_none());
        assert!(KeptKeys::in_directory("/dev/null/none").stretch(&token) == key);
    }
}

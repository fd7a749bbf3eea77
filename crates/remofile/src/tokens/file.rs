//! The file of a server's tokens.

use super::format::{FormatError, parse_tokens, update_tokens};
use super::set::{Tokens, TokensError};
use crate::store::{FileStamp, PrivateFile, PrivateFileError, StampedContent};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Most bytes of a tokens file: 10,000 tokens with all settings, and as much again for comments.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The file of a server's tokens: TOML that only its owner may read, edited by hand or by commands while servers use it.
#[derive(Debug, Clone)]
pub struct TokensFile {
    file: PrivateFile,
}

/// The tokens of a file, and the stamp that it had.
#[derive(Debug, Clone)]
pub struct StampedTokens {
    /// The tokens.
    pub tokens: Tokens,
    /// The stamp of the file.
    pub stamp: FileStamp,
    /// The number of the line that the file breaks off in; `None` if its last line is ended.
    pub breaks_off: Option<usize>,
}

/// The reason a tokens file cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TokensFileError {
    /// There is no such file.
    #[error("there is no tokens file {}: make it with 'remofile token add'", .0.display())]
    Missing(PathBuf),
    /// There is nothing in it any more.
    #[error("the tokens file {} is empty, as if it were half written: write a comment into it if there are to be no tokens", .0.display())]
    Empty(PathBuf),
    /// The file breaks off in the middle of a line, and lacks tokens.
    #[error(
        "the tokens file {}, line {line}: it ends within this line and lacks what it had, as if it were half written: \
         end it with a line feed",
        .path.display()
    )]
    BrokenOff {
        /// Its path.
        path: PathBuf,
        /// The number of its last line.
        line: usize,
    },
    /// The file is not private, or the system failed.
    #[error("the tokens file {}: {source}", .path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// The reason.
        source: PrivateFileError,
    },
    /// The file is no tokens file.
    #[error("the tokens file {}, {source}", .path.display())]
    Format {
        /// Its path.
        path: PathBuf,
        /// The place, and the reason.
        source: FormatError,
    },
    /// The change is not possible.
    #[error(transparent)]
    Change(#[from] TokensError),
}

type Result<T> = std::result::Result<T, TokensFileError>;

impl TokensFile {
    /// The file of a path, relative to the current directory of now. It need not exist.
    ///
    /// # Errors
    /// [`TokensFileError::File`] if there is no current directory.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = PrivateFile::new(path);
        Ok(Self { file: file.map_err(|source| TokensFileError::File { path: path.to_owned(), source })? })
    }

    /// Returns its absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Returns the file behind the path.
    pub(super) fn private(&self) -> &PrivateFile {
        &self.file
    }

    /// Returns its stamp, which changes with the file; `None` if there is no file. It costs one look at the directory.
    ///
    /// # Errors
    /// [`TokensFileError::File`].
    pub fn stamp(&self) -> Result<Option<FileStamp>> {
        self.file.stamp().map_err(|source| self.failed(source))
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`TokensFileError`] if there is none, if it is not private, or no tokens file.
    pub fn read(&self) -> Result<StampedTokens> {
        let content = self.file.read(MAX_BYTES).map_err(|source| self.failed(source))?;
        let stamp = content.stamp.ok_or_else(|| TokensFileError::Missing(self.path().to_owned()))?;
        let text = self.text(&content)?;
        Ok(StampedTokens {
            tokens: parse_tokens(text).map_err(|source| self.malformed(source))?,
            stamp,
            breaks_off: (!text.is_empty() && !text.ends_with('\n')).then(|| text.lines().count()),
        })
    }

    /// Changes the tokens in it, while no other command does; makes it if there is none. It is replaced as a whole, and
    /// comments, order and notation of what is not changed stay.
    ///
    /// # Errors
    /// [`TokensFileError`] of the change, and if the file cannot be read or written. Then it is as it was.
    pub fn change<T>(&self, change: impl FnOnce(&mut Tokens) -> std::result::Result<T, TokensError>) -> Result<T> {
        let locked = self.file.lock().map_err(|source| self.failed(source))?;
        let content = locked.read(MAX_BYTES).map_err(|source| self.failed(source))?;
        let text = self.text(&content)?;
        let mut tokens = parse_tokens(text).map_err(|source| self.malformed(source))?;
        let changed = change(&mut tokens)?;
        tokens.forget_superseded(SystemTime::now());
        let text = match content.stamp {
            Some(_) => update_tokens(text, &tokens),
            None => update_tokens(HEAD, &tokens),
        };
        let text = text.map_err(|source| self.malformed(source))?;
        locked.replace(text.as_bytes(), content.stamp).map_err(|source| self.failed(source))?;
        Ok(changed)
    }

    /// Makes the directory that it is in, for this user alone.
    ///
    /// # Errors
    /// [`TokensFileError::File`].
    pub fn make_directory(&self) -> Result<()> {
        self.file.make_directory().map_err(|source| self.failed(source))
    }

    fn text<'a>(&self, content: &'a StampedContent) -> Result<&'a str> {
        std::str::from_utf8(&content.bytes).map_err(|error| {
            let valid = content.bytes.get(..error.valid_up_to()).unwrap_or_default();
            let before = String::from_utf8_lossy(valid);
            self.malformed(FormatError::at(&before, before.len(), "this is not UTF-8, as TOML is"))
        })
    }

    fn failed(&self, source: PrivateFileError) -> TokensFileError {
        TokensFileError::File { path: self.path().to_owned(), source }
    }

    fn malformed(&self, source: FormatError) -> TokensFileError {
        TokensFileError::Format { path: self.path().to_owned(), source }
    }
}

/// The beginning of a new file.
const HEAD: &str = "\
# Tokens of a Remofile server: one table each, made by 'remofile token add'. Edit it as you like:
# servers take it within a second. The keys are secrets: nobody else may read this file.
";

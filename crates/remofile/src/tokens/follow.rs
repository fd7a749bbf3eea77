//! A tokens file that is followed while a server runs.

use super::file::{TokensFile, TokensFileError};
use super::merge::TokensChange;
use super::name::TokenName;
use super::quiet::Quiet;
use super::set::Tokens;
use super::shared::LiveTokens;
use super::usage::TokenUsages;
use super::usage_file::UsageFile;
use crate::store::{FileStamp, PrivateFileError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Live tokens that follow their file, and the file beside it in which their use is written down.
#[derive(Debug)]
pub struct TokensFollower {
    file: TokensFile,
    tokens: LiveTokens,
    /// The stamp of the file when it was last taken; `None`: there was none, or it could not be looked at.
    seen: Option<FileStamp>,
    quiet: Quiet,
    /// True if its last line was ended when it was last taken, as programs and editors end it.
    was_ended: bool,
    /// The stamp of the file that the system could not read, which is told once and tried again.
    failed: Option<FileStamp>,
    /// `None`: it cannot be written, where the directory is not writable for instance.
    usage: Option<UsageFile>,
    /// The tokens that the file had when it was read or written last. Others may be in force, from other servers.
    in_file: Arc<Tokens>,
    /// True if what others change is written into the file.
    writes_back: bool,
    /// The time of the last attempt to write, if that failed.
    unwritten: Option<Instant>,
}

/// Pause between two attempts to write what others have changed.
const WRITE_AGAIN_AFTER: Duration = Duration::from_secs(10);

impl TokensFollower {
    /// Reads the file for the first time, and what was written down of its use.
    ///
    /// # Errors
    /// [`TokensFileError`] if it cannot be used.
    pub fn begin(file: TokensFile) -> Result<Self, TokensFileError> {
        let read = file.read()?;
        let (tokens, was_ended) = (LiveTokens::new(read.tokens), read.breaks_off.is_none());
        let in_file = tokens.snapshot();
        let usage = UsageFile::open(&file).inspect_err(|error| {
            tracing::warn!("when the tokens are used is not written down: {error}");
        });
        let mut usage = usage.ok();
        if let Some(usage) = &mut usage {
            tokens.set_usages(usage.read());
        }
        Ok(Self {
            file,
            tokens,
            seen: Some(read.stamp),
            was_ended,
            quiet: Quiet::default(),
            failed: None,
            usage,
            in_file,
            writes_back: false,
            unwritten: None,
        })
    }

    /// Returns the tokens, which change as this follows.
    #[must_use]
    pub fn tokens(&self) -> &LiveTokens {
        &self.tokens
    }

    /// Has what others change, as other servers do, written into the file. Its directory must be writable.
    #[must_use]
    pub fn writing_back(self) -> Self {
        Self { writes_back: true, ..self }
    }

    /// Writes into the file what others have changed, if there is anything.
    ///
    /// # Errors
    /// [`TokensFileError`], once: it is tried again now and then.
    pub fn write_back(&mut self) -> Result<bool, TokensFileError> {
        let current = self.tokens.snapshot();
        if !self.writes_back || Arc::ptr_eq(&current, &self.in_file) {
            return Ok(false);
        }
        let change = TokensChange::between(&self.in_file, &current);
        if change.is_empty() {
            self.in_file = current;
            return Ok(false);
        }
        let is_told = self.unwritten.is_some();
        if self.unwritten.is_some_and(|tried| tried.elapsed() < WRITE_AGAIN_AFTER) {
            return Ok(false);
        }
        // What somebody has changed there at the same time stays, and is taken like any change of the file.
        let written = self.file.change(|tokens| {
            change.apply(tokens);
            Ok(())
        });
        self.unwritten = written.is_err().then(Instant::now);
        match written {
            Ok(()) => {
                self.in_file = current;
                Ok(true)
            }
            Err(_) if is_told => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the directories, without links, that files are opened in to follow it: all that a process which confines itself
    /// must leave itself the right to, and only to read files there.
    #[must_use]
    pub fn directories(&self) -> Vec<PathBuf> {
        let real = self.file.private().real_path();
        real.parent().map(std::path::Path::to_owned).into_iter().collect()
    }

    /// Writes down what use was made of the tokens, if that has changed.
    pub fn write_usages(&mut self) {
        let Some(file) = &mut self.usage else { return };
        let current = self.tokens.snapshot();
        let is_known = |name: &TokenName| current.get(name).is_some();
        let usages: TokenUsages = self.tokens.usages().into_iter().filter(|(name, _)| is_known(name)).collect();
        if let Err(error) = file.write(&usages) {
            tracing::warn!("when the tokens are used cannot be written down any more: {error}");
            self.usage = None;
        }
    }

    /// Looks whether the file has changed, which costs next to nothing, and takes it once it has stayed the same for some looks:
    /// somebody may be writing it. Best called every tenth of a second. Returns whether the file was taken.
    ///
    /// # Errors
    /// [`TokensFileError`] if it cannot be used: once for each change, not again while it stays as it is. The tokens stay those
    /// that it had when it could be used last.
    pub fn follow(&mut self) -> Result<bool, TokensFileError> {
        let stamp = match self.file.stamp() {
            Ok(stamp) if stamp == self.seen => return Ok(false),
            Err(_) if self.seen.is_none() => return Ok(false),
            stamp => stamp.unwrap_or_default(),
        };
        if !self.quiet.is_after(stamp) {
            return Ok(false);
        }
        let before = self.seen;
        let taken = self.take(stamp);
        if stamp.is_some() && matches!(taken, Err(TokensFileError::File { source: PrivateFileError::System(_), .. })) {
            // There may be too many open files at this moment: who is to be cut off is so when there are fewer.
            self.seen = before;
            if std::mem::replace(&mut self.failed, stamp) == stamp {
                return Ok(false);
            }
        }
        taken.map(|()| true)
    }

    /// Takes the file as it is, whether it has changed or not.
    ///
    /// # Errors
    /// As [`TokensFollower::follow`], each time.
    pub fn reload(&mut self) -> Result<(), TokensFileError> {
        let stamp = self.file.stamp();
        self.take(stamp.unwrap_or_default())
    }

    fn take(&mut self, stamp: Option<FileStamp>) -> Result<(), TokensFileError> {
        self.seen = stamp;
        let read = self.file.read()?;
        self.seen = Some(read.stamp);
        self.failed = None;
        let current = self.tokens.snapshot();
        // A disk that is full, or an editor that was killed, may have left it so.
        if read.stamp.is_of_nothing() && !current.is_empty() {
            return Err(TokensFileError::Empty(self.file.path().to_owned()));
        }
        // One that never had such an end may have been made by a program that writes none.
        if let (Some(line), true) = (read.breaks_off, self.was_ended)
            && self.in_file.iter().any(|entry| read.tokens.get(&entry.name) != Some(entry))
        {
            return Err(TokensFileError::BrokenOff { path: self.file.path().to_owned(), line });
        }
        self.was_ended = read.breaks_off.is_none();
        let change = TokensChange::between(&self.in_file, &read.tokens);
        self.in_file = Arc::new(read.tokens);
        if self.writes_back {
            // Only what was changed in the file: others may have changed more, which is not in it yet.
            if !change.is_empty() {
                self.tokens.change(|tokens| change.apply(tokens));
            }
        } else if *current != *self.in_file {
            self.tokens.replace(Tokens::clone(&self.in_file));
        }
        Ok(())
    }
}

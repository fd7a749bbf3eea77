//! One file that is written and not visible yet: its content, its writer, and who used it last.

use crate::server::principal::Grant;
use crate::store::{Staged, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure, Version};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Time after the end of its session for which a file is kept.
pub(super) const KEPT_AFTER_SESSION: Duration = Duration::from_secs(60 * 60);

/// The client that names a staged file.
#[derive(Clone, Copy)]
pub(in crate::server) struct Writer<'a> {
    pub(in crate::server) grant: &'a Arc<Grant>,
    pub(in crate::server) session: &'a SessionMark,
}

/// The mark of a session, by which the files that it writes know that it is there.
#[derive(Clone, Default)]
pub(in crate::server) struct SessionMark(Arc<()>);

/// A file that is written and not visible yet.
pub(in crate::server) struct StagedFile {
    path: RemotePath,
    grant: Weak<Grant>,
    inner: Mutex<Content>,
    last_use: Mutex<LastUse>,
}

struct LastUse {
    session: Weak<()>,
    at: Instant,
}

/// The content of a staged file. Each writer of it, who is one after a lost connection, has a number; only the last may write.
struct Content {
    /// Until it is committed.
    staged: Option<Box<dyn Staged>>,
    size: u64,
    writer: u64,
}

/// The commit of a staged file.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct Commit {
    /// The number of its writer.
    pub(in crate::server) writer: u64,
    /// The size that it must have, in bytes.
    pub(in crate::server) size: u64,
    /// The version of the file whose place it takes, if it must be a certain one.
    pub(in crate::server) version: Option<Version>,
}

impl LastUse {
    fn of(who: Writer<'_>) -> Self {
        Self { session: Arc::downgrade(&who.session.0), at: Instant::now() }
    }
}

impl StagedFile {
    pub(super) fn new(path: &RemotePath, who: Writer<'_>, staged: Box<dyn Staged>) -> Self {
        Self {
            path: path.clone(),
            grant: Arc::downgrade(who.grant),
            inner: Mutex::new(Content { staged: Some(staged), size: 0, writer: 0 }),
            last_use: Mutex::new(LastUse::of(who)),
        }
    }

    /// Notes who uses it now.
    pub(super) fn note_use(&self, who: Writer<'_>) {
        *lock(&self.last_use) = LastUse::of(who);
    }

    /// Becomes the only one who writes it, and returns the number of that.
    pub(in crate::server) fn take_over(&self) -> u64 {
        let mut content = lock(&self.inner);
        content.writer += 1;
        content.writer
    }

    /// Writes bytes at an offset.
    ///
    /// # Errors
    /// As [`Staged::write_at`]; `cancelled` if another writer has taken the file over.
    pub(in crate::server) fn write_at(&self, writer: u64, bytes: &[u8], offset: u64) -> StoreResult<()> {
        let mut content = self.content(writer)?;
        content.open()?.write_at(bytes, offset)?;
        content.size = content.size.max(offset.saturating_add(bytes.len() as u64));
        Ok(())
    }

    /// Cuts it, or makes it longer by zeros.
    ///
    /// # Errors
    /// As [`StagedFile::write_at`].
    pub(in crate::server) fn set_length(&self, writer: u64, length: u64) -> StoreResult<()> {
        let mut content = self.content(writer)?;
        content.open()?.set_length(length)?;
        content.size = length;
        Ok(())
    }

    /// Returns its size in bytes.
    pub(in crate::server) fn size(&self) -> u64 {
        lock(&self.inner).size
    }

    /// Reads from an offset as far as it goes.
    ///
    /// # Errors
    /// As [`Staged::read_at`].
    pub(in crate::server) fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        lock(&self.inner).open()?.read_at(buffer, offset)
    }

    pub(super) fn commit(&self, commit: Commit) -> StoreResult<()> {
        let mut content = self.content(commit.writer)?;
        if content.size != commit.size {
            let why = "not all that was written to it has come: nothing became visible";
            return Err(Failure::new(ErrorCode::IntegrityFailure).because(why));
        }
        let staged = content.open()?;
        if let Some(version) = commit.version {
            staged.expect_version(version)?;
        }
        staged.try_commit()?;
        content.staged = None;
        Ok(())
    }

    fn content(&self, writer: u64) -> StoreResult<MutexGuard<'_, Content>> {
        let content = lock(&self.inner);
        match content.writer == writer {
            true => Ok(content),
            false => Err(Failure::new(ErrorCode::Cancelled).because("its writer has come back by another connection")),
        }
    }

    pub(super) fn is_of(&self, grant: &Arc<Grant>, path: &RemotePath) -> bool {
        Weak::ptr_eq(&self.grant, &Arc::downgrade(grant)) && self.path == *path
    }

    pub(super) fn is_abandoned(&self, now: Instant) -> bool {
        let last_use = lock(&self.last_use);
        // A grant that is in force no more gives nothing.
        self.grant.strong_count() == 0
            || last_use.session.strong_count() == 0 && now.saturating_duration_since(last_use.at) >= KEPT_AFTER_SESSION
    }
}

impl Content {
    fn open(&mut self) -> StoreResult<&mut Box<dyn Staged>> {
        self.staged.as_mut().ok_or_else(unknown)
    }
}

pub(super) fn unknown() -> Failure {
    Failure::new(ErrorCode::PartialChanged).because(
        "what was written to it so far is gone from the server, which was restarted or has heard nothing of its writer \
         for an hour: what was there before is untouched, write it again",
    )
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic may leave half done is at worst a file that is not committed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

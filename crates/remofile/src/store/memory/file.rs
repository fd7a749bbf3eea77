//! Regular files in memory, read and changed in place.

use super::stamps::{identity, now};
use crate::store::{Editing, Extent, Source, SourceState, StoreResult};
use remofile_protocol::digest::digest;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode, Kind, Timestamp, Version};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The room that a store has for contents.
pub(super) struct Room {
    capacity: u64,
    used: AtomicU64,
}

/// Bytes that take room.
pub(super) struct Content {
    bytes: Vec<u8>,
    room: Arc<Room>,
}

/// A regular file. Two names of it share it.
pub(super) struct MemoryFile {
    identity: u64,
    state: Mutex<FileState>,
}

pub(super) struct FileState {
    pub(super) content: Content,
    modified: Timestamp,
    mode: Option<u32>,
    /// The number of changes since it was made.
    changes: u64,
}

impl Room {
    pub(super) fn new(capacity: u64) -> Arc<Self> {
        Arc::new(Self { capacity, used: AtomicU64::new(0) })
    }

    fn take(&self, bytes: u64) -> StoreResult<()> {
        let fits = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.capacity);
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        taken.map(drop).map_err(|_| ErrorCode::NoSpace.into())
    }
}

impl Content {
    pub(super) fn new(room: &Arc<Room>) -> Self {
        Self { bytes: Vec::new(), room: Arc::clone(room) }
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The same bytes once more.
    pub(super) fn copied(&self) -> StoreResult<Self> {
        let mut copy = Self::new(&self.room);
        copy.write_at(&self.bytes, 0)?;
        Ok(copy)
    }

    /// Cuts it, or makes it longer by zeros.
    pub(super) fn set_len(&mut self, length: u64) -> StoreResult<()> {
        self.room.take(length.saturating_sub(self.len()))?;
        let freed = self.len().saturating_sub(length);
        // What fits in the room fits in memory's numbers.
        self.bytes.resize(usize::try_from(length).map_err(|_| ErrorCode::NoSpace)?, 0);
        self.room.used.fetch_sub(freed, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn write_at(&mut self, bytes: &[u8], offset: u64) -> StoreResult<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let end = offset.checked_add(bytes.len() as u64).filter(|end| i64::try_from(*end).is_ok());
        let end = end.ok_or(ErrorCode::FileTooLarge)?;
        if end > self.len() {
            self.set_len(end)?;
        }
        let begin = usize::try_from(offset).map_err(|_| ErrorCode::NoSpace)?;
        self.bytes[begin..begin + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> usize {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        let count = buffer.len().min(self.bytes.len() - from);
        buffer[..count].copy_from_slice(&self.bytes[from..from + count]);
        count
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        self.room.used.fetch_sub(self.bytes.len() as u64, Ordering::Relaxed);
    }
}

impl MemoryFile {
    pub(super) fn new(content: Content, modified: Option<Timestamp>, mode: Option<u32>) -> Arc<Self> {
        let modified = modified.unwrap_or_else(now);
        Arc::new(Self { identity: identity(), state: Mutex::new(FileState { content, modified, mode, changes: 0 }) })
    }

    fn lock(&self) -> MutexGuard<'_, FileState> {
        // Nothing in it can be left half done that a reader could not have seen of a disk.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn identity(&self) -> u64 {
        self.identity
    }

    pub(super) fn size(&self) -> u64 {
        self.lock().content.len()
    }

    pub(super) fn entry(&self, path: RemotePath) -> Entry {
        self.lock().entry(path)
    }

    pub(super) fn version(&self) -> Version {
        self.lock().version(self.identity)
    }

    pub(super) fn mode(&self) -> Option<u32> {
        self.lock().mode
    }

    pub(super) fn set_modified(&self, modified: Timestamp) {
        let mut state = self.lock();
        state.modified = modified;
        state.changes += 1;
    }

    pub(super) fn set_mode(&self, mode: u32) {
        let mut state = self.lock();
        state.mode = Some(mode & 0o777);
        state.changes += 1;
    }
}

impl FileState {
    fn entry(&self, path: RemotePath) -> Entry {
        let (size, modified, mode) = (self.content.len(), self.modified, self.mode);
        Entry { path, kind: Kind::File, size, modified, mode, unflushed: false }
    }

    fn version(&self, identity: u64) -> Version {
        Version(digest(format!("memory {identity} {}", self.changes).as_bytes()))
    }

    fn changed(&mut self) {
        self.modified = now();
        self.changes += 1;
    }
}

/// A file that is read.
pub(super) struct MemorySource {
    file: Arc<MemoryFile>,
    entry: Entry,
    version: Version,
}

impl MemorySource {
    pub(super) fn new(file: &Arc<MemoryFile>, path: &RemotePath) -> Self {
        let (entry, version) = {
            let state = file.lock();
            (state.entry(path.clone()), state.version(file.identity))
        };
        Self { file: Arc::clone(file), entry, version }
    }
}

impl Source for MemorySource {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        Ok(self.file.lock().content.read_at(buffer, offset))
    }

    fn extent_at(&self, offset: u64) -> StoreResult<Extent> {
        Ok(Extent::Data(self.file.lock().content.len().saturating_sub(offset)))
    }

    fn is_unchanged(&self) -> StoreResult<bool> {
        Ok(self.file.version() == self.version)
    }

    fn state(&self) -> StoreResult<SourceState> {
        let now = self.file.version();
        Ok(match self.file.size() < self.entry.size {
            _ if now == self.version => SourceState::Unchanged,
            true => SourceState::Lost,
            false => SourceState::Written(now),
        })
    }

    fn size_now(&self) -> StoreResult<u64> {
        Ok(self.file.size())
    }

    fn identity(&self) -> Option<u64> {
        Some(self.file.identity)
    }

    fn version(&self) -> Version {
        self.version
    }
}

/// A file that is changed in place.
pub(super) struct MemoryEditing {
    file: Arc<MemoryFile>,
    path: RemotePath,
}

impl MemoryEditing {
    pub(super) fn new(file: Arc<MemoryFile>, path: &RemotePath) -> Self {
        Self { file, path: path.clone() }
    }

    fn change(&mut self, change: impl FnOnce(&mut Content) -> StoreResult<()>) -> StoreResult<()> {
        let mut state = self.file.lock();
        change(&mut state.content)?;
        state.changed();
        Ok(())
    }
}

impl Editing for MemoryEditing {
    fn look(&self) -> StoreResult<(Entry, Version)> {
        let state = self.file.lock();
        Ok((state.entry(self.path.clone()), state.version(self.file.identity)))
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> StoreResult<()> {
        self.change(|content| content.write_at(bytes, offset))
    }

    fn append(&mut self, bytes: &[u8]) -> StoreResult<()> {
        self.change(|content| content.write_at(bytes, content.len()))
    }

    fn set_length(&mut self, length: u64) -> StoreResult<()> {
        if i64::try_from(length).is_err() {
            return Err(ErrorCode::FileTooLarge.into());
        }
        self.change(|content| content.set_len(length))
    }

    fn finish(self: Box<Self>) -> StoreResult<(Entry, Version)> {
        self.look()
    }
}

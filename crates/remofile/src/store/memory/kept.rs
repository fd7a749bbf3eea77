//! The bytes that a store in memory keeps of unfinished files.

use super::file::Content;
use crate::store::{Checkpoint, Extent, Partial, Source, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, Kind, Timestamp, Version};
use std::sync::Arc;

/// The bytes that are kept of a file.
pub(super) struct Kept {
    pub(super) content: Arc<Content>,
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    pub(super) touched: Timestamp,
    pub(super) version: u128,
    pub(super) checkpoints: Vec<Checkpoint>,
}

impl Kept {
    /// Returns the part of it before an offset.
    pub(super) fn up_to(self, offset: u64) -> StoreResult<(Content, Vec<Checkpoint>)> {
        let mut content = match Arc::try_unwrap(self.content) {
            Ok(content) => content,
            // Somebody reads it still.
            Err(shared) => shared.copied()?,
        };
        content.set_len(offset)?;
        Ok((content, self.checkpoints.into_iter().filter(|checkpoint| checkpoint.offset <= offset).collect()))
    }

    pub(super) fn told(&self, path: &RemotePath) -> Partial {
        Partial {
            path: path.clone(),
            size: self.size,
            modified: self.modified,
            received: self.content.len(),
            touched: self.touched,
            version: self.version,
            checkpoints: self.checkpoints.clone(),
        }
    }
}

/// The bytes of a partial.
pub(super) struct KeptSource {
    content: Arc<Content>,
    entry: Entry,
    version: Version,
}

impl KeptSource {
    pub(super) fn new(kept: &Kept, path: &RemotePath) -> Self {
        let (path, size, modified) = (path.clone(), kept.content.len(), kept.modified);
        let entry = Entry { path, kind: Kind::File, size, modified, mode: Some(0o644), unflushed: false };
        Self { content: Arc::clone(&kept.content), entry, version: Version(kept.version.to_be_bytes()) }
    }
}

impl Source for KeptSource {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> StoreResult<usize> {
        Ok(self.content.read_at(buffer, offset))
    }

    fn extent_at(&self, offset: u64) -> StoreResult<Extent> {
        Ok(Extent::Data(self.content.len().saturating_sub(offset)))
    }

    fn is_unchanged(&self) -> StoreResult<bool> {
        Ok(true)
    }

    fn version(&self) -> Version {
        self.version
    }
}

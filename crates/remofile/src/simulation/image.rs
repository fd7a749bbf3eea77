//! An image of a tree: what a disk has, and what becomes of it when its power fails.

use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A tree as it is on a disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    pub(super) directories: BTreeSet<RemotePath>,
    pub(super) files: BTreeMap<RemotePath, ImageFile>,
}

/// A file in an image.
#[derive(Debug, Clone)]
pub(super) struct ImageFile {
    pub(super) content: Arc<Vec<u8>>,
    pub(super) modified: Timestamp,
    pub(super) data: Data,
}

/// The state of a file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    /// On the disk.
    Safe,
    /// On the disk after the next flush.
    Unflushed,
    /// A flush of them failed, so no later one brings them there.
    Lost,
}

/// A change of a tree, each atomic.
#[derive(Debug, Clone)]
pub(super) enum Change {
    MakeDirectory(RemotePath),
    Store(RemotePath, ImageFile),
    Remove(RemotePath),
    Move(RemotePath, RemotePath),
}

impl Image {
    fn has_parent(&self, path: &RemotePath) -> bool {
        path.parent().is_some_and(|parent| parent.is_root() || self.directories.contains(&parent))
    }

    /// Makes a change, as far as the tree allows it: of changes that are lost others depended.
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::MakeDirectory(path) if self.has_parent(path) => drop(self.directories.insert(path.clone())),
            Change::Store(path, file) if self.has_parent(path) => drop(self.files.insert(path.clone(), file.clone())),
            Change::MakeDirectory(_) | Change::Store(..) => {}
            Change::Remove(path) => {
                self.files.retain(|file, _| !file.is_within(path));
                self.directories.retain(|directory| !directory.is_within(path));
            }
            Change::Move(from, to) => {
                if self.has_parent(to)
                    && let Some(file) = self.files.remove(from)
                {
                    self.files.insert(to.clone(), file);
                }
            }
        }
    }

    /// Records that everything that can be flushed is.
    pub(super) fn flush(&mut self) {
        let unflushed = self.files.values_mut().filter(|file| file.data == Data::Unflushed);
        unflushed.for_each(|file| file.data = Data::Safe);
    }
}

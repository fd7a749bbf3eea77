//! Permission bits of directories, given when they keep nothing out any more.

use crate::store::Store;
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::Failure;
use std::collections::BTreeMap;
use std::ops::Bound;

use super::memory::ALLOCATION_BYTES;

/// The user may read, write and enter.
const OWNER_MAY_ALL: u32 = 0o700;

/// Directories that wait in one generation.
const GENERATION: usize = if cfg!(test) { 16 } else { 32 * 1024 };

/// Permission bits that would keep files out of a directory, and so wait until its files are in.
///
/// Bits that keep nothing out are given at once, and a directory that is named twice waits once. A tree comes in
/// order, so when very many wait, those are given their bits that no item has been in for long: memory is bounded
/// whatever the tree.
#[derive(Default)]
pub(super) struct Modes {
    /// By path, so that what is in a directory has its bits before it.
    waiting: BTreeMap<RemotePath, u32>,
    /// Directories that have waited for more than a generation.
    long_waiting: BTreeMap<RemotePath, u32>,
    bytes: usize,
}

impl Modes {
    /// Gives a directory that was made, or found, these bits, now or later. Calls `failed` for directories whose bits
    /// cannot be given.
    pub(super) fn add(
        &mut self,
        store: &dyn Store,
        path: RemotePath,
        mode: u32,
        failed: &mut dyn FnMut(&RemotePath, Failure),
    ) {
        self.forget(&path);
        if mode & OWNER_MAY_ALL == OWNER_MAY_ALL {
            return give(store, &path, mode, failed);
        }
        if self.is_full() {
            self.end_generation(store, &path, failed);
        }
        self.bytes += entry_bytes(&path);
        self.waiting.insert(path, mode);
    }

    /// Reports whether the next directory may have others given the bits that they wait for.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= GENERATION
    }

    /// Gives all bits that still wait.
    pub(super) fn finish(self, store: &dyn Store, failed: &mut dyn FnMut(&RemotePath, Failure)) {
        let Self { mut waiting, long_waiting, .. } = self;
        waiting.extend(long_waiting);
        // In reverse order, since a directory's own bits may shut out its subdirectories.
        for (path, mode) in waiting.iter().rev() {
            give(store, path, *mode, failed);
        }
    }

    /// Returns the memory that the waiting bits take, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.bytes as u64
    }

    fn forget(&mut self, path: &RemotePath) {
        if self.waiting.remove(path).or(self.long_waiting.remove(path)).is_some() {
            self.bytes -= entry_bytes(path);
        }
    }

    /// Gives their bits to directories that have waited long, unless the item at hand, or a directory that waits on,
    /// is in them.
    fn end_generation(&mut self, store: &dyn Store, at: &RemotePath, failed: &mut dyn FnMut(&RemotePath, Failure)) {
        for (path, mode) in std::mem::take(&mut self.long_waiting).into_iter().rev() {
            if at.is_within(&path) || self.holds_any_in(&path) {
                self.waiting.insert(path, mode);
            } else {
                self.bytes -= entry_bytes(&path);
                give(store, &path, mode, failed);
            }
        }
        self.long_waiting = std::mem::take(&mut self.waiting);
    }

    fn holds_any_in(&self, directory: &RemotePath) -> bool {
        let behind = (Bound::Excluded(directory), Bound::Unbounded);
        self.waiting.range::<RemotePath, _>(behind).next().is_some_and(|(path, _)| path.is_within(directory))
    }
}

/// Gives a directory its bits.
fn give(store: &dyn Store, path: &RemotePath, mode: u32, failed: &mut dyn FnMut(&RemotePath, Failure)) {
    if let Err(failure) = store.set_mode(path, mode) {
        failed(path, failure);
    }
}

fn entry_bytes(path: &RemotePath) -> usize {
    // A tree's nodes are two thirds full at least on average.
    path.as_str().len() + 2 * size_of::<(RemotePath, u32)>() + ALLOCATION_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{LocalStore, PosixStore, ReadStore, StoreOptions, WriteStore};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn of_many_directories_those_that_are_over_have_their_bits_and_few_wait() {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        let mode_of = |path: &RemotePath| {
            let path = root.path().join(path.as_relative());
            std::fs::metadata(path).unwrap().permissions().mode() & 0o777
        };
        let mut modes = Modes::default();
        let mut failed = |path: &RemotePath, failure: Failure| panic!("{path}: {failure}");
        let mut made = Vec::new();
        for top in 0..10 {
            for path in [format!("/{top}"), format!("/{top}/in")]
                .into_iter()
                .chain((0..40).map(|number| format!("/{top}/in/{number:02}")))
            {
                let path: RemotePath = path.parse().unwrap();
                store.make_directory(&path, false, false).unwrap();
                modes.add(&store, path.clone(), 0o500, &mut failed);
                let ancestors = std::iter::successors(path.parent(), RemotePath::parent);
                for open in ancestors.filter(|path| !path.is_root()) {
                    assert_ne!(mode_of(&open), 0o500, "{open} while {path} comes");
                }
                made.push(path);
                assert!(modes.waiting.len() + modes.long_waiting.len() <= 3 * GENERATION);
            }
        }
        assert!(made.iter().filter(|path| mode_of(path) == 0o500).count() > made.len() / 2);
        let waiting = modes.waiting.keys().chain(modes.long_waiting.keys());
        assert_eq!(modes.bytes, waiting.map(entry_bytes).sum::<usize>());
        modes.finish(&store, &mut failed);
        assert!(made.iter().all(|path| mode_of(path) == 0o500));
        for path in &made {
            store.set_mode(path, 0o700).unwrap();
        }
    }

    #[test]
    fn bits_that_keep_nothing_out_are_given_at_once() {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        let path: RemotePath = "/d".parse().unwrap();
        store.make_directory(&path, false, false).unwrap();
        let mut modes = Modes::default();
        let mut failed = |path: &RemotePath, failure: Failure| panic!("{path}: {failure}");
        for mode in [0o500, 0o711, 0o500, 0o500, 0o751] {
            modes.add(&store, path.clone(), mode, &mut failed);
        }
        assert_eq!(modes.memory_bytes(), 0);
        assert_eq!(store.stat(&path).unwrap().mode, Some(0o751));
    }
}

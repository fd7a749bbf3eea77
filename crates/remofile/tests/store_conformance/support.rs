//! Helpers of the checks of any store.

use remofile::store::{RemovalProgress, StagePlan, Staged, Store, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Kind, Listed, Timestamp};
use std::sync::Arc;

/// An empty store, and what it is on.
pub(crate) struct Scene {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) _root: Option<tempfile::TempDir>,
    /// True if it only holds attributes that are rights.
    pub(crate) holds: bool,
}

/// A size from which on unfinished files are worth keeping.
pub(crate) const LARGE: u64 = 2 * 1024 * 1024;

pub(crate) fn path(text: &str) -> RemotePath {
    text.parse().unwrap()
}

pub(crate) fn modified() -> Timestamp {
    Timestamp::new(1_700_000_000, 0)
}

pub(crate) fn code<T>(result: StoreResult<T>) -> Option<ErrorCode> {
    result.err().map(|failure| failure.code)
}

impl Scene {
    pub(crate) fn stage(&self, text: &str, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
        let (directory, name) = path(text).split()?;
        self.store.directory(&directory)?.stage(&name, plan)
    }

    pub(crate) fn write(&self, text: &str, bytes: &[u8], plan: &StagePlan) -> StoreResult<()> {
        let mut staged = self.stage(text, plan)?;
        staged.write(bytes)?;
        staged.commit()
    }

    pub(crate) fn file(&self, text: &str, bytes: &[u8]) {
        self.write(text, bytes, &StagePlan { replace: true, ..StagePlan::default() }).unwrap();
    }

    pub(crate) fn directory(&self, text: &str) {
        self.store.make_directory(&path(text), true, true).unwrap();
    }

    pub(crate) fn link(&self, text: &str, target: &str) {
        self.store.make_link(&path(text), target, false).unwrap();
    }

    pub(crate) fn read(&self, text: &str) -> Vec<u8> {
        let source = self.store.open(&path(text)).unwrap();
        let mut bytes = vec![1; source.entry().size as usize + 1];
        let count = source.read_at(&mut bytes, 0).unwrap();
        bytes.truncate(count);
        bytes
    }

    pub(crate) fn kind(&self, text: &str) -> Option<Kind> {
        self.store.stat(&path(text)).ok().map(|entry| entry.kind)
    }

    pub(crate) fn list(&self, text: &str) -> Vec<String> {
        let mut walk = self.store.walk(&path(text), true).unwrap();
        std::iter::from_fn(|| walk.next())
            .map(|listed| match listed {
                Listed::Entry(entry) => entry.path.to_string(),
                Listed::Failed(failure) => panic!("{failure:?}"),
            })
            .collect()
    }

    pub(crate) fn remove_tree(&self, text: &str) -> StoreResult<(u64, u64)> {
        let mut removal = self.store.remove_tree(&path(text))?;
        loop {
            if let RemovalProgress::Done { files, directories } = removal.step()? {
                return Ok((files, directories));
            }
        }
    }
}

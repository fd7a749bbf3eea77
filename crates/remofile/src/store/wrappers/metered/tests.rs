//! Meters and quotas of stores, compared with what is really there.

mod places;
mod random;
mod recounts;
mod refusals;
mod several;

use super::*;
use crate::store::{LocalStore, MemoryStore, RemovalProgress, ResumeAt, StagePlan, Staged, StoreOptions};
use remofile_protocol::wire::{ErrorCode, Listed};

/// A size from which on unfinished files are worth keeping.
const LARGE: u64 = 2 * 1024 * 1024;

/// Time for what ends soon.
const LONG: Duration = Duration::from_secs(600);

/// A store with meters that are counted again whenever somebody needs it.
struct Scene {
    /// The store behind everybody's back.
    behind: Arc<dyn Store>,
    meters: Arc<Meters>,
    /// Whoever has no quota.
    store: Metered,
    _root: Option<tempfile::TempDir>,
}

fn path(text: &str) -> RemotePath {
    text.parse().unwrap()
}

fn code<T>(result: StoreResult<T>) -> Option<ErrorCode> {
    result.err().map(|failure| failure.code)
}

fn sized(size: u64) -> StagePlan {
    StagePlan { size: Some(size), replace: true, modified: Some(Timestamp::new(1, 0)), ..StagePlan::default() }
}

fn stage(store: &dyn Store, at: &str, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
    let (directory, name) = path(at).split()?;
    store.directory(&directory)?.stage(&name, plan)
}

fn write(store: &dyn Store, at: &str, size: u64) -> StoreResult<()> {
    let mut staged = stage(store, at, &sized(size))?;
    staged.write_hole(size)?;
    staged.commit()
}

/// Interrupts the upload of a large file after so many bytes.
fn interrupt(store: &dyn Store, at: &str, written: u64) -> StoreResult<()> {
    let mut staged = stage(store, at, &sized(LARGE))?;
    staged.write_hole(written)?;
    staged.retain_partial();
    Ok(())
}

/// Goes on with the partial of a path after so many of its bytes.
fn resume(store: &dyn Store, at: &str, offset: u64) -> StoreResult<Box<dyn Staged>> {
    let partials = store.partials()?;
    let partial = partials.iter().find(|partial| partial.path == path(at)).ok_or(ErrorCode::NotFound)?;
    let resume = Some(ResumeAt { offset, version: partial.version });
    stage(store, at, &StagePlan { resume, ..sized(LARGE) })
}

fn remove_tree(store: &dyn Store, at: &str) -> StoreResult<()> {
    let mut removal = store.remove_tree(&path(at))?;
    while removal.step()? == RemovalProgress::More {}
    Ok(())
}

impl Scene {
    fn of(behind: Arc<dyn Store>, root: Option<tempfile::TempDir>, directories: &[&str]) -> Self {
        let meters = Meters::eager(Arc::clone(&behind));
        assert!(directories.iter().all(|directory| meters.await_count(&path(directory), LONG)));
        Self { behind, store: Metered::new(Arc::clone(&meters), None), meters, _root: root }
    }

    fn local(directories: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        Self::of(Arc::new(store), Some(root), directories)
    }

    fn memory(directories: &[&str]) -> Self {
        Self::of(Arc::new(MemoryStore::new()), None, directories)
    }

    fn both(directories: &[&str]) -> [Self; 2] {
        [Self::local(directories), Self::memory(directories)]
    }

    /// The store as somebody has it who has a quota on a directory.
    fn limited(&self, directory: &str, bytes: u64) -> Metered {
        Metered::new(Arc::clone(&self.meters), Some(Quota { directory: path(directory), bytes }))
    }

    fn await_counts(&self) {
        for (directory, _) in self.meters.snapshot() {
            self.meters.meter(&directory).await_count(LONG);
        }
    }

    fn used(&self, directory: &str) -> u64 {
        assert!(self.meters.await_count(&path(directory), LONG));
        self.meters.used(&path(directory)).unwrap()
    }

    /// The bytes of the files below a directory, and of the partials of files that were going there.
    fn there(&self, directory: &str) -> u64 {
        let directory = path(directory);
        let mut bytes = 0;
        if self.meters.followed(&directory) != directory {
            return 0;
        }
        if let Ok(entry) = self.behind.stat(&directory)
            && entry.kind == Kind::File
        {
            bytes = entry.size;
        }
        if let Ok(mut walk) = self.behind.walk(&directory, true) {
            while let Some(Listed::Entry(entry)) = walk.next() {
                bytes += if entry.kind == Kind::File { entry.size } else { 0 };
            }
        }
        let partials = self.behind.partials().unwrap().into_iter();
        bytes
            + partials.filter(|partial| partial.path.is_within(&directory)).map(|partial| partial.received).sum::<u64>()
    }

    #[track_caller]
    fn assert_right(&self) {
        for (directory, used) in self.meters.snapshot() {
            assert_eq!(used, self.there(directory.as_str()), "{directory}");
        }
    }
}

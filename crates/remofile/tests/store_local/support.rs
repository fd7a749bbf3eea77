//! Helpers that the tests of the store share.

use remofile::store::{
    Directory, LocalStore, ReadOnly, ReadStore, RemovalProgress, StagePlan, Staged, StoreOptions, StoreResult,
    WriteStore,
};
use remofile_protocol::path::{FileName, NameRule, RemotePath};
use remofile_protocol::wire::{ErrorCode, Listed, Timestamp};
use std::path::Path;

/// A size from which on files are staged as partials.
pub(crate) const LARGE: u64 = 1024 * 1024;

/// Everything a test needs of a store, without a word about failures.
pub(crate) struct Tree {
    pub(crate) root: tempfile::TempDir,
    pub(crate) store: LocalStore,
}

impl Tree {
    pub(crate) fn new() -> Self {
        Self::with(StoreOptions { names: NameRule::Posix, ..StoreOptions::default() })
    }

    pub(crate) fn with(options: StoreOptions) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let store = LocalStore::open(root.path(), options).expect("a store");
        Self { root, store }
    }

    /// The same files as a store that lets nothing be changed.
    pub(crate) fn read_only(&self) -> ReadOnly {
        let store = LocalStore::open(self.root.path(), StoreOptions::default()).expect("a store");
        ReadOnly::new(std::sync::Arc::new(store))
    }

    pub(crate) fn local(&self, relative: &str) -> std::path::PathBuf {
        self.root.path().join(relative)
    }

    pub(crate) fn stage(&self, text: &str, plan: StagePlan) -> StoreResult<Box<dyn Staged>> {
        let (directory, name) = path(text).split().expect("a path with a name");
        let directory: Box<dyn Directory> = self.store.directory(&directory)?;
        directory.stage(&name, &plan)
    }

    pub(crate) fn write(&self, text: &str, bytes: &[u8], plan: StagePlan) -> StoreResult<()> {
        let mut staged = self.stage(text, plan)?;
        staged.write(bytes)?;
        staged.commit()
    }

    pub(crate) fn read(&self, text: &str) -> StoreResult<Vec<u8>> {
        let source = self.store.open(&path(text))?;
        let mut bytes = vec![0; source.entry().size as usize];
        let count = source.read_at(&mut bytes, 0)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// Removes a tree; counts files and directories.
    pub(crate) fn remove(&self, text: &str) -> StoreResult<(u64, u64)> {
        let mut removal = self.store.remove_tree(&path(text))?;
        loop {
            if let RemovalProgress::Done { files, directories } = removal.step()? {
                return Ok((files, directories));
            }
        }
    }

    /// Paths of a recursive walk; failures as `!path`.
    pub(crate) fn list(&self, text: &str) -> Vec<String> {
        let mut walk = self.store.walk(&path(text), true).expect("a walk");
        std::iter::from_fn(|| walk.next())
            .map(|listed| match listed {
                Listed::Entry(entry) => entry.path.to_string(),
                Listed::Failed(failure) => format!("!{}", failure.path.unwrap_or_default()),
            })
            .collect()
    }
}

pub(crate) fn path(text: &str) -> RemotePath {
    RemotePath::parse(text).expect("a valid path")
}

pub(crate) fn name(text: &str) -> FileName {
    FileName::parse(text, NameRule::Posix).expect("a valid name")
}

/// Returns the time of modification of every large file of the tests. Without one no partial is made.
pub(crate) fn modified() -> Timestamp {
    Timestamp::new(1_700_000_000, 5)
}

pub(crate) fn create(size: u64) -> StagePlan {
    StagePlan { size: Some(size), modified: (size >= LARGE).then(modified), ..StagePlan::default() }
}

pub(crate) fn replace(size: u64) -> StagePlan {
    StagePlan { replace: true, ..create(size) }
}

pub(crate) fn code<T>(result: StoreResult<T>) -> Option<ErrorCode> {
    result.err().map(|failure| failure.code)
}

pub(crate) fn names_in(directory: &Path) -> Vec<String> {
    let entries = directory.read_dir().expect("a directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Runs an ignored test again in a process of its own, under limits that a shell sets.
pub(crate) fn run_limited(limits: &str, test: &str) {
    let this = std::env::current_exe().expect("the path of the tests");
    let limited = std::process::Command::new("sh")
        .args(["-c", &format!("{limits}; exec \"$0\" --ignored --exact {test}")])
        .arg(this)
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&limited.stdout);
    assert!(limited.status.success() && said.contains("1 passed"), "{said}");
}

//! A tree here and one on a server.

use crate::common::{Fixture, remote};
use remofile::sync::plan::{Action, Plan};
use remofile::{Client, Result, Silent, SyncOptions, SyncReport, synchronize_download, synchronize_upload};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// The direction of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
}

pub const WAYS: [Way; 2] = [Way::Up, Way::Down];

/// Both sides: `tree` in a local directory and in the server's root.
pub struct Scene {
    pub fixture: Fixture,
    pub local: TempDir,
    pub way: Way,
    client: Client,
}

impl Scene {
    pub fn new(way: Way) -> Self {
        Self::with_server(way, Fixture::new())
    }

    pub fn with_server(way: Way, fixture: Fixture) -> Self {
        let client = fixture.client();
        let local = tempfile::tempdir().unwrap();
        for root in [fixture.root(), local.path()] {
            std::fs::create_dir(root.join("tree")).unwrap();
        }
        Self { fixture, local, way, client }
    }

    pub fn source(&self) -> PathBuf {
        match self.way {
            Way::Up => self.local.path().join("tree"),
            Way::Down => self.fixture.path("tree"),
        }
    }

    pub fn destination(&self) -> PathBuf {
        match self.way {
            Way::Up => self.fixture.path("tree"),
            Way::Down => self.local.path().join("tree"),
        }
    }

    /// Waits for a lease that a lost session has not given back yet.
    pub fn patient(mut self) -> Self {
        let wait = remofile::Wait::For(Duration::from_secs(30));
        self.client = Client::new(remofile::ClientOptions { wait, ..self.fixture.options() });
        self
    }

    pub fn sync(&mut self, options: &SyncOptions) -> SyncReport {
        self.try_sync(options).unwrap()
    }

    pub fn try_sync(&mut self, options: &SyncOptions) -> Result<SyncReport> {
        self.with(options, |_| {})
    }

    /// The same with another client.
    pub fn with(&mut self, options: &SyncOptions, change: impl FnOnce(&mut Client)) -> Result<SyncReport> {
        change(&mut self.client);
        let local = self.local.path().join("tree");
        match self.way {
            Way::Up => synchronize_upload(&mut self.client, &local, &remote("/tree"), options, &mut Silent),
            Way::Down => synchronize_download(&mut self.client, &remote("/tree"), &local, options, &mut Silent),
        }
    }

    /// Makes the destination like the source, and sees that it is, and that there is nothing more to do.
    pub fn sync_whole(&mut self, options: &SyncOptions) -> SyncReport {
        let report = self.sync(options);
        assert_eq!(report.transfer.failures, [], "{:?}", self.way);
        assert_eq!(look(&self.destination()), look(&self.source()), "{:?}", self.way);
        let again = self.sync(options);
        assert_eq!(changes(&again.plan), Vec::<String>::new(), "{:?}", self.way);
        report
    }
}

/// The default, but that it deletes.
pub fn deleting() -> SyncOptions {
    SyncOptions { delete: true, ..SyncOptions::default() }
}

/// An entry of a tree, as the tests see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Directory,
    File(Vec<u8>, i64, i64),
    Link(PathBuf),
}

/// Everything in a tree: contents, times, targets.
pub fn look(root: &Path) -> BTreeMap<String, Seen> {
    let mut seen = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if name == ".remofile" {
                continue;
            }
            let metadata = path.symlink_metadata().unwrap();
            let what = if metadata.is_dir() {
                directories.push(path);
                Seen::Directory
            } else if metadata.is_symlink() {
                Seen::Link(std::fs::read_link(&path).unwrap())
            } else {
                Seen::File(std::fs::read(&path).unwrap(), metadata.mtime(), metadata.mtime_nsec())
            };
            seen.insert(name, what);
        }
    }
    seen
}

/// Gives a file a time.
pub fn set_time(path: &Path, seconds: i64, nanoseconds: u32) {
    let since = Duration::new(seconds.unsigned_abs(), 0);
    let whole = if seconds < 0 { SystemTime::UNIX_EPOCH - since } else { SystemTime::UNIX_EPOCH + since };
    let time = whole + Duration::from_nanos(nanoseconds.into());
    std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// The steps of a plan that change something, a word and a path each.
pub fn changes(plan: &Plan) -> Vec<String> {
    let word = |action: &Action| match action {
        Action::MakeDirectory { .. } => Some("mkdir"),
        Action::Create { .. } => Some("create"),
        Action::Update { .. } => Some("update"),
        Action::Link { .. } => Some("link"),
        Action::HardLink { .. } => Some("hard link"),
        Action::Special { .. } => Some("special"),
        Action::Attributes(_) => Some("attributes"),
        Action::Rename(_) => Some("rename"),
        Action::Touch(_) => Some("touch"),
        Action::Clear { .. } => Some("clear"),
        Action::Delete { .. } => Some("delete"),
        Action::Skip { .. } => None,
    };
    plan.steps.iter().filter_map(|step| Some(format!("{} {}", word(&step.action)?, step.path))).collect()
}

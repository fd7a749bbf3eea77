//! Snapshots on this side: files that did not change since an earlier download become names of what is there of it.

use crate::store::{FollowLinks, LocalStore, Seen, StatSequence, Store, StoreOptions, StoreResult};
use remofile_protocol::path::{NameRule, RemotePath};
use remofile_protocol::wire::{ErrorCode, Failure, Kind, Timestamp};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The files of an earlier download, or of what else a tree was made like.
pub(crate) struct EarlierHere {
    store: Arc<dyn Store>,
    /// Files are looked for directory by directory: trees come in this order.
    looks: Mutex<StatSequence>,
    /// True if permission bits have to be the same: a second name has those of the first.
    compares_modes: bool,
}

/// The conditions under which a file is linked in place of being sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    pub(crate) size: u64,
    pub(crate) modified: Timestamp,
    pub(crate) mode: Option<u32>,
}

impl EarlierHere {
    /// Opens the directory of an earlier download. A relative path that leads nowhere from the current directory is taken from
    /// the destination, as rsync takes it.
    ///
    /// # Errors
    /// `not-found`, `not-a-directory`, ... with the path and what comes of it.
    pub(crate) fn open(
        directory: &Path,
        destination: &Path,
        encoding: Option<NameRule>,
        compares_modes: bool,
    ) -> StoreResult<Self> {
        let open = |directory: &Path| {
            let options = StoreOptions { follow: FollowLinks::Never, encoding, ..StoreOptions::default() };
            LocalStore::open(directory, options).map(|store| Arc::new(store) as Arc<dyn Store>)
        };
        let store = match open(directory) {
            Err(failure) if failure.code == ErrorCode::NotFound && directory.is_relative() => {
                open(&destination.join(directory)).map_err(|_| failure)
            }
            store => store,
        };
        let missing = |failure: Failure| {
            let why = "nothing is linked to it, and everything is fetched: see '--link-dest'";
            failure.at(directory.display()).because(why)
        };
        store.map(|store| Self { store, looks: Mutex::default(), compares_modes }).map_err(missing)
    }

    /// Returns the path below it of the file that is at a path, or at the same path below a single source, with the same size and
    /// time.
    pub(super) fn find(&self, path: &str, version: Version, is_alone: bool) -> Option<RemotePath> {
        let below = path.split_once('/').map(|(_, below)| below).filter(|_| is_alone);
        let found = [Some(path), below].into_iter().flatten().find(|path| self.has(path, version))?;
        RemotePath::root().join(found).ok()
    }

    /// Reports whether a file is there at a path below it, with the same size and time.
    pub(crate) fn has(&self, path: &str, version: Version) -> bool {
        let is_same = |Seen { entry: there, is_link }: Seen| {
            let is_same_mode = !self.compares_modes || version.mode.is_none_or(|mode| there.mode == Some(mode));
            !is_link
                && there.kind == Kind::File
                && !there.unflushed
                && (there.size, there.modified) == (version.size, version.modified)
                && is_same_mode
        };
        let look =
            |path: &RemotePath| self.looks.lock().unwrap_or_else(PoisonError::into_inner).stat(&*self.store, path);
        RemotePath::root().join(path).is_ok_and(|path| look(&path).is_ok_and(is_same))
    }
}

/// The linking of files to those of an earlier download: what is linked, and what is fetched since it could not be.
pub(crate) struct Linking<'a> {
    earlier: &'a EarlierHere,
    destination: &'a dyn Store,
    pub(crate) linked: u64,
    refused: Option<(Failure, u64)>,
    /// The directory that the last name came into.
    parent: Option<RemotePath>,
}

impl<'a> Linking<'a> {
    pub(crate) fn new(earlier: &'a EarlierHere, destination: &'a dyn Store) -> Self {
        Self { earlier, destination, linked: 0, refused: None, parent: None }
    }

    /// Gives a file of the earlier download another name, in a directory that is made if need be.
    ///
    /// # Errors
    /// The reason why it cannot have that: `already-exists`, `cross-device`, ...
    pub(crate) fn link(&mut self, of: &RemotePath, path: &RemotePath, replace: bool) -> StoreResult<()> {
        let parent = path.parent().filter(|parent| !parent.is_root());
        if parent.is_none() || self.parent == parent {
            match self.add_name(of, path, replace) {
                // Somebody may have removed the directory meanwhile.
                Err(failure) if failure.code == ErrorCode::NotFound => {}
                outcome => return outcome,
            }
        }
        if let Some(parent) = parent {
            self.destination.make_directory(&parent, true, true)?;
            self.parent = Some(parent);
        }
        self.add_name(of, path, replace)
    }

    fn add_name(&self, of: &RemotePath, path: &RemotePath, replace: bool) -> StoreResult<()> {
        self.destination.add_name_of(&self.earlier.store.named_file(of)?, path, replace).map(drop)
    }

    /// Notes the outcome for a file; whether it is linked.
    pub(crate) fn note(&mut self, outcome: StoreResult<()>, shown: impl std::fmt::Display) -> bool {
        match (outcome, &mut self.refused) {
            (Ok(()), _) => {
                self.linked += 1;
                return true;
            }
            (Err(_), Some((_, count))) => *count += 1,
            (Err(failure), refused) => *refused = Some((failure.at(shown), 1)),
        }
        false
    }

    /// Returns the reason why files are fetched that were to be linked, with their number.
    pub(crate) fn refusal(self) -> Option<Failure> {
        let (failure, count) = self.refused?;
        let why = Failure { path: None, ..failure.clone() }.to_string();
        let others = if count == 1 { String::new() } else { format!(" (the first of {count})") };
        let skipped = Failure { path: failure.path, ..Failure::new(ErrorCode::Skipped) };
        Some(skipped.because(format!("it is fetched and not linked to the earlier copy: {why}{others}")))
    }
}

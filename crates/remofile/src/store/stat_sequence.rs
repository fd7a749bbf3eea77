//! Looks at many entries, one after the other.

use super::{Directory, Store, StoreResult};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{Entry, ErrorCode};

/// Looks at entries one after the other: of those that follow each other in one directory, that is opened once, and each costs
/// one system call. To ask the store for the entry of a path costs five.
#[derive(Default)]
pub(crate) struct StatSequence {
    /// The directory of the last entry; `None` in place of it if there is no such directory.
    held: Option<(RemotePath, Option<Box<dyn Directory>>)>,
}

/// An entry that was looked at.
pub(crate) struct Seen {
    /// The entry that the path leads to, as [`ReadStore::stat`](super::ReadStore::stat) tells it.
    pub(crate) entry: Entry,
    /// True if the path itself is a link.
    pub(crate) is_link: bool,
}

impl StatSequence {
    /// Looks at an entry of a store, which is always the same one.
    ///
    /// # Errors
    /// As [`ReadStore::stat`](super::ReadStore::stat).
    pub(crate) fn stat(&mut self, store: &dyn Store, path: &RemotePath) -> StoreResult<Seen> {
        if let Some(entry) = self.stat_held(store, path) {
            return entry.map(|entry| Seen { entry, is_link: false });
        }
        let entry = store.stat(path)?;
        Ok(Seen { entry, is_link: store.read_link(path).is_ok() })
    }

    /// Looks at an entry in the directory that is held. `None` if only the store can.
    fn stat_held(&mut self, store: &dyn Store, path: &RemotePath) -> Option<StoreResult<Entry>> {
        let (parent, name) = path.split().ok()?;
        if self.held.as_ref().is_none_or(|(held, _)| *held != parent) {
            let directory = match store.directory(&parent) {
                Ok(directory) => Some(directory),
                Err(failure) if failure.code == ErrorCode::NotFound => None,
                Err(_) => return None,
            };
            self.held = Some((parent, directory));
        }
        match self.held.as_ref()? {
            (_, None) => Some(Err(ErrorCode::NotFound.into())),
            (_, Some(directory)) => {
                let looked = directory.look(&name)?;
                Some(looked.map(|entry| Entry { path: path.clone(), ..entry }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{LocalStore, StoreOptions};
    use remofile_protocol::wire::Kind;
    use std::os::unix::fs::symlink;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "tests make files")]
    fn entries_are_those_that_the_store_tells() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("d/e")).unwrap();
        for name in ["a", "d/b", "d/e/c"] {
            std::fs::write(root.path().join(name), name).unwrap();
        }
        symlink("b", root.path().join("d/link")).unwrap();
        symlink("nowhere", root.path().join("d/dangling")).unwrap();
        symlink("d", root.path().join("to-d")).unwrap();
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        let mut sequence = StatSequence::default();
        for path in [
            "/a",
            "/d",
            "/d/b",
            "/d/absent",
            "/d/link",
            "/d/dangling",
            "/d/e",
            "/d/e/c",
            "/absent/x",
            "/absent/y",
            "/a/x",
            "/to-d/b",
            "/to-d",
            "/",
        ] {
            let path: RemotePath = path.parse().unwrap();
            let seen = sequence.stat(&store, &path);
            let is_link = crate::store::ReadStore::read_link(&store, &path).is_ok();
            match crate::store::ReadStore::stat(&store, &path) {
                Ok(entry) => {
                    let seen = seen.unwrap_or_else(|failure| panic!("{path}: {failure}"));
                    assert_eq!((seen.entry, seen.is_link), (entry, is_link), "{path}");
                }
                Err(failure) => assert_eq!(seen.err().map(|failure| failure.code), Some(failure.code), "{path}"),
            }
        }
        assert!(
            matches!(sequence.stat(&store, &"/d/link".parse().unwrap()), Ok(Seen { is_link: true, entry }) if entry.kind == Kind::File)
        );
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "tests make files")]
    fn a_look_is_one_system_call_where_those_before_it_were_in_the_same_directory() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        let paths: Vec<RemotePath> = (0..100).map(|number| format!("/a/b/{number}").parse().unwrap()).collect();
        for path in paths.iter().step_by(2) {
            std::fs::write(root.path().join(path.as_relative()), "").unwrap();
        }
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        let mut sequence = StatSequence::default();
        let look = || paths.iter().filter(|path| sequence.stat(&store, path).is_ok()).count();
        let (found, calls) = crate::store::system_faults::count(look);
        assert_eq!(found, 50);
        assert!(calls.len() < 110, "{} calls for 100 paths", calls.len());
    }
}

//! Tests of where a removal works.

use super::*;
use crate::store::WriteStore;
use crate::store::local::{LocalStore, StoreOptions};
use crate::store::system_faults::{self, Fault};
use rustix::fs::{CWD, Mode};
use std::path::Path;

const LEVELS: usize = 1_000;

/// A tree of directories that are all called `d`, the top too.
fn deep_tree() -> (tempfile::TempDir, LocalStore) {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
    let deepest = RemotePath::parse(&"/d".repeat(LEVELS)).unwrap();
    store.make_directory(&deepest, false, true).unwrap();
    (root, store)
}

fn open(path: &Path) -> OwnedFd {
    rustix::fs::openat(CWD, path, resolve::READABLE, Mode::empty()).unwrap()
}

#[test]
fn a_deep_tree_is_removed_without_going_far_below_its_top() {
    let (root, store) = deep_tree();
    let mut removal = LocalRemoval::new(&store.shared, &RemotePath::parse("/d").unwrap()).unwrap();
    let mut deepest = 0;
    while let RemovalProgress::More = removal.step().unwrap() {
        if let RemovalState::Inside(descent, _) = &removal.state {
            deepest = deepest.max(descent.depth());
        }
    }
    assert_eq!((removal.files, removal.directories), (0, LEVELS as u64));
    assert!((200..=260).contains(&deepest), "{deepest} levels");
    assert!(!root.path().join("d").exists());
}

#[test]
fn what_cannot_be_moved_is_entered_where_it_is() {
    let root = tempfile::tempdir().unwrap();
    let mut descent = Descent::new(open(root.path()));
    // Nothing of these names is there to be moved.
    for _ in 0..LEVELS {
        descent.enter_for_more(b"d", open(root.path()));
    }
    assert_eq!(descent.depth(), LEVELS);
    assert_eq!(descent.names(), b"/d".repeat(LEVELS));
}

#[test]
fn a_removal_that_fails_tells_how_much_is_gone() {
    let remove = |fails_at: Option<usize>| {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open(root.path(), StoreOptions::default()).unwrap();
        for name in ["1", "2", "3"] {
            store.make_directory(&RemotePath::parse(&format!("/d/{name}")).unwrap(), false, true).unwrap();
        }
        let run = || {
            let mut removal = LocalRemoval::new(&store.shared, &RemotePath::parse("/d").unwrap())?;
            while let RemovalProgress::More = removal.step()? {}
            Ok::<(), Failure>(())
        };
        match fails_at {
            Some(number) => system_faults::fail(number, Fault::Error(Errno::ACCESS), run),
            None => system_faults::count(run),
        }
    };
    let (_, calls) = remove(None);
    let removals: Vec<usize> = (0..calls.len()).filter(|call| calls[*call].name == "unlinkat").collect();
    let told = |call: usize| remove(Some(removals[call])).0.unwrap_err().detail;
    assert_eq!(told(0), None);
    assert_eq!(told(2).as_deref(), Some("of the tree, 0 files and 2 directories are gone"));
    // The tree itself cannot be removed from the directory that it is in, and is empty by then.
    assert_eq!(told(3).as_deref(), Some("of the tree, 0 files and 3 directories are gone"));
}

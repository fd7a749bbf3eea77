//! A root that was removed while a store holds it.

use super::support::{Tree, code, path};
use remofile::store::{LocalStore, ReadStore, ResumeStore, StoreOptions, WriteStore};
use remofile_protocol::wire::{ErrorCode, Listed};

/// A store whose root is gone; `again` makes another directory of its name.
fn without_root(again: bool) -> Tree {
    let tree = Tree::new();
    std::fs::write(tree.local("a"), "a").expect("a file");
    std::fs::remove_dir_all(tree.root.path()).expect("it is removed");
    if again {
        std::fs::create_dir(tree.root.path()).expect("it is made again");
    }
    tree
}

#[test]
fn a_root_that_was_removed_is_never_an_empty_one() {
    for again in [false, true] {
        let tree = without_root(again);
        let (root, store) = (path("/"), &tree.store);
        let failure = store.walk(&root, true).err().expect("no listing");
        assert_eq!(failure.code, ErrorCode::Other, "not as if it had to be made");
        assert!(failure.to_string().contains("was removed: start the server again"), "{failure}");
        let others = [
            code(store.stat(&root)),
            code(store.stat(&path("/a"))),
            code(store.open(&path("/a"))),
            code(store.directory(&root)),
            code(store.make_directory(&path("/new"), true, true)),
            code(store.remove_tree(&path("/a"))),
            code(store.rename(&path("/a"), &path("/b"), false)),
            code(store.partials()),
        ];
        assert_eq!(others, [Some(ErrorCode::Other); 8], "{again}");
    }
}

#[test]
fn a_removed_directory_is_not_opened() {
    let root = tempfile::tempdir().unwrap();
    let held = std::fs::File::open(root.path()).unwrap();
    std::fs::remove_dir(root.path()).unwrap();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&held));
    let failure = LocalStore::open(path.as_ref(), StoreOptions::default()).err().expect("no store");
    // Without /proc it is not even found.
    assert!(failure.code == ErrorCode::NotFound || failure.to_string().contains("was removed"), "{failure}");
}

#[test]
fn a_directory_that_is_removed_while_it_is_listed_is_told() {
    for below in ["", "d/"] {
        let tree = Tree::new();
        std::fs::create_dir(tree.local("d")).unwrap();
        for name in ["a", "b"] {
            std::fs::write(tree.local(&format!("{below}{name}")), "").unwrap();
        }
        let top = path(&format!("/{below}"));
        let mut walk = tree.store.walk(&top, true).unwrap();
        assert!(matches!(walk.next(), Some(Listed::Entry(_))), "{top}");
        std::fs::remove_dir_all(tree.local(below)).unwrap();
        let Some(Listed::Failed(failure)) = walk.next() else {
            panic!("it looks as if only one file had been in {top}")
        };
        assert!(failure.to_string().contains("was removed"), "{failure}");
        assert!(walk.next().is_none());
    }
}

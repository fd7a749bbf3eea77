//! The staging directory by other names, as file systems find it that do not tell upper from lower case.

use super::support::{LARGE, Tree, code, create, names_in, path};
use remofile::store::{FollowLinks, LocalStore, PosixStore, ReadStore, StoreOptions, WriteStore};
use remofile_protocol::path::NameRule;
use remofile_protocol::wire::ErrorCode;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Another name of the staging directory.
const ALIAS: &str = ".REMOFILE";

/// Variable with the directory in which the test runs again, as the root of name spaces of its own.
const ROOT: &str = "REMOFILE_TEST_ALIAS_ROOT";

fn open(root: &Path) -> LocalStore {
    LocalStore::open(root, StoreOptions { names: NameRule::Posix, ..StoreOptions::default() }).expect("a store")
}

/// Leaves a partial, so that the staging directory stays.
fn leave_a_partial(tree: &Tree) {
    let mut staged = tree.stage("/large", create(LARGE)).expect("a staged file");
    staged.write(b"begun").expect("a write");
    staged.retain_partial();
}

/// Tries every call with the other name, which leads to the staging directory now.
fn refuse_all(root: &Path) {
    let tree_names = names_in(&root.join(".remofile"));
    assert!(!tree_names.is_empty(), "something is staged");
    let store = open(root);
    let reserved = Some(ErrorCode::InvalidName);
    let below = format!("/{ALIAS}/{}", tree_names[0]);
    for at in [format!("/{ALIAS}"), format!("/{ALIAS}/new"), below.clone()] {
        let at = path(&at);
        assert_eq!(code(store.stat(&at)), reserved, "{at}");
        assert_eq!(code(store.walk(&at, true)), reserved, "{at}");
        assert_eq!(code(store.open(&at)), reserved, "{at}");
        assert_eq!(code(store.edit(&at, true)), reserved, "{at}");
        assert_eq!(code(store.create_file(&at, true)), reserved, "{at}");
        assert_eq!(code(store.make_directory(&at, true, true)), reserved, "{at}");
        assert_eq!(code(store.directory(&at)), reserved, "{at}");
        assert_eq!(code(store.remove(&at)), reserved, "{at}");
        assert_eq!(code(store.remove_tree(&at)), reserved, "{at}");
        assert_eq!(code(store.rename(&at, &path("/moved"), true)), reserved, "{at}");
        assert_eq!(code(store.rename(&path("/file"), &at, true)), reserved, "{at}");
        assert_eq!(code(store.read_link(&at)), reserved, "{at}");
        assert_eq!(code(store.make_link(&at, "file", true)), reserved, "{at}");
        assert_eq!(code(store.set_mode(&at, 0o777)), reserved, "{at}");
        assert_eq!(code(store.prepare_backup(&path("/file"), &at)), reserved, "{at}");
        assert_eq!(code(store.prepare_backup(&at, &path("/kept"))), reserved, "{at}");
        assert_eq!(code(store.identity(&at)), reserved, "{at}");
    }
    let staged = store.directory(&path("/")).expect("the root").stage(&super::support::name(ALIAS), &create(1));
    assert_eq!(code(staged), reserved);
    // By links, be they made or found.
    assert_eq!(code(store.make_link(&path("/new"), ALIAS, false)), Some(ErrorCode::OutsideRoot));
    assert_eq!(code(store.make_link(&path("/d/new"), &format!("../{ALIAS}/x"), false)), Some(ErrorCode::OutsideRoot));
    for link in ["/link", "/d/link"] {
        assert_eq!(code(store.open(&path(&format!("{link}/{}", tree_names[0])))), reserved, "{link}");
        assert_eq!(code(store.remove(&path(&format!("{link}/{}", tree_names[0])))), reserved, "{link}");
        assert_eq!(code(store.walk(&path(link), true)), reserved, "{link}");
    }
    let never = StoreOptions { follow: FollowLinks::Never, ..StoreOptions::default() };
    assert_eq!(code(LocalStore::open(root, never).expect("a store").open(&path(&below))), reserved);
    let mut walk = store.walk(&path("/"), true).expect("a walk");
    let listed: Vec<String> = std::iter::from_fn(|| walk.next()).map(|listed| format!("{listed:?}")).collect();
    assert!(!listed.iter().any(|listed| listed.to_lowercase().contains(".remofile\"")), "{listed:?}");
    assert_eq!(names_in(&root.join(".remofile")), tree_names);
}

#[test]
fn the_staging_directory_is_reached_by_no_other_name() {
    if let Ok(root) = std::env::var(ROOT) {
        return refuse_all(Path::new(&root));
    }
    let tree = Tree::new();
    std::fs::write(tree.local("file"), "file").unwrap();
    std::fs::create_dir(tree.local("d")).unwrap();
    symlink(ALIAS, tree.local("link")).unwrap();
    symlink(format!("../{ALIAS}"), tree.local("d/link")).unwrap();
    let folds = folds(&tree);
    if folds {
        // Before there is one: it must not become the staging directory.
        for made in [
            tree.store.make_directory(&path("/.REMOFILE"), false, false).map(drop),
            tree.store.make_directory(&path("/.Remofile/x"), false, true).map(drop),
            tree.store.create_file(&path("/.remofilE"), false),
            tree.store.rename(&path("/d"), &path("/.REMOFILE"), false),
        ] {
            assert_eq!(code(made), Some(ErrorCode::InvalidName));
        }
    }
    leave_a_partial(&tree);
    if folds {
        return refuse_all(tree.root.path());
    }
    // Where upper is told from lower case a mount gives the directory its second name.
    std::fs::create_dir(tree.local(ALIAS)).unwrap();
    let mount = "mount --bind \"$1/.remofile\" \"$1/.REMOFILE\" || exit 77; exec \"$0\" --exact \"$2\"";
    let again = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", mount])
        .arg(std::env::current_exe().unwrap())
        .arg(tree.root.path())
        .arg("alias::the_staging_directory_is_reached_by_no_other_name")
        .env(ROOT, tree.root.path())
        .output();
    match again {
        Ok(output) if output.status.success() => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains("1 passed"), "{said}");
        }
        Ok(output) if output.status.code() == Some(101) => {
            panic!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        }
        // Not captured, so that it is seen.
        _ => writeln!(std::io::stderr(), "skipped: no second name for a directory can be had here").unwrap(),
    }
}

#[test]
fn a_name_that_would_be_no_other_is_as_good_as_any() {
    let tree = Tree::new();
    if !folds(&tree) {
        for name in ["/.Remofile", "/.remo\u{fb01}le", "/été", "/a~1"] {
            tree.store.make_directory(&path(name), false, false).unwrap();
        }
        assert_eq!(
            names_in(tree.root.path()),
            [".Remofile", ".remo\u{fb01}le", "a~1", "été"],
            "nothing is left of the look"
        );
    }
}

fn folds(tree: &Tree) -> bool {
    std::fs::write(tree.local("probe"), "").expect("a file");
    let folds = tree.local("PROBE").exists();
    std::fs::remove_file(tree.local("probe")).expect("a file");
    folds
}

//! The jail: nothing outside the root is read, written or told about, whatever links say.

use super::support::{LARGE, Tree, code, create, name, names_in, path, replace};
use remofile::store::{ReadStore, WriteStore};
use remofile_protocol::wire::{ErrorCode, Kind};
use std::os::unix::fs::symlink;

/// A tree with a secret beside it, and links that lead there.
fn tree_beside_a_secret() -> (Tree, tempfile::TempDir) {
    let (tree, outside) = (Tree::new(), tempfile::tempdir().expect("a temporary directory"));
    std::fs::write(outside.path().join("secret"), "secret").expect("a file");
    symlink(outside.path(), tree.local("absolute")).expect("a link");
    symlink(outside.path().join("secret"), tree.local("absolute-file")).expect("a link");
    let climbing = format!("../{}", outside.path().file_name().expect("a name").to_string_lossy());
    symlink(&climbing, tree.local("climbing")).expect("a link");
    symlink(format!("{climbing}/secret"), tree.local("climbing-file")).expect("a link");
    std::fs::create_dir(tree.local("d")).expect("a directory");
    symlink(format!("../../{climbing}"), tree.local("d/climbing")).expect("a link");
    (tree, outside)
}

const DIRECTORIES: [&str; 3] = ["/absolute", "/climbing", "/d/climbing"];

#[test]
fn links_that_lead_out_are_refused_for_reading() {
    let (tree, _outside) = tree_beside_a_secret();
    for file in ["/absolute-file", "/climbing-file"] {
        assert_eq!(code(tree.store.open(&path(file))), Some(ErrorCode::OutsideRoot), "{file}");
        assert_eq!(tree.store.stat(&path(file)).unwrap().kind, Kind::Link);
    }
    for directory in DIRECTORIES {
        let secret = path(directory).child(&name("secret")).unwrap();
        assert_eq!(code(tree.store.open(&secret)), Some(ErrorCode::OutsideRoot));
        assert_eq!(code(tree.store.stat(&secret)), Some(ErrorCode::OutsideRoot));
        assert_eq!(code(tree.store.walk(&path(directory), true)), Some(ErrorCode::OutsideRoot));
        assert_eq!(tree.store.stat(&path(directory)).unwrap().kind, Kind::Link);
    }
}

#[test]
fn links_that_lead_out_are_refused_for_every_change() {
    let (tree, outside) = tree_beside_a_secret();
    std::fs::write(tree.local("file"), "x").unwrap();
    for directory in DIRECTORIES {
        let (secret, new) = (path(directory).join("secret").unwrap(), path(directory).join("new").unwrap());
        let store = &tree.store;
        let refused = [
            code(store.directory(&path(directory))),
            code(store.create_file(&new, false)),
            code(store.create_file(&secret, true)),
            code(store.make_directory(&new, true, true)),
            code(store.make_directory(&new.join("below").unwrap(), true, true)),
            code(store.remove(&secret)),
            code(store.remove_tree(&secret)),
            code(store.rename(&secret, &path("/stolen"), true)),
            code(store.rename(&path("/file"), &new, false)),
            code(store.rename(&path("/file"), &secret, true)),
        ];
        assert_eq!(refused, [Some(ErrorCode::OutsideRoot); 10], "{directory}");
    }
    assert_eq!(names_in(outside.path()), ["secret"]);
    assert_eq!(std::fs::read(outside.path().join("secret")).unwrap(), b"secret");
}

#[test]
fn links_that_stay_inside_are_followed() {
    let tree = Tree::new();
    std::fs::create_dir_all(tree.local("a/b")).unwrap();
    std::fs::write(tree.local("a/b/file"), "inside").unwrap();
    symlink("a/b", tree.local("short")).unwrap();
    symlink("../../a/./b/", tree.local("a/b/round")).unwrap();
    symlink("short/round/file", tree.local("far")).unwrap();
    symlink("a/b/../..", tree.local("self")).unwrap();
    for text in ["/short/file", "/short/round/round/file", "/far", "/self/self/a/b/file"] {
        assert_eq!(tree.read(text).unwrap(), b"inside", "{text}");
        assert_eq!(tree.store.stat(&path(text)).unwrap().kind, Kind::File);
    }
    assert_eq!(tree.store.stat(&path("/self")).unwrap().kind, Kind::Directory);
    tree.write("/short/new", b"new", create(3)).unwrap();
    assert_eq!(std::fs::read(tree.local("a/b/new")).unwrap(), b"new");
    assert!(tree.store.make_directory(&path("/short/x/y"), false, true).unwrap());
    assert!(tree.local("a/b/x/y").is_dir());
    assert_eq!(code(tree.store.open(&path("/far/x"))), Some(ErrorCode::NotADirectory));
}

#[test]
fn dangling_links_and_loops_are_told_apart() {
    let tree = Tree::new();
    symlink("nowhere", tree.local("dangling")).unwrap();
    symlink("loop", tree.local("loop")).unwrap();
    assert_eq!(code(tree.store.open(&path("/dangling"))), Some(ErrorCode::NotFound));
    assert_eq!(code(tree.store.open(&path("/loop"))), Some(ErrorCode::LinkLoop));
    assert_eq!(code(tree.store.stat(&path("/loop/x"))), Some(ErrorCode::LinkLoop));
    for text in ["/dangling", "/loop"] {
        assert_eq!(tree.store.stat(&path(text)).unwrap().kind, Kind::Link);
    }
}

#[test]
fn removing_and_renaming_act_on_the_link_itself() {
    let (tree, outside) = tree_beside_a_secret();
    tree.store.rename(&path("/absolute"), &path("/moved"), false).unwrap();
    assert!(tree.local("moved").is_symlink());
    assert_eq!(tree.store.remove(&path("/moved")).unwrap(), Kind::Link);
    assert_eq!(tree.remove("/climbing").unwrap(), (1, 0));
    assert_eq!(tree.remove("/d").unwrap(), (1, 1));
    assert_eq!(names_in(outside.path()), ["secret"]);
}

#[test]
fn a_directory_swapped_for_a_link_while_it_is_held_leads_nowhere_else() {
    let (tree, outside) = tree_beside_a_secret();
    let directory = tree.store.directory(&path("/d")).unwrap();
    let mut staged = directory.stage(&name("new"), &create(3)).unwrap();
    std::fs::rename(tree.local("d"), tree.local("moved")).unwrap();
    symlink(outside.path(), tree.local("d")).unwrap();
    staged.write(b"new").unwrap();
    staged.commit().unwrap();
    assert_eq!(names_in(outside.path()), ["secret"]);
    assert_eq!(std::fs::read(tree.local("moved/new")).unwrap(), b"new");
}

#[test]
fn a_directory_swapped_for_a_link_during_a_walk_is_not_entered() {
    let (tree, _outside) = tree_beside_a_secret();
    std::fs::remove_file(tree.local("d/climbing")).unwrap();
    let mut walk = tree.store.walk(&path("/"), true).unwrap();
    while walk.next().is_some_and(|listed| !format!("{listed:?}").contains("\"/d\"")) {}
    std::fs::remove_dir(tree.local("d")).unwrap();
    symlink(tree.local("absolute"), tree.local("d")).unwrap();
    assert!(walk.next().is_none());
}

#[test]
fn a_link_in_the_place_of_a_new_file_is_not_written_through() {
    let (tree, outside) = tree_beside_a_secret();
    for size in [1, LARGE] {
        assert_eq!(code(tree.write("/absolute-file", b"x", create(size))), Some(ErrorCode::AlreadyExists));
        tree.write("/climbing-file", b"x", replace(size)).unwrap();
        assert!(!tree.local("climbing-file").is_symlink());
    }
    assert_eq!(code(tree.store.create_file(&path("/absolute-file"), true)), Some(ErrorCode::AlreadyExists));
    assert_eq!(std::fs::read(outside.path().join("secret")).unwrap(), b"secret");
}

#[test]
fn the_staging_directory_is_neither_listed_nor_reached() {
    let tree = Tree::new();
    tree.stage("/large", create(LARGE)).unwrap().retain_partial();
    assert_eq!(names_in(tree.root.path()), [".remofile"]);
    symlink(".remofile", tree.local("back-door")).unwrap();
    std::fs::create_dir(tree.local("d")).unwrap();
    symlink("..", tree.local("d/up")).unwrap();
    assert_eq!(tree.list("/"), ["/back-door", "/d", "/d/up"]);
    assert_eq!(tree.list("/d/up"), ["/d/up/back-door", "/d/up/d", "/d/up/d/up"]);
    let partial = names_in(&tree.local(".remofile")).remove(0);
    for directory in ["/.remofile", "/back-door", "/d/up/.remofile"] {
        let store = &tree.store;
        let file = path(directory).join(&partial).unwrap();
        let refused = [
            code(store.open(&file)),
            code(store.stat(&file)),
            code(store.walk(&path(directory), false)),
            code(store.directory(&path(directory))),
            code(store.create_file(&file, true)),
            code(store.make_directory(&file.join("x").unwrap(), true, true)),
            code(store.remove(&file)),
            code(store.remove_tree(&file)),
            code(store.rename(&file, &path("/x"), false)),
        ];
        assert_eq!(refused, [Some(ErrorCode::InvalidName); 9], "{directory}");
    }
    for text in ["/.remofile", "/d/up/.remofile"] {
        assert_eq!(code(tree.store.stat(&path(text))), Some(ErrorCode::InvalidName));
        assert_eq!(code(tree.store.remove(&path(text))), Some(ErrorCode::InvalidName));
        assert_eq!(code(tree.store.rename(&path("/back-door"), &path(text), true)), Some(ErrorCode::InvalidName));
        assert_eq!(code(tree.write(text, b"", create(0))), Some(ErrorCode::InvalidName));
    }
    assert_eq!(tree.store.stat(&path("/back-door")).unwrap().kind, Kind::Link);
    assert!(tree.store.make_directory(&path("/d/.remofile"), false, false).unwrap(), "reserved in the root only");
}

#[test]
fn special_files_are_no_files_and_do_not_block() {
    let tree = Tree::new();
    let made = std::process::Command::new("mkfifo").arg(tree.local("pipe")).status().unwrap();
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(tree.local("socket")).unwrap();
    symlink("pipe", tree.local("link")).unwrap();
    std::fs::create_dir(tree.local("directory")).unwrap();
    for text in ["/pipe", "/socket", "/link", "/directory", "/"] {
        assert_eq!(code(tree.store.open(&path(text))), Some(ErrorCode::NotAFile), "{text}");
    }
    assert_eq!(tree.store.stat(&path("/link")).unwrap().kind, Kind::Special);
    assert_eq!(code(tree.store.walk(&path("/pipe"), false)), Some(ErrorCode::NotADirectory));
    assert_eq!(code(tree.store.create_file(&path("/pipe"), true)), Some(ErrorCode::AlreadyExists));
    assert_eq!(tree.store.remove(&path("/pipe")).unwrap(), Kind::Special);
}

#[test]
fn the_root_stays_the_same_directory_when_it_is_renamed() {
    let outer = tempfile::tempdir().unwrap();
    std::fs::create_dir(outer.path().join("before")).unwrap();
    let store =
        remofile::store::LocalStore::open(&outer.path().join("before"), remofile::store::StoreOptions::default())
            .unwrap();
    std::fs::rename(outer.path().join("before"), outer.path().join("after")).unwrap();
    store.create_file(&path("/file"), false).unwrap();
    assert!(outer.path().join("after/file").exists());
}

#[test]
fn a_root_must_be_an_existing_directory() {
    let outer = tempfile::tempdir().unwrap();
    std::fs::write(outer.path().join("file"), "").unwrap();
    let open = |name: &str| remofile::store::LocalStore::open(&outer.path().join(name), Default::default());
    assert_eq!(code(open("nothing")), Some(ErrorCode::NotFound));
    assert_eq!(code(open("file")), Some(ErrorCode::NotADirectory));
}

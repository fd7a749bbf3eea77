//! Files that are changed in place.

use super::support::{Tree, code, names_in, path};
use remofile::store::{Fsync, PosixStore, ReadStore, StoreOptions};
use remofile_protocol::path::NameRule;
use remofile_protocol::wire::ErrorCode;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

#[test]
fn bytes_are_written_where_they_belong_and_nothing_else_changes() {
    let tree = Tree::new();
    std::fs::write(tree.local("f"), "0123456789").unwrap();
    let inode = tree.local("f").metadata().unwrap().ino();
    let mut file = tree.store.edit(&path("/f"), false).unwrap();
    let (_, before) = file.look().unwrap();
    file.write_at(b"ab", 3).unwrap();
    file.write_at(b"z", 12).unwrap();
    let (entry, version) = file.finish().unwrap();
    assert_eq!(std::fs::read(tree.local("f")).unwrap(), b"012ab56789\0\0z");
    assert_eq!((entry.size, tree.local("f").metadata().unwrap().ino()), (13, inode));
    assert_ne!(version, before);
    assert_eq!(tree.store.open(&path("/f")).unwrap().version(), version);
}

#[test]
fn a_file_is_cut_and_made_longer() {
    let tree = Tree::new();
    std::fs::write(tree.local("f"), "0123456789").unwrap();
    let mut file = tree.store.edit(&path("/f"), false).unwrap();
    file.set_length(4).unwrap();
    file.set_length(6).unwrap();
    file.finish().unwrap();
    assert_eq!(std::fs::read(tree.local("f")).unwrap(), b"0123\0\0");
}

#[test]
fn a_missing_file_is_created_only_on_request() {
    let tree = Tree::with(StoreOptions { file_mode: Some(0o640), fsync: Fsync::Each, ..StoreOptions::default() });
    assert_eq!(code(tree.store.edit(&path("/new"), false)), Some(ErrorCode::NotFound));
    tree.store.edit(&path("/new"), true).unwrap().finish().unwrap();
    assert_eq!(tree.local("new").metadata().unwrap().permissions().mode() & 0o777, 0o640);
    std::fs::write(tree.local("new"), "kept").unwrap();
    tree.store.edit(&path("/new"), true).unwrap().finish().unwrap();
    assert_eq!(std::fs::read(tree.local("new")).unwrap(), b"kept");
    assert_eq!(code(tree.store.edit(&path("/no/such"), true)), Some(ErrorCode::NotFound));
    symlink("nowhere", tree.local("dangling")).unwrap();
    assert_eq!(code(tree.store.edit(&path("/dangling"), true)), Some(ErrorCode::NotFound));
}

#[test]
fn forbidden_names_and_read_only_stores_are_refused() {
    let portable = Tree::with(StoreOptions { names: NameRule::Portable, ..StoreOptions::default() });
    assert_eq!(code(portable.store.edit(&path("/a:b"), true)), Some(ErrorCode::InvalidName));
    assert_eq!(code(portable.store.edit(&path("/.remofile/x"), true)), Some(ErrorCode::InvalidName));
    let tree = Tree::new();
    std::fs::write(tree.local("f"), "x").unwrap();
    assert_eq!(code(tree.read_only().edit(&path("/f"), false)), Some(ErrorCode::ReadOnly));
}

#[test]
fn only_regular_files_are_changed_and_pipes_do_not_block() {
    let tree = Tree::new();
    std::fs::create_dir(tree.local("d")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(tree.local("pipe")).status().unwrap();
    assert!(made.success());
    for file in ["/", "/d", "/pipe"] {
        assert_eq!(code(tree.store.edit(&path(file), true)), Some(ErrorCode::NotAFile), "{file}");
    }
}

#[test]
fn links_are_followed_inside_the_root_and_never_out_of_it() {
    let (tree, outside) = (Tree::new(), tempfile::tempdir().unwrap());
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    std::fs::write(tree.local("f"), "inside").unwrap();
    symlink("f", tree.local("link")).unwrap();
    symlink(outside.path().join("secret"), tree.local("absolute")).unwrap();
    let climbing = format!("../{}", outside.path().file_name().unwrap().to_string_lossy());
    symlink(format!("{climbing}/secret"), tree.local("climbing")).unwrap();
    symlink(format!("{climbing}/new"), tree.local("dangling")).unwrap();
    symlink(&climbing, tree.local("d")).unwrap();
    let mut file = tree.store.edit(&path("/link"), false).unwrap();
    file.write_at(b"IN", 0).unwrap();
    file.finish().unwrap();
    assert_eq!(std::fs::read(tree.local("f")).unwrap(), b"INside");
    for file in ["/absolute", "/climbing", "/dangling", "/d/secret", "/d/new"] {
        assert_eq!(code(tree.store.edit(&path(file), true)), Some(ErrorCode::OutsideRoot), "{file}");
    }
    assert_eq!(names_in(outside.path()), ["secret"]);
    assert_eq!(std::fs::read(outside.path().join("secret")).unwrap(), b"secret");
}

#[test]
fn places_that_no_file_has_are_refused() {
    let tree = Tree::new();
    std::fs::write(tree.local("f"), "x").unwrap();
    let mut file = tree.store.edit(&path("/f"), false).unwrap();
    for offset in [u64::MAX, u64::MAX - 1, i64::MAX as u64] {
        assert_eq!(code(file.write_at(b"xy", offset)), Some(ErrorCode::FileTooLarge), "{offset}");
    }
    assert_eq!(code(file.set_length(u64::MAX)), Some(ErrorCode::FileTooLarge));
    assert_eq!(std::fs::read(tree.local("f")).unwrap(), b"x");
}

#![expect(clippy::disallowed_methods, reason = "tests make files, and look at them")]

use super::{MoveOptions, MoveState, Moving};
use crate::store::{LocalStore, Store, StoreOptions, faults};
use remofile_protocol::path::NameRule;
use remofile_protocol::wire::{ErrorCode, Failure};
use rustix::io::Errno;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// Begins to move `/source` to `/moved`, as if the two were on two file systems.
fn begin(root: &TempDir, replace: bool) -> Moving {
    let store: Arc<dyn Store> = Arc::new(LocalStore::open(root.path(), StoreOptions::default()).unwrap());
    let (source, destination) = ("/source".parse().unwrap(), "/moved".parse().unwrap());
    Moving::begin(&store, MoveOptions { source, destination, replace, permit: Arc::new(NameRule::Posix) }).unwrap()
}

fn work(moving: &mut Moving) -> Result<(), Failure> {
    while !moving.work(&|| true)? {}
    Ok(())
}

fn modified(path: &Path) -> (i64, i64) {
    let there = path.symlink_metadata().unwrap();
    (there.mtime(), there.mtime_nsec())
}

#[test]
fn everything_of_a_tree_is_at_its_new_path_and_nothing_at_the_former() {
    let root = tempfile::tempdir().unwrap();
    let [source, moved] = ["source", "moved"].map(|name| root.path().join(name));
    fs::create_dir_all(source.join("d/empty")).unwrap();
    fs::write(source.join("d/f"), "content").unwrap();
    fs::set_permissions(source.join("d/f"), PermissionsExt::from_mode(0o640)).unwrap();
    fs::hard_link(source.join("d/f"), source.join("other-name")).unwrap();
    symlink("/elsewhere", source.join("link")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, source.join("pipe"), rustix::fs::Mode::RUSR).unwrap();
    let times = ["d", "d/f", "link", ""].map(|name| modified(&source.join(name)));
    work(&mut begin(&root, false)).unwrap();
    assert!(source.symlink_metadata().is_err());
    assert_eq!(["d", "d/f", "link", ""].map(|name| modified(&moved.join(name))), times);
    let [one, other] = ["d/f", "other-name"].map(|name| fs::metadata(moved.join(name)).unwrap());
    assert_eq!((one.ino(), one.mode() & 0o777), (other.ino(), 0o640));
    assert_eq!(fs::read(moved.join("d/f")).unwrap(), b"content");
    assert_eq!(fs::read_link(moved.join("link")).unwrap(), Path::new("/elsewhere"));
    assert!(moved.join("d/empty").is_dir() && !moved.join("pipe").is_file() && moved.join("pipe").exists());
    let left: Vec<_> = root.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["moved"], "nothing is left of the copies");
}

#[test]
fn a_link_is_moved_as_what_it_is() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("target"), "content").unwrap();
    symlink("target", root.path().join("source")).unwrap();
    work(&mut begin(&root, false)).unwrap();
    assert!(root.path().join("source").symlink_metadata().is_err());
    assert_eq!(fs::read_link(root.path().join("moved")).unwrap(), Path::new("target"));
    assert_eq!(fs::read(root.path().join("target")).unwrap(), b"content");
}

#[test]
fn what_is_changed_after_it_was_copied_is_not_removed() {
    let root = tempfile::tempdir().unwrap();
    let source = root.path().join("source");
    fs::create_dir_all(source.join("d")).unwrap();
    fs::write(source.join("d/f"), "content").unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    fs::File::options().write(true).open(source.join("d/f")).unwrap().set_modified(time).unwrap();
    for change in ["d/f", "d/new"] {
        let mut moving = begin(&root, false);
        while !matches!(moving.state, MoveState::Copied) {
            assert!(!moving.work(&|| true).unwrap());
        }
        fs::write(source.join(change), "CONTENT").unwrap();
        let failure = work(&mut moving).unwrap_err();
        assert_eq!(
            (failure.code, failure.path.as_deref()),
            (ErrorCode::SourceChanged, Some(&*format!("/source/{change}")))
        );
        assert!(failure.detail.unwrap().contains("nothing of /source is removed"));
        assert_eq!(fs::read(source.join(change)).unwrap(), b"CONTENT");
        fs::remove_dir_all(root.path().join("moved")).unwrap();
    }
}

#[test]
fn nothing_is_removed_of_what_cannot_be_copied_whole() {
    let root = tempfile::tempdir().unwrap();
    let source = root.path().join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("a"), "content").unwrap();
    fs::write(source.join("no\nname"), "more").unwrap();
    let failure = work(&mut begin(&root, false)).unwrap_err();
    assert!(failure.detail.unwrap().contains("what was copied is in /moved"));
    assert_eq!(source.read_dir().unwrap().count(), 2);
}

#[test]
fn nothing_is_removed_of_what_does_not_get_to_the_disk() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("source"), "content").unwrap();
    faults::fail_next_flush(root.path(), Errno::IO);
    let failure = work(&mut begin(&root, false)).unwrap_err();
    assert_eq!((failure.code, failure.path.as_deref()), (ErrorCode::DiskFailure, Some("/moved")));
    assert!(root.path().join("source").exists());
}

#[test]
fn only_a_file_is_replaced_and_only_if_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    fs::write(path("source"), "new").unwrap();
    fs::write(path("moved"), "old").unwrap();
    assert_eq!(work(&mut begin(&root, false)).unwrap_err().code, ErrorCode::AlreadyExists);
    assert_eq!(fs::read(path("moved")).unwrap(), b"old");
    work(&mut begin(&root, true)).unwrap();
    assert_eq!((fs::read(path("moved")).unwrap(), path("source").exists()), (b"new".to_vec(), false));
    fs::remove_file(path("moved")).unwrap();
    [path("source"), path("moved")].iter().for_each(|path| fs::create_dir(path).unwrap());
    fs::write(path("source").join("f"), "new").unwrap();
    assert_eq!(work(&mut begin(&root, true)).unwrap_err().code, ErrorCode::AlreadyExists);
    assert!(path("source").join("f").exists() && path("moved").read_dir().unwrap().next().is_none());
}

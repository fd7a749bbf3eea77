//! Directories that are removed once nothing is in them, on file systems that keep a removed file there while it is open.

use super::*;
use crate::store::system_faults::{SystemCall, watch};

/// Fails if something is about to be removed when an open file was the last in its directory, which is next then.
fn look(call: &SystemCall) {
    if call.name != "unlinkat" {
        return;
    }
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    // A directory may go while it is open.
    let files = open.filter(|entry| std::fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file()));
    let targets = files.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let texts = targets.filter_map(|target| target.to_str().map(str::to_owned));
    for removed in texts.filter(|text| text.contains("open-while-removed") && text.ends_with(" (deleted)")) {
        let directory = Path::new(&removed).parent().unwrap();
        let is_empty = std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
        assert!(!is_empty, "{removed}");
    }
}

#[test]
fn what_was_removed_is_not_open_any_more_when_its_directory_is_removed() {
    let root = tempfile::Builder::new().prefix("open-while-removed").tempdir().unwrap();
    let store = open(root.path(), Fsync::End);
    let ((), calls) = watch(look, || {
        touch(root.path(), &store, "/a");
        store.sync(store.flush_mark()).unwrap();
        assert!(!root.path().join(".remofile").exists(), "the record");
        drop(stage(&store, "/large", &plan(LARGE)).unwrap());
        assert!(!root.path().join(".remofile").exists(), "a partial that nothing was written of");
        write(&store, "/small").unwrap();
        write(&store, "/small").unwrap();
        store.sync(store.flush_mark()).unwrap();
    });
    assert!(calls.iter().any(|call| call.name == "unlinkat"));
    assert!(!root.path().join(".remofile").exists());
}

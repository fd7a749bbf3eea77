//! Stores that can do less than a file system: it is known before anything is changed.

use crate::any_store::served::Served;
use crate::common::{remote, write};
use remofile::protocol::wire::{ErrorCode, Failure, Links, Selection, SendOptions};
use remofile::store::{Capabilities, Capability, MemoryOptions, MemoryStore, PosixStore, ReadStore, WriteStore};
use remofile::{Error, OpenOptions, Result, Silent, SyncOptions, SyncReport, TransferOptions, synchronize_upload};
use std::sync::Arc;

fn memory_without(lacking: &[Capability]) -> MemoryStore {
    let capabilities = lacking.iter().fold(Capabilities::ALL, |all, capability| all.without(*capability));
    MemoryStore::with(MemoryOptions { capabilities, ..MemoryOptions::default() })
}

struct Scene {
    store: MemoryStore,
    served: Served,
    source: tempfile::TempDir,
}

impl Scene {
    fn without(lacking: &[Capability]) -> Self {
        let store = memory_without(lacking);
        let served = Served::of(Arc::new(store.clone()));
        Self { store, served, source: tempfile::tempdir().unwrap() }
    }

    fn sync(&self, options: &SyncOptions) -> Result<SyncReport> {
        synchronize_upload(&mut self.served.client(), self.source.path(), &remote("/"), options, &mut Silent)
    }

    fn is_empty(&self) -> bool {
        self.store.walk(&remote("/"), true).unwrap().next().is_none()
    }
}

fn copied_links() -> Selection {
    Selection { links: Links::Copy, ..Selection::default() }
}

fn with_modes() -> SendOptions {
    SendOptions { preserve_mode: true, ..SendOptions::default() }
}

fn is_unsupported<T>(result: Result<T>) -> bool {
    matches!(result, Err(Error::Remote(failure)) if failure.code == ErrorCode::Unsupported)
}

#[test]
fn what_a_sync_asks_for_and_the_store_lacks_is_refused_before_anything_is_changed() {
    for (lacking, options) in [
        (Capability::Links, SyncOptions { selection: copied_links(), ..SyncOptions::default() }),
        (Capability::Modes, SyncOptions { send: with_modes(), ..SyncOptions::default() }),
        (Capability::Backups, SyncOptions { backup: Some("/old".to_owned()), ..SyncOptions::default() }),
    ] {
        let scene = Scene::without(&[lacking]);
        write(scene.source.path(), "file", "x");
        assert!(is_unsupported(scene.sync(&options)), "{lacking:?}");
        assert!(scene.is_empty(), "{lacking:?}");
        scene.sync(&SyncOptions::default()).unwrap();
        assert!(!scene.is_empty());
        let scene = Scene::without(&[]);
        write(scene.source.path(), "file", "x");
        scene.sync(&options).unwrap();
    }
}

#[test]
fn what_an_upload_asks_for_and_the_store_lacks_is_refused_before_anything_is_changed() {
    for (lacking, options) in [
        (Capability::Links, TransferOptions { selection: copied_links(), ..TransferOptions::default() }),
        (Capability::Modes, TransferOptions { send: with_modes(), ..TransferOptions::default() }),
    ] {
        let scene = Scene::without(&[lacking]);
        let file = write(scene.source.path(), "file", "x");
        let uploaded = scene.served.client().upload(&[file], &remote("/"), &options, &mut Silent);
        assert!(is_unsupported(uploaded), "{lacking:?}");
        assert!(scene.is_empty());
    }
}

#[test]
fn links_that_cannot_be_kept_are_told_one_by_one_and_the_rest_is_done() {
    let kept = || Selection { links: Links::Keep, ..Selection::default() };
    let scene = Scene::without(&[Capability::Links]);
    let tree = scene.source.path().join("tree");
    write(&tree, "in/file", "x");
    std::os::unix::fs::symlink("file", tree.join("in/link")).unwrap();
    std::os::unix::fs::symlink("/nowhere", tree.join("out")).unwrap();
    let failed = |failures: &[Failure]| -> Vec<_> {
        let name = |path: &String| path.rsplit('/').next().unwrap().to_owned();
        failures.iter().map(|failure| (failure.code, failure.path.as_ref().map(name))).collect()
    };
    let links = ["link", "out"].map(|name| (ErrorCode::Unsupported, Some(name.to_owned())));
    let upload = |dry_run| {
        let options = TransferOptions { recursive: true, selection: kept(), dry_run, ..TransferOptions::default() };
        scene.served.client().upload(std::slice::from_ref(&tree), &remote("/"), &options, &mut Silent).unwrap()
    };
    assert_eq!(failed(&upload(true).failures), links);
    assert!(scene.is_empty());
    let report = upload(false);
    assert_eq!((report.files, failed(&report.failures)), (1, links.to_vec()));
    write(&tree, "new", "x");
    scene.store.create_file(&remote("/tree/stale"), false).unwrap();
    let report = scene.sync(&SyncOptions { selection: kept(), delete: true, ..SyncOptions::default() }).unwrap();
    assert_eq!((report.transfer.files, failed(&report.transfer.failures)), (1, links.to_vec()));
    assert!(scene.store.stat(&remote("/tree/new")).is_ok() && scene.store.stat(&remote("/tree/stale")).is_err());
}

#[test]
fn without_times_contents_tell_what_is_the_same() {
    let scene = Scene::without(&[Capability::Times]);
    write(scene.source.path(), "same", vec![1; 200_000]);
    write(scene.source.path(), "changes", "old");
    scene.sync(&SyncOptions::default()).unwrap();
    let again = scene.sync(&SyncOptions::default()).unwrap();
    assert_eq!((again.plan.unchanged.files, again.plan.steps.len()), (2, 0));
    write(scene.source.path(), "changes", "new");
    let changed = scene.sync(&SyncOptions::default()).unwrap();
    assert_eq!((changed.plan.unchanged.files, changed.transfer.files), (1, 1));
    assert_eq!(changed.transfer.failures, []);
}

#[test]
fn without_times_a_sync_leaves_what_arrived_after_its_source_was_changed() {
    let scene = Scene::without(&[Capability::Times]);
    let update = SyncOptions { update: true, ..SyncOptions::default() };
    let path = write(scene.source.path(), "file", "old");
    let set = |seconds| std::fs::File::open(&path).unwrap().set_modified(seconds).unwrap();
    set(std::time::UNIX_EPOCH);
    assert_eq!(scene.sync(&update).unwrap().transfer.files, 1);
    write(scene.source.path(), "file", "other");
    set(std::time::UNIX_EPOCH);
    assert_eq!(scene.sync(&update).unwrap().transfer.files, 0, "it is newer at the destination");
    set(std::time::SystemTime::now() + std::time::Duration::from_secs(3600));
    assert_eq!(scene.sync(&update).unwrap().transfer.files, 1);
}

#[test]
fn without_renames_what_moved_is_sent_and_deleted() {
    let scene = Scene::without(&[Capability::Renames]);
    let options = SyncOptions { delete: true, ..SyncOptions::default() };
    write(scene.source.path(), "old", vec![1; 1000]);
    write(scene.source.path(), "directory/file", "x");
    scene.sync(&options).unwrap();
    std::fs::rename(scene.source.path().join("old"), scene.source.path().join("new")).unwrap();
    let moved = scene.sync(&options).unwrap();
    assert_eq!((moved.transfer.files, moved.transfer.failures), (1, vec![]));
    assert!(scene.store.stat(&remote("/new")).is_ok() && scene.store.stat(&remote("/old")).is_err());
    std::fs::remove_dir_all(scene.source.path().join("directory")).unwrap();
    write(scene.source.path(), "directory", "now a file");
    let blocked = scene.sync(&options).unwrap();
    assert_eq!(blocked.transfer.failures.len(), 1, "it cannot be put beside and moved: it is told, and nothing breaks");
    assert!(scene.store.stat(&remote("/directory/file")).is_ok());
}

#[test]
fn what_cannot_be_replaced_is_told_and_the_rest_is_done() {
    let scene = Scene::without(&[Capability::Replacing]);
    write(scene.source.path(), "there", "old");
    scene.sync(&SyncOptions::default()).unwrap();
    write(scene.source.path(), "there", "newer");
    write(scene.source.path(), "fresh", "x");
    let report = scene.sync(&SyncOptions::default()).unwrap();
    let codes: Vec<_> = report.transfer.failures.iter().map(|failure| failure.code).collect();
    assert_eq!((report.transfer.files, codes), (1, vec![ErrorCode::Unsupported]));
    assert_eq!(scene.store.stat(&remote("/there")).unwrap().size, 3);
}

#[test]
fn a_server_answers_who_asks_all_the_same() {
    let scene = Scene::without(&[Capability::Renames, Capability::Edits]);
    scene.store.create_file(&remote("/file"), false).unwrap();
    let mut client = scene.served.client();
    assert!(is_unsupported(client.rename(&remote("/file"), &remote("/other"), false)));
    assert!(is_unsupported(client.open(&remote("/file"), OpenOptions::new().write(true)).map(drop)));
    assert!(scene.store.make_link(&remote("/link"), "file", false).is_ok());
}

#![expect(clippy::disallowed_methods, reason = "tests look at the disk themselves")]

use crate::store::faults::{fail_next_flush, fail_next_flush_of_content, flushes, gate};
use crate::store::{
    DurableStore, FlushMark, Fsync, LocalStore, PosixStore, ReadStore, ResumeAt, ResumeStore, StagePlan, Staged,
    StoreOptions, StoreResult, WriteStore,
};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Timestamp};
use rustix::io::Errno;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

mod carried;
#[cfg(target_os = "linux")]
mod removed;

const LARGE: u64 = 1 << 20;

fn open(root: &Path, fsync: Fsync) -> LocalStore {
    LocalStore::open(root, StoreOptions { fsync, ..StoreOptions::default() }).unwrap()
}

fn new() -> (TempDir, LocalStore) {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), Fsync::End);
    (root, store)
}

fn path(text: &str) -> RemotePath {
    text.parse().unwrap()
}

fn plan(size: u64) -> StagePlan {
    StagePlan { size: Some(size), replace: true, modified: Some(Timestamp::new(5, 7)), ..StagePlan::default() }
}

fn stage(store: &LocalStore, text: &str, plan: &StagePlan) -> StoreResult<Box<dyn Staged>> {
    let (directory, name) = path(text).split().unwrap();
    let mut staged = store.directory(&directory)?.stage(&name, plan)?;
    staged.write(b"x")?;
    Ok(staged)
}

fn write(store: &LocalStore, text: &str) -> StoreResult<()> {
    stage(store, text, &plan(1))?.commit()
}

/// Gives a file that another program wrote the time of its source, before it is flushed, as a store does that cannot tell
/// the clock of its file system.
fn touch(root: &Path, store: &LocalStore, text: &str) {
    std::fs::write(root.join(&text[1..]), "x").unwrap();
    store.shared.expect_doubt();
    let stat = rustix::fs::stat(root.join(&text[1..])).unwrap();
    let set = |is_recorded: bool| {
        let file = std::fs::File::options().write(true).open(root.join(&text[1..])).unwrap();
        if !is_recorded {
            file.sync_all().unwrap();
        }
        file.set_modified(std::time::UNIX_EPOCH + Duration::new(5, 7)).unwrap();
        Ok(())
    };
    store.shared.carrying_doubt(&stat, set).unwrap();
}

fn read(root: &Path, name: &str) -> String {
    std::fs::read_to_string(root.join(name)).unwrap()
}

fn is_unflushed(store: &LocalStore, text: &str) -> bool {
    store.stat(&path(text)).unwrap().unflushed
}

fn lose(root: &Path, store: &LocalStore, text: &str) {
    write(store, text).unwrap();
    fail_next_flush(root, Errno::IO);
    assert_eq!(code(store.sync(store.flush_mark())), Some(ErrorCode::DiskFailure));
    assert!(is_unflushed(store, text));
}

fn code<T>(result: StoreResult<T>) -> Option<ErrorCode> {
    result.err().map(|failure| failure.code)
}

fn ledger(root: &Path) -> std::path::PathBuf {
    root.join(".remofile/unflushed")
}

/// Waits until the clock of the file system shows another time.
fn tick(root: &Path) {
    use std::os::unix::fs::MetadataExt;
    let now = || {
        std::fs::write(root.join(".clock"), "").unwrap();
        let metadata = root.join(".clock").metadata().unwrap();
        (metadata.ctime(), metadata.ctime_nsec())
    };
    let before = now();
    while now() == before {}
    std::fs::remove_file(root.join(".clock")).unwrap();
}

#[test]
fn a_file_that_got_only_its_time_is_unflushed_until_a_flush_succeeds_and_nothing_is_left_then() {
    let (root, store) = new();
    touch(root.path(), &store, "/a");
    assert!(is_unflushed(&store, "/a") && store.is_unflushed());
    assert!(is_unflushed(&open(root.path(), Fsync::None), "/a"), "to other processes, too");
    store.sync(store.flush_mark()).unwrap();
    assert!(!is_unflushed(&store, "/a") && !store.is_unflushed());
    assert!(!root.path().join(".remofile").exists());
}

#[test]
fn what_is_written_is_on_the_disk_before_it_is_visible_and_only_its_name_waits_for_the_end() {
    let (root, store) = new();
    write(&store, "/a").unwrap();
    assert!(!is_unflushed(&store, "/a") && !is_unflushed(&open(root.path(), Fsync::None), "/a"));
    assert!(store.is_unflushed(), "its name is to be flushed still");
    assert!(!root.path().join(".remofile").exists());
    store.sync(store.flush_mark()).unwrap();
    assert!(!store.is_unflushed());
}

#[test]
fn a_file_whose_content_does_not_reach_the_disk_replaces_nothing() {
    for count in [1, 3] {
        let (root, store) = new();
        let names: Vec<_> = (0..count).map(|number| format!("/f{number}")).collect();
        for name in &names {
            std::fs::write(root.path().join(&name[1..]), "old").unwrap();
        }
        let mut staged: Vec<_> = names.iter().map(|name| stage(&store, name, &plan(1)).unwrap()).collect();
        assert!(staged.iter_mut().all(|staged| staged.end_writing().unwrap()), "they may share a flush");
        fail_next_flush_of_content(root.path(), Errno::IO);
        if count > 1 {
            assert_eq!(code(store.flush_staged()), Some(ErrorCode::DiskFailure));
        }
        for staged in staged {
            assert_eq!(code(staged.commit()), Some(ErrorCode::DiskFailure));
        }
        for name in &names {
            assert_eq!(read(root.path(), &name[1..]), "old");
        }
    }
}

#[test]
fn files_that_share_a_flush_need_no_other_before_they_are_visible() {
    let (root, store) = new();
    drop(gate(root.path()));
    let mut first: Vec<_> = (0..3).map(|number| stage(&store, &format!("/f{number}"), &plan(1)).unwrap()).collect();
    first.iter_mut().for_each(|staged| assert!(staged.end_writing().unwrap()));
    let late = stage(&store, "/late", &plan(1)).unwrap();
    store.flush_staged().unwrap();
    first.into_iter().for_each(|staged| staged.commit().unwrap());
    assert_eq!(flushes(root.path()), 1);
    late.commit().unwrap();
    assert_eq!(flushes(root.path()), 2, "what was written on after the flush began needs one of its own");
    assert!(!open(root.path(), Fsync::None).stat(&path("/f0")).unwrap().unflushed);
    let mut each = stage(&open(root.path(), Fsync::Each), "/each", &plan(1)).unwrap();
    assert!(!each.end_writing().unwrap(), "each file is flushed alone if that was asked for");
}

#[test]
fn those_who_ask_during_a_flush_share_the_next() {
    let (root, store) = new();
    let gate = gate(root.path());
    let held = gate.lock().unwrap();
    std::thread::scope(|scope| {
        let flush = || store.sync(store.flush_mark()).unwrap();
        scope.spawn(flush);
        while flushes(root.path()) < 1 {
            std::thread::yield_now();
        }
        let tickets = store.shared.ledger.ticket();
        (0..8).for_each(|_| drop(scope.spawn(flush)));
        drop(held);
        while !store.shared.ledger.has_flushed(tickets) {
            std::thread::yield_now();
        }
    });
    assert!(flushes(root.path()) <= 9);
}

#[test]
fn a_store_begins_with_a_flush_since_a_process_that_was_killed_may_have_left_names() {
    let roots = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (root, (fsync, expected)) in roots.iter().zip([(Fsync::End, 1), (Fsync::Each, 1), (Fsync::None, 0)]) {
        drop(gate(root.path()));
        let store = open(root.path(), fsync);
        store.expire_partials(Duration::from_secs(60)).unwrap();
        store.expire_partials(Duration::from_secs(60)).unwrap();
        assert_eq!(flushes(root.path()), expected, "{fsync:?}");
    }
}

#[test]
fn after_a_flush_that_failed_only_what_was_not_flushed_is_in_doubt_until_it_is_written_again() {
    let (root, store) = new();
    write(&store, "/before").unwrap();
    store.sync(store.flush_mark()).unwrap();
    tick(root.path());
    lose(root.path(), &store, "/a");
    tick(root.path());
    write(&store, "/after").unwrap();
    store.sync(store.flush_mark()).unwrap();
    for store in [store, open(root.path(), Fsync::End), open(root.path(), Fsync::None)] {
        assert!(!is_unflushed(&store, "/before") && is_unflushed(&store, "/a") && !is_unflushed(&store, "/after"));
        assert!(store.has_doubt().unwrap());
        store.expire_partials(Duration::ZERO).unwrap();
        assert!(is_unflushed(&store, "/a"), "no expiry ends it");
    }
    let store = open(root.path(), Fsync::End);
    write(&store, "/a").unwrap();
    store.sync(store.flush_mark()).unwrap();
    assert!(!is_unflushed(&store, "/a"));
}

#[test]
fn a_change_of_another_kind_does_not_end_the_doubt() {
    let (root, store) = new();
    lose(root.path(), &store, "/a");
    let settle = || {
        store.sync(store.flush_mark()).unwrap();
        tick(root.path());
    };
    tick(root.path());
    store.rename(&path("/a"), &path("/b"), false).unwrap();
    settle();
    assert!(is_unflushed(&store, "/b"));
    store.set_mode(&path("/b"), 0o600).unwrap();
    settle();
    assert!(is_unflushed(&store, "/b"));
    store.set_modified(&path("/b"), Timestamp::new(9, 9)).unwrap();
    settle();
    assert!(is_unflushed(&store, "/b"));
    store.prepare_backup(&path("/b"), &path("/kept/b")).unwrap().commit().unwrap();
    settle();
    assert!(is_unflushed(&store, "/b") && is_unflushed(&store, "/kept/b"));
    write(&store, "/fine").unwrap();
    settle();
    store.rename(&path("/fine"), &path("/moved"), false).unwrap();
    assert!(!is_unflushed(&store, "/moved"));
}

#[test]
fn what_is_changed_otherwise_before_its_flush_is_in_doubt_only_if_that_fails() {
    for fails in [false, true] {
        let (root, store) = new();
        write(&store, "/old").unwrap();
        store.sync(store.flush_mark()).unwrap();
        for name in ["/mode", "/name", "/kept"] {
            write(&store, name).unwrap();
        }
        tick(root.path());
        store.set_mode(&path("/mode"), 0o600).unwrap();
        store.rename(&path("/name"), &path("/other"), false).unwrap();
        for name in ["/kept", "/old"] {
            store.prepare_backup(&path(name), &path(&format!("/before{name}"))).unwrap().commit().unwrap();
            write(&store, name).unwrap();
        }
        assert!(!ledger(root.path()).join("ranges").exists(), "taken for lost");
        if fails {
            fail_next_flush(root.path(), Errno::IO);
        }
        assert_eq!(store.sync(store.flush_mark()).is_err(), fails);
        for name in ["/mode", "/other", "/kept", "/old", "/before/kept", "/before/old"] {
            // That another name of it is gone is a change, too.
            assert_eq!(is_unflushed(&store, name), fails, "{name}");
        }
        assert_eq!(root.path().join(".remofile").exists(), fails);
    }
}

#[test]
fn what_is_being_written_while_a_flush_fails_does_not_become_visible() {
    let (root, store) = new();
    let begun = store.flush_mark();
    let staged = [stage(&store, "/small", &plan(1)).unwrap(), stage(&store, "/large", &plan(LARGE)).unwrap()];
    let mut edited = {
        write(&store, "/edited").unwrap();
        store.edit(&path("/edited"), false).unwrap()
    };
    edited.write_at(b"y", 0).unwrap();
    lose(root.path(), &store, "/a");
    for staged in staged {
        assert_eq!(code(staged.commit()), Some(ErrorCode::DiskFailure));
    }
    assert_eq!(code(edited.finish()), Some(ErrorCode::DiskFailure));
    assert!(is_unflushed(&store, "/edited"));
    assert!(store.stat(&path("/small")).is_err() && store.stat(&path("/large")).is_err());
    assert_eq!(code(store.sync(begun)), Some(ErrorCode::DiskFailure), "an operation that began before has lost files");
    assert_eq!(code(store.sync(store.flush_mark())), None, "one that begins after has not");
}

#[test]
fn what_was_kept_of_a_file_before_a_flush_failed_is_not_gone_on_with() {
    let (root, store) = new();
    stage(&store, "/old", &plan(LARGE)).unwrap().retain_partial();
    let version = store.partials().unwrap()[0].version;
    let torn = stage(&store, "/torn", &plan(LARGE)).unwrap();
    lose(root.path(), &store, "/a");
    torn.retain_partial();
    assert_eq!(store.partials().unwrap().len(), 1, "what was on its way is forgotten, what was kept is told");
    assert_eq!(code(store.read_partial(&path("/old"))), Some(ErrorCode::NotFound));
    let resume = Some(ResumeAt { offset: 1, version });
    assert_eq!(code(stage(&store, "/old", &StagePlan { resume, ..plan(LARGE) })), Some(ErrorCode::PartialChanged));
    tick(root.path());
    stage(&store, "/old", &plan(LARGE)).unwrap().retain_partial();
    assert!(store.read_partial(&path("/old")).is_ok(), "what was begun anew is");
}

#[test]
fn what_a_process_left_that_is_gone_is_flushed_in_the_same_boot_and_in_doubt_after_another() {
    for is_of_this_boot in [true, false] {
        let (root, store) = new();
        touch(root.path(), &store, "/a");
        drop(store);
        let records = || std::fs::read_dir(ledger(root.path())).map_or(0, Iterator::count);
        assert_eq!(records(), 1);
        if !is_of_this_boot {
            carried::forget_boot(root.path());
        }
        let store = open(root.path(), Fsync::None);
        assert!(is_unflushed(&store, "/a"));
        store.expire_partials(Duration::from_secs(60)).unwrap();
        assert_eq!(is_unflushed(&store, "/a"), !is_of_this_boot);
        assert_eq!(root.path().join(".remofile").exists(), !is_of_this_boot);
        let kept = stage(&store, "/kept", &plan(LARGE)).unwrap();
        kept.retain_partial();
        assert!(store.read_partial(&path("/kept")).is_ok());
    }
}

#[test]
fn a_flush_that_fails_for_what_a_process_left_puts_it_in_doubt() {
    let (root, store) = new();
    touch(root.path(), &store, "/a");
    drop(store);
    let store = open(root.path(), Fsync::End);
    fail_next_flush_of_content(root.path(), Errno::IO);
    store.expire_partials(Duration::from_secs(60)).unwrap();
    assert!(is_unflushed(&store, "/a"));
    store.expire_partials(Duration::from_secs(60)).unwrap();
    assert!(is_unflushed(&store, "/a"), "and no later flush helps");
}

#[test]
fn of_a_ledger_that_makes_no_sense_everything_until_then_is_in_doubt() {
    let (root, store) = new();
    write(&store, "/a").unwrap();
    store.sync(store.flush_mark()).unwrap();
    std::fs::create_dir_all(ledger(root.path())).unwrap();
    tick(root.path());
    std::fs::write(ledger(root.path()).join("ranges"), b"nonsense").unwrap();
    tick(root.path());
    assert!(is_unflushed(&store, "/a"));
    write(&store, "/b").unwrap();
    store.sync(store.flush_mark()).unwrap();
    assert!(!is_unflushed(&store, "/b") && is_unflushed(&store, "/a"));
    std::fs::write(ledger(root.path()).join("0123456789abcdef0123456789abcdef.record"), b"nonsense").unwrap();
    write(&store, "/c").unwrap();
    store.sync(store.flush_mark()).unwrap();
    assert!(is_unflushed(&store, "/c"), "of a record, too, from then on");
    tick(root.path());
    store.expire_partials(Duration::from_secs(60)).unwrap();
    tick(root.path());
    write(&store, "/d").unwrap();
    store.sync(store.flush_mark()).unwrap();
    assert!(is_unflushed(&store, "/c") && !is_unflushed(&store, "/d"));
}

#[test]
fn where_there_can_be_no_record_files_are_flushed_before_they_get_their_time() {
    use std::os::unix::fs::PermissionsExt;
    let (root, store) = new();
    // Others might write to it.
    std::fs::create_dir(root.path().join(".remofile")).unwrap();
    std::fs::set_permissions(root.path().join(".remofile"), std::fs::Permissions::from_mode(0o777)).unwrap();
    touch(root.path(), &store, "/a");
    assert!(!is_unflushed(&store, "/a") && !store.is_unflushed());
    assert_eq!(std::fs::read_dir(root.path().join(".remofile")).unwrap().count(), 0);
    fail_next_flush_of_content(root.path(), Errno::IO);
    assert_eq!(code(write(&store, "/b")), Some(ErrorCode::DiskFailure));
    assert!(store.stat(&path("/b")).is_err() && !is_unflushed(&store, "/a"));
}

#[test]
fn a_link_beside_the_ledger_leads_nobody_out_of_the_root() {
    let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(root.path(), Fsync::End);
    std::os::unix::fs::symlink(elsewhere.path(), root.path().join(".remofile")).unwrap();
    write(&store, "/a").unwrap();
    store.sync(store.flush_mark()).unwrap();
    std::fs::remove_file(root.path().join(".remofile")).unwrap();
    std::fs::create_dir(root.path().join(".remofile")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), ledger(root.path())).unwrap();
    write(&store, "/b").unwrap();
    store.sync(store.flush_mark()).unwrap();
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    assert_eq!(store.flush_mark(), FlushMark::default());
}

/// Checks nothing as root, who may read the directory all the same.
#[test]
fn a_staging_directory_of_another_user_keeps_nobody_out_of_the_root() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("f"), "x").unwrap();
    let staging = root.path().join(".remofile");
    std::fs::create_dir_all(staging.join("unflushed")).unwrap();
    std::fs::write(staging.join("unflushed/theirs"), "").unwrap();
    for closed in [staging.join("unflushed"), staging] {
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
        for fsync in [Fsync::None, Fsync::End, Fsync::Each] {
            let store = open(root.path(), fsync);
            assert!(!is_unflushed(&store, "/f"));
            assert!(store.walk(&path("/"), true).unwrap().next().is_some());
            store.set_mode(&path("/f"), 0o600).unwrap();
            write(&store, "/g").unwrap();
            store.sync(store.flush_mark()).unwrap();
        }
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn every_change_of_a_single_file_is_on_the_disk_at_once_under_each_and_told_if_it_is_not() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), Fsync::Each);
    write(&store, "/f").unwrap();
    let edit = || {
        let mut edited = store.edit(&path("/f"), false)?;
        edited.write_at(b"y", 0)?;
        edited.finish().map(drop)
    };
    let changes: [(&str, &dyn Fn() -> StoreResult<()>); 4] = [
        ("file -u", &|| store.create_file(&path("/f"), true)),
        ("touch", &|| store.set_modified(&path("/f"), Timestamp::new(9, 0))),
        ("mode", &|| store.set_mode(&path("/f"), 0o640)),
        ("edit", &edit),
    ];
    for (what, change) in changes {
        fail_next_flush(&root.path().join("f"), Errno::IO);
        assert_eq!(code(change()), Some(ErrorCode::DiskFailure), "{what}");
        assert!(is_unflushed(&store, "/f"), "{what}");
        write(&store, "/f").unwrap();
        assert_eq!(code(change()), None, "{what}");
    }
    let changes: [(&str, &dyn Fn() -> StoreResult<()>); 4] = [
        ("file", &|| store.create_file(&path("/g"), false)),
        ("directory", &|| store.make_directory(&path("/d"), false, false).map(drop)),
        ("move", &|| store.rename(&path("/g"), &path("/h"), false)),
        ("remove", &|| store.remove(&path("/h")).map(drop)),
    ];
    for (what, change) in changes {
        fail_next_flush(root.path(), Errno::IO);
        assert_eq!(code(change()), Some(ErrorCode::DiskFailure), "{what}");
    }
}

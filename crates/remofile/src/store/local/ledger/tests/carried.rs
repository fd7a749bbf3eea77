//! Doubt that must not arise, and of which cause it is.

use super::*;

/// Waits until the clock shows that what was changed so far is surely older than a flush that begins now.
fn age(root: &Path) {
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(100) {
        tick(root);
    }
}

fn records(root: &Path) -> usize {
    std::fs::read_dir(ledger(root)).map_or(0, Iterator::count)
}

#[test]
fn a_time_that_is_set_of_a_file_on_the_disk_needs_no_record_so_that_what_moves_meanwhile_is_not_in_doubt() {
    let (root, store) = new();
    for name in ["old", "moved", "new"] {
        std::fs::write(root.path().join(name), "x").unwrap();
    }
    age(root.path());
    store.sync(store.flush_mark()).unwrap();
    drop(gate(root.path()));
    store.set_modified(&path("/old"), Timestamp::new(5, 7)).unwrap();
    store.rename(&path("/moved"), &path("/elsewhere"), false).unwrap();
    assert_eq!((records(root.path()), flushes(root.path())), (0, 0));
    // One flush for all that were written since the last.
    for name in ["a", "b", "c"] {
        std::fs::write(root.path().join(name), "y").unwrap();
    }
    age(root.path());
    for name in ["/a", "/b", "/c", "/elsewhere"] {
        store.set_modified(&path(name), Timestamp::new(5, 7)).unwrap();
    }
    assert_eq!((records(root.path()), flushes(root.path())), (0, 1));
    for name in ["/old", "/elsewhere", "/a", "/b", "/c"] {
        assert!(!is_unflushed(&store, name), "{name}");
        assert!(!is_unflushed(&open(root.path(), Fsync::None), name), "{name}, to other processes");
    }
}

#[test]
fn a_file_whose_content_cannot_be_flushed_does_not_get_its_time() {
    let (root, store) = new();
    store.sync(store.flush_mark()).unwrap();
    std::fs::write(root.path().join("a"), "x").unwrap();
    let before = store.stat(&path("/a")).unwrap().modified;
    fail_next_flush_of_content(root.path(), Errno::IO);
    assert_eq!(code(store.set_modified(&path("/a"), Timestamp::new(5, 7))), Some(ErrorCode::DiskFailure));
    assert_eq!(store.stat(&path("/a")).unwrap().modified, before);
}

#[test]
fn a_partial_that_the_system_left_when_it_went_down_is_gone_on_with_while_other_doubt_is_carried() {
    let (root, store) = new();
    stage(&store, "/large", &plan(LARGE)).unwrap().retain_partial();
    touch(root.path(), &store, "/a");
    drop(store);
    forget_boot(root.path());
    let store = open(root.path(), Fsync::End);
    store.expire_partials(Duration::from_secs(60)).unwrap();
    let version = store.partials().unwrap()[0].version;
    assert!(store.read_partial(&path("/large")).is_ok());
    store.rename(&path("/a"), &path("/b"), false).unwrap();
    store.prepare_backup(&path("/b"), &path("/kept/b")).unwrap().commit().unwrap();
    assert!(is_unflushed(&store, "/b") && is_unflushed(&store, "/kept/b"));
    let resume = Some(ResumeAt { offset: 1, version });
    assert!(stage(&store, "/large", &StagePlan { resume, ..plan(LARGE) }).is_ok());
}

/// Makes the one record that of an earlier boot.
pub(super) fn forget_boot(root: &Path) {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let name = std::fs::read_dir(ledger(root)).unwrap().next().unwrap().unwrap().path();
    let content = std::fs::read(&name).unwrap();
    let at = content.windows(boot.trim().len()).position(|part| part == boot.trim().as_bytes()).unwrap();
    let file = std::fs::File::options().write(true).open(&name).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"!", at as u64).unwrap();
}

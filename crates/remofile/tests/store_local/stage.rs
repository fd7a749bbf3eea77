//! Staged files: invisible until they are whole, and gone when they are given up.

use super::support::{LARGE, Tree, code, create, name, names_in, path, replace};
use remofile::store::{DurableStore, Fsync, LocalStore, ReadStore, ResumeStore, StagePlan, StoreOptions, WriteStore};
use remofile_protocol::path::NameRule;
use remofile_protocol::wire::{ErrorCode, Timestamp};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::Barrier;
use std::time::Duration;

/// Plans that are staged in different ways: unnamed, as a partial, of unknown size.
fn every_way() -> [StagePlan; 3] {
    [create(1), create(LARGE), StagePlan { size: None, ..create(0) }]
}

#[test]
fn a_file_is_invisible_until_it_is_committed() {
    for plan in every_way() {
        let tree = Tree::new();
        let mut staged = tree.stage("/file", plan).unwrap();
        staged.write(b"one ").unwrap();
        assert!(tree.list("/").is_empty());
        staged.write(b"two").unwrap();
        staged.commit().unwrap();
        assert_eq!(tree.read("/file").unwrap(), b"one two");
        assert_eq!(names_in(tree.root.path()), ["file"], "the staging directory is gone");
    }
}

#[test]
fn a_file_that_is_dropped_leaves_nothing() {
    for plan in every_way() {
        let tree = Tree::new();
        let mut staged = tree.stage("/file", plan).unwrap();
        staged.write(b"half").unwrap();
        drop(staged);
        assert!(names_in(tree.root.path()).is_empty());
    }
}

#[test]
fn a_partial_that_is_kept_stays_until_it_expires_or_is_tried_again() {
    let tree = Tree::new();
    let mut staged = tree.stage("/file", create(LARGE)).unwrap();
    staged.write(b"half of it").unwrap();
    staged.retain_partial();
    let kept = names_in(&tree.local(".remofile"));
    let [info, partial] = &kept[..] else { panic!("the bytes and whose they are: {kept:?}") };
    assert_eq!(info.strip_suffix(".info"), partial.strip_suffix(".partial"));
    assert_eq!(std::fs::read(tree.local(".remofile").join(partial)).unwrap(), b"half of it");
    assert_eq!(tree.local(".remofile").metadata().unwrap().mode() & 0o777, 0o700);

    let again = tree.stage("/file", create(LARGE)).unwrap();
    assert_eq!(names_in(&tree.local(".remofile")), kept, "the same upload finds the same partial");
    again.retain_partial();

    assert_eq!(tree.store.expire_partials(Duration::from_secs(3600)).unwrap(), 0);
    assert_eq!(tree.store.expire_partials(Duration::ZERO).unwrap(), 1);
    assert!(names_in(tree.root.path()).is_empty());
}

#[test]
fn a_file_that_is_small_or_of_no_known_version_is_not_worth_keeping() {
    let tree = Tree::new();
    let of_no_version = [StagePlan { size: None, ..create(LARGE) }, StagePlan { modified: None, ..create(LARGE) }];
    for plan in [create(1)].into_iter().chain(of_no_version) {
        tree.stage("/file", plan).unwrap().retain_partial();
        assert!(names_in(tree.root.path()).is_empty());
    }
}

#[test]
fn a_partial_in_use_does_not_expire() {
    let tree = Tree::new();
    let other = LocalStore::open(tree.root.path(), StoreOptions::default()).unwrap();
    let mut staged = tree.stage("/file", create(LARGE)).unwrap();
    assert_eq!(other.expire_partials(Duration::ZERO).unwrap(), 0);
    staged.write(b"whole").unwrap();
    staged.commit().unwrap();
    assert_eq!(tree.read("/file").unwrap(), b"whole");
}

#[test]
fn the_same_upload_twice_at_once_mixes_nothing() {
    let tree = Tree::new();
    let mut first = tree.stage("/file", replace(LARGE)).unwrap();
    first.write(b"fir").unwrap();
    let mut second = tree.stage("/file", replace(LARGE)).unwrap();
    second.write(b"second").unwrap();
    first.write(b"st").unwrap();
    second.commit().unwrap();
    assert_eq!(tree.read("/file").unwrap(), b"second");
    first.commit().unwrap();
    assert_eq!(tree.read("/file").unwrap(), b"first");
    assert_eq!(names_in(tree.root.path()), ["file"]);
}

#[test]
fn a_committed_file_is_not_touched_by_a_later_attempt() {
    let tree = Tree::new();
    tree.write("/file", b"first", create(LARGE)).unwrap();
    let mut later = tree.stage("/file", replace(LARGE)).unwrap();
    later.write(b"later").unwrap();
    assert_eq!(tree.read("/file").unwrap(), b"first");
    drop(later);
    assert_eq!(tree.read("/file").unwrap(), b"first");
}

#[test]
fn creating_never_overwrites() {
    for plan in every_way() {
        let tree = Tree::new();
        let mut late = tree.stage("/file", plan).unwrap();
        late.write(b"late").unwrap();
        std::fs::write(tree.local("file"), "early").unwrap();
        assert_eq!(code(late.commit()), Some(ErrorCode::AlreadyExists));
        assert_eq!(code(tree.write("/file", b"later still", plan)), Some(ErrorCode::AlreadyExists));
        assert_eq!(tree.read("/file").unwrap(), b"early");
        assert_eq!(names_in(tree.root.path()), ["file"]);
    }
}

#[test]
fn of_many_who_create_one_file_one_succeeds() {
    for plan in every_way() {
        let tree = Tree::new();
        let barrier = Barrier::new(4);
        let winners: Vec<u8> = std::thread::scope(|scope| {
            let racers: Vec<_> = (b'0'..b'4')
                .map(|racer| {
                    let (tree, barrier) = (&tree, &barrier);
                    scope.spawn(move || {
                        let mut staged = tree.stage("/file", plan).unwrap();
                        staged.write(&[racer; 1000]).unwrap();
                        barrier.wait();
                        staged.commit().is_ok().then_some(racer)
                    })
                })
                .collect();
            racers.into_iter().filter_map(|racer| racer.join().unwrap()).collect()
        });
        assert_eq!(winners.len(), 1);
        assert_eq!(tree.read("/file").unwrap(), vec![winners[0]; 1000]);
        assert_eq!(names_in(tree.root.path()), ["file"]);
    }
}

#[test]
fn a_reader_sees_the_old_file_or_the_new_one() {
    for size in [1, LARGE] {
        let tree = Tree::new();
        let contents = |round: u8| vec![round; 5000];
        tree.write("/file", &contents(0), create(size)).unwrap();
        let old = tree.store.open(&path("/file")).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for round in 1..100 {
                    tree.write("/file", &contents(round), replace(size)).unwrap();
                }
            });
            while !writer.is_finished() {
                let seen = tree.read("/file").unwrap();
                assert_eq!(seen, contents(seen[0]));
            }
        });
        let mut bytes = contents(9);
        assert_eq!(old.read_at(&mut bytes, 0).unwrap(), 5000);
        assert_eq!(bytes, contents(0), "who opened it before reads what it opened");
        assert!(old.is_unchanged().unwrap(), "that is a whole version");
        assert_eq!(names_in(tree.root.path()), ["file"]);
    }
}

#[test]
fn a_replacement_that_fails_keeps_the_old_file() {
    for plan in every_way() {
        let tree = Tree::new();
        std::fs::write(tree.local("file"), "old").unwrap();
        let mut staged = tree.stage("/file", StagePlan { replace: true, ..plan }).unwrap();
        staged.write(b"half").unwrap();
        drop(staged);
        assert_eq!(tree.read("/file").unwrap(), b"old");
        assert_eq!(names_in(tree.root.path()), ["file"]);
    }
}

#[test]
fn a_directory_in_the_way_is_never_replaced() {
    for plan in every_way() {
        let tree = Tree::new();
        std::fs::create_dir(tree.local("file")).unwrap();
        for replace in [false, true] {
            let failure = tree.write("/file", b"x", StagePlan { replace, ..plan }).unwrap_err();
            assert_eq!(failure.code, ErrorCode::AlreadyExists);
            assert_eq!(failure.detail.as_deref(), Some("a directory is in the way"));
        }
        assert!(tree.local("file").is_dir());
        assert_eq!(names_in(tree.root.path()), ["file"]);
    }
}

#[test]
fn what_is_in_the_way_of_a_large_file_is_told_before_any_byte() {
    let tree = Tree::new();
    std::fs::write(tree.local("file"), "old").unwrap();
    assert_eq!(code(tree.stage("/file", create(LARGE))), Some(ErrorCode::AlreadyExists));
    assert!(tree.stage("/file", replace(LARGE)).is_ok());
}

#[test]
fn times_are_kept_to_the_nanosecond_before_1970_and_after_2038() {
    for plan in every_way() {
        let tree = Tree::new();
        for (seconds, nanoseconds) in [(-2_145_916_801, 1), (-1, 999_999_999), (0, 0), (4_102_444_800, 123_456_789)] {
            let modified = Timestamp::new(seconds, nanoseconds);
            let plan = StagePlan { replace: true, modified: Some(modified), ..plan };
            tree.write("/file", b"x", plan).unwrap();
            assert_eq!(tree.store.stat(&path("/file")).unwrap().modified, modified);
            assert_eq!(tree.store.open(&path("/file")).unwrap().entry().modified, modified);
        }
    }
}

#[test]
fn modes_follow_the_plan_to_the_bit_and_the_options_without_shutting_the_user_out() {
    let options = |mode| StoreOptions { file_mode: mode, directory_mode: mode, ..StoreOptions::default() };
    for (configured, planned, expected) in [
        (None, None, 0o600),
        (Some(0o777), None, 0o666),
        (Some(0o040), None, 0o640),
        (Some(0o777), Some(0o4751), 0o751),
        (None, Some(0), 0),
        (Some(0o777), Some(0o444), 0o444),
    ] {
        for plan in every_way() {
            let tree = Tree::with(options(configured));
            for text in ["/first", "/second"] {
                tree.write(text, b"x", StagePlan { mode: planned, ..plan }).unwrap();
                let mode = tree.store.stat(&path(text)).unwrap().mode.unwrap();
                match (configured, planned) {
                    (None, None) => assert_eq!(mode & 0o711, expected, "{mode:o}"),
                    _ => assert_eq!(mode, expected, "{mode:o}"),
                }
            }
        }
    }
    let tree = Tree::with(options(Some(0o007)));
    tree.store.make_directory(&path("/d"), false, false).unwrap();
    tree.store.create_file(&path("/f"), false).unwrap();
    assert_eq!(tree.store.stat(&path("/d")).unwrap().mode, Some(0o707));
    assert_eq!(tree.store.stat(&path("/f")).unwrap().mode, Some(0o606));
}

#[test]
fn a_partial_with_a_second_name_is_not_written_into() {
    let tree = Tree::new();
    let mut staged = tree.stage("/file", create(LARGE)).unwrap();
    staged.write(b"committed").unwrap();
    staged.retain_partial();
    let partial = tree.local(".remofile").join(names_in(&tree.local(".remofile")).remove(1));
    std::fs::hard_link(&partial, tree.local("file")).unwrap();
    tree.write("/file", b"new", replace(LARGE)).unwrap();
    assert_eq!(tree.read("/file").unwrap(), b"new");
    assert_eq!(names_in(tree.root.path()), ["file"]);
}

#[test]
fn a_staging_directory_that_is_not_ours_alone_is_not_used() {
    for make_it_foreign in [
        (|at| std::fs::write(at, "in the way")) as fn(&std::path::Path) -> std::io::Result<()>,
        |at| std::os::unix::fs::symlink("/tmp", at),
        |at| {
            std::fs::create_dir(at)?;
            std::fs::set_permissions(at, PermissionsExt::from_mode(0o777))
        },
    ] {
        let tree = Tree::new();
        make_it_foreign(&tree.local(".remofile")).unwrap();
        std::fs::write(tree.local("small"), "old").unwrap();
        let mut staged = tree.stage("/large", create(LARGE)).unwrap();
        staged.write(b"large").unwrap();
        assert_eq!(tree.list("/"), ["/small"], "what is staged beside its destination is hidden too");
        staged.commit().unwrap();
        tree.write("/small", b"new", replace(3)).unwrap();
        assert_eq!(tree.list("/"), ["/large", "/small"]);
        assert_eq!(tree.read("/small").unwrap(), b"new");
        assert_eq!(names_in(tree.root.path()), [".remofile", "large", "small"]);
    }
}

#[test]
fn many_small_replacements_share_one_staging_directory_and_leave_none() {
    let tree = Tree::new();
    let directory = tree.store.directory(&path("/")).unwrap();
    for round in 0..3 {
        for number in 0..20 {
            let mut staged = directory.stage(&name(&format!("file {number}")), &replace(1)).unwrap();
            staged.write(&[round]).unwrap();
            staged.commit().unwrap();
        }
    }
    drop(directory);
    assert_eq!(tree.list("/").len(), 20);
    assert_eq!(names_in(tree.root.path()).len(), 20);
    assert_eq!(tree.read("/file 7").unwrap(), [2]);
}

#[test]
fn a_staging_directory_removed_by_another_process_is_made_again() {
    let tree = Tree::new();
    let holder = tree.stage("/held", create(LARGE)).unwrap();
    std::fs::remove_dir_all(tree.local(".remofile")).unwrap();
    tree.write("/file", b"x", create(LARGE)).unwrap();
    assert_eq!(code(holder.commit()), Some(ErrorCode::NotFound));
    assert_eq!(names_in(tree.root.path()), ["file"]);
}

#[test]
fn durable_stores_do_the_same_only_surer() {
    for fsync in [Fsync::Each, Fsync::End] {
        let tree = Tree::with(StoreOptions { fsync, ..StoreOptions::default() });
        tree.store.make_directory(&path("/a/b"), false, true).unwrap();
        for plan in every_way() {
            tree.write("/a/b/file", b"x", StagePlan { replace: true, ..plan }).unwrap();
        }
        tree.store.rename(&path("/a/b/file"), &path("/a/file"), false).unwrap();
        tree.store.create_file(&path("/a/empty"), false).unwrap();
        tree.store.remove(&path("/a/empty")).unwrap();
        tree.store.sync(tree.store.flush_mark()).unwrap();
        assert_eq!(tree.list("/"), ["/a", "/a/b", "/a/file"]);
    }
}

#[test]
fn a_read_only_store_changes_nothing() {
    let tree = Tree::new();
    std::fs::write(tree.local("file"), "x").unwrap();
    std::fs::create_dir(tree.local(".remofile")).unwrap();
    std::fs::write(tree.local(".remofile/left"), "x").unwrap();
    let store = tree.read_only();
    let directory = store.directory(&path("/")).unwrap();
    let refused = [
        code(directory.stage(&name("new"), &create(1))),
        code(directory.stage(&name("new"), &create(LARGE))),
        code(store.create_file(&path("/file"), true)),
        code(store.make_directory(&path("/d"), false, true)),
        code(store.remove(&path("/file"))),
        code(store.remove_tree(&path("/file"))),
        code(store.rename(&path("/file"), &path("/moved"), false)),
    ];
    assert_eq!(refused, [Some(ErrorCode::ReadOnly); 7]);
    assert_eq!(store.expire_partials(Duration::ZERO).unwrap(), 0);
    assert_eq!(tree.read("/file").unwrap(), b"x");
    assert_eq!(names_in(tree.root.path()), [".remofile", "file"]);
}

#[test]
fn names_beyond_the_rule_are_refused_for_new_files_only() {
    let tree = Tree::with(StoreOptions { names: NameRule::Portable, ..StoreOptions::default() });
    std::fs::create_dir(tree.local("a:b")).unwrap();
    std::fs::write(tree.local("a:b/old?"), "old").unwrap();
    assert_eq!(tree.list("/"), ["/a:b", "/a:b/old?"]);
    assert_eq!(tree.read("/a:b/old?").unwrap(), b"old");
    let refused = [
        code(tree.stage("/a:b/new?", create(1))),
        code(tree.store.create_file(&path("/new?"), false)),
        code(tree.store.make_directory(&path("/x/new?/y"), false, true)),
        code(tree.store.rename(&path("/a:b/old?"), &path("/new?"), false)),
    ];
    assert_eq!(refused, [Some(ErrorCode::InvalidName); 4]);
    assert!(tree.store.make_directory(&path("/a:b/c/d"), false, true).unwrap());
    tree.store.rename(&path("/a:b/old?"), &path("/fine"), false).unwrap();
}

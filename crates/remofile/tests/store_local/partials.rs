//! Partials of interrupted transfers, and how transfers resume them.

use super::support::{LARGE, Tree, code, create, modified, names_in, path, replace};
use remofile::store::{Partial, ReadStore, ResumeAt, ResumeStore, StagePlan};
use remofile_protocol::wire::{ErrorCode, Timestamp};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Leaves the first bytes of a large file.
fn interrupt(tree: &Tree, text: &str, plan: StagePlan, bytes: &[u8]) {
    let mut staged = tree.stage(text, plan).expect("a staged file");
    staged.write(bytes).expect("a write");
    staged.retain_partial();
}

fn the_partial(tree: &Tree) -> Partial {
    let mut partials = tree.store.partials().expect("a list");
    assert_eq!(partials.len(), 1);
    partials.remove(0)
}

fn resume(plan: StagePlan, offset: u64, version: u128) -> StagePlan {
    StagePlan { resume: Some(ResumeAt { offset, version }), ..plan }
}

/// The one file in the staging directory that ends so.
fn local_ending(tree: &Tree, suffix: &str) -> PathBuf {
    let staging = tree.local(".remofile");
    let name = names_in(&staging).into_iter().find(|name| name.ends_with(suffix)).expect("such a file");
    staging.join(name)
}

fn content(seed: u64) -> Vec<u8> {
    (0..LARGE).map(|at| (at.wrapping_mul(seed) >> 3) as u8).collect()
}

fn changed_at(file: &Path) -> (i64, i64) {
    let metadata = file.symlink_metadata().expect("a file");
    (metadata.ctime(), metadata.ctime_nsec())
}

#[test]
fn a_partial_tells_whose_it_is_and_looking_changes_nothing() {
    let tree = Tree::new();
    assert_eq!(tree.store.partials().unwrap(), []);
    assert!(names_in(tree.root.path()).is_empty(), "to look makes no staging directory");
    std::fs::create_dir(tree.local("d")).unwrap();
    interrupt(&tree, "/d/file", create(LARGE), b"half of it");
    let before = changed_at(&local_ending(&tree, ".partial"));
    let partial = the_partial(&tree);
    assert_eq!((partial.path.as_str(), partial.size, partial.received), ("/d/file", LARGE, 10));
    assert_eq!(partial.modified, modified());
    assert_eq!((partial.touched.seconds(), i64::from(partial.touched.nanoseconds())), before);

    let source = tree.store.read_partial(&path("/d/file")).unwrap();
    assert_eq!((source.entry().path.as_str(), source.entry().size), ("/d/file", 10));
    let mut bytes = [0; 20];
    assert_eq!(source.read_at(&mut bytes, 0).unwrap(), 10);
    assert_eq!(&bytes[..10], b"half of it");
    assert!(source.is_unchanged().unwrap());
    assert_eq!(the_partial(&tree), partial);
    assert_eq!(tree.list("/"), ["/d"]);

    assert_eq!(code(tree.store.read_partial(&path("/d/other"))), Some(ErrorCode::NotFound));
    assert!(!tree.store.remove_partial(&path("/d/other")).unwrap());
    assert!(tree.store.remove_partial(&path("/d/file")).unwrap());
    assert!(!tree.store.remove_partial(&path("/d/file")).unwrap());
    assert_eq!(names_in(tree.root.path()), ["d"], "the staging directory is gone");
}

#[test]
fn a_resumed_file_is_the_same_as_one_sent_at_once() {
    let content = content(7);
    for (kept, offset) in [(400_000, 400_000), (400_000, 123_456), (400_000, 0), (content.len(), content.len())] {
        let tree = Tree::new();
        interrupt(&tree, "/file", create(LARGE), &content[..kept]);
        let plan = resume(create(LARGE), offset as u64, the_partial(&tree).version);
        let source = tree.store.read_partial(&path("/file")).unwrap();
        let mut staged = tree.stage("/file", plan).unwrap();
        assert_eq!(source.is_unchanged().unwrap(), offset == kept, "to read it is not in the way");
        assert!(tree.store.partials().unwrap().is_empty(), "it is being written");
        assert!(!tree.store.remove_partial(&path("/file")).unwrap());
        staged.write(&content[offset..]).unwrap();
        staged.commit().unwrap();
        assert_eq!(tree.read("/file").unwrap(), content);
        assert_eq!(tree.store.stat(&path("/file")).unwrap().modified, modified());
        assert_eq!(names_in(tree.root.path()), ["file"]);
    }
}

#[test]
fn a_resumed_file_can_be_interrupted_again_or_dropped() {
    let tree = Tree::new();
    interrupt(&tree, "/file", create(LARGE), b"one ");
    let first = the_partial(&tree);
    interrupt(&tree, "/file", resume(create(LARGE), 4, first.version), b"two");
    let second = the_partial(&tree);
    assert_eq!(second.received, 7);
    assert_ne!(first.version, second.version);
    let staged = tree.stage("/file", resume(create(LARGE), 7, second.version)).unwrap();
    drop(staged);
    assert!(names_in(tree.root.path()).is_empty());
}

#[test]
fn what_is_not_what_was_looked_at_is_refused_and_stays() {
    let tree = Tree::new();
    interrupt(&tree, "/file", create(LARGE), b"half of it");
    let partial = the_partial(&tree);
    let later = StagePlan { modified: Some(Timestamp::new(1_700_000_000, 6)), ..create(LARGE) };
    let refused = [
        ("/file", resume(create(LARGE), 10, partial.version ^ 1)),
        ("/file", resume(create(LARGE), 11, partial.version)),
        ("/file", resume(create(LARGE + 1), 10, partial.version)),
        ("/file", resume(later, 10, partial.version)),
        ("/file", resume(StagePlan { modified: None, ..create(LARGE) }, 10, partial.version)),
        ("/file", resume(StagePlan { size: None, ..create(LARGE) }, 10, partial.version)),
        ("/file", resume(create(1), 1, partial.version)),
        ("/other", resume(create(LARGE), 10, partial.version)),
    ];
    for (text, plan) in refused {
        assert_eq!(code(tree.stage(text, plan)), Some(ErrorCode::PartialChanged), "{text} {plan:?}");
        assert_eq!(the_partial(&tree), partial);
    }
    let file = std::fs::OpenOptions::new().write(true).open(local_ending(&tree, ".partial")).unwrap();
    file.set_len(5).unwrap();
    let plan = resume(create(LARGE), 5, partial.version);
    assert_eq!(code(tree.stage("/file", plan)), Some(ErrorCode::PartialChanged));
    assert_eq!(the_partial(&tree).received, 5, "it stays");
    assert!(tree.store.remove_partial(&path("/file")).unwrap());
    assert_eq!(code(tree.stage("/file", plan)), Some(ErrorCode::PartialChanged));
    assert!(names_in(tree.root.path()).is_empty());
}

#[test]
fn a_partial_that_is_being_written_is_not_resumed() {
    let tree = Tree::new();
    interrupt(&tree, "/file", create(LARGE), b"half of it");
    let plan = resume(create(LARGE), 10, the_partial(&tree).version);
    let first = tree.stage("/file", plan).unwrap();
    assert_eq!(code(tree.stage("/file", plan)), Some(ErrorCode::PartialChanged));
    first.retain_partial();
    assert!(tree.stage("/file", plan).is_ok());
}

#[test]
fn what_is_in_the_way_is_told_before_a_file_is_resumed() {
    let tree = Tree::new();
    interrupt(&tree, "/file", create(LARGE), b"half of it");
    std::fs::write(tree.local("file"), "old").unwrap();
    let version = the_partial(&tree).version;
    assert_eq!(code(tree.stage("/file", resume(create(LARGE), 10, version))), Some(ErrorCode::AlreadyExists));
    let mut staged = tree.stage("/file", resume(replace(LARGE), 10, version)).unwrap();
    staged.write(b".").unwrap();
    staged.commit().unwrap();
    assert_eq!(tree.read("/file").unwrap(), b"half of it.");
}

#[test]
fn two_versions_never_mix() {
    let tree = Tree::new();
    interrupt(&tree, "/file", create(LARGE), &[1; 5000]);
    let first = the_partial(&tree);
    interrupt(&tree, "/file", create(2 * LARGE), &[2; 3000]);
    let second = the_partial(&tree);
    assert_eq!((second.size, second.received), (2 * LARGE, 3000));
    let old = tree.stage("/file", resume(create(LARGE), 3000, first.version));
    assert_eq!(code(old), Some(ErrorCode::PartialChanged));
    let old = tree.stage("/file", resume(create(LARGE), 3000, second.version));
    assert_eq!(code(old), Some(ErrorCode::PartialChanged));
    let source = tree.store.read_partial(&path("/file")).unwrap();
    let mut bytes = vec![0; 5000];
    assert_eq!(source.read_at(&mut bytes, 0).unwrap(), 3000);
    assert_eq!(&bytes[..3000], [2; 3000]);
}

#[test]
fn partials_are_sorted_by_path() {
    let tree = Tree::new();
    for text in ["a-b", "a/c", "a"] {
        std::fs::create_dir_all(tree.local(text)).unwrap();
        interrupt(&tree, &format!("/{text}/file"), create(LARGE), b"x");
    }
    let paths: Vec<_> = tree.store.partials().unwrap().iter().map(|partial| partial.path.to_string()).collect();
    assert_eq!(paths, ["/a/c/file", "/a/file", "/a-b/file"]);
}

#[test]
fn partials_expire_with_what_tells_of_them() {
    let tree = Tree::new();
    interrupt(&tree, "/file", create(LARGE), b"x");
    interrupt(&tree, "/lost", create(LARGE), b"x");
    std::fs::remove_file(local_ending(&tree, ".partial")).unwrap();
    std::fs::write(tree.local(".remofile/0123456789abcdef0123456789abcdef.temporary"), "x").unwrap();
    assert_eq!(tree.store.expire_partials(Duration::from_secs(3600)).unwrap(), 1);
    let left = names_in(&tree.local(".remofile"));
    assert_eq!(left.len(), 2, "nothing is left of the one without its bytes, nor of one that nobody can go on with");
    the_partial(&tree);
    assert_eq!(tree.store.expire_partials(Duration::ZERO).unwrap(), 1);
    assert!(names_in(tree.root.path()).is_empty());
}

#[test]
fn a_read_only_store_tells_of_partials_and_keeps_them() {
    let tree = Tree::new();
    interrupt(&tree, "/file", create(LARGE), b"half of it");
    let store = tree.read_only();
    assert_eq!(store.partials().unwrap(), tree.store.partials().unwrap());
    assert_eq!(store.read_partial(&path("/file")).unwrap().entry().size, 10);
    assert_eq!(code(store.remove_partial(&path("/file"))), Some(ErrorCode::ReadOnly));
    assert_eq!(tree.store.partials().unwrap().len(), 1);
    tree.store.remove_partial(&path("/file")).unwrap();
    std::fs::create_dir(tree.local(".remofile")).unwrap();
    assert!(store.partials().unwrap().is_empty());
    assert_eq!(names_in(tree.root.path()), [".remofile"], "even an empty staging directory stays");
}

/// Puts something else in the place of a file.
type Spoil = fn(&Path) -> std::io::Result<()>;

const SPOILS: [Spoil; 6] = [
    |file| std::fs::write(file, [0x9f; 100]),
    |file| std::fs::write(file, vec![0; 3 * LARGE as usize]),
    |file| symlink("/etc/passwd", file),
    |file| std::fs::create_dir(file),
    |file| std::process::Command::new("mkfifo").arg(file).status().map(|made| assert!(made.success())),
    |_| Ok(()),
];

#[test]
fn whatever_is_in_place_of_what_tells_of_a_partial_it_is_not_listed() {
    for spoil in SPOILS {
        let tree = Tree::new();
        interrupt(&tree, "/file", create(LARGE), b"half of it");
        let version = the_partial(&tree).version;
        let info = local_ending(&tree, ".info");
        std::fs::remove_file(&info).unwrap();
        spoil(&info).unwrap();
        assert_eq!(tree.store.partials().unwrap(), []);
        assert_eq!(code(tree.store.read_partial(&path("/file"))), Some(ErrorCode::NotFound));
        let plan = resume(create(LARGE), 10, version);
        assert_eq!(code(tree.stage("/file", plan)), Some(ErrorCode::PartialChanged));
        tree.write("/file", b"new", create(LARGE)).unwrap();
        assert_eq!(tree.read("/file").unwrap(), b"new");
        tree.store.expire_partials(Duration::ZERO).unwrap();
        assert!(Path::new("/etc/passwd").exists());
    }
}

#[test]
fn whatever_is_in_place_of_a_partial_it_is_not_listed() {
    for (number, spoil) in SPOILS.iter().enumerate().skip(1) {
        let tree = Tree::new();
        interrupt(&tree, "/file", create(LARGE), b"half of it");
        let version = the_partial(&tree).version;
        let partial = local_ending(&tree, ".partial");
        std::fs::remove_file(&partial).unwrap();
        spoil(&partial).unwrap();
        assert_eq!(tree.store.partials().unwrap(), [], "{number}");
        assert_eq!(code(tree.store.read_partial(&path("/file"))), Some(ErrorCode::NotFound));
        let plan = resume(create(LARGE), 10, version);
        assert_eq!(code(tree.stage("/file", plan)), Some(ErrorCode::PartialChanged));
        tree.write("/file", b"new", create(LARGE)).unwrap();
        assert_eq!(tree.read("/file").unwrap(), b"new");
        tree.store.remove_partial(&path("/file")).unwrap();
        tree.store.expire_partials(Duration::ZERO).unwrap();
    }
}

#[test]
fn what_tells_of_one_file_is_not_believed_of_another() {
    let tree = Tree::new();
    interrupt(&tree, "/one", create(LARGE), b"one");
    let info = std::fs::read(local_ending(&tree, ".info")).unwrap();
    tree.store.remove_partial(&path("/one")).unwrap();
    interrupt(&tree, "/two", create(LARGE), b"two");
    std::fs::write(local_ending(&tree, ".info"), info).unwrap();
    assert_eq!(tree.store.partials().unwrap(), []);
}

#[test]
fn a_staging_directory_that_is_none_of_ours_holds_no_partials() {
    for make in [|at: &Path| std::fs::write(at, "x").unwrap(), |at: &Path| symlink("/tmp", at).unwrap()] {
        let tree = Tree::new();
        make(&tree.local(".remofile"));
        assert_eq!(tree.store.partials().unwrap(), []);
        assert!(!tree.store.remove_partial(&path("/file")).unwrap());
        assert_eq!(code(tree.store.read_partial(&path("/file"))), Some(ErrorCode::NotFound));
        assert_eq!(code(tree.stage("/file", resume(create(LARGE), 1, 1))), Some(ErrorCode::PartialChanged));
    }
}

#[test]
fn to_look_again_and_again_is_not_in_the_way_of_who_writes() {
    let tree = Tree::new();
    interrupt(&tree, "/file", create(LARGE), b"x");
    std::thread::scope(|scope| {
        let looker = scope.spawn(|| (0..500).for_each(|_| assert!(tree.store.partials().unwrap().len() <= 1)));
        while !looker.is_finished() {
            interrupt(&tree, "/file", create(LARGE), b"x");
        }
    });
    assert_eq!(the_partial(&tree).received, 1);
}

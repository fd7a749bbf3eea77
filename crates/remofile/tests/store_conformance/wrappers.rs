//! The promises of wrappers beside those of any store.

use super::support::{Scene, code, path};
use super::{local, memory};
use remofile::store::{Faulty, PosixStore, Prefix, ReadOnly, Store, StoreCall};
use remofile_protocol::wire::{AttributeSet, Attributes, ErrorCode, Failure, Kind, Listed};
use std::sync::Arc;

/// A directory with a neighbour, and links that somebody with more rights has made.
fn neighbours(scene: Scene) -> (Arc<dyn Store>, Scene) {
    for directory in ["/in/deep", "/out"] {
        scene.directory(directory);
    }
    scene.file("/out/secret", b"secret");
    scene.file("/in/file", b"mine");
    for (link, target) in [("/in/up", "../out"), ("/in/deep/file", "../../out/secret"), ("/in/own", "file")] {
        scene.link(link, target);
    }
    let inside: Arc<dyn Store> = Arc::new(Prefix::new(Arc::clone(&scene.store), path("/in")).unwrap());
    (inside, scene)
}

#[test]
fn nothing_outside_of_a_prefix_exists() {
    for scene in [local(), memory()] {
        let (store, outer) = neighbours(scene);
        let inside = Scene { store: Arc::clone(&store), _root: None, holds: false };
        assert_eq!(inside.read("/own"), b"mine");
        for link in ["/up", "/deep/file"] {
            assert_eq!(inside.kind(link), Some(Kind::Link), "{link}");
            assert_eq!(code(store.open(&path(link))), Some(ErrorCode::OutsideRoot), "{link}");
            assert_eq!(code(store.identity(&path(link))), Some(ErrorCode::OutsideRoot), "{link}");
        }
        for lost in ["/up/secret", "/up/new"] {
            let failures = [
                store.stat(&path(lost)).err(),
                store.open(&path(lost)).err(),
                store.edit(&path(lost), true).err(),
                store.create_file(&path(lost), false).err(),
                store.make_directory(&path(lost), false, true).err(),
                store.remove(&path(lost)).err(),
                store.remove_tree(&path(lost)).err(),
                store.rename(&path("/file"), &path(lost), true).err(),
                store.rename(&path(lost), &path("/stolen"), false).err(),
                store.make_link(&path(lost), "x", true).err(),
                store.set_mode(&path(lost), 0o777).err(),
                store.prepare_backup(&path(lost), &path("/stolen")).err(),
            ];
            assert!(store.prepare_backup(&path("/file"), &path(lost)).is_err());
            for (number, failure) in failures.into_iter().enumerate() {
                let failure: Failure = failure.unwrap_or_else(|| panic!("{number} of {lost} goes through"));
                assert_eq!(failure.code, ErrorCode::OutsideRoot, "{number} of {lost}");
                assert!(!failure.to_string().contains("/out"), "{failure}");
            }
        }
        assert_eq!(code(store.make_directory(&path("/up"), true, true)), Some(ErrorCode::AlreadyExists));
        assert_eq!(code(store.directory(&path("/up"))), Some(ErrorCode::OutsideRoot));
        assert_eq!(code(store.walk(&path("/up"), true)), Some(ErrorCode::OutsideRoot));
        assert_eq!(outer.read("/out/secret"), b"secret");
        assert_eq!(outer.list("/out"), ["/out/secret"]);
        assert_eq!(code(Prefix::new(Arc::clone(&outer.store), path("/none"))), Some(ErrorCode::NotFound));
        assert_eq!(code(Prefix::new(Arc::clone(&outer.store), path("/in/file"))), Some(ErrorCode::NotADirectory));
    }
}

#[test]
fn a_walk_of_a_prefix_names_what_is_inside_only() {
    for scene in [local(), memory()] {
        let (store, _outer) = neighbours(scene);
        let mut walk = store.walk(&path("/"), true).unwrap();
        let mut links = 0;
        for listed in std::iter::from_fn(|| walk.next()) {
            let Listed::Entry(entry) = listed else { panic!("{listed:?}") };
            assert!(!entry.path.is_within(&path("/in")) && !entry.path.is_within(&path("/out")), "{}", entry.path);
            links += u32::from(entry.kind == Kind::Link);
        }
        assert_eq!(links, 3);
    }
}

#[test]
fn what_is_behind_glass_is_seen_and_not_changed() {
    let (store, outer) = neighbours(memory());
    let glass: Arc<dyn Store> = Arc::new(ReadOnly::new(store));
    let seen = Scene { store: Arc::clone(&glass), _root: None, holds: false };
    assert_eq!(seen.read("/file"), b"mine");
    let refused = [
        glass.create_file(&path("/file"), true).err(),
        glass.make_directory(&path("/d"), false, true).err(),
        glass.remove(&path("/file")).err(),
        glass.remove_tree(&path("/file")).err(),
        glass.rename(&path("/file"), &path("/moved"), false).err(),
        glass.edit(&path("/file"), false).err(),
        glass.make_link(&path("/l"), "x", true).err(),
        glass.set_mode(&path("/file"), 0o777).err(),
        glass.set_modified(&path("/file"), super::support::modified()).err(),
        glass.prepare_backup(&path("/file"), &path("/kept")).err(),
        glass.remove_partial(&path("/file")).err(),
        seen.stage("/file", &Default::default()).err(),
    ];
    for failure in refused {
        assert_eq!(failure.map(|failure| failure.code), Some(ErrorCode::ReadOnly));
    }
    assert_eq!(glass.expire_partials(std::time::Duration::ZERO).unwrap(), 0);
    assert_eq!(outer.list("/in").len(), 5);
}

#[test]
fn the_calls_that_are_to_fail_fail_and_no_others() {
    let faulty = Faulty::new(memory().store);
    let faults = Arc::clone(faulty.faults());
    let scene = Scene { store: Arc::new(faulty), _root: None, holds: false };
    faults.fail_after(StoreCall::Write, 1, ErrorCode::NoSpace.into());
    let mut staged = scene.stage("/file", &Default::default()).unwrap();
    staged.write(b"a").unwrap();
    assert_eq!(code(staged.write(b"b")), Some(ErrorCode::NoSpace));
    staged.write(b"c").unwrap();
    faults.fail_always(StoreCall::Commit, ErrorCode::DiskFailure.into());
    assert_eq!(code(staged.commit()), Some(ErrorCode::DiskFailure));
    assert_eq!(scene.kind("/file"), None);
    assert_eq!(code(scene.write("/file", b"x", &Default::default())), Some(ErrorCode::DiskFailure));
    faults.clear();
    scene.file("/file", b"x");
    assert_eq!((faults.count(StoreCall::Write), faults.count(StoreCall::Commit)), (5, 3));
}

#[test]
fn a_tree_in_memory_may_be_as_deep_as_paths_are_long() {
    let scene = memory();
    let deep = "/d".repeat(4_000);
    scene.directory(&deep);
    assert_eq!(code(scene.store.read_link(&path("/d"))), Some(ErrorCode::BadRequest));
    scene.store.rename(&path("/d"), &path("/moved"), false).unwrap();
    assert_eq!(scene.kind(&format!("/moved{}", &deep[2..])), Some(Kind::Directory));
    assert_eq!(scene.remove_tree("/moved").unwrap(), (0, 4_000));
}

#[test]
fn wrappers_keep_the_attributes_that_their_stores_keep() {
    let attributes = Attributes { mode: Some(0o4751), ..Attributes::of(Kind::File) };
    for wrapped in [super::inside(local()), super::faulty(local()), super::metered(local())] {
        let (store, file) = (&wrapped.store, path("/f"));
        wrapped.file("/f", b"content");
        assert!(store.keeps_attributes());
        let own = store.attributes(&file, AttributeSet::OWNER.and(AttributeSet::NUMERIC)).unwrap();
        let attributes = Attributes { owner: own.owner, group: own.group, ..attributes.clone() };
        assert!(store.give_attributes(&file, &attributes, AttributeSet::ALL).unwrap().is_changed);
        assert_eq!(store.attributes(&file, AttributeSet::ALL).unwrap().mode, Some(0o4751));
        let behind_glass = ReadOnly::new(Arc::clone(store));
        assert_eq!(behind_glass.attributes(&file, AttributeSet::ALL).unwrap().mode, Some(0o4751));
        let refused = behind_glass.give_attributes(&file, &attributes, AttributeSet::ALL);
        assert_eq!(code(refused), Some(ErrorCode::ReadOnly));
    }
    let memory = memory().store;
    assert!(!memory.keeps_attributes());
    assert_eq!(code(memory.attributes(&path("/f"), AttributeSet::ALL)), Some(ErrorCode::Unsupported));
    assert_eq!(code(memory.give_attributes(&path("/f"), &attributes, AttributeSet::ALL)), Some(ErrorCode::Unsupported));
}

//! Attributes that are given to files of a local directory, and held for others.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use remofile::protocol::path::RemotePath;
use remofile::protocol::wire::{Account, AttributeSet, Attributes, ExtendedAttribute, Kind, Timestamp};
use remofile::store::{Given, LocalStore, PosixStore, StoreOptions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

const EVERYTHING: AttributeSet = AttributeSet::ALL;

fn store(root: &Path, holds_attributes: bool) -> LocalStore {
    LocalStore::open(root, StoreOptions { holds_attributes, ..StoreOptions::default() }).unwrap()
}

fn path(text: &str) -> RemotePath {
    text.parse().unwrap()
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

fn account(id: u32) -> Option<Account> {
    Some(Account { id, name: None })
}

#[test]
fn set_user_id_is_worth_nothing_on_a_file_of_another_user() {
    let root = tempfile::tempdir().unwrap();
    let (store, file) = (store(root.path(), false), root.path().join("f"));
    std::fs::write(&file, "x").unwrap();
    set_mode(&file, 0o755);
    let own = file.metadata().unwrap();
    let of = |uid, gid| Attributes {
        mode: Some(0o6755),
        owner: account(uid),
        group: account(gid),
        ..Attributes::of(Kind::File)
    };
    // Owners are not to be given: they only tell what the bits are worth.
    let give = |attributes: &Attributes| {
        store.give_attributes(&path("/f"), attributes, AttributeSet::TIMES_AND_MODES).unwrap()
    };
    let given = give(&of(own.uid() + 1, own.gid()));
    assert!(given.refused.set_id && given.is_changed, "{given:?}");
    assert_eq!(mode(&file), 0o2755);
    let given = give(&Attributes { owner: None, group: None, ..of(0, 0) });
    assert!(given.refused.set_id, "{given:?}");
    assert_eq!(mode(&file), 0o755, "nobody told whose it is");
    let given = give(&of(own.uid(), own.gid()));
    assert!(!given.refused.is_any(), "{given:?}");
    assert_eq!(mode(&file), 0o6755);
    assert_eq!(give(&of(own.uid(), own.gid())), Given::default(), "it has them");
}

#[test]
fn only_the_file_of_that_kind_size_and_time_is_given_attributes() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("f"), "xyz").unwrap();
    symlink("f", root.path().join("l")).unwrap();
    set_mode(&root.path().join("f"), 0o600);
    let time = root.path().join("f").metadata().unwrap();
    let modified = Timestamp::new(time.mtime(), u32::try_from(time.mtime_nsec()).unwrap());
    let other = Timestamp::new(time.mtime() - 9, 5);
    let file = Attributes { size: Some(3), modified: Some(modified), mode: Some(0o751), ..Attributes::of(Kind::File) };
    for holds in [false, true] {
        let store = store(root.path(), holds);
        for (name, wrong) in [
            ("/f", Attributes { size: Some(4), ..file.clone() }),
            ("/f", Attributes { modified: Some(other), ..file.clone() }),
            ("/f", Attributes { kind: Kind::Directory, ..file.clone() }),
            ("/f", Attributes { kind: Kind::Link, ..file.clone() }),
            // A link is never followed.
            ("/l", file.clone()),
        ] {
            assert_eq!(store.give_attributes(&path(name), &wrong, EVERYTHING).unwrap(), Given::default(), "{wrong:?}");
            assert_eq!(mode(&root.path().join("f")), 0o600);
        }
        assert!(store.give_attributes(&path("/f"), &file, EVERYTHING).unwrap().is_changed);
        assert_eq!(mode(&root.path().join("f")), 0o751);
        set_mode(&root.path().join("f"), 0o600);
    }
}

#[test]
fn what_is_held_is_told_and_given_to_nothing_be_it_of_a_file_that_its_owner_may_not_read() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("d")).unwrap();
    std::fs::write(root.path().join("f"), "").unwrap();
    let store = store(root.path(), true);
    let extended = vec![
        ExtendedAttribute { name: "security.capability".to_owned(), value: vec![1; 20] },
        ExtendedAttribute { name: "user.b".to_owned(), value: Vec::new() },
    ];
    for (name, kind, given, own) in
        [("f", Kind::File, 0o6000, 0o600), ("d", Kind::Directory, 0o3011, 0o711), ("f", Kind::File, 0o4755, 0o755)]
    {
        let at = path(&format!("/{name}"));
        let attributes = Attributes {
            mode: Some(given),
            owner: account(123_456),
            group: account(654_321),
            extended: Some(extended.clone()),
            ..Attributes::of(kind)
        };
        let outcome = store.give_attributes(&at, &attributes, EVERYTHING).unwrap();
        assert_eq!(outcome, Given { is_changed: true, ..Given::default() }, "{name}");
        assert_eq!(store.give_attributes(&at, &attributes, EVERYTHING).unwrap(), Given::default(), "{name}");
        assert_eq!(mode(&root.path().join(name)), own, "{name}");
        let told = store.attributes(&at, EVERYTHING.and(AttributeSet::NUMERIC)).unwrap();
        assert_eq!((told.mode, told.owner, told.group), (Some(given), account(123_456), account(654_321)), "{name}");
        assert_eq!(told.extended.as_ref(), Some(&extended), "{name}");
        let little = store.attributes(&at, AttributeSet::NONE).unwrap();
        assert_eq!((little.extended, little.owner.is_some()), (None, given & 0o6000 != 0 && kind == Kind::File));
    }
}

#[test]
fn the_attributes_of_a_root_directory_are_held_and_its_permissions_stay() {
    let root = tempfile::tempdir().unwrap();
    set_mode(root.path(), 0o700);
    let attributes = Attributes {
        mode: Some(0o1777),
        modified: Some(Timestamp::new(1_000_000_000, 5)),
        ..Attributes::of(Kind::Directory)
    };
    let served = store(root.path(), true);
    assert!(served.give_attributes(&RemotePath::root(), &attributes, EVERYTHING).unwrap().is_changed);
    assert_eq!((mode(root.path()), root.path().metadata().unwrap().mtime()), (0o700, 1_000_000_000));
    assert_eq!(served.attributes(&RemotePath::root(), EVERYTHING).unwrap().mode, Some(0o1777));
    // The destination of a download is its user's own.
    store(root.path(), false).give_attributes(&RemotePath::root(), &attributes, EVERYTHING).unwrap();
    assert_eq!(mode(root.path()), 0o1777);
}

#[test]
fn extended_attributes_of_this_program_are_neither_told_nor_taken() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("f");
    std::fs::write(&file, "").unwrap();
    let set = |name, value: &[u8]| rustix::fs::setxattr(&file, name, value, rustix::fs::XattrFlags::empty()).unwrap();
    set("user.remofile.attributes", b"nonsense");
    set("user.old", b"1");
    let store = store(root.path(), false);
    let named = |name: &str| ExtendedAttribute { name: name.to_owned(), value: vec![7] };
    let attributes = Attributes {
        extended: Some(vec![named("user.new"), named("user.remofile.attributes")]),
        ..Attributes::of(Kind::File)
    };
    assert!(store.give_attributes(&path("/f"), &attributes, EVERYTHING).unwrap().is_changed);
    let told = store.attributes(&path("/f"), EVERYTHING).unwrap();
    assert_eq!(told.extended, Some(vec![named("user.new")]), "the old one is gone");
    let mut value = [0_u8; 64];
    let count = rustix::fs::getxattr(&file, "user.remofile.attributes", &mut value[..]).unwrap();
    assert_eq!(&value[..count], b"nonsense");
    // Nor is nonsense that somebody wrote there.
    assert_eq!(self::store(root.path(), true).attributes(&path("/f"), EVERYTHING).unwrap().mode, Some(mode(&file)));
}

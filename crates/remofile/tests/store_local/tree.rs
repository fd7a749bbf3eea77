//! Trees: listing, making, renaming and removing.

use super::support::{Tree, code, create, name, names_in, path};
use remofile::store::{ReadStore, RemovalProgress, WriteStore, locate};
use remofile_protocol::wire::{ErrorCode, Kind, Listed, Timestamp};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, symlink};

#[test]
fn a_walk_has_the_order_of_paths() {
    let tree = Tree::new();
    for text in ["a-b", "a/c", "a/b/z", "B", "é", "a.b", "ab"] {
        std::fs::create_dir_all(tree.local(text)).unwrap();
    }
    std::fs::write(tree.local("a/file"), "").unwrap();
    let listed = tree.list("/");
    let mut sorted: Vec<_> = listed.iter().map(|text| path(text)).collect();
    sorted.sort();
    assert_eq!(listed, sorted.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(listed, ["/B", "/a", "/a/b", "/a/b/z", "/a/c", "/a/file", "/a-b", "/a.b", "/ab", "/é"]);
    assert_eq!(tree.list("/a"), ["/a/b", "/a/b/z", "/a/c", "/a/file"]);
}

#[test]
fn a_walk_that_is_not_recursive_stays_in_its_directory() {
    let tree = Tree::new();
    std::fs::create_dir_all(tree.local("d/below")).unwrap();
    let mut walk = tree.store.walk(&path("/"), false).unwrap();
    let Some(Listed::Entry(entry)) = walk.next() else { panic!("an entry") };
    assert_eq!((entry.path, entry.kind, entry.size), (path("/d"), Kind::Directory, 0));
    assert!(walk.next().is_none());
    assert!(walk.next().is_none());
}

#[test]
fn directories_are_left_out_of_a_walk_at_any_depth() {
    let tree = Tree::new();
    std::fs::create_dir_all(tree.local("a/b/c/d")).unwrap();
    std::fs::create_dir_all(tree.local("e")).unwrap();
    for text in ["a/b/c/file", "a/b/file", "a/file", "e/file", "file"] {
        std::fs::write(tree.local(text), "").unwrap();
    }
    let listed_without = |skipped: &str| {
        let mut walk = tree.store.walk(&path("/"), true).unwrap();
        let mut listed = Vec::new();
        while let Some(Listed::Entry(entry)) = walk.next() {
            if entry.path.as_str() == skipped {
                walk.skip_directory();
            }
            listed.push(entry.path.to_string());
        }
        listed
    };
    let all = tree.list("/");
    assert_eq!(listed_without("/file"), all);
    assert_eq!(listed_without("/a/b/c/file"), all);
    for skipped in ["/a", "/a/b", "/a/b/c", "/a/b/c/d", "/e"] {
        let below = format!("{skipped}/");
        let expected: Vec<_> = all.iter().filter(|text| !text.starts_with(&below)).cloned().collect();
        assert_eq!(listed_without(skipped), expected);
    }
}

#[test]
fn links_are_listed_and_not_followed() {
    let tree = Tree::new();
    std::fs::create_dir(tree.local("d")).unwrap();
    symlink(".", tree.local("d/loop")).unwrap();
    assert_eq!(tree.list("/"), ["/d", "/d/loop"]);
}

#[test]
fn names_of_every_script_and_length_come_back_as_they_are() {
    let tree = Tree::new();
    let longest = "x".repeat(255);
    for text in ["with space", " leading", "-dash", "été", "文件", "файл", "ملف", "🗄", "e\u{301}", "'\"$`*", &longest]
    {
        let full = format!("/{text}");
        tree.write(&full, text.as_bytes(), create(1)).unwrap();
        assert_eq!(tree.read(&full).unwrap(), text.as_bytes());
        assert!(tree.list("/").contains(&full));
        assert_eq!(tree.store.remove(&path(&full)).unwrap(), Kind::File);
    }
}

#[test]
fn names_that_cannot_be_told_are_listed_as_failures_at_their_place() {
    let tree = Tree::new();
    std::fs::create_dir(tree.local("d")).unwrap();
    for bytes in [&b"caf\xe9"[..], b"line\nfeed", b"a", b"z"] {
        std::fs::write(tree.local("d").join(OsStr::from_bytes(bytes)), "").unwrap();
    }
    assert_eq!(tree.list("/"), ["/d", "/d/a", "!/d/caf\\xe9", "!/d/line\\nfeed", "/d/z"]);
    assert_eq!(tree.remove("/d").unwrap(), (4, 1));
}

#[test]
fn what_vanishes_during_a_walk_is_left_out() {
    let tree = Tree::new();
    for text in ["a", "b", "c"] {
        std::fs::create_dir_all(tree.local(text).join("below")).unwrap();
    }
    let mut walk = tree.store.walk(&path("/"), true).unwrap();
    walk.next().unwrap();
    std::fs::remove_dir_all(tree.local("a")).unwrap();
    std::fs::remove_dir_all(tree.local("b")).unwrap();
    let rest: Vec<_> = std::iter::from_fn(|| walk.next()).collect();
    assert!(matches!(&rest[..], [Listed::Entry(c), Listed::Entry(_)] if c.path == path("/c")), "{rest:?}");
}

#[test]
fn an_unreadable_directory_does_not_end_a_walk() {
    if rustix::process::geteuid().is_root() {
        return; // Permissions do not bind the superuser.
    }
    let tree = Tree::new();
    std::fs::create_dir(tree.local("a")).unwrap();
    std::fs::create_dir(tree.local("b")).unwrap();
    let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(tree.local("a"), mode(0)).unwrap();
    let listed = tree.list("/");
    std::fs::set_permissions(tree.local("a"), mode(0o700)).unwrap();
    assert_eq!(listed, ["/a", "!/a", "/b"]);
}

#[test]
fn holes_read_as_zeros_and_reading_ends_at_the_end() {
    let tree = Tree::new();
    let file = std::fs::File::create(tree.local("sparse")).unwrap();
    file.write_all_at(b"end", 10_000_000).unwrap();
    let source = tree.store.open(&path("/sparse")).unwrap();
    assert_eq!(source.entry().size, 10_000_003);
    let mut bytes = vec![7; 100];
    assert_eq!(source.read_at(&mut bytes, 5_000_000).unwrap(), 100);
    assert_eq!(bytes, [0; 100]);
    assert_eq!(source.read_at(&mut bytes, 9_999_998).unwrap(), 5);
    assert_eq!(&bytes[..5], b"\0\0end");
    assert_eq!(source.read_at(&mut bytes, 20_000_000).unwrap(), 0);
    assert_eq!(source.read_at(&mut bytes, u64::MAX).unwrap(), 0);
}

#[test]
fn a_source_knows_whether_it_changed() {
    let tree = Tree::new();
    std::fs::write(tree.local("file"), "one").unwrap();
    let source = tree.store.open(&path("/file")).unwrap();
    assert!(source.is_unchanged().unwrap());
    // What takes its place, or the last of its names, leaves it as it was.
    std::fs::rename(tree.local("file"), tree.local("other")).unwrap();
    std::fs::hard_link(tree.local("other"), tree.local("file")).unwrap();
    assert!(source.is_unchanged().unwrap());
    std::fs::remove_file(tree.local("other")).unwrap();
    std::fs::write(tree.local("file"), "longer").unwrap();
    assert!(!source.is_unchanged().unwrap());
    std::fs::remove_file(tree.local("file")).unwrap();
    assert!(!source.is_unchanged().unwrap());
}

#[test]
fn a_source_that_is_replaced_is_read_to_its_end_as_it_was() {
    let tree = Tree::new();
    std::fs::write(tree.local("file"), "one").unwrap();
    let source = tree.store.open(&path("/file")).unwrap();
    std::fs::write(tree.local("new"), "two").unwrap();
    std::fs::rename(tree.local("new"), tree.local("file")).unwrap();
    let mut bytes = [0; 3];
    assert_eq!((source.read_at(&mut bytes, 0).unwrap(), &bytes), (3, b"one"));
    assert!(source.is_unchanged().unwrap());
}

#[test]
fn a_source_that_is_moved_or_kept_as_a_backup_is_read_to_its_end_as_it_was() {
    let tree = Tree::new();
    std::fs::write(tree.local("file"), "one").unwrap();
    let source = tree.store.open(&path("/file")).unwrap();
    std::fs::hard_link(tree.local("file"), tree.local("backup")).unwrap();
    std::fs::write(tree.local("new"), "two").unwrap();
    std::fs::rename(tree.local("new"), tree.local("file")).unwrap();
    let mut bytes = [0; 3];
    assert_eq!((source.read_at(&mut bytes, 0).unwrap(), &bytes), (3, b"one"));
    assert!(source.is_unchanged().unwrap(), "it has as many names as before");
    let replaced = tree.store.open(&path("/file")).unwrap();
    std::fs::rename(tree.local("file"), tree.local("moved")).unwrap();
    assert!(replaced.is_unchanged().unwrap());
    std::fs::write(tree.local("moved"), "longer").unwrap();
    assert!(!replaced.is_unchanged().unwrap());
}

#[test]
fn files_are_created_once_and_updated_on_request() {
    let tree = Tree::new();
    tree.store.create_file(&path("/file"), false).unwrap();
    assert_eq!(code(tree.store.create_file(&path("/file"), false)), Some(ErrorCode::AlreadyExists));
    std::fs::write(tree.local("file"), "kept").unwrap();
    let old = std::time::SystemTime::UNIX_EPOCH;
    std::fs::File::options().write(true).open(tree.local("file")).unwrap().set_modified(old).unwrap();
    tree.store.create_file(&path("/file"), true).unwrap();
    assert!(tree.store.stat(&path("/file")).unwrap().modified > Timestamp::new(1_000_000, 0));
    assert_eq!(tree.read("/file").unwrap(), b"kept");
    std::fs::create_dir(tree.local("d")).unwrap();
    assert_eq!(code(tree.store.create_file(&path("/d"), true)), Some(ErrorCode::AlreadyExists));
    assert_eq!(code(tree.store.create_file(&path("/none/file"), false)), Some(ErrorCode::NotFound));
    assert_eq!(code(tree.store.create_file(&path("/file/x"), false)), Some(ErrorCode::NotADirectory));
}

#[test]
fn directories_are_made_with_parents_and_updated_on_request() {
    let tree = Tree::new();
    let make = |text: &str, update, parents| tree.store.make_directory(&path(text), update, parents);
    assert_eq!(code(make("/a/b", false, false)), Some(ErrorCode::NotFound));
    assert!(make("/a/b/c", false, true).unwrap());
    assert_eq!(code(make("/a/b", false, true)), Some(ErrorCode::AlreadyExists));
    assert!(!make("/a/b", true, false).unwrap());
    assert!(!make("/", true, false).unwrap());
    assert_eq!(code(make("/", false, false)), Some(ErrorCode::AlreadyExists));
    std::fs::write(tree.local("a/file"), "").unwrap();
    assert_eq!(code(make("/a/file", true, true)), Some(ErrorCode::AlreadyExists));
    assert_eq!(code(make("/a/file/x/y", true, true)), Some(ErrorCode::NotADirectory));
}

#[test]
fn renames_never_lose_anything() {
    let tree = Tree::new();
    for text in ["d", "d/below", "e"] {
        std::fs::create_dir(tree.local(text)).unwrap();
    }
    for text in ["f", "g"] {
        std::fs::write(tree.local(text), text).unwrap();
    }
    let rename = |from: &str, to: &str, replace| tree.store.rename(&path(from), &path(to), replace);
    for replace in [false, true] {
        assert_eq!(code(rename("/none", "/x", replace)), Some(ErrorCode::NotFound));
        assert_eq!(code(rename("/f", "/none/x", replace)), Some(ErrorCode::NotFound));
        assert_eq!(code(rename("/f", "/e", replace)), Some(ErrorCode::AlreadyExists));
        assert_eq!(code(rename("/d", "/e", replace)), Some(ErrorCode::AlreadyExists));
        assert_eq!(code(rename("/d", "/f", replace)), Some(ErrorCode::AlreadyExists));
        assert_eq!(code(rename("/d", "/d/below/x", replace)), Some(ErrorCode::IntoItself));
        assert_eq!(code(rename("/d", "/d/none/x", replace)), Some(ErrorCode::IntoItself));
        assert_eq!(code(rename("/", "/x", replace)), Some(ErrorCode::BadRequest));
        assert_eq!(code(rename("/d", "/", replace)), Some(ErrorCode::BadRequest));
    }
    symlink("d/below", tree.local("inner")).unwrap();
    assert_eq!(code(rename("/d", "/inner/x", false)), Some(ErrorCode::IntoItself));
    assert_eq!(code(rename("/f", "/g", false)), Some(ErrorCode::AlreadyExists));
    rename("/f", "/f", true).unwrap();
    rename("/f", "/g", true).unwrap();
    assert_eq!(tree.read("/g").unwrap(), b"f");
    rename("/d", "/e/d", false).unwrap();
    assert_eq!(tree.list("/"), ["/e", "/e/d", "/e/d/below", "/g", "/inner"]);
}

#[test]
fn renaming_one_name_of_a_file_over_another_leaves_the_other() {
    let tree = Tree::new();
    std::fs::write(tree.local("one"), "x").unwrap();
    std::fs::hard_link(tree.local("one"), tree.local("two")).unwrap();
    symlink(".", tree.local("here")).unwrap();
    tree.store.rename(&path("/one"), &path("/here/one"), true).unwrap();
    assert_eq!(names_in(tree.root.path()), ["here", "one", "two"]);
    tree.store.rename(&path("/one"), &path("/two"), true).unwrap();
    assert_eq!(names_in(tree.root.path()), ["here", "two"]);
}

#[test]
fn removing_one_thing_removes_no_more() {
    let tree = Tree::new();
    std::fs::create_dir_all(tree.local("d/below")).unwrap();
    std::fs::write(tree.local("f"), "").unwrap();
    assert_eq!(code(tree.store.remove(&path("/d"))), Some(ErrorCode::NotEmpty));
    assert_eq!(code(tree.store.remove(&path("/"))), Some(ErrorCode::BadRequest));
    assert_eq!(code(tree.store.remove_tree(&path("/"))), Some(ErrorCode::BadRequest));
    assert_eq!(code(tree.store.remove_tree(&path("/none"))), Some(ErrorCode::NotFound));
    assert_eq!(tree.store.remove(&path("/d/below")).unwrap(), Kind::Directory);
    assert_eq!(tree.store.remove(&path("/f")).unwrap(), Kind::File);
    assert_eq!(tree.list("/"), ["/d"]);
}

#[test]
fn a_tree_is_removed_in_bounded_steps() {
    let tree = Tree::new();
    for directory in 0..10 {
        std::fs::create_dir_all(tree.local(&format!("d/{directory}/empty"))).unwrap();
        for file in 0..100 {
            std::fs::write(tree.local(&format!("d/{directory}/{file}")), "").unwrap();
        }
    }
    let mut removal = tree.store.remove_tree(&path("/d")).unwrap();
    let mut steps = 0;
    let done = loop {
        steps += 1;
        match removal.step().unwrap() {
            RemovalProgress::More => {}
            done => break done,
        }
    };
    assert_eq!(done, RemovalProgress::Done { files: 1000, directories: 21 });
    assert!((50..100).contains(&steps), "{steps}");
    assert_eq!(removal.step().unwrap(), done);
    assert!(names_in(tree.root.path()).is_empty());
}

#[test]
fn a_path_below_a_file_is_told_as_such() {
    let tree = Tree::new();
    std::fs::write(tree.local("file"), "").unwrap();
    let below = path("/file/below/it");
    assert_eq!(code(tree.store.stat(&below)), Some(ErrorCode::NotADirectory));
    assert_eq!(code(tree.store.open(&below)), Some(ErrorCode::NotADirectory));
    assert_eq!(code(tree.store.directory(&path("/file"))), Some(ErrorCode::NotADirectory));
}

#[test]
fn a_directory_that_is_named_is_a_root_of_its_own() {
    let tree = Tree::new();
    std::fs::create_dir(tree.local("d")).unwrap();
    std::fs::write(tree.local("d/inside"), "inside").unwrap();
    std::fs::write(tree.local("beside"), "beside").unwrap();
    symlink("../beside", tree.local("d/out")).unwrap();
    symlink("d", tree.local("link")).unwrap();
    for named in ["d", "link"] {
        let located = locate(&tree.local(named)).unwrap();
        assert_eq!((located.path.as_str(), located.name), ("/", name(named)));
        assert!(located.store.open(&path("/inside")).is_ok());
        assert_eq!(code(located.store.open(&path("/out"))), Some(ErrorCode::OutsideRoot));
    }
    let located = locate(&tree.local("beside")).unwrap();
    assert_eq!((located.path.as_str(), located.name), ("/beside", name("beside")));
    assert_eq!(code(located.store.open(&located.path)), None);
    assert_eq!(code(locate(&tree.local("missing"))), Some(ErrorCode::NotFound));
}

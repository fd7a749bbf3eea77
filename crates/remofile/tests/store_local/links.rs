//! Symbolic links, permission bits and identities.

use super::support::{Tree, code, create, names_in, path};
use remofile::store::{PosixStore, ReadStore, StagePlan, StoreOptions};
use remofile_protocol::path::NameRule;
use remofile_protocol::wire::{ErrorCode, Kind};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

fn tree_with_a_directory() -> Tree {
    let tree = Tree::new();
    std::fs::create_dir_all(tree.local("a/b")).expect("a directory");
    std::fs::write(tree.local("a/file"), "content").expect("a file");
    tree
}

#[test]
fn links_are_made_and_told() {
    let tree = tree_with_a_directory();
    let longest = "x/".repeat(2047) + "x";
    for (at, target) in [("/a/b/up", "../file"), ("/a/b/to root", "../.."), ("/nowhere", "été/"), ("/long", &longest)]
    {
        tree.store.make_link(&path(at), target, false).unwrap();
        assert_eq!(tree.store.read_link(&path(at)).unwrap(), target);
        assert_eq!(tree.local(&at[1..]).read_link().unwrap().to_str(), Some(target));
    }
    assert_eq!(tree.read("/a/b/up").unwrap(), b"content");
    assert_eq!(tree.store.stat(&path("/a/b/to root")).unwrap().kind, Kind::Directory);
    assert_eq!(tree.store.stat(&path("/nowhere")).unwrap().kind, Kind::Link);
}

#[test]
fn targets_that_lead_out_or_say_nothing_are_refused() {
    let tree = tree_with_a_directory();
    for target in ["/", "/a", "../../..", "../../../x", "x/../../../../y", "../../.remofile", "../../.remofile/x"] {
        for replace in [false, true] {
            let made = tree.store.make_link(&path("/a/b/link"), target, replace);
            assert_eq!(code(made), Some(ErrorCode::OutsideRoot), "{target}");
        }
    }
    for target in ["", "a\nb", "\u{7f}", "\0", &"x".repeat(4096)] {
        let made = tree.store.make_link(&path("/a/b/link"), target, false);
        assert_eq!(code(made), Some(ErrorCode::InvalidName), "{target:?}");
    }
    assert_eq!(tree.list("/"), ["/a", "/a/b", "/a/file"]);
}

#[test]
fn targets_are_counted_from_where_the_link_really_is() {
    let tree = tree_with_a_directory();
    symlink("..", tree.local("a/up")).unwrap();
    symlink("a/b", tree.local("down")).unwrap();
    assert_eq!(code(tree.store.make_link(&path("/a/up/link"), "../x", false)), Some(ErrorCode::OutsideRoot));
    tree.store.make_link(&path("/down/link"), "../file", false).unwrap();
    assert_eq!(tree.read("/a/b/link").unwrap(), b"content");
    symlink("/tmp", tree.local("out")).unwrap();
    assert_eq!(code(tree.store.make_link(&path("/out/link"), "x", false)), Some(ErrorCode::OutsideRoot));
    assert_eq!(code(tree.store.read_link(&path("/out/link"))), Some(ErrorCode::OutsideRoot));
}

#[test]
fn a_name_that_is_taken_is_replaced_only_if_wanted_and_never_a_directory() {
    let tree = tree_with_a_directory();
    symlink("old", tree.local("link")).unwrap();
    symlink("a", tree.local("to-directory")).unwrap();
    for at in ["/link", "/to-directory", "/a/file"] {
        assert_eq!(code(tree.store.make_link(&path(at), "new", false)), Some(ErrorCode::AlreadyExists));
        assert_ne!(tree.store.read_link(&path(at)).ok().as_deref(), Some("new"));
        tree.store.make_link(&path(at), "new", true).unwrap();
        assert_eq!(tree.store.read_link(&path(at)).unwrap(), "new");
    }
    for replace in [false, true] {
        for at in ["/a", "/a/b"] {
            let failure = tree.store.make_link(&path(at), "new", replace).unwrap_err();
            assert_eq!(failure.code, ErrorCode::AlreadyExists);
            assert_eq!(failure.detail.as_deref(), Some("a directory is in the way"));
        }
    }
    assert_eq!(names_in(tree.root.path()), ["a", "link", "to-directory"], "no temporary link is left");
    assert_eq!(names_in(&tree.local("a")), ["b", "file"]);
}

#[test]
fn links_obey_the_rules_of_the_store() {
    let tree = Tree::with(StoreOptions { names: NameRule::Portable, ..StoreOptions::default() });
    assert_eq!(code(tree.store.make_link(&path("/what?"), "x", false)), Some(ErrorCode::InvalidName));
    assert_eq!(code(tree.store.make_link(&path("/.remofile"), "x", false)), Some(ErrorCode::InvalidName));
    assert_eq!(code(tree.store.make_link(&path("/"), "x", false)), Some(ErrorCode::BadRequest));
    assert_eq!(code(tree.store.make_link(&path("/no/link"), "x", false)), Some(ErrorCode::NotFound));
    let tree = Tree::new();
    symlink("x", tree.local("link")).unwrap();
    let store = tree.read_only();
    assert_eq!(store.read_link(&path("/link")).unwrap(), "x");
    assert_eq!(code(store.make_link(&path("/new"), "x", false)), Some(ErrorCode::ReadOnly));
    assert_eq!(code(store.set_mode(&path("/link"), 0o700)), Some(ErrorCode::ReadOnly));
}

#[test]
fn what_is_no_link_or_cannot_be_told_is_refused() {
    let tree = tree_with_a_directory();
    symlink("a\nb", tree.local("lines")).unwrap();
    symlink(OsStr::from_bytes(b"\xff"), tree.local("bytes")).unwrap();
    let expected = [
        ("/a", ErrorCode::BadRequest),
        ("/a/file", ErrorCode::BadRequest),
        ("/", ErrorCode::BadRequest),
        ("/missing", ErrorCode::NotFound),
        ("/lines", ErrorCode::Other),
        ("/bytes", ErrorCode::Other),
    ];
    for (at, wanted) in expected {
        assert_eq!(code(tree.store.read_link(&path(at))), Some(wanted), "{at}");
    }
}

#[test]
fn permission_bits_are_set_as_they_are_asked_for() {
    let tree = tree_with_a_directory();
    let mode_of = |text: &str| tree.local(text).metadata().unwrap().permissions().mode() & 0o7777;
    for mode in [0o000, 0o444, 0o751, 0o600, 0o777] {
        for at in ["a/file", "a/b"] {
            tree.store.set_mode(&path(&format!("/{at}")), mode | 0o6000).unwrap();
            assert_eq!(mode_of(at), mode, "{at}");
        }
    }
    std::fs::set_permissions(tree.local("a/b"), PermissionsExt::from_mode(0o2750)).unwrap();
    tree.store.set_mode(&path("/a/b"), 0o700).unwrap();
    assert_eq!(mode_of("a/b"), 0o2700, "what is made in it goes on to belong to its group");

    symlink("a/file", tree.local("link")).unwrap();
    assert_eq!(code(tree.store.set_mode(&path("/link"), 0o600)), Some(ErrorCode::NotAFile));
    assert_eq!(mode_of("a/file"), 0o777);
    assert_eq!(code(tree.store.set_mode(&path("/missing"), 0o600)), Some(ErrorCode::NotFound));
    assert_eq!(code(tree.store.set_mode(&path("/.remofile"), 0o600)), Some(ErrorCode::InvalidName));
    assert_eq!(code(tree.store.set_mode(&path("/"), 0o700)), Some(ErrorCode::BadRequest));
}

#[test]
fn paths_to_one_thing_share_an_identity() {
    let tree = tree_with_a_directory();
    symlink("a", tree.local("link")).unwrap();
    symlink("a/b/..", tree.local("around")).unwrap();
    symlink(".", tree.local("here")).unwrap();
    std::fs::hard_link(tree.local("a/file"), tree.local("second")).unwrap();
    tree.write("/other", b"content", create(7)).unwrap();
    let identity = |text: &str| tree.store.identity(&path(text)).unwrap();
    for (one, other) in [("/a", "/link"), ("/a", "/around"), ("/", "/here"), ("/a/file", "/link/file")] {
        assert_eq!(identity(one), identity(other), "{one} {other}");
    }
    assert_eq!(identity("/a/file"), identity("/second"));
    let different = ["/", "/a", "/a/b", "/a/file", "/other"].map(identity);
    assert_eq!(different.iter().collect::<std::collections::HashSet<_>>().len(), different.len());

    symlink("/tmp", tree.local("out")).unwrap();
    symlink("nowhere", tree.local("dangling")).unwrap();
    symlink("loop", tree.local("loop")).unwrap();
    for (at, wanted) in [
        ("/out", ErrorCode::OutsideRoot),
        ("/dangling", ErrorCode::NotFound),
        ("/loop", ErrorCode::LinkLoop),
        ("/missing", ErrorCode::NotFound),
    ] {
        assert_eq!(code(tree.store.identity(&path(at))), Some(wanted), "{at}");
    }
}

#[test]
fn a_file_is_staged_through_a_link_to_where_it_leads_in_the_root() {
    let tree = tree_with_a_directory();
    let through = StagePlan { replace: true, through_link: true, ..StagePlan::default() };
    for (link, target) in
        [("a/to-file", "file"), ("a/b/up", "../to-file"), ("a/b/new", "../none"), ("absolute", "/a/file")]
    {
        symlink(target, tree.local(link)).unwrap();
    }
    std::fs::set_permissions(tree.local("a/file"), PermissionsExt::from_mode(0o600)).unwrap();
    for link in ["/a/to-file", "/a/b/up"] {
        tree.write(link, link.as_bytes(), through).unwrap();
        assert_eq!(std::fs::read(tree.local("a/file")).unwrap(), link.as_bytes());
        assert_eq!(tree.local("a/file").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    tree.write("/a/b/new", b"made", through).unwrap();
    assert_eq!(std::fs::read(tree.local("a/none")).unwrap(), b"made");
    assert_eq!(code(tree.write("/absolute", b"out", through)), Some(ErrorCode::OutsideRoot));
    for link in ["a/to-file", "a/b/up", "a/b/new", "absolute"] {
        assert!(tree.local(link).symlink_metadata().unwrap().is_symlink(), "{link}");
    }
    // Whoever does not ask for that replaces the link itself.
    tree.write("/a/b/up", b"itself", StagePlan { through_link: false, ..through }).unwrap();
    assert!(tree.local("a/b/up").symlink_metadata().unwrap().is_file());
}

#[test]
fn a_file_that_is_not_visible_yet_is_written_and_read_at_any_place() {
    let tree = Tree::new();
    let mut staged = tree.stage("/f", StagePlan { replace: true, ..StagePlan::default() }).unwrap();
    staged.write_at(b"middle", 4).unwrap();
    staged.write_at(b"end", 10).unwrap();
    staged.set_length(12).unwrap();
    staged.write_at(b"top", 0).unwrap();
    let mut there = [9; 16];
    assert_eq!(staged.read_at(&mut there, 1).unwrap(), 11);
    assert_eq!(&there[..11], b"op\0middleen");
    assert_eq!(code(staged.write_at(b"x", u64::MAX)), Some(ErrorCode::FileTooLarge));
    assert_eq!(tree.list("/"), [""; 0]);
    staged.try_commit().unwrap();
    assert_eq!(tree.read("/f").unwrap(), b"top\0middleen");
}

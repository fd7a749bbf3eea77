//! The promises of any store: symbolic links.

use super::support::{Scene, code, path};
use remofile_protocol::wire::{ErrorCode, Kind, Listed};

pub(crate) fn links_inside_are_followed_and_told_as_what_they_are(scene: &Scene) {
    scene.directory("/a/b");
    scene.file("/a/b/file", b"x");
    scene.link("/a/up", "../a/b");
    scene.link("/file", "a/up/file");
    assert_eq!(scene.read("/file"), b"x");
    assert_eq!(scene.read("/a/up/file"), b"x");
    assert_eq!((scene.kind("/file"), scene.kind("/a/up")), (Some(Kind::File), Some(Kind::Directory)));
    assert_eq!(scene.store.read_link(&path("/a/up")).unwrap(), "../a/b");
    assert_eq!(scene.list("/"), ["/a", "/a/b", "/a/b/file", "/a/up", "/file"]);
    let mut walk = scene.store.walk(&path("/"), true).unwrap();
    let links = std::iter::from_fn(|| walk.next())
        .filter(|listed| matches!(listed, Listed::Entry(entry) if entry.kind == Kind::Link))
        .count();
    assert_eq!(links, 2);
    assert_eq!(scene.list("/a/up"), ["/a/up/file"], "what is listed has the path that was asked for");
    scene.file("/a/up/new", b"new");
    assert_eq!(scene.read("/a/b/new"), b"new");
    assert_eq!(scene.store.remove(&path("/a/up")).unwrap(), Kind::Link);
    assert_eq!(scene.kind("/a/b/new"), Some(Kind::File));
}

pub(crate) fn links_that_lead_nowhere_or_out_are_themselves(scene: &Scene) {
    scene.directory("/a");
    scene.link("/nowhere", "none");
    assert_eq!(scene.kind("/nowhere"), Some(Kind::Link));
    assert_eq!(code(scene.store.open(&path("/nowhere"))), Some(ErrorCode::NotFound));
    assert_eq!(code(scene.store.edit(&path("/nowhere"), true)), Some(ErrorCode::NotFound));
    assert_eq!(code(scene.store.stat(&path("/nowhere/below"))), Some(ErrorCode::NotFound));
    scene.file("/nowhere", b"x");
    assert_eq!(scene.store.read_link(&path("/nowhere")).err().map(|failure| failure.code), Some(ErrorCode::BadRequest));
}

pub(crate) fn links_that_lead_out_are_not_made(scene: &Scene) {
    scene.directory("/a");
    let make = |at: &str, target: &str| code(scene.store.make_link(&path(at), target, false));
    for (at, target) in [("/l", "/a"), ("/l", ".."), ("/l", "../secret"), ("/a/l", "../../secret"), ("/l", "a/../b")] {
        assert_eq!(make(at, target), Some(ErrorCode::OutsideRoot), "{at} -> {target}");
    }
    for target in ["", "a\nb"] {
        assert_eq!(make("/l", target), Some(ErrorCode::InvalidName), "{target:?}");
    }
    assert_eq!(make("/a", "b"), Some(ErrorCode::AlreadyExists));
    assert_eq!(make("/a/l", "../b"), None);
    assert_eq!(make("/a/l", "../c"), Some(ErrorCode::AlreadyExists));
    scene.store.make_link(&path("/a/l"), "../c", true).unwrap();
    assert_eq!(scene.store.read_link(&path("/a/l")).unwrap(), "../c");
    assert_eq!(code(scene.store.make_link(&path("/a"), "b", true)), Some(ErrorCode::AlreadyExists));
}

pub(crate) fn a_link_is_moved_only_where_it_does_not_lead_out(scene: &Scene) {
    scene.directory("/a/b");
    scene.link("/a/b/link", "../../file");
    let rename = |from: &str, to: &str| code(scene.store.rename(&path(from), &path(to), false));
    assert_eq!(rename("/a/b/link", "/a/link"), Some(ErrorCode::OutsideRoot));
    assert_eq!(rename("/a/b/link", "/a/b/other"), None);
    assert_eq!(scene.kind("/a/b/other"), Some(Kind::Link));
}

pub(crate) fn a_link_is_kept_only_where_it_does_not_lead_out(scene: &Scene) {
    scene.directory("/a/b");
    scene.link("/a/b/link", "../../file");
    let keep = |to: &str| code(scene.store.prepare_backup(&path("/a/b/link"), &path(to)));
    assert_eq!(keep("/kept"), Some(ErrorCode::OutsideRoot));
    assert_eq!(keep("/a/b/kept"), None);
}

pub(crate) fn two_paths_to_one_file_have_one_identity(scene: &Scene) {
    scene.directory("/a");
    scene.file("/a/file", b"");
    scene.file("/other", b"");
    scene.link("/link", "a/file");
    scene.link("/nowhere", "none");
    let identity = |text: &str| scene.store.identity(&path(text));
    assert_eq!(identity("/a/file").unwrap(), identity("/link").unwrap());
    assert_ne!(identity("/a/file").unwrap(), identity("/other").unwrap());
    assert_ne!(identity("/a").unwrap(), identity("/").unwrap());
    assert_eq!(code(identity("/nowhere")), Some(ErrorCode::NotFound));
}

pub(crate) fn a_ring_of_links_ends(scene: &Scene) {
    scene.link("/one", "two");
    scene.link("/two", "one");
    assert_eq!(scene.kind("/one"), Some(Kind::Link));
    assert_eq!(code(scene.store.open(&path("/one"))), Some(ErrorCode::LinkLoop));
    assert_eq!(code(scene.store.stat(&path("/one/below"))), Some(ErrorCode::LinkLoop));
}

//! The promises of any store: content that comes from other files of it, and looks at paths themselves.

use super::support::{Scene, code, path};
use remofile::store::StagePlan;
use remofile_protocol::wire::{ErrorCode, Kind};

pub(crate) fn a_staged_file_takes_over_what_others_have(scene: &Scene) {
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number / 7) as u8).collect();
    scene.file("/source", &bytes);
    scene.file("/empty", b"");
    let source = scene.store.open(&path("/source")).unwrap();
    let mut staged = scene.stage("/copy", &StagePlan::default()).unwrap();
    let mut offset = staged.share(&*source).unwrap().unwrap_or(0);
    assert!(offset == 0 || offset == bytes.len() as u64, "all or nothing");
    while offset < bytes.len() as u64 {
        let copied = staged.copy(&*source, offset, bytes.len() as u64 - offset).unwrap();
        assert!(copied > 0);
        offset += copied;
    }
    assert_eq!(staged.copy(&*source, offset, 10).unwrap(), 0, "nothing is behind the end");
    staged.write(b"and more").unwrap();
    assert_eq!(scene.kind("/copy"), None);
    staged.commit().unwrap();
    assert_eq!(scene.read("/copy"), [&bytes, &b"and more"[..]].concat());
    let mut staged = scene.stage("/parts", &StagePlan::default()).unwrap();
    staged.write(b"begin").unwrap();
    assert_eq!(staged.share(&*source).unwrap(), None, "only an empty file can be the same as another");
    assert_eq!(staged.copy(&*source, 700, 5).unwrap(), 5);
    staged.write_hole(2).unwrap();
    assert_eq!(staged.copy(&*source, 0, 1).unwrap(), 1);
    staged.commit().unwrap();
    assert_eq!(scene.read("/parts"), [&b"begin"[..], &bytes[700..705], &[0, 0, 0]].concat());
    assert_eq!(scene.read("/source"), bytes);
}

pub(crate) fn a_look_is_at_a_path_itself(scene: &Scene) {
    scene.directory("/a");
    scene.file("/a/file", b"abc");
    scene.link("/link", "a/file");
    scene.link("/broken", "none");
    scene.link("/up", "a");
    let look = |text: &str| scene.store.look(&path(text)).map(|entry| (entry.path.to_string(), entry.kind));
    for (text, kind) in [
        ("/", Kind::Directory),
        ("/a", Kind::Directory),
        ("/a/file", Kind::File),
        ("/link", Kind::Link),
        ("/broken", Kind::Link),
        ("/up", Kind::Link),
        ("/up/file", Kind::File),
    ] {
        assert_eq!(look(text).unwrap(), (text.to_owned(), kind));
    }
    assert_eq!(code(look("/none")), Some(ErrorCode::NotFound));
    assert_eq!(code(look("/a/file/below")), Some(ErrorCode::NotADirectory));
}

//! The promises of any store: files and directories.

use super::support::{Scene, code, modified, path};
use remofile::store::{Capability, StagePlan};
use remofile_protocol::wire::{ErrorCode, Kind, Listed, Timestamp};

pub(crate) fn a_file_is_there_when_it_was_committed_and_not_before(scene: &Scene) {
    let plan = StagePlan { size: Some(5), ..StagePlan::default() };
    let mut staged = scene.stage("/file", &plan).unwrap();
    staged.write(b"he").unwrap();
    assert_eq!(code(scene.store.stat(&path("/file"))), Some(ErrorCode::NotFound));
    staged.write(b"llo").unwrap();
    assert_eq!(scene.list("/"), [""; 0]);
    staged.commit().unwrap();
    assert_eq!(scene.read("/file"), b"hello");
    let entry = scene.store.stat(&path("/file")).unwrap();
    assert_eq!((entry.path, entry.kind, entry.size), (path("/file"), Kind::File, 5));
    let mut forgotten = scene.stage("/forgotten", &plan).unwrap();
    forgotten.write(b"he").unwrap();
    drop(forgotten);
    assert_eq!(scene.list("/"), ["/file"]);
}

pub(crate) fn a_name_that_is_taken_is_told_before_anything_is_sent(scene: &Scene) {
    scene.file("/file", b"x");
    scene.directory("/directory");
    // More than any store sends at once, which looks at what is there meanwhile.
    let large = StagePlan { size: Some(64 * 1024 * 1024), ..StagePlan::default() };
    assert_eq!(code(scene.stage("/file", &large)), Some(ErrorCode::AlreadyExists));
    let replacing = StagePlan { replace: true, ..large };
    assert_eq!(code(scene.stage("/directory", &replacing)), Some(ErrorCode::AlreadyExists));
    assert_eq!(code(scene.stage("/no/file", &large)), Some(ErrorCode::NotFound));
    assert_eq!(code(scene.stage("/file/file", &large)), Some(ErrorCode::NotADirectory));
    let staged = scene.stage("/late", &StagePlan::default()).unwrap();
    scene.file("/late", b"first");
    assert_eq!(code(staged.commit()), Some(ErrorCode::AlreadyExists));
    assert_eq!(scene.read("/late"), b"first");
}

pub(crate) fn what_is_replaced_is_replaced_whole(scene: &Scene) {
    scene.file("/file", b"old and long");
    let source = scene.store.open(&path("/file")).unwrap();
    let replacing = StagePlan { replace: true, ..StagePlan::default() };
    scene.write("/file", b"new", &replacing).unwrap();
    assert_eq!(scene.read("/file"), b"new");
    let mut bytes = [0; 12];
    assert_eq!(source.read_at(&mut bytes, 0).unwrap(), 12, "who has opened the old one reads it on");
    assert_eq!(&bytes, b"old and long");
}

pub(crate) fn a_version_that_is_not_there_any_more_is_not_replaced(scene: &Scene) {
    scene.file("/file", b"first");
    let expected = Some(scene.store.open(&path("/file")).unwrap().version());
    let plan = StagePlan { replace: true, expected, ..StagePlan::default() };
    scene.write("/file", b"second", &plan).unwrap();
    assert_eq!(code(scene.write("/file", b"third", &plan)), Some(ErrorCode::SourceChanged));
    assert_eq!(scene.read("/file"), b"second");
    assert_eq!(code(scene.write("/other", b"third", &plan)), Some(ErrorCode::SourceChanged));
    assert_eq!(scene.list("/"), ["/file"]);
}

pub(crate) fn files_have_the_times_and_modes_they_are_given(scene: &Scene) {
    let plan = StagePlan { modified: Some(modified()), mode: Some(0o4640), ..StagePlan::default() };
    scene.write("/file", b"x", &plan).unwrap();
    let entry = scene.store.stat(&path("/file")).unwrap();
    assert_eq!((entry.modified, entry.mode), (modified(), Some(0o640)));
    scene.directory("/directory");
    for place in ["/file", "/directory"] {
        scene.store.set_mode(&path(place), 0o750).unwrap();
        scene.store.set_modified(&path(place), Timestamp::new(5, 0)).unwrap();
        let entry = scene.store.stat(&path(place)).unwrap();
        assert_eq!((entry.modified, entry.mode), (Timestamp::new(5, 0), Some(0o750)), "{place}");
    }
    if scene.store.capabilities().has(Capability::Links) {
        scene.link("/link", "file");
        assert_eq!(code(scene.store.set_mode(&path("/link"), 0o700)), Some(ErrorCode::NotAFile));
        assert_eq!(code(scene.store.set_modified(&path("/link"), modified())), Some(ErrorCode::NotAFile));
    }
    assert_eq!(code(scene.store.set_mode(&path("/none"), 0o700)), Some(ErrorCode::NotFound));
    scene.store.create_file(&path("/file"), true).unwrap();
    assert!(scene.store.stat(&path("/file")).unwrap().modified > modified(), "it is as if written now");
}

pub(crate) fn walks_are_sorted_and_whole(scene: &Scene) {
    for file in ["/b/z", "/b/a/deep", "/b.txt", "/a", "/ä", "/B"] {
        let (directory, _) = path(file).split().unwrap();
        scene.directory(directory.as_str());
        scene.file(file, b"");
    }
    assert_eq!(scene.list("/"), ["/B", "/a", "/b", "/b/a", "/b/a/deep", "/b/z", "/b.txt", "/ä"]);
    assert_eq!(scene.list("/b"), ["/b/a", "/b/a/deep", "/b/z"]);
    let mut walk = scene.store.walk(&path("/b"), false).unwrap();
    let names: Vec<_> = std::iter::from_fn(|| walk.next()).collect();
    assert_eq!(names.len(), 2);
    assert_eq!(code(scene.store.walk(&path("/a"), true)), Some(ErrorCode::NotADirectory));
    assert_eq!(code(scene.store.walk(&path("/none"), true)), Some(ErrorCode::NotFound));
}

pub(crate) fn walks_can_leave_directories_out(scene: &Scene) {
    for file in ["/a/1", "/b/1", "/c"] {
        let (directory, _) = path(file).split().unwrap();
        scene.directory(directory.as_str());
        scene.file(file, b"");
    }
    let mut walk = scene.store.walk(&path("/"), true).unwrap();
    let mut seen = Vec::new();
    while let Some(Listed::Entry(entry)) = walk.next() {
        if entry.path == path("/a") {
            walk.skip_directory();
        }
        seen.push(entry.path.to_string());
    }
    assert_eq!(seen, ["/a", "/b", "/b/1", "/c"]);
}

pub(crate) fn what_is_not_there_or_something_else_is_told_by_its_code(scene: &Scene) {
    scene.file("/file", b"");
    scene.directory("/directory");
    let store = &scene.store;
    assert_eq!(code(store.stat(&path("/none"))), Some(ErrorCode::NotFound));
    assert_eq!(code(store.stat(&path("/file/below"))), Some(ErrorCode::NotADirectory));
    assert_eq!(code(store.open(&path("/directory"))), Some(ErrorCode::NotAFile));
    assert_eq!(code(store.open(&path("/none"))), Some(ErrorCode::NotFound));
    assert_eq!(code(store.edit(&path("/directory"), true)), Some(ErrorCode::NotAFile));
    assert_eq!(code(store.edit(&path("/none"), false)), Some(ErrorCode::NotFound));
    assert_eq!(code(store.directory(&path("/file"))), Some(ErrorCode::NotADirectory));
    assert_eq!(code(store.read_link(&path("/file"))), Some(ErrorCode::BadRequest));
    assert_eq!(code(store.create_file(&path("/file"), false)), Some(ErrorCode::AlreadyExists));
    assert_eq!(code(store.create_file(&path("/directory"), true)), Some(ErrorCode::AlreadyExists));
    assert_eq!(code(store.remove(&path("/none"))), Some(ErrorCode::NotFound));
    assert_eq!(code(store.rename(&path("/none"), &path("/new"), false)), Some(ErrorCode::NotFound));
    assert_eq!(code(store.prepare_backup(&path("/directory"), &path("/kept"))), Some(ErrorCode::NotAFile));
}

pub(crate) fn directories_are_made_with_and_without_parents(scene: &Scene) {
    let make = |text: &str, update, parents| scene.store.make_directory(&path(text), update, parents);
    assert_eq!(code(make("/a/b", false, false)), Some(ErrorCode::NotFound));
    assert!(make("/a/b", false, true).unwrap());
    assert_eq!(code(make("/a/b", false, true)), Some(ErrorCode::AlreadyExists));
    assert!(!make("/a/b", true, false).unwrap());
    scene.file("/file", b"");
    assert_eq!(code(make("/file", true, false)), Some(ErrorCode::AlreadyExists));
    assert_eq!(code(make("/file/below", true, true)), Some(ErrorCode::NotADirectory));
    assert_eq!(scene.list("/"), ["/a", "/a/b", "/file"]);
}

pub(crate) fn only_what_is_empty_is_removed_by_itself(scene: &Scene) {
    scene.directory("/directory");
    scene.file("/directory/file", b"");
    assert_eq!(code(scene.store.remove(&path("/directory"))), Some(ErrorCode::NotEmpty));
    assert_eq!(scene.store.remove(&path("/directory/file")).unwrap(), Kind::File);
    assert_eq!(scene.store.remove(&path("/directory")).unwrap(), Kind::Directory);
    assert_eq!(scene.list("/"), [""; 0]);
}

pub(crate) fn a_tree_is_removed_and_counted(scene: &Scene) {
    for number in 0..200 {
        scene.directory(&format!("/tree/{}", number % 7));
        scene.file(&format!("/tree/{}/{number}", number % 7), b"");
    }
    scene.file("/stays", b"");
    assert_eq!(scene.remove_tree("/tree").unwrap(), (200, 8));
    assert_eq!(scene.remove_tree("/stays").unwrap(), (1, 0));
    assert_eq!(code(scene.remove_tree("/stays")), Some(ErrorCode::NotFound));
    assert_eq!(scene.list("/"), [""; 0]);
}

pub(crate) fn renames_replace_only_files_and_only_if_asked(scene: &Scene) {
    let rename = |from: &str, to: &str, replace| scene.store.rename(&path(from), &path(to), replace);
    scene.directory("/directory/below");
    scene.file("/one", b"1");
    scene.file("/two", b"2");
    assert_eq!(code(rename("/one", "/two", false)), Some(ErrorCode::AlreadyExists));
    assert_eq!(code(rename("/one", "/directory", true)), Some(ErrorCode::AlreadyExists));
    assert_eq!(code(rename("/directory", "/two", true)), Some(ErrorCode::AlreadyExists));
    assert_eq!(code(rename("/directory", "/directory/below/in", false)), Some(ErrorCode::IntoItself));
    assert_eq!(code(rename("/one", "/none/one", false)), Some(ErrorCode::NotFound));
    rename("/one", "/two", true).unwrap();
    assert_eq!(scene.read("/two"), b"1");
    rename("/directory", "/moved", false).unwrap();
    rename("/two", "/moved/below/two", false).unwrap();
    assert_eq!(scene.list("/"), ["/moved", "/moved/below", "/moved/below/two"]);
}

pub(crate) fn the_root_stays_as_it_is(scene: &Scene) {
    let (store, root) = (&scene.store, path("/"));
    assert_eq!(store.stat(&root).unwrap().kind, Kind::Directory);
    assert_eq!(code(store.remove(&root)), Some(ErrorCode::BadRequest));
    assert_eq!(code(store.remove_tree(&root)), Some(ErrorCode::BadRequest));
    assert_eq!(code(store.rename(&root, &path("/new"), true)), Some(ErrorCode::BadRequest));
    assert_eq!(code(store.set_mode(&root, 0o700)), Some(ErrorCode::BadRequest));
    assert_eq!(code(store.set_modified(&root, modified())), Some(ErrorCode::BadRequest));
    assert_eq!(code(store.make_link(&root, "x", true)), Some(ErrorCode::BadRequest));
    assert_eq!(code(store.create_file(&root, true)), Some(ErrorCode::AlreadyExists));
    assert_eq!(code(store.make_directory(&root, false, false)), Some(ErrorCode::AlreadyExists));
    assert!(!store.make_directory(&root, true, true).unwrap());
}

pub(crate) fn a_file_is_changed_in_place(scene: &Scene) {
    let mut editing = scene.store.edit(&path("/file"), true).unwrap();
    editing.write_at(b"hello", 2).unwrap();
    editing.append(b"!").unwrap();
    let (_, before) = editing.look().unwrap();
    editing.set_length(4).unwrap();
    assert_eq!(code(editing.set_length(u64::MAX)), Some(ErrorCode::FileTooLarge));
    assert_eq!(code(editing.write_at(b"x", u64::MAX)), Some(ErrorCode::FileTooLarge));
    let (entry, version) = editing.finish().unwrap();
    assert_eq!((entry.path, entry.size), (path("/file"), 4));
    assert_ne!(version, before);
    assert_eq!(version, scene.store.open(&path("/file")).unwrap().version());
    assert_eq!(scene.read("/file"), b"\0\0he");
}

pub(crate) fn a_reader_knows_that_its_file_was_changed(scene: &Scene) {
    scene.file("/file", b"before");
    let source = scene.store.open(&path("/file")).unwrap();
    assert!(source.is_unchanged().unwrap());
    let mut editing = scene.store.edit(&path("/file"), false).unwrap();
    editing.append(b" and after").unwrap();
    editing.finish().unwrap();
    assert!(!source.is_unchanged().unwrap());
    assert_ne!(source.version(), scene.store.open(&path("/file")).unwrap().version());
}

pub(crate) fn a_backup_stays_when_the_first_goes(scene: &Scene) {
    scene.file("/file", b"old");
    scene.link("/link", "file");
    let keep = |from: &str, to: &str| {
        let mut backup = scene.store.prepare_backup(&path(from), &path(to)).unwrap();
        while !backup.is_ready() {
            backup.step().unwrap();
        }
        backup
    };
    drop(keep("/file", "/kept/file"));
    assert_eq!(scene.kind("/kept/file"), None);
    keep("/file", "/kept/file").commit().unwrap();
    keep("/link", "/kept/link").commit().unwrap();
    scene.file("/file", b"new");
    assert_eq!((scene.read("/file"), scene.read("/kept/file")), (b"new".to_vec(), b"old".to_vec()));
    assert_eq!(scene.store.read_link(&path("/kept/link")).unwrap(), "file");
    keep("/file", "/kept/file").commit().unwrap();
    assert_eq!(scene.read("/kept/file"), b"new", "an older backup makes way");
    scene.directory("/taken");
    assert_eq!(code(scene.store.prepare_backup(&path("/file"), &path("/taken"))), Some(ErrorCode::AlreadyExists));
    assert_eq!(code(scene.store.prepare_backup(&path("/file"), &path("/file"))), Some(ErrorCode::BadRequest));
    assert_eq!(code(scene.store.prepare_backup(&path("/taken"), &path("/other"))), Some(ErrorCode::NotAFile));
}

pub(crate) fn parents_are_not_made_where_a_link_leads_nowhere(scene: &Scene) {
    scene.link("/nowhere", "none");
    assert!(scene.store.make_directory(&path("/nowhere/below"), true, true).is_err());
    assert_eq!((scene.kind("/none"), scene.kind("/nowhere")), (None, Some(Kind::Link)));
}

pub(crate) fn holes_are_zeros(scene: &Scene) {
    let mut staged = scene.stage("/file", &StagePlan::default()).unwrap();
    staged.write(b"a").unwrap();
    staged.write_hole(100_000).unwrap();
    staged.write(b"b").unwrap();
    assert_eq!(code(staged.write_hole(u64::MAX)), Some(ErrorCode::FileTooLarge));
    staged.commit().unwrap();
    let bytes = scene.read("/file");
    assert_eq!((bytes.len(), bytes[0], bytes[100_001]), (100_002, b'a', b'b'));
    assert!(bytes[1..100_001].iter().all(|byte| *byte == 0));
}

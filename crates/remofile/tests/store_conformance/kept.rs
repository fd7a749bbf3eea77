//! The promises of any store: what keeps files as they are. What a store cannot do it refuses as `unsupported`, and does nothing.

use super::support::{Scene, code, modified, path};
use remofile::store::{Given, NewSpecial, StagePlan};
use remofile_protocol::wire::{
    Account, AttributeSet, Attributes, ErrorCode, ExtendedAttribute, Kind, Special, Timestamp,
};

pub(crate) fn a_file_has_two_names_until_something_replaces_it_at_one(scene: &Scene) {
    let add = |of: &str, at: &str, replace| scene.store.add_name(&path(of), &path(at), replace);
    scene.directory("/d");
    scene.file("/file", b"one");
    scene.file("/other", b"other");
    if refuses_second_names(scene) {
        return;
    }
    assert!(add("/file", "/d/second", false).unwrap());
    assert!(!add("/file", "/d/second", false).unwrap(), "it has that name");
    assert_eq!(scene.read("/d/second"), b"one");
    assert_eq!(code(add("/file", "/other", false)), Some(ErrorCode::AlreadyExists));
    assert_eq!(code(add("/file", "/d", true)), Some(ErrorCode::AlreadyExists), "no directory is replaced");
    assert_eq!(code(add("/d", "/third", false)), Some(ErrorCode::NotAFile));
    assert_eq!(code(add("/none", "/third", false)), Some(ErrorCode::NotFound));
    assert_eq!(code(add("/file", "/none/third", false)), Some(ErrorCode::NotFound));
    assert!(add("/file", "/other", true).unwrap());
    scene.file("/file", b"another");
    assert_eq!((scene.read("/d/second"), scene.read("/other")), (b"one".to_vec(), b"one".to_vec()));
    scene.store.remove(&path("/d/second")).unwrap();
    assert_eq!(scene.read("/other"), b"one");
    assert_eq!(scene.list("/"), ["/d", "/file", "/other"]);
}

/// Reports whether the store keeps backups but gives no file two names; then nothing is made.
fn refuses_second_names(scene: &Scene) -> bool {
    let refused = code(scene.store.add_name(&path("/file"), &path("/none"), false)) == Some(ErrorCode::Unsupported);
    assert!(scene.kind("/none").is_none() || !refused);
    let _removed = scene.store.remove(&path("/none"));
    refused
}

pub(crate) fn names_of_one_file_share_a_number_that_no_other_has(scene: &Scene) {
    for name in ["/file", "/other", "/single"] {
        scene.file(name, b"same");
        assert_eq!(scene.store.shared_identity(&path(name)).unwrap(), None, "it has one name");
    }
    if refuses_second_names(scene) {
        return;
    }
    scene.store.add_name(&path("/file"), &path("/second"), false).unwrap();
    scene.store.add_name(&path("/other"), &path("/its-second"), false).unwrap();
    let number = |text: &str| scene.store.shared_identity(&path(text)).unwrap();
    assert_eq!(number("/file"), number("/second"));
    assert_eq!(number("/other"), number("/its-second"));
    // A store that does not know says so of both.
    assert!(number("/file").is_none() || number("/file") != number("/other"));
    assert_eq!(number("/single"), None);
    assert_eq!(code(scene.store.shared_identity(&path("/none"))).unwrap_or(ErrorCode::NotFound), ErrorCode::NotFound);
}

pub(crate) fn a_kept_link_leads_anywhere_and_nothing_is_reached_through_it(scene: &Scene) {
    scene.directory("/d");
    scene.file("/file", b"x");
    for (at, target) in [("/absolute", "/etc/passwd"), ("/d/up", "../../../out"), ("/behind", "d/../x"), ("/in", "d")] {
        scene.store.keep_link(&path(at), target, false).unwrap();
        assert_eq!(scene.store.kept_target(&path(at)).unwrap(), target);
        assert_eq!(scene.store.look(&path(at)).unwrap().kind, Kind::Link);
    }
    for at in ["/absolute", "/d/up"] {
        assert!(scene.store.open(&path(at)).is_err() && scene.store.walk(&path(at), true).is_err(), "{at}");
        assert!(scene.stage(&format!("{at}/below"), &StagePlan::default()).is_err(), "{at}");
    }
    let keep = |at: &str, target: &str, replace| code(scene.store.keep_link(&path(at), target, replace));
    assert_eq!(keep("/file", "y", false), Some(ErrorCode::AlreadyExists));
    assert_eq!(keep("/d", "y", true), Some(ErrorCode::AlreadyExists), "no directory is replaced");
    assert_eq!(keep("/l", "", false), Some(ErrorCode::InvalidName));
    assert_eq!(keep("/file", "/y", true), None);
    assert_eq!(scene.store.kept_target(&path("/file")).unwrap(), "/y");
    assert_eq!(code(scene.store.kept_target(&path("/d"))), Some(ErrorCode::BadRequest));
}

pub(crate) fn special_files_are_made_and_told_or_refused(scene: &Scene) {
    scene.directory("/d");
    let new = NewSpecial { special: Special::Pipe, mode: Some(0o640), modified: Some(modified()) };
    let make = |text: &str, replace| scene.store.make_special(&path(text), &new, replace);
    match make("/d/pipe", false) {
        Err(failure) => {
            assert_eq!(failure.code, ErrorCode::Unsupported);
            assert_eq!(scene.kind("/d/pipe"), None);
        }
        Ok(is_made) => {
            assert!(is_made && !make("/d/pipe", false).unwrap(), "the same one is there");
            let entry = scene.store.look(&path("/d/pipe")).unwrap();
            assert_eq!((entry.kind, entry.modified, entry.mode), (Kind::Special, modified(), Some(0o640)));
            assert_eq!(scene.store.special(&path("/d/pipe")).unwrap(), Special::Pipe);
            scene.file("/file", b"x");
            assert_eq!(code(make("/file", false)), Some(ErrorCode::AlreadyExists));
            assert!(make("/file", true).unwrap());
            assert_eq!(code(make("/d", true)), Some(ErrorCode::AlreadyExists), "no directory is replaced");
            assert_eq!(code(scene.store.special(&path("/d"))), Some(ErrorCode::NotAFile));
            assert_eq!(code(scene.store.open(&path("/d/pipe"))), Some(ErrorCode::NotAFile));
        }
    }
}

/// Attributes that every user may give to files of its own.
fn attributes(kind: Kind, size: Option<u64>) -> Attributes {
    let modified = Some(modified());
    Attributes { size, modified, mode: Some(0o2751), ..Attributes::of(kind) }
}

pub(crate) fn attributes_are_given_to_what_they_are_of_and_told_again_or_refused(scene: &Scene) {
    scene.directory("/d");
    let plan = StagePlan { modified: Some(modified()), mode: Some(0o640), ..StagePlan::default() };
    scene.write("/file", b"abc", &plan).unwrap();
    let basic = AttributeSet::TIMES_AND_MODES;
    let give = |text: &str, given: &Attributes| scene.store.give_attributes(&path(text), given, basic);
    if !scene.store.keeps_attributes() {
        assert_eq!(code(scene.store.attributes(&path("/file"), basic)), Some(ErrorCode::Unsupported));
        assert_eq!(code(give("/d", &attributes(Kind::Directory, None))), Some(ErrorCode::Unsupported));
        return;
    }
    let changed = Given { is_changed: true, ..Given::default() };
    assert_eq!(give("/d", &attributes(Kind::Directory, None)).unwrap(), changed);
    assert_eq!(give("/d", &attributes(Kind::Directory, None)).unwrap(), Given::default(), "it has them");
    let told = scene.store.attributes(&path("/d"), basic).unwrap();
    assert_eq!((told.kind, told.modified, told.mode), (Kind::Directory, Some(modified()), Some(0o2751)));
    // Of a file they are only for the version that they were told of.
    let of_file = |size, seconds| Attributes {
        mode: Some(0o600),
        modified: Some(Timestamp::new(seconds, 0)),
        ..attributes(Kind::File, Some(size))
    };
    for other in [of_file(4, modified().seconds()), of_file(3, 5), attributes(Kind::Directory, None)] {
        assert_eq!(give("/file", &other).unwrap(), Given::default(), "{other:?}");
    }
    assert_eq!(scene.store.stat(&path("/file")).unwrap().mode, Some(0o640));
    assert!(give("/file", &of_file(3, modified().seconds())).unwrap().is_changed);
    assert_eq!(scene.store.attributes(&path("/file"), basic).unwrap().mode, Some(0o600));
    assert_eq!(code(give("/none", &of_file(3, 5))), Some(ErrorCode::NotFound));
    assert_eq!(code(scene.store.attributes(&path("/none"), basic)), Some(ErrorCode::NotFound));
}

pub(crate) fn a_link_gets_its_own_time_and_not_what_it_leads_to(scene: &Scene) {
    scene.file("/file", b"abc");
    scene.link("/link", "file");
    let time = scene.store.stat(&path("/file")).unwrap().modified;
    let given = Attributes { mode: None, ..attributes(Kind::Link, None) };
    let outcome = scene.store.give_attributes(&path("/link"), &given, AttributeSet::TIMES_AND_MODES);
    if scene.store.keeps_attributes() {
        assert!(outcome.unwrap().is_changed);
        let told = scene.store.attributes(&path("/link"), AttributeSet::TIMES_AND_MODES).unwrap();
        assert_eq!((told.kind, told.modified, told.mode), (Kind::Link, Some(modified()), None));
    } else {
        assert_eq!(code(outcome), Some(ErrorCode::Unsupported));
    }
    assert_eq!(scene.store.stat(&path("/file")).unwrap().modified, time);
}

/// Copies a file as a server does.
fn copy(scene: &Scene, from: &str, to: &str) {
    let source = scene.store.open(&path(from)).unwrap();
    let (modified, mode) = (Some(source.entry().modified), source.entry().mode);
    let mut staged = scene.stage(to, &StagePlan { modified, mode, ..StagePlan::default() }).unwrap();
    staged.hold_as(&*source).unwrap();
    let mut offset = staged.share(&*source).unwrap().unwrap_or(0);
    while offset < source.entry().size {
        offset += staged.copy(&*source, offset, source.entry().size - offset).unwrap();
    }
    staged.commit().unwrap();
}

pub(crate) fn what_is_held_goes_with_copies_and_what_is_not_is_no_part_of_them(scene: &Scene) {
    let plan = StagePlan { modified: Some(modified()), mode: Some(0o640), ..StagePlan::default() };
    scene.write("/file", b"abc", &plan).unwrap();
    scene.directory("/d");
    scene.directory("/copies");
    let is_kept = scene.store.keeps_attributes();
    let extended = vec![ExtendedAttribute { name: "user.comment".to_owned(), value: vec![0, 255] }];
    let owner = Some(Account { id: 12_345, name: Some("nobody-of-that-name".to_owned()) });
    let given =
        |kind, size| Attributes { owner: owner.clone(), extended: Some(extended.clone()), ..attributes(kind, size) };
    // Only a store that holds attributes is given some that not everybody may give.
    if scene.holds && is_kept {
        let all = AttributeSet::ALL;
        for (text, of) in [("/file", given(Kind::File, Some(3))), ("/d", given(Kind::Directory, None))] {
            let outcome = scene.store.give_attributes(&path(text), &of, all).unwrap();
            assert!(outcome.is_changed && !outcome.refused.is_any(), "{text}: {outcome:?}");
        }
    }
    copy(scene, "/file", "/copies/file");
    scene.store.make_directory(&path("/copies/d"), false, false).unwrap();
    scene.store.hold_as(&path("/d"), &path("/copies/d")).unwrap();
    assert_eq!(scene.read("/copies/file"), b"abc");
    if is_kept {
        for name in ["/file", "/d"] {
            let told = |text: &str| {
                let told = scene.store.attributes(&path(text), AttributeSet::ALL).unwrap();
                (told.owner, told.extended, told.mode.filter(|_| name == "/file"))
            };
            assert_eq!(told(&format!("/copies{name}")), told(name));
        }
        let told = scene.store.attributes(&path("/copies/file"), AttributeSet::ALL).unwrap();
        assert_eq!(told.owner == owner, scene.holds, "{told:?}");
    }
}

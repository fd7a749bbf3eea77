//! The promises of any store: partials.

use super::support::{LARGE, Scene, code, modified, path};
use remofile::store::{Capability, Checkpoint, Partial, ResumeAt, StagePlan};
use remofile_protocol::digest::{DigestKind, Digester};
use remofile_protocol::wire::{ErrorCode, Timestamp};
use std::time::Duration;

fn large() -> StagePlan {
    StagePlan { size: Some(LARGE), modified: Some(modified()), ..StagePlan::default() }
}

fn interrupt(scene: &Scene, text: &str, bytes: &[u8]) {
    let mut staged = scene.stage(text, &large()).unwrap();
    staged.write(bytes).unwrap();
    if staged.wants_checkpoints() {
        let mut digester = Digester::resumable(DigestKind::Xxh3);
        digester.update(bytes);
        let saved = digester.save().unwrap();
        staged.checkpoint(Checkpoint::restore(bytes.len() as u64, &saved).unwrap());
    }
    assert_eq!(scene.store.partials().unwrap(), [], "what is being written is told of to nobody");
    staged.retain_partial();
}

fn the_partial(scene: &Scene) -> Partial {
    let mut partials = scene.store.partials().unwrap();
    assert_eq!(partials.len(), 1);
    partials.remove(0)
}

pub(crate) fn an_interrupted_file_goes_on_where_it_was(scene: &Scene) {
    scene.directory("/a");
    interrupt(scene, "/a/file", &[1; 1000]);
    let partial = the_partial(scene);
    assert_eq!((partial.path, partial.size, partial.received), (path("/a/file"), LARGE, 1000));
    assert_eq!(partial.modified, modified());
    assert_eq!(scene.list("/"), ["/a"]);
    // Where it can be gone on with: anywhere, or at the place that was noted.
    let is_readable = scene.store.capabilities().has(Capability::ReadablePartials);
    let offset = if is_readable { 600 } else { 1000 };
    if is_readable {
        let source = scene.store.read_partial(&path("/a/file")).unwrap();
        let mut bytes = [0; 2000];
        assert_eq!(source.read_at(&mut bytes, 0).unwrap(), 1000);
        assert_eq!((source.entry().size, bytes[999], &source.entry().path), (1000, 1, &path("/a/file")));
    } else {
        assert_eq!(partial.checkpoints.iter().map(|place| place.offset).collect::<Vec<_>>(), [1000]);
        assert_eq!(code(scene.store.read_partial(&path("/a/file"))), Some(ErrorCode::Unsupported));
    }
    let resume = Some(ResumeAt { offset: offset as u64, version: partial.version });
    let mut staged = scene.stage("/a/file", &StagePlan { resume, ..large() }).unwrap();
    staged.write(&vec![2; LARGE as usize - offset]).unwrap();
    staged.commit().unwrap();
    let bytes = scene.read("/a/file");
    assert_eq!((bytes.len() as u64, bytes[offset - 1], bytes[offset]), (LARGE, 1, 2));
    assert_eq!(scene.store.partials().unwrap(), []);
}

pub(crate) fn nothing_is_left_of_a_partial_whose_file_began_anew(scene: &Scene) {
    for is_committed in [false, true] {
        interrupt(scene, "/file", &[1; 1000]);
        let mut staged = scene.stage("/file", &StagePlan { replace: true, ..large() }).unwrap();
        assert_eq!(scene.store.partials().unwrap(), []);
        staged.write(&vec![2; LARGE as usize]).unwrap();
        if is_committed {
            staged.commit().unwrap();
        } else {
            drop(staged);
        }
        assert_eq!(scene.store.partials().unwrap(), []);
    }
}

pub(crate) fn what_is_dropped_or_small_leaves_nothing(scene: &Scene) {
    let mut staged = scene.stage("/file", &large()).unwrap();
    staged.write(b"x").unwrap();
    drop(staged);
    for plan in [
        StagePlan { size: Some(10), ..large() },
        StagePlan { modified: None, ..large() },
        StagePlan { size: None, ..large() },
    ] {
        let mut staged = scene.stage("/file", &plan).unwrap();
        staged.write(b"x").unwrap();
        staged.retain_partial();
    }
    assert_eq!(scene.store.partials().unwrap(), []);
    assert_eq!(code(scene.store.read_partial(&path("/file"))), Some(ErrorCode::NotFound));
    assert!(!scene.store.remove_partial(&path("/file")).unwrap());
}

pub(crate) fn a_partial_that_has_changed_is_not_gone_on_with(scene: &Scene) {
    interrupt(scene, "/file", &[1; 1000]);
    let version = the_partial(scene).version;
    let stage = |offset, version, modified: Timestamp, size| {
        let resume = Some(ResumeAt { offset, version });
        code(scene.stage("/file", &StagePlan { resume, modified: Some(modified), size: Some(size), ..large() }))
    };
    let later = Timestamp::new(1_800_000_000, 0);
    for changed in [
        stage(1000, version ^ 1, modified(), LARGE),
        stage(1001, version, modified(), LARGE),
        stage(1000, version, later, LARGE),
        stage(1000, version, modified(), LARGE + 1),
    ] {
        assert_eq!(changed, Some(ErrorCode::PartialChanged));
    }
    assert_eq!(the_partial(scene).version, version, "it stays as it is");
}

pub(crate) fn partials_are_removed_one_by_one_and_when_they_are_old(scene: &Scene) {
    interrupt(scene, "/b", &[1; 10]);
    scene.store.remove_partial(&path("/b")).unwrap();
    interrupt(scene, "/a", &[1; 10]);
    assert!(!scene.store.remove_partial(&path("/none")).unwrap());
    assert_eq!(scene.store.expire_partials(Duration::from_secs(3600)).unwrap(), 0);
    assert_eq!(the_partial(scene).path, path("/a"));
    assert_eq!(scene.store.expire_partials(Duration::ZERO).unwrap(), 1);
    assert_eq!(scene.store.partials().unwrap(), []);
    assert_eq!(code(scene.store.read_partial(&path("/a"))), Some(ErrorCode::NotFound));
}

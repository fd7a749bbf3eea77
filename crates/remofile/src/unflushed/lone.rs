//! A file that is uploaded alone gets to the disk without all that others have written.

use super::*;

/// A server that has done what it does when it begins, with a directory to upload into.
fn begun() -> (Scene, std::path::PathBuf) {
    let mut scene = Scene::new(Fsync::End);
    scene.stop();
    let inbox = scene.root.path().join("inbox");
    std::fs::create_dir(&inbox).unwrap();
    let before = flushes(scene.root.path());
    scene.start(Fsync::End);
    while flushes(scene.root.path()) == before {
        std::thread::yield_now();
    }
    (scene, inbox)
}

fn send(scene: &Scene, names: &[&str]) -> Result<TransferReport> {
    let sources: Vec<_> = names.iter().map(|name| scene.local.path().join("tree").join(name)).collect();
    scene.client().upload(&sources, &path("/inbox"), &TransferOptions::default(), &mut Silent)
}

#[test]
fn a_lone_file_flushes_itself_and_its_directory_and_nothing_that_others_write() {
    let (scene, inbox) = begun();
    let everything = flushes(scene.root.path());
    for name in ["a", "b/large"] {
        let before = flushes(&inbox);
        assert_eq!(send(&scene, &[name]).unwrap().files, 1);
        assert_eq!(flushes(&inbox), before + 2, "{name}: content and name");
    }
    assert_eq!(flushes(scene.root.path()), everything);
    std::fs::remove_file(inbox.join("a")).unwrap();
    assert_eq!(send(&scene, &["a", "b/c"]).unwrap().files, 2);
    assert!(flushes(scene.root.path()) > everything, "several share a flush");
}

#[test]
fn a_lone_file_whose_name_may_not_be_on_the_disk_is_sent_again() {
    let (scene, inbox) = begun();
    fail_next_flush(&inbox, Errno::IO);
    let failures = send(&scene, &["a"]).unwrap().failures;
    assert_eq!(failures.iter().map(|failure| failure.code).collect::<Vec<_>>(), [ErrorCode::DiskFailure]);
    assert!(failures[0].to_string().contains("run the command again, and it is sent again"), "{failures:?}");
    assert!(scene.is_unflushed("/inbox/a"));
    let again = send(&scene, &["a"]).unwrap();
    assert_eq!((again.files, again.present), (1, 0));
    assert!(!scene.is_unflushed("/inbox/a"));
}

#[test]
fn where_one_directory_cannot_be_flushed_everything_is() {
    let (scene, inbox) = begun();
    let everything = flushes(scene.root.path());
    fail_next_flush(&inbox, Errno::INVAL);
    assert_eq!(send(&scene, &["a"]).unwrap().files, 1);
    assert_eq!(flushes(scene.root.path()), everything + 1);
    assert!(!scene.is_unflushed("/inbox/a"));
}

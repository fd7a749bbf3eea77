//! Directories in the way of files: what is in them goes when the files are there, and not before.

use crate::common::proxy::{CuttingLine, Harm};
use crate::common::{Fixture, noise, remote, write};
use crate::synchronising::scene::{Scene, WAYS, Way, deleting, look};
use remofile::protocol::wire::ErrorCode;
use remofile::{
    Client, ClientOptions, Event, Monitor, RetryOptions, Selection, SyncOptions, synchronize_download,
    synchronize_upload,
};
use std::path::PathBuf;

fn limited() -> Scene {
    let scene = Scene::with_server(Way::Up, Fixture::with(|options| options.file_size_limit = 1 << 20));
    for kept in ["b/x", "b/deep/y", "c/z", "extra"] {
        write(&scene.destination(), kept, "kept");
    }
    scene
}

/// Nothing was deleted in it, and nothing was left.
fn assert_kept(scene: &Scene, also: &[&str]) {
    let mut left = vec!["b", "b/deep", "b/deep/y", "b/x", "c", "c/z", "extra"];
    left.extend(also);
    left.sort_unstable();
    assert_eq!(look(&scene.destination()).keys().collect::<Vec<_>>(), left);
}

#[test]
fn a_directory_does_not_make_way_for_a_file_that_is_not_taken() {
    let mut scene = limited();
    write(&scene.source(), "a", "small");
    write(&scene.source(), "b", noise(2 << 20));
    write(&scene.source(), "c", "small");
    let report = scene.sync(&deleting());
    let codes: Vec<_> = report.transfer.failures.iter().map(|failure| failure.code).collect();
    assert_eq!(codes, [ErrorCode::FileTooLarge]);
    assert_kept(&scene, &["a"]);
    write(&scene.source(), "b", "small");
    scene.sync_whole(&deleting());
}

#[test]
fn nothing_makes_way_and_nothing_is_deleted_when_something_else_could_not_be_sent() {
    let mut scene = limited();
    write(&scene.source(), "a", noise(2 << 20));
    write(&scene.source(), "b", "small");
    write(&scene.source(), "c", "small");
    let report = scene.sync(&deleting());
    assert_eq!(report.transfer.failures.len(), 1);
    assert_eq!(report.transfer.files, 0, "what cannot take its place is not sent");
    assert_kept(&scene, &[]);
}

#[test]
fn an_empty_directory_does_not_make_way_for_a_file_that_is_not_taken() {
    let mut scene = limited();
    write(&scene.source(), "e", noise(2 << 20));
    std::fs::create_dir(scene.destination().join("e")).unwrap();
    scene.sync(&SyncOptions::default());
    assert_kept(&scene, &["e"]);
}

#[test]
fn links_and_files_take_the_places_of_directories() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        write(&scene.source(), "file", "file");
        write(&scene.source(), "empty", "file");
        std::os::unix::fs::symlink("file", scene.source().join("link")).unwrap();
        for gone in ["file/a/b", "link/a", "link/b/c"] {
            write(&scene.destination(), gone, "gone");
        }
        std::fs::create_dir(scene.destination().join("empty")).unwrap();
        scene.sync_whole(&SyncOptions {
            selection: Selection { links: remofile::protocol::wire::Links::Copy, ..deleting().selection },
            ..deleting()
        });
    }
}

#[test]
fn a_run_that_breaks_off_has_either_the_directory_or_the_file() {
    for way in WAYS {
        for at in [1000, 5000, 100_000, 300_000, 400_000, 401_000, 401_500, 402_000] {
            let mut scene = Scene::new(way).patient();
            write(&scene.source(), "b", noise(400_000));
            write(&scene.destination(), "b/x", "kept");
            let cut = if way == Way::Up { (Harm::Cut(at), Harm::None) } else { (Harm::None, Harm::Cut(at)) };
            let line = CuttingLine::new(scene.fixture.address, vec![cut]);
            let mut client = Client::new(ClientOptions { port: line.address.port(), ..scene.fixture.options() });
            let options = SyncOptions { retry: RetryOptions::NEVER, ..deleting() };
            let (local, there) = (scene.local.path().join("tree"), remote("/tree"));
            let _broken = match way {
                Way::Up => synchronize_upload(&mut client, &local, &there, &options, &mut remofile::Silent),
                Way::Down => synchronize_download(&mut client, &there, &local, &options, &mut remofile::Silent),
            };
            drop(client);
            line.end();
            let is_whole = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|file| file.len() == 400_000);
            let directory = scene.destination();
            let files: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
            let has_file = files.iter().any(is_whole);
            assert!(directory.join("b/x").exists() || has_file, "{way:?} {at} {files:?}");
            scene.sync_whole(&options);
        }
    }
}

/// Puts a file somewhere when the plan is made.
struct Interferes(PathBuf);

impl Monitor for Interferes {
    fn report(&mut self, event: Event<'_>) {
        if let Event::Planned { .. } = event {
            std::fs::write(&self.0, "somebody's").unwrap();
        }
    }
}

#[test]
fn what_comes_to_a_place_while_it_is_planned_for_is_not_overwritten() {
    for way in WAYS {
        let scene = Scene::new(way);
        write(&scene.source(), "new", "ours");
        write(&scene.destination(), "extra", "kept");
        let mut monitor = Interferes(scene.destination().join("new"));
        let (local, there) = (scene.local.path().join("tree"), remote("/tree"));
        let (mut client, options) = (scene.fixture.client(), deleting());
        let report = match way {
            Way::Up => synchronize_upload(&mut client, &local, &there, &options, &mut monitor),
            Way::Down => synchronize_download(&mut client, &there, &local, &options, &mut monitor),
        };
        let failures = report.unwrap().transfer.failures;
        let codes: Vec<_> = failures.iter().map(|failure| failure.code).collect();
        assert_eq!(codes, [ErrorCode::AlreadyExists], "{way:?}");
        assert_eq!(std::fs::read(scene.destination().join("new")).unwrap(), b"somebody's", "{way:?}");
        assert!(scene.destination().join("extra").exists(), "{way:?}");
    }
}

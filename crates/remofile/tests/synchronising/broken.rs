//! Lines that break, and runs that are interrupted.

use crate::common::proxy::{CuttingLine, Harm};
use crate::common::{noise, write};
use crate::synchronising::scene::{Scene, WAYS, Way, deleting, look, set_time};
use remofile::{
    Client, ClientOptions, Delta, RetryOptions, Silent, SyncOptions, synchronize_download, synchronize_upload,
};
use std::time::Duration;

fn scene(way: Way) -> Scene {
    let scene = Scene::new(way).patient();
    let large = noise(3 << 20);
    let mut changed = large.clone();
    changed[1 << 20..(1 << 20) + 200_000].fill(9);
    write(&scene.source(), "large", &changed);
    set_time(&write(&scene.destination(), "large", &large), 1, 0);
    write(&scene.source(), "moved/here", noise(200_000));
    write(&scene.destination(), "was/there", noise(200_000));
    for number in 0..50 {
        write(&scene.source(), &format!("small/{number}"), format!("{number}"));
        write(&scene.destination(), &format!("extra/{number}"), "");
    }
    write(&scene.source(), "new", noise(1 << 20));
    scene
}

fn run(scene: &Scene, client: &mut Client, options: &SyncOptions) -> remofile::Result<remofile::SyncReport> {
    let (local, there) = (scene.local.path().join("tree"), crate::common::remote("/tree"));
    match scene.way {
        Way::Up => synchronize_upload(client, &local, &there, options, &mut Silent),
        Way::Down => synchronize_download(client, &there, &local, options, &mut Silent),
    }
}

#[test]
fn a_run_that_is_cut_anywhere_is_finished_by_the_same_call() {
    for way in WAYS {
        for at in [3000, 20_000, 60_000, 200_000, 600_000, 1_100_000] {
            let scene = scene(way);
            let cut = if way == Way::Up { (Harm::Cut(at), Harm::None) } else { (Harm::None, Harm::Cut(at)) };
            let line = CuttingLine::new(scene.fixture.address, vec![cut, (Harm::None, Harm::None)]);
            let options = ClientOptions { port: line.address.port(), ..scene.fixture.options() };
            let retry = RetryOptions { times: 3, pause: Duration::ZERO };
            let options_of_sync = SyncOptions { delta: Delta::Always, retry, ..deleting() };
            run(&scene, &mut Client::new(options), &options_of_sync).unwrap();
            line.end();
            assert_eq!(look(&scene.destination()), look(&scene.source()), "{way:?} {at}");
        }
    }
}

#[test]
fn after_a_run_that_broke_off_there_are_whole_files_only_and_the_next_finishes_it() {
    for way in WAYS {
        for at in [5000, 100_000, 300_000, 900_000] {
            let mut scene = scene(way);
            let (old, new) = (look(&scene.destination()), look(&scene.source()));
            let cut = if way == Way::Up { (Harm::Cut(at), Harm::None) } else { (Harm::None, Harm::Cut(at)) };
            let line = CuttingLine::new(scene.fixture.address, vec![cut]);
            let client = ClientOptions { port: line.address.port(), ..scene.fixture.options() };
            let options = SyncOptions { delta: Delta::Always, retry: RetryOptions::NEVER, ..deleting() };
            let broken = run(&scene, &mut Client::new(client), &options);
            line.end();
            for (name, seen) in look(&scene.destination()) {
                let is_whole =
                    old.get(&name) == Some(&seen) || new.get(&name) == Some(&seen) || name.starts_with("moved/");
                assert!(is_whole, "{way:?} {at} {name}");
            }
            if broken.is_err() {
                assert!(scene.destination().join("extra/7").exists(), "deletions come last");
            }
            scene.sync_whole(&options);
        }
    }
}

//! Files that grow while they are synchronised.

use crate::common::{noise, remote, write};
use crate::synchronising::scene::{Scene, WAYS, Way, set_time};
use remofile::{Delta, Event, Monitor, SyncOptions, synchronize_download, synchronize_upload};
use std::io::Write;
use std::path::PathBuf;

const MIB: usize = 1024 * 1024;
const NAMES: [&str; 3] = ["large", "new", "small"];

/// Appends to files when a plan is made, and again with each progress.
struct Grows {
    directory: PathBuf,
    left: usize,
}

impl Monitor for Grows {
    fn report(&mut self, event: Event<'_>) {
        if matches!(event, Event::Planned { .. } | Event::Transferred { .. }) && self.left > 0 {
            self.left -= 1;
            for name in NAMES {
                let path = self.directory.join(name);
                std::fs::File::options().append(true).open(path).unwrap().write_all(b"a line\n").unwrap();
            }
        }
    }
}

#[test]
fn files_that_grow_arrive_as_they_were_and_the_next_sync_brings_the_rest() {
    for (way, delta) in WAYS.into_iter().flat_map(|way| [(way, Delta::Always), (way, Delta::Never)]) {
        let mut scene = Scene::new(way);
        let old = noise(6 * MIB);
        let new = [&old[..3 * MIB], b"inserted", &old[3 * MIB..]].concat();
        for (name, content) in NAMES.into_iter().zip([&new[..], &old[..], b"small"]) {
            write(&scene.source(), name, content);
        }
        set_time(&write(&scene.destination(), "large", &old), 1, 0);
        let (local, there) = (scene.local.path().join("tree"), remote("/tree"));
        let options = SyncOptions { delta, ..SyncOptions::default() };
        let mut monitor = Grows { directory: scene.source(), left: 4 };
        let mut client = scene.fixture.client();
        let report = match way {
            Way::Up => synchronize_upload(&mut client, &local, &there, &options, &mut monitor),
            Way::Down => synchronize_download(&mut client, &there, &local, &options, &mut monitor),
        };
        assert_eq!(report.unwrap().transfer.failures, [], "{way:?} {delta:?}");
        for (name, content) in NAMES.into_iter().zip([&new[..], &old[..], b"small"]) {
            let there = std::fs::read(scene.destination().join(name)).unwrap();
            let source = std::fs::read(scene.source().join(name)).unwrap();
            assert!(there.starts_with(content) && source.starts_with(&there), "{way:?} {delta:?} {name}");
        }
        drop(client);
        scene.sync_whole(&options);
    }
}

//! Synchronisations over several connections at once.

use crate::common::{noise, remote, write};
use crate::synchronising::scene::{Scene, WAYS, Way, changes, deleting, look, set_time};
use remofile::protocol::wire::Links;
use remofile::{
    Client, ClientOptions, Delta, RetryOptions, Selection, SendOptions, Silent, SyncOptions, synchronize_download,
    synchronize_upload,
};
use std::io::Read;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

fn spread(transfers: u8) -> SyncOptions {
    SyncOptions { transfers, ..deleting() }
}

#[test]
fn several_connections_do_what_one_does() {
    for way in WAYS {
        for transfers in [2, 5, 16] {
            let mut scene = Scene::new(way);
            for number in 0..120 {
                write(&scene.source(), &format!("d{}/e/{number}", number % 7), format!("content of {number}"));
            }
            write(&scene.source(), "large", "x".repeat(3_000_000));
            write(&scene.source(), "changed", "a".repeat(200_000));
            write(&scene.destination(), "changed", format!("{}b", "a".repeat(199_990)));
            set_time(&scene.destination().join("changed"), 1, 0);
            // What is in the way of files, links and directories; what moved; what goes.
            write(&scene.destination(), "d0/e/0/inside", "a directory in the way");
            write(&scene.destination(), "d1", "a file in the way");
            write(&scene.destination(), "extra/file", "goes");
            std::fs::create_dir(scene.destination().join("empty")).unwrap();
            write(&scene.source(), "empty", "a file in place of an empty directory");
            write(&scene.source(), "moved/to", "this has moved");
            write(&scene.destination(), "moved-from", "this has moved");
            symlink("large", scene.source().join("link")).unwrap();
            for name in ["d2", "d3/e"] {
                let mode = std::fs::Permissions::from_mode(0o500);
                std::fs::set_permissions(scene.source().join(name), mode).unwrap();
            }
            let options = SyncOptions {
                selection: Selection { links: Links::Copy, ..Selection::default() },
                send: SendOptions { preserve_mode: true, ..SendOptions::default() },
                delta: Delta::Always,
                ..spread(transfers)
            };
            let report = scene.sync_whole(&options);
            assert!(changes(&report.plan).contains(&"rename moved/to".to_owned()), "{way:?}");
            for name in ["d2", "d3/e"] {
                let mode = std::fs::Permissions::from_mode(0o700);
                let [one, other] = [scene.source(), scene.destination()].map(|tree| tree.join(name));
                assert_eq!(std::fs::metadata(&other).unwrap().permissions().mode() & 0o777, 0o500);
                std::fs::set_permissions(one, mode.clone()).unwrap();
                std::fs::set_permissions(other, mode).unwrap();
            }
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_fails_alone_and_keeps_everything_from_being_deleted() {
    for way in WAYS {
        let mut scene = Scene::new(way);
        for number in 0..20 {
            write(&scene.source(), &format!("{number:02}"), "content");
        }
        write(&scene.destination(), "extra", "stays");
        // Its content is a file whose name is taken by a directory that may not go.
        write(&scene.destination(), "10/inside", "stays");
        let report = scene.sync(&SyncOptions { delete: false, ..spread(4) });
        assert_eq!(report.transfer.failures.len(), 1, "{way:?}");
        assert_eq!(report.transfer.files, 19, "{way:?}");
        assert!(look(&scene.destination()).contains_key("extra"));
    }
}

#[test]
fn a_backup_outside_of_the_destination_is_kept_as_ever() {
    let mut scene = Scene::new(Way::Up);
    for name in ["a", "b", "c"] {
        write(&scene.source(), name, format!("new {name}"));
        write(&scene.destination(), name, "old");
    }
    std::fs::create_dir(scene.fixture.path("kept")).unwrap();
    let report = scene.sync(&SyncOptions { backup: Some("/kept".to_owned()), ..spread(4) });
    assert_eq!(report.transfer.failures, []);
    assert_eq!(changes(&report.plan).len(), 3);
    for name in ["a", "b", "c"] {
        assert_eq!(std::fs::read(scene.fixture.path("kept").join(name)).unwrap(), b"old");
    }
}

/// Forwards connections at once, for as long as the process runs. The one with this number ends when so many bytes have
/// passed in the direction of the content.
fn cutting(server: SocketAddr, way: Way, number: usize, at: u64) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (index, client) in listener.incoming().enumerate() {
            let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
            let most = |direction| if index == number && direction == way { at } else { u64::MAX };
            for (mut from, mut to, most) in [
                (client.try_clone().unwrap(), server.try_clone().unwrap(), most(Way::Up)),
                (server, client, most(Way::Down)),
            ] {
                std::thread::spawn(move || {
                    let _passed = std::io::copy(&mut (&mut from).take(most), &mut to);
                    for stream in [from, to] {
                        let _closed = stream.shutdown(Shutdown::Both);
                    }
                });
            }
        }
    });
    address
}

#[test]
fn a_connection_that_is_lost_costs_another_attempt_and_nothing_else() {
    for way in WAYS {
        for (number, at) in [(0, 3000), (1, 200_000), (3, 500_000)] {
            let scene = Scene::new(way).patient();
            for file in 0..30 {
                write(&scene.source(), &format!("d{}/{file}", file % 3), noise(150_000));
            }
            write(&scene.destination(), "extra", "goes last");
            let port = cutting(scene.fixture.address, way, number, at).port();
            let retry = RetryOptions { times: 3, pause: Duration::ZERO };
            let options = SyncOptions { retry, ..spread(4) };
            let mut client = Client::new(ClientOptions { port, ..scene.fixture.options() });
            let (local, there) = (scene.local.path().join("tree"), remote("/tree"));
            let report = match way {
                Way::Up => synchronize_upload(&mut client, &local, &there, &options, &mut Silent),
                Way::Down => synchronize_download(&mut client, &there, &local, &options, &mut Silent),
            };
            assert_eq!(report.unwrap().transfer.failures, [], "{way:?} {number} {at}");
            assert_eq!(look(&scene.destination()), look(&scene.source()), "{way:?} {number} {at}");
        }
    }
}

//! Hashes of files, and the room of disks, asked of a server over a real socket.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "tests say what went wrong by panicking, and look at the disk directly"
)]

use crate::common;

use common::{Fixture, noise, remote};
use remofile::protocol::hash::{HashAlgorithm, Hasher};
use remofile::protocol::wire::ErrorCode;
use remofile::store::{LocalStore, MemoryStore, Metered, Meters, Prefix, Quota, Store, StoreOptions};
use remofile::{Client, Error, HashOptions};
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::sync::Arc;

fn hash_of(algorithm: HashAlgorithm, content: &[u8]) -> Vec<u8> {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(content);
    hasher.finish()
}

/// The outcome of each source: the paths below it with their hashes, and the failures by their paths.
#[derive(Default)]
struct Answers {
    hashes: Vec<(usize, String, Vec<u8>)>,
    failures: BTreeMap<String, ErrorCode>,
}

fn ask(client: &mut Client, sources: &[&str], options: HashOptions) -> Answers {
    let mut answers = Answers::default();
    let sources = sources.iter().map(|source| remote(source)).collect();
    let asked = client.hash(sources, options, &mut |answer| {
        match answer {
            Ok(file) => answers.hashes.push((file.source, file.below, file.hash)),
            Err(failure) => drop(answers.failures.insert(failure.path.unwrap(), failure.code)),
        }
        Ok(())
    });
    asked.unwrap();
    answers
}

#[test]
fn files_are_hashed_by_every_algorithm_in_the_order_of_their_sources() {
    let fixture = Fixture::new();
    let contents: Vec<(&str, Vec<u8>)> = vec![
        ("z", noise(3 << 20)),
        ("a", Vec::new()),
        ("d/same name", noise(10)),
        ("d", noise(0)),
        ("same name", noise(11)),
    ];
    for (name, content) in contents.iter().filter(|(name, _)| *name != "d") {
        fixture.write(name, content);
    }
    let mut client = fixture.client();
    for algorithm in HashAlgorithm::EVERY {
        let options = HashOptions { algorithm, recursive: false };
        let answers = ask(&mut client, &["/z", "/a", "/d/same name", "/d", "/same name", "/z"], options);
        let expected: Vec<_> = [0, 1, 2, 4, 0]
            .into_iter()
            .zip([0, 1, 2, 4, 5])
            .map(|(content, source)| (source, String::new(), hash_of(algorithm, &contents[content].1)))
            .collect();
        assert_eq!(answers.hashes, expected, "{}", algorithm.name());
        assert_eq!(answers.failures, BTreeMap::from([("/d".to_owned(), ErrorCode::NotAFile)]));
    }
}

#[test]
fn a_tree_is_hashed_with_what_is_in_it_and_what_is_no_file_is_told_or_left_out() {
    let fixture = Fixture::new();
    fixture.write("d/b/file", "f");
    fixture.write("d/a", "a");
    std::fs::create_dir(fixture.path("d/empty")).unwrap();
    symlink("a", fixture.path("d/link")).unwrap();
    symlink("/etc/passwd", fixture.path("out")).unwrap();
    symlink("a", fixture.path("d/inside")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(fixture.path("d/fifo")).status().unwrap();
    assert!(fifo.success());
    let options = HashOptions { recursive: true, ..HashOptions::default() };
    let answers = ask(&mut fixture.client(), &["/d", "/nothing", "/out", "/d/fifo", "/d/link"], options);
    let xxh3 = |content: &str| hash_of(HashAlgorithm::Xxh3, content.as_bytes());
    let expected = [(0, "a".to_owned(), xxh3("a")), (0, "b/file".to_owned(), xxh3("f")), (4, String::new(), xxh3("a"))];
    assert_eq!(answers.hashes, expected);
    assert_eq!(answers.failures["/nothing"], ErrorCode::NotFound);
    assert_eq!(answers.failures["/d/fifo"], ErrorCode::NotAFile);
    assert!(answers.failures.contains_key("/out"), "{:?}", answers.failures);
}

#[test]
fn more_files_are_hashed_in_one_call_than_any_message_names() {
    let fixture = Fixture::new();
    let directory = "d".repeat(200);
    let names: Vec<String> = (0..3000).map(|number| format!("{directory}/{number}")).collect();
    names.iter().for_each(|name| drop(fixture.write(name, name)));
    let sources: Vec<String> = names.iter().map(|name| format!("/{name}")).collect();
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    let answers = ask(&mut fixture.client(), &sources, HashOptions::default());
    assert_eq!(answers.hashes.len(), 3000);
    let right =
        |(source, _, hash): &(usize, String, Vec<u8>)| *hash == hash_of(HashAlgorithm::Xxh3, names[*source].as_bytes());
    assert!(answers.hashes.iter().all(right));
}

#[test]
fn what_is_hashed_already_is_told_while_a_file_without_an_end_is_hashed_and_the_call_can_be_ended() {
    let fixture = Fixture::new();
    fixture.write("small", "s");
    std::fs::File::create(fixture.path("endless")).unwrap().set_len(1 << 43).unwrap();
    let mut client = fixture.client();
    let mut seen = 0;
    let ended = client.hash(vec![remote("/small"), remote("/endless")], HashOptions::default(), &mut |answer| {
        assert_eq!(answer.unwrap().source, 0);
        seen += 1;
        Err(Error::Interrupted)
    });
    assert!(matches!(ended, Err(Error::Interrupted)) && seen == 1, "{ended:?}");
    assert_eq!(client.stat(&remote("/small")).unwrap().size, 1, "the next call is answered");
}

#[test]
fn a_disk_tells_its_room_by_whatever_is_on_it() {
    let fixture = Fixture::new();
    fixture.write("d/file", "f");
    let mut client = fixture.client();
    for path in ["/", "/d", "/d/file"] {
        let space = client.disk_space(&remote(path)).unwrap();
        let told = rustix::fs::statvfs(fixture.root()).unwrap();
        assert_eq!(space.size, told.f_blocks * told.f_frsize);
        assert!(space.used <= space.size && space.free <= space.size);
    }
    for (path, code) in [("/nothing", ErrorCode::NotFound), ("/d/file/x", ErrorCode::NotADirectory)] {
        match client.disk_space(&remote(path)) {
            Err(Error::Remote(failure)) => assert_eq!((failure.code, failure.path.as_deref()), (code, Some(path))),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn who_has_a_quota_sees_it_as_the_disk_and_no_more_room_than_that_has() {
    let root = tempfile::tempdir().unwrap();
    let local: Arc<dyn Store> = Arc::new(LocalStore::open(root.path(), StoreOptions::default()).unwrap());
    local.make_directory(&remote("/own"), false, false).unwrap();
    std::fs::write(root.path().join("own/file"), noise(100)).unwrap();
    let space = |bytes| {
        let quota = Quota { directory: remote("/own"), bytes };
        let metered = Arc::new(Metered::new(Meters::new(Arc::clone(&local)), Some(quota)));
        Prefix::new(metered, remote("/own")).unwrap().space(&remote("/")).unwrap()
    };
    let small = space(1000);
    assert_eq!((small.size, small.used, small.free), (1000, 100, 900));
    let overdrawn = space(50);
    assert_eq!((overdrawn.size, overdrawn.used, overdrawn.free), (50, 100, 0));
    let large = space(u64::MAX);
    assert!(large.size == u64::MAX && large.free < 1 << 60, "{large:?}");
    let disk = local.space(&remote("/")).unwrap();
    let unlimited = Metered::new(Meters::new(Arc::clone(&local)), None).space(&remote("/own")).unwrap();
    assert_eq!(unlimited.size, disk.size);
}

#[test]
fn a_store_without_a_disk_tells_no_room() {
    let failure = MemoryStore::new().space(&remote("/")).unwrap_err();
    assert_eq!(failure.code, ErrorCode::Unsupported);
}

//! Files that are written anew: visible whole when they are closed, or not at all.

use crate::common::{Fixture, noise, remote, visible};
use crate::open_files::code;
use remofile::OpenOptions;
use remofile::protocol::wire::ErrorCode;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn rewriting() -> OpenOptions {
    OpenOptions::new().rewrite()
}

fn new() -> OpenOptions {
    OpenOptions::new().write(true).create_new(true)
}

#[test]
fn others_see_the_old_file_until_the_new_one_is_closed() {
    let fixture = Fixture::new();
    let path = fixture.write("f", "old");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let mut client = fixture.client();
    for size in [0, 3, 5_000_000] {
        let before = std::fs::read(&path).unwrap();
        let content = noise(size);
        let mut file = client.open(&remote("/f"), rewriting()).unwrap();
        file.write_all(&content).unwrap();
        file.flush().unwrap();
        assert!(std::fs::read(&path).unwrap() == before);
        assert_eq!(file.size().unwrap(), size as u64);
        file.close().unwrap();
        assert!(std::fs::read(&path).unwrap() == content);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    }
    assert_eq!(visible(fixture.root()), ["f"]);
}

#[test]
fn it_is_read_sought_and_cut_before_anybody_sees_it() {
    let fixture = Fixture::new();
    let mut file = fixture.client().open(&remote("/f"), rewriting().read(true)).unwrap();
    file.write_all(b"0123456789").unwrap();
    file.seek(SeekFrom::Start(2)).unwrap();
    file.write_all(b"ab").unwrap();
    file.set_len(6).unwrap();
    file.rewind().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "01ab45");
    file.close().unwrap();
    assert_eq!(std::fs::read(fixture.path("f")).unwrap(), b"01ab45");
}

#[test]
fn what_is_not_closed_never_was() {
    let fixture = Fixture::new();
    let path = fixture.write("f", "old");
    let mut client = fixture.client();
    for (name, options) in [("/f", rewriting()), ("/new", new())] {
        for is_dropped in [true, false] {
            let mut file = client.open(&remote(name), options).unwrap();
            file.write_all(&noise(2_000_000)).unwrap();
            if is_dropped { drop(file) } else { file.abort() }
        }
    }
    assert_eq!(std::fs::read(path).unwrap(), b"old");
    assert_eq!(visible(fixture.root()), ["f"]);
}

/// Of two versions that are written in one second, on file systems that keep no more than that.
#[test]
fn what_is_there_is_replaced_though_its_size_and_time_are_those_of_the_new_one() {
    let fixture = Fixture::new();
    let path = fixture.write("f", "old");
    let mut file = fixture.client().open(&remote("/f"), rewriting()).unwrap();
    file.write_all(b"new").unwrap();
    let second = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let there = std::fs::File::options().write(true).open(&path).unwrap();
    there.set_modified(UNIX_EPOCH + Duration::from_secs(second)).unwrap();
    file.close().unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"new");
}

#[test]
fn a_file_that_may_only_be_read_stays_one() {
    let fixture = Fixture::new();
    let path = fixture.write("f", "old");
    for mode in [0o444, 0o400, 0o755] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let mut file = fixture.client().open(&remote("/f"), rewriting()).unwrap();
        file.write_all(b"new").unwrap();
        file.close().unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn what_must_be_new_is_refused_when_it_is_opened_and_when_it_is_closed() {
    let fixture = Fixture::new();
    fixture.write("old", "old");
    let mut client = fixture.client();
    assert_eq!(code(client.open(&remote("/old"), new())), ErrorCode::AlreadyExists);
    let mut file = client.open(&remote("/new"), new()).unwrap();
    file.write_all(b"ours").unwrap();
    fixture.write("new", "theirs");
    assert_eq!(code(file.close()), ErrorCode::AlreadyExists);
    assert_eq!(std::fs::read(fixture.path("new")).unwrap(), b"theirs");
    let mut file = client.open(&remote("/other"), new()).unwrap();
    file.write_all(b"ours").unwrap();
    file.close().unwrap();
    assert_eq!(std::fs::read(fixture.path("other")).unwrap(), b"ours");
}

#[test]
fn what_cannot_be_written_is_refused_when_it_is_opened() {
    let fixture = Fixture::new();
    fixture.write("d/f", "x");
    let mut client = fixture.client();
    assert_eq!(code(client.open(&remote("/d"), rewriting())), ErrorCode::NotAFile);
    assert_eq!(code(client.open(&remote("/none/f"), rewriting())), ErrorCode::NotFound);
    assert_eq!(code(client.open(&remote("/d/f/g"), rewriting())), ErrorCode::NotADirectory);
    let must_exist = OpenOptions::new().write(true).truncate(true);
    assert_eq!(code(client.open(&remote("/none"), must_exist)), ErrorCode::NotFound);
}

#[test]
fn on_a_read_only_server_nothing_is_begun() {
    let fixture = Fixture::with(|options| options.read_only = true);
    fixture.write("f", "old");
    let mut client = fixture.client();
    assert_eq!(code(client.open(&remote("/f"), rewriting())), ErrorCode::ReadOnly);
    assert_eq!(code(client.open(&remote("/new"), new())), ErrorCode::ReadOnly);
}

#[test]
fn what_could_not_be_closed_is_closed_later() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path("d")).unwrap();
    let mut file = fixture.client().open(&remote("/d/f"), rewriting()).unwrap();
    file.write_all(b"content").unwrap();
    std::fs::remove_dir(fixture.path("d")).unwrap();
    assert_eq!(code(file.try_close()), ErrorCode::NotFound);
    std::fs::create_dir(fixture.path("d")).unwrap();
    file.write_all(b" and more").unwrap();
    file.try_close().unwrap();
    file.try_close().unwrap();
    assert_eq!(std::fs::read(fixture.path("d/f")).unwrap(), b"content and more");
    assert!(file.write(b"x").is_err());
}

#[test]
fn a_file_that_is_too_large_leaves_the_old_one() {
    let fixture = Fixture::with(|options| options.file_size_limit = 1000);
    let path = fixture.write("f", "old");
    let mut file = fixture.client().open(&remote("/f"), rewriting()).unwrap();
    file.write_all(&noise(1001)).unwrap();
    let error = file.close().unwrap_err();
    assert_eq!(error.path(), Some("/f"));
    assert_eq!(code(Err::<(), _>(error)), ErrorCode::FileTooLarge);
    assert_eq!(std::fs::read(path).unwrap(), b"old");
}

/// A file that was read, with what it had then.
fn read_before(fixture: &Fixture, name: &str) -> (remofile::Client, remofile::protocol::wire::Version) {
    let mut client = fixture.client();
    let mut file = client.open(&remote(name), OpenOptions::new().read(true)).unwrap();
    file.read_to_end(&mut Vec::new()).unwrap();
    let version = file.version().unwrap();
    (client, version)
}

#[test]
fn a_file_takes_the_place_of_the_version_that_was_read_and_of_no_other() {
    let fixture = Fixture::new();
    for size in [3, 5_000_000] {
        let path = fixture.write("f", "old");
        let (mut client, version) = read_before(&fixture, "/f");
        let rewrite = |client: &mut remofile::Client| {
            let mut file = client.open(&remote("/f"), rewriting()).unwrap();
            file.write_all(&noise(size)).unwrap();
            file
        };
        rewrite(&mut client).close_in_place_of(version).unwrap();
        assert!(std::fs::read(&path).unwrap() == noise(size));
        let theirs = || std::fs::write(&path, "theirs").unwrap();
        let removed = || std::fs::remove_file(&path).unwrap();
        let ways: [&dyn Fn(); 2] = [&theirs, &removed];
        for way in ways {
            let (mut client, version) = read_before(&fixture, "/f");
            let file = rewrite(&mut client);
            way();
            let before = std::fs::read(&path).ok();
            let refused = file.close_in_place_of(version).unwrap_err();
            assert_eq!(refused.path(), Some("/f"), "{refused:?}");
            assert_eq!(code(Err::<(), _>(refused)), ErrorCode::SourceChanged);
            assert!(std::fs::read(&path).ok() == before);
        }
        assert_eq!(visible(fixture.root()), [""; 0]);
        assert!(!fixture.path(".remofile").exists());
    }
}

#[test]
fn only_what_is_rewritten_takes_the_place_of_a_version() {
    let fixture = Fixture::new();
    fixture.write("f", "old");
    let (mut client, version) = read_before(&fixture, "/f");
    let file = client.open(&remote("/f"), OpenOptions::new().read(true).write(true)).unwrap();
    assert!(matches!(file.close_in_place_of(version), Err(remofile::Error::Usage(_))));
}

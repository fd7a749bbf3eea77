//! Files that are written to, replaced or moved while they are read.

use crate::common::{Fixture, noise, remote};
use crate::open_files::{code, io_code, reading, updating};
use remofile::protocol::wire::ErrorCode;
use remofile::{Error, FileRange, RemoteFile, Wait};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

const SIZE: usize = 300_000;

fn rest(file: &mut RemoteFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

fn append(path: &Path, bytes: &[u8]) {
    File::options().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

fn overwrite(path: &Path, bytes: &[u8], offset: u64) {
    File::options().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}

fn replace(fixture: &Fixture, name: &str, content: &[u8]) {
    fixture.write("next", content);
    std::fs::rename(fixture.path("next"), fixture.path(name)).unwrap();
}

fn begun(fixture: &Fixture, name: &str) -> RemoteFile {
    let mut file = fixture.client().open(&remote(name), reading()).unwrap();
    file.read_exact(&mut [0; 100]).unwrap();
    file
}

#[test]
fn a_file_that_grows_is_read_up_to_the_size_that_it_had() {
    let fixture = Fixture::new();
    let content = noise(SIZE);
    let path = fixture.write("log", &content);
    let mut file = begun(&fixture, "/log");
    for _ in 0..3 {
        append(&path, b"more\n");
        let mut some = [0; 60_000];
        file.read_exact(&mut some).unwrap();
    }
    append(&path, b"more\n");
    assert!(rest(&mut file) == content[180_100..]);
    assert_eq!(file.size().unwrap(), SIZE as u64);
    assert_eq!(rest(&mut fixture.client().open(&remote("/log"), reading()).unwrap()).len(), SIZE + 20);
}

#[test]
fn another_time_ends_no_reader() {
    let fixture = Fixture::new();
    let path = fixture.write("f", noise(SIZE));
    let mut file = begun(&fixture, "/f");
    let times = [SystemTime::UNIX_EPOCH + Duration::from_secs(7), SystemTime::now()];
    for time in times {
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        let mut some = [0; 100_000];
        file.read_exact(&mut some).unwrap();
    }
    assert_eq!(rest(&mut file).len(), SIZE - 200_100);
}

#[test]
fn a_file_that_is_replaced_or_removed_is_read_to_its_end_as_it_was() {
    let fixture = Fixture::new();
    let content = noise(SIZE);
    for gone in [false, true] {
        let path = fixture.write("f", &content);
        let mut file = begun(&fixture, "/f");
        match gone {
            true => std::fs::remove_file(path).unwrap(),
            false => replace(&fixture, "f", &noise(1000)),
        }
        assert!(rest(&mut file) == content[100..]);
        file.seek(SeekFrom::Start(1000)).unwrap();
        assert!(rest(&mut file) == content[1000..]);
    }
}

#[test]
fn what_was_read_and_is_not_there_any_more_is_told() {
    let fixture = Fixture::new();
    let path = fixture.write("f", noise(SIZE));
    let mut file = begun(&fixture, "/f");
    // Behind a jump, too, and whether or not it has grown.
    overwrite(&path, b"other", 5);
    file.seek(SeekFrom::Start(200_000)).unwrap();
    assert_eq!(io_code(file.read(&mut [0; 10])), ErrorCode::SourceChanged);

    let mut file = begun(&fixture, "/f");
    append(&path, b"more");
    overwrite(&path, b"again", 5);
    assert_eq!(io_code(file.read_to_end(&mut Vec::new())), ErrorCode::SourceChanged);

    let mut file = begun(&fixture, "/f");
    File::options().write(true).open(&path).unwrap().set_len(100_000).unwrap();
    assert_eq!(io_code(file.read_to_end(&mut Vec::new())), ErrorCode::SourceChanged);
}

#[test]
fn what_changes_before_it_is_read_is_read_as_it_is_then() {
    let fixture = Fixture::new();
    let path = fixture.write("f", noise(SIZE));
    let mut file = begun(&fixture, "/f");
    overwrite(&path, b"other", 250_000);
    assert_eq!(rest(&mut file)[249_900..249_905], *b"other");
}

#[test]
fn a_large_file_whose_beginning_changes_is_not_read_to_its_end() {
    let fixture = Fixture::new();
    let path = fixture.write("f", noise(40_000_000));
    let mut file = begun(&fixture, "/f");
    file.read_exact(&mut vec![0; 30_000_000]).unwrap();
    // The pieces are looked at again when twice as much was read, or here: at the end.
    overwrite(&path, b"other", 50);
    assert_eq!(io_code(file.read_to_end(&mut Vec::new())), ErrorCode::SourceChanged);
}

#[test]
fn a_server_that_has_forgotten_the_file_knows_it_again() {
    let mut fixture = Fixture::new();
    let content = noise(SIZE);
    let path = fixture.write("f", &content);
    let mut file = begun(&fixture, "/f");
    let port = fixture.address.port();
    fixture.stop().unwrap();
    append(&path, b"more");
    let server = remofile::Server::new(fixture.root(), fixture.token.clone()).unwrap();
    let bound = server.bind(port, Some(crate::common::LOCALHOST)).unwrap();
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| bound.serve());
        assert!(rest(&mut file) == content[100..]);
        // A file of the same name that has taken its place since is another one.
        replace(&fixture, "f", &noise(SIZE + 10));
        file.rewind().unwrap();
        assert!(rest(&mut file) == content, "the server has it open");
        server.terminate().unwrap();
        serving.join().unwrap().unwrap();
    });
}

#[test]
fn a_strict_reader_is_told_of_every_change() {
    let fixture = Fixture::new();
    let changes: [fn(&Fixture); 3] = [
        |fixture| append(&fixture.path("f"), b"x"),
        |fixture| {
            File::options().write(true).open(fixture.path("f")).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        },
        |fixture| replace(fixture, "f", b"other"),
    ];
    for change in changes {
        fixture.write("f", noise(SIZE));
        let mut file = fixture.client().open(&remote("/f"), reading().strict(true)).unwrap();
        file.read_exact(&mut [0; 100]).unwrap();
        change(&fixture);
        assert_eq!(io_code(file.read_to_end(&mut Vec::new())), ErrorCode::SourceChanged);
    }
}

/// Reads from a file that is followed, on a thread of its own, until so many bytes have come.
fn follow(fixture: &Fixture, bytes: usize, change: impl FnOnce(&Fixture)) -> Vec<u8> {
    let mut file = fixture.client().open(&remote("/log"), reading().follow(true)).unwrap();
    let mut come = vec![0; bytes];
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| file.read_exact(&mut come).unwrap());
        change(fixture);
        reading.join().unwrap();
    });
    come
}

#[test]
fn a_file_that_is_followed_waits_for_more() {
    let fixture = Fixture::new();
    fixture.write("log", b"1\n");
    let come = follow(&fixture, 6, |fixture| {
        append(&fixture.path("log"), b"2\n");
        append(&fixture.path("log"), b"3\n");
    });
    assert_eq!(come, b"1\n2\n3\n");
}

#[test]
fn a_file_that_is_followed_may_be_emptied_or_replaced() {
    let fixture = Fixture::new();
    fixture.write("log", b"first\n");
    let mut file = fixture.client().open(&remote("/log"), reading().follow(true)).unwrap();
    let mut next = |bytes: usize| {
        let mut come = vec![0; bytes];
        file.read_exact(&mut come).unwrap();
        String::from_utf8(come).unwrap()
    };
    assert_eq!(next(6), "first\n");
    std::fs::write(fixture.path("log"), b"new\n").unwrap();
    assert_eq!(next(4), "new\n");
    // What the old file gets before it is replaced, and after it was moved, is not lost.
    std::fs::rename(fixture.path("log"), fixture.path("log.1")).unwrap();
    append(&fixture.path("log.1"), b"late\n");
    assert_eq!(next(5), "late\n");
    fixture.write("log", b"a longer line than before\n");
    assert_eq!(next(26), "a longer line than before\n");
    replace(&fixture, "log", b"and again\n");
    assert_eq!(next(10), "and again\n");
}

#[test]
fn following_ends_with_the_timeout_and_the_interrupt() {
    let fixture = Fixture::new();
    fixture.write("log", b"");
    let mut file = fixture.client().open(&remote("/log"), reading().follow(true)).unwrap();
    let interrupt = remofile::Interrupt::default();
    file.set_limits(Some(Duration::from_millis(20)), Wait::No, interrupt.clone());
    assert_eq!(file.read(&mut [0; 1]).unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    file.set_limits(None, Wait::No, interrupt.clone());
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| file.read(&mut [0; 1]));
        interrupt.trigger();
        assert!(reading.join().unwrap().is_err());
    });
    for options in [updating().follow(true), reading().follow(true).strict(true)] {
        assert!(matches!(fixture.client().open(&remote("/log"), options), Err(Error::Usage(_))));
    }
}

#[test]
fn parts_of_files_are_read_in_one_flight() {
    let fixture = Fixture::new();
    let content = noise(3_000_000);
    fixture.write("a", &content);
    fixture.write("b", "short");
    let part = |path: &str, offset, length| FileRange { path: remote(path), offset, length };
    let mut wanted: Vec<FileRange> = (0..500).map(|number| part("/a", number * 5000, 4096)).collect();
    wanted.extend([part("/b", 1, u64::MAX), part("/none", 0, 1), part("/a", 5_000_000, 1), part("/a", 0, 3_000_000)]);
    let mut read = fixture.client().read_ranges(&wanted).unwrap();
    assert!(read.pop().unwrap().unwrap() == content);
    assert_eq!(read.pop().unwrap().unwrap(), b"");
    assert_eq!(code(read.pop().unwrap()), ErrorCode::NotFound);
    assert_eq!(read.pop().unwrap().unwrap(), b"hort");
    for (number, bytes) in read.into_iter().enumerate() {
        assert!(bytes.unwrap() == content[number * 5000..number * 5000 + 4096], "{number}");
    }
    assert!(fixture.client().read_ranges(&[]).unwrap().is_empty());
}

#[test]
fn parts_of_an_open_file_are_of_its_version_and_leave_its_position() {
    let fixture = Fixture::new();
    let content = noise(SIZE);
    fixture.write("f", &content);
    let mut file = begun(&fixture, "/f");
    replace(&fixture, "f", b"other");
    let read = file.read_ranges(&[200_000..200_010, 0..5, 299_999..400_000]).unwrap();
    assert_eq!(read, [&content[200_000..200_010], &content[..5], &content[299_999..]]);
    assert_eq!(file.position(), 100);
    let mut new = fixture.client().open(&remote("/new"), updating().create_new(true)).unwrap();
    new.write_all(b"0123456789").unwrap();
    assert_eq!(new.read_ranges(&[2..4, 8..20]).unwrap(), [&b"23"[..], b"89"]);
}

//! Files that are read and changed where they are.

use crate::common::raw::Raw;
use crate::common::{Fixture, noise, remote, visible};
use crate::open_files::{code, io_code, reading, updating};
use remofile::protocol::wire::{ErrorCode, OnConflict, Signal};
use remofile::store::Fsync;
use remofile::{Client, ClientOptions, Error, OpenOptions, RemoteFile, TransferOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;

fn open(fixture: &Fixture, path: &str, options: OpenOptions) -> remofile::Result<RemoteFile> {
    fixture.client().open(&remote(path), options)
}

fn rest(file: &mut RemoteFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_file_is_read_from_anywhere() {
    let fixture = Fixture::new();
    let content = noise(3_000_000);
    fixture.write("d/f", &content);
    let mut file = open(&fixture, "/d/f", reading()).unwrap();
    assert_eq!((file.size().unwrap(), file.path()), (3_000_000, "/d/f"));
    assert!(rest(&mut file) == content);
    assert_eq!(file.seek(SeekFrom::End(-5)).unwrap(), 2_999_995);
    assert_eq!(rest(&mut file), content[2_999_995..]);
    file.seek(SeekFrom::Start(1_500_000)).unwrap();
    let mut some = [0; 10];
    file.read_exact(&mut some).unwrap();
    assert_eq!(some, content[1_500_000..1_500_010]);
    file.seek(SeekFrom::Start(5_000_000)).unwrap();
    assert_eq!(file.read(&mut some).unwrap(), 0);
}

#[test]
fn an_empty_file_and_one_behind_a_link_are_read() {
    let fixture = Fixture::new();
    fixture.write("empty", "");
    fixture.write("f", "content");
    std::os::unix::fs::symlink("f", fixture.path("link")).unwrap();
    assert_eq!(rest(&mut open(&fixture, "/empty", reading()).unwrap()), b"");
    assert_eq!(rest(&mut open(&fixture, "/link", reading()).unwrap()), b"content");
}

#[test]
fn what_is_written_is_where_it_belongs_and_the_rest_stays() {
    let fixture = Fixture::new();
    let path = fixture.write("f", "0123456789");
    let inode = path.metadata().unwrap().ino();
    let mut file = open(&fixture, "/f", updating()).unwrap();
    file.seek(SeekFrom::Start(3)).unwrap();
    file.write_all(b"abc").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"0123456789", "it waits");
    assert_eq!(rest(&mut file), b"6789");
    file.flush().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"012abc6789");
    file.seek(SeekFrom::End(2)).unwrap();
    file.write_all(b"z").unwrap();
    file.rewind().unwrap();
    assert_eq!(rest(&mut file), b"012abc6789\0\0z");
    file.set_len(4).unwrap();
    file.close().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"012a");
    assert_eq!(path.metadata().unwrap().ino(), inode);
}

#[test]
fn what_was_written_behind_a_cut_that_failed_is_still_written() {
    let fixture = Fixture::new();
    let path = fixture.write("f", "0123456789");
    let mut file = open(&fixture, "/f", updating()).unwrap();
    file.seek(SeekFrom::Start(8)).unwrap();
    file.write_all(b"abcd").unwrap();
    let mut raw = Raw::connect(&fixture);
    let other = raw.hold_write();
    assert!(matches!(file.set_len(9), Err(Error::Busy(_))));
    raw.signal(other, Signal::Cancel);
    raw.outcome(other);
    assert_eq!(file.size().unwrap(), 12);
    file.close().unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"01234567abcd");
}

#[test]
fn more_than_waits_is_sent_on_the_way() {
    let fixture = Fixture::new();
    let content = noise(5_000_000);
    let mut file = open(&fixture, "/f", updating().create(true)).unwrap();
    for piece in content.chunks(100_000) {
        file.write_all(piece).unwrap();
    }
    file.rewind().unwrap();
    assert!(rest(&mut file) == content);
    drop(file);
    assert!(std::fs::read(fixture.path("f")).unwrap() == content);
}

#[test]
fn appended_bytes_go_to_the_end_as_it_is_then() {
    let fixture = Fixture::new();
    let append = OpenOptions::new().append(true);
    assert_eq!(code(open(&fixture, "/log", append)), ErrorCode::NotFound);
    let mut one = open(&fixture, "/log", append.create(true).read(true)).unwrap();
    let mut other = open(&fixture, "/log", append).unwrap();
    for line in ["1\n", "2\n", "3\n"] {
        let file = if line == "2\n" { &mut other } else { &mut one };
        file.write_all(line.as_bytes()).unwrap();
        file.flush().unwrap();
    }
    assert_eq!(std::fs::read(fixture.path("log")).unwrap(), b"1\n2\n3\n");
    one.rewind().unwrap();
    assert_eq!(rest(&mut one), b"1\n2\n3\n");
}

#[test]
fn two_versions_are_never_mixed() {
    let fixture = Fixture::new();
    let path = fixture.write("f", vec![b'a'; 1_000_000]);
    let mut file = open(&fixture, "/f", updating()).unwrap();
    let mut some = [0; 10];
    file.read_exact(&mut some).unwrap();
    std::fs::write(&path, vec![b'b'; 1_000_000]).unwrap();
    let mut all = vec![0; 999_000];
    let error = file.read_exact(&mut all).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StaleNetworkFileHandle);
    assert_eq!(io_code::<()>(Err(error)), ErrorCode::SourceChanged);
    // Writes go where they belong, as with a local file; and then its content is known again.
    file.write_all(b"c").unwrap();
    file.flush().unwrap();
    file.rewind().unwrap();
    assert_eq!(rest(&mut file).iter().filter(|byte| **byte == b'b').count(), 999_999);
}

#[test]
fn what_others_appended_before_anything_was_read_is_read() {
    let fixture = Fixture::new();
    let options = OpenOptions::new().append(true).create(true).read(true);
    let mut one = open(&fixture, "/log", options).unwrap();
    one.write_all(b"1\n").unwrap();
    one.flush().unwrap();
    let mut other = open(&fixture, "/log", options).unwrap();
    other.write_all(b"2\n").unwrap();
    other.close().unwrap();
    one.rewind().unwrap();
    assert_eq!(rest(&mut one), b"1\n2\n");
}

#[test]
fn changes_are_as_durable_as_the_server_was_told() {
    for fsync in [Fsync::Each, Fsync::End] {
        let fixture = Fixture::with(|options| options.fsync = fsync);
        let mut file = open(&fixture, "/f", updating().create(true)).unwrap();
        file.write_all(b"content").unwrap();
        file.flush().unwrap();
        assert_eq!(file.size().unwrap(), 7);
        file.rewind().unwrap();
        assert_eq!(rest(&mut file), b"content");
    }
}

#[test]
fn an_open_file_may_go_to_another_thread() {
    let fixture = Fixture::new();
    fixture.write("f", noise(300_000));
    let mut client = fixture.client();
    let files: Vec<RemoteFile> = (0..6).map(|_| client.open(&remote("/f"), reading()).unwrap()).collect();
    let threads: Vec<_> = files.into_iter().map(|mut file| std::thread::spawn(move || rest(&mut file).len())).collect();
    assert_eq!(client.stat(&remote("/f")).unwrap().size, 300_000);
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 300_000));
}

#[test]
fn a_strict_reader_takes_a_file_that_was_replaced_for_another_one() {
    let fixture = Fixture::new();
    fixture.write("f", vec![b'a'; 200_000]);
    let mut file = open(&fixture, "/f", reading().strict(true)).unwrap();
    fixture.write("g", vec![b'b'; 200_000]);
    std::fs::rename(fixture.path("g"), fixture.path("f")).unwrap();
    assert_eq!(io_code(file.read_to_end(&mut Vec::new())), ErrorCode::SourceChanged);
    std::fs::remove_file(fixture.path("f")).unwrap();
    assert_eq!(file.read_to_end(&mut Vec::new()).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn what_cannot_be_opened_says_why() {
    let fixture = Fixture::new();
    fixture.write("d/f", "x");
    for options in [reading(), updating()] {
        assert_eq!(code(open(&fixture, "/d", options)), ErrorCode::NotAFile);
        assert_eq!(code(open(&fixture, "/none", options)), ErrorCode::NotFound);
        assert_eq!(code(open(&fixture, "/d/f/x", options)), ErrorCode::NotADirectory);
        assert_eq!(code(open(&fixture, "/.remofile/x", options)), ErrorCode::InvalidName);
    }
    assert_eq!(code(open(&fixture, "/a:b", updating().create(true))), ErrorCode::InvalidName);
    assert!(matches!(open(&fixture, "/d/f", OpenOptions::new()), Err(Error::Usage(_))));
    let mut file = open(&fixture, "/d/f", reading()).unwrap();
    assert_eq!(file.write(b"x").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(file.seek(SeekFrom::Current(-1)).is_err());
    assert_eq!(visible(fixture.root()), ["d", "d/f"]);
}

#[test]
fn a_read_only_server_is_read_only() {
    let fixture = Fixture::with(|options| options.read_only = true);
    fixture.write("f", "x");
    assert_eq!(code(open(&fixture, "/f", updating())), ErrorCode::ReadOnly);
    assert_eq!(code(open(&fixture, "/new", updating().create(true))), ErrorCode::ReadOnly);
    assert_eq!(rest(&mut open(&fixture, "/f", reading()).unwrap()), b"x");
}

#[test]
fn nothing_is_written_or_cut_beyond_the_limit() {
    let fixture = Fixture::with(|options| options.file_size_limit = 1000);
    let path = fixture.write("f", vec![1; 990]);
    let mut file = open(&fixture, "/f", updating()).unwrap();
    assert_eq!(code(file.set_len(1001)), ErrorCode::FileTooLarge);
    file.seek(SeekFrom::Start(995)).unwrap();
    file.write_all(b"123456").unwrap();
    assert_eq!(io_code(file.flush()), ErrorCode::FileTooLarge);
    assert_eq!(code(file.close()), ErrorCode::FileTooLarge);
    let mut log = open(&fixture, "/f", OpenOptions::new().append(true)).unwrap();
    log.write_all(&[2; 11]).unwrap();
    assert_eq!(io_code(log.flush()), ErrorCode::FileTooLarge);
    assert_eq!(code(log.close()), ErrorCode::FileTooLarge, "what was appended is missing");
    assert_eq!(std::fs::read(path).unwrap().len(), 990);
}

#[test]
fn what_waits_is_forgotten_when_the_work_is_aborted() {
    let fixture = Fixture::new();
    let path = fixture.write("f", "old");
    let mut file = open(&fixture, "/f", updating()).unwrap();
    file.write_all(b"new").unwrap();
    file.abort();
    assert_eq!(std::fs::read(path).unwrap(), b"old");
}

#[test]
fn an_open_file_holds_nothing_and_others_work_meanwhile() {
    let fixture = Fixture::new();
    fixture.write("f", noise(500_000));
    let mut client = fixture.client();
    let mut one = client.open(&remote("/f"), reading()).unwrap();
    let mut other = client.open(&remote("/f"), updating()).unwrap();
    one.read_exact(&mut [0; 100]).unwrap();
    assert!(client.status().unwrap().report.holders.is_empty());
    fixture.client().make_directory(&remote("/d"), false, false).unwrap();
    other.read_exact(&mut [0; 100]).unwrap();
    client.rename(&remote("/d"), &remote("/e"), false).unwrap();
    assert_eq!(rest(&mut one).len(), 499_900);
    assert_eq!(rest(&mut other).len(), 499_900);
}

#[test]
fn a_write_waits_for_others_only_if_it_was_told_to() {
    let fixture = Fixture::new();
    fixture.write("f", "x");
    let mut file = open(&fixture, "/f", updating()).unwrap();
    file.write_all(b"y").unwrap();
    let mut holder = fixture.client();
    let done = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        // It is read, and so is the lease held, until the writer below goes on.
        let options = TransferOptions { on_conflict: OnConflict::Replace, ..TransferOptions::default() };
        holder.upload_stream(Box::new(Slow(done.1)), &remote("/f"), &options, &mut remofile::Silent)
    });
    while fixture.client().status().unwrap().report.holders.is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let busy = file.flush().unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::ResourceBusy);
    drop(done.0);
    thread.join().unwrap().unwrap();
    file.close().unwrap();
    assert_eq!(std::fs::read(fixture.path("f")).unwrap(), b"y");
}

/// A reader that ends when its sender is gone.
struct Slow(std::sync::mpsc::Receiver<()>);

impl Read for Slow {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Ok(self.0.recv().map_or(0, |()| 0))
    }
}

#[test]
fn an_interrupt_ends_what_is_done_with_a_file() {
    let fixture = Fixture::new();
    fixture.write("f", noise(500_000));
    let options: ClientOptions = fixture.options();
    let interrupt = options.interrupt.clone();
    let mut file = Client::new(options).open(&remote("/f"), reading()).unwrap();
    interrupt.trigger();
    let error = file.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(matches!(error.downcast::<Error>(), Ok(Error::Interrupted)));
}

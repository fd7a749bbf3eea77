//! Remote files for programs that await.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{Fixture, noise, remote};
use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};
use remofile::protocol::wire::ErrorCode;
use remofile::{AsyncClient, AsyncRemoteFile, Error, OpenOptions};
use std::future::{Future, poll_fn};
use std::io::{self, SeekFrom};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn open(fixture: &Fixture, options: OpenOptions) -> AsyncRemoteFile {
    block_on(AsyncClient::new(fixture.options()).unwrap().open(&remote("/f"), options)).unwrap()
}

fn read(file: &mut AsyncRemoteFile, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match block_on(poll_fn(|context| Pin::new(&mut *file).poll_read(context, &mut bytes[filled..]))).unwrap() {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    bytes
}

fn write(file: &mut AsyncRemoteFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = block_on(poll_fn(|context| Pin::new(&mut *file).poll_write(context, bytes)))?;
        bytes = &bytes[count..];
    }
    Ok(())
}

fn flush(file: &mut AsyncRemoteFile) -> io::Result<()> {
    block_on(poll_fn(|context| Pin::new(&mut *file).poll_flush(context)))
}

fn close(file: &mut AsyncRemoteFile) -> io::Result<()> {
    block_on(poll_fn(|context| Pin::new(&mut *file).poll_close(context)))
}

fn seek(file: &mut AsyncRemoteFile, to: SeekFrom) -> io::Result<u64> {
    block_on(poll_fn(|context| Pin::new(&mut *file).poll_seek(context, to)))
}

#[test]
fn a_file_is_read_written_and_sought() {
    let fixture = Fixture::new();
    let mut content = noise(1_000_000);
    let path = fixture.write("f", &content);
    let mut file = open(&fixture, OpenOptions::new().read(true).write(true));
    assert_eq!(read(&mut file, 10), content[..10]);
    // The place is that of the reader, however far was read ahead.
    write(&mut file, b"0123456789").unwrap();
    content[10..20].copy_from_slice(b"0123456789");
    assert_eq!(read(&mut file, 500_000), content[20..500_020]);
    assert_eq!(seek(&mut file, SeekFrom::Current(-500_010)).unwrap(), 10);
    assert_eq!(read(&mut file, 2_000_000), content[10..]);
    assert_eq!(block_on(file.size()).unwrap(), 1_000_000);
    block_on(file.set_len(20)).unwrap();
    assert_eq!(seek(&mut file, SeekFrom::End(-5)).unwrap(), 15);
    assert_eq!(read(&mut file, 100), b"56789");
    write(&mut file, &content).unwrap();
    flush(&mut file).unwrap();
    assert!(std::fs::read(&path).unwrap()[20..] == content);
    close(&mut file).unwrap();
    assert!(write(&mut file, b"x").and_then(|()| flush(&mut file)).is_err());
    close(&mut file).unwrap();
}

#[test]
fn a_rewritten_file_is_seen_when_it_is_closed() {
    let fixture = Fixture::new();
    let content = noise(2_000_000);
    let mut file = open(&fixture, OpenOptions::new().rewrite());
    write(&mut file, &content).unwrap();
    flush(&mut file).unwrap();
    assert!(!fixture.path("f").exists());
    close(&mut file).unwrap();
    assert!(std::fs::read(fixture.path("f")).unwrap() == content);
    let mut file = open(&fixture, OpenOptions::new().rewrite());
    write(&mut file, b"never").unwrap();
    file.abort();
    assert!(std::fs::read(fixture.path("f")).unwrap() == content);
}

#[test]
fn calls_that_nobody_waits_for_do_no_harm() {
    let fixture = Fixture::new();
    let content = noise(3_000_000);
    fixture.write("f", &content);
    let mut file = open(&fixture, OpenOptions::new().read(true).write(true));
    for offset in [2_000_000, 1_000_000, 0] {
        let mut context = Context::from_waker(Waker::noop());
        let _left = Pin::new(&mut file).poll_seek(&mut context, SeekFrom::Start(7));
        let mut buffer = [0; 100];
        let _left = Pin::new(&mut file).poll_read(&mut context, &mut buffer);
        assert_eq!(seek(&mut file, SeekFrom::Start(offset as u64)).unwrap(), offset as u64);
        let _left = Pin::new(&mut file).poll_flush(&mut context);
        assert_eq!(read(&mut file, 5000), content[offset..offset + 5000]);
    }
}

#[test]
fn an_error_of_a_write_is_that_of_a_later_call() {
    let fixture = Fixture::with(|options| options.file_size_limit = 1000);
    fixture.write("f", "");
    let mut file = open(&fixture, OpenOptions::new().write(true));
    write(&mut file, &noise(1001)).unwrap();
    let error = close(&mut file).unwrap_err().downcast::<Error>().unwrap();
    assert!(matches!(error, Error::Remote(failure) if failure.code == ErrorCode::FileTooLarge));
}

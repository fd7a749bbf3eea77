//! The client for programs that await, with an executor of ten lines.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::raw::Raw;
use common::{Fixture, assert_serves, remote};
use remofile::{AsyncClient, ClientOptions, Error, Silent, TransferOptions, Wait};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
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

#[test]
fn calls_are_made_in_their_order_whether_they_are_awaited_or_not() {
    let fixture = Fixture::new();
    let client = AsyncClient::new(fixture.options()).unwrap();
    let made = client.call(|client| client.make_directory(&remote("/a"), false, false));
    let created = client.call(|client| client.create_file(&remote("/a/file"), false));
    drop(client.call(|client| client.rename(&remote("/a"), &remote("/b"), false)));
    let found = client.call(|client| client.stat(&remote("/b/file")));
    let missing = client.call(|client| client.stat(&remote("/a/file")));
    assert_eq!(block_on(missing).unwrap_err().kind(), "not-found");
    assert_eq!(block_on(found).unwrap().size, 0);
    assert!(block_on(created).is_ok() && block_on(made).is_ok());
}

#[test]
fn many_calls_from_many_threads_all_end() {
    let fixture = Fixture::new();
    let client = AsyncClient::new(fixture.options()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let client = client.clone();
            scope.spawn(move || {
                for number in 0..20 {
                    let path = remote(&format!("/{thread}-{number}"));
                    block_on(client.call(move |client| client.create_file(&path, false))).unwrap();
                }
            });
        }
    });
    assert_eq!(std::fs::read_dir(fixture.root()).unwrap().count(), 160);
}

#[test]
fn an_interrupt_ends_the_running_call_and_those_in_the_queue() {
    let fixture = Fixture::new();
    let mut holder = Raw::connect(&fixture);
    holder.hold_write();
    let client = AsyncClient::new(ClientOptions { wait: Wait::Forever, ..fixture.options() }).unwrap();
    let (started, begun) = channel();
    let running = client.call(move |client| {
        started.send(()).unwrap();
        client.create_file(&remote("/new"), false)
    });
    let queued: Vec<_> = (0..5).map(|_| client.call(|client| client.create_file(&remote("/new"), false))).collect();
    begun.recv().unwrap();
    client.interrupt();
    assert!(matches!(block_on(running), Err(Error::Interrupted)));
    for call in queued {
        assert!(matches!(block_on(call), Err(Error::Interrupted)));
    }
    assert!(matches!(block_on(client.call(|client| client.status())), Err(Error::Interrupted)));
    drop(holder);
    assert_serves(&fixture);
}

#[test]
fn several_calls_may_be_one() {
    let fixture = Fixture::new();
    let client = AsyncClient::new(fixture.options()).unwrap();
    let both = client.call(|client| {
        client.upload_stream(Box::new(&b"content"[..]), &remote("/file"), &TransferOptions::default(), &mut Silent)?;
        Ok(client.stat(&remote("/file"))?.size)
    });
    drop(client);
    assert_eq!(block_on(both).unwrap(), 7);
}

#[test]
fn a_call_that_panics_keeps_nobody_waiting() {
    let fixture = Fixture::new();
    let client = AsyncClient::new(fixture.options()).unwrap();
    let panicked = client.call(|_| -> remofile::Result<()> { panic!("the caller's own panic") });
    let queued = client.call(|client| client.status());
    assert!(block_on(panicked).is_err());
    assert!(block_on(queued).is_ok());
    assert!(block_on(client.call(|client| client.create_file(&remote("/later"), false))).is_ok());
    assert_serves(&fixture);
}

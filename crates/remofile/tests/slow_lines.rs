//! Lines that are slow and alive.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the disk themselves, and fail by panicking"
)]

use crate::common;

use common::{Fixture, noise, remote, write};
use remofile::{Client, ClientOptions, RetryOptions, Silent, TransferOptions};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// One attempt, so that what it comes to is seen.
fn once() -> TransferOptions {
    TransferOptions { retry: RetryOptions::NEVER, ..TransferOptions::default() }
}

const MIB: usize = 1024 * 1024;

/// Forwards one connection, each way at this many bytes a second.
fn slow_line(server: SocketAddr, rate: usize) -> SocketAddr {
    let listener = TcpListener::bind((common::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    // A line holds little; what waits for it waits in the sender.
    socket2::SockRef::from(&listener).set_recv_buffer_size(256 * 1024).unwrap();
    std::thread::spawn(move || {
        let client = listener.accept().unwrap().0;
        let server = TcpStream::connect(server).unwrap();
        socket2::SockRef::from(&server).set_recv_buffer_size(256 * 1024).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| crawl(&client, &server, rate));
            crawl(&server, &client, rate);
        });
    });
    address
}

fn crawl(mut from: &TcpStream, mut to: &TcpStream, rate: usize) {
    let mut buffer = vec![0; rate / 20];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
        std::thread::sleep(
            Duration::from_millis(50) * u32::try_from(count).unwrap() / u32::try_from(buffer.len()).unwrap(),
        );
    }
    for stream in [from, to] {
        let _closed = stream.shutdown(Shutdown::Both);
    }
}

#[test]
#[ignore = "takes a minute"]
fn an_upload_over_a_slow_line_arrives() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    let file = write(local.path(), "file", noise(6 * MIB));
    let address = slow_line(fixture.address, 100_000);
    let mut client = Client::new(ClientOptions { port: address.port(), ..fixture.options() });
    let report = client.upload(&[file], &remote("/"), &once(), &mut Silent).unwrap();
    assert_eq!(report.files, 1, "{report:?}");
}

#[test]
#[ignore = "takes a minute"]
fn a_download_over_a_slow_line_arrives() {
    let (fixture, local) = (Fixture::new(), tempfile::tempdir().unwrap());
    fixture.write("file", noise(6 * MIB));
    let address = slow_line(fixture.address, 100_000);
    let mut client = Client::new(ClientOptions { port: address.port(), ..fixture.options() });
    let report = client.download(&[remote("/file")], local.path(), &once(), &mut Silent).unwrap();
    assert_eq!(report.files, 1, "{report:?}");
}

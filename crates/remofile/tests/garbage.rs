//! Ten thousand connections that bring nothing good. Alone in its process, as it looks at what that has in use.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    unreachable_pub,
    reason = "tests look at the system themselves, and fail by panicking"
)]

use crate::common;

use common::{Fixture, noise, remote, tree};
use remofile::protocol::key::PrivateKey;
use remofile::protocol::zmtp::{ClientHandshake, ClientSettings, SocketType};
use std::collections::VecDeque;
use std::io::Write;
use std::net::TcpStream;

/// Bytes of memory that this process has in use, tests and server.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn ten_thousand_garbage_connections_leave_a_real_client_served_and_memory_as_it_was() {
    let key = PrivateKey::generate();
    let fixture = Fixture::with(|options| options.private_key = Some(key.clone()));
    assert!(tree(fixture.root()).is_empty());
    let greeting = |server_key| {
        let settings = ClientSettings { identity: Default::default(), socket_type: SocketType::Dealer, server_key };
        ClientHandshake::new(settings).take_output()
    };
    let (null, curve) = (greeting(None), greeting(Some(key.public())));
    let before = resident();
    // Some hundred at a time; the lobby sends away who comes with nothing.
    let mut open: VecDeque<TcpStream> = VecDeque::new();
    for number in 0..10_000 {
        let mut stream = TcpStream::connect(fixture.address).unwrap();
        let garbage = noise(64 + number % 4000);
        let sent = match number % 4 {
            0 => stream.write_all(&garbage),
            1 => stream.write_all(&[&[0xff; 10], &garbage[..]].concat()),
            2 => stream.write_all(&[&null[..], &garbage].concat()),
            _ => stream.write_all(&[&curve[..], b"\x04\xc8", &garbage].concat()),
        };
        drop(sent);
        open.push_back(stream);
        if open.len() > 200 {
            open.pop_front();
        }
        if number % 2500 == 0 {
            let client = remote("/");
            fixture_client(&fixture, &key).list(&client, false, &mut |_| Ok(())).unwrap();
        }
    }
    drop(open);
    fixture_client(&fixture, &key).list(&remote("/"), false, &mut |_| Ok(())).unwrap();
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{} MiB more", grown >> 20);
}

fn fixture_client(fixture: &Fixture, key: &PrivateKey) -> remofile::Client {
    let options = remofile::ClientOptions { public_key: Some(key.public()), ..fixture.options() };
    remofile::Client::connect(options).unwrap()
}

//! What strangers send to the port.

use crate::common::{Fixture, assert_serves, noise};
use crate::peer::ZeroMq;
use remofile::protocol::handshake::ZeroMqHello;
use remofile::protocol::key::PrivateKey;
use remofile::protocol::protocol1::{Directory, Request, Response};
use remofile::protocol::zmtp::{ClientHandshake, ClientSettings, SocketType};
use std::collections::VecDeque;
use std::io::{Read, Write};
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
    assert!(crate::common::tree(fixture.root()).is_empty());
    let greeting = |server_key| {
        let settings = ClientSettings { identity: Default::default(), socket_type: SocketType::Dealer, server_key };
        ClientHandshake::new(settings).take_output()
    };
    let (null, curve) = (greeting(None), greeting(Some(key.public())));
    let before = resident();
    // More at once than the lobby has room for, so that it has to send some away.
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
            let client = crate::common::remote("/");
            fixture_client(&fixture, &key).list(&client, false, &mut |_| Ok(())).unwrap();
        }
    }
    drop(open);
    fixture_client(&fixture, &key).list(&crate::common::remote("/"), false, &mut |_| Ok(())).unwrap();
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{} MiB more", grown >> 20);
}

fn fixture_client(fixture: &Fixture, key: &PrivateKey) -> remofile::Client {
    let options = remofile::ClientOptions { public_key: Some(key.public()), ..fixture.options() };
    remofile::Client::connect(options).unwrap()
}

#[test]
fn a_stranger_gets_no_more_than_a_kibibyte_a_frame_in() {
    let fixture = Fixture::new();
    for kind in [SocketType::Req, SocketType::Dealer] {
        let mut stranger = ZeroMq::try_connect(fixture.address, "nobody", kind, None).unwrap();
        stranger.send(&[&[7; 1025]]);
        assert_eq!(stranger.receive(), None);
        let mut stranger = ZeroMq::try_connect(fixture.address, "nobody", kind, None).unwrap();
        stranger.send(&[&[7; 900], &[7; 900], &[7; 900], &[7; 900]]);
        assert_eq!(stranger.receive(), None);
    }
    assert_serves(&fixture);
}

#[test]
fn what_is_no_message_ends_only_its_own_connection() {
    let fixture = Fixture::new();
    let token = fixture.token.reveal();
    let mut bystander = ZeroMq::req(fixture.address, token);
    let list = Request::ListFiles { directory: Directory::new("/") };
    for frames in
        [&[&[0xa2, 0, 1, 1, 0x82][..]][..], &[&[0xff; 40]], &[b"a", b"b", b"c"], &[&b"a"[..]; 9], &[&[0x82, 0x68]]]
    {
        let mut client = ZeroMq::dealer(fixture.address, token);
        client.send(&[&ZeroMqHello::new("a", "b", None).encode()]);
        client.receive().unwrap();
        client.send(frames);
        assert_eq!(client.receive(), None, "{frames:?}");
        assert_eq!(bystander.ask(&list), Response::FilesListed(Vec::new()));
    }
}

#[test]
fn frames_that_lie_about_their_length_are_not_believed() {
    let fixture = Fixture::new();
    for head in
        [&b"\x02\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"\x02\0\0\0\0\x7f\xff\xff\xff", b"\xf8\0", b"\x04\x02\x09x"]
    {
        let mut client = ZeroMq::req(fixture.address, fixture.token.reveal());
        client.stream.write_all(head).unwrap();
        let mut rest = Vec::new();
        // Whichever way the connection ends, it does.
        let _reset = client.stream.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }
    assert_serves(&fixture);
}

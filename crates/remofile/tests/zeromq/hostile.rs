//! What strangers send to the port.

use crate::common::{Fixture, assert_serves};
use crate::peer::ZeroMq;
use remofile::protocol::handshake::ZeroMqHello;
use remofile::protocol::protocol1::{Directory, Request, Response};
use remofile::protocol::zmtp::SocketType;
use std::io::{Read, Write};

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

//! Hostile messages that strangers send to the port.

use crate::common::{Fixture, assert_serves};
use crate::zeromq::peer::ZeroMq;
use remofile::protocol::handshake::{Refusal, ZeroMqAnswer, ZeroMqHello};
use remofile::protocol::key::PrivateKey;
use remofile::protocol::protocol1::{Directory, Request, Response};
use remofile::protocol::token::Token;
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

/// The head of a frame of 5,000 bytes: more than the lobby reads.
const UNFINISHED: &[u8] = b"\x02\0\0\0\0\0\0\x13\x88";

#[test]
fn a_routing_id_is_not_found_out_with_a_frame_that_never_ends() {
    let closes = |client: &mut ZeroMq| {
        let mut rest = Vec::new();
        let _reset = client.stream.read_to_end(&mut rest);
        assert!(rest.is_empty());
    };
    let guess = |fixture: &Fixture, identity| {
        let mut client = ZeroMq::dealer(fixture.address, identity);
        client.stream.write_all(UNFINISHED).unwrap();
        client
    };
    let besieged = || {
        let fixture = Fixture::serving(Token::parse("my-custom-token").unwrap(), |_| {});
        let mut guesses: Vec<ZeroMq> = (0..20).map(|_| guess(&fixture, "my-custom-tokem")).collect();
        // More than are answered slowly: this one is sent away at once, and nobody looks at its token.
        closes(guesses.last_mut().unwrap());
        closes(&mut guess(&fixture, "my-custom-token"));
        let mut client = ZeroMq::dealer(fixture.address, "my-custom-token");
        client.send(&[&ZeroMqHello::new("a", "b", None).encode()]);
        client.receive().is_none()
    };
    // On a machine that is slow enough the siege may be over too early.
    assert!((0..10).any(|_| besieged()), "guesses with unfinished frames are not counted");
}

#[test]
fn a_first_message_that_is_too_long_for_a_stranger_is_answered_to_whom_the_token_is_known() {
    let key = PrivateKey::generate();
    for key in [None, Some(key)] {
        let fixture = Fixture::with(|options| options.private_key.clone_from(&key));
        let public = key.as_ref().map(PrivateKey::public);
        let connect = |kind| ZeroMq::try_connect(fixture.address, fixture.token.reveal(), kind, public).unwrap();
        // As from clients that connect again by themselves to a server that was started again.
        let mut old = connect(SocketType::Req);
        assert_eq!(old.ask(&Request::SendChunk { data: vec![1; 8192].into() }), Response::BadRequest);
        assert_eq!(old.ask(&Request::ListFiles { directory: Directory::new("/") }), Response::FilesListed(Vec::new()));
        let mut new = connect(SocketType::Dealer);
        new.send(&[b"\xa2\0\x01\x01\x82\x10\xa0", &vec![1; 500_000]]);
        assert_eq!(new.receive(), Some(vec![ZeroMqAnswer::Refused(Refusal::NoSession).encode()]));
    }
}

//! Whole conversations without protection, and what strangers may not do.

use super::*;
use crate::key::{PrivateKey, PublicKey};
use crate::limits::{MAX_ZMTP_HANDSHAKE_BYTES, MAX_ZMTP_HANDSHAKE_FRAME_BYTES};
use proptest::prelude::*;
use std::time::Duration;
use zeroize::Zeroizing;

pub(super) const ME: &[u8] = b"a secret of mine";

pub(super) fn client(server_key: Option<PublicKey>) -> ClientHandshake {
    let (identity, socket_type) = (Zeroizing::new(ME.to_vec()), SocketType::Dealer);
    ClientHandshake::new(ClientSettings { identity, socket_type, server_key })
}

pub(super) fn server(curve: Option<&PrivateKey>, null: bool) -> ServerHandshake {
    ServerHandshake::new(ServerSettings { curve: curve.cloned(), null })
}

/// Hands bytes over in pieces of these sizes, again and again.
fn feed<T>(
    bytes: &[u8],
    sizes: &mut impl Iterator<Item = usize>,
    mut receive: impl FnMut(&[u8]) -> Option<T>,
) -> Option<T> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(sizes.next().unwrap_or(1).clamp(1, rest.len()));
        if let Some(result) = receive(now) {
            assert!(later.is_empty(), "nothing is sent before the other side is ready");
            return Some(result);
        }
        rest = later;
    }
    None
}

/// Runs both sides to the end: the client's peer and the server's.
pub(super) fn run(
    mut client: ClientHandshake,
    mut server: ServerHandshake,
    sizes: &[usize],
) -> Result<(Peer, Peer), HandshakeError> {
    let (mut sizes, mut error) = (sizes.iter().copied().cycle(), None);
    let (mut at_client, mut at_server) = (None, None);
    for _ in 0..8 {
        let mut keep = |result: Result<Option<Peer>, HandshakeError>| {
            result.unwrap_or_else(|problem| {
                error.get_or_insert(problem);
                None
            })
        };
        let bytes = client.take_output();
        at_server = feed(&bytes, &mut sizes, |piece| keep(server.receive(piece))).or(at_server);
        let bytes = server.take_output();
        at_client = feed(&bytes, &mut sizes, |piece| keep(client.receive(piece))).or(at_client);
    }
    match (at_client, at_server, error) {
        (Some(at_client), Some(at_server), None) => Ok((at_client, at_server)),
        (_, _, error) => Err(error.expect("a handshake ends one way or the other")),
    }
}

pub(super) fn sealed(sealer: &mut FrameSealer, body: &[u8], more: bool) -> Vec<u8> {
    let mut frame = [&[0; FrameSealer::PREFIX_BYTES], body].concat();
    let start = sealer.seal(&mut frame, more);
    frame.split_off(start)
}

/// Opens one whole frame; returns its body, and whether more follow.
pub(super) fn opened(opener: &mut FrameOpener, frame: &[u8]) -> (Vec<u8>, bool) {
    let mut frame = frame.to_vec();
    match opener.next(&mut frame) {
        Ok(OpenedFrame::Frame { consumed, body, more }) => {
            assert_eq!(consumed, frame.len());
            (frame[body].to_vec(), more)
        }
        other => panic!("{other:?}"),
    }
}

/// Frames of all sizes around the edges, and commands, in both directions.
fn converse(one: &mut Peer, other: &mut Peer) {
    other.opener.set_limit(70_000);
    for bytes in [0, 1, 221, 222, 223, 254, 255, 256, 257, 65_535, 70_000] {
        let body: Vec<u8> = (0..bytes).map(|at| at as u8).collect();
        for more in [true, false] {
            let frame = sealed(&mut one.sealer, &body, more);
            for length in 0..frame.len().min(60) {
                let step = other.opener.next(&mut frame[..length].to_vec());
                assert!(
                    matches!(step, Ok(OpenedFrame::Incomplete { needed }) if needed > length && needed <= frame.len())
                );
            }
            assert!(opened(&mut other.opener, &frame) == (body.clone(), more), "{bytes}");
        }
    }
    let mut command = |mut frame: Vec<u8>| match other.opener.next(&mut frame) {
        Ok(OpenedFrame::Command { consumed, command }) if consumed == frame.len() => command,
        step => panic!("{step:?}"),
    };
    assert_eq!(command(one.sealer.ping()), Command::Ping { ttl: Duration::ZERO, context: Vec::new() });
    assert_eq!(command(one.sealer.pong(&[7; 20])), Command::Pong);
    assert_eq!(command(one.sealer.error("no\n")), Command::Error("no?".to_owned()));
}

fn check_session(mechanism: Mechanism, sizes: &[usize]) {
    let key = PrivateKey::generate();
    let pinned = (mechanism == Mechanism::Curve).then(|| key.public());
    let (mut at_client, mut at_server) = run(client(pinned), server(Some(&key), true), sizes).unwrap();
    assert_eq!((at_server.mechanism, at_client.mechanism), (mechanism, mechanism));
    assert_eq!((at_server.socket_type, at_client.socket_type), (SocketType::Dealer, SocketType::Router));
    assert_eq!((&at_server.identity[..], &at_client.identity[..]), (ME, &b""[..]));
    converse(&mut at_client, &mut at_server);
    converse(&mut at_server, &mut at_client);
    let shown = format!("{at_client:?}{at_server:?}{:?}{:?}", at_server.opener, at_server.sealer);
    assert!(!shown.contains("secret"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 10))]

    #[test]
    fn sessions_are_made_of_pieces_of_any_size(sizes in proptest::collection::vec(1usize..300, 1..20)) {
        check_session(Mechanism::Null, &sizes);
        check_session(Mechanism::Curve, &sizes);
    }

    #[test]
    fn any_bytes_are_answered_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..64) {
        let key = PrivateKey::generate();
        for (greeting, pinned) in [(greeting::write(Mechanism::Null, false), None), (greeting::write(Mechanism::Curve, false), Some(key.public()))] {
            for start in [0, at, 64] {
                let stream = [&greeting[..start], &bytes].concat();
                let _ = server(Some(&key), true).receive(&stream);
                let _ = client(pinned).receive(&stream);
            }
        }
    }
}

#[test]
fn sessions_are_made_byte_by_byte_and_at_once() {
    for mechanism in [Mechanism::Null, Mechanism::Curve] {
        check_session(mechanism, &[1]);
        check_session(mechanism, &[1 << 20]);
    }
}

/// From RFC 37: the greeting, and READY with the socket's type and its name.
#[test]
fn a_conversation_without_protection_is_that_of_the_specification() {
    let mut server = server(None, true);
    assert_eq!(server.take_output(), b"\xff\0\0\0\0\0\0\0\0\x7f\x03");
    let greeting = [&b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL"[..], &[0; 48]].concat();
    assert!(server.receive(&greeting[..10]).unwrap().is_none());
    assert!(server.take_output().is_empty());
    assert!(server.receive(&greeting[10..]).unwrap().is_none());
    assert_eq!(server.take_output(), [&b"\x01NULL"[..], &[0; 48]].concat());
    let ready = b"\x04\x28\x05READY\x0bSocket-Type\0\0\0\x03REQ\x08Identity\0\0\0\x02me\x01\x00\x00\x05hello";
    let mut peer = server.receive(ready).unwrap().unwrap();
    assert_eq!(server.take_output(), b"\x04\x29\x05READY\x0bSocket-Type\0\0\0\x06ROUTER\x08Identity\0\0\0\0");
    assert_eq!((peer.socket_type, &peer.identity[..]), (SocketType::Req, &b"me"[..]));
    assert_eq!(peer.rest, b"\x01\x00\x00\x05hello");
    assert_eq!(peer.opener.next(&mut peer.rest), Ok(OpenedFrame::Frame { consumed: 2, body: 2..2, more: true }));
    assert_eq!(peer.opener.next(&mut peer.rest[2..]), Ok(OpenedFrame::Frame { consumed: 7, body: 2..7, more: false }));
    assert_eq!(sealed(&mut peer.sealer, b"hello", false), b"\x00\x05hello");
    assert_eq!(sealed(&mut peer.sealer, &[7; 256], true)[..10], *b"\x03\0\0\0\0\0\0\x01\0\x07");
    assert_eq!(peer.sealer.ping(), b"\x04\x07\x04PING\0\0");
    assert_eq!(peer.sealer.pong(b"abc"), b"\x04\x08\x04PONGabc");
    assert_eq!(peer.sealer.error("no"), b"\x04\x09\x05ERROR\x02no");
    assert_eq!(server.receive(b"").unwrap_err(), HandshakeError::Over);
}

#[test]
fn mechanisms_that_are_not_wanted_are_refused_and_ours_is_named() {
    let key = PrivateKey::generate();
    let refused = |curve, null, name: &[u8]| {
        let mut server = server(curve, null);
        let mut greeting = greeting::write(Mechanism::Null, false);
        greeting[12..32].fill(0);
        greeting[12..12 + name.len()].copy_from_slice(name);
        let error = server.receive(&greeting).unwrap_err();
        server.refuse("nobody will see this");
        (error, greeting::read(&server.take_output()).unwrap().mechanism)
    };
    assert_eq!(refused(None, true, b"PLAIN"), (HandshakeError::Mechanism(Offered::Plain), Offered::Null));
    assert_eq!(refused(None, true, b"CURVE"), (HandshakeError::Mechanism(Offered::Curve), Offered::Null));
    assert_eq!(refused(Some(&key), false, b"NULL"), (HandshakeError::Mechanism(Offered::Null), Offered::Curve));
    assert_eq!(refused(Some(&key), true, b"GSSAPI"), (HandshakeError::Mechanism(Offered::Gssapi), Offered::Curve));
    assert_eq!(refused(Some(&key), true, b"X"), (HandshakeError::Mechanism(Offered::Unknown), Offered::Curve));
    let error = run(client(None), server(Some(&key), false), &[64]).unwrap_err();
    assert_eq!(error, HandshakeError::Mechanism(Offered::Null));
    let error = client(None).receive(&greeting::write(Mechanism::Curve, true)).unwrap_err();
    assert_eq!(error, HandshakeError::Mechanism(Offered::Curve));
}

#[test]
fn a_refusal_takes_the_place_of_the_ready() {
    let key = PrivateKey::generate();
    for pinned in [None, Some(key.public())] {
        let (mut client, mut server) = (client(pinned), server(Some(&key), true));
        while server.receive(&client.take_output()).unwrap().is_none() {
            assert!(client.receive(&server.take_output()).unwrap().is_none());
        }
        server.refuse("not you\u{7}");
        server.refuse("twice");
        let error = client.receive(&server.take_output()).unwrap_err();
        assert_eq!(error, HandshakeError::Refused("not you?".to_owned()));
        assert_eq!(client.receive(b"").unwrap_err(), error);
    }
}

#[test]
fn a_refusal_from_the_first_waits_for_the_greeting() {
    let (mut client, mut server) = (client(None), server(None, true));
    server.refuse("too many");
    assert_eq!(server.take_output().len(), 11);
    assert_eq!(server.receive(&client.take_output()).unwrap_err(), HandshakeError::Over);
    let rest = server.take_output();
    let error = client.receive(&[&greeting::write(Mechanism::Null, true)[..11], &rest].concat()).unwrap_err();
    assert_eq!(error, HandshakeError::Refused("too many".to_owned()));
}

#[test]
fn a_refusal_after_the_ready_was_taken_says_nothing() {
    let mut server = server(None, true);
    let mut client = client(None);
    client.receive(&server.take_output()).unwrap();
    server.receive(&client.take_output()).unwrap();
    client.receive(&server.take_output()).unwrap();
    server.receive(&client.take_output()).unwrap().unwrap();
    assert!(client.receive(&server.take_output()).unwrap().is_some());
    server.refuse("too late");
    assert!(server.take_output().is_empty());
}

#[test]
fn other_protocols_and_old_versions_are_refused_at_once() {
    assert_eq!(server(None, true).receive(b"G").unwrap_err(), HandshakeError::NotZeroMq);
    assert_eq!(server(None, true).receive(b"\x01\0").unwrap_err(), HandshakeError::NotZeroMq);
    let old = b"\xff\0\0\0\0\0\0\0\x01\x7f\x01";
    assert_eq!(server(None, true).receive(old).unwrap_err(), HandshakeError::OldVersion);
    assert_eq!(client(None).receive(old).unwrap_err(), HandshakeError::OldVersion);
}

#[test]
fn what_a_stranger_may_send_is_bounded() {
    let greeted = |curve: Option<&PrivateKey>, mechanism, bytes: &[u8]| {
        let mut server = server(curve, true);
        server.receive(&greeting::write(mechanism, false)).unwrap();
        let result = server.receive(bytes).map(|peer| peer.map(|peer| peer.rest.len()));
        assert!(server.reserved_bytes() <= MAX_ZMTP_HANDSHAKE_BYTES);
        result
    };
    let null = |bytes: &[u8]| greeted(None, Mechanism::Null, bytes);
    let too_long = Err(HandshakeError::Frame(FrameError::TooLong));
    assert_eq!(null(b"\x06\0\0\0\0\0\0\x04\x01"), too_long);
    assert_eq!(null(b"\x06\xff\xff\xff\xff\xff\xff\xff\xff"), too_long);
    assert_eq!(null(b"\x05"), Err(HandshakeError::Frame(FrameError::Flags)));
    assert_eq!(null(b"\x80"), Err(HandshakeError::Frame(FrameError::Flags)));
    assert_eq!(null(b"\x00\x05"), Err(HandshakeError::OutOfOrder));
    assert_eq!(null(b"\x04\x05\x04PING"), Err(HandshakeError::OutOfOrder));
    assert_eq!(null(b"\x04\x00"), Err(HandshakeError::OutOfOrder));
    assert_eq!(null(b"\x04\x06\x05READY"), Err(HandshakeError::Metadata));
    assert_eq!(null(&[&b"\x06\0\0\0\0\0\0\x04\0"[..], &[0; 1023]].concat()), Ok(None));
    let key = PrivateKey::generate();
    let hello = [&b"\x06\0\0\0\0\0\0\x04\0\x05HELLO\x01\0"[..], &[0; MAX_ZMTP_HANDSHAKE_FRAME_BYTES]].concat();
    assert_eq!(greeted(Some(&key), Mechanism::Curve, &hello), Err(HandshakeError::Malformed));
}

#[test]
fn frames_beyond_the_limit_are_refused_before_they_are_there() {
    let (mut opener, next) =
        (FrameOpener::null(), |opener: &mut FrameOpener, bytes: &[u8]| opener.next(&mut bytes.to_vec()));
    assert_eq!(next(&mut opener, b""), Ok(OpenedFrame::Incomplete { needed: 2 }));
    assert_eq!(next(&mut opener, b"\x02\0"), Ok(OpenedFrame::Incomplete { needed: 9 }));
    assert_eq!(next(&mut opener, b"\x02\0\0\0\0\0\0\x04\0"), Ok(OpenedFrame::Incomplete { needed: 1033 }));
    assert_eq!(next(&mut opener, b"\x02\0\0\0\0\0\0\x04\x01"), Err(FrameError::TooLong));
    opener.set_limit(1 << 20);
    assert_eq!(next(&mut opener, b"\x02\0\0\0\0\0\x10\0\0"), Ok(OpenedFrame::Incomplete { needed: 9 + (1 << 20) }));
    assert_eq!(next(&mut opener, b"\x02\0\0\0\0\0\x10\0\x01"), Err(FrameError::TooLong));
    assert_eq!(next(&mut opener, b"\x06\0\0\0\0\0\0\x02\x01"), Err(FrameError::TooLong));
    opener.set_limit(usize::MAX);
    assert_eq!(next(&mut opener, b"\x02\xff\xff\xff\xff\xff\xff\xff\xff"), Err(FrameError::TooLong));
    assert_eq!(next(&mut opener, b"\x02\x80\0\0\0\0\0\0\0"), Err(FrameError::TooLong));
}

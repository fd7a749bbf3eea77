//! Tests of CURVE conversations that somebody meddles with.

use super::tests::{client, opened, run, sealed, server};
use super::*;
use crate::key::PrivateKey;

/// The frames of a whole handshake: HELLO, WELCOME, INITIATE, READY. `meddle` may change each on its
/// way, and says whether to go on. What both sides came to.
fn handshake(
    key: &PrivateKey,
    mut meddle: impl FnMut(usize, &mut Vec<u8>),
) -> (Result<Option<Peer>, HandshakeError>, Result<Option<Peer>, HandshakeError>) {
    let (mut client, mut server) = (client(Some(key.public())), server(Some(key), true));
    server.receive(&client.take_output()).unwrap();
    client.receive(&server.take_output()).unwrap();
    let mut step = |number: usize, bytes: Vec<u8>| {
        let mut bytes = bytes;
        meddle(number, &mut bytes);
        bytes
    };
    let mut at_server = Ok(None);
    for flight in 0..2 {
        at_server = server.receive(&step(2 * flight, client.take_output()));
        let at_client = client.receive(&step(2 * flight + 1, server.take_output()));
        if flight == 1 || at_client.is_err() {
            return (at_client, at_server);
        }
    }
    (Ok(None), at_server)
}

fn pair() -> (Peer, Peer) {
    let key = PrivateKey::generate();
    run(client(Some(key.public())), server(Some(&key), false), &[999]).unwrap()
}

#[test]
fn the_commands_have_the_lengths_of_the_specification() {
    let mut lengths = Vec::new();
    let (at_client, at_server) = handshake(&PrivateKey::generate(), |_, bytes| lengths.push(bytes.len()));
    assert!(at_client.unwrap().is_some() && at_server.unwrap().is_some());
    let metadata = |socket_type: usize, identity: usize| 1 + 11 + 4 + socket_type + 1 + 8 + 4 + identity;
    let initiate = 9 + 96 + 8 + 16 + 32 + 96 + metadata(6, 16);
    assert_eq!(lengths, [2 + 200, 2 + 168, 9 + initiate, 2 + 6 + 8 + 16 + metadata(6, 0)]);
}

#[test]
fn every_flipped_bit_of_a_handshake_is_refused() {
    let key = PrivateKey::generate();
    let mut lengths = [0; 4];
    let _ = handshake(&key, |step, bytes| lengths[step] = bytes.len());
    for (step, length) in lengths.into_iter().enumerate() {
        for bit in 0..length * 8 {
            // Every bit of the flags and lengths, of the names and plain fields, and of every seventh
            // byte of the rest: a box is one piece.
            if bit / 8 > 130 && bit / 8 % 7 != 0 {
                continue;
            }
            let flip = |now: usize, bytes: &mut Vec<u8>| {
                if now == step {
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
            };
            let (at_client, at_server) = handshake(&key, flip);
            assert!(!matches!(at_client, Ok(Some(_))), "step {step}, bit {bit}");
            assert!(step == 3 || !matches!(at_server, Ok(Some(_))), "step {step}, bit {bit}");
        }
    }
}

#[test]
fn a_handshake_that_is_cut_goes_no_further() {
    let key = PrivateKey::generate();
    let mut lengths = [0; 4];
    let _ = handshake(&key, |step, bytes| lengths[step] = bytes.len());
    for (step, length) in lengths.into_iter().enumerate() {
        for end in (0..length).filter(|end| end % 5 == 0 || *end < 12 || *end == length - 1) {
            let (at_client, at_server) =
                handshake(&key, |now, bytes| bytes.truncate(if now == step { end } else { 2048 }));
            assert!(matches!(at_client, Ok(None)), "step {step}, {end} bytes");
            assert!(step == 3 || matches!(at_server, Ok(None)), "step {step}, {end} bytes");
        }
    }
}

#[test]
fn commands_of_another_connection_are_refused() {
    let key = PrivateKey::generate();
    let mut recorded = vec![Vec::new(); 4];
    let _ = handshake(&key, |step, bytes| recorded[step] = bytes.clone());
    for replayed in 1..4 {
        let (at_client, at_server) = handshake(&key, |step, bytes| {
            if step == replayed {
                bytes.clone_from(&recorded[step]);
            }
        });
        assert!(!matches!(at_client, Ok(Some(_))), "{replayed}");
        assert!(replayed != 2 || at_server.is_err(), "{replayed}");
    }
    // A whole client, replayed: the server's side of the connection is new each time.
    let mut again = server(Some(&key), true);
    again.receive(&greeting::write(Mechanism::Curve, false)).unwrap();
    assert!(again.receive(&recorded[0]).unwrap().is_none());
    assert_eq!(again.receive(&recorded[2]).unwrap_err(), HandshakeError::NotProved);
}

#[test]
fn commands_out_of_order_are_refused() {
    let key = PrivateKey::generate();
    let mut recorded = vec![Vec::new(); 4];
    let _ = handshake(&key, |step, bytes| recorded[step] = bytes.clone());
    let hello = recorded[0].clone();
    let (_, at_server) = handshake(&key, |step, bytes| {
        if step == 2 {
            bytes.clone_from(&hello);
        }
    });
    assert_eq!(at_server.unwrap_err(), HandshakeError::OutOfOrder);
    let (_, at_server) = handshake(&key, |step, bytes| {
        if step == 0 {
            bytes.clone_from(&recorded[2]);
        }
    });
    assert_eq!(at_server.unwrap_err(), HandshakeError::OutOfOrder);
    let (at_client, _) = handshake(&key, |step, bytes| {
        if step == 1 {
            bytes.clone_from(&recorded[3]);
        }
    });
    assert_eq!(at_client.unwrap_err(), HandshakeError::OutOfOrder);
    let null_ready = b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06DEALER".to_vec();
    for due in [0, 2] {
        let (_, at_server) = handshake(&key, |step, bytes| {
            if step == due {
                bytes.clone_from(&null_ready);
            }
        });
        assert_eq!(at_server.unwrap_err(), HandshakeError::OutOfOrder);
    }
}

#[test]
fn a_wrong_server_key_is_found_out_by_either_side() {
    let (key, other) = (PrivateKey::generate(), PrivateKey::generate());
    let error = run(client(Some(other.public())), server(Some(&key), false), &[64]).unwrap_err();
    assert_eq!(error, HandshakeError::NotProved);
    let mut greeting = greeting::write(Mechanism::Curve, false);
    greeting[32] = 1;
    assert_eq!(server(Some(&key), false).receive(&greeting).unwrap_err(), HandshakeError::Role);
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_message_is_refused() {
    for body in [&b"hello"[..], &[7; 250]] {
        let (mut at_client, mut at_server) = pair();
        let frame = sealed(&mut at_client.sealer, body, false);
        for bit in 0..frame.len() * 8 {
            let mut changed = frame.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let step = at_server.opener.next(&mut changed);
            assert!(matches!(step, Err(_) | Ok(OpenedFrame::Incomplete { .. })), "bit {bit}: {step:?}");
        }
        for end in 0..frame.len() {
            let step = at_server.opener.next(&mut frame[..end].to_vec());
            assert!(matches!(step, Ok(OpenedFrame::Incomplete { needed }) if needed > end), "{end} bytes: {step:?}");
        }
        assert_eq!(opened(&mut at_server.opener, &frame), (body.to_vec(), false));
    }
}

#[test]
fn messages_that_are_doubled_moved_left_out_or_sent_back_are_refused() {
    let (mut at_client, mut at_server) = pair();
    let frames: Vec<_> = (0..4u8).map(|body| sealed(&mut at_client.sealer, &[body], body < 3)).collect();
    let refused = |opener: &mut FrameOpener, frame: &[u8]| {
        assert_eq!(opener.next(&mut frame.to_vec()), Err(FrameError::Tampered));
    };
    refused(&mut at_server.opener, &frames[1]);
    assert_eq!(opened(&mut at_server.opener, &frames[0]), (vec![0], true));
    refused(&mut at_server.opener, &frames[0]);
    refused(&mut at_server.opener, &frames[2]);
    assert_eq!(opened(&mut at_server.opener, &frames[1]), (vec![1], true));
    refused(&mut at_server.opener, &frames[3]);
    refused(&mut at_client.opener, &frames[2]);
    let (_, mut stranger) = pair();
    refused(&mut stranger.opener, &frames[0]);
}

#[test]
fn nothing_unprotected_is_accepted_after_a_handshake() {
    let (_, mut at_server) = pair();
    let ping = FrameSealer::null().ping();
    let long = [&b"\x00\x2a"[..], &[7; 42]].concat();
    for frame in [&b"\x00\x05hello"[..], &ping, b"\x01\x28", &long, b"\x04\x09\x05ERROR\x02no"] {
        assert_eq!(at_server.opener.next(&mut frame.to_vec()), Err(FrameError::Unprotected), "{frame:?}");
    }
}

#[test]
fn the_limit_is_for_the_body_inside() {
    let (mut at_client, mut at_server) = pair();
    let frame = sealed(&mut at_client.sealer, &[7; 1024], false);
    assert_eq!(opened(&mut at_server.opener, &frame).0.len(), 1024);
    let frame = sealed(&mut at_client.sealer, &[7; 1025], false);
    assert_eq!(at_server.opener.next(&mut frame[..9].to_vec()), Err(FrameError::TooLong));
}

//! No bytes of a ZeroMQ stranger do more than be refused or wait, on either side, in whatever pieces.
//! The first byte says what stands in front (nothing, or a greeting), the second how large pieces are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use remofile_protocol::key::PrivateKey;
use remofile_protocol::zmtp::{ClientHandshake, ClientSettings, Mechanism, ServerHandshake, ServerSettings, SocketType};
use std::sync::OnceLock;

fn key() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(PrivateKey::generate)
}

fn greeting(mechanism: &[u8]) -> Vec<u8> {
    let mut greeting = [&b"\xff\0\0\0\0\0\0\0\0\x7f\x03\x01"[..], mechanism].concat();
    greeting.resize(64, 0);
    greeting
}

fuzz_target!(|bytes: &[u8]| {
    let [front, piece, rest @ ..] = bytes else { return };
    let front = match front % 3 {
        0 => Vec::new(),
        1 => greeting(b"NULL"),
        _ => greeting(b"CURVE"),
    };
    let stream = [&front, rest].concat();
    let piece = usize::from(*piece).max(1);

    let mut server = ServerHandshake::new(ServerSettings { curve: Some(key().clone()), null: true });
    for part in stream.chunks(piece) {
        match server.receive(part) {
            Ok(None) => {}
            Ok(Some(peer)) => {
                assert_eq!(peer.mechanism, Mechanism::Null, "CURVE cannot be guessed");
                assert!(peer.identity.len() <= 255 && peer.rest.len() <= part.len());
                break;
            }
            Err(_) => break,
        }
    }
    server.refuse("done");
    assert!(server.take_output().len() < 1024);

    for server_key in [None, Some(key().public())] {
        let settings = ClientSettings { identity: Default::default(), socket_type: SocketType::Req, server_key };
        let mut client = ClientHandshake::new(settings);
        for part in stream.chunks(piece) {
            match client.receive(part) {
                Ok(None) => {}
                Ok(Some(peer)) => {
                    assert_eq!(peer.mechanism, Mechanism::Null, "CURVE cannot be guessed");
                    break;
                }
                Err(_) => break,
            }
        }
        assert!(client.take_output().len() < 1024);
    }
});

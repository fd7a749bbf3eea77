//! A CURVE conversation between two honest sides that somebody meddles with: whatever was changed is
//! refused or waited for, never accepted, and nothing panics.
//!
//! Input: which step is meddled with, how, where (2 bytes), and the bytes to meddle with.
#![no_main]

use libfuzzer_sys::fuzz_target;
use remofile_protocol::key::PrivateKey;
use remofile_protocol::zmtp::{
    ClientHandshake, ClientSettings, FrameSealer, HandshakeError, Peer, ServerHandshake, ServerSettings, SocketType, OpenedFrame,
};
use std::sync::OnceLock;

/// HELLO, WELCOME, INITIATE, READY; then messages to the server and to the client.
const STEPS: u8 = 6;

fn key() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(PrivateKey::generate)
}

struct Meddler<'a> {
    step: u8,
    how: u8,
    place: usize,
    bytes: &'a [u8],
}

impl Meddler<'_> {
    /// The bytes as they arrive, and whether they are others than those that were sent.
    fn pass(&self, step: u8, sent: Vec<u8>) -> (Vec<u8>, bool) {
        if step != self.step {
            return (sent, false);
        }
        let mut arrived = sent.clone();
        let at = self.place % sent.len();
        match self.how % 5 {
            0 => arrived[at] ^= self.bytes.first().copied().unwrap_or(1),
            1 => arrived.truncate(at),
            2 => drop(arrived.splice(at.., self.bytes.iter().copied())),
            3 => drop(arrived.splice(at..at, self.bytes.iter().copied())),
            _ => {
                for (byte, by) in arrived[at..].iter_mut().zip(self.bytes) {
                    *byte = *by;
                }
            }
        }
        // What stands whole in front is what was sent; what follows it is the next step's.
        let changed = !arrived.starts_with(&sent);
        (arrived, changed)
    }
}

fn handshake(meddler: &Meddler<'_>) -> Result<Option<(Peer, Peer)>, HandshakeError> {
    let settings = ClientSettings {
        identity: b"me".to_vec().into(),
        socket_type: SocketType::Dealer,
        server_key: Some(key().public()),
    };
    let mut client = ClientHandshake::new(settings);
    let mut server = ServerHandshake::new(ServerSettings { curve: Some(key().clone()), null: true });
    server.receive(&client.take_output())?;
    client.receive(&server.take_output())?;
    for flight in 0..2 {
        let (bytes, changed) = meddler.pass(2 * flight, client.take_output());
        let at_server = server.receive(&bytes)?;
        assert!(!(changed && at_server.is_some()), "a changed INITIATE was accepted");
        let answer = server.take_output();
        assert!(!(changed && !answer.is_empty()), "a changed command was answered");
        if answer.is_empty() {
            return Ok(None);
        }
        let (bytes, changed) = meddler.pass(2 * flight + 1, answer);
        let at_client = client.receive(&bytes)?;
        assert!(!(changed && at_client.is_some()), "a changed READY was accepted");
        if let (Some(at_client), Some(at_server)) = (at_client, at_server) {
            return Ok(Some((at_client, at_server)));
        }
    }
    Ok(None)
}

fn converse(meddler: &Meddler<'_>, step: u8, from: &mut Peer, to: &mut Peer) {
    for body in [&b"hello"[..], b"", &[7; 300]] {
        let mut frame = [&[0; FrameSealer::PREFIX_BYTES], body].concat();
        let start = from.sealer.seal(&mut frame, true);
        let (mut arrived, changed) = meddler.pass(step, frame.split_off(start));
        match to.opener.next(&mut arrived) {
            Ok(OpenedFrame::Frame { body: range, more, .. }) => {
                assert!(!changed, "a changed message was accepted");
                assert!(more && arrived[range] == *body);
            }
            Ok(OpenedFrame::Command { .. }) => panic!("nobody sent a command"),
            Ok(OpenedFrame::Incomplete { .. }) | Err(_) => {
                assert!(changed, "a message was refused that was not changed");
                return;
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let [step, how, high, low, bytes @ ..] = bytes else { return };
    let place = usize::from(u16::from_be_bytes([*high, *low]));
    let meddler = Meddler { step: step % STEPS, how: *how, place, bytes };
    match handshake(&meddler) {
        Ok(Some((mut at_client, mut at_server))) => {
            converse(&meddler, 4, &mut at_client, &mut at_server);
            converse(&meddler, 5, &mut at_server, &mut at_client);
        }
        Ok(None) | Err(_) => assert!(meddler.step < 4, "nobody meddled with the handshake"),
    }
});

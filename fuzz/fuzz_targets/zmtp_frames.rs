//! Frames of a stranger stay within their bounds, and mean the same in one piece and in many.
//! The first byte is the limit of a body, in steps of 16 bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use remofile_protocol::zmtp::{
    ClientHandshake, ClientSettings, Command, FrameOpener, ServerHandshake, ServerSettings, SocketType, OpenedFrame,
};

fn opener() -> FrameOpener {
    let settings = ClientSettings { identity: Default::default(), socket_type: SocketType::Req, server_key: None };
    let mut client = ClientHandshake::new(settings);
    let mut server = ServerHandshake::new(ServerSettings { curve: None, null: true });
    let mut peer = None;
    while peer.is_none() {
        peer = server.receive(&client.take_output()).unwrap();
        client.receive(&server.take_output()).unwrap();
    }
    peer.unwrap().opener
}

fuzz_target!(|bytes: &[u8]| {
    let [limit, rest @ ..] = bytes else { return };
    let limit = usize::from(*limit) * 16;
    let mut opener = opener();
    opener.set_limit(limit);
    let (mut buffer, mut at) = (rest.to_vec(), 0);
    loop {
        let step = opener.next(&mut buffer[at..]);
        let left = buffer.len() - at;
        let consumed = match &step {
            Err(_) => break,
            Ok(OpenedFrame::Incomplete { needed }) => {
                assert!(*needed > left && *needed <= limit + 9);
                break;
            }
            Ok(OpenedFrame::Frame { consumed, body, .. }) => {
                assert!(body.len() <= limit && body.end == *consumed);
                *consumed
            }
            Ok(OpenedFrame::Command { consumed, command }) => {
                match command {
                    Command::Ping { context, .. } => assert!(context.len() <= 16),
                    Command::Error(reason) => assert!(reason.len() <= 255 && !reason.contains(char::is_control)),
                    Command::Pong | Command::Other => {}
                }
                *consumed
            }
        };
        assert!(consumed >= 2 && consumed <= left);
        // Cut anywhere, the same frame waits and does not become another.
        for end in [1, 2, 8, 9, consumed - 1] {
            if end < consumed {
                let cut = opener.next(&mut buffer[at..at + end].to_vec());
                assert!(matches!(cut, Ok(OpenedFrame::Incomplete { needed }) if needed > end && needed <= consumed));
            }
        }
        at += consumed;
    }
});

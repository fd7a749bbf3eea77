//! Peers of the ZeroMQ carrier that say much and mean nothing.

use super::*;
use remofile_protocol::zmtp::{ClientHandshake, ClientSettings, ServerHandshake, ServerSettings, SocketType};
use std::io::Write;
use std::net::TcpListener;
use zeroize::Zeroizing;

const MAX_MESSAGE: usize = 100_000;

/// Makes a link, and its peer with a socket of its own.
fn pair() -> (ZmtpLink, Peer, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    let identity = Zeroizing::new(b"somebody".to_vec());
    let mut client =
        ClientHandshake::new(ClientSettings { identity, socket_type: SocketType::Dealer, server_key: None });
    let mut server = ServerHandshake::new(ServerSettings { curve: None, null: true });
    let (mut at_client, mut at_server) = (None, None);
    while at_client.is_none() || at_server.is_none() {
        let (to_server, to_client) = (client.take_output(), server.take_output());
        at_server = at_server.or_else(|| server.receive(&to_server).unwrap());
        at_client = at_client.or_else(|| client.receive(&to_client).unwrap());
    }
    (ZmtpLink::new(near, at_server.unwrap(), 0, MAX_MESSAGE), at_client.unwrap(), far)
}

fn ping(context: &[u8]) -> Vec<u8> {
    let body = [b"\x04PING\0\0", context].concat();
    [&[4, u8::try_from(body.len()).unwrap()], &body[..]].concat()
}

/// Takes what comes until the peer has closed the connection; gives the most bytes that one call read.
fn drain(link: &mut ZmtpLink) -> (u64, LinkError) {
    let mut most = 0;
    loop {
        let before = link.received_bytes();
        let outcome = link.receive().map(|message| message.is_some());
        most = most.max(link.received_bytes() - before);
        match outcome {
            Ok(is_message) => assert!(!is_message),
            Err(error) => return (most, error),
        }
        assert!(link.output.queued == 0, "nothing is queued that nobody asked to send");
    }
}

#[test]
fn a_flood_of_pings_is_taken_a_piece_at_a_time_and_has_one_pong() {
    let (mut link, mut peer, far) = pair();
    let flood = [ping(b"first").repeat(300_000), ping(b"last")].concat();
    let mut writer = far.try_clone().unwrap();
    let thread = std::thread::spawn(move || {
        writer.write_all(&flood).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let (most, error) = drain(&mut link);
    assert!(matches!(error, LinkError::Closed), "{error}");
    assert!(most <= (BYTES_A_CALL + READ_AHEAD) as u64, "{most} bytes in one call");
    thread.join().unwrap();
    assert!(!link.is_flushed() && link.flush().unwrap() && link.is_flushed());
    drop(link);
    let mut answers = Vec::new();
    (&far).read_to_end(&mut answers).unwrap();
    let OpenedFrame::Command { consumed, .. } = peer.opener.next(&mut answers).unwrap() else { panic!("no command") };
    assert_eq!(answers[..consumed], *b"\x04\x09\x04PONGlast");
    assert_eq!(consumed, answers.len(), "one pong");
}

#[test]
fn one_call_takes_so_many_commands_and_no_more() {
    let (mut link, _peer, mut far) = pair();
    far.write_all(&ping(b"").repeat(10 * COMMANDS_A_CALL)).unwrap();
    far.shutdown(std::net::Shutdown::Write).unwrap();
    let mut turns = 0;
    loop {
        match link.receive() {
            Ok(None) => turns += usize::from(link.has_more()),
            Ok(Some(_)) => panic!("a message"),
            Err(error) => break assert!(matches!(error, LinkError::Closed), "{error}"),
        }
    }
    assert!(turns >= 9, "{turns} turns");
}

#[test]
fn a_pong_that_nobody_reads_is_the_only_one() {
    let (mut link, _peer, mut far) = pair();
    for number in 0..3u8 {
        far.write_all(&ping(&[number])).unwrap();
        while link.ping.as_deref() != Some(&[number]) {
            assert!(link.receive().unwrap().is_none());
        }
        // As a socket that takes nothing leaves it.
        link.queue_pong();
        assert_eq!(link.output.frames.len(), 1);
    }
}

#[test]
fn commands_between_the_frames_of_a_message_count_as_a_part_of_it() {
    let (mut link, mut peer, far) = pair();
    let mut frame = [&[0; FrameSealer::PREFIX_BYTES][..], b"a beginning"].concat();
    let start = peer.sealer.seal(&mut frame, true);
    let flood = [frame[start..].to_vec(), ping(b"").repeat(MAX_MESSAGE)].concat();
    let mut writer = far.try_clone().unwrap();
    let thread = std::thread::spawn(move || {
        // The link gives up long before the end.
        let _closed = writer.write_all(&flood);
    });
    let (_, error) = drain(&mut link);
    assert!(matches!(error, LinkError::Malformed), "{error}");
    assert!(link.received_bytes() <= (MAX_MESSAGE + 2 * READ_AHEAD) as u64);
    assert!(link.input.bytes.len() <= 2 * (MAX_MESSAGE + READ_AHEAD));
    drop((link, far));
    thread.join().unwrap();
}

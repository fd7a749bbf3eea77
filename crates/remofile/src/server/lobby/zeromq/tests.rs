use super::*;
use remofile_protocol::handshake::ZeroMqHello;
use remofile_protocol::key::PrivateKey;
use remofile_protocol::token::Token;
use remofile_protocol::zmtp::{ClientHandshake, ClientSettings, SocketType};
use std::sync::LazyLock;
use zeroize::Zeroizing;

const RIGHT: &str = "my-custom-token";
const WRONG: &str = "my-custom-tokem";

const BY_ROUTING_ID: Proved = Proved { token: 0, is_routing_id: true };
const BY_MESSAGE: Proved = Proved { token: 0, is_routing_id: false };

/// Made once: the token is stretched for it.
fn matcher() -> &'static Roster {
    static ROSTER: LazyLock<Roster> = LazyLock::new(|| Roster::of_one(&Token::parse(RIGHT).unwrap()));
    &ROSTER
}

/// A client beside the stranger that it is to the lobby.
struct Met {
    stranger: Stranger,
    client: Peer,
}

/// The lobby as a peer sees it: whether the connection stays open, and the bytes that came.
#[derive(Debug, PartialEq)]
struct Seen {
    is_open: bool,
    sent: Vec<u8>,
}

fn look(stranger: &mut Stranger, bytes: &[u8], token: Option<&Roster>) -> (Verdict, Seen) {
    let verdict = stranger.receive(bytes, token);
    let seen = Seen { is_open: matches!(verdict, Verdict::More), sent: stranger.take_output() };
    (verdict, seen)
}

impl Met {
    /// Goes through the handshake; in all of it a right routing id must look like a wrong one.
    fn new(identity: &str, key: Option<&PrivateKey>) -> (Self, Vec<usize>) {
        let settings = ServerSettings { curve: key.cloned(), null: key.is_none() };
        let mut stranger = Stranger::new(settings);
        let mut client = ClientHandshake::new(ClientSettings {
            identity: Zeroizing::new(identity.as_bytes().to_vec()),
            socket_type: SocketType::Dealer,
            server_key: key.map(PrivateKey::public),
        });
        let mut lengths = Vec::new();
        loop {
            let (verdict, seen) = look(&mut stranger, &client.take_output(), Some(matcher()));
            assert!(matches!(verdict, Verdict::More), "{identity}: it waits for the first message");
            lengths.push(seen.sent.len());
            if let Some(client) = client.receive(&seen.sent).unwrap() {
                return (Self { stranger, client }, lengths);
            }
        }
    }

    /// Returns the bytes of a message.
    fn message(&mut self, frames: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, body) in frames.iter().enumerate() {
            let mut frame = [&[0; FrameSealer::PREFIX_BYTES], *body].concat();
            let start = self.client.sealer.seal(&mut frame, number + 1 < frames.len());
            bytes.extend_from_slice(&frame[start..]);
        }
        bytes
    }
}

fn pair(key: Option<&PrivateKey>) -> (Met, Met) {
    let ((right, right_lengths), (wrong, wrong_lengths)) = (Met::new(RIGHT, key), Met::new(WRONG, key));
    assert_eq!(right_lengths, wrong_lengths);
    (right, wrong)
}

fn hello(token: Option<&str>) -> Vec<u8> {
    ZeroMqHello::new("a", "b", token.map(|token| Zeroizing::new(token.to_owned()))).encode().to_vec()
}

fn keys() -> [Option<PrivateKey>; 2] {
    [None, Some(PrivateKey::generate())]
}

#[test]
fn a_right_routing_id_looks_like_a_wrong_one_until_the_first_message_is_there() {
    for key in keys() {
        for frames in [
            &[&hello(None)[..]][..],
            &[b"", b"\x80\x04K\x01\x8c\x01/\x86."],
            &[b"a", b"b", b"c"],
            &[&[9; 600], &[9; 600]],
        ] {
            let (mut right, mut wrong) = pair(key.as_ref());
            let ping = |met: &mut Met| met.client.sealer.ping();
            let said = [&mut right, &mut wrong].map(|met| [ping(met), met.message(frames)].concat());
            let (last, others) = said[0].len().checked_sub(1).map(|last| (last, 0..last)).unwrap();
            for at in others {
                let (_, seen) = look(&mut right.stranger, &said[0][at..=at], Some(matcher()));
                let (_, other) = look(&mut wrong.stranger, &said[1][at..=at], Some(matcher()));
                assert!(seen.is_open && other.is_open, "{at} of {last}");
                assert_eq!(seen.sent.len(), other.sent.len());
                assert!(key.is_some() || seen == other, "{at}");
            }
            let verdict = right.stranger.receive(&said[0][last..], Some(matcher()));
            assert!(matches!(verdict, Verdict::Known { proved: BY_ROUTING_ID, first: First::Message(_), .. }));
            let verdict = wrong.stranger.receive(&said[1][last..], Some(matcher()));
            assert!(matches!(verdict, Verdict::Refused { is_guess: true, .. }), "it is a guess, whatever was said");
        }
    }
}

#[test]
fn a_first_message_that_is_too_long_is_a_guess_and_goes_on_with_the_right_routing_id() {
    for key in keys() {
        for frames in [
            &[&b""[..], &[7; 5000]][..],
            &[&[7; 70_000]],
            &[b"1", b"2", b"3", b"4", b"5", b"6"],
            &[&[7; 900], &[7; 900], &[7; 900], &[7; 900]],
        ] {
            let (mut right, mut wrong) = pair(key.as_ref());
            let (right_said, wrong_said) = (right.message(frames), wrong.message(frames));
            let judged = |stranger: &mut Stranger, said: &[u8]| {
                let mut bytes = said.iter().enumerate();
                bytes.find_map(|(at, byte)| match stranger.receive(&[*byte], Some(matcher())) {
                    Verdict::More => None,
                    verdict => Some((at, verdict)),
                })
            };
            let (at, verdict) = judged(&mut right.stranger, &right_said).unwrap();
            let Verdict::Known { mut peer, first: First::Beginning(begun), .. } = verdict else { panic!("{at}") };
            let (other, verdict) = judged(&mut wrong.stranger, &wrong_said).unwrap();
            assert_eq!(at, other);
            let Verdict::Refused { refusal: Refusal::Token, bytes, is_guess: true } = verdict else { panic!("{at}") };
            assert!(bytes.is_empty(), "a refusal would be an answer to what was not said");
            // Nothing of it is lost: the rest is read by whoever goes on.
            peer.opener.set_limit(1 << 20);
            let mut input = [&begun.bytes[..], &right_said[at + 1..]].concat();
            let (mut seen, mut parts) = (begun.seen, begun.parts);
            while parts.len() < frames.len() {
                let Ok(OpenedFrame::Frame { consumed, body, .. }) = peer.opener.next(&mut input[seen..]) else {
                    panic!()
                };
                parts.push(seen + body.start..seen + body.end);
                seen += consumed;
            }
            assert_eq!(parts.iter().map(|part| &input[part.clone()]).collect::<Vec<_>>(), frames);
        }
    }
}

#[test]
fn where_no_tokens_are_compared_a_right_one_gets_no_further_than_a_wrong_one() {
    for key in keys() {
        for identity in [RIGHT, WRONG, ""] {
            for said in [hello(Some(RIGHT)), hello(Some(WRONG)), vec![7; 2000]] {
                let (mut met, _) = Met::new(identity, key.as_ref());
                let said = met.message(&[&said]);
                let (verdict, seen) = look(&mut met.stranger, &said, None);
                let is_too_long = said.len() > 2000;
                assert!(match verdict {
                    Verdict::Unheard => true,
                    Verdict::Broken(_) => identity.is_empty() && is_too_long,
                    _ => false,
                });
                assert!(seen.sent.is_empty());
            }
        }
    }
}

#[test]
fn the_token_may_be_said_in_the_first_message_and_a_peer_without_a_routing_id_guesses_nothing() {
    for key in keys() {
        let (mut met, _) = Met::new("", key.as_ref());
        let said = met.message(&[&hello(Some(RIGHT))]);
        let verdict = met.stranger.receive(&said, Some(matcher()));
        assert!(matches!(verdict, Verdict::Known { proved: BY_MESSAGE, .. }));
        let (mut met, _) = Met::new("", key.as_ref());
        let said = met.message(&[b"\xa2\0\x01\x01\x82\x09\xa0"]);
        let verdict = met.stranger.receive(&said, None);
        assert!(matches!(verdict, Verdict::Refused { refusal: Refusal::NoSession, is_guess: false, .. }));
    }
}

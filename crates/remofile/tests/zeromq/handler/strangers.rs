//! Peers that have not proved the token, and one that takes no answers.

use super::*;

#[test]
fn strangers_are_answered_and_get_nothing() {
    let mut served = Served::new();
    write(served.root(), "f", "x");
    let list = Request::ListFiles { directory: Directory::new("/") }.encode();
    served.handler.handle(b"wrong", &[&b""[..], &list]);
    let (identity, frames) = served.awaited();
    assert_eq!(identity, b"wrong");
    assert!(
        matches!(Response::decode(&frames[1]).unwrap(), Response::UnknownError(message) if message.contains("token"))
    );
    served.handler.handle(b"x", &[&ZeroMqHello::new("a", "b", None).encode()]);
    assert_eq!(served.awaited(), (b"x".to_vec(), vec![ZeroMqAnswer::Refused(Refusal::Token).encode()]));
    assert!(matches!(served.list("/"), Response::FilesListed(files) if files.len() == 1));
}

#[test]
fn strangers_take_no_room_from_those_who_have_a_session() {
    let mut served = Served::new();
    assert_eq!(served.upload("f", "/", 600, 512), ACCEPTED);
    let guess = ZeroMqHello::new("a", "b", Some(Zeroizing::new("wrong".into()))).encode();
    for number in 0..2000u32 {
        let identity = [&b"stranger"[..], &number.to_be_bytes()].concat();
        match number % 3 {
            0 => served.handler.handle(&identity, &[&guess]),
            1 => served.handler.handle(&identity, &[&b""[..], b"garbage"]),
            _ => served.handler.handle_from(&identity, LOCALHOST, &[b"garbage"]),
        }
    }
    // Of the answers none is about the token's being right.
    while served.handler.next_reply().is_some() {}
    assert_eq!(served.send(&[1; 512]), Response::ChunkReceived);
    assert_eq!(served.send(&[1; 88]), COMPLETED);
}

#[test]
fn a_wrong_token_in_an_open_session_is_a_guess_like_any_other() {
    let mut served = Served::new();
    let hello = |token: &str| ZeroMqHello::new("a", "b", Some(Zeroizing::new(token.into()))).encode();
    served.handler.handle_from(b"peer", LOCALHOST, &[&hello("my-custom-token")]);
    let (identity, frames) = served.awaited();
    assert_eq!(identity, b"peer");
    assert!(matches!(ZeroMqAnswer::decode(&frames[0]), Some(ZeroMqAnswer::Accepted(_))));
    let guessed = Instant::now();
    served.handler.handle_from(b"peer", LOCALHOST, &[&hello("wrong")]);
    assert_eq!(served.awaited().1, [ZeroMqAnswer::Refused(Refusal::Token).encode()]);
    assert!(guessed.elapsed() >= Duration::from_millis(100), "it is answered at once");
    let mut ping = Vec::new();
    Header::signal(OperationId::SESSION, Signal::Ping).encode(&mut ping);
    served.handler.handle_from(b"peer", LOCALHOST, &[&ping]);
    assert_eq!(served.awaited().1, [ZeroMqAnswer::Refused(Refusal::NoSession).encode()]);
}

#[test]
fn a_peer_that_asks_on_and_on_and_takes_no_answer_is_given_up() {
    const MEMORY: usize = 4 << 20;
    let mut served = Served::with(|options| options.session_memory = MEMORY as u64);
    for number in 0..100 {
        write(served.root(), &format!("{number:0200}"), "");
    }
    let list = Request::ListFiles { directory: Directory::new("/") }.encode();
    for _ in 0..400 {
        served.handler.handle(TOKEN, &[&b""[..], &list]);
    }
    let replies = served.replies(TOKEN);
    let bytes: usize = replies.iter().flatten().map(Vec::len).sum();
    assert!(bytes < MEMORY, "{bytes}");
    assert!(replies.contains(&vec![ZeroMqAnswer::Refused(Refusal::Malformed).encode()]));
    assert!(matches!(served.list("/"), Response::FilesListed(files) if files.len() == 100));
}
